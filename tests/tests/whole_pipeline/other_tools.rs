//! Checks that our files and other tools work together: pandas, pyarrow, DuckDB and Polars must read every table, the
//! evaluator must score maps that pyarrow wrote, and the notebook docs/results.ipynb must run. `GUIDANCE_PYTHON` is a
//! Python interpreter with the packages of `tests/python/requirements.txt`; without it the tests are skipped.

use std::path::Path;
use std::process::Command;

use tests::programs::{program, succeed};

use crate::made::{folder, made};

/// Returns a command that runs a script of `tests/python`; `None` where `GUIDANCE_PYTHON` is not set.
fn python(script: &str) -> Option<Command> {
    let mut command = Command::new(std::env::var_os("GUIDANCE_PYTHON")?);
    command.arg(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("python")
            .join(script),
    );
    Some(command)
}

#[test]
fn every_table_opens_in_pandas_duckdb_and_polars() {
    let Some(mut command) = python("read_tables.py") else {
        println!(
            "skipped: every_table_opens_in_pandas_duckdb_and_polars: GUIDANCE_PYTHON is not set"
        );
        return;
    };
    let done = succeed(command.arg(&made().root));
    // 6 of the data folder, 2 of each of 3 runs, 7 of each of 4 evaluations, 4 in `results`, and 9 of the report's
    // exhibits (the figures and tables under one heading).
    assert_eq!(done.stdout.trim_end(), "53 tables");
}

#[test]
fn the_notebook_runs_on_the_results() {
    let Some(mut command) = python("run_notebook.py") else {
        println!("skipped: the_notebook_runs_on_the_results: GUIDANCE_PYTHON is not set");
        return;
    };
    let executed = folder("notebook").join("results.ipynb");
    let done = succeed(command.arg(&made().root).arg(&executed));
    assert_eq!(done.stdout.trim_end(), "2 pictures");
    // The notebook shows tables with the run ids, made with pandas, DuckDB and Polars.
    let text = fs_err::read_to_string(&executed).unwrap();
    for run in &made().runs {
        let id = run.folder.file_name().unwrap().to_string_lossy();
        assert!(text.matches(&*id).count() >= 4, "{id}"); // in two tables at least, each as text and as HTML
    }
}

/// The EPG (the share of a map's positive attribution that lies inside the mask) of a uniform map must be the share
/// of the image that the mask covers. `uniform_maps.py` writes such maps and checks the scores.
#[test]
fn a_uniform_map_of_pyarrow_has_the_masks_share_as_epg() {
    let Some(mut write) = python("uniform_maps.py") else {
        println!(
            "skipped: a_uniform_map_of_pyarrow_has_the_masks_share_as_epg: GUIDANCE_PYTHON is not set"
        );
        return;
    };
    let made = made();
    let root = folder("uniform");
    for kind in ["stream.arrow", "file.arrow", "maps.parquet"] {
        let (maps, scores) = (root.join(kind), root.join(kind.replace('.', "-")));
        succeed(write.args(["write".as_ref(), made.data.as_os_str(), maps.as_os_str()]));
        let mut score = program("evaluator");
        score
            .args(["score", "--replicates", "3", "--maps"])
            .arg(&maps);
        succeed(
            score
                .arg("--data")
                .arg(&made.data)
                .arg("--out")
                .arg(&scores),
        );
        let mut check = python("uniform_maps.py").unwrap();
        let done = succeed(check.arg("check").arg(&made.data).arg(&scores));
        assert!(
            done.stdout.trim_end().ends_with(" pairs"),
            "{}",
            done.stdout
        );
        write = python("uniform_maps.py").unwrap();
    }
}
