//! Tests what `analysis` does with evaluations (one checkpoint's maps of one split, scored) that differ in
//! the maps' floating-point precision, the version of the metrics' formulas or the seed of the bootstrap resamples,
//! have pairs (an image and a class on it) that count as 0, have groups of images, or have metrics, methods and
//! metadata that no code here knows. The results are invented (`common`).

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;

use common::program::{analysis, numbers, report, table, texts};
use common::{Part, Run, add, reaches, results};
use polars::prelude::*;
use tempfile::TempDir;

/// A scored baseline (unguided run).
fn base() -> Run {
    Run::default().scored(reaches(0.80, 0.40))
}

/// A results folder with a baseline and a guided run, both with maps in f32 and in bf16.
fn explained_twice() -> TempDir {
    let runs = |maps_precision, f1: f64, epg: f64| {
        let base = Run {
            maps_precision,
            ..Run::default()
        };
        let guided = Run {
            maps_precision,
            ..Run::guided("e", "energy")
        };
        [
            base.scored(reaches(f1, epg)),
            guided.scored(reaches(f1, epg + 0.2)),
        ]
    };
    let dir = results(&runs(Some("f32"), 0.80, 0.40));
    add(dir.path(), &runs(Some("bf16"), 0.70, 0.30));
    dir
}

