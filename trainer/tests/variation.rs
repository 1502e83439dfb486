//! Tests what a training run may vary beside the paper's training (docs/SPEC.md C.3, E.1): learning rates and
//! colour jitter against recordings of PyTorch and torchvision, early stopping, the ids of varied runs, and that
//! each variation changes the trained weights. `adam.rs` tests the optimizers.
#![allow(clippy::unwrap_used)]

#[path = "support/pictures.rs"]
mod pictures;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow::array::{Float64Array, Int32Array, Int64Array, StringArray};
use data_prep::table::{column, read_table};
use pictures::{open, pictures, write};
use support::tensors;
use tch::{Kind, Tensor};
use trainer::guide::color_jitter::{self, ColorJitter, Drawn};
use trainer::run::config::RunConfig;
use trainer::run::finished::FinishedRun;
use trainer::run::resolved::ResolvedRun;
use trainer::run::schema;
use trainer::train::schedule::LearningRates;

/// A `run.toml`, the configuration of a run, with the further lines `top` and `tables`.
fn text(top: &str, tables: &str) -> String {
    let or = |key: &str, usual: &str| match top.contains(&format!("{key} = ")) {
        true => String::new(),
        false => format!("{key} = {usual}\n"),
    };
    let usual = or("learning_rate", "1e-3") + &or("epochs", "1") + &or("batch_size", "8");
    format!(
        "name = \"x\"\nbackbone = \"xdnn_resnet18\"\nattribution = \"ixg\"\nlayer = \"final\"\n{usual}{top}\n\
         {tables}\n[init]\nfrom = \"scratch\"\n[guidance]\nloss = \"energy\"\nlambda = 0.5\n"
    )
}

fn config(top: &str, tables: &str) -> RunConfig {
    toml::from_str(&text(top, tables)).unwrap()
}

/// The rate of every step of every recorded schedule, named `schedule.warmup.steps`. One image is one step, and one
/// epoch has all steps.
#[test]
fn learning_rates_are_pytorchs() {
    let recorded = tensors("schedule/schedule.safetensors");
    assert_eq!(recorded.len(), 7);
    for (name, expected) in recorded {
        let expected = Vec::<f64>::try_from(expected).unwrap();
        let [schedule, warmup, steps] = name.split('.').collect::<Vec<_>>()[..] else {
            panic!("{name}")
        };
        let warmup = match warmup {
            "0" => String::new(),
            steps => format!("warmup_steps = {steps}\n"),
        };
        let top =
            format!("schedule = \"{schedule}\"\n{warmup}batch_size = 1\nlearning_rate = 3e-4");
        let rates = LearningRates::new(&config(&top, ""), steps.parse().unwrap());
        assert_eq!(
            (rates.steps(), expected.len()),
            (expected.len(), rates.steps())
        );
        for (step, expected) in expected.iter().enumerate() {
            let found = rates.learning_rate(step);
            assert!((found - expected).abs() < 1e-12, "{name} {step}: {found}");
        }
    }
    // Without warm-up and schedule it is the configured number itself.
    let rates = LearningRates::new(&config("", ""), 10);
    assert_eq!(rates.learning_rate(7), 1e-3);
}

#[test]
fn epochs_of_warm_up_are_their_steps() {
    // 20 images in batches of 8 are 3 steps.
    let of = |top: &str| LearningRates::new(&config(&format!("epochs = 4\n{top}"), ""), 20);
    let (steps, epochs) = (of("warmup_steps = 6"), of("warmup_epochs = 2"));
    assert_eq!((steps.warmup(), epochs.warmup()), (6, 6));
    for step in 0..12 {
        assert_eq!(steps.learning_rate(step), epochs.learning_rate(step));
    }
    assert_eq!(epochs.in_epoch(2, 1), epochs.learning_rate(3));
    assert_eq!(epochs.at_end_of(1), epochs.learning_rate(2));
}

