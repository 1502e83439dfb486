//! Runs `analysis` on the results folder `fixtures/results`, and tests what it writes, prints and refuses.
//! The folder has invented numbers of a baseline and three guided runs (trainings), with seven scored checkpoints
//! and two groups of test images. `fixtures/make.py` makes it, and with numpy the expected numbers in
//! `fixtures/expected.csv`.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use polars::prelude::*;
use tempfile::TempDir;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A copy of the fixture that a test may break.
fn copy() -> TempDir {
    fn copy_into(from: &Path, to: &Path) {
        fs_err::create_dir_all(to).unwrap();
        for entry in fs_err::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy_into(&entry.path(), &target);
            } else {
                fs_err::copy(entry.path(), target).unwrap();
            }
        }
    }
    let dir = TempDir::new().unwrap();
    copy_into(&fixtures().join("results"), dir.path());
    dir
}

/// Runs `analysis <command> --results <results> --out <out>`.
fn analysis(command: &str, results: &Path, out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_analysis"))
        .args([command, "--results"])
        .arg(results)
        .arg("--out")
        .arg(out)
        .output()
        .unwrap()
}

/// Runs `analysis <command>`, which must succeed. Returns its output folder, standard output and standard
/// error.
fn succeeds(command: &str, results: &Path) -> (TempDir, String, String) {
    let out = TempDir::new().unwrap();
    let output = analysis(command, results, out.path());
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    (out, stdout, stderr)
}

/// Reads a Parquet table.
fn frame(path: &Path) -> DataFrame {
    ParquetReader::new(std::fs::File::open(path).unwrap())
        .finish()
        .unwrap()
}

/// Writes `frame` as the table `schema` of that version, with the metadata of the fixture's tables.
fn write(path: &Path, mut frame: DataFrame, schema: &str, version: &str) {
    let inputs = "d".repeat(64);
    let metadata = [
        ("guidance.schema", schema),
        ("guidance.version", version),
        ("guidance.inputs", &inputs),
        ("guidance.formulas", "2"),
    ];
    let metadata = metadata
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .to_vec();
    ParquetWriter::new(std::fs::File::create(path).unwrap())
        .with_key_value_metadata(Some(KeyValueMetadata::from_static(metadata)))
        .finish(&mut frame)
        .unwrap();
}

/// Reads a text file in an output folder.
fn read(out: &TempDir, name: &str) -> String {
    fs_err::read_to_string(out.path().join(name)).unwrap()
}

#[test]
fn table_has_the_numbers_numpy_computed() {
    let (out, ..) = succeeds("tables", &fixtures().join("results"));
    let found = frame(&out.path().join("table.parquet"));
    let expected = CsvReadOptions::default()
        .with_infer_schema_length(None)
        .try_into_reader_with_file_path(Some(fixtures().join("expected.csv")))
        .unwrap()
        .finish()
        .unwrap();
    assert_eq!(found.height(), expected.height());
    let keys = |frame: &DataFrame| -> Vec<(String, Option<i64>, String)> {
        let text = |name: &str| -> Vec<String> {
            frame
                .column(name)
                .unwrap()
                .str()
                .unwrap()
                .iter()
                .map(|v| v.unwrap().to_owned())
                .collect()
        };
        let group = frame
            .column("group_id")
            .unwrap()
            .cast(&DataType::Int64)
            .unwrap();
        let groups: Vec<Option<i64>> = group.i64().unwrap().iter().collect();
        text("run_id")
            .into_iter()
            .zip(groups)
            .zip(text("metric"))
            .map(|((r, g), m)| (r, g, m))
            .collect()
    };
    let found_keys = keys(&found);
    for (expected_row, key) in keys(&expected).into_iter().enumerate() {
        let row = found_keys.iter().position(|other| *other == key).unwrap();
        for name in [
            "checkpoint",
            "value",
            "ci_low",
            "ci_high",
            "diff",
            "diff_low",
            "diff_high",
            "n",
        ] {
            let number = |frame: &DataFrame, row: usize| -> Option<f64> {
                frame
                    .column(name)
                    .unwrap()
                    .cast(&DataType::Float64)
                    .unwrap()
                    .f64()
                    .unwrap()
                    .get(row)
            };
            match (number(&found, row), number(&expected, expected_row)) {
                (Some(a), Some(b)) => assert!((a - b).abs() < 1e-9, "{key:?} {name}: {a} != {b}"),
                (a, b) => assert_eq!(a, b, "{key:?} {name}"),
            }
        }
    }
    assert_eq!(
        read(&out, "table.csv").lines().count(),
        expected.height() + 1
    );
}

