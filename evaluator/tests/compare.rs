//! Tests `evaluator compare`, which compares two evaluations A and B (folders of scored maps) on the same images.
//! Differences, intervals and p-values must equal those that numpy and scipy gave
//! (`evaluator/tests/fixtures/birds.py`), and evaluations that do not fit together must be refused.
#![allow(clippy::unwrap_used)]

mod support;

use arrow::array::{Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use data_prep::dataset::{Split, Task};
use data_prep::table::column;
use evaluator::evaluate::PAIRED;
use evaluator::maps::{MapRow, RunColumns};
use support::birds::{bird_sandbox, columns, logits, maps, rows, write_logits};
use support::{PAIRS, Sandbox, row, rows_by_hand, stream, write_predictions};

/// Group (none: all images), metric, value of A, value of B, ends of the difference's interval, p-value (none for
/// mAP, which is not tested).
type Row = (Option<i32>, &'static str, f64, f64, [f64; 2], Option<f64>);

#[rustfmt::skip]
const EXPECTED: [Row; 30] = [
    (None, "f1", 0.461538461538462, 0.666666666666667, [0.045447214076246, 0.453533834586466], Some(0.125)),
    (None, "map", 0.586195286195286, 0.765277777777778, [-0.060279450006013, 0.283576163419913], None),
    (None, "accuracy", 0.500000000000000, 0.833333333333333, [0.083333333333333, 0.583333333333333], Some(0.125)),
    (None, "epg", 0.144886532028617, 0.206607531720775, [0.035356706032112, 0.089878975979374], Some(0.0078125)),
    (None, "iou", 0.106944187145337, 0.152785325601878, [0.023618900595383, 0.068202316224821], Some(0.0078125)),
    (None, "iou_tuned", 0.114772472686393, 0.150137714222382, [0.007232163104243, 0.066578196730752], Some(0.0439453125)),
    (Some(0), "f1", 0.333333333333333, 0.571428571428571, [0.000000000000000, 1.000000000000000], Some(1.0)),
    (Some(0), "map", 1.000000000000000, 1.000000000000000, [0.000000000000000, 0.000000000000000], None),
    (Some(0), "accuracy", 0.666666666666667, 0.666666666666667, [0.000000000000000, 0.000000000000000], Some(1.0)),
    (Some(0), "epg", 0.033811337693411, 0.056596422398227, [0.000000000000000, 0.035940109759007], Some(0.5)),
    (Some(0), "iou", 0.032539682539683, 0.046296296296296, [0.000000000000000, 0.033333333333333], Some(0.5)),
    (Some(0), "iou_tuned", 0.034099616858238, 0.046296296296296, [-0.034482758620690, 0.048850574712644], Some(0.75)),
    (Some(1), "f1", 0.571428571428571, 0.750000000000000, [0.000000000000000, 1.000000000000000], Some(1.0)),
    (Some(1), "map", 1.000000000000000, 1.000000000000000, [0.000000000000000, 0.000000000000000], None),
    (Some(1), "accuracy", 1.000000000000000, 1.000000000000000, [0.000000000000000, 0.000000000000000], Some(1.0)),
    (Some(1), "epg", 0.165964264513836, 0.234862391369431, [0.000000000000000, 0.104793668440139], Some(0.5)),
    (Some(1), "iou", 0.128831908831909, 0.172129040550093, [0.000000000000000, 0.079365079365079], Some(0.5)),
    (Some(1), "iou_tuned", 0.129394257703081, 0.177145762958120, [-0.025815217391304, 0.092879256965944], Some(0.5)),
    (Some(2), "f1", 0.571428571428571, 0.750000000000000, [0.000000000000000, 0.666666666666667], Some(1.0)),
    (Some(2), "map", 1.000000000000000, 1.000000000000000, [0.000000000000000, 0.000000000000000], None),
    (Some(2), "accuracy", 0.333333333333333, 1.000000000000000, [0.000000000000000, 1.000000000000000], Some(0.5)),
    (Some(2), "epg", 0.186993635104418, 0.263276488136744, [0.000000000000000, 0.121132323897301], Some(0.5)),
    (Some(2), "iou", 0.133248190719455, 0.201204578397561, [0.000000000000000, 0.115009746588694], Some(0.5)),
    (Some(2), "iou_tuned", 0.141534391534392, 0.191821862348178, [-0.022857142857143, 0.120300751879699], Some(0.5)),
    (Some(3), "f1", 0.333333333333333, 0.571428571428571, [0.000000000000000, 1.000000000000000], Some(1.0)),
    (Some(3), "map", 1.000000000000000, 1.000000000000000, [0.000000000000000, 0.000000000000000], None),
    (Some(3), "accuracy", 0.000000000000000, 0.666666666666667, [0.000000000000000, 1.000000000000000], Some(0.5)),
    (Some(3), "epg", 0.192776890802802, 0.271694824978699, [0.000000000000000, 0.118787648042642], Some(0.5)),
    (Some(3), "iou", 0.133156966490300, 0.191511387163561, [0.000000000000000, 0.110248447204969], Some(0.5)),
    (Some(3), "iou_tuned", 0.154061624649860, 0.185286935286935, [-0.027472527472527, 0.073529411764706], Some(0.5)),
];

/// Scores the test maps of run 0 into `a` and those of run 1 into `b`, each with its predictions and with a second
/// IoU threshold chosen on its validation maps (scored into `val-a` and `val-b`).
fn scored(sandbox: &Sandbox) {
    for (run, out) in ["a", "b"].into_iter().enumerate() {
        let val = format!("val-{out}");
        let args = ["--maps", "-", "--replicates", "0"];
        sandbox.scored(&val, &args, &maps(run, Split::Val, Task::Conventional));
        std::fs::create_dir_all(sandbox.path(out)).unwrap();
        let name = format!("{out}/predictions.parquet");
        let logits = write_logits(sandbox, &name, run, Task::Conventional);
        let args = [
            "--maps",
            "-",
            "--replicates",
            "200",
            "--predictions",
            &logits,
            "--threshold-from",
            &val,
        ];
        sandbox.scored(out, &args, &maps(run, Split::Test, Task::Conventional));
    }
}

/// Compares the evaluations `a` and `b`; returns stdout and stderr.
fn compared(sandbox: &Sandbox, args: &[&str]) -> (String, String) {
    let output = sandbox.run(&[&["compare", "--a", "a", "--b", "b"], args].concat(), &[]);
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{args:?}: {stderr}");
    (stdout, stderr)
}

/// Returns a cell with a number; `None` for null.
fn number(table: &RecordBatch, name: &str, row: usize) -> Option<f64> {
    let column: &Float64Array = column(table, name);
    column.is_valid(row).then(|| column.value(row))
}

/// Returns a cell with text; `None` for null.
fn text<'a>(table: &'a RecordBatch, name: &str, row: usize) -> Option<&'a str> {
    let column: &StringArray = column(table, name);
    column.is_valid(row).then(|| column.value(row))
}

