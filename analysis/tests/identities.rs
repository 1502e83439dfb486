//! Tests which runs (trainings) `analysis` puts together as one configuration, which it compares, and which
//! it keeps apart. A configuration is all that decides a run except λ (the weight of the localization loss) and
//! seed. The results are invented (`common`).

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;

use common::claims::judged_in;
use common::program::{analysis, numbers, report, table, texts};
use common::{Part, Run, reaches, results};

/// A scored baseline (unguided run).
fn base() -> Run {
    Run::default().scored(reaches(0.80, 0.40))
}

/// Guided runs that each differ from `Run::guided` in one thing, with the words by which a report must tell
/// the difference.
fn changes() -> Vec<(Run, &'static str)> {
    let run = || Run::guided("other", "energy");
    vec![
        (
            Run {
                length: 50,
                ..run()
            },
            "50 epochs",
        ),
        (
            Run {
                learning_rate: 1e-5,
                ..run()
            },
            "learning rate 1e-5",
        ),
        (
            Run {
                batch_size: 64,
                ..run()
            },
            "batches of 64",
        ),
        (
            Run {
                optimizer: ("adamw", 0.05),
                ..run()
            },
            "AdamW, weight decay 0.05",
        ),
        (
            Run {
                optimizer: ("adam", 1e-4),
                ..run()
            },
            "Adam, weight decay 0.0001",
        ),
        (
            Run {
                schedule: ("cosine", 0),
                ..run()
            },
            "cosine schedule",
        ),
        (
            Run {
                schedule: ("constant", 20),
                ..run()
            },
            "constant schedule, 20 steps of warm-up",
        ),
        (
            Run {
                early_stopping: "metric=f1, patience=3",
                ..run()
            },
            "early stopping metric=f1, patience=3",
        ),
        (
            Run {
                augmentation: "crop_flip",
                ..run()
            },
            "crop_flip",
        ),
        (
            Run {
                color_jitter: "hue=0.1",
                ..run()
            },
            "color jitter hue=0.1",
        ),
        (
            Run {
                labels: ("single", "logit"),
                ..run()
            },
            "softmax",
        ),
        (
            Run {
                labels: ("single", "contrast"),
                ..run()
            },
            "softmax, contrast explained",
        ),
        (
            Run {
                precision: "bf16",
                ..run()
            },
            "trained in bf16",
        ),
        (
            Run {
                data: "other-data",
                size: 448,
                ..run()
            },
            "448 × 448 pixels",
        ),
        (
            Run {
                data: "other-data",
                ..run()
            },
            "data other-da",
        ),
        (
            Run {
                hidden: "on_non_finite = skip",
                ..run()
            },
            "configuration ",
        ),
    ]
}

/// Two Energy runs that differ in more than λ and seed must not share a Pareto front, and the table of fronts
/// must say in what they differ.
#[test]
fn what_differs_in_more_than_weight_and_seed_is_another_configuration() {
    for (other, words) in changes() {
        let other = Run {
            lambda: Some(0.5),
            ..other
        };
        let dir = results(&[
            base(),
            Run::guided("e", "energy").scored(reaches(0.80, 0.60)),
            other.scored(reaches(0.80, 0.70)),
        ]);
        let (out, _) = report(dir.path());
        let fronts = table(&out, "tables/epg_f1");
        let lines: Vec<(String, String)> = texts(&fronts, "section")
            .into_iter()
            .zip(texts(&fronts, "loss"))
            .collect();
        let energy = |(_, loss): &&(String, String)| loss.starts_with("Energy");
        let told: BTreeSet<_> = lines.iter().filter(energy).collect();
        assert_eq!(told.len(), 2, "{words}: {lines:?}");
        let checkpoints = numbers(&fronts, "checkpoints");
        assert!(checkpoints.iter().all(|n| *n == Some(1.0)), "{words}");
        let is_told =
            |(section, loss): &&(String, String)| section.contains(words) || loss.contains(words);
        assert!(told.iter().any(is_told), "{words}: {lines:?}");
        // The figure has a front for each, or names the difference in the title of a panel.
        let svg = fs_err::read_to_string(out.path().join("figures/epg_f1.svg")).unwrap();
        let n_fronts = svg
            .lines()
            .filter(|line| line.starts_with("<polyline"))
            .count();
        assert!(n_fronts == 2 || svg.contains(words), "{words}");
    }
}

