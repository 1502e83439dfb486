//! A tiny data set like Waterbirds, with the attribution maps and logits of two runs, all by formulas whose numbers
//! are arbitrary. The twelve test images are of all four groups (bird × place); the four validation images are, like
//! Waterbirds' training images, of groups 0 and 3 only. `evaluator/tests/fixtures/birds.py` has the same formulas and
//! prints the values that tests expect.

use data_prep::dataset::{Split, Task};
use evaluator::maps::{MapRow, RunColumns};

use super::{Data, ImageRow, ObjectRow, Sandbox, row, stream, write_predictions};

/// Image ids: the test images, then the validation images.
const IDS: [&str; 16] = [
    "t00", "t01", "t02", "t03", "t04", "t05", "t06", "t07", "t08", "t09", "t10", "t11", "v0", "v1",
    "v2", "v3",
];
/// Test images.
pub const N_TEST: usize = 12;

/// Returns the group of image `i`: 2 · bird + place.
fn group(i: usize) -> usize {
    match i {
        0..N_TEST => i % 4,
        _ => [0, 3][i % 2],
    }
}

/// Returns the class of image `i`: the bird's, or for the reversed task the place's.
fn label(i: usize, task: Task) -> usize {
    match task {
        Task::Conventional => group(i) / 2,
        Task::Reversed => group(i) % 2,
    }
}

/// Returns the images of a split.
fn indices(split: Split) -> std::ops::Range<usize> {
    match split {
        Split::Val => N_TEST..IDS.len(),
        _ => 0..N_TEST,
    }
}

/// Returns the box of image `i` in cells of the grid: x1, y1, x2, y2. It may reach beyond the image.
fn cells(i: usize) -> [usize; 4] {
    let (x1, y1) = (i * 5 % 4, i * 3 % 4);
    [x1, y1, x1 + 2 + i * 7 % 4, y1 + 1 + i * 5 % 4]
}

/// Writes the data folder, with the input hash `inputs`.
pub fn bird_sandbox(inputs: &str) -> Sandbox {
    let images: Vec<ImageRow> = (0..IDS.len())
        .map(|i| {
            let split = if i < N_TEST { "test" } else { "val" };
            let labels: &[i32] = [&[0], &[1]][label(i, Task::Conventional)];
            (IDS[i], split, group(i) as i32, labels)
        })
        .collect();
    let objects: Vec<ObjectRow> = (0..IDS.len())
        .map(|i| {
            // An image has 16 × 16 pixels, the grid 8 × 8 cells.
            let corners = cells(i).map(|cell| cell as f64 * 2.0);
            (IDS[i], label(i, Task::Conventional) as i32, corners)
        })
        .collect();
    Sandbox::with(&Data {
        name: "waterbirds-100",
        inputs,
        classes: &["landbird", "waterbird"],
        groups: &[
            "landbird on land",
            "landbird on water",
            "waterbird on land",
            "waterbird on water",
        ],
        images: &images,
        objects: &objects,
    })
}

/// Returns which run (0 or 1) and split the maps are of.
pub fn columns(run: usize, split: Split) -> RunColumns {
    RunColumns {
        run_id: Some(["a", "b"][run].to_owned()),
        checkpoint: Some(3),
        split: Some(split),
        task: None,
        attribution: Some("bcos".to_owned()),
        layer: Some("input".to_owned()),
        ..RunColumns::default()
    }
}

/// Returns the bytes of the map stream of run 0 or 1.
pub fn maps(run: usize, split: Split, task: Task) -> Vec<u8> {
    stream(&rows(run, split, task), &columns(run, split))
}

/// Returns the maps of run 0 or 1, 8 × 8 cells each. Run 1 is "guided": its maps are larger within most boxes.
pub fn rows(run: usize, split: Split, task: Task) -> Vec<MapRow> {
    indices(split)
        .map(|i| {
            // A mask never has the last row and column (docs/SPEC.md A.5).
            let [x1, y1, x2, y2] = cells(i).map(|cell| cell.min(7));
            let cell = |at: usize| {
                let (y, x) = (at / 8, at % 8);
                let is_inside = (x1..x2).contains(&x) && (y1..y2).contains(&y);
                let guided = if run == 1 && !i.is_multiple_of(3) && is_inside {
                    1.25
                } else {
                    0.0
                };
                ((i * 31 + y * 7 + x * 13) % 23) as f32 / 4.0 - 2.25 + guided
            };
            let pair = (IDS[i], label(i, task) as i32);
            row(pair, 8, 8, (0..64).map(cell).collect())
        })
        .collect()
}

/// Returns the test images' rows (image_id, class_id, logit, target). The logits are of run 0 or 1 for the
/// conventional task, the targets those of `task`.
pub fn logits(run: usize, task: Task) -> Vec<(&'static str, i32, f32, bool)> {
    let cell = |cell: usize| {
        let (i, class) = (cell / 2, cell % 2);
        let guided = match run == 1 && class == label(i, Task::Conventional) {
            true => (i % 3) as f32 * 2.0 - 0.5,
            false => 0.0,
        };
        let logit = ((i * 37 + class * 11) % 13) as f32 / 2.0 - 3.0 + guided;
        (IDS[i], class as i32, logit, class == label(i, task))
    };
    (0..2 * N_TEST).map(cell).collect()
}

/// Writes [`logits`] to the file `name` and returns its path.
pub fn write_logits(sandbox: &Sandbox, name: &str, run: usize, task: Task) -> String {
    let path = sandbox.path(name);
    write_predictions(&path, (["a", "b"][run], 3), &logits(run, task));
    path.to_str().unwrap().to_owned()
}
