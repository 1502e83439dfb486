//! Tests the rules that give the paper's claims R1 to R11 a verdict (docs/SPEC.md F, docs/statistics.md). Each test
//! makes up results of three seeds for which a claim must hold, not hold, be undecided, or not be tested for lack of
//! runs.
//!
//! A made-up metric's replicates reach about 0.02 to each side, but those of a difference between two runs only about
//! 0.004, because most of the scatter is the same for all runs (`common`); seeds differ by at most 0.002.

#![allow(clippy::unwrap_used)]

mod common;

use analysis::claims::verdict::Judged;
use analysis::statistics::rules::Verdict;
use common::claims::judged_in;
use common::{Part, Run, Value, over_seeds, reaches, results, write_step_times};

/// Judges a claim by the results of `runs`.
fn judged(runs: &[Run], claim: &str) -> Judged {
    judged_in(results(runs).path(), claim)
}

/// Asserts that `runs`, of three seeds, give a claim this verdict, and that one seed gives none. Only an untested
/// claim says what is missing and has no trials (comparisons); only an undecided one says what is needed.
fn expect(claim: &str, runs: &[Run], verdict: Verdict) {
    let judged = judged(&over_seeds(runs, 3), claim);
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
    assert_eq!(judged.needed.is_empty(), verdict != Verdict::Undecided);
    if !is_untested {
        assert_eq!(judged.seeds, Some([3, 3]));
        let one = self::judged(runs, claim);
        assert_eq!(one.verdict, Verdict::TooFewSeeds(1), "{one:#?}");
        assert_eq!(one.needed, "3 seeds at least");
        let trials = one.trials.iter();
        trials.for_each(|trial| assert!(trial.effect().interval.is_some(), "{trial:?}"));
    }
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
fn r1_compares_heights_of_epg() {
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
fn guidance_that_costs_more_than_five_points_of_f1_is_declined() {
    let guided = |loss: &'static str, val_f1, epg| {
        Run {
            epochs: vec![(1, val_f1, 0.90)],
            ..Run::guided(loss, loss)
        }
        .scored(reaches(0.80, epg))
    };
    let runs = [
        base(reaches(0.80, 0.40)),
        // Six points below the baseline's validation F1: the baseline's 0.40 counts.
        guided("energy", 0.74, 0.90),
        guided("l1", 0.80, 0.45),
    ];
    expect("R1", &runs, Verdict::DoesNotHold);
    // Both are declined: nothing differs.
    let runs = [runs[0].clone(), runs[1].clone(), guided("l1", 0.74, 0.70)];
    expect("R1", &runs, Verdict::Undecided);
}

/// In its first epochs a B-cosified network is still nearly the ordinary one, with an F1 that it never has again. No
/// checkpoint of these is kept.
#[test]
fn guidance_is_not_declined_for_an_f1_that_no_checkpoint_has() {
    let on_its_way = (1, 0.95, 0.40);
    let baseline = Run {
        epochs: vec![(2, 0.80, 0.40), on_its_way, (3, 0.70, 0.30)],
        dropped: vec![1, 3],
        ..Run::default()
    };
    let guided = |loss: &'static str, epg| Run::guided(loss, loss).scored(reaches(0.80, epg));
    let runs = [
        baseline.scored(reaches(0.80, 0.40)),
        guided("energy", 0.60),
        guided("l1", 0.50),
    ];
    expect("R1", &runs, Verdict::Holds);
}

#[test]
fn a_height_is_a_mean_over_what_validation_chooses_at_each_loss_of_f1() {
    let run = |id: &str, loss, lambda, val_f1, epg| {
        Run {
            lambda: Some(lambda),
            // Validation EPG is the test EPG.
            epochs: vec![(1, val_f1, epg)],
            ..Run::guided(id, loss)
        }
        .scored(reaches(0.80, epg))
    };
    let all = [
        base(reaches(0.80, 0.40)),
        run("e1", "energy", 0.1, 0.82, 0.50),
        run("e2", "energy", 0.5, 0.78, 0.70),
        run("l1", "l1", 0.1, 0.80, 0.52),
        run("l2", "l1", 0.5, 0.70, 0.90),
    ];
    let difference = |runs: &[Run]| judged(runs, "R1").trials[0].effect().mean;
    // Energy has 0.50 where F1 falls by at most 0 and 1 points, 0.70 at 2 and 5; L1 has 0.52 everywhere.
    let found = difference(&all);
    assert!((found - (0.60 - 0.52)).abs() < 1e-9, "{found}");
    // L1 with one λ: Energy keeps one as well, that of the smaller run id.
    let found = difference(&all[..4]);
    assert!((found - (0.50 - 0.52)).abs() < 1e-9, "{found}");
}

/// The seed on which λ was chosen enters no comparison, and the others choose among the λ that it found.
#[test]
fn the_tuning_seed_is_left_out() {
    let mut runs = over_seeds(
        &[
            base(reaches(0.80, 0.40)),
            Run::guided("e", "energy").scored(reaches(0.80, 0.60)),
            Run::guided("l", "l1").scored(reaches(0.80, 0.50)),
        ],
        4,
    );
    let lucky = Run {
        id: "lucky".to_owned(),
        lambda: Some(0.5),
        epochs: vec![(1, 0.80, 0.95)],
        ..runs[1].clone()
    };
    runs.push(lucky.scored(reaches(0.80, 0.99)));
    let found = judged(&runs, "R1");
    assert_eq!(found.verdict, Verdict::Holds, "{found:#?}");
    assert_eq!(found.seeds, Some([3, 3]));
    assert!(
        (found.effects.unwrap()[0] - 0.10).abs() < 0.003,
        "{found:?}"
    );
}

#[test]
fn what_is_needed_is_told_in_seeds() {
    // Energy is 0.004 better in the mean, and seeds differ by more.
    let of_seed = |seed: i64, energy: f64| {
        let base: &'static str = format!("base{seed}").leak();
        let guided = |loss: &'static str, epg| {
            Run {
                seed,
                baseline: Some(base),
                ..Run::guided(&format!("{loss}{seed}"), loss)
            }
            .scored(reaches(0.80, epg))
        };
        let baseline = Run {
            id: base.to_owned(),
            seed,
            ..Run::default()
        };
        [
            baseline.scored(reaches(0.80, 0.40)),
            guided("energy", 0.50 + energy),
            guided("l1", 0.50),
        ]
    };
    let runs: Vec<Run> = [(0, 0.002), (1, 0.002), (2, 0.008)]
        .into_iter()
        .flat_map(|(seed, energy)| of_seed(seed, energy))
        .collect();
    let found = judged(&runs, "R1");
    assert_eq!(found.verdict, Verdict::Undecided, "{found:#?}");
    assert_eq!(found.why, "0 for, 0 against, 1 open of 1 comparisons");
    assert!(found.needed.starts_with("about "), "{}", found.needed);
    let [median, least, greatest] = found.effects.unwrap();
    assert!((median - 0.004).abs() < 1e-9 && least == median && greatest == median);
}