/// Runs with different seeds share a line of the table of seeds only if nothing else differs.
#[test]
fn seeds_are_those_of_one_configuration() {
    for (other, words) in changes() {
        let other = Run { seed: 1, ..other };
        let dir = results(&[
            base(),
            Run::guided("e", "energy").scored(reaches(0.80, 0.60)),
            other.scored(reaches(0.80, 0.70)),
        ]);
        let (out, _) = report(dir.path());
        assert!(!out.path().join("tables/seeds.md").exists(), "{words}");
    }
    let dir = results(&[
        base(),
        Run::guided("e", "energy").scored(reaches(0.80, 0.60)),
        Run {
            seed: 1,
            ..Run::guided("other", "energy")
        }
        .scored(reaches(0.80, 0.70)),
    ]);
    let (out, _) = report(dir.path());
    // The numbers of runs in the means of F1 and of EPG.
    assert_eq!(
        numbers(&table(&out, "tables/seeds"), "value_n"),
        [Some(2.0); 2]
    );
}

/// Claim R1 compares an Energy run with an L1 run only if they are trained alike.
#[test]
fn losses_are_compared_where_all_else_is_the_same() {
    let judged = |other: Run| {
        let dir = results(&[
            base(),
            Run::guided("e", "energy").scored(reaches(0.80, 0.60)),
            Run {
                id: "l".to_owned(),
                loss: Some("l1"),
                ..other
            }
            .scored(reaches(0.80, 0.50)),
        ]);
        judged_in(dir.path(), "R1")
    };
    for (other, words) in changes() {
        let judged = judged(other);
        // Only the last change, an option without a column in `run.parquet`, leaves them comparable.
        let expected = usize::from(words == "configuration ");
        assert_eq!(judged.trials.len(), expected, "{words}: {judged:#?}");
    }
    assert_eq!(judged(Run::guided("l", "l1")).trials.len(), 1);
}

/// Claim R4 compares networks whose trainings may differ. It takes the most similar one, and says how
/// their trainings still differ.
#[test]
fn networks_are_compared_on_the_same_data_and_say_what_else_differs() {
    let network = |id: &str, backbone, length, data| {
        Run {
            id: id.to_owned(),
            backbone,
            length,
            data,
            ..Run::default()
        }
        .scored(reaches(
            0.80,
            if backbone == "resnet50" { 0.40 } else { 0.47 },
        ))
    };
    let same = [
        network("b", "bcos_resnet50", 2, "d"),
        network("r", "resnet50", 2, "d"),
        network("long", "resnet50", 300, "d"),
    ];
    let judged = judged_in(results(&same).path(), "R4");
    let compared: Vec<&str> = judged.trials.iter().map(|t| t.compared.as_str()).collect();
    assert_eq!(compared, ["bcos_resnet50 over resnet50, before guidance"]);
    let judged = judged_in(results(&[same[0].clone(), same[2].clone()]).path(), "R4");
    assert_eq!(
        judged.trials[0].compared,
        "bcos_resnet50 over resnet50, before guidance (2 epochs against 300 epochs)"
    );
    let other = [same[0].clone(), network("r", "resnet50", 2, "other")];
    assert!(judged_in(results(&other).path(), "R4").trials.is_empty());
}