/// Each operation with several factors, and all four operations in each of their 24 orders, on images of noise, of
/// gray, of black and white, and of pure colours.
#[test]
fn colour_jitter_is_torchvisions() {
    let recorded = tensors("color_jitter/color_jitter.safetensors");
    let images = recorded["images"].permute([0, 2, 3, 1]);
    let images = images.to_kind(Kind::Float) / 255.0;
    let n = images.size()[0] as usize;
    let check = |found: &Tensor, expected: &Tensor, what: &str| {
        let found = found.permute([0, 3, 1, 2]);
        assert_eq!(found.size(), expected.size());
        let off = (found - expected).abs().max().double_value(&[]);
        assert!(off <= 1e-6, "{what}: off by {off}");
    };
    for (operation, name) in ["brightness", "contrast", "saturation", "hue"]
        .iter()
        .enumerate()
    {
        let factors = Vec::<f64>::try_from(&recorded[&format!("{name}.factors")]).unwrap();
        for (index, factor) in factors.into_iter().enumerate() {
            let mut drawn = Drawn {
                factors: [1.0, 1.0, 1.0, 0.0],
                order: [0, 1, 2, 3],
            };
            drawn.factors[operation] = factor;
            let found = color_jitter::apply(&images, &vec![drawn; n]).unwrap();
            check(
                &found,
                &recorded[&format!("{name}.{index}")],
                &format!("{name} {factor}"),
            );
        }
    }
    let (orders, factors) = (&recorded["jitter.order"], &recorded["jitter.factors"]);
    let rows = orders.size()[0];
    let drawn: Vec<Drawn> = (0..rows)
        .map(|row| Drawn {
            factors: std::array::from_fn(|i| factors.double_value(&[row, i as i64])),
            order: std::array::from_fn(|i| orders.int64_value(&[row, i as i64]) as usize),
        })
        .collect();
    let rows = Tensor::from_slice(&(0..rows).map(|row| row % n as i64).collect::<Vec<_>>());
    let found = color_jitter::apply(&images.index_select(0, &rows), &drawn).unwrap();
    check(&found, &recorded["jittered"], "all orders");
}

/// Drawn twice it is the same. Over many images factors lie in their bounds with the mean in the middle, and all
/// orders are as frequent. With another seed, epoch or image it differs.
#[test]
fn jitter_is_drawn_from_seed_epoch_and_image_alone() {
    let jitter = ColorJitter {
        brightness: 1.5,
        contrast: 0.4,
        saturation: 0.0,
        hue: 0.1,
    };
    let bounds = [(0.0, 2.5), (0.6, 1.4), (1.0, 1.0), (-0.1, 0.1)];
    let n = 4800;
    let mut orders: BTreeMap<[usize; 4], usize> = BTreeMap::new();
    let mut means = [0.0; 4];
    for image in 0..n {
        let drawn = jitter.draw(7, 2, &image.to_string());
        assert_eq!(drawn, jitter.draw(7, 2, &image.to_string()));
        for ((factor, (low, high)), mean) in drawn.factors.iter().zip(bounds).zip(&mut means) {
            assert!((low..=high).contains(factor), "{factor}");
            *mean += factor / f64::from(n);
        }
        *orders.entry(drawn.order).or_default() += 1;
    }
    for (mean, (low, high)) in means.iter().zip(bounds) {
        assert!(
            (mean - (low + high) / 2.0).abs() <= 0.02 * (high - low) + 1e-9,
            "{mean}"
        );
    }
    // 4,800 images / 24 orders = 200 each, with a standard deviation of 14: five of them are allowed.
    assert_eq!(orders.len(), 24);
    assert!(
        orders.values().all(|count| (130..270).contains(count)),
        "{orders:?}"
    );
    let first = jitter.draw(0, 1, "a");
    for other in [(0, 2, "a"), (0, 1, "b"), (1, 1, "a")] {
        assert_ne!(first, jitter.draw(other.0, other.1, other.2));
    }
}

