//! Checks the files that the pipeline leaves: every declared table must be there with its declared columns and
//! with as many rows as there are images, pairs (an image and a class on it) or bootstrap resamples; then the
//! kept checkpoints, and the report. An evaluation is the scores of one checkpoint's attribution maps.

use std::path::{Path, PathBuf};

use arrow::array::{Array, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray};
use tests::programs::{run, succeed};
use tests::runs::train;
use tests::tables::{read, schemas};

use crate::made::{EPOCHS, IMAGES, REPLICATES, made};

/// Tables of a data folder.
const DATA: [&str; 6] = ["classes", "groups", "labels", "images", "masks", "skipped"];
/// Tables of an evaluation.
const EVALUATION: [&str; 7] = [
    "predictions",
    "scores",
    "iou",
    "metrics",
    "replicates",
    "examples",
    "gallery",
];

/// Returns the path of every table that one program writes for another, with its name in `schemas.toml`.
fn tables() -> Vec<(PathBuf, &'static str)> {
    let made = made();
    let in_folder = |folder: &Path, names: &[&'static str]| -> Vec<(PathBuf, &'static str)> {
        let path = |name: &&'static str| (folder.join(format!("{name}.parquet")), *name);
        names.iter().map(path).collect()
    };
    let mut all = in_folder(&made.data, &DATA);
    for run in &made.runs {
        all.extend(in_folder(&run.folder, &["run", "epochs"]));
        for evaluation in &run.evaluations {
            all.extend(in_folder(evaluation, &EVALUATION));
        }
    }
    all
}

#[test]
fn every_documented_table_is_there_with_its_columns() {
    let schemas = schemas().unwrap();
    let tables = tables();
    // 6 of the data folder, 2 of each of 3 runs, 7 of each of 4 evaluations.
    assert_eq!(tables.len(), 6 + 3 * 2 + 4 * 7);
    for (path, name) in tables {
        let checked = read(&path).and_then(|table| table.check(name, &schemas[name]));
        checked.unwrap_or_else(|error| panic!("{}: {error:#}", path.display()));
    }
    // The report's tables: all runs, all epochs, all metrics, and the results table that it prints.
    for (file, schema) in [
        ("runs", "run"),
        ("epochs", "epochs"),
        ("metrics", "metrics"),
        ("table", "table"),
    ] {
        let table = read(&made().results.join(format!("{file}.parquet"))).unwrap();
        table
            .check(file, &schemas[schema])
            .unwrap_or_else(|error| panic!("results/{file}: {error:#}"));
    }
}

#[test]
fn tables_have_a_row_for_every_image_pair_and_resample() {
    let made = made();
    let rows = |path: PathBuf| read(&path).unwrap().rows;
    let count = |path: PathBuf| rows(path).num_rows();
    let images = rows(made.data.join("images.parquet"));
    let splits = images
        .column_by_name("split")
        .unwrap()
        .as_any()
        .downcast_ref::<StringArray>()
        .unwrap();
    let n_split = |name: &str| splits.iter().filter(|split| *split == Some(name)).count();
    let [n_train, n_val, n_test, n_shifted] = IMAGES;
    assert_eq!(
        [n_split("train"), n_split("val"), n_split("test")],
        [n_train, n_val, n_test + n_shifted]
    );

    let n_classes = count(made.data.join("classes.parquet"));
    let n_groups = count(made.data.join("groups.parquet"));
    for run in &made.runs {
        let n_epochs = if run.name == "baseline" { EPOCHS } else { 1 };
        assert_eq!(
            count(run.folder.join("epochs.parquet")),
            n_epochs,
            "{}",
            run.name
        );
        for evaluation in &run.evaluations {
            let predictions = rows(evaluation.join("predictions.parquet"));
            assert_eq!(predictions.num_rows(), (n_test + n_shifted) * n_classes);
            let target = predictions.column_by_name("target").unwrap();
            let n_pairs = target
                .as_any()
                .downcast_ref::<BooleanArray>()
                .unwrap()
                .true_count();
            // The number of rows for the metric EPG.
            let of_epg = |name: &str| {
                let table = rows(evaluation.join(name));
                let metrics = table.column_by_name("metric").unwrap().as_any();
                let metrics = metrics.downcast_ref::<StringArray>().unwrap();
                metrics
                    .iter()
                    .filter(|metric| *metric == Some("epg"))
                    .count()
            };
            assert_eq!(of_epg("scores.parquet"), n_pairs);
            assert_eq!(count(evaluation.join("gallery.parquet")), n_pairs);
            // A row for each pair and threshold.
            assert_eq!(count(evaluation.join("iou.parquet")) % n_pairs, 0);
            // Each resample has a value over all images and one for each group.
            assert_eq!(of_epg("replicates.parquet"), REPLICATES * (1 + n_groups));
        }
    }
}