#[test]
fn standard_output_is_the_markdown_table() {
    let (out, stdout, stderr) = succeeds("tables", &fixtures().join("results"));
    assert_eq!(stdout, read(&out, "table.md"));
    // Energy with λ = 0.05 has its best EPG at epoch 7, but its validation F1 is too low there. L1 has no
    // epoch near the baseline's F1, so its epoch is marked.
    let lines: Vec<&str> = stdout.lines().take(11).collect();
    assert_eq!(
        lines,
        [
            "### Scenes · resnet18 · IxG at Final · all test images",
            "",
            "| Run                      | Epoch | F1 (%)            | mAP (%)           | EPG (%)              | IoU (%)             |",
            "|:-------------------------|------:|:------------------|:------------------|:---------------------|:--------------------|",
            "| Baseline                 |     6 | 79.0 [76.5, 81.5] | 81.0 [79.2, 83.4] | 40.2 [37.7, 42.3]    | 15.1 [13.0, 17.0]   |",
            "| Energy, λ = 0.01         |     4 | 78.9 [76.6, 81.1] | 81.1 [79.0, 83.2] | 45.5 [42.7, 47.7]    | 16.0 [14.0, 18.8]   |",
            "|   difference to baseline |       | −0.1 [−2.0, +1.6] | +0.1 [−1.4, +1.5] | +5.3 [+3.8, +6.7]    | +0.9 [−0.7, +2.7]   |",
            "| Energy, λ = 0.05         |     5 | 78.1 [75.7, 80.2] | 80.6 [78.1, 82.9] | 60.1 [57.3, 62.4]    | 19.0 [16.7, 20.9]   |",
            "|   difference to baseline |       | −0.9 [−2.7, +0.6] | −0.4 [−2.2, +1.4] | +19.9 [+18.2, +21.5] | +3.9 [+2.2, +5.5]   |",
            "| L1, λ = 0.001            |    2† | 75.5 [73.1, 78.1] | 78.0 [75.6, 80.1] | 48.0 [45.7, 50.6]    | 26.0 [23.9, 28.1]   |",
            "|   difference to baseline |       | −3.5 [−5.2, −1.9] | −3.0 [−4.5, −1.4] | +7.8 [+6.2, +9.6]    | +10.9 [+9.6, +12.3] |",
        ]
    );
    assert!(stdout.contains(" IoU at threshold 0.5. † The checkpoint with the best validation F1: none was within 1 point"));
    assert!(stdout.contains("group shifted\n") && stdout.contains("group in-distribution\n"));
    assert_eq!(
        stderr.lines().last().unwrap(),
        format!("open {}", out.path().join("table.md").display())
    );
    assert_eq!(frame(&out.path().join("runs.parquet")).height(), 4);
    assert_eq!(frame(&out.path().join("epochs.parquet")).height(), 32);
    // Seven checkpoints; all images and two groups; F1, mAP, EPG and IoU, and IoU at three more thresholds.
    let metrics = frame(&out.path().join("metrics.parquet"));
    assert_eq!(
        metrics.height(),
        7 * 3 * 7,
        "checkpoints × groups × metrics and thresholds"
    );
}