/// Options given with their default value change nothing. Every other value gives another run id and another
/// configuration hash.
#[test]
fn varied_runs_have_ids_of_their_own() {
    let dataset = open("waterbirds-100", &pictures("train", 2));
    let hashes = |top: &str, tables: &str| {
        let run = ResolvedRun::new(config(top, tables), &dataset).unwrap();
        let configuration = run.configuration(run.config.precision);
        [run.run_id, configuration]
    };
    let usual = hashes("", "");
    let unchanged = "optimizer = \"adam\"\nweight_decay = 0.0\nschedule = \"constant\"";
    assert_eq!(hashes(unchanged, ""), usual);
    let adamw = hashes("optimizer = \"adamw\"", "");
    let defaults = "optimizer = \"adamw\"\nweight_decay = 0.01";
    assert_eq!(hashes(defaults, ""), adamw, "PyTorch's default");
    let f1 = "[early_stopping]\nmetric = \"f1\"\npatience = 3";
    let others = [
        usual,
        adamw,
        hashes("optimizer = \"adamw\"\nweight_decay = 0.02", ""),
        hashes("weight_decay = 0.01", ""),
        hashes("schedule = \"cosine\"", ""),
        hashes("epochs = 2\nwarmup_steps = 1", ""),
        hashes("epochs = 2\nwarmup_epochs = 1", ""),
        hashes("", f1),
        hashes("", &f1.replace('3', "4")),
        hashes("", &f1.replace("f1", "epg")),
        hashes("", "[color_jitter]\nhue = 0.1"),
        hashes("", "[color_jitter]\nbrightness = 0.1"),
    ];
    let different: BTreeSet<&String> = others.iter().flatten().collect();
    assert_eq!(different.len(), 2 * others.len());
}

/// A folder with a data folder and runs.
struct Sandbox(tempfile::TempDir);

impl Sandbox {
    fn new() -> Sandbox {
        let dir = tempfile::tempdir().unwrap();
        let mut all = pictures("train", 16);
        all.extend(pictures("val", 4));
        all.extend(pictures("test", 4));
        write(&dir.path().join("data"), "scenes", &all);
        Sandbox(dir)
    }

    /// Runs the trainer, which must succeed; returns its stdout and stderr.
    fn trainer(&self, command: &str, paths: &[(&str, &Path)]) -> (String, String) {
        let mut trainer = Command::new(env!("CARGO_BIN_EXE_trainer"));
        trainer.arg(command);
        for (flag, path) in paths {
            trainer.args((!flag.is_empty()).then_some(flag)).arg(path);
        }
        if command == "train" {
            trainer.args(["--device", "cpu", "--threads", "1"]);
        }
        let output = trainer.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{command}: {said}");
        (String::from_utf8(output.stdout).unwrap(), said)
    }

    /// Trains a run; returns its folder and what was said.
    fn train(&self, top: &str, tables: &str) -> (PathBuf, String) {
        let file = self.0.path().join("run.toml");
        fs_err::write(&file, text(top, tables)).unwrap();
        let (data, runs) = (self.0.path().join("data"), self.0.path().join("runs"));
        let paths: [(&str, &Path); 3] = [("--config", &file), ("--data", &data), ("--out", &runs)];
        let (printed, said) = self.trainer("train", &paths);
        let (state, _) = self.trainer("state", &paths);
        assert!(state.ends_with("\tfinished\n"), "{state}");
        (PathBuf::from(printed.trim_end()), said)
    }
}