/// A guided run whose baseline is missing or does not fit has no differences, and a note says why.
#[test]
fn a_run_without_its_baseline_is_compared_with_none() {
    let guided = |baseline| Run {
        baseline,
        ..Run::guided("e", "energy")
    };
    // A run that names no baseline.
    let from_weights = || guided(None);
    #[rustfmt::skip]
    // A run, and what the note must say of it.
    let cases: [(Run, &str); 8] = [
        (guided(Some("gone")), "its baseline gone is not among these runs"),
        (guided(Some("other")), "other, where it starts, is guided"),
        (Run { data: "of-others", ..guided(Some("base")) }, "its baseline base is of other data (data_inputs d, not of-other)"),
        (Run { backbone: "resnet18", ..guided(Some("base")) }, "its baseline base is another network"),
        (Run { precision: "bf16", maps_precision: Some("f32"), ..from_weights() }, "no unguided run of its seed starts from the same weights"),
        (Run { seed: 3, ..from_weights() }, "no unguided run of its seed starts from the same weights"),
        (Run { data: "of-others", ..from_weights() }, "no unguided run of its seed starts from the same weights"),
        (Run { augmentation: "crop_flip", ..from_weights() }, "no unguided run of its seed starts from the same weights"),
    ];
    let differences = |dir: &Path| {
        let (out, stderr) = report(dir);
        let rows = table(&out, "table");
        let of = |id: &str| -> Vec<Option<f64>> {
            let ids = texts(&rows, "run_id").into_iter();
            let all = ids.zip(numbers(&rows, "diff"));
            all.filter(|(run, _)| run == id)
                .map(|(_, diff)| diff)
                .collect()
        };
        (of("e"), stderr)
    };
    for (run, why) in cases {
        let other = Run::guided("other", "l1").scored(reaches(0.80, 0.50));
        let dir = results(&[base(), other, run.scored(reaches(0.80, 0.60))]);
        let (found, stderr) = differences(dir.path());
        assert_eq!(found, [None, None], "{why}");
        let said = "note: run energy Some(0.1) (e): ";
        let note = stderr.lines().find(|line| line.starts_with(said));
        let note = note.unwrap_or_else(|| panic!("{why}: {stderr}"));
        assert!(note.contains(why), "{note}");
        assert!(note.ends_with(", so it is compared with none"), "{note}");
    }
    // The baseline is named, or no baseline is named and one differs in the guidance alone.
    for run in [guided(Some("base")), from_weights()] {
        let dir = results(&[base(), run.scored(reaches(0.80, 0.60))]);
        let (found, stderr) = differences(dir.path());
        assert!((found[0].unwrap() - 0.20).abs() < 1e-9, "{found:?}");
        assert!(!stderr.contains("compared with none"), "{stderr}");
    }
    // A run that names no baseline and is trained differently: the note says in what. Of two baselines the
    // more similar one is taken.
    let dir = results(&[
        base(),
        Run {
            length: 7,
            batch_size: 64,
            ..from_weights()
        }
        .scored(reaches(0.80, 0.60)),
    ]);
    let (found, stderr) = differences(dir.path());
    assert!((found[0].unwrap() - 0.20).abs() < 1e-9, "{found:?}");
    let note = "(e): it names no baseline and is compared with base, which differs from it: 2 epochs, \
                batches of 32 against 7 epochs, batches of 64";
    assert!(stderr.contains(note), "{stderr}");
    let near = Run {
        id: "near".to_owned(),
        length: 7,
        ..Run::default()
    };
    common::add(dir.path(), &[near.scored(reaches(0.80, 0.50))]);
    let (found, _) = differences(dir.path());
    assert!((found[0].unwrap() - 0.10).abs() < 1e-9, "{found:?}");
    // The baseline is among the runs, but was scored through maps of another layer.
    let elsewhere = Run::default().scored_at("final", reaches(0.80, 0.40));
    let dir = results(&[elsewhere, guided(Some("base")).scored(reaches(0.80, 0.60))]);
    let (found, stderr) = differences(dir.path());
    assert_eq!(found, [None, None]);
    assert!(stderr.contains("note: baseline base: not scored through the same maps (IxG at Input"));
}

/// The fronts of each seed are measured above the baseline of that seed. The differences between two losses
/// are then averaged over the seeds.
#[test]
fn fronts_of_several_seeds_are_held_against_the_baseline_of_each() {
    let runs = |seed: i64, base: &'static str, epg: f64| {
        let guided = |loss: &'static str, gain: f64| {
            Run {
                seed,
                baseline: Some(base),
                ..Run::guided(&format!("{loss}{seed}"), loss)
            }
            .scored(reaches(0.80, epg + gain))
        };
        let baseline = Run {
            id: base.to_owned(),
            seed,
            ..Run::default()
        };
        [
            baseline.scored(reaches(0.80, epg)),
            guided("energy", 0.20),
            guided("l1", 0.10),
        ]
    };
    let all = [runs(0, "base0", 0.40), runs(1, "base1", 0.60)].concat();
    let judged = judged_in(results(&all).path(), "R1");
    // In each seed Energy's EPG is 0.10 higher than L1's.
    assert_eq!(judged.trials.len(), 1);
    let effect = judged.trials[0].effect();
    assert_eq!(effect.seeds, 2);
    assert!((effect.mean - 0.10).abs() < 1e-9, "{effect:?}");
}

