//! Tests the rules that give the paper's claims R1 to R11 a verdict (docs/SPEC.md F). Each test makes up
//! results for which a claim must hold, not hold, be undecided, or not be tested for lack of runs.
//!
//! A made-up metric's bootstrap interval reaches about 0.02 to each side, but that of a difference between two runs
//! only about 0.004, because most of the scatter is the same for all runs (`common`).

#![allow(clippy::unwrap_used)]

mod common;

use analysis::claims::verdict::{Judged, Verdict, judge};
use analysis::model::comparison;
use analysis::model::evidence::Evidence;
use analysis::model::results::Results;
use common::{Part, Run, Value, reaches, results};

/// Judges a claim by the results of `runs`.
fn judged(runs: &[Run], claim: &str) -> Judged {
    let dir = results(runs);
    let results = Results::load(dir.path(), &[]).unwrap();
    let (settings, _) = comparison::settings(&results);
    let evidence = Evidence {
        results: &results,
        settings: &settings,
        examples: &[],
        extremes: &[],
    };
    let mut all = judge(&evidence).into_iter();
    all.find(|judged| judged.claim.name == claim).unwrap()
}

/// Asserts that `runs` give a claim this verdict. Only an untested claim says what is missing and has no
/// trials (comparisons).
fn expect(claim: &str, runs: &[Run], verdict: Verdict) {
    let judged = judged(runs, claim);
    assert_eq!(
        judged.verdict, verdict,
        "{claim}: {}: {:#?}",
        judged.why, judged.trials
    );
    let is_untested = verdict == Verdict::NotTested;
    assert_eq!(
        judged.why.starts_with("missing: "),
        is_untested,
        "{}",
        judged.why
    );
    assert_eq!(judged.trials.is_empty(), is_untested);
}

/// A baseline (unguided run) with these test metrics.
fn base(values: Vec<Value>) -> Run {
    Run::default().scored(values)
}

/// Adds a metric over all test images to `values`.
fn also(mut values: Vec<Value>, metric: &'static str, value: f64) -> Vec<Value> {
    values.push((Part::All, metric, value));
    values
}

#[test]
fn r1_compares_fronts_of_epg() {
    let runs = |energy: f64, l1: f64| {
        // The loss is also the run's id; `reaches` is (F1, EPG).
        let guided = |loss: &'static str, epg| Run::guided(loss, loss).scored(reaches(0.80, epg));
        [
            base(reaches(0.80, 0.40)),
            guided("energy", energy),
            guided("l1", l1),
            guided("rrr", 0.42),
        ]
    };
    expect("R1", &runs(0.60, 0.50), Verdict::Holds);
    // L1 is better than Energy, RRR* is worse: one of two comparisons is against the claim.
    expect("R1", &runs(0.50, 0.60), Verdict::DoesNotHold);
    // Energy and L1 are equally good: their replicates differ by noise alone.
    expect("R1", &runs(0.50, 0.50), Verdict::Undecided);
    // Without another loss.
    expect("R1", &runs(0.60, 0.50)[..2], Verdict::NotTested);
}

#[test]
fn a_front_does_not_gain_where_it_loses_more_than_five_points_of_f1() {
    let guided = |loss: &'static str, f1, epg| Run::guided(loss, loss).scored(reaches(f1, epg));
    let runs = [
        base(reaches(0.80, 0.40)),
        // Six points below the baseline's F1.
        guided("energy", 0.74, 0.90),
        guided("l1", 0.80, 0.45),
    ];
    expect("R1", &runs, Verdict::DoesNotHold);
}

#[test]
fn fronts_pool_the_weights_of_a_loss() {
    // Neither λ of Energy alone is better than L1 in both metrics: one has the F1, the other the EPG.
    let energy = |id: &str, lambda, f1, epg| {
        Run {
            lambda: Some(lambda),
            ..Run::guided(id, "energy")
        }
        .scored(reaches(f1, epg))
    };
    let runs = [
        base(reaches(0.80, 0.40)),
        energy("e1", 0.1, 0.82, 0.50),
        energy("e2", 0.5, 0.78, 0.70),
        Run::guided("l1", "l1").scored(reaches(0.80, 0.52)),
    ];
    let found = judged(&runs, "R1");
    assert_eq!(found.verdict, Verdict::Holds, "{found:?}");
    // The height of a front at an F1 is the greatest EPG of a checkpoint with that F1 or more. The trial's value
    // is Energy's mean height above the baseline's EPG, 0.40, less L1's, for F1 from 0.75 to 0.85, five points
    // around the baseline's. Energy's area is (0.78 − 0.75)·0.30 + (0.82 − 0.78)·0.10, L1's
    // (0.80 − 0.75)·0.12.
    let expected = (0.03 * 0.30 + 0.04 * 0.10 - 0.05 * 0.12) / 0.10;
    assert!(
        (found.trials[0].value.unwrap() - expected).abs() < 1e-9,
        "{found:?}"
    );
}

