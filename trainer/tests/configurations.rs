//! Tests a training run's identity and what is recorded of it: which options change the run id and the configuration
//! hash (which runs share that differ only in λ and seed; `trainer select` takes runs of one configuration), notes
//! about the weights that a run begins from, the recorded precision, the order of rows, bounds on threads.
#![allow(clippy::unwrap_used)]

#[path = "support/pictures.rs"]
mod pictures;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use arrow::array::StringArray;
use data_prep::dataset::Dataset;
use data_prep::table::{column, read_table};
use evaluator::evaluate::PREDICTIONS;
use pictures::{Picture, open, pictures, write_of};
use tch::{Device, Kind};
use trainer::explain::explanations;
use trainer::explain::methods::ixg::IXG;
use trainer::names::{Layer, Precision};
use trainer::network::Model;
use trainer::run::config::RunConfig;
use trainer::run::resolved::ResolvedRun;
use trainer::run::schema;

const GUIDANCE: &str = "[guidance]\nloss = \"energy\"\nlambda = 0.5\n";
const SCRATCH: &str = "from = \"scratch\"\n";

/// Writes `run.toml` in `dir`. The options `top` replace the usual ones of the same name or are added to them.
fn config(dir: &Path, top: &str, init: &str, guidance: &str) -> PathBuf {
    let file = dir.join("run.toml");
    let or = |key: &str, usual: &str| match top.contains(key) {
        true => String::new(),
        false => format!("{key} = {usual}\n"),
    };
    let usual = [
        or("backbone", "\"xdnn_resnet18\""),
        or("attribution", "\"ixg\""),
        or("layer", "\"final\""),
        or("epochs", "1"),
        or("learning_rate", "1e-3"),
        or("batch_size", "8"),
        or("name", "\"x\""),
    ];
    let text = format!("{}{top}\n[init]\n{init}{guidance}", usual.concat());
    std::fs::write(&file, text).unwrap();
    file
}

fn resolved(top: &str, init: &str, guidance: &str) -> ResolvedRun {
    let dir = tempfile::tempdir().unwrap();
    let config = RunConfig::read(&config(dir.path(), top, init, guidance)).unwrap();
    let dataset = open("waterbirds-100", &pictures("train", 2));
    let dataset = dataset.with_task(config.task).unwrap();
    ResolvedRun::new(config, &dataset).unwrap()
}

/// Every option but the name changes the run id. Every option but name, λ and seed changes the configuration's hash.
#[test]
fn every_option_but_the_name_names_another_run() {
    let energy_area = |exponent: &str| {
        let loss = format!("{{ name = \"energy_area\", exponent = {exponent} }}");
        GUIDANCE.replace("\"energy\"", &loss)
    };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("w.safetensors");
    std::fs::write(&file, "any").unwrap();
    let weights = format!("from = \"weights\"\nfile = {file:?}\n");
    let others = [
        resolved("", SCRATCH, GUIDANCE),
        resolved("", SCRATCH, ""),
        resolved("", &weights, GUIDANCE),
        resolved("backbone = \"xdnn_resnet50\"", SCRATCH, GUIDANCE),
        resolved("attribution = \"gradcam\"", SCRATCH, GUIDANCE),
        resolved("layer = \"mid1\"", SCRATCH, GUIDANCE),
        resolved("task = \"reversed\"", SCRATCH, GUIDANCE),
        resolved("augmentation = \"crop_flip\"", SCRATCH, GUIDANCE),
        resolved("epochs = 3", SCRATCH, GUIDANCE),
        resolved("learning_rate = 2e-3", SCRATCH, GUIDANCE),
        resolved("batch_size = 9", SCRATCH, GUIDANCE),
        resolved("micro_batch = 4", SCRATCH, GUIDANCE),
        resolved("precision = \"bf16\"", SCRATCH, GUIDANCE),
        resolved("on_non_finite = \"skip\"", SCRATCH, GUIDANCE),
        resolved("", SCRATCH, &GUIDANCE.replace("energy", "l1")),
        resolved("", SCRATCH, &energy_area("0.5")),
        resolved("", SCRATCH, &energy_area("0.25")),
        resolved(
            "",
            SCRATCH,
            &format!("{GUIDANCE}annotation = \"segmentation\"\n"),
        ),
        resolved(
            "",
            SCRATCH,
            &format!("{GUIDANCE}annotated_fraction = 0.5\n"),
        ),
        resolved("", SCRATCH, &format!("{GUIDANCE}dilation = 0.5\n")),
    ];
    let configuration = |run: &ResolvedRun| run.configuration(run.config.precision);
    let ids: BTreeSet<&str> = others.iter().map(|run| run.run_id.as_str()).collect();
    let configurations: BTreeSet<String> = others.iter().map(configuration).collect();
    assert_eq!(
        (ids.len(), configurations.len()),
        (others.len(), others.len())
    );
    for hash in ids
        .iter()
        .copied()
        .chain(configurations.iter().map(String::as_str))
    {
        assert!(
            hash.len() == 12 && hash.chars().all(|c| c.is_ascii_hexdigit()),
            "{hash}"
        );
    }

    let [usual, ..] = &others;
    for (top, guidance) in [
        ("seed = 1", GUIDANCE.to_owned()),
        ("", GUIDANCE.replace("0.5", "0.25")),
    ] {
        let run = resolved(top, SCRATCH, &guidance);
        assert_eq!(configuration(&run), configuration(usual), "{top}{guidance}");
        assert_ne!(run.run_id, usual.run_id, "{top}{guidance}");
    }
    for (top, guidance) in [
        ("name = \"y\"", GUIDANCE.to_owned()),
        (
            "task = \"conventional\"\naugmentation = \"none\"\nprecision = \"f32\"\nseed = 0",
            format!("{GUIDANCE}annotation = \"box\"\nannotated_fraction = 1.0\ndilation = 0.0\n"),
        ),
    ] {
        let run = resolved(top, SCRATCH, &guidance);
        assert_eq!(run.run_id, usual.run_id, "{top}{guidance}");
        assert_eq!(configuration(&run), configuration(usual));
    }
    // A CPU has no tf32 and computes in f32: then it counts as the configuration in f32.
    let asked = resolved("precision = \"tf32\"", SCRATCH, GUIDANCE);
    assert_ne!(asked.run_id, usual.run_id);
    assert_eq!(asked.configuration(Precision::F32), configuration(usual));
    assert_ne!(configuration(&asked), configuration(usual));
}