/// Published numbers are shown only for data sets with exactly the published name.
#[test]
fn published_numbers_stand_beside_the_published_data_alone() {
    for (dataset, is_published) in [("voc2007", true), ("voc", false), ("my-voc2007", false)] {
        let run = Run {
            dataset,
            backbone: "bcos_resnet50",
            attribution: "bcos",
            ..Run::default()
        };
        let (out, _) = report(results(&[run.scored(reaches(0.81, 0.45))]).path());
        let path = out.path().join("tables/published.md");
        assert_eq!(path.exists(), is_published, "{dataset}");
    }
    for (dataset, is_published) in [("waterbirds-100", true), ("waterbirds-95", false)] {
        let mut values = reaches(0.8, 0.4);
        values.extend([
            (Part::All, "accuracy", 0.7),
            (Part::Group(2), "accuracy", 0.4),
        ]);
        let run = Run {
            dataset,
            backbone: "bcos_resnet50",
            attribution: "bcos",
            ..Run::default()
        };
        let energy = Run {
            id: "e".to_owned(),
            loss: Some("energy"),
            lambda: Some(0.1),
            ..run.clone()
        };
        let dir = results(&[run.scored(values.clone()), energy.scored(values)]);
        let (out, _) = report(dir.path());
        for table in ["waterbirds", "published_waterbirds"] {
            let path = out.path().join(format!("tables/{table}.md"));
            assert_eq!(path.exists(), is_published, "{dataset} {table}");
        }
        assert_eq!(
            judged_in(dir.path(), "R10").trials.is_empty(),
            !is_published
        );
    }
}

#[test]
fn two_runs_of_different_data_are_not_compared() {
    let guided = |id: &str, data, layer| {
        Run {
            data,
            layer,
            ..Run::guided(id, "energy")
        }
        .scored(reaches(0.80, 0.60))
    };
    let dir = results(&[
        base(),
        guided("same", "d", "input"),
        guided("other", "d2", "input"),
        guided("deep", "d", "final"),
        // Trained for longer, which does not hinder a comparison that names both runs.
        Run {
            length: 9,
            ..guided("long", "d", "input")
        },
    ]);
    let error = |pair: &str| {
        let output = analysis("query", dir.path(), &["--compare", pair]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        let line = stderr.lines().find(|line| line.starts_with("error: "));
        line.map(str::to_owned)
    };
    assert_eq!(
        error("same,other").unwrap(),
        "error: --compare: found same,other, expected two runs on the same data, not data_inputs d and d2"
    );
    assert_eq!(
        error("same,deep").unwrap(),
        "error: --compare: found same,deep, expected two runs scored on the test split through the same maps"
    );
    assert_eq!(error("same,long"), None);
    assert_eq!(error("base,same"), None);
}

/// Losses that no code here names, one of them with a title in the metadata, and a loss with an option in
/// `run.parquet` of this version and of versions 4 and 3.
#[test]
fn any_loss_has_its_title_its_options_and_a_style_of_its_own() {
    let dir = results(&[
        base(),
        Run::guided("new", "gradia").scored(reaches(0.80, 0.50)),
        Run {
            said: vec![("guidance.titles", r#"{"gap": "GAP loss"}"#)],
            exponent: Some(0.25),
            ..Run::guided("titled", "gap")
        }
        .scored(reaches(0.80, 0.55)),
        Run {
            exponent: Some(0.5),
            ..Run::guided("option", "energy_area")
        }
        .scored(reaches(0.80, 0.60)),
        Run {
            exponent: Some(2.0),
            version: "4",
            ..Run::guided("before", "energy_area")
        }
        .scored(reaches(0.80, 0.62)),
        Run {
            exponent: Some(1.0),
            version: "3",
            ..Run::guided("former", "energy_area")
        }
        .scored(reaches(0.80, 0.65)),
    ]);
    let (out, _) = report(dir.path());
    let labels = [
        "Baseline",
        "Energy*, exponent = 0.5",
        "Energy*, exponent = 1",
        "Energy*, exponent = 2",
        "GAP loss, exponent = 0.25",
        "gradia",
    ];
    assert_eq!(texts(&table(&out, "tables/epg_f1"), "loss"), labels);
    let printed = fs_err::read_to_string(out.path().join("table.md")).unwrap();
    assert!(
        printed.contains("| GAP loss, exponent = 0.25, λ = 0.1 |"),
        "{printed}"
    );
    let runs = table(&out, "runs");
    let mut options = texts(&runs, "loss_options");
    options.sort();
    let expected = [
        "exponent=0.25",
        "exponent=0.5",
        "exponent=1",
        "exponent=2",
        "–",
        "–",
    ];
    assert_eq!(options, expected);
    // Columns that versions 4 and 3 lack are filled with the values that all runs had then.
    assert_eq!(texts(&runs, "optimizer"), ["adam"; 6]);
    assert_eq!(texts(&runs, "schedule"), ["constant"; 6]);
    // Energy*'s colour, and the first two colours for losses that no code here names.
    let svg = fs_err::read_to_string(out.path().join("figures/epg_f1.svg")).unwrap();
    for colour in ["#8c2d6b", "#17a2b8", "#e8743b"] {
        assert!(svg.contains(colour), "{colour}");
    }
}
