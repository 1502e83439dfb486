//! Tests networks for images of exactly one class each (`labels = "single"`: softmax in the place of sigmoids;
//! docs/SPEC.md A.1, A.3, B): the loss, what is explained, and a run from training to scores.
#![allow(clippy::unwrap_used)]

#[path = "support/pictures.rs"]
mod pictures;

use std::path::Path;
use std::process::Command;

use arrow::array::{Float32Array, StringArray};
use data_prep::dataset::Labels;
use data_prep::schema::file_name;
use data_prep::table::{column, read_table};
use evaluator::evaluate::{Missing, PREDICTIONS, Scope, ScoreOptions, score};
use pictures::{pictures, write_of};
use tch::{Device, Kind, Tensor};
use trainer::explain::attribution::{Attribution, Explainable};
use trainer::explain::gradients::Order;
use trainer::guide::objective;
use trainer::names::{Explained, Layer};
use trainer::network::{Mode, Model};
use trainer::run::schema;

/// The number of classes.
const K: i64 = 7;

fn model() -> Model {
    Model::new(
        "xdnn_resnet18".parse().unwrap(),
        K as usize,
        3,
        Device::Cpu,
        Kind::Double,
    )
    .unwrap()
}

fn images(n: i64) -> Tensor {
    let pixels = Tensor::arange(n * 32 * 32 * 3, (Kind::Double, Device::Cpu)).remainder(251.0);
    pixels.reshape([n, 32, 32, 3]).to_kind(Kind::Uint8)
}

#[test]
fn the_loss_is_the_cross_entropy_of_the_softmax() {
    let mut model = model();
    model.labels = Labels::Single;
    let input = model.encode(&images(3)).unwrap();
    let classes = [4i64, 0, 6];
    let targets = Tensor::from_slice(&classes)
        .one_hot(K)
        .to_kind(Kind::Double);
    let found = objective::plain(&model, &input, &targets).unwrap().class;
    let logits = model.logits(&input, Layer::Input, Mode::Train).unwrap();
    let by_hand: f64 = (0..3)
        .map(|row| {
            let z = Vec::<f64>::try_from(logits.get(row as i64)).unwrap();
            let all: f64 = z.iter().map(|z| z.exp()).sum();
            (all.ln() - z[classes[row] as usize]) / 3.0
        })
        .sum();
    assert!(
        (found.double_value(&[]) - by_hand).abs() < 1e-12,
        "{found} {by_hand}"
    );
}

/// The map of the contrast (a logit minus the mean of the other logits) is the map of the logit minus the mean of
/// the other logits' maps, as IxG is linear in what it explains.
#[test]
fn the_contrast_is_the_logit_less_the_mean_of_the_others() {
    let mut model = model();
    let ixg: Attribution = "ixg".parse().unwrap();
    for layer in [Layer::Input, Layer::Final] {
        let input = model.encode(&images(2)).unwrap();
        let features = tch::no_grad(|| model.features(&input, layer, Mode::Eval)).unwrap();
        let mut maps = |explained: Explained, pairs: &[(i64, i64)]| {
            model.explained = explained;
            let (mode, order) = (Mode::Eval, Order::First);
            let explainable = Explainable::new(&model, ixg, layer, &features, mode, order).unwrap();
            explainable.maps(pairs).unwrap()
        };
        // The maps of the second image for every class. The first image is not explained: its map is zeros.
        let of_class: Vec<Tensor> = (0..K)
            .map(|class| maps(Explained::Logit, &[(1, class)]))
            .collect();
        for class in [0, 5] {
            let others = (0..K).filter(|other| *other != class);
            let others: Tensor = others
                .map(|other| of_class[other as usize].shallow_clone())
                .sum();
            let expected = &of_class[class as usize] - others / (K - 1) as f64;
            let found = maps(Explained::Contrast, &[(1, class)]);
            let error = (&found - &expected).abs().max().double_value(&[]);
            let largest = expected.abs().max().double_value(&[]);
            assert!(
                largest > 0.0 && error < 1e-12 * largest,
                "{layer} {class}: {error} {largest}"
            );
            assert_eq!(found.get(0).abs().max().double_value(&[]), 0.0);
        }
    }
}

/// Runs the trainer, which must succeed; returns its stdout.
fn trainer(command: &str, paths: &[(&str, &Path)]) -> String {
    let mut trainer = Command::new(env!("CARGO_BIN_EXE_trainer"));
    trainer
        .arg(command)
        .args(["--device", "cpu", "--threads", "1"]);
    for (flag, path) in paths {
        trainer.arg(flag).arg(path);
    }
    let output = trainer.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .trim_end()
        .to_owned()
}