#[test]
fn r2_compares_fronts_of_iou_at_the_final_layer() {
    let runs = |layer: &'static str, energy: f64, l1: f64| {
        let run = |id: &str, loss, iou: f64| {
            Run {
                layer,
                loss,
                lambda: loss.map(|_| 0.1),
                id: id.to_owned(),
                ..Run::default()
            }
            .scored(also(reaches(0.80, 0.40), "iou", iou))
        };
        [
            run("base", None, 0.20),
            run("e", Some("energy"), energy),
            run("l", Some("l1"), l1),
        ]
    };
    expect("R2", &runs("final", 0.25, 0.40), Verdict::Holds);
    expect("R2", &runs("final", 0.40, 0.25), Verdict::DoesNotHold);
    expect("R2", &runs("input", 0.25, 0.40), Verdict::NotTested);
}

#[test]
fn r3_compares_fronts_of_what_lies_on_the_object() {
    let runs = |energy: f64, l1: f64| {
        let values = |value| also(reaches(0.80, 0.50), "on_object", value);
        [
            base(values(0.50)),
            Run::guided("e", "energy").scored(values(energy)),
            Run::guided("l", "l1").scored(values(l1)),
        ]
    };
    expect("R3", &runs(0.70, 0.55), Verdict::Holds);
    expect("R3", &runs(0.55, 0.70), Verdict::DoesNotHold);
    // Evaluations without segmentations have no on-object EPG.
    let unsegmented = [
        base(reaches(0.80, 0.40)),
        Run::guided("e", "energy").scored(reaches(0.80, 0.60)),
        Run::guided("l", "l1").scored(reaches(0.80, 0.50)),
    ];
    expect("R3", &unsegmented, Verdict::NotTested);
}

#[test]
fn r4_compares_networks_of_one_architecture() {
    // B-cos must have the higher EPG before guidance (`before`; its rival has 0.40) and after it (`after`; its
    // rival has 0.55).
    let runs = |backbone: &'static str, before: f64, after: f64| {
        let bcos = Run {
            id: "bcos".to_owned(),
            backbone: "bcos_resnet50",
            attribution: "bcos",
            ..Run::default()
        };
        let bcos_guided = Run {
            id: "bcos_e".to_owned(),
            loss: Some("energy"),
            lambda: Some(0.1),
            baseline: Some("bcos"),
            ..bcos.clone()
        };
        let rival = Run {
            backbone,
            ..Run::default()
        };
        let rival_guided = Run {
            backbone,
            ..Run::guided("e", "energy")
        };
        [
            bcos.scored(reaches(0.80, before)),
            bcos_guided.scored(reaches(0.80, after)),
            rival.scored(reaches(0.80, 0.40)),
            rival_guided.scored(reaches(0.80, 0.55)),
        ]
    };
    expect("R4", &runs("resnet50", 0.47, 0.70), Verdict::Holds);
    expect(
        "R4",
        &runs("xdnn_resnet50", 0.30, 0.70),
        Verdict::DoesNotHold,
    );
    // Networks of another architecture are not compared.
    expect("R4", &runs("resnet18", 0.47, 0.70), Verdict::NotTested);
}

