//! Other people's tools: pandas, pyarrow, DuckDB and Polars read every table, and maps that pyarrow
//! wrote are scored. `GUIDANCE_PYTHON` names a Python with `tests/python/requirements.txt`.

use std::path::Path;
use std::process::Command;

use tests::programs::{program, succeed};

use crate::made::{folder, made};

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
    // 6 of data, 3 runs of 2, 4 evaluations of 6, 4 results, 8 of the figures and tables shown.
    assert_eq!(done.stdout.trim_end(), "48 tables");
}

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