#[test]
fn a_run_with_softmax_is_trained_explained_and_scored() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = pictures("train", 12);
    all.extend(pictures("val", 4));
    all.extend(pictures("test", 8));
    let classes = ["a", "b", "c", "d", "e", "f"];
    let data = write_of(&dir.path().join("data"), ("own", "0123"), &classes, &all);
    let config = dir.path().join("run.toml");
    let text = "name = \"softmax\"\nbackbone = \"resnet18\"\nattribution = \"ixg\"\nlayer = \"final\"\n\
                labels = \"single\"\nexplained = \"contrast\"\nepochs = 2\nbatch_size = 4\n\
                [init]\nfrom = \"scratch\"\n[guidance]\nloss = \"energy\"\nlambda = 0.5\n";
    fs_err::write(&config, text).unwrap();
    let runs = dir.path().join("runs");
    let run = trainer(
        "train",
        &[("--config", &config), ("--data", &data), ("--out", &runs)],
    );
    let run = Path::new(&run);
    let (_, table) = read_table(run.join("run.parquet"), &schema::RUN).unwrap();
    let cell = |name: &str| column::<StringArray>(&table, name).value(0).to_owned();
    assert_eq!([cell("labels"), cell("explained")], ["single", "contrast"]);

    let (maps, logits) = (dir.path().join("m.arrow"), dir.path().join("p.parquet"));
    let paths: [(&str, &Path); 4] = [
        ("--run", run),
        ("--data", &data),
        ("--maps", &maps),
        ("--predictions", &logits),
    ];
    trainer("explain", &paths);
    // The sigmoids of an image's logits are its softmax.
    let (origin, predictions) = read_table(&logits, &PREDICTIONS).unwrap();
    assert_eq!(origin.get("guidance.labels"), Some("single"));
    let values = column::<Float32Array>(&predictions, "logit").values();
    for image in values.chunks(classes.len()) {
        let sum: f64 = image
            .iter()
            .map(|&logit| 1.0 / (1.0 + (-f64::from(logit)).exp()))
            .sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    }

    // A weight file without its run says so, too.
    let checkpoints = fs_err::read_dir(run.join("checkpoints")).unwrap();
    let file = checkpoints
        .map(|entry| entry.unwrap().path())
        .next()
        .unwrap();
    let again = dir.path().join("again.parquet");
    trainer(
        "explain",
        &[
            ("--weights", &file),
            ("--data", &data),
            ("--maps", &maps),
            ("--predictions", &again),
        ],
    );
    let (origin, _) = read_table(&again, &PREDICTIONS).unwrap();
    assert_eq!(origin.get("guidance.labels"), Some("single"));
    trainer("explain", &paths);

    let out = dir.path().join("scores");
    let scored = |labels: Option<Labels>| {
        let report = score(&ScoreOptions {
            maps: maps.to_str().unwrap().parse().unwrap(),
            data: data.clone(),
            out: out.clone(),
            predictions: Some(logits.clone()),
            labels,
            columns: evaluator::maps::RunColumns::default(),
            threshold: 0.5,
            threshold_from: None,
            metrics: evaluator::metrics::Chosen::default(),
            replicates: 20,
            seed: 0,
            examples: 1,
            missing: Missing::Refused,
        });
        let metrics = report.unwrap().metrics;
        ["f1", "accuracy", "accuracy_top5"].map(|name| {
            let mut of_all = metrics.iter().filter(|metric| metric.scope == Scope::All);
            of_all
                .find(|metric| metric.metric == name)
                .unwrap()
                .value
                .unwrap()
        })
    };
    // The images whose own class has the greatest logit; the test pictures are the last eight.
    let right = values
        .chunks(classes.len())
        .zip(&all[16..])
        .filter(|(image, picture)| {
            let label = (picture.group_id / 2) as usize;
            (0..classes.len()).all(|class| class == label || image[class] < image[label])
        });
    let accuracy = right.count() as f64 / 8.0;
    let [f1, found, top5] = scored(None);
    assert_eq!([f1, found], [accuracy, accuracy]);
    assert!(top5 >= accuracy);
    let kept = out.join(file_name(&PREDICTIONS));
    let (origin, _) = read_table(kept, &PREDICTIONS).unwrap();
    assert_eq!(origin.get("guidance.labels"), Some("single"));
    // Scored as multi-label, a class is predicted at logit ≥ 0. F1 is 2 · hits / (predicted + the 8 labels).
    let [by_threshold, found, _] = scored(Some(Labels::Multi));
    assert_eq!(found, accuracy);
    let at_least_0 = values.iter().filter(|&&logit| logit >= 0.0).count();
    let hits = values.chunks(classes.len()).zip(&all[16..]);
    let hits = hits
        .filter(|(image, picture)| image[(picture.group_id / 2) as usize] >= 0.0)
        .count();
    let expected = 2.0 * hits as f64 / (at_least_0 + 8) as f64;
    assert!(
        (by_threshold - expected).abs() < 1e-12,
        "{by_threshold} {expected}"
    );
}
