//! A data folder of seven tiny images, maps for it, and the evaluator's program.
#![allow(clippy::unwrap_used, dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use data_prep::geometry::Grid;
use data_prep::pixels::PixelWriter;
use data_prep::rle::Rle;
use data_prep::schema::{
    CLASSES, DATASET_KEY, GROUPS, IMAGES, LABELS, MASKS, PIXELS_FILE, file_name,
};
use data_prep::table::{Provenance, TableSpec, read_table, write_table};
use evaluator::maps::{MapRow, MapWriter, RunColumns};

/// Network grid: 8×8 cells; every source image has 16×16 pixels.
pub const GRID: Grid = Grid::square(8);

/// image_id, split, group, labels. `e` has no label.
const IMAGES_ROWS: [ImageRow; 7] = [
    ("d", "test", 1, &[0]),
    ("a", "test", 0, &[0, 1]),
    ("b", "test", 1, &[1]),
    ("c", "test", 0, &[2]),
    ("e", "test", 0, &[]),
    ("f", "val", 0, &[0]),
    ("g", "val", 1, &[2]),
];

/// image_id, class, box in source pixels. On the grid: a/0 16 cells, a/1 3×5, b/1 rows 0..4 in
/// columns 0..4, c/2 no cell (thinner than one), d/0 all but the last row and column.
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

/// The pairs of split test in the order of image ids, as tests/fixtures/maps/make.py lists them.
pub const PAIRS: [(&str, i32); 5] = [("a", 0), ("a", 1), ("b", 1), ("c", 2), ("d", 0)];

type ImageRow = (&'static str, &'static str, i32, &'static [i32]);
type ObjectRow = (&'static str, i32, [f64; 4]);

/// Writes a data folder; image d has a segmentation: its left half.
pub fn write_data(dir: &Path, classes: &[&str], images: &[ImageRow], objects: &[ObjectRow]) {
    let provenance = Provenance::new("test 0", "0123").with(DATASET_KEY, "tiny");
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
    write(&GROUPS, vec![i32s([0, 1]), texts(["near", "far"])]);
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
    let mut pixels = PixelWriter::create(&dir.join(PIXELS_FILE), GRID, "0123").unwrap();
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

/// A map row with a logit of 0.
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

/// The maps of tests/fixtures/maps/make.py.
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

/// The bytes of a map stream.
pub fn stream(rows: &[MapRow], columns: &RunColumns) -> Vec<u8> {
    let mut writer = MapWriter::new(Vec::new(), columns).unwrap();
    for rows in rows.chunks(2) {
        writer.write(rows).unwrap();
    }
    writer.finish().unwrap()
}

/// A temporary folder with a data folder in `data`.
pub struct Workplace(tempfile::TempDir);

impl Workplace {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        write_data(&data, &["cat", "dog", "bird"], &IMAGES_ROWS, &OBJECTS);
        Self(folder)
    }

    /// A task of telling two classes apart; nothing is annotated.
    pub fn of_two_classes(images: &[ImageRow]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_data(
            &folder.path().join("data"),
            &["landbird", "waterbird"],
            images,
            &[],
        );
        Self(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    /// `evaluator score` with the data folder, writing to `out`; `stdin` is piped in.
    pub fn score(&self, out: &str, args: &[&str], stdin: &[u8]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_evaluator"))
            .args(["score", "--data", "data", "--out", out])
            .args(args)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        // A program that stops early closes its end: that is not this side's failure.
        let _ = std::io::Write::write_all(&mut input, stdin);
        drop(input);
        child.wait_with_output().unwrap()
    }

    /// Like `score`, and it must succeed; gives stdout.
    pub fn scored(&self, out: &str, args: &[&str], stdin: &[u8]) -> String {
        let output = self.score(out, args, stdin);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Like `score`, and it must fail with exit code 2, leaving no evaluation; gives stderr.
    pub fn refused(&self, args: &[&str], stdin: &[u8]) -> String {
        let output = self.score("refused", args, stdin);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {errors}");
        assert!(output.stdout.is_empty());
        assert!(!self.path("refused/metrics.parquet").exists());
        errors
    }

    /// A table of an evaluation.
    pub fn table(&self, out: &str, spec: &TableSpec) -> RecordBatch {
        read_table(self.path(out).join(file_name(spec)), spec)
            .unwrap()
            .1
    }
}

pub fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

pub fn i32s(values: impl IntoIterator<Item = i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(values))
}
