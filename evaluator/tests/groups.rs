//! Tests accuracy over all images, by group of images (bird × place) and of the worst group, in both tasks of
//! a data set like Waterbirds (the bird's class, and in the reversed task the place's).
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use arrow::array::{Float64Array, RecordBatch};
use arrow::ipc::writer::FileWriter;
use data_prep::dataset::{Split, Task};
use evaluator::evaluate::Scope::{All, Group};
use evaluator::evaluate::{METRICS, REPLICATES};
use evaluator::maps::{MapRow, RunColumns};
use support::birds::{bird_sandbox, maps, write_logits};
use support::{Data, Sandbox, TINY, close, i32s, metric, row, stream, texts, values};

/// Scores the maps of run 0 for `task` with the file `logits`; returns the table of metrics.
fn score(sandbox: &Sandbox, task: Task, logits: &str) -> RecordBatch {
    let task_args = ["--task", task.as_ref(), "--predictions", logits];
    let args = [&["--maps", "-", "--replicates", "30"], &task_args[..]].concat();
    sandbox.scored(task.as_ref(), &args, &maps(0, Split::Test, task));
    sandbox.table(task.as_ref(), &METRICS)
}

#[test]
fn four_groups_overall_and_the_worst_in_both_tasks() {
    let sandbox = bird_sandbox("0123"); // any hash of inputs
    let third = 1.0 / 3.0;
    // Groups of three images each: landbirds on land, landbirds on water, waterbirds on land, waterbirds
    // on water. The logits are right for two, three, one and no bird (evaluator/tests/fixtures/birds.py). Where bird
    // and place have the same class index they are as often right for the place; elsewhere a logit that is
    // right for the bird is wrong for the place.
    for (task, by_group) in [
        (Task::Conventional, [2.0 * third, 1.0, third, 0.0]),
        (Task::Reversed, [2.0 * third, 0.0, 2.0 * third, 0.0]),
    ] {
        let logits = write_logits(&sandbox, &format!("{task}.parquet"), 0, task);
        let metrics = score(&sandbox, task, &logits);
        let of = |name, scope| metric(&metrics, name, scope);
        for (group, value) in (0..).zip(by_group) {
            // Over three images.
            close(of("accuracy", Group(group)), value, 3, "accuracy");
        }
        close(
            of("accuracy", All),
            by_group.iter().sum::<f64>() / 4.0,
            12,
            "accuracy",
        );
        close(of("worst_group", All), 0.0, 4, "worst_group");
        // An image has one bird and one place: no other class, in either task.
        close(of("epg_other", All), 0.0, 12, "epg_other");
        for (worst, metric) in [("worst_group_f1", "f1"), ("worst_group_epg", "epg")] {
            let of_groups = (0..4).map(|group| of(metric, Group(group)).unwrap().0.unwrap());
            close(
                of(worst, All),
                of_groups.reduce(f64::min).unwrap(),
                4,
                worst,
            );
        }
        let replicates = sandbox.table(task.as_ref(), &REPLICATES);
        let accuracy = values(&replicates, "accuracy");
        // Each replicate has five rows: all images, then the four groups.
        let overall: Vec<f64> = accuracy.into_iter().step_by(5).flatten().collect();
        let mean = overall.iter().sum::<f64>() / overall.len() as f64;
        assert_eq!(overall.len(), 30);
        assert!(
            (mean - by_group.iter().sum::<f64>() / 4.0).abs() < 0.1,
            "{mean}"
        );
    }
}

/// In a task of two exclusive classes the prediction is the class with the greater logit.
#[test]
fn the_greater_logit_counts_whatever_its_sign() {
    let tested: [(&str, &str, i32, &[i32]); 5] = [
        ("p", "test", 0, &[0]),
        ("q", "test", 0, &[1]),
        ("r", "test", 1, &[0]),
        ("s", "test", 1, &[1]),
        ("t", "test", 1, &[0]),
    ];
    // Right on p, on q (both negative: the greater one counts) and on t (equal: the first class counts). Wrong on r
    // and s.
    let logits = [
        [2.0, 1.0],
        [-3.0, -1.0],
        [0.0, 1.0],
        [4.0, -4.0],
        [0.5, 0.5],
    ];
    let cells = || (0..10).map(|i| (tested[i / 2].0, i as i32 % 2, logits[i / 2][i % 2]));
    let batch = RecordBatch::try_from_iter([
        ("image_id", texts(cells().map(|c| c.0))),
        ("class_id", i32s(cells().map(|c| c.1))),
        (
            "logit",
            Arc::new(Float64Array::from_iter_values(cells().map(|c| c.2))),
        ),
    ])
    .unwrap();
    let mut writer = FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    let logits = writer.into_inner().unwrap();
    let rows: Vec<MapRow> = (tested.iter())
        .map(|image| row((image.0, image.3[0]), 1, 1, vec![1.0]))
        .collect();
    let maps = stream(&rows, &RunColumns::default());
    // Scores them with further images of other splits.
    let scored = |others: &[(&'static str, &'static str, i32, &'static [i32])]| {
        let sandbox = Sandbox::with(&Data {
            classes: &["landbird", "waterbird"],
            images: &[&tested, others].concat(),
            objects: &[],
            ..TINY
        });
        let logits = sandbox.file("foreign.arrow", &logits);
        sandbox.scored("out", &["--maps", "-", "--predictions", &logits], &maps);
        sandbox.table("out", &METRICS)
    };
    let metrics = scored(&[]);
    let of = |name, scope| metric(&metrics, name, scope);
    close(of("accuracy", All), 3.0 / 5.0, 5, "accuracy");
    close(of("accuracy", Group(0)), 1.0, 2, "accuracy");
    close(of("accuracy", Group(1)), 1.0 / 3.0, 3, "accuracy");
    close(of("worst_group", All), 1.0 / 3.0, 2, "worst_group");
    // Without training and validation images in every group there is no adjusted accuracy.
    assert!(metric(&metrics, "adjusted_accuracy", All).is_none());
    let train: [(&str, &str, i32, &[i32]); 4] = [
        ("u", "train", 0, &[0]),
        ("v", "train", 1, &[1]),
        ("w", "train", 1, &[1]),
        ("x", "train", 1, &[0]),
    ];
    let val: [(&str, &str, i32, &[i32]); 2] = [("y", "val", 0, &[0]), ("z", "val", 1, &[1])];
    let metrics = scored(&[&train[..], &val[..1]].concat());
    assert!(metric(&metrics, "adjusted_accuracy", All).is_none());
    // A quarter of the training images are of group 0, and three quarters of group 1.
    let metrics = scored(&[&train[..], &val[..]].concat());
    let adjusted = metric(&metrics, "adjusted_accuracy", All);
    close(adjusted, 0.25 + 0.75 / 3.0, 2, "adjusted_accuracy");
}