#[test]
fn every_metric_overall_and_by_group() {
    let sandbox = bird_sandbox("0123");
    scored(&sandbox);
    let (summary, _) = compared(&sandbox, &["--out", "paired"]);
    let table = sandbox.table("paired", &PAIRED);
    let names: Vec<&str> = EXPECTED.iter().map(|row| row.1).collect();
    let is_known = |row: &usize| names.contains(&text(&table, "metric", *row).unwrap());
    let rows: Vec<usize> = (0..table.num_rows()).filter(is_known).collect();
    assert_eq!(rows.len(), EXPECTED.len());
    for (i, (group, metric, a, b, interval, p_value)) in rows.into_iter().zip(EXPECTED) {
        let groups: &Int32Array = column(&table, "group_id");
        let found = (
            groups.is_valid(i).then(|| groups.value(i)),
            text(&table, "metric", i),
        );
        assert_eq!(found, (group, Some(metric)));
        for (name, expected) in [
            ("value_a", a),
            ("value_b", b),
            ("difference", b - a),
            ("ci_low", interval[0]),
            ("ci_high", interval[1]),
        ] {
            let found = number(&table, name, i).unwrap();
            assert!(
                (found - expected).abs() < 1e-12,
                "{group:?} {metric} {name}: {found} {expected}"
            );
        }
        let n = column::<Int64Array>(&table, "n").value(i);
        assert_eq!(n, if group.is_none() { 12 } else { 3 });
        // The expected p-value of a permutation test is the exact one, over all swaps. The program draws
        // 10,000 swaps, whose share may be off by four standard deviations and by the one that is added (1e-4).
        let found = number(&table, "p_value", i);
        assert_eq!(found.is_some(), p_value.is_some(), "{metric}");
        let test = match metric {
            "map" => None,
            "accuracy" => Some("mcnemar"),
            _ => Some("permutation"),
        };
        assert_eq!(text(&table, "test", i), test);
        if let (Some(found), Some(expected)) = (found, p_value) {
            let tolerance = match metric {
                "accuracy" => 1e-12,
                _ => 4.0 * (expected * (1.0 - expected) / 1e4).sqrt() + 1e-4,
            };
            assert!(
                (found - expected).abs() <= tolerance,
                "{group:?} {metric}: {found} {expected}"
            );
        }
    }
    for (name, value) in [
        ("run_id_a", "a"),
        ("run_id_b", "b"),
        ("attribution_a", "bcos"),
        ("layer_b", "input"),
        ("split", "test"),
    ] {
        assert_eq!(text(&table, name, 0), Some(value));
    }
    let head = "A  a epoch 3 · test · bcos at input\nB  b epoch 3 · test · bcos at input\n12 pairs of 12 images; differences are B − A\n";
    assert!(summary.starts_with(head), "{summary}");
    let line = "epg                 all   0.1449   0.2066   +0.0617   +0.0354 … +0.0899";
    assert!(summary.contains(line), "{summary}");

    // The same seed gives the same table, another seed other p-values, and swapped sides the opposite sign.
    assert_eq!(compared(&sandbox, &[]).0, summary);
    assert_ne!(compared(&sandbox, &["--seed", "1"]).0, summary);
    let args = ["compare", "--a", "b", "--b", "a"];
    let swapped = String::from_utf8(sandbox.run(&args, &[]).stdout).unwrap();
    assert!(swapped.contains("-0.0617   -0.0899 … -0.0354"), "{swapped}");
}

