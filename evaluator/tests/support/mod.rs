//! Helpers of the evaluator's tests: writes a tiny data folder with attribution maps and logits, runs the
//! program in a temporary folder ([`Sandbox`]) and reads the tables that it leaves. A pair is an image and a
//! class on it, here (image_id, class_id).
#![allow(clippy::unwrap_used, dead_code)]

pub mod birds;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, new_null_array,
};
use arrow::datatypes::DataType;
use data_prep::dataset::Split;
use data_prep::geometry::Grid;
use data_prep::pixels::PixelWriter;
use data_prep::rle::Rle;
use data_prep::schema::{
    CLASSES, DATASET_KEY, GROUPS, IMAGES, LABELS, MASKS, PIXELS_FILE, file_name,
};
use data_prep::table::{Provenance, TableSpec, column, read_table, write_table};
use evaluator::evaluate::PREDICTIONS;
use evaluator::evaluate::Scope;
use evaluator::maps::{MapRow, MapWriter, RunColumns};

/// The grid that metrics are computed on: 8×8 cells. Every source image has 16×16 pixels.
pub const GRID: Grid = Grid::square(8);

/// The images of [`TINY`]. `e` has no label.
const IMAGES_ROWS: [ImageRow; 7] = [
    ("d", "test", 1, &[0]),
    ("a", "test", 0, &[0, 1]),
    ("b", "test", 1, &[1]),
    ("c", "test", 0, &[2]),
    ("e", "test", 0, &[]),
    ("f", "val", 0, &[0]),
    ("g", "val", 1, &[2]),
];

/// The objects of [`TINY`]. On the grid the pairs' masks are: a/0 (image a, class 0) 16 cells; a/1 3×5 cells; b/1
/// rows and columns 0..4; c/2 no cell, as the box is thinner than one; d/0 all but the last row and column, which no
/// mask has (docs/SPEC.md A.5).
const OBJECTS: [ObjectRow; 8] = [
    ("d", 0, [0.0, 0.0, 16.0, 16.0]),
    ("a", 0, [0.0, 0.0, 8.0, 8.0]),
    ("a", 1, [8.0, 4.0, 15.0, 16.0]),
    ("b", 1, [0.0, 0.0, 4.0, 8.0]),
    ("b", 1, [2.0, 0.0, 8.0, 8.0]),
    ("c", 2, [4.0, 4.0, 5.0, 12.0]),
    ("f", 0, [0.0, 0.0, 8.0, 8.0]),
    ("g", 2, [0.0, 0.0, 8.0, 8.0]),
];

/// The pairs of split test in the order of image ids, as in `tests/fixtures/maps/make.py`.
pub const PAIRS: [(&str, i32); 5] = [("a", 0), ("a", 1), ("b", 1), ("c", 2), ("d", 0)];

/// image_id, split, group_id, labels.
pub type ImageRow = (&'static str, &'static str, i32, &'static [i32]);
/// image_id, class_id, box (x1, y1, x2, y2) in source pixels.
pub type ObjectRow = (&'static str, i32, [f64; 4]);

/// The content of a data folder.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// The data set's name.
    pub name: &'a str,
    /// The tables' metadata `guidance.inputs`, a hash of what the data was made from.
    pub inputs: &'a str,
    pub classes: &'a [&'a str],
    pub groups: &'a [&'a str],
    pub images: &'a [ImageRow],
    pub objects: &'a [ObjectRow],
}

/// Seven images of three classes, in two groups.
pub const TINY: Data = Data {
    name: "tiny",
    inputs: "0123",
    classes: &["cat", "dog", "bird"],
    groups: &["near", "far"],
    images: &IMAGES_ROWS,
    objects: &OBJECTS,
};