/// What a program printed, and its exit code.
struct Said {
    out: String,
    err: String,
    code: Option<i32>,
}

/// Runs the trainer with `args` and then a flag and a path for each of `paths`; an empty flag is left out.
fn trainer(args: &[&str], paths: &[(&str, &Path)]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.args(args);
    for (flag, path) in paths {
        if !flag.is_empty() {
            command.arg(flag);
        }
        command.arg(path);
    }
    let output = command.output().unwrap();
    Said {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

/// A temporary folder with data folders and runs.
struct Sandbox {
    dir: tempfile::TempDir,
}

const CPU: [&str; 4] = ["--device", "cpu", "--threads", "1"];

impl Sandbox {
    fn new() -> Sandbox {
        let sandbox = Sandbox {
            dir: tempfile::tempdir().unwrap(),
        };
        sandbox.data("data", "0123", &["landbird", "waterbird"]);
        sandbox
    }

    /// Writes a data folder of the data set `name`.
    fn data(&self, name: &str, inputs: &str, classes: &[&str]) -> PathBuf {
        let mut all: Vec<Picture> = pictures("train", 8);
        all.extend(pictures("val", 4));
        all.extend(pictures("test", 6));
        write_of(&self.dir.path().join(name), (name, inputs), classes, &all)
    }

    /// Trains a run on the data folder `data`; returns the run's folder and the program's standard error.
    fn train(&self, data: &str, top: &str, init: &str, guidance: &str) -> (PathBuf, String) {
        let config = config(self.dir.path(), top, init, guidance);
        let (data, runs) = (self.dir.path().join(data), self.dir.path().join("runs"));
        let paths: [(&str, &Path); 3] =
            [("--config", &config), ("--data", &data), ("--out", &runs)];
        let said = trainer(&[&["train"][..], &CPU[..]].concat(), &paths);
        assert_eq!(said.code, Some(0), "{}", said.err);
        (PathBuf::from(said.out.trim_end()), said.err)
    }
}

fn from_run(folder: &Path) -> String {
    format!("from = \"run\"\nfolder = {folder:?}\n")
}

/// Returns a text column of a run's `run.parquet`.
fn cell(run: &Path, name: &str) -> String {
    let (_, table) = read_table(run.join("run.parquet"), &schema::RUN).unwrap();
    column::<StringArray>(&table, name).value(0).to_owned()
}

/// Guided runs of two seeds, each begun from the baseline (unguided run) of its seed, share one configuration. With
/// any run of another configuration beside them, `select` refuses and says what differs.
#[test]
fn runs_of_one_configuration_alone_are_selected_from() {
    let sandbox = Sandbox::new();
    let guided = |top: &str, baseline: &Path, lambda: &str| {
        let guidance = GUIDANCE.replace("0.5", lambda);
        sandbox.train("data", top, &from_run(baseline), &guidance).0
    };
    let baselines = ["seed = 0", "seed = 1"].map(|seed| sandbox.train("data", seed, SCRATCH, "").0);
    let [first, second] = &baselines;
    assert_eq!(cell(first, "configuration"), cell(second, "configuration"));
    let longer = sandbox.train("data", "epochs = 2", SCRATCH, "").0;
    assert_ne!(cell(first, "configuration"), cell(&longer, "configuration"));
    let runs = [
        guided("seed = 0", first, "0.5"),
        guided("seed = 0", first, "0.25"),
        guided("seed = 1", second, "0.5"),
    ];
    let configurations = runs.each_ref().map(|run| cell(run, "configuration"));
    assert_eq!(configurations, [(); 3].map(|()| configurations[0].clone()));
    assert_ne!(configurations[0], cell(first, "configuration"));

    let select = |runs: &[&Path]| {
        let paths: Vec<(&str, &Path)> = runs.iter().map(|run| ("", *run)).collect();
        trainer(&["select"], &paths)
    };
    let [own, other, seed] = &runs;
    let said = select(&[own, other, seed]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.lines().count() >= 1, "{}", said.out);

    for (run, field) in [
        (
            guided("learning_rate = 2e-3", first, "0.5"),
            "learning_rate: found 0.002, expected 0.001",
        ),
        (
            guided("layer = \"mid3\"", first, "0.5"),
            "layer: found mid3, expected final",
        ),
        (
            guided("micro_batch = 4", first, "0.5"),
            "init, micro_batch or on_non_finite: found ",
        ),
        (
            guided("", &longer, "0.5"),
            "init, micro_batch or on_non_finite: found ",
        ),
        (
            sandbox.train("data", "", SCRATCH, GUIDANCE).0,
            "init: found scratch, expected run:",
        ),
    ] {
        let said = select(&[own, other, &run]);
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(2), ""),
            "{}",
            said.err
        );
        let start = format!("error: {}: {field}", run.display());
        assert!(said.err.starts_with(&start), "{} for {start}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{}", said.err);
        assert!(
            said.err.contains(&own.display().to_string()),
            "{}",
            said.err
        );
    }
    let said = select(&[own, first]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("found an unguided one among several"),
        "{}",
        said.err
    );
}

