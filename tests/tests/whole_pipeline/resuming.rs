//! Interrupts training runs, by killing the process or by signals that ask it to stop, and resumes them with the same
//! command. In the end such a run must equal one that was never interrupted: the same weights to the last
//! bit and the same numbers in `epochs.parquet`.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tests::programs::{program, succeed};
use tests::runs::{difference, hearing_hangups, train};

use crate::made::{config, folder, made};

/// Kills the baseline twice and resumes it; `trainer state` must say in between how far it is.
#[test]
fn a_killed_run_goes_on_to_the_same_bits() {
    let made = made();
    let whole = &made.runs[0];
    let runs = folder("resuming");
    let run = runs.join(whole.folder.file_name().unwrap());
    // What `trainer state` says of the run: absent, partial or finished.
    let state = || {
        let mut command = program("trainer");
        command.arg("state").arg("--config").arg(&whole.config);
        command
            .arg("--data")
            .arg(&made.data)
            .arg("--out")
            .arg(&runs);
        let said = succeed(&mut command).stdout;
        said.trim_end().split_once('\t').unwrap().1.to_owned()
    };
    assert_eq!(state(), "absent");
    // Starts the run, kills it as soon as `file` is there, and returns its state. After an epoch the table is written
    // before `resume.safetensors`: a run killed between the two loses the epoch, one killed after both keeps it.
    let kill_when_it_has = |file: &str| {
        let mut command = train(&whole.config, &made.data, &runs);
        let mut training = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let file = run.join(file);
        while !file.exists() && training.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        training.kill().unwrap();
        training.wait().unwrap();
        state()
    };
    // The run may end before it is killed, if this test is slowed down; then try again.
    loop {
        let states = ["epochs.parquet", "resume.safetensors"].map(kill_when_it_has);
        if states.iter().all(|state| state != "finished") {
            assert!(states[1].starts_with("partial "), "{states:?}");
            break;
        }
        fs_err::remove_dir_all(&runs).unwrap();
    }
    let done = succeed(&mut train(&whole.config, &made.data, &runs));
    assert!(
        done.stderr.contains("going on after epoch"),
        "{}",
        done.stderr
    );
    assert_eq!(Path::new(done.stdout.trim_end()), run);
    assert_eq!(state(), "finished");

    assert_same(&whole.folder, &run);
}

/// Asserts that an interrupted run ended like the uninterrupted one, `whole`.
fn assert_same(whole: &Path, run: &Path) {
    assert_eq!(difference(whole, run).unwrap(), None);
}

/// Starts the run again and again and sends it a signal in each of the first twelve attempts, each time 30 ms later
/// than in the attempt before. So the signals come while the program reads its data, in a step, between steps or in
/// validation. After each the program must save its step and exit with code 75.
#[test]
fn a_run_asked_to_stop_saves_its_step_and_goes_on_to_the_same_bits() {
    let made = made();
    let root = folder("stopping");
    let guidance = "\n[guidance]\nloss = \"energy\"\nlambda = 0.05\nannotated_fraction = 0.5\n";
    let text = config("stopped", "input", 2, "from = \"scratch\"", guidance);
    // Of 24 images in batches of 2, so twelve steps an epoch.
    let text = text.replace("batch_size = 8", "batch_size = 2");
    let file = root.join("run.toml");
    fs_err::write(&file, text).unwrap();
    let runs = root.join("whole");
    let whole = succeed(&mut train(&file, &made.data, &runs)).stdout;
    let runs = root.join("stopped");
    let mut stops = Vec::new();
    for attempt in 0..40u64 {
        let mut command = hearing_hangups(&train(&file, &made.data, &runs));
        let mut training = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(training.stderr.take().unwrap());
        // The program prints this line after it has begun to handle signals.
        let mut said = String::new();
        errors.read_line(&mut said).unwrap();
        assert!(said.starts_with("run "), "{said}");
        if attempt < 12 {
            std::thread::sleep(Duration::from_millis(30 * attempt));
            let signal = ["-INT", "-TERM", "-HUP", "-USR2"][attempt as usize % 4];
            let pid = training.id().to_string();
            succeed(Command::new("kill").args([signal, pid.as_str()]));
        }
        errors.read_to_string(&mut said).unwrap();
        let done = training.wait_with_output().unwrap();
        match done.status.code() {
            Some(75) => stops.push(said),
            Some(0) => {
                let run = String::from_utf8(done.stdout).unwrap();
                let within = stops.iter().filter(|said| is_within_an_epoch(said)).count();
                assert!(within > 1, "no stop between two steps:\n{}", stops.join(""));
                assert_same(Path::new(whole.trim_end()), Path::new(run.trim_end()));
                return;
            }
            code => panic!("exit code {code:?}: {said}"),
        }
    }
    panic!("did not end:\n{}", stops.join(""));
}

/// Whether a message like "stopped in epoch 1 after step 3 of 5" names a step between 0 and the last one.
fn is_within_an_epoch(said: &str) -> bool {
    let numbers = said.split("after step ").nth(1).unwrap_or_default();
    let mut numbers = numbers
        .split([' ', ':'])
        .filter_map(|word| word.parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(done), Some(of)) if 0 < done && done < of)
}