/// The permutation test swaps A and B by image: all pairs (image, class) of an image are swapped together.
#[test]
fn pairs_of_an_image_change_sides_together() {
    let sandbox = Sandbox::new();
    let of = |run: &str| RunColumns {
        run_id: Some(run.to_owned()),
        ..support::columns()
    };
    sandbox.scored("a", &["--maps", "-"], &stream(&rows_by_hand(), &of("a")));
    // From A to B, EPG changes on a/0 from 1/4 to 1, on a/1 from undefined (0) to 15/64, on b/1 from 1 to
    // 1/4, on d/0 from 49/64 to 1. By image that is 63/64 on a, -48/64 on b and 15/64 on d, in sum 30/64. Of
    // the eight sums with either sign of each, six are at least as far from 0: the p-value is 6/8.
    let within = |rows: usize, columns: usize| {
        let cell = |i: usize| f32::from(u8::from(i / 8 < rows && i % 8 < columns));
        (0..64).map(cell).collect()
    };
    let corner = (0..64)
        .map(|i| f32::from(u8::from(i % 8 == 6 && i / 8 < 7)))
        .collect();
    let rows: Vec<MapRow> = vec![
        row(PAIRS[0], 8, 8, within(4, 4)),
        row(PAIRS[1], 8, 8, within(8, 8)),
        row(PAIRS[2], 8, 8, within(8, 8)),
        row(PAIRS[3], 8, 8, within(8, 8)),
        row(PAIRS[4], 8, 8, corner),
    ];
    sandbox.scored("b", &["--maps", "-"], &stream(&rows, &of("b")));
    let (_, notes) = compared(&sandbox, &["--out", "paired"]);
    assert_eq!(
        notes,
        "note: no a/predictions.parquet that was scored, so f1 and accuracy are not tested\n"
    );
    let table = sandbox.table("paired", &PAIRED);
    let row = |metric: &str| {
        let mut rows = 0..table.num_rows();
        rows.find(|&row| text(&table, "metric", row) == Some(metric))
            .unwrap()
    };
    let epg = row("epg");
    assert!((number(&table, "difference", epg).unwrap() - 30.0 / 64.0 / 5.0).abs() < 1e-12);
    let p_value = number(&table, "p_value", epg).unwrap();
    // Four standard deviations of a share of 10,000 swaps.
    assert!((p_value - 0.75).abs() < 0.018, "{p_value}");
    // Only d/0 has a segmentation. A single difference is as far from 0 when swapped: p is 1.
    let on_object = row("on_object");
    assert_eq!(number(&table, "value_b", on_object), Some(0.0));
    assert_eq!(number(&table, "p_value", on_object), Some(1.0));
    assert_eq!(column::<Int64Array>(&table, "n").value(on_object), 1);
}

