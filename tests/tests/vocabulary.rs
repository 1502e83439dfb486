//! Compares the names that `<program> vocabulary --json` prints (networks, methods, losses, …) with those recorded in
//! `xtask/tests/fixtures/vocabulary`. xtask's own tests use the recorded files in place of the programs. Every recorded
//! name must be printed; more names may be.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::Value;
use tests::programs::{program, succeed};

/// Whether `printed` contains `recorded`: every key of an object, and every element of a list anywhere in it.
fn has(printed: &Value, recorded: &Value) -> bool {
    match (printed, recorded) {
        (Value::Object(printed), Value::Object(recorded)) => recorded
            .iter()
            .all(|(key, value)| printed.get(key).is_some_and(|found| has(found, value))),
        (Value::Array(printed), Value::Array(recorded)) => recorded
            .iter()
            .all(|value| printed.iter().any(|found| has(found, value))),
        _ => printed == recorded,
    }
}

/// Each program (a stage of the pipeline) whose names xtask asks for must print all recorded ones.
#[test]
fn the_names_recorded_for_xtask_are_the_stages() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/tests/fixtures/vocabulary");
    let mut other = Vec::new();
    for stage in ["data-prep", "trainer", "evaluator", "analysis"] {
        let printed = succeed(program(stage).args(["vocabulary", "--json"])).stdout;
        let printed: Value = serde_json::from_str(&printed).unwrap();
        let file = folder.join(format!("{stage}.json"));
        let recorded = fs_err::read_to_string(&file).unwrap();
        let recorded: Value = serde_json::from_str(&recorded).unwrap();
        if !has(&printed, &recorded) {
            other.push(format!(
                "record anew: target/debug/{stage} vocabulary --json > \
                 xtask/tests/fixtures/vocabulary/{stage}.json"
            ));
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
}
