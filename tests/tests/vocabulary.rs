//! xtask's tests go by recorded names (`xtask/tests/fixtures/vocabulary`): they must be what the stages
//! print now.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use serde_json::Value;
use tests::programs::{program, succeed};

#[test]
fn the_names_recorded_for_xtask_are_the_stages() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/tests/fixtures/vocabulary");
    let mut other = Vec::new();
    for stage in ["data-prep", "trainer", "analysis"] {
        let printed = succeed(program(stage).args(["vocabulary", "--json"])).stdout;
        let printed: Value = serde_json::from_str(&printed).unwrap();
        let file = folder.join(format!("{stage}.json"));
        let recorded = fs_err::read_to_string(&file).unwrap();
        let recorded: Value = serde_json::from_str(&recorded).unwrap();
        if printed != recorded {
            other.push(format!(
                "record anew: target/debug/{stage} vocabulary --json > \
                 xtask/tests/fixtures/vocabulary/{stage}.json"
            ));
        }
    }
    assert!(other.is_empty(), "{}", other.join("\n"));
}