#[test]
fn evaluations_of_other_images_are_refused() {
    let sandbox = bird_sandbox("0123");
    scored(&sandbox);
    let refused = |b: &str, message: &str| {
        let output = sandbox.run(&["compare", "--a", "a", "--b", b, "--out", "paired"], &[]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert_eq!(errors, format!("error: {message}\n"));
        assert!(output.stdout.is_empty() && !sandbox.path("paired").exists());
    };
    let whole = maps(1, Split::Test, Task::Conventional);
    let score = |out: &str, args: &[&str], maps: &[u8]| {
        sandbox.scored(
            out,
            &[&["--maps", "-", "--replicates", "2"], args].concat(),
            maps,
        );
    };
    refused(
        "data",
        "data: evaluation: found no metrics.parquet, expected a folder that evaluator score has finished",
    );
    refused(
        "val-b",
        "val-b/metrics.parquet: split: found val, expected test as in a/metrics.parquet",
    );
    score("seed", &["--seed", "1"], &whole);
    refused(
        "seed",
        "seed/metrics.parquet: guidance.seed: found 1, expected 0 as in a/metrics.parquet",
    );
    score("threshold", &["--threshold", "0.3"], &whole);
    refused(
        "threshold",
        "threshold/metrics.parquet: threshold: found 0.3, expected 0.5 as in a/metrics.parquet",
    );
    let reversed = maps(1, Split::Test, Task::Reversed);
    score("reversed", &["--task", "reversed"], &reversed);
    refused(
        "reversed",
        "reversed/metrics.parquet: guidance.task: found reversed, expected conventional as in a/metrics.parquet",
    );
    let some = rows(1, Split::Test, Task::Conventional);
    let some = stream(&some[..10], &columns(1, Split::Test));
    score("some", &["--partial"], &some);
    refused(
        "some",
        "some/scores.parquet: pair 10: found no pair, expected image t10 class 1 as in a/scores.parquet",
    );
    let logits = logits(1, Task::Conventional);
    let predictions = sandbox.path("b/predictions.parquet");
    for (cells, problem) in [
        (
            &logits[..22],
            "found no logit of image t11, expected one for each class",
        ),
        (
            &logits[..23],
            "found other classes or targets of image t11, expected those",
        ),
    ] {
        write_predictions(&predictions, ("b", 3), cells);
        refused(
            "b",
            &format!("b/predictions.parquet: image_id: {problem} as in a/predictions.parquet"),
        );
    }
    let other = bird_sandbox("4567");
    other.scored("b", &["--maps", "-", "--replicates", "2"], &whole);
    let folder = other.path("b").display().to_string();
    refused(
        &folder,
        &format!(
            "{folder}/metrics.parquet: guidance.data_inputs: found 4567, expected 0123 as in a/metrics.parquet"
        ),
    );
}
