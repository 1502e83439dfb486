//! Scores random maps by metrics of other tools, and compares with what OpenCV and numpy compute by these tools'
//! formulas.

use std::path::Path;
use std::process::Command;

use tests::programs::{program, succeed};

/// MaxBoxAcc, MaxBoxAccV2 and PxAP. `localized.py` writes the maps and checks the scores.
#[test]
fn localization_of_all_maps_together() {
    let Some(python) = std::env::var_os("GUIDANCE_TORCH_PYTHON") else {
        println!("skipped: localization_of_all_maps_together: GUIDANCE_TORCH_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut draw = program("data-prep");
    draw.arg("scenes").arg("--out").arg(path("data"));
    draw.args(["--train", "1", "--val", "1", "--test", "40"]);
    succeed(draw.args(["--shifted", "1", "--size", "64"]));
    let ask = |what: &str| {
        let mut ask = Command::new(&python);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/localized.py");
        ask.arg(script).arg(what).arg(path("data"));
        ask.arg(path("maps.arrow"));
        ask
    };
    succeed(&mut ask("write"));
    let mut score = program("evaluator");
    score.arg("score").arg("--data").arg(path("data"));
    score.arg("--maps").arg(path("maps.arrow"));
    score.arg("--out").arg(path("out"));
    succeed(score.args(["--metric", "all", "--replicates", "2"]));
    succeed(ask("check").arg(path("out")));
}
