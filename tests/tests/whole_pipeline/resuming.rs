//! A run whose process was killed, twice, ends as the one that was left alone: the same weights to the
//! last bit and the same numbers in `epochs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tests::programs::{program, succeed};
use tests::tables::read;

use crate::made::{folder, made, train};

/// A safetensors file: its header as values, and the tensors' bytes. The header's text is not
/// compared: the order of its metadata says nothing.
fn checkpoint(path: &Path) -> (serde_json::Value, Vec<u8>) {
    let bytes = fs_err::read(path).unwrap();
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
    let (header, tensors) = rest.split_at(length);
    (serde_json::from_slice(header).unwrap(), tensors.to_vec())
}

fn checkpoints(run: &Path) -> BTreeMap<String, (serde_json::Value, Vec<u8>)> {
    let entries = fs_err::read_dir(run.join("checkpoints")).unwrap();
    let named = entries.map(|entry| {
        let entry = entry.unwrap();
        (
            entry.file_name().into_string().unwrap(),
            checkpoint(&entry.path()),
        )
    });
    named.collect()
}

#[test]
fn a_killed_run_goes_on_to_the_same_bits() {
    let made = made();
    let whole = &made.runs[0];
    let runs = folder("resuming");
    let run = runs.join(whole.folder.file_name().unwrap());
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
    // The first epoch's table comes before its weights: killed between the two, the epoch is lost,
    // killed after them, it is kept.
    for (file, expected) in [
        ("epochs.parquet", ["absent", "partial 1"]),
        ("resume.safetensors", ["partial 1", "partial 2"]),
    ] {
        let mut command = train(&whole.config, &made.data, &runs);
        let mut training = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let file = run.join(file);
        while !file.exists() {
            assert!(
                training.try_wait().unwrap().is_none(),
                "ended before {}",
                file.display()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        training.kill().unwrap();
        training.wait().unwrap();
        let found = state();
        assert!(expected.contains(&found.as_str()), "{found}");
    }
    let done = succeed(&mut train(&whole.config, &made.data, &runs));
    assert!(
        done.stderr.contains("going on after epoch"),
        "{}",
        done.stderr
    );
    assert_eq!(Path::new(done.stdout.trim_end()), run);
    assert_eq!(state(), "finished");

    let (expected, found) = (checkpoints(&whole.folder), checkpoints(&run));
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    for (name, (header, tensors)) in &expected {
        assert_eq!(&found[name].0, header, "{name}");
        // Not assert_eq: it would print the weights.
        assert!(&found[name].1 == tensors, "{name}: other weights");
    }
    let epochs = |run: &Path| read(&run.join("epochs.parquet")).unwrap().rows;
    let (expected, found) = (epochs(&whole.folder), epochs(&run));
    for field in expected.schema().fields() {
        if !["seconds", "images_per_second"].contains(&field.name().as_str()) {
            let column = |rows: &arrow::array::RecordBatch| {
                rows.column_by_name(field.name()).unwrap().clone()
            };
            assert_eq!(&column(&found), &column(&expected), "{}", field.name());
        }
    }
}