/// Writes a data folder. Objects of the image `d` have a segmentation, the image's left half. Row i of the pixel file
/// has the value i in all 8 · 8 · 3 bytes.
pub fn write_data(dir: &Path, data: &Data) {
    let Data {
        classes,
        groups,
        images,
        objects,
        ..
    } = *data;
    let provenance = Provenance::new("test 0", data.inputs).with(DATASET_KEY, data.name);
    let write = |spec: &TableSpec, columns: Vec<ArrayRef>| {
        let batch = spec.batch(columns).unwrap();
        write_table(dir.join(file_name(spec)), spec, &provenance, &batch).unwrap();
    };
    write(
        &CLASSES,
        vec![
            i32s(0..classes.len() as i32),
            texts(classes.iter().copied()),
        ],
    );
    write(
        &GROUPS,
        vec![i32s(0..groups.len() as i32), texts(groups.iter().copied())],
    );
    let labels = || {
        let of_image = |row: &ImageRow| (row.0, row.3);
        let pairs = images.iter().map(of_image);
        pairs.flat_map(|(id, classes)| classes.iter().map(move |&class| (id, class)))
    };
    write(
        &LABELS,
        vec![texts(labels().map(|l| l.0)), i32s(labels().map(|l| l.1))],
    );

    let corner = |i: usize| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(
            objects.iter().map(|o| o.2[i]),
        ))
    };
    let n = objects.len();
    let left_half: Vec<bool> = (0..256).map(|i| i % 16 < 8).collect();
    let counts = Rle::from_bitmap(16, 16, &left_half)
        .unwrap()
        .to_compressed();
    let if_d = |value: i32| -> ArrayRef {
        Arc::new(Int32Array::from_iter(
            objects.iter().map(|o| (o.0 == "d").then_some(value)),
        ))
    };
    let rle: BinaryArray = objects
        .iter()
        .map(|o| (o.0 == "d").then_some(&counts[..]))
        .collect();
    write(
        &MASKS,
        vec![
            texts(objects.iter().map(|o| o.0)),
            Arc::new(Int64Array::from_iter_values(0..n as i64)),
            i32s(objects.iter().map(|o| o.1)),
            corner(0),
            corner(1),
            corner(2),
            corner(3),
            Arc::new(BooleanArray::from(vec![false; n])),
            Arc::new(BooleanArray::from(vec![false; n])),
            Arc::new(Float64Array::from(vec![None; n])),
            texts(
                objects
                    .iter()
                    .map(|o| if o.0 == "d" { "rle" } else { "box" }),
            ),
            if_d(16),
            if_d(16),
            Arc::new(rle),
        ],
    );
    let mut pixels = PixelWriter::create(&dir.join(PIXELS_FILE), GRID, data.inputs).unwrap();
    for row in 0..images.len() {
        pixels.push(&[row as u8; 192]).unwrap();
    }
    pixels.finish().unwrap();
    let n = images.len();
    write(
        &IMAGES,
        vec![
            texts(images.iter().map(|row| row.0)),
            texts(images.iter().map(|row| row.0)),
            texts(images.iter().map(|row| row.1)),
            i32s(vec![16; n]),
            i32s(vec![16; n]),
            i32s(images.iter().map(|row| row.2)),
            Arc::new(Int64Array::from_iter_values(0..n as i64)),
        ],
    );
}

/// Returns a row of the map stream for the pair (image_id, class_id), with a logit of 0.
pub fn row(pair: (&str, i32), height: usize, width: usize, map: Vec<f32>) -> MapRow {
    MapRow {
        image_id: pair.0.to_owned(),
        class_id: pair.1,
        logit: Some(0.0),
        height,
        width,
        map,
    }
}

/// Returns the maps that `tests/fixtures/maps/make.py` computes by the same formula.
pub fn formula_rows() -> Vec<MapRow> {
    let shapes = [(8, 8), (4, 4), (8, 8), (2, 3), (8, 8)];
    (0..PAIRS.len())
        .map(|pair| {
            let (height, width) = shapes[pair];
            let cell = |i: usize| {
                let (y, x) = (i / width, i % width);
                (((pair * 31 + y * 7 + x * 13) % 23) as f32 - 9.0) / 4.0
            };
            let mut row = row(
                PAIRS[pair],
                height,
                width,
                (0..height * width).map(cell).collect(),
            );
            row.logit = Some(pair as f32 / 2.0 - 1.0);
            row
        })
        .collect()
}

/// Returns the bytes of a map stream, with two rows a batch.
pub fn stream(rows: &[MapRow], columns: &RunColumns) -> Vec<u8> {
    let mut writer = MapWriter::new(Vec::new(), columns).unwrap();
    for rows in rows.chunks(2) {
        writer.write(rows).unwrap();
    }
    writer.finish().unwrap()
}

/// A temporary folder with a data folder in `data`.
pub struct Sandbox(tempfile::TempDir);

impl Sandbox {
    /// A sandbox with the data [`TINY`].
    pub fn new() -> Self {
        Self::with(&TINY)
    }

    pub fn with(data: &Data) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_data(&folder.path().join("data"), data);
        Self(folder)
    }

    /// Returns the path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Runs `evaluator score` on the data folder, writing to `out`; `stdin` is piped in.
    pub fn score(&self, out: &str, args: &[&str], stdin: &[u8]) -> Output {
        let score = ["score", "--data", "data", "--out", out];
        self.run(&[&score, args].concat(), stdin)
    }

    /// Runs `evaluator` in the folder; `stdin` is piped in.
    pub fn run(&self, args: &[&str], stdin: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_evaluator"))
            .args(args)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        // A program that stops early closes its end of the pipe; that this write then fails is no fault.
        let _ = std::io::Write::write_all(&mut input, stdin);
        drop(input);
        child.wait_with_output().unwrap()
    }

    /// Like `score`, but asserts success and returns stdout.
    pub fn scored(&self, out: &str, args: &[&str], stdin: &[u8]) -> String {
        let output = self.score(out, args, stdin);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Like `score`, but asserts exit code 2 and that no evaluation is left, and returns stderr.
    pub fn refused(&self, args: &[&str], stdin: &[u8]) -> String {
        let output = self.score("refused", args, stdin);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
        assert!(output.stdout.is_empty());
        assert!(!self.path("refused/metrics.parquet").exists());
        errors
    }

    /// Like `score`, but asserts success and returns stderr.
    pub fn said(&self, out: &str, args: &[&str], stdin: &[u8]) -> String {
        let output = self.score(out, args, stdin);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args:?}: {errors}");
        errors
    }

    /// Reads a table of the evaluation in the folder `out`.
    pub fn table(&self, out: &str, spec: &TableSpec) -> RecordBatch {
        read_table(self.path(out).join(file_name(spec)), spec)
            .unwrap()
            .1
    }
}

