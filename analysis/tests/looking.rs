//! Tests the exhibits (figures and tables of the report) that show where networks look: `panel`, maps of the worst,
//! median, best and of random pairs (an image and a class on it), the maps of `waterbirds`, and `shares`, attribution
//! on the class's boxes, on other classes' and on the background. The results are invented (`common`).

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::program::{numbers, report, table, texts};
use common::{Part, Run, Value, reaches, results, write_with};
use polars::prelude::*;
use tempfile::TempDir;

/// Writes the `examples.parquet` of a run's evaluation, with a pair for each of `epgs`, which are the EPG of ranks
/// 0, 1, …: a picture of 4×4 pixels whose class is called `pair <rank>`.
fn keep(results: &Path, run: &str, epgs: &[Option<f64>]) {
    keep_of(results, run, ("conventional", "pair"), epgs);
}

/// The same of an evaluation for a task, whose classes are called `<class> <rank>`.
fn keep_of(results: &Path, run: &str, (task, class): (&str, &str), epgs: &[Option<f64>]) {
    let n = epgs.len();
    let ranks: Vec<i32> = (0..n as i32).collect();
    let bytes = |size: usize| Column::new("".into(), vec![&vec![0_u8; size][..]; n]);
    let named = |name: &str, mut column: Column| {
        column.rename(name.into());
        column
    };
    let mut frame = df!(
        "rank" => &ranks, "run_id" => vec![run; n], "checkpoint" => vec![1_i32; n], "split" => vec!["test"; n],
        "image_id" => ranks.iter().map(|rank| format!("image {rank}")).collect::<Vec<_>>(),
        "class_id" => vec![0_i32; n],
        "class_name" => ranks.iter().map(|rank| format!("{class} {rank}")).collect::<Vec<_>>(),
        "attribution" => vec!["ixg"; n], "layer" => vec!["input"; n], "precision" => vec!["f32"; n],
        "height" => vec![4_i32; n], "width" => vec![4_i32; n], "epg" => epgs,
    )
    .unwrap();
    for (name, size) in [("rgb", 48), ("map", 64), ("boxes", 16)] {
        frame.with_column(named(name, bytes(size))).unwrap();
    }
    let path = results.join(format!(
        "runs/{run}/evaluations/test-ixg-input-epoch-0001/examples.parquet"
    ));
    let metadata = [
        ("guidance.inputs", "d"),
        ("guidance.formulas", "2"),
        ("guidance.task", task),
    ];
    write_with(&path, "examples", &metadata, frame);
}

/// The texts of a figure, in order.
fn texts_of(out: &TempDir, figure: &str) -> Vec<String> {
    let path = out.path().join(format!("figures/{figure}.svg"));
    let svg = fs_err::read_to_string(path).unwrap();
    let texts = svg.split("<text ").skip(1);
    let text = |element: &str| {
        let (_, text) = element.split_once('>').unwrap();
        text.split_once('<').unwrap().0.to_owned()
    };
    texts.map(text).collect()
}

/// A baseline and a run guided by Energy.
fn two() -> TempDir {
    results(&[
        Run::default().scored(reaches(0.80, 0.40)),
        Run::guided("guided", "energy").scored(reaches(0.80, 0.60)),
    ])
}

