//! Tests the warnings about suspicious logits: probabilities in place of logits, one logit for all images,
//! classes that no image or every image has. They are scored as they are, with a warning.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use arrow::array::{Float32Array, RecordBatch};
use arrow::ipc::writer::FileWriter;
use evaluator::maps::RunColumns;
use support::{
    Data, PAIRS, Sandbox, TINY, columns, i32s, row, rows_by_hand, stream, texts, write_predictions,
};

/// The images of split test.
const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];

/// Returns a row (image_id, class_id, logit, target) for each image of split test and each class.
fn cells(n_classes: i32, logit: impl Fn(usize, i32) -> f32) -> Vec<(&'static str, i32, f32, bool)> {
    let classes = (0..5).flat_map(|i| (0..n_classes).map(move |class| (i, class)));
    let is_label = |i: usize, class| PAIRS.contains(&(IDS[i], class));
    classes
        .map(|(i, class)| (IDS[i], class, logit(i, class), is_label(i, class)))
        .collect()
}

/// Scores `maps` with these logits, once as a Parquet file and once as an Arrow file; returns both standard
/// errors, with `P` for the file's name.
fn said(sandbox: &Sandbox, cells: &[(&str, i32, f32, bool)], maps: &[u8]) -> [String; 2] {
    write_predictions(&sandbox.path("p.parquet"), ("r1", 7), cells);
    let batch = RecordBatch::try_from_iter([
        ("image_id", texts(cells.iter().map(|c| c.0))),
        ("class_id", i32s(cells.iter().map(|c| c.1))),
        (
            "logit",
            Arc::new(Float32Array::from_iter_values(cells.iter().map(|c| c.2))) as _,
        ),
    ])
    .unwrap();
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    sandbox.file("p.arrow", &writer.into_inner().unwrap());
    ["p.parquet", "p.arrow"].map(|name| {
        let args = ["--maps", "-", "--replicates", "0", "--predictions", name];
        let said = sandbox.said(&format!("out-{name}"), &args, maps);
        said.replace(name, "P")
    })
}

/// Logits that are probabilities, 0 and 1, percentages, log-probabilities or the same for all images must
/// each cause their warning, and plain logits none. There are 15 values: five images, three classes.
#[test]
fn what_logits_are_taken_for() {
    let sandbox = Sandbox::new();
    let maps = stream(&rows_by_hand(), &columns());
    // Unsuspicious logits: of both signs, and different for each image.
    let plain = |i: usize, class: i32| (i as f32 - 1.5) * (class as f32 + 1.0);
    let probability = |logit: f32| 1.0 / (1.0 + (-logit).exp());
    type Logit<'a> = &'a dyn Fn(usize, i32) -> f32;
    let cases: [(Logit, &[&str]); 7] = [
        (&plain, &[]),
        (
            &|i, class| probability(plain(i, class)),
            &[
                "all 15 values are from 0 to 1, as probabilities are; taken as logits, whose threshold is 0 (probability 0.5), so that every class of every image counts as predicted",
            ],
        ),
        (
            &|i, class| f32::from(u8::from(plain(i, class) > 0.0)),
            &["all 15 values are from 0 to 1, as probabilities are"],
        ),
        (
            &|i, class| 100.0 * probability(plain(i, class)),
            &[
                "none of 15 values is below the threshold 0 (probability 0.5), so that every class of every image counts as predicted",
            ],
        ),
        (
            &|i, class| probability(plain(i, class)).ln(),
            &[
                "none of 15 values reaches the threshold 0 (probability 0.5), so that no class counts as predicted",
            ],
        ),
        (
            &|i, class| if class == 1 { 0.25 } else { plain(i, class) },
            &[
                "P: every image has the same logit for dog (1 of 3 classes) on split test: average precision is the share of images with the class",
            ],
        ),
        // Probabilities but for one value above 1: not taken for probabilities any more.
        (
            &|i, class| {
                if (i, class) == (0, 0) {
                    1.5
                } else {
                    probability(plain(i, class))
                }
            },
            &["none of 15 values is below"],
        ),
    ];
    for (logit, expected) in cases {
        for said in said(&sandbox, &cells(3, logit), &maps) {
            let lines: Vec<&str> = said.lines().filter(|line| line.contains("P: ")).collect();
            assert_eq!(lines.len(), expected.len(), "{said}");
            for (line, expected) in lines.iter().zip(expected) {
                assert!(
                    line.starts_with("warning: ") && line.contains(expected),
                    "{said}"
                );
            }
        }
    }
}