/// Returns a column of texts.
pub fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// Returns a column of integers.
pub fn i32s(values: impl IntoIterator<Item = i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}

/// Returns the run that the tests' maps are of: run `r1`, epoch 7, split test, IxG at the final layer.
pub fn columns() -> RunColumns {
    RunColumns {
        run_id: Some("r1".to_owned()),
        checkpoint: Some(7),
        split: Some(Split::Test),
        task: None,
        attribution: Some("ixg".to_owned()),
        layer: Some("final".to_owned()),
        ..RunColumns::default()
    }
}

/// Returns a map for each of [`PAIRS`], whose metrics are easily computed by hand:
/// a/0 uniform, with 16 of 64 cells in the mask; a/1 nothing positive; b/1 positive in the mask alone;
/// c/2 uniform, with an empty mask; d/0 a single value, so uniform too, with 49 of 64 cells in the box
/// and half of all in the segmentation.
pub fn rows_by_hand() -> Vec<MapRow> {
    let inside = |i: usize| if i / 8 < 4 && i % 8 < 4 { 2.0 } else { -1.0 };
    vec![
        row(PAIRS[0], 8, 8, vec![1.0; 64]),
        row(PAIRS[1], 4, 4, vec![-3.0; 16]),
        row(PAIRS[2], 8, 8, (0..64).map(inside).collect()),
        row(PAIRS[3], 8, 8, vec![5.0; 64]),
        row(PAIRS[4], 1, 1, vec![0.5]),
    ]
}

/// Value, n and threshold in a metric's row; `None` without such a row.
pub type Found = Option<(Option<f64>, i64, Option<f64>)>;

/// Finds the row of the metric `name` over `scope` (all images, a group, a class or a range of sizes).
pub fn metric(metrics: &RecordBatch, name: &str, scope: Scope) -> Found {
    let names: &StringArray = column(metrics, "metric");
    let id = |column_name: &str, row: usize| {
        let ids: &Int32Array = column(metrics, column_name);
        ids.is_valid(row).then(|| ids.value(row))
    };
    let number = |column_name: &str, row: usize| {
        let numbers: &Float64Array = column(metrics, column_name);
        numbers.is_valid(row).then(|| numbers.value(row))
    };
    let ends = |row| number("size_low", row).zip(number("size_high", row));
    let mut rows = (0..metrics.num_rows()).filter(|&row| {
        names.value(row) == name
            && id("group_id", row) == scope.group_id()
            && id("class_id", row) == scope.class_id()
            && ends(row) == scope.size()
    });
    let row = rows.next()?;
    assert_eq!(rows.next(), None, "{name} {scope:?} twice");
    let n = column::<Int64Array>(metrics, "n").value(row);
    Some((number("value", row), n, number("threshold", row)))
}

/// Returns a metric's values in `scores` or `replicates`, which have a row for each metric, in row order.
pub fn values(table: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    let names: &StringArray = column(table, "metric");
    let values: &Float64Array = column(table, "value");
    let rows = names.iter().zip(values);
    let of_metric = rows.filter(|(metric, _)| *metric == Some(name));
    of_metric.map(|(_, value)| value).collect()
}

/// Asserts that the metric `name` was found with this value, to rounding, over `n` items.
pub fn close(found: Found, value: f64, n: i64, name: &str) {
    let (found, found_n, _) = found.unwrap_or_else(|| panic!("no {name}"));
    assert!(
        (found.unwrap() - value).abs() < 1e-12,
        "{name} {found:?} {value}"
    );
    assert_eq!(found_n, n, "{name}");
}

/// Writes a table of predictions of split test. `key` is the run and its epoch; a cell is image_id,
/// class_id, logit, target.
pub fn write_predictions(path: &Path, key: (&str, i32), cells: &[(&str, i32, f32, bool)]) {
    let n = cells.len();
    let batch = PREDICTIONS
        .batch(vec![
            texts(vec![key.0; n]),
            i32s(vec![key.1; n]),
            texts(vec!["test"; n]),
            texts(cells.iter().map(|c| c.0)),
            i32s(cells.iter().map(|c| c.1)),
            Arc::new(Float32Array::from_iter_values(cells.iter().map(|c| c.2))),
            Arc::new(BooleanArray::from_iter(cells.iter().map(|c| Some(c.3)))),
            new_null_array(&DataType::Utf8, n),
        ])
        .unwrap();
    let provenance = Provenance::new("test 0", "4567");
    write_table(path, &PREDICTIONS, &provenance, &batch).unwrap();
}