#[test]
fn r2_compares_heights_of_iou_at_the_final_layer() {
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
fn r3_compares_heights_of_what_lies_on_the_object() {
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
    // EPG rises and F1 hardly falls; F1 may have fallen by a point; EPG falls; F1 falls by ten points; no maps of the
    // final layer.
    expect("R5", &runs("final", 0.799, 0.55), Verdict::Holds);
    expect("R5", &runs("final", 0.790, 0.55), Verdict::Undecided);
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
    // F1 rises, but EPG falls or stays.
    expect("R6", &runs(0.82, 0.30, converged()), Verdict::DoesNotHold);
    expect("R6", &runs(0.82, 0.40, converged()), Verdict::Undecided);
    // The baseline's best epoch is its last, so its F1 might have risen without guidance too.
    let improving = vec![(1, 0.80, 0.40)];
    expect("R6", &runs(0.82, 0.50, improving), Verdict::NotTested);
}

#[test]
fn r7_asks_for_half_of_the_gain() {
    let runs_of = |fraction: f64, few: f64, all: f64| {
        let limited = Run {
            annotated_fraction: fraction,
            ..Run::guided("few", "energy")
        };
        [
            base(reaches(0.80, 0.40)),
            Run::guided("all", "energy").scored(reaches(0.80, all)),
            limited.scored(reaches(0.80, few)),
        ]
    };
    let runs = |fraction, few| runs_of(fraction, few, 0.60);
    // Where all boxes do not gain, there is nothing to keep.
    expect("R7", &runs_of(0.01, 0.53, 0.35), Verdict::Undecided);
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

/// Results of three seeds guided at the input and at Mid2, whose input maps have `epg`.
fn deeper(epg: f64) -> Vec<Run> {
    let deep = Run {
        layer: "mid2",
        ..Run::guided("deep", "energy")
    };
    let runs = [
        base(reaches(0.80, 0.40)),
        Run::guided("input", "energy").scored(reaches(0.80, 0.60)),
        deep.scored_at("input", reaches(0.80, epg)),
    ];
    over_seeds(&runs, 3)
}

#[test]
fn r9_is_not_tested_without_times_measured_in_turn() {
    let found = judged(&deeper(0.55), "R9");
    assert_eq!(found.verdict, Verdict::NotTested);
    assert!(found.why.starts_with("missing: times of"), "{}", found.why);
}

#[test]
fn r9_asks_for_higher_epg_and_a_faster_step() {
    use Verdict::{DoesNotHold, Holds, Undecided};
    // EPG of the input's maps (the baseline has 0.40), the mean time of a step guided at Mid2 where one guided at the
    // input takes 1 s, how much that time differs from round to round, and the verdict.
    let cases = [
        (0.55, 0.70, 0.05, Holds),
        (0.35, 0.70, 0.05, DoesNotHold),
        (0.55, 1.30, 0.05, DoesNotHold),
        (0.55, 1.00, 0.05, Undecided),
        (0.40, 0.70, 0.05, Undecided),
    ];
    for (epg, time, apart, verdict) in cases {
        let runs = deeper(epg);
        let dir = results(&runs);
        let id = |begins: &str| {
            let mut ids = runs.iter().map(|run| run.id.as_str());
            ids.find(|id| id.starts_with(begins)).unwrap()
        };
        let mut times = Vec::new();
        for round in 1..=8 {
            // In every round the machine is slower than in the one before, which both runs meet.
            let slow = f64::from(round);
            let away = apart * f64::from(round % 2 * 2 - 1);
            times.push((id("input"), round, slow));
            times.push((id("deep"), round, slow * (time + away)));
        }
        write_step_times(dir.path(), &times);
        let found = judged_in(dir.path(), "R9");
        assert_eq!(found.verdict, verdict, "{epg} {time}: {:#?}", found.trials);
    }
}

/// The runs whose steps were timed had a λ that validation dropped, so that they were not scored.
#[test]
fn r9_takes_times_of_runs_that_were_not_scored() {
    let mut runs = deeper(0.55);
    let mut times = Vec::new();
    for (index, id, seconds) in [(1, "input-tried", 1.0), (2, "deep-tried", 0.7)] {
        runs.push(Run {
            id: id.to_owned(),
            lambda: Some(0.9),
            seed: 9,
            scores: Vec::new(),
            ..runs[index].clone()
        });
        times.extend((1..=8).map(|round| (id, round, seconds + 0.01 * f64::from(round % 2))));
    }
    let dir = results(&runs);
    write_step_times(dir.path(), &times);
    let found = judged_in(dir.path(), "R9");
    assert_eq!(found.verdict, Verdict::Holds, "{}", found.why);
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
    let verdict = |gains| judged(&runs(gains), "R10").verdict;
    let holds = [(0.12, 0.02), (0.13, 0.025), (0.14, 0.022)];
    assert_eq!(verdict(holds), Verdict::Holds);
    let falls = [(-0.12, 0.02), (-0.13, 0.03), (-0.14, 0.025)];
    assert_eq!(verdict(falls), Verdict::DoesNotHold);
    // Only one seed of three gains.
    let one = [(0.30, 0.06), (0.00, 0.00), (-0.05, -0.01)];
    assert_eq!(verdict(one), Verdict::Undecided);
    // Not Waterbirds.
    let elsewhere = [
        base(reaches(0.80, 0.40)),
        Run::guided("e", "energy").scored(reaches(0.80, 0.60)),
    ];
    expect("R10", &elsewhere, Verdict::NotTested);
    let worst = |runs: &[Run]| {
        let trials = judged(runs, "R10").trials;
        let mut trials = trials.into_iter();
        let worst = trials.find(|trial| trial.compared.contains("waterbird on land"));
        *worst.unwrap().effect()
    };
    let effect = worst(&runs(holds));
    assert!(
        (effect.mean - 0.13).abs() < 1e-9 && effect.seeds == 3,
        "{effect:?}"
    );
    // The interval is wider than Student's over seeds alone, as it counts the images: t · 0.01 / √3, where 0.01 is
    // the deviation of 0.12, 0.13, 0.14; but its t has more degrees of freedom than that of 3 seeds, 4.30.
    let interval = effect.interval.unwrap();
    let half = (interval.high - interval.low) / 2.0;
    assert!(
        half > 1.96 * 0.01 / 3_f64.sqrt() && half < 4.31 * 0.0101 / 3_f64.sqrt(),
        "{half}"
    );
    // Only the last of three baselines has the group's accuracy: it alone is compared.
    let mut last = runs(holds);
    for run in [0, 2] {
        let values = &mut last[run].scores[0].values;
        values.retain(|(part, ..)| *part != WORST);
    }
    let effect = worst(&last);
    assert!(
        (effect.mean - 0.14).abs() < 1e-9 && effect.seeds == 1,
        "{effect:?}"
    );
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