#[test]
fn report_stands_alone_and_says_what_was_found() {
    let (out, stdout, _) = succeeds("report", &fixtures().join("results"));
    let page = read(&out, "report.html").replace('\u{a0}', " ");
    let finding = "Guiding with Energy, λ = 0.05 (IxG at Final, one seed): test EPG rose from 40.2 % to 60.1 % (+19.9 \
                   points, 95 % interval [+18.2, +21.5]); F1 did not clearly change, −0.9 points [−2.7, +0.6].";
    for text in [
        finding,
        "On the test images of group shifted: test EPG rose from 35.2 % to 55.1 %",
        "F1 rose by 3.1 points [+1.9, +4.8].",
        "&lt;script&gt;alert('class')&lt;/script&gt;",
        "base_line &amp; &lt;i&gt;100%&lt;/i&gt; | #1",
        "EPG undefined, 0",
        "epoch 5 (best val EPG within 1 point of the baseline's val F1)",
        "epoch 2 (best val F1 (none within 1 point of a baseline's))",
    ] {
        assert!(page.contains(text), "missing: {text}");
    }
    for text in [
        "<script src",
        "<script>alert",
        "<i>",
        "src=\"http",
        "href=\"http",
        "@import",
        "url(",
    ] {
        assert!(
            !page.contains(text),
            "not in a page that stands alone: {text}"
        );
    }
    // Three examples of each of the four runs.
    assert_eq!(
        page.matches("<img src=\"data:image/png;base64,").count(),
        12
    );
    for name in [
        "epg_f1",
        "epg_f1_groups",
        "iou_f1",
        "selection",
        "losses",
        "panel",
        "worst_to_best",
    ] {
        let svg = read(&out, &format!("figures/{name}.svg"));
        let png = fs_err::read(out.path().join(format!("figures/{name}.png"))).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        // A PNG's width is a big-endian number at byte 16. A unit of the SVG is 3 pixels.
        let side = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        let size = svg
            .split("width=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let width: f64 = size.parse().unwrap();
        assert_eq!(side(16), (width * 3.0).round() as u32, "{name}");
        // The first three lines are the head, the description and the background.
        assert!(
            page.contains(svg.lines().nth(3).unwrap()),
            "{name} is inlined"
        );
    }
    // The order of sections: maps first, then the findings (sentences), then other figures; tables come last.
    let sections = [
        "panel", "findings", "epg_f1", "verdicts", "table", "runs", "reading", "files",
    ];
    let places = sections.map(|name| page.find(&format!("<section id=\"{name}\"")));
    let headline = page.find("<section class=\"headline\" id=\"findings\"");
    let places: Vec<usize> = places
        .into_iter()
        .map(|place| place.or(headline).unwrap())
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    let links = sections.map(|name| page.find(&format!("<a href=\"#{name}\"")).unwrap());
    assert!(links.is_sorted(), "{links:?}");
    // A figure is visible; its table is folded away until it is opened.
    let of_epg = &page[places[2]..places[3]];
    let [figure, folded, table] =
        ["<svg", "<details class=\"numbers\"", "<table"].map(|start| of_epg.find(start));
    assert!(
        figure < folded && folded < table && figure.is_some(),
        "{figure:?} {folded:?} {table:?}"
    );
    for label in ["F1 (%)", "EPG (%)", "Epoch"] {
        assert!(page.contains(&format!(">{label}</text>")), "{label}");
    }
    // The terminal shows the same sentence, and the verdicts on the claims.
    assert!(stdout.starts_with(finding), "{stdout}");
    assert!(
        stdout.contains("\nR1   not decided: one seed  "),
        "{stdout}"
    );
    assert!(
        stdout.contains("\nR4   not tested here        "),
        "{stdout}"
    );
}

#[test]
fn only_what_is_asked_for_is_shown() {
    let out = TempDir::new().unwrap();
    let show = |names: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_analysis"))
            .args(["report", "--results"])
            .arg(fixtures().join("results"))
            .arg("--out")
            .arg(out.path())
            .args(names.iter().flat_map(|name| ["--show", name]))
            .output()
            .unwrap()
    };
    let chosen = show(&["iou_f1", "dilation"]);
    let stderr = String::from_utf8(chosen.stderr).unwrap();
    assert_eq!(chosen.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("note: dilation: nothing to show: no scored run has dilated boxes"));
    let names = |folder: &str| {
        let mut names: Vec<String> = fs_err::read_dir(out.path().join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names("figures"), ["iou_f1.png", "iou_f1.svg"]);
    assert_eq!(
        names("tables"),
        ["iou_f1.csv", "iou_f1.md", "iou_f1.parquet", "iou_f1.tex"]
    );
    let unknown = show(&["nope"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        String::from_utf8(unknown.stderr)
            .unwrap()
            .contains("[possible values: panel, epg_f1, classes,")
    );
}

#[test]
fn same_results_give_the_same_bytes() {
    let (first, ..) = succeeds("report", &fixtures().join("results"));
    let (second, ..) = succeeds("report", &fixtures().join("results"));
    let mut n = 0;
    for folder in ["", "figures", "tables"] {
        for entry in fs_err::read_dir(first.path().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let other = second.path().join(path.strip_prefix(first.path()).unwrap());
                assert!(
                    fs_err::read(&path).unwrap() == fs_err::read(other).unwrap(),
                    "{}",
                    path.display()
                );
                n += 1;
            }
        }
    }
    // One of them is `written.sha256`, the list of the files in tables/ and figures/.
    assert!(n > 40, "{n}");
}

/// Group names with markup must not become formatting in any format.
#[test]
fn hostile_names_stay_text_in_every_format() {
    let results = copy();
    let groups =
        df!("group_id" => [0, 1], "group_name" => ["a|b_c & <b>50 %</b>", "$x$ \\end{table}\n"]);
    write(
        &results.path().join("data/scenes/groups.parquet"),
        groups.unwrap(),
        "groups",
        "1",
    );
    let (out, ..) = succeeds("report", results.path());
    assert!(read(&out, "table.md").contains("group a\\|b\\_c &amp; &lt;b>50 %&lt;/b>"));
    let latex = read(&out, "table.tex");
    assert!(latex.contains("group a\\textbar{}b\\_c \\& \\textless{}b\\textgreater{}50 \\%"));
    assert!(latex.contains("\\$x\\$ \\textbackslash{}end\\{table\\} "));
    // All test images and two groups: the name with `\\end{table}` adds none.
    assert_eq!(latex.matches("\\end{table}").count(), 3);
    assert!(
        read(&out, "figures/epg_f1_groups.svg").contains("a|b_c &amp; &lt;b&gt;50 %&lt;/b&gt;")
    );
    assert!(!read(&out, "report.html").contains("<b>50"));
}

/// A gap in a copy of the fixture: its name, the files removed, a part of standard error, and a part of the
/// table of runs that must still be there.
type Gap = (
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static str,
);

/// Without some files a report must still be made. It leaves out what they had, and notes it.
#[test]
fn what_is_missing_is_left_out_and_said() {
    #[rustfmt::skip]
    let gaps: [Gap; 6] = [
        ("no replicates", &["runs/l1xx0001/evaluations/test-2/replicates.parquet"],
            "no replicates.parquet, so no intervals", "| L1, λ = 0.001            |    2† | 75.5              |"),
        ("no examples", &["runs/l1xx0001/evaluations/test-2/examples.parquet"],
            "no examples.parquet, so none of its maps are shown", "| L1, λ = 0.001            |    2† |"),
        ("unfinished evaluation", &["runs/ener0001/evaluations/test-5/metrics.parquet"],
            "test-5: unfinished evaluation, left out", "| Energy, λ = 0.05         |     3 |"),
        ("unfinished run", &["runs/l1xx0001/run.parquet"],
            "l1xx0001: unfinished run, left out", "| Energy, λ = 0.05         |     5 |"),
        ("no baseline", &["runs/base0001/run.parquet"],
            "base0001: unfinished run, left out", "| Energy, λ = 0.05 |    3† |"),
        ("no group names", &["data/scenes/groups.parquet"],
            "open ", "IxG at Final · group 1\n"),
    ];
    for (gap, removed, said, shown) in gaps {
        let results = copy();
        for path in removed {
            fs_err::remove_file(results.path().join(path)).unwrap();
        }
        let (out, _, stderr) = succeeds("report", results.path());
        assert!(stderr.contains(said), "{gap}: {stderr}");
        let table = read(&out, "table.md");
        assert!(table.contains(shown), "{gap}: {table}");
    }
}

/// A damaged table must end the program with exit code 2 and one message, before anything is written.
#[test]
fn broken_tables_are_refused_in_one_line() {
    // Damages the table at a path.
    type Break = fn(&Path);
    // Writes a table again, changed.
    fn change(path: &Path, schema: &str, with: impl FnOnce(DataFrame) -> DataFrame) {
        let version = match schema {
            "epochs" => "1",
            "examples" => "2",
            // The fixture's tables are of version 4, which is still read; they lack columns of version 5.
            "run" | "replicates" => "4",
            _ => "3",
        };
        write(path, with(frame(path)), schema, version);
    }
    // The file, how it is broken, and the error after the file's name.
    #[rustfmt::skip]
    let cases: [(&str, Break, &str); 10] = [
        ("runs/base0001/run.parquet", |p| write(p, frame(p), "run", "2"), "guidance.version: found 2, expected 5\nhint: it is of another version of the programs; make it again by `trainer train`"),
        ("runs/base0001/run.parquet", |p| change(p, "run", |f| f.drop("loss_options").unwrap()), "loss_options: found no such column, expected str"),
        ("runs/base0001/epochs.parquet", |p| write(p, frame(p), "run", "1"), "guidance.schema: found run, expected epochs"),
        ("runs/base0001/run.parquet", |p| { ParquetWriter::new(std::fs::File::create(p).unwrap()).finish(&mut df!("run_id" => ["x"]).unwrap()).unwrap(); }, "guidance.schema: found nothing, expected run"),
        ("runs/base0001/evaluations/test-6/metrics.parquet", |p| change(p, "metrics", |f| f.drop("n").unwrap()), "n: found no such column, expected i64"),
        ("runs/base0001/evaluations/test-6/metrics.parquet", |p| change(p, "metrics", |mut f| { let n = f.column("n").unwrap().cast(&DataType::Int32).unwrap(); f.with_column(n).unwrap(); f }), "n: found i32, expected i64"),
        ("runs/base0001/evaluations/test-6/replicates.parquet", |p| change(p, "replicates", |mut f| { let n = Column::full_null("split".into(), f.height(), &DataType::String); f.with_column(n).unwrap(); f }), "split: found 1200 null values, expected none"),
        ("runs/ener0001/run.parquet", |p| write(p, frame(p), "run", "3"), "area_exponent: found no such column, expected f64"),
        ("runs/ener0001/epochs.parquet", |p| change(p, "epochs", |mut f| { let ids = Column::new("run_id".into(), vec!["other"; f.height()]); f.with_column(ids).unwrap(); f }), "run_id: found other, expected ener0001"),
        ("runs/ener0001/evaluations/test-5/examples.parquet", |p| change(p, "examples", |mut f| { let maps = Column::new("map".into(), vec![&[0_u8; 8][..]; f.height()]); f.with_column(maps).unwrap(); f }), "map: found 8 bytes, expected 2304 bytes for 24 × 24 pixels"),
    ];
    for (file, break_it, message) in cases {
        let results = copy();
        let path = results.path().join(file);
        break_it(&path);
        let out = TempDir::new().unwrap();
        let output = analysis("report", results.path(), out.path());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{file}: {message}");
        assert_eq!(stderr, format!("error: {}: {message}\n", path.display()));
        let written = fs_err::read_dir(out.path()).unwrap().count();
        assert_eq!(written, 0, "{message}");
    }
}

#[test]
fn nothing_to_analyse_says_what_to_do() {
    let empty = TempDir::new().unwrap();
    let unscored = copy();
    for run in ["base0001", "ener0001", "ener0002", "l1xx0001"] {
        fs_err::remove_dir_all(unscored.path().join("runs").join(run).join("evaluations")).unwrap();
    }
    for (dir, expected) in [
        (
            empty.path(),
            "no finished run (runs/<run id>/run.parquet)\nhint: ",
        ),
        (unscored.path(), "no finished evaluation on the test split"),
    ] {
        let out = TempDir::new().unwrap();
        let output = analysis("tables", dir, out.path());
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            stderr.starts_with(&format!("error: {}: {expected}", dir.display())),
            "{stderr}"
        );
        assert_eq!(fs_err::read_dir(out.path()).unwrap().count(), 0);
    }
}