#[test]
fn the_worst_median_and_best_pairs_are_those_of_the_guided_run() {
    let dir = two();
    // Ranks by EPG after guidance: worst 3 (undefined, counts as 0) and 10; then 5, 1, 7; median 0 and 2; then 6, 9,
    // 4; best 8 and 11. Of rank 12, which has a low EPG, the baseline has no map, so it is left out.
    let after = [
        Some(0.40),
        Some(0.20),
        Some(0.50),
        None,
        Some(0.80),
        Some(0.10),
        Some(0.60),
        Some(0.30),
        Some(0.90),
        Some(0.70),
        Some(0.05),
        Some(0.95),
        Some(0.01),
    ];
    let before: Vec<Option<f64>> = (0..12)
        .map(|rank| Some(0.12 - 0.01 * f64::from(rank)))
        .collect();
    keep(dir.path(), "base", &before);
    keep(dir.path(), "guided", &after);
    let (out, _) = report(dir.path());
    let shown = texts_of(&out, "worst_to_best");
    let heading = ["Image", "Baseline", "Guided"];
    assert_eq!(shown[..6], [heading, heading].concat());
    let row = |label: &str, pairs: [(&str, &str, &str); 2]| {
        let pairs = pairs.map(|(pair, before, after)| [pair, before, after].map(str::to_owned));
        [vec![label.to_owned()], pairs.concat()].concat()
    };
    let expected = [
        row(
            "Worst",
            [
                ("pair 3", "EPG 9.0 %", "EPG undefined, 0"),
                ("pair 10", "EPG 2.0 %", "EPG 5.0 %"),
            ],
        ),
        row(
            "Median",
            [
                ("pair 0", "EPG 12.0 %", "EPG 40.0 %"),
                ("pair 2", "EPG 10.0 %", "EPG 50.0 %"),
            ],
        ),
        row(
            "Best",
            [
                ("pair 11", "EPG 1.0 %", "EPG 95.0 %"),
                ("pair 8", "EPG 4.0 %", "EPG 90.0 %"),
            ],
        ),
    ];
    assert_eq!(shown[6..], expected.concat());
    let page = fs_err::read_to_string(out.path().join("report.html")).unwrap();
    let words = "before (baseline) and after guidance by Energy, λ = 0.1: the worst, median and best by EPG after \
                 guidance, among 12 of the 100 test pairs (an image and a class on it); these 12 were drawn at \
                 random, before anything was scored.";
    assert!(page.contains(words), "{page}");

    // The figure of random pairs has the ranks 0 to 7, whatever their EPG.
    let random = texts_of(&out, "panel");
    for rank in 0..12 {
        let is_there = random.contains(&format!("pair {rank}"));
        assert_eq!(is_there, rank < 8, "pair {rank}: {random:?}");
    }
}

/// Three pairs at least are ranked, and only those count of which both runs have a map: two here.
#[test]
fn few_pairs_have_no_worst() {
    let dir = two();
    keep(dir.path(), "base", &[Some(0.1); 2]);
    keep(dir.path(), "guided", &[Some(0.5); 9]);
    let (out, _) = report(dir.path());
    assert!(!out.path().join("figures/worst_to_best.svg").exists());
    assert_eq!(texts_of(&out, "panel")[1..3], ["pair 0", "pair 1"]);
}

/// The same ids of images and classes are in the maps of both tasks of Waterbirds, but a class is a bird in one and
/// a place in the other.
#[test]
fn each_task_of_waterbirds_has_its_own_maps() {
    let values = |epg: f64| {
        let mut values = reaches(0.80, epg);
        values.push((Part::All, "accuracy", 0.80));
        values
    };
    let of = |task: &'static str, run: Run| Run {
        id: format!("{}-{task}", run.id),
        dataset: "waterbirds-100",
        task,
        ..run
    };
    let birds = [
        of("conventional", Run::default().scored(values(0.40))),
        Run {
            baseline: Some("base-conventional"),
            ..of(
                "conventional",
                Run::guided("e", "energy").scored(values(0.60)),
            )
        },
    ];
    let places = [
        of("reversed", Run::default().scored(values(0.40))),
        Run {
            baseline: Some("base-reversed"),
            ..of("reversed", Run::guided("e", "energy").scored(values(0.60)))
        },
    ];
    let dir = results(&[birds, places].concat());
    for (task, class, before, after) in [
        ("conventional", "bird", 0.1, 0.5),
        ("reversed", "place", 0.2, 0.6),
    ] {
        for (run, epg) in [("base", before), ("e", after)] {
            let epgs = [Some(epg); 2];
            keep_of(dir.path(), &format!("{run}-{task}"), (task, class), &epgs);
        }
    }
    let (out, _) = report(dir.path());
    let under = |figure: &str| -> Vec<String> {
        let is_under = |text: &String| {
            let starts = ["bird ", "place ", "EPG "];
            starts.iter().any(|start| text.starts_with(start))
        };
        texts_of(&out, figure)
            .into_iter()
            .filter(is_under)
            .collect()
    };
    for (figure, class, before, after) in [
        ("waterbirds_maps", "bird", "10.0", "50.0"),
        ("waterbirds_maps_reversed", "place", "20.0", "60.0"),
    ] {
        let [before, after] = [before, after].map(|epg| format!("EPG {epg} %"));
        let classes = [0, 1].map(|rank| format!("{class} {rank}"));
        let expected = [
            &classes[..],
            &[before.clone(), before],
            &[after.clone(), after],
        ];
        assert_eq!(under(figure), expected.concat(), "{figure}");
    }
}