/// A run keeps the head of the run it begins from only if its classes are the same in the same order. If the other
/// run was trained on other data or for another task, the program says that it is no baseline to compare with.
#[test]
fn what_a_run_begins_from_is_held_against_the_data() {
    let sandbox = Sandbox::new();
    let (baseline, said) = sandbox.train("data", "", SCRATCH, "");
    assert!(
        !said.contains("note:") && !said.contains("warning:"),
        "{said}"
    );
    let from = from_run(&baseline);
    let begin = |data: &str, top: &str, guidance: &str| sandbox.train(data, top, &from, guidance).1;
    let said = begin("data", "", GUIDANCE);
    assert!(
        !said.contains("note:") && !said.contains("warning:"),
        "{said}"
    );

    sandbox.data("same", "4567", &["landbird", "waterbird"]);
    sandbox.data("turned", "89ab", &["waterbird", "landbird"]);
    sandbox.data("more", "cdef", &["landbird", "waterbird", "seabird"]);
    let id = baseline.file_name().unwrap().to_str().unwrap().to_owned();
    let others = |inputs: &str| {
        format!(
            " begins from run {id}, which was trained on other data (data, inputs 0123; here {inputs})"
        )
    };
    for (data, inputs, head) in [
        ("same", "same, inputs 4567", None),
        (
            "turned",
            "turned, inputs 89ab",
            Some("2 classes (waterbird, landbird)"),
        ),
        (
            "more",
            "more, inputs cdef",
            Some("3 classes (landbird, waterbird, seabird)"),
        ),
    ] {
        for guidance in &["", GUIDANCE][usize::from(head.is_some())..] {
            let said = begin(data, "seed = 3", guidance);
            let is_guided = said.contains(": no baseline to compare this guided run with\n");
            assert!(said.contains(&others(inputs)), "{said}");
            assert_eq!(is_guided, !guidance.is_empty(), "{said}");
            assert_eq!(said.contains("the head is new"), head.is_some(), "{said}");
            if let Some(own) = head {
                let expected = format!("the head is new, for {own}: ");
                assert!(said.contains(&expected), "{said}");
                assert!(
                    said.contains("has one for 2 classes (landbird, waterbird)\n"),
                    "{said}"
                );
            }
        }
    }

    // The reversed task (background instead of bird) has as many classes, but others.
    sandbox.data("waterbirds-100", "0123", &["landbird", "waterbird"]);
    let said = sandbox
        .train("waterbirds-100", "task = \"reversed\"", &from, GUIDANCE)
        .1;
    assert!(
        said.contains("the head is new, for 2 classes (land, water): "),
        "{said}"
    );
    assert!(
        said.contains("which was trained for the conventional task (here reversed): no"),
        "{said}"
    );
}