/// Every variation ends in other weights than the plain run and all others, and `run.parquet` records its options.
#[test]
fn every_variation_is_trained_and_recorded() {
    let sandbox = Sandbox::new();
    let weights = |run: &Path| {
        let run = FinishedRun::open(run).unwrap();
        let last = run.epochs.last().unwrap().epoch;
        assert_eq!(last, 2);
        let file = run.checkpoint_file(run.best_f1_epoch).unwrap();
        let (tensors, _) = trainer::weights::checkpoint::load(&file).unwrap();
        let (name, tensor) = &tensors[0];
        (
            name.clone(),
            Vec::<f32>::try_from(tensor.flatten(0, -1)).unwrap(),
        )
    };
    let texts = ["optimizer", "schedule", "early_stopping", "color_jitter"];
    let plain = ["adam", "constant", "none", "none"];
    let two = "epochs = 2\n";
    let mut seen = Vec::new();
    // The options, and what the run's table then has in the columns `texts`, as weight decay and as warm-up steps.
    for (top, tables, told, decay, warmup) in [
        ("", "", plain, 0.0, 0),
        ("weight_decay = 0.1", "", plain, 0.1, 0),
        (
            "optimizer = \"adamw\"\nweight_decay = 0.1",
            "",
            ["adamw", "constant", "none", "none"],
            0.1,
            0,
        ),
        (
            "schedule = \"cosine\"\nwarmup_epochs = 1",
            "",
            ["adam", "cosine", "none", "none"],
            0.0,
            2,
        ),
        (
            "",
            "[color_jitter]\nbrightness = 0.4\nhue = 0.1",
            ["adam", "constant", "none", "brightness=0.4, hue=0.1"],
            0.0,
            0,
        ),
        (
            "augmentation = \"crop_flip\"",
            "[color_jitter]\nbrightness = 0.4\nhue = 0.1",
            ["adam", "constant", "none", "brightness=0.4, hue=0.1"],
            0.0,
            0,
        ),
    ] {
        let (run, _) = sandbox.train(&format!("{two}{top}"), tables);
        let (_, table) = read_table(run.join("run.parquet"), &schema::RUN).unwrap();
        let found = texts.map(|name| column::<StringArray>(&table, name).value(0).to_owned());
        assert_eq!(found, told);
        assert_eq!(
            column::<Float64Array>(&table, "weight_decay").value(0),
            decay
        );
        assert_eq!(
            column::<Int64Array>(&table, "warmup_steps").value(0),
            warmup
        );
        assert_eq!(column::<Int32Array>(&table, "epochs_trained").value(0), 2);
        seen.push(weights(&run));
        let rates: Vec<f64> = FinishedRun::open(&run)
            .unwrap()
            .epochs
            .iter()
            .map(|row| row.learning_rate)
            .collect();
        let expected = match warmup {
            0 => [1e-3, 1e-3],
            // The rates at the end of epochs 1 and 2, of two steps each: two steps of warm-up, at 1/3 and 2/3, then
            // half a cosine over two steps, at 1 and 1/2.
            _ => [1e-3 * 2.0 / 3.0, 1e-3 * 0.5],
        };
        for (found, expected) in rates.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-15, "{rates:?}");
        }
    }
    for (index, own) in seen.iter().enumerate() {
        assert!(
            seen[..index].iter().all(|other| other != own),
            "variation {index}"
        );
    }
}

/// With a learning rate too small to change a weight, and without batch norms, no metric ever rises: the run ends
/// after its first epoch and `patience` more.
#[test]
fn a_run_that_no_longer_improves_ends_and_is_finished() {
    let sandbox = Sandbox::new();
    let stopping =
        |patience: u32| format!("[early_stopping]\nmetric = \"f1\"\npatience = {patience}");
    let top = "epochs = 9\nlearning_rate = 1e-30\nschedule = \"cosine\"";
    let (run, said) = sandbox.train(top, &stopping(2));
    assert!(
        said.contains(": ends early (metric=f1, patience=2)\n"),
        "{said}"
    );
    let finished = FinishedRun::open(&run).unwrap();
    assert_eq!(finished.epochs.len(), 3);
    let (_, table) = read_table(run.join("run.parquet"), &schema::RUN).unwrap();
    let number = |name: &str| column::<Int32Array>(&table, name).value(0);
    assert_eq!((number("epochs"), number("epochs_trained")), (9, 3));
    // The schedule is that of nine epochs.
    let rate = finished.epochs[2].learning_rate;
    let expected = 1e-30 * (1.0 + (std::f64::consts::PI * 5.0 / 18.0).cos()) / 2.0;
    assert!((rate / expected - 1.0).abs() < 1e-12, "{rate}");
    // Its checkpoints can be chosen and are there; the files of an unfinished run are gone.
    let (chosen, _) = sandbox.trainer("select", &[("", &run)]);
    for line in chosen.lines() {
        let (id, epoch) = line.split_once('\t').unwrap();
        assert_eq!(id, finished.run_id);
        assert!(finished.checkpoint_file(epoch.parse().unwrap()).is_ok());
    }
    assert_eq!(chosen.lines().count(), 1);
    assert!(!run.join("resume.safetensors").exists());
    // Too much patience for nine epochs, which are then all trained.
    let (run, said) = sandbox.train(top, &stopping(9));
    assert!(!said.contains("ends early"), "{said}");
    assert_eq!(FinishedRun::open(&run).unwrap().epochs.len(), 9);
}
