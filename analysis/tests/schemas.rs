//! Tests that docs/schemas.md agrees with the tables: with `data-prep/schemas.toml` for the tables that the
//! programs hand to each other, and with the files of a report, made from invented results, for the report's tables.
//! `GUIDANCE_WRITE_DOCS=1 cargo test --workspace --test schemas` writes the file anew.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Part, Run, Value, reaches, results, write};
use polars::prelude::*;

/// A path in the workspace.
fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Returns runs from which every exhibit that has a table can be made.
fn runs() -> Vec<Run> {
    let values = |epg: f64| -> Vec<Value> {
        let mut values = reaches(0.80, epg);
        values.extend(
            [
                "map",
                "iou",
                "iou_tuned",
                "segment_epg",
                "on_object",
                "epg_other",
                "epg_background",
            ]
            .map(|m| (Part::All, m, epg)),
        );
        values.extend([
            (Part::Size(0.0, 0.01), "epg", epg),
            (Part::Class(7), "epg", epg),
        ]);
        values
    };
    let voc = |id: &str, backbone, loss: Option<&'static str>| Run {
        id: format!("{backbone}-{id}"),
        backbone,
        attribution: "bcos",
        loss,
        lambda: loss.map(|_| 0.1),
        ..Run::default()
    };
    let mut runs = Vec::new();
    for backbone in ["bcos_resnet50", "bcos_densenet121"] {
        runs.push(voc("base", backbone, None).scored(values(0.40)));
        runs.push(voc("energy", backbone, Some("energy")).scored(values(0.60)));
    }
    let energy = |id: &str| voc(id, "bcos_resnet50", Some("energy"));
    let varied = [
        Run {
            seed: 1,
            ..energy("seed")
        },
        Run {
            dilation: 0.1,
            ..energy("dilated")
        },
        Run {
            annotated_fraction: 0.01,
            ..energy("few")
        },
        Run {
            annotation: "segmentation",
            ..energy("segmented")
        },
    ];
    runs.extend(varied.map(|run| run.scored(values(0.50))));
    let deep = Run {
        layer: "mid2",
        ..energy("deep")
    };
    let deep = deep.scored(values(0.60)).scored_at("input", values(0.55));
    runs.push(deep);
    for task in ["conventional", "reversed"] {
        let run = Run {
            id: task.to_owned(),
            dataset: "waterbirds-100",
            task,
            ..Run::default()
        };
        let mut values = values(0.40);
        for part in [Part::All, Part::Group(1), Part::Group(2)] {
            values.push((part, "accuracy", 0.70));
        }
        values.push((Part::All, "worst_group", 0.50));
        runs.push(run.scored(values));
    }
    runs
}

/// Writes what was measured of a run's maps of one image into an evaluation's `folder`.
fn faithfulness(folder: &Path, id: &str) {
    let frame = df!(
        "run_id" => [id], "checkpoint" => [1], "split" => ["test"], "image_id" => ["a"], "class_id" => [0],
        "attribution" => ["bcos"], "layer" => ["input"], "precision" => ["f32"], "measure" => ["insertion"],
        "baseline" => [Some("blur")], "value" => [0.5],
    );
    let path = folder.join("faithfulness.parquet");
    write(&path, "faithfulness", frame.unwrap());
}

/// Makes a report with the arguments `shows`. Returns the columns, as "name type", of each table in its
/// `tables/`, by the table's name and version.
fn reported(shows: &[&str]) -> BTreeMap<String, Vec<String>> {
    let results = results(&runs());
    for id in ["bcos_resnet50-base", "bcos_resnet50-energy"] {
        let folder = results.path().join("runs").join(id);
        faithfulness(&folder.join("evaluations/test-bcos-input-epoch-0001"), id);
    }
    let out = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_analysis"));
    let program = program.args(["report", "--results"]).arg(results.path());
    let program = program.args(shows).arg("--out").arg(out.path());
    let output = program.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut tables = BTreeMap::new();
    for entry in fs_err::read_dir(out.path().join("tables")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "parquet")
        {
            continue;
        }
        let mut reader = ParquetReader::new(fs_err::File::open(&path).unwrap().into_file());
        let metadata = reader.get_metadata().unwrap().clone();
        let metadata: BTreeMap<_, _> = (metadata.key_value_metadata.iter().flatten())
            .map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default()))
            .collect();
        let frame = reader.finish().unwrap();
        let columns = frame.columns().iter().map(|column| {
            let kind = match column.dtype() {
                DataType::String => "utf8",
                DataType::Int64 => "i64",
                DataType::Float64 => "f64",
                other => panic!("{}: {other}", column.name()),
            };
            format!("{} {kind}", column.name())
        });
        let columns = columns.collect();
        let name = &metadata["guidance.schema"];
        let version = &metadata["guidance.version"];
        tables.insert(format!("{name} (version {version})"), columns);
    }
    tables
}