#[test]
fn weights_of_other_classes_leave_the_head_new() {
    let sandbox = Sandbox::new();
    let (baseline, _) = sandbox.train("data", "", SCRATCH, "");
    let file = sandbox.dir.path().join("exported.safetensors");
    let said = trainer(&["export"], &[("--run", &baseline), ("--out", &file)]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    sandbox.data("turned", "89ab", &["waterbird", "landbird"]);
    sandbox.data("more", "cdef", &["landbird", "waterbird", "seabird"]);
    // Imported weights carry no class names: only the number of classes can be compared.
    let imported = sandbox.dir.path().join("imported.safetensors");
    let asked = ["import", "--backbone", "xdnn_resnet18"];
    let said = trainer(&asked, &[("", &file), ("--out", &imported)]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    for (weights, data, expected) in [
        (&file, "data", None),
        (
            &file,
            "turned",
            Some("has one for 2 classes (landbird, waterbird)\n"),
        ),
        (
            &file,
            "more",
            Some("has one for 2 classes (landbird, waterbird)\n"),
        ),
        (&imported, "data", None),
        (&imported, "turned", None),
        (&imported, "more", Some("has one for 2 classes\n")),
    ] {
        let init = format!("from = \"weights\"\nfile = {weights:?}\n");
        let said = sandbox.train(data, "seed = 4", &init, "").1;
        assert!(!said.contains("warning:"), "{said}");
        match expected {
            None => assert!(!said.contains("head"), "{said}"),
            Some(expected) => {
                assert!(
                    said.contains("note: run ") && said.contains(expected),
                    "{said}"
                );
            }
        }
    }
}

/// A CPU has no TF32: the program says so once, and every table and stream records f32, which was computed.
#[test]
fn tf32_on_a_cpu_is_recorded_as_f32() {
    let sandbox = Sandbox::new();
    let (asked, said) = sandbox.train("data", "precision = \"tf32\"", SCRATCH, "");
    let note = "note: cpu has no tf32: computed, and recorded, in f32\n";
    assert_eq!(said.matches(note).count(), 1, "{said}");
    let (plain, said) = sandbox.train("data", "", SCRATCH, "");
    assert!(!said.contains("tf32"), "{said}");
    assert_ne!(asked, plain);
    for name in ["precision", "configuration"] {
        assert_eq!(cell(&asked, name), cell(&plain, name), "{name}");
    }
    assert_eq!(cell(&asked, "precision"), "f32");

    let data = sandbox.dir.path().join("data");
    let dataset = Dataset::open(&data).unwrap();
    let (maps, logits) = (
        sandbox.dir.path().join("m.arrow"),
        sandbox.dir.path().join("p.parquet"),
    );
    let mut rows = Vec::new();
    for (flags, expected, size) in [
        (&[][..], "f32", "32"),
        (
            &["--precision", "tf32", "--batch-size", "4"][..],
            "f32",
            "4",
        ),
        (&["--precision", "bf16", "--memory", "0"][..], "bf16", "1"),
    ] {
        let args = [&["explain"][..], flags, &CPU[..]].concat();
        let paths: [(&str, &Path); 4] = [
            ("--run", &asked),
            ("--data", &data),
            ("--maps", &maps),
            ("--predictions", &logits),
        ];
        let said = trainer(&args, &paths);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let n_notes = usize::from(flags.contains(&"tf32"));
        assert_eq!(said.err.matches(note).count(), n_notes, "{}", said.err);
        let fewer = "note: maps are made of 1 image(s) at a time, not 32: ";
        let is_short = flags.contains(&"--memory");
        assert_eq!(said.err.contains(fewer), is_short, "{}", said.err);
        let (origin, table) = read_table(&logits, &PREDICTIONS).unwrap();
        assert_eq!(origin.get("guidance.batch_size"), Some(size));
        let precisions = column::<StringArray>(&table, "precision");
        assert!(
            precisions
                .iter()
                .all(|precision| precision == Some(expected))
        );
        let source = maps.to_str().unwrap().parse().unwrap();
        let mut reader = evaluator::maps::MapReader::open(&source).unwrap();
        let columns = reader.run_columns();
        assert_eq!(columns.precision.as_deref(), Some(expected));
        assert_eq!(
            columns.batch_size.map(|size| size.to_string()).as_deref(),
            Some(size)
        );
        let found = reader.next_rows().unwrap();
        let keys = found.iter().map(|row| (row.image_id.clone(), row.class_id));
        rows.push(keys.collect::<Vec<_>>());
    }
    // Each image has one label, so one row, in the same order whatever the batch size.
    assert_eq!(
        rows[0].len(),
        dataset.indices(data_prep::dataset::Split::Test).len()
    );
    assert!(rows.iter().all(|keys| *keys == rows[0]));
}

/// Pairs (image, class) come ordered by the image's number of labels, then by image, whatever the batch size.
#[test]
fn pairs_are_in_the_order_of_images_and_labels_whatever_the_batches() {
    let mut dataset = open("waterbirds-100", &pictures("val", 7));
    for (index, image) in dataset.images.iter_mut().enumerate() {
        image.labels = match index % 3 {
            0 => vec![0, 1],
            1 => vec![1],
            _ => vec![],
        };
    }
    let model = Model::new(
        "xdnn_resnet18".parse().unwrap(),
        2,
        0,
        Device::Cpu,
        Kind::Float,
    )
    .unwrap();
    let all: Vec<usize> = (0..7).collect();
    for size in [1, 2, 3, 4, 32] {
        let mut found = Vec::new();
        for batch in explanations::batches(&dataset, &all, size) {
            let (ixg, layer) = (IXG, Layer::Final);
            let explained =
                explanations::explain(&model, &dataset, (&batch, None), ixg, layer).unwrap();
            assert_eq!(explained.images, batch);
            found.extend(
                explained
                    .pairs
                    .iter()
                    .map(|pair| (pair.image, pair.class_id)),
            );
        }
        let expected = [
            (1, 1),
            (4, 1),
            (0, 0),
            (0, 1),
            (3, 0),
            (3, 1),
            (6, 0),
            (6, 1),
        ];
        assert_eq!(found, expected, "batches of {size}");
    }
}

/// `--threads` bounds the threads of every library (OpenMP, rayon) and overrides the environment.
#[test]
fn threads_are_bounded_in_every_library() {
    let sandbox = Sandbox::new();
    let config = config(
        sandbox.dir.path(),
        "augmentation = \"crop_flip\"",
        SCRATCH,
        GUIDANCE,
    );
    let most = |command: &mut Command| {
        command
            .env("OMP_NUM_THREADS", "24")
            .env("RAYON_NUM_THREADS", "24");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = command.spawn().unwrap();
        let tasks = format!("/proc/{}/task", program.id());
        let mut most = 0;
        while program.try_wait().unwrap().is_none() {
            let count = std::fs::read_dir(&tasks).map_or(0, Iterator::count);
            most = most.max(count);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let output = program.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        (most, String::from_utf8(output.stdout).unwrap())
    };
    let program = || Command::new(env!("CARGO_BIN_EXE_trainer"));
    let root = sandbox.dir.path();
    let (data, runs) = (root.join("data"), root.join("runs"));
    let train = |flags: &[&str]| {
        let mut train = program();
        train
            .arg("train")
            .arg("--config")
            .arg(&config)
            .arg("--out")
            .arg(&runs);
        most(train.arg("--data").arg(&data).args(flags))
    };
    let (bounded, run) = train(&CPU);
    // The main thread, the one that prepares images, and a few that libtorch and the system keep idle.
    assert!(bounded <= 6, "{bounded} threads");
    let run = PathBuf::from(run.trim_end());
    let mut explain = program();
    explain
        .arg("explain")
        .arg("--run")
        .arg(&run)
        .arg("--data")
        .arg(&data);
    explain.arg("--maps").arg(root.join("m.arrow"));
    let (bounded, _) = most(explain.args(CPU));
    assert!(bounded <= 6, "{bounded} threads");
    // Without the flag the environment's 24 are used: so the count above does see such threads.
    std::fs::remove_dir_all(&run).unwrap();
    let (free, _) = train(&["--device", "cpu"]);
    assert!(free > 12, "{free} threads");

    for wrong in ["0", "-1", "x"] {
        let paths: [(&str, &Path); 3] =
            [("--config", &config), ("--data", &data), ("--out", &runs)];
        let said = trainer(&["train", &format!("--threads={wrong}")], &paths);
        assert_eq!(said.code, Some(2), "{wrong}");
        assert!(said.err.contains("'--threads <N>'"), "{}", said.err);
    }
}
