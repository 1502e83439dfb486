//! Tests the findings, the sentences at the top of the report: which runs they are about, over how many seeds, and
//! that classes which can say nothing about guidance (because they are on nearly every image, or their boxes cover
//! nearly all of it) enter none. The results are invented (`common`).

#![allow(clippy::unwrap_used)]

mod common;

use common::program::analysis;
use common::{Part, Run, results};

/// A baseline of own data with this seed and this test EPG and F1.
fn baseline(seed: i64, epg: f64, f1: f64) -> Run {
    let id = ["base", "base1", "base2", "base3"][seed as usize];
    let values = vec![(Part::All, "f1", f1), (Part::All, "epg", epg)];
    Run {
        id: id.to_owned(),
        dataset: "cells",
        seed,
        ..Run::default()
    }
    .scored(values)
}

/// A run guided by Energy at λ that begins from the baseline of its seed, with this validation EPG and this
/// test EPG and F1.
fn guided(seed: i64, lambda: f64, val_epg: f64, epg: f64, f1: f64) -> Run {
    let values = vec![(Part::All, "f1", f1), (Part::All, "epg", epg)];
    Run {
        id: format!("energy{seed}-{lambda}"),
        dataset: "cells",
        loss: Some("energy"),
        lambda: Some(lambda),
        seed,
        baseline: Some(["base", "base1", "base2", "base3"][seed as usize]),
        epochs: vec![(1, 0.80, val_epg)],
        ..Run::default()
    }
    .scored(values)
}

/// The findings that `analysis report` prints, for these runs.
fn said(runs: &[Run]) -> Vec<String> {
    let dir = results(runs);
    let out = tempfile::TempDir::new().unwrap();
    let arguments = ["--out", &out.path().to_string_lossy()];
    let output = analysis("report", dir.path(), &arguments);
    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines = stdout.lines().take_while(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

/// λ was chosen on seed 0, the only one that has two λ and a high EPG by luck. The finding is the mean of the other
/// seeds, which took that λ.
#[test]
fn a_finding_is_the_mean_of_the_seeds_that_lambda_was_not_chosen_on() {
    let mut runs: Vec<Run> = (0..4).map(|seed| baseline(seed, 0.30, 0.80)).collect();
    // Only checkpoints that may be chosen are scored on the test images.
    let mut unscored = guided(0, 0.1, 0.50, 0.60, 0.80);
    unscored.scores.clear();
    runs.push(unscored);
    runs.push(guided(0, 0.5, 0.90, 0.90, 0.80));
    for (seed, epg) in [(1, 0.40), (2, 0.44), (3, 0.39)] {
        runs.push(guided(seed, 0.5, 0.5, epg, 0.81));
    }
    let lines = said(&runs);
    assert!(
        lines[0].starts_with(
            "Guiding with Energy, λ = 0.5 (IxG at Input, mean of seeds 1, 2 and 3, λ chosen on seed 0): \
             test EPG rose from 30.0 % to 41.0 % (+11.0 points, 95 % interval [+"
        ),
        "{lines:?}"
    );
    assert!(lines[0].contains("; F1 rose by 1.0 points ["), "{lines:?}");
    assert_eq!(lines.len(), 1, "{lines:?}");
}

/// Where every seed has every λ, validation chooses λ by its mean over seeds, not by its luckiest seed.
#[test]
fn the_luckiest_seed_does_not_choose() {
    let mut runs: Vec<Run> = (0..3).map(|seed| baseline(seed, 0.30, 0.80)).collect();
    // Seed, and validation EPG with λ 0.1 and with λ 0.5: the means are 0.55 and 0.50, the greatest values 0.55 and
    // 0.90.
    for (seed, low, high) in [(0, 0.55, 0.90), (1, 0.55, 0.30), (2, 0.55, 0.30)] {
        runs.push(guided(seed, 0.1, low, 0.40, 0.80));
        runs.push(guided(seed, 0.5, high, 0.70, 0.80));
    }
    let lines = said(&runs);
    assert!(
        lines[0]
            .starts_with("Guiding with Energy, λ = 0.1 (IxG at Input, mean of seeds 0, 1 and 2):"),
        "{lines:?}"
    );
}

#[test]
fn classes_that_can_say_nothing_enter_no_finding() {
    let told = [
        ("guidance.data_inputs", "d"),
        (
            "guidance.uninformative",
            r#"{"1": "window is on 98 % of the images: a classifier learns nothing from it"}"#,
        ),
    ];
    // Adds EPG and F1 over the other, informative classes.
    let of_others = |mut run: Run, epg: f64, f1: f64| {
        run.said.extend(told);
        let values = &mut run.scores[0].values;
        values.push((Part::All, "f1_informative", f1));
        values.push((Part::All, "epg_informative", epg));
        run
    };
    let runs = [
        of_others(baseline(0, 0.90, 0.95), 0.30, 0.50),
        of_others(guided(0, 0.5, 0.9, 0.95, 0.95), 0.45, 0.40),
    ];
    let lines = said(&runs);
    assert!(
        lines[0].contains(", all classes but 1): test EPG rose from 30.0 % to 45.0 %")
            && lines[0].contains("F1 fell by 10.0 points"),
        "{lines:?}"
    );
    assert_eq!(
        lines[1],
        "Not in the findings: window is on 98 % of the images: a classifier learns nothing from it."
    );

    // Without the metrics over informative classes, as when there is no such class, there is no finding.
    let mut runs = runs;
    for run in &mut runs {
        run.scores[0].values.truncate(2);
    }
    let lines = said(&runs);
    assert!(
        lines[0].starts_with("Not in the findings: window"),
        "{lines:?}"
    );
}

#[test]
fn the_worst_group_is_named_before_and_after() {
    let in_groups = |mut run: Run, f1: [f64; 2]| {
        let values = &mut run.scores[0].values;
        for (group, f1) in (0..).zip(f1) {
            values.push((Part::Group(group), "f1", f1));
            values.push((Part::Group(group), "epg", 0.3));
        }
        run
    };
    let lines = said(&[
        in_groups(baseline(0, 0.30, 0.60), [0.80, 0.40]),
        in_groups(guided(0, 0.5, 0.9, 0.45, 0.60), [0.50, 0.70]),
    ]);
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(
        lines[3].trim(),
        "Lowest F1 of a group: before group 1 with 40.0 %, after group 0 with 50.0 %."
    );
}

#[test]
fn baselines_that_may_still_rise_are_told() {
    // Seed, validation F1 of the baseline's two epochs, and the better epoch: of two it is the last.
    let baselines = [(0, 0.80, 0.70, 1), (1, 0.70, 0.75, 2), (2, 0.60, 0.80, 2)];
    let baselines = baselines.map(|(seed, first, last, best)| {
        let mut run = baseline(seed, 0.30, 0.80);
        run.epochs = vec![(1, first, 0.4), (2, last, 0.4)];
        run.scores[0].epoch = best;
        run
    });
    let guided = (0..3).map(|seed| guided(seed, 0.5, 0.5, 0.40, 0.80));
    let runs: Vec<Run> = baselines.into_iter().chain(guided).collect();
    let lines = said(&runs);
    assert_eq!(
        lines[1..],
        [
            "Perhaps trained too briefly: the best epoch of 2 of 3 baselines was their last (cells · resnet50); \
          more epochs may raise F1, and change what guidance does."
        ],
        "{lines:?}"
    );
}