/// Returns what docs/schemas.md must contain.
fn document() -> String {
    let mut text = "\
# Tables

Made from `data-prep/schemas.toml` and from a report's tables; do not edit (analysis/tests/schemas.rs).

Columns are flat and of plain types, without nested lists and categoricals; `?`: a cell may be null. The key-value
metadata of every table has `guidance.schema` (its name), `guidance.version`, `guidance.program` and
`guidance.inputs` (SHA-256 of what it was made from). Beside the tables a data folder has `pixels.arrow`: an Arrow
IPC file with one column `rgb` (fixed-size binary, H·W·3 bytes, interleaved, row-major) and the metadata `height`
and `width`; its row i belongs to `pixel_row` i.

## Between stages
"
    .to_owned();
    let declared = fs_err::read_to_string(project("data-prep/schemas.toml")).unwrap();
    let tables: toml::Table = toml::from_str(&declared).unwrap();
    // The names in the order of the file, which `toml::Table` does not keep.
    let names = (declared.lines()).filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    for name in names {
        let said = |key: &str| tables[name][key].as_str().unwrap();
        write!(
            text,
            "\n### `{name}` (version {})\n\n{} Made by {}: {}.\n\n| column | type | |\n|---|---|---|\n",
            tables[name]["version"],
            said("about"),
            said("made_by"),
            said("path"),
        )
        .unwrap();
        for column in tables[name]["columns"].as_array().unwrap() {
            let mut words = column.as_str().unwrap().splitn(3, ' ');
            let mut word = || words.next().unwrap_or_default();
            let (column, kind, meaning) = (word(), word(), word());
            writeln!(text, "| {column} | {kind} | {meaning} |").unwrap();
        }
    }
    text.push_str(
        "
## Of a report

`results/tables/` has them as Markdown and LaTeX for reading, as CSV and Parquet for computing: a row for each
printed line or, of columns alike (metrics, losses), a row for each of them; `section` is the heading that it
stands under, and the only column without nulls. Shares are fractions. `x_low`, `x_high`: the ends of x's 95 %
interval; `x_std`, `x_n`: deviation and number of the runs of a mean; `x_difference`: x minus the baseline's.
`analysis vocabulary --json` tells what each exhibit shows.
",
    );
    // Asked for by name, the exhibit `published` also lists published numbers without a run, so that all its
    // tables are made.
    let mut tables = reported(&["--show", "published"]);
    tables.extend(reported(&[]));
    for (name, columns) in tables {
        let (name, version) = name.split_once(' ').unwrap();
        write!(text, "\n### `{name}` {version}\n\n{}\n", columns.join(", ")).unwrap();
    }
    text
}

#[test]
fn docs_schemas_md_is_what_the_tables_are() {
    let (path, document) = (project("docs/schemas.md"), document());
    if std::env::var_os("GUIDANCE_WRITE_DOCS").is_some() {
        fs_err::write(&path, &document).unwrap();
    }
    let found = fs_err::read_to_string(&path).unwrap();
    let differs = found.lines().zip(document.lines()).find(|(a, b)| a != b);
    assert!(
        found == document,
        "docs/schemas.md: found {:?}, expected {:?}; GUIDANCE_WRITE_DOCS=1 writes it",
        differs.map(|(found, _)| found),
        differs.map(|(_, expected)| expected)
    );
}