#[test]
fn shares_of_attribution_are_drawn_and_compared() {
    let shares = |own: f64, other: f64, background: f64| -> Vec<Value> {
        let mut values = reaches(0.80, own);
        values.push((Part::All, "epg_other", other));
        values.push((Part::All, "epg_background", background));
        values
    };
    let guided = |id, loss, values| Run::guided(id, loss).scored(values);
    let reversed = |mut run: Run| {
        run.id += "-reversed";
        run.task = "reversed";
        run.baseline = run.baseline.map(|_| "base-reversed");
        run
    };
    let runs = [
        Run::default().scored(shares(0.40, 0.25, 0.35)),
        guided("e", "energy", shares(0.60, 0.10, 0.30)),
        // One pair in ten has no positive attribution, so the three shares add up to 0.9.
        guided("l", "l1", shares(0.50, 0.10, 0.30)),
        // Scored by a version without the two further shares, so it is left out.
        guided("p", "ppce", reaches(0.80, 0.45)),
    ];
    let reversed = [&runs[0], &runs[1]].map(|run| reversed(run.clone()));
    let dir = results(&[&runs[..], &reversed[..]].concat());
    let (out, _) = report(dir.path());
    let found = table(&out, "tables/shares");
    assert_eq!(
        texts(&found, "run"),
        ["Baseline", "Energy, λ = 0.1", "L1, λ = 0.1"]
    );
    for (column, expected) in [
        ("epg", [Some(0.40), Some(0.60), Some(0.50)]),
        ("epg_other", [Some(0.25), Some(0.10), Some(0.10)]),
        ("epg_background", [Some(0.35), Some(0.30), Some(0.30)]),
        ("epg_other_difference", [None, Some(-0.15), Some(-0.15)]),
    ] {
        let close = |(a, b): (&Option<f64>, &Option<f64>)| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-9,
            (a, b) => a == b,
        };
        let found = numbers(&found, column);
        assert!(
            found.iter().zip(&expected).all(close),
            "{column}: {found:?}"
        );
    }
    let low = numbers(&found, "epg_other_difference_low");
    let is_below = |low: &Option<f64>| low.is_none_or(|low| low < -0.15);
    assert!(low.iter().all(is_below) && low[1].is_some(), "{low:?}");
    // The numbers on the bars of three runs, in percent. 10.0 is there three times: Energy's and L1's share on other
    // classes, and the rest of L1's bar.
    let drawn = texts_of(&out, "shares");
    for number in ["40.0", "25.0", "35.0", "60.0", "10.0", "30.0", "50.0"] {
        assert!(
            drawn.iter().any(|text| text == number),
            "{number}: {drawn:?}"
        );
    }
    assert_eq!(drawn.iter().filter(|text| *text == "10.0").count(), 3);
    assert_eq!(drawn.last().unwrap(), "no positive attribution");
    // The printed table of runs has no column for them.
    let of_runs = texts(&table(&out, "table"), "metric");
    assert!(of_runs.contains(&"epg_other".to_owned()));
    let printed = fs_err::read_to_string(out.path().join("table.md")).unwrap();
    assert!(
        printed.contains("EPG (%)") && !printed.contains("epg_other"),
        "{printed}"
    );
}