#[test]
fn r5_asks_for_epg_without_a_loss_of_f1() {
    let runs = |layer: &'static str, f1: f64, epg: f64| {
        let base = Run {
            layer,
            ..Run::default()
        };
        let guided = Run {
            layer,
            ..Run::guided("e", "energy")
        };
        [
            base.scored(reaches(0.80, 0.40)),
            guided.scored(reaches(f1, epg)),
        ]
    };
    // EPG rises and F1 hardly falls; EPG falls; F1 falls by ten points; no maps of the final layer.
    expect("R5", &runs("final", 0.798, 0.55), Verdict::Holds);
    expect("R5", &runs("final", 0.80, 0.35), Verdict::DoesNotHold);
    expect("R5", &runs("final", 0.70, 0.55), Verdict::DoesNotHold);
    expect("R5", &runs("input", 0.80, 0.55), Verdict::NotTested);
}

#[test]
fn r6_needs_one_network_whose_f1_rises() {
    let runs = |f1: f64, epg: f64, epochs: Vec<(i32, f64, f64)>| {
        let base = Run {
            epochs,
            ..Run::default()
        };
        [
            base.scored(reaches(0.80, 0.40)),
            Run::guided("e", "energy").scored(reaches(f1, epg)),
        ]
    };
    // The best epoch is not the last.
    let converged = || Run::default().epochs;
    expect("R6", &runs(0.82, 0.50, converged()), Verdict::Holds);
    expect("R6", &runs(0.78, 0.50, converged()), Verdict::DoesNotHold);
    // F1 rises, but EPG falls: by R6's condition on EPG the comparison is then open, not against the claim.
    expect("R6", &runs(0.82, 0.30, converged()), Verdict::Undecided);
    // The baseline's best epoch is its last, so its F1 might have risen without guidance too.
    let improving = vec![(1, 0.80, 0.40)];
    expect("R6", &runs(0.82, 0.50, improving), Verdict::NotTested);
}

#[test]
fn r7_asks_for_half_of_the_gain() {
    let runs = |fraction: f64, few: f64| {
        let limited = Run {
            annotated_fraction: fraction,
            ..Run::guided("few", "energy")
        };
        [
            base(reaches(0.80, 0.40)),
            Run::guided("all", "energy").scored(reaches(0.80, 0.60)),
            limited.scored(reaches(0.80, few)),
        ]
    };
    // All boxes gain 0.20 over the baseline's 0.40, so the few must reach more than 0.50.
    expect("R7", &runs(0.01, 0.53), Verdict::Holds);
    expect("R7", &runs(0.1, 0.47), Verdict::DoesNotHold);
    expect("R7", &runs(0.5, 0.60), Verdict::NotTested);
}

#[test]
fn r8_compares_with_undilated_boxes_and_with_l1() {
    let runs = |dilation: f64, energy: f64, l1: f64| {
        let dilated = |id: &str, loss| Run {
            dilation,
            ..Run::guided(id, loss)
        };
        [
            base(reaches(0.80, 0.40)),
            Run::guided("e", "energy").scored(reaches(0.80, 0.60)),
            dilated("e50", "energy").scored(reaches(0.80, energy)),
            Run::guided("l", "l1").scored(reaches(0.80, 0.55)),
            dilated("l50", "l1").scored(reaches(0.80, l1)),
        ]
    };
    // Without dilation Energy gains 0.20 and L1 0.15. Energy keeps 0.19 of 0.20, L1 0.08 of 0.15.
    expect("R8", &runs(0.5, 0.59, 0.48), Verdict::Holds);
    // Energy keeps most of its gain, but L1 keeps all of its own.
    expect("R8", &runs(0.5, 0.56, 0.55), Verdict::DoesNotHold);
    // Energy keeps only a quarter of its gain.
    expect("R8", &runs(0.5, 0.45, 0.30), Verdict::DoesNotHold);
    // Dilation by less than 25 % is not tested.
    expect("R8", &runs(0.1, 0.59, 0.48), Verdict::NotTested);
}

#[test]
fn r9_asks_for_input_maps_and_time() {
    let runs = |epg: f64, seconds: f64| {
        let deep = Run {
            layer: "mid2",
            seconds,
            ..Run::guided("deep", "energy")
        };
        [
            base(reaches(0.80, 0.40)),
            Run::guided("input", "energy").scored(reaches(0.80, 0.60)),
            deep.scored_at("input", reaches(0.80, epg)),
        ]
    };
    // Guidance at the input takes 10 seconds an epoch.
    expect("R9", &runs(0.55, 6.0), Verdict::Holds);
    expect("R9", &runs(0.30, 6.0), Verdict::DoesNotHold);
    expect("R9", &runs(0.55, 16.0), Verdict::DoesNotHold);
    expect("R9", &runs(0.55, 10.0), Verdict::Undecided);
    expect("R9", &runs(0.55, 6.0)[..2], Verdict::NotTested);
}

