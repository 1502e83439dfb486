//! Trains a small B-cos network and checks its explanations in colour (pictures in which the weights that support a
//! class show the colours that they respond to; docs/SPEC.md K). They must be the same from the run and from its
//! weights after export and import. Then checks the table of the grid pointing game, in which images of different
//! classes are put together in a grid, and a map should lie on the image of its class.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float64Type, Int32Type};
use arrow::ipc::reader::StreamReader;
use tests::programs::{program, run as run_to_end, succeed};
use tests::runs::train;
use tests::tables::{read, schemas};

use crate::made::{SIZE, draw, folder};

/// The numbers of training, validation, test and shifted test images. The game is played on training images and needs
/// four classes, for each an image that shows no other class and that the network classifies correctly.
const IMAGES: [usize; 4] = [40, 20, 4, 4];
/// The run's configuration. With so many epochs the network recognises enough training images for the game.
const RUN: &str = "name = \"bcos\"\nbackbone = \"bcos_resnet18\"\nattribution = \"bcos\"\n\
                   layer = \"input\"\nepochs = 16\nlearning_rate = 3e-3\nbatch_size = 8\n\n\
                   [init]\nfrom = \"scratch\"\n";

/// Runs `trainer explain --colour` on a run or a weight file, as `flag` says (`--run`, `--weights`). Returns the rows
/// of the stream of coloured explanations of the test split.
fn colours(flag: &str, subject: &Path, data: &Path, out: &Path) -> RecordBatch {
    let mut explain = program("trainer");
    explain.args(["explain", "--device", "cpu", "--smooth", "3", flag]);
    explain.arg(subject).arg("--data").arg(data);
    explain.arg("--maps").arg(out.with_extension("maps"));
    succeed(explain.arg("--colour").arg(out));
    let file = fs_err::File::open(out).unwrap();
    let stream = StreamReader::try_new(file, None).unwrap();
    let schema = stream.schema();
    assert_eq!(schema.metadata()["guidance.schema"], "colours");
    assert_eq!(schema.metadata()["smooth"], "3");
    let batches: Vec<RecordBatch> = stream.map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

#[test]
fn a_bcos_run_in_colour_and_in_the_grid_pointing_game() {
    let root = folder("looking");
    let data = root.join("data");
    draw(&data, IMAGES, 0);
    let config = root.join("bcos.toml");
    fs_err::write(&config, RUN).unwrap();
    let trained = succeed(&mut train(&config, &data, &root.join("runs")));
    let run = PathBuf::from(trained.stdout.trim_end());

    let rows = colours("--run", &run, &data, &root.join("colours.arrow"));
    let names: Vec<String> = rows
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names, ["image_id", "class_id", "height", "width", "rgba"]);
    let labels = read(&data.join("labels.parquet")).unwrap().rows;
    let pairs = |rows: &RecordBatch| -> HashSet<(String, i32)> {
        let ids = rows["image_id"].as_string::<i32>().iter();
        let classes = rows["class_id"].as_primitive::<Int32Type>().values();
        ids.map(|id| id.unwrap().to_owned())
            .zip(classes.iter().copied())
            .collect()
    };
    // Ids begin with the name of the split; those of test are `test-…` and `shifted-…`.
    let in_test = |(id, _): &(String, i32)| !id.starts_with("train") && !id.starts_with("val");
    let expected: HashSet<_> = pairs(&labels).into_iter().filter(in_test).collect();
    assert_eq!(rows.num_rows(), expected.len());
    assert_eq!(pairs(&rows), expected);
    for side in ["height", "width"] {
        let sides = rows[side].as_primitive::<Int32Type>();
        assert!(sides.values().iter().all(|&side| side == SIZE as i32));
    }
    for rgba in rows["rgba"].as_binary::<i32>().iter().map(Option::unwrap) {
        assert_eq!(rgba.len(), SIZE * SIZE * 4);
        // The opacity is 1 from its 99.5th percentile on, so about one pixel in 200 is fully opaque; accepted are at
        // least one and less than one in 20. And a picture has more than one colour.
        let opaque = rgba.chunks(4).filter(|pixel| pixel[3] == 255).count();
        assert!((1..SIZE * SIZE / 20).contains(&opaque), "{opaque}");
        let seen: HashSet<&[u8]> = rgba.chunks(4).map(|pixel| &pixel[..3]).collect();
        assert!(seen.len() > 10, "{}", seen.len());
    }

    // The same weights, exported and imported as a file, without the run's folder, give the same pictures.
    let (exported, imported) = (root.join("out.safetensors"), root.join("in.safetensors"));
    let mut export = program("trainer");
    export.args(["export", "--run"]).arg(&run);
    succeed(export.arg("--out").arg(&exported));
    let mut import = program("trainer");
    import.args(["import", "--backbone", "bcos_resnet18"]);
    succeed(import.arg(&exported).arg("--out").arg(&imported));
    let again = colours("--weights", &imported, &data, &root.join("weights.arrow"));
    assert_eq!(again.columns(), rows.columns());

    let out = root.join("game.parquet");
    let game = |out: &Path| {
        let mut game = program("trainer");
        game.args(["grid-pointing-game", "--split", "train", "--device", "cpu"]);
        game.arg("--run").arg(&run).arg("--data").arg(&data);
        // All confidences are accepted, because after so short a training few predictions are confident.
        game.args(["--confidence", "0", "--smooth", "3", "--out"]);
        game.arg(out);
        game
    };
    let said = succeed(&mut game(&out)).stdout;
    let table = read(&out).unwrap();
    assert_eq!(table.metadata["guidance.confidence"], "0");
    let columns = &schemas().unwrap()["grid_pointing_game"];
    table.check("grid_pointing_game", columns).unwrap();
    let rows = &table.rows;
    let n = rows.num_rows();
    assert!(n > 0 && n.is_multiple_of(4), "{n} cells");
    assert!(said.starts_with(&format!("{n} scores, mean ")), "{said}");
    let int = |name: &str| rows[name].as_primitive::<Int32Type>().values().to_vec();
    let float = |name: &str| rows[name].as_primitive::<Float64Type>().values().to_vec();
    let (grids, cells, classes) = (int("grid"), int("cell"), int("class_id"));
    // Each grid has four cells, and one class in each.
    for row in 0..n {
        assert_eq!((grids[row], cells[row]), (row as i32 / 4, row as i32 % 4));
    }
    for grid in classes.chunks(4) {
        assert_eq!(grid.iter().collect::<HashSet<_>>().len(), 4, "{grid:?}");
    }
    // No image is used twice, and each is played with a class that it shows.
    let played = pairs(rows);
    assert_eq!(played.len(), n);
    assert!(played.is_subset(&pairs(&labels)));
    let confidences = float("confidence");
    assert!(confidences.iter().all(|c| (0.0..=1.0).contains(c)));
    let scores = float("score");
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)));
    assert!(scores.iter().any(|&score| score > 0.0));
    for name in ["attribution", "layer"] {
        let values = rows[name].as_string::<i32>();
        let expected = if name == "layer" { "input" } else { "bcos" };
        assert!(values.iter().all(|value| value == Some(expected)));
    }

    // Refused are 0 grids, and grids of 8 × 8 cells, which need 64 classes, more than there are.
    let none = root.join("none.parquet");
    for (option, value, message) in [
        (
            "--grids",
            "0",
            "error: invalid value '0' for '--grids <GRIDS>'",
        ),
        (
            "--n",
            "8",
            "expected at least 64, one for each cell of a grid",
        ),
    ] {
        let refused = run_to_end(game(&none).args([option, value]));
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(message), "{}", refused.stderr);
        assert!(!none.exists(), "{option}");
    }
}