/// The logits in the stream of maps, which no metric uses, cause a warning where all are from 0 to 1, as
/// probabilities are.
#[test]
fn logits_beside_maps() {
    let sandbox = Sandbox::new();
    let line = "warning: stdin: logit: all 5 values are from 0 to 1, as probabilities are; no metric is made of them\n";
    let mut rows = rows_by_hand();
    let said = sandbox.said("out", &["--maps", "-"], &stream(&rows, &columns()));
    assert!(said.contains(line), "{said}");
    rows[2].logit = Some(-0.5);
    let said = sandbox.said("out", &["--maps", "-"], &stream(&rows, &columns()));
    assert!(!said.contains("logit"), "{said}");
    rows.iter_mut().for_each(|row| row.logit = None);
    let said = sandbox.said("out", &["--maps", "-"], &stream(&rows, &columns()));
    assert!(!said.contains("logit"), "{said}");
}

/// Classes that every image or no image of the split has, and images without logits, cause warnings.
#[test]
fn classes_that_say_nothing() {
    // One class, on every image of the split.
    let one = Sandbox::with(&Data {
        classes: &["cat"],
        images: &[("a", "test", 0, &[0]), ("b", "test", 0, &[0])],
        objects: &[],
        ..TINY
    });
    let rows = ["a", "b"].map(|id| row((id, 0), 1, 1, vec![1.0]));
    let maps = stream(&rows, &RunColumns::default());
    let cells = [("a", 0, 1.0, true), ("b", 0, -1.0, true)];
    write_predictions(&one.path("p.parquet"), ("r1", 7), &cells);
    let args = ["--maps", "-", "--predictions", "p.parquet"];
    let said = one.said("out", &args, &maps);
    for line in [
        "warning: p.parquet: logit: one class: f1 and accuracy_cells are of whether cat is on an image, by the threshold 0 (probability 0.5); map has no threshold\n",
        "warning: p.parquet: every image has cat (1 of 1 classes) on split test: average precision is 1 whatever the logits\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
    // Where an image shows exactly one class, and there is no other, there is nothing to decide.
    let said = one.said(
        "single",
        &[&args[..], &["--labels", "single"]].concat(),
        &maps,
    );
    let line = "warning: p.parquet: logit: one class, of which every image is taken to show one: cat is predicted on all images, whatever the logits\n";
    assert!(said.contains(line), "{said}");
    assert!(!said.contains("threshold 0"), "{said}");
    // Classes that no image of the split has, and an image without logits.
    let sandbox = Sandbox::with(&Data {
        classes: &["cat", "dog", "bird", "cow", "hen", "emu", "owl"],
        ..TINY
    });
    // Class 4 (hen) is on no image and has the same logit on all; only the former is to be said.
    let mut cells = self::cells(7, |i, class| match class {
        4 => 0.25,
        _ => (i as f32 - 1.5) * (class as f32 + 1.0),
    });
    cells.retain(|cell| cell.0 != "e");
    write_predictions(&sandbox.path("p.parquet"), ("r1", 7), &cells);
    let args = ["--maps", "-", "--partial", "--predictions", "p.parquet"];
    let said = sandbox.said("out", &args, &stream(&rows_by_hand(), &columns()));
    for line in [
        "warning: p.parquet: no image has cow, hen, emu, … (4 of 7 classes) on split test: map leaves it out\n",
        "warning: p.parquet: logit: found none for 1 of 5 images of split test, which all metrics of logits leave out\n",
    ] {
        assert!(said.contains(line), "{said}");
    }
    assert!(!said.contains("the same logit"), "{said}");
}