#[test]
fn metrics_are_shares_and_counts() {
    for run in &made().runs {
        for evaluation in &run.evaluations {
            let rows = read(&evaluation.join("metrics.parquet")).unwrap().rows;
            let column = |name: &str| rows.column_by_name(name).unwrap().as_any();
            let metrics = column("metric").downcast_ref::<StringArray>().unwrap();
            let values = column("value").downcast_ref::<Float64Array>().unwrap();
            let counts = column("n").downcast_ref::<Int64Array>().unwrap();
            // Whether a row is a metric over all images, not of a group, a class or a range of sizes.
            let of_all = |row: usize| {
                let parts = ["group_id", "class_id", "size_low"];
                parts.iter().all(|part| {
                    let ids = rows.column_by_name(part).unwrap();
                    ids.is_null(row)
                })
            };
            for row in 0..rows.num_rows() {
                let (name, value) = (metrics.value(row), values.value(row));
                // `on_object` is the attribution inside the segmentation divided by that inside the boxes. It can
                // exceed 1, as a segmentation can reach beyond the boxes. Three metrics are counts of maps.
                let is_share = match name {
                    "on_object" | "on_object_informative" => value >= 0.0,
                    "empty_mask" | "no_positive" | "under_constant" => {
                        value.fract() == 0.0 && (0.0..=counts.value(row) as f64).contains(&value)
                    }
                    _ => (0.0..=1.0).contains(&value),
                };
                assert!(values.is_null(row) || is_share, "{name} {value}");
            }
            for name in ["f1", "map", "epg", "iou"] {
                let mut all = (0..rows.num_rows()).filter(|&row| of_all(row));
                let row = all.find(|&row| metrics.value(row) == name);
                let row = row.unwrap_or_else(|| panic!("{}: no {name}", evaluation.display()));
                assert!(values.is_valid(row), "{name}");
            }
        }
    }
}

/// A run keeps the checkpoints of the epochs that its table marks as in the Pareto set, and no saved state.
#[test]
fn kept_checkpoints_are_those_the_epochs_name() {
    for run in &made().runs {
        let rows = read(&run.folder.join("epochs.parquet")).unwrap().rows;
        let column = |name: &str| rows.column_by_name(name).unwrap().as_any();
        let epochs = column("epoch").downcast_ref::<Int32Array>().unwrap();
        let is_pareto = column("is_pareto").downcast_ref::<BooleanArray>().unwrap();
        let expected: Vec<String> = (0..rows.num_rows())
            .filter(|&row| is_pareto.value(row))
            .map(|row| format!("epoch-{:04}.safetensors", epochs.value(row)))
            .collect();
        let entries = fs_err::read_dir(run.folder.join("checkpoints")).unwrap();
        let mut found: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        assert!(!expected.is_empty());
        assert_eq!(found, expected, "{}", run.name);
        assert!(run.folder.join("run.toml").is_file());
        assert!(
            !run.folder.join("resume.safetensors").exists(),
            "{}",
            run.name
        );
    }
}

#[test]
fn a_finished_run_is_skipped() {
    let made = made();
    for run in &made.runs {
        let before = fs_err::metadata(run.folder.join("run.parquet"))
            .unwrap()
            .modified()
            .unwrap();
        let done = succeed(&mut train(&run.config, &made.data, &made.root.join("runs")));
        assert!(done.stderr.contains("is finished"), "{}", done.stderr);
        assert_eq!(Path::new(done.stdout.trim_end()), run.folder);
        let after = fs_err::metadata(run.folder.join("run.parquet"))
            .unwrap()
            .modified()
            .unwrap();
        assert_eq!(before, after);
    }
}

#[test]
fn the_report_shows_the_table_and_says_what_was_found() {
    let made = made();
    let page = fs_err::read_to_string(made.results.join("report.html")).unwrap();
    for what in [
        "<table",
        "<svg",
        "Guiding with Energy",
        "Guiding with L1",
        "Baseline",
    ] {
        assert!(page.contains(what), "report.html: no {what}");
    }
    // The page is self-contained: nothing is fetched from the network.
    for what in ["src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!page.contains(what), "report.html fetches: {what}");
    }
    // The findings are printed on stdout, too, with the verdicts on the claims of the report, `R1` to `R10`.
    for what in ["Guiding with Energy", "Guiding with L1", "\nR1 ", "\nR10 "] {
        let said = &made.report.stdout;
        assert!(said.contains(what), "no {what:?}:\n{said}");
    }
    for file in [
        "table.md",
        "table.tex",
        "table.csv",
        "table.parquet",
        "tables/epg_f1.md",
        "figures/epg_f1.svg",
        "figures/epg_f1.png",
        "gallery/index.html",
        "gallery/index.js",
        "gallery/maps-0-0-0.js",
        "gallery/0-00000.jpg",
    ] {
        assert!(
            fs_err::metadata(made.results.join(file)).unwrap().len() > 0,
            "{file}"
        );
    }
}

#[test]
fn nothing_half_written_is_left() {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                walk(&path, found);
            } else if name.starts_with('.') || name.contains("tmp") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&made().root, &mut found);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn programs_say_their_version_and_help_on_stdout() {
    for name in ["data-prep", "trainer", "evaluator", "analysis"] {
        for flag in ["--version", "--help"] {
            let done = run(tests::programs::program(name).arg(flag));
            assert_eq!(done.code, Some(0), "{name} {flag}");
            assert!(
                !done.stdout.is_empty() && done.stderr.is_empty(),
                "{name} {flag}"
            );
        }
    }
}