/// Maps in several precisions must not be mixed: each has rows, a section and differences of its own, and a
/// query that would average over them is refused.
#[test]
fn explanations_of_several_precisions_are_told_apart() {
    let dir = explained_twice();
    let (out, stderr) = report(dir.path());
    assert!(!stderr.contains("left out"), "{stderr}");
    let rows = table(&out, "table");
    let keys: BTreeSet<(String, String, String)> = texts(&rows, "run_id")
        .into_iter()
        .zip(texts(&rows, "precision"))
        .zip(texts(&rows, "metric"))
        .map(|((run, precision), metric)| (run, precision, metric))
        .collect();
    // A row for each of two runs, two precisions and two metrics, none twice.
    assert_eq!((keys.len(), rows.height()), (8, 8));
    let diff: Vec<f64> = numbers(&rows, "diff").into_iter().flatten().collect();
    let mut diff: Vec<i64> = diff.iter().map(|d| (d * 1000.0).round() as i64).collect();
    diff.sort_unstable();
    assert_eq!(diff, [0, 0, 200, 200], "paired in the same precision");
    let printed = fs_err::read_to_string(out.path().join("table.md")).unwrap();
    for heading in [
        "IxG at Input, maps in bf16 · all",
        "IxG at Input, maps in f32 · all",
    ] {
        assert!(printed.contains(heading), "{printed}");
    }
    let lines = |arguments: &[&str]| {
        let output = analysis("query", dir.path(), arguments);
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = lines(&["--metric", "epg"]);
    for line in ["| input | f32       | 60.0", "| input | bf16      | 50.0"] {
        assert!(listed.contains(line), "{listed}");
    }
    assert!(listed.ends_with("4 rows.\n"), "{listed}");
    let mixed = analysis("query", dir.path(), &["--group-by", "loss"]);
    let stderr = String::from_utf8(mixed.stderr).unwrap();
    assert_eq!(mixed.status.code(), Some(2));
    assert_eq!(
        stderr,
        "error: --group-by: found maps of one checkpoint in several precisions (bf16, f32), expected \
         precision among the columns, or --where precision=VALUE\n"
    );
    let one = lines(&["--group-by", "loss", "--where", "precision=bf16"]);
    assert!(
        one.contains("| energy | 70.0   | 1 | 50.0    | 1 |"),
        "{one}"
    );
    let compared = lines(&["--compare", "base,e", "--metric", "epg"]);
    assert!(
        compared.contains("| f32  | epg    | 40.0  | 60.0  | +20.0"),
        "{compared}"
    );
    assert!(
        compared.contains("| bf16 | epg    | 30.0  | 50.0  | +20.0"),
        "{compared}"
    );
}

/// The printed table names the maps' precision only if it is known and not the one that the run was trained in.
#[test]
fn a_precision_is_told_only_where_it_is_news() {
    let usual = results(&[base()]);
    let (out, _) = report(usual.path());
    let printed = |out: &TempDir| fs_err::read_to_string(out.path().join("table.md")).unwrap();
    assert!(!printed(&out).contains("f32"));
    let other = Run {
        maps_precision: Some("bf16"),
        ..Run::default()
    };
    let (out, _) = report(results(&[other.scored(reaches(0.8, 0.4))]).path());
    assert!(printed(&out).contains("IxG at Input, maps in bf16"));
    let unknown = Run {
        maps_precision: None,
        ..Run::default()
    };
    let (out, _) = report(results(&[unknown.scored(reaches(0.8, 0.4))]).path());
    assert!(!printed(&out).contains("precision"));
}

/// Evaluations of two versions of the formulas, or of an unknown one, are refused. The error names the file
/// of the older or unknown version, and nothing is written.
#[test]
fn evaluations_of_other_formulas_are_not_mixed() {
    let run = |id: &str, formulas| {
        Run {
            id: id.to_owned(),
            formulas,
            ..Run::default()
        }
        .scored(reaches(0.8, 0.4))
    };
    // The versions of the runs a and b, the run that the error names, and its words.
    for (a, b, older, found, expected) in [
        (Some("2"), Some("1"), "b", "1", "2 as in <A>"),
        (Some("2"), Some("3"), "a", "2", "3 as in <B>"),
        (Some("2"), None, "b", "nothing", "2 as in <A>"),
        (
            None,
            Some("2"),
            "a",
            "nothing",
            "the version of the formulas, a number",
        ),
        (
            Some("new"),
            Some("2"),
            "a",
            "new",
            "the version of the formulas, a number",
        ),
    ] {
        let dir = results(&[run("a", a), run("b", b)]);
        let at = |id: &str| {
            let evaluation = format!("runs/{id}/evaluations/test-ixg-input-epoch-0001");
            let path = dir.path().join(evaluation).join("metrics.parquet");
            path.to_string_lossy().into_owned()
        };
        let expected = expected.replace("<A>", &at("a")).replace("<B>", &at("b"));
        let out = TempDir::new().unwrap();
        let folder = out.path().to_string_lossy().into_owned();
        for (command, arguments) in [("report", &["--out", &folder][..]), ("query", &[])] {
            let output = analysis(command, dir.path(), arguments);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{stderr}");
            let path = at(older);
            let first =
                format!("error: {path}: guidance.formulas: found {found}, expected {expected}");
            let lines: Vec<&str> = stderr.lines().collect();
            assert_eq!(lines[0], first);
            assert!(lines[1].starts_with("hint: score its maps again with `evaluator score`"));
        }
        assert_eq!(fs_err::read_dir(out.path()).unwrap().count(), 0);
    }
}

/// Replicates of two seeds are of other resamples, whose differences would say nothing. Tables that name no seed
/// have the default one, 0.
#[test]
fn resamples_of_other_seeds_are_not_paired() {
    let said =
        |seed: Option<&'static str>| Vec::from_iter(seed.map(|seed| ("guidance.seed", seed)));
    // The seeds of the runs base and e, and what is refused.
    for (base, guided, message) in [
        (None, None, None),
        (None, Some("0"), None),
        (Some("1"), Some("1"), None),
        (None, Some("1"), Some(("1", "0"))),
        (Some("2"), None, Some(("0", "2"))),
    ] {
        let base = Run {
            said: said(base),
            ..Run::default()
        };
        let guided = Run {
            said: said(guided),
            ..Run::guided("e", "energy")
        };
        let dir = results(&[
            base.scored(reaches(0.80, 0.40)),
            guided.scored(reaches(0.80, 0.60)),
        ]);
        let at = |id: &str| {
            let evaluation = format!("runs/{id}/evaluations/test-ixg-input-epoch-0001");
            let path = dir.path().join(evaluation).join("replicates.parquet");
            path.to_string_lossy().into_owned()
        };
        let output = analysis("query", dir.path(), &["--compare", "base,e"]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        match message {
            None => assert_eq!(output.status.code(), Some(0), "{stderr}"),
            Some((found, expected)) => {
                assert_eq!(output.status.code(), Some(2), "{stderr}");
                let message = format!(
                    "error: {}: guidance.seed: found {found}, expected {expected} as in {} \
                     (evaluator score --seed {expected})\n",
                    at("e"),
                    at("base")
                );
                assert_eq!(stderr, message);
            }
        }
    }
}

/// Pairs that EPG counts as 0 are reported in a sentence, not as columns or rows of the table.
#[test]
fn pairs_counted_as_nothing_are_told() {
    let mut values = reaches(0.80, 0.40);
    values.extend([
        (Part::All, "empty_mask", 3.0),
        (Part::All, "no_positive", 0.0),
        (Part::All, "under_constant", 12.0),
        (Part::Group(1), "empty_mask", 2.0),
        // A metric that this program does not know.
        (Part::All, "shiny", 0.25),
    ]);
    let dir = results(&[Run::default().scored(values)]);
    let (out, _) = report(dir.path());
    let sentence = "Pairs counted as 0 in EPG, at most of any run: 3 of 100 whose boxes cover no cell of the \
                    mask (Baseline, VOC 2007 · resnet50 · IxG at Input); 12 of 100 whose positive \
                    attribution is in all below the constant 1e-7";
    for file in ["table.md", "report.html"] {
        let text = fs_err::read_to_string(out.path().join(file)).unwrap();
        assert!(text.contains(sentence), "{file}");
        assert!(!text.contains("no positive attribution ("), "{file}");
    }
    let metrics: BTreeSet<String> = texts(&table(&out, "table"), "metric").into_iter().collect();
    assert_eq!(Vec::from_iter(metrics), ["epg", "f1", "shiny"]);
    // Numbers of pairs are shown as numbers, the unknown metric in percent.
    let output = analysis("query", dir.path(), &["--metric", "empty_mask,shiny"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("| empty\\_mask | shiny (%) |"), "{text}");
    assert!(text.contains("| 3           | 25.0      |"), "{text}");
    // Without such pairs there is no such sentence.
    let (out, _) = report(results(&[base()]).path());
    let text = fs_err::read_to_string(out.path().join("table.md")).unwrap();
    assert!(!text.contains("counted as 0"), "{text}");
}

/// Groups have the names in `groups.parquet` only in runs on the same data, by the hash of the data folder. In the
/// file it is "d".
#[test]
fn groups_are_named_by_the_data_they_are_of() {
    let mut values = reaches(0.80, 0.40);
    values.push((Part::Group(1), "f1", 0.7));
    let run = |data| {
        Run {
            data,
            ..Run::default()
        }
        .scored(values.clone())
    };
    for (data, heading) in [("d", "group shifted"), ("other", "group 1")] {
        let dir = results(&[run(data)]);
        common::write(
            &dir.path().join("data/any/groups.parquet"),
            "groups",
            df!("group_id" => [1], "group_name" => ["shifted"]).unwrap(),
        );
        let (out, _) = report(dir.path());
        let text = fs_err::read_to_string(out.path().join("table.md")).unwrap();
        assert!(text.contains(heading), "{text}");
    }
}

/// A metric that no code here names is shown as the metadata of its table says: with its title, and in
/// percent if it is listed as a share.
#[test]
fn any_metric_has_its_column_its_interval_and_its_title() {
    let said = vec![
        (
            "guidance.titles",
            r#"{"pg": "Pointing game", "entropy": "Entropy"}"#,
        ),
        ("guidance.shares", r#"["f1", "epg", "pg"]"#),
    ];
    let values = |pg: f64, entropy: f64| {
        let mut values = reaches(0.80, 0.40);
        values.extend([(Part::All, "pg", pg), (Part::All, "entropy", entropy)]);
        values
    };
    let guided = |id: &str, seed: i64| Run {
        seed,
        said: said.clone(),
        ..Run::guided(id, "energy")
    };
    let base = Run {
        said: said.clone(),
        ..Run::default()
    };
    let dir = results(&[
        base.scored(values(0.50, 2.5)),
        guided("e0", 0).scored(values(0.75, 1.25)),
        guided("e1", 1).scored(values(0.75, 1.25)),
    ]);
    let (out, _) = report(dir.path());
    let printed = fs_err::read_to_string(out.path().join("table.md")).unwrap();
    let words: Vec<&str> = printed.split_whitespace().collect();
    let printed = words.join(" ");
    for text in [
        "| EPG (%) | Entropy | Pointing game (%) |",
        "| 2.5 [2.479, 2.52] | 50.0 [47.9, 52.0] |",
        "| −1.25 [−1.253, −1.247] | +25.0 [+24.7, +25.3] |",
    ] {
        assert!(printed.contains(text), "{text}: {printed}");
    }
    let seeds = table(&out, "tables/seeds");
    assert_eq!(texts(&seeds, "metric"), ["f1", "epg", "entropy", "pg"]);
    let query = |arguments: &[&str]| {
        let output = analysis("query", dir.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        String::from_utf8(output.stdout).unwrap()
    };
    let compared = query(&["--compare", "base,e0", "--metric", "pg,entropy"]);
    assert!(
        compared.contains("| entropy | 2.5   | 1.25  | −1.25 [−1."),
        "{compared}"
    );
    assert!(
        compared.contains("| pg      | 50.0  | 75.0  | +25.0 [+2"),
        "{compared}"
    );
    let shown = query(&["--metric", "pg,entropy", "--where", "run_id=e0"]);
    assert!(shown.contains("| pg (%) | entropy |"), "{shown}");
}

/// An evaluation of a checkpoint that another one scores, too, is left out whole, with what its metadata says.
#[test]
fn a_checkpoint_scored_again_is_left_out_and_said() {
    let dir = results(&[base()]);
    let again = Run {
        said: vec![("guidance.titles", r#"{"epg": "Share inside"}"#)],
        ..Run::default()
    };
    let other = results(&[again.scored(reaches(0.10, 0.10))]);
    let evaluations = |dir: &TempDir| dir.path().join("runs/base/evaluations");
    let copy = evaluations(&dir).join("test-zz");
    fs_err::create_dir_all(&copy).unwrap();
    for table in ["metrics.parquet", "replicates.parquet"] {
        let made = evaluations(&other).join("test-ixg-input-epoch-0001");
        fs_err::copy(made.join(table), copy.join(table)).unwrap();
    }
    let (out, stderr) = report(dir.path());
    let note =
        "test-zz: scores a checkpoint that another evaluation of the run scores too, left out";
    assert!(stderr.contains(note), "{stderr}");
    let values = numbers(&table(&out, "table"), "value");
    let mut values: Vec<f64> = values.into_iter().flatten().collect();
    values.sort_by(f64::total_cmp);
    assert_eq!(values, [0.40, 0.80]);
    let printed = fs_err::read_to_string(out.path().join("table.md")).unwrap();
    assert!(printed.contains("EPG (%)"), "{printed}");
    assert!(!printed.contains("Share inside"), "{printed}");
}

#[test]
fn metadata_that_is_no_json_is_refused() {
    for (key, expected) in [
        ("guidance.titles", "a JSON object of a title for each name"),
        ("guidance.shares", "a JSON list of metrics"),
    ] {
        let run = Run {
            said: vec![(key, "epg, f1")],
            ..Run::default()
        };
        let dir = results(&[run.scored(reaches(0.80, 0.40))]);
        let out = dir.path().join("out");
        let output = analysis("tables", dir.path(), &["--out", &out.to_string_lossy()]);
        let message = format!(".parquet: {key}: found epg, f1, expected {expected}\n");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.ends_with(&message), "{stderr}");
        assert_eq!(output.status.code(), Some(2));
    }
}

/// An attribution method that no code here names has the title in its run's metadata.
#[test]
fn a_method_is_called_as_its_run_says() {
    let run = Run {
        attribution: "gradcam_pp",
        said: vec![("guidance.titles", r#"{"gradcam_pp": "GradCAM++"}"#)],
        ..Run::default()
    };
    let (out, _) = report(results(&[run.scored(reaches(0.80, 0.40))]).path());
    let printed = fs_err::read_to_string(out.path().join("table.md")).unwrap();
    assert!(printed.contains("GradCAM++ at Input"), "{printed}");
}