#[test]
fn r10_takes_differences_seed_by_seed() {
    // Waterbird on land.
    const WORST: Part = Part::Group(2);
    // `gains` has for each seed what Energy gains in accuracy on waterbird on land, and overall.
    let runs = |gains: [(f64, f64); 3]| -> Vec<Run> {
        let mut runs = Vec::new();
        for (seed, (worst, overall)) in (0..).zip(gains) {
            let values = |worst: f64, overall: f64| {
                let mut values = reaches(0.80, 0.40);
                values.extend([(Part::All, "accuracy", overall), (WORST, "accuracy", worst)]);
                values
            };
            let (before, offset) = (0.43 + 0.02 * seed as f64, 0.01 * seed as f64);
            let run = Run {
                id: format!("base{seed}"),
                dataset: "waterbirds-100",
                seed,
                ..Run::default()
            };
            let guided = Run {
                id: format!("energy{seed}"),
                loss: Some("energy"),
                lambda: Some(0.05),
                annotated_fraction: 0.01,
                ..run.clone()
            };
            runs.push(run.scored(values(before, 0.68 + offset)));
            runs.push(guided.scored(values(before + worst, 0.68 + offset + overall)));
        }
        runs
    };
    let holds = runs([(0.12, 0.02), (0.13, 0.03), (0.14, 0.025)]);
    expect("R10", &holds, Verdict::Holds);
    expect(
        "R10",
        &runs([(-0.12, 0.02), (-0.13, 0.03), (-0.14, 0.025)]),
        Verdict::DoesNotHold,
    );
    // Only one seed of three gains.
    expect(
        "R10",
        &runs([(0.30, 0.06), (0.00, 0.00), (-0.05, -0.01)]),
        Verdict::Undecided,
    );
    // Not Waterbirds.
    let elsewhere = [
        base(reaches(0.80, 0.40)),
        Run::guided("e", "energy").scored(reaches(0.80, 0.60)),
    ];
    expect("R10", &elsewhere, Verdict::NotTested);
    // The interval of the mean of 0.12, 0.13, 0.14 is ± t · 0.01 / √3, where 0.01 is their standard deviation
    // and t the 97.5 % quantile of Student's t with 2 degrees of freedom.
    let trials = judged(&holds, "R10").trials;
    let worst = trials
        .iter()
        .find(|trial| trial.compared.contains("waterbird on land, 3 seeds"))
        .unwrap();
    let half = 4.302_652_729_749_462 * 0.01 / 3_f64.sqrt();
    let interval = worst.interval.unwrap();
    assert!((interval.low - (0.13 - half)).abs() < 1e-9, "{worst:?}");
    assert!((interval.high - (0.13 + half)).abs() < 1e-9, "{worst:?}");
    // Only the last of three baselines has the group's accuracy: the interval is that of the last seed's run.
    let mut last = holds;
    for baseline in [0, 2] {
        let values = &mut last[baseline].scores[0].values;
        values.retain(|(part, ..)| *part != WORST);
    }
    let trials = judged(&last, "R10").trials;
    let worst = trials
        .iter()
        .find(|trial| trial.compared.contains("waterbird on land, one seed"))
        .unwrap();
    let interval = worst.interval.unwrap();
    assert!(0.13 < interval.low && interval.high < 0.15, "{worst:?}");
}

#[test]
fn r11_asks_for_iou_with_few_boxes() {
    let runs = |fraction: f64, iou: f64| {
        let limited = Run {
            annotated_fraction: fraction,
            ..Run::guided("few", "l1")
        };
        [
            base(also(reaches(0.80, 0.40), "iou", 0.10)),
            limited.scored(also(reaches(0.79, 0.50), "iou", iou)),
        ]
    };
    expect("R11", &runs(0.01, 0.12), Verdict::Holds);
    expect("R11", &runs(0.1, 0.08), Verdict::DoesNotHold);
    expect("R11", &runs(0.01, 0.10), Verdict::Undecided);
    // More than 10 % annotated.
    expect("R11", &runs(0.5, 0.12), Verdict::NotTested);
}