#[test]
fn only_the_runs_asked_for_are_in_the_table() {
    let out = TempDir::new().unwrap();
    let tables = |runs: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_analysis"))
            .args(["tables", "--results"])
            .arg(fixtures().join("results"))
            .arg("--out")
            .arg(out.path())
            .args(runs.iter().flat_map(|run| ["--run", run]))
            .output()
            .unwrap()
    };
    let chosen = tables(&["base0001", "l1xx0001"]);
    let table = String::from_utf8(chosen.stdout).unwrap();
    assert_eq!(chosen.status.code(), Some(0));
    assert!(table.contains("L1") && !table.contains("Energy"), "{table}");
    let unknown = tables(&["base0001", "nope"]);
    let message = String::from_utf8(unknown.stderr).unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        message.ends_with("runs/nope/run.parquet: --run: found no such file, expected the run.parquet of a finished run\n"),
        "{message}"
    );
}

#[test]
fn programs_that_ask_are_told_what_can_be_shown() {
    let output = Command::new(env!("CARGO_BIN_EXE_analysis"))
        .args(["vocabulary", "--json"])
        .output()
        .unwrap();
    let vocabulary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let program = concat!("analysis ", env!("CARGO_PKG_VERSION"));
    assert_eq!(vocabulary["program"], program);
    let names = |of: &str| -> Vec<&str> {
        let all = vocabulary[of].as_array().unwrap().iter();
        let is_titled = |entry: &&serde_json::Value| !entry["title"].as_str().unwrap().is_empty();
        all.filter(is_titled)
            .map(|entry| entry["name"].as_str().unwrap())
            .collect()
    };
    assert_eq!(names("claims")[..2], ["R1", "R2"]);
    assert_eq!(names("exhibits")[..2], ["panel", "epg_f1"]);
    // `--show` takes each exhibit's name, and no two have the same.
    let exhibits = names("exhibits");
    let distinct: std::collections::BTreeSet<&str> = exhibits.iter().copied().collect();
    assert_eq!(distinct.len(), exhibits.len());
    let results = fixtures().join("results");
    let out = TempDir::new().unwrap();
    let shown = Command::new(env!("CARGO_BIN_EXE_analysis"))
        .args(["tables", "--results"])
        .arg(results)
        .arg("--out")
        .arg(out.path())
        .args(exhibits.iter().flat_map(|name| ["--show", name]))
        .output()
        .unwrap();
    assert_eq!(shown.status.code(), Some(0));
}
