//! Writes tiny data folders (the tables and pixels that the program data-prep makes of a data set) with chosen
//! content, without running data-prep: images that are white in their boxes and black elsewhere.
#![allow(clippy::unwrap_used, dead_code)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray,
};
use data_prep::dataset::Dataset;
use data_prep::geometry::Grid;
use data_prep::pixels::PixelWriter;
use data_prep::rle::Rle;
use data_prep::schema::{
    CLASSES, DATASET_KEY, GROUPS, IMAGES, LABELS, MASKS, PIXELS_FILE, file_name,
};
use data_prep::table::{Provenance, TableSpec, write_table};

/// Height and width of the stored pixels: half the source's.
pub const GRID: Grid = Grid::square(32);

/// An image of 64×64 source pixels: white in its boxes, which are all of its one class, black elsewhere.
pub struct Picture {
    /// `train`, `val` or `test`.
    pub split: &'static str,
    /// One of four groups; the class is `group_id / 2`.
    pub group_id: i32,
    /// [x1, y1, x2, y2] in source pixels.
    pub boxes: Vec<[f64; 4]>,
    /// Whether its objects have a segmentation: the left half of the first box.
    pub is_segmented: bool,
}

/// Returns `n` pictures of a split, each with one box whose place varies; every third is segmented. Groups are
/// as in the data set Waterbirds: 0 and 3 in training and validation, all four in the test split.
pub fn pictures(split: &'static str, n: usize) -> Vec<Picture> {
    (0..n)
        .map(|i| {
            let (x, y) = ((4 * i % 24) as f64, (6 * i % 30) as f64);
            Picture {
                split,
                group_id: [0, 3, 1, 2][if split == "test" { i % 4 } else { i % 2 }],
                boxes: vec![[x, y, x + 24.0, y + 32.0]],
                is_segmented: i % 3 == 0,
            }
        })
        .collect()
}

/// Writes a data folder of the data set `name` with Waterbirds' two classes, and returns its path.
pub fn write(dir: &Path, name: &str, pictures: &[Picture]) -> PathBuf {
    write_of(dir, (name, "0123"), &["landbird", "waterbird"], pictures)
}

/// Writes a data folder of the data set `name` with these classes, of which pictures show only the first two, and
/// returns its path. `inputs` is recorded as the hash of the source files.
pub fn write_of(
    dir: &Path,
    (name, inputs): (&str, &str),
    classes: &[&str],
    pictures: &[Picture],
) -> PathBuf {
    let provenance = Provenance::new("test 0", inputs).with(DATASET_KEY, name);
    let table = |spec: &TableSpec, columns: Vec<ArrayRef>| {
        let batch = spec.batch(columns).unwrap();
        write_table(dir.join(file_name(spec)), spec, &provenance, &batch).unwrap();
    };
    let texts = |values: Vec<String>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let i32s = |values: Vec<i32>| -> ArrayRef { Arc::new(Int32Array::from(values)) };
    let named = |values: &[&str]| texts(values.iter().map(|&v| v.to_owned()).collect());
    let n = pictures.len();
    let ids = || texts((0..n).map(|i| i.to_string()).collect());
    let class_of = |picture: &Picture| picture.group_id / 2;
    table(
        &CLASSES,
        vec![i32s((0..classes.len() as i32).collect()), named(classes)],
    );
    table(
        &GROUPS,
        vec![i32s(vec![0, 1, 2, 3]), named(&["a", "b", "c", "d"])],
    );
    table(
        &LABELS,
        vec![ids(), i32s(pictures.iter().map(class_of).collect())],
    );
    let objects: Vec<(usize, &Picture, [f64; 4])> = pictures
        .iter()
        .enumerate()
        .flat_map(|(i, picture)| picture.boxes.iter().map(move |&bbox| (i, picture, bbox)))
        .collect();
    let corner = |at: usize| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(
            objects.iter().map(|object| object.2[at]),
        ))
    };
    // The segmentation as compressed run lengths.
    let shape = |picture: &Picture| {
        let [x1, y1, x2, y2] = picture.boxes[0];
        let inside = |i: usize| {
            let (x, y) = ((i % 64) as f64, (i / 64) as f64);
            x >= x1 && x < (x1 + x2) / 2.0 && y >= y1 && y < y2
        };
        Rle::from_bitmap(64, 64, &(0..64 * 64).map(inside).collect::<Vec<_>>())
            .unwrap()
            .to_compressed()
    };
    let side = || -> ArrayRef {
        let of = |object: &(usize, &Picture, _)| object.1.is_segmented.then_some(64);
        Arc::new(objects.iter().map(of).collect::<Int32Array>())
    };
    let shapes: Vec<Option<Vec<u8>>> = objects
        .iter()
        .map(|object| object.1.is_segmented.then(|| shape(object.1)))
        .collect();
    let counts: BinaryArray = shapes.iter().map(Option::as_deref).collect();
    let kind = |object: &(usize, &Picture, _)| ["box", "rle"][usize::from(object.1.is_segmented)];
    // For "difficult" and "crowd", which no object is.
    let no = || -> ArrayRef { Arc::new(BooleanArray::from(vec![false; objects.len()])) };
    table(
        &MASKS,
        vec![
            texts(objects.iter().map(|object| object.0.to_string()).collect()),
            Arc::new(Int64Array::from_iter_values(0..objects.len() as i64)),
            i32s(objects.iter().map(|object| class_of(object.1)).collect()),
            corner(0),
            corner(1),
            corner(2),
            corner(3),
            no(),
            no(),
            Arc::new(Float64Array::from(vec![None; objects.len()])),
            texts(
                objects
                    .iter()
                    .map(|object| kind(object).to_owned())
                    .collect(),
            ),
            side(),
            side(),
            Arc::new(counts),
        ],
    );
    let mut pixels = PixelWriter::create(&dir.join(PIXELS_FILE), GRID, inputs).unwrap();
    for picture in pictures {
        let mut rgb = vec![0u8; GRID.cells() * 3];
        for [x1, y1, x2, y2] in &picture.boxes {
            for y in *y1 as usize / 2..*y2 as usize / 2 {
                rgb[(y * 32 + *x1 as usize / 2) * 3..(y * 32 + *x2 as usize / 2) * 3].fill(255);
            }
        }
        pixels.push(&rgb).unwrap();
    }
    pixels.finish().unwrap();
    table(
        &IMAGES,
        vec![
            ids(),
            ids(),
            texts(pictures.iter().map(|p| p.split.to_owned()).collect()),
            i32s(vec![64; n]),
            i32s(vec![64; n]),
            i32s(pictures.iter().map(|p| p.group_id).collect()),
            Arc::new(Int64Array::from_iter_values(0..n as i64)),
        ],
    );
    dir.to_owned()
}

/// Writes a data folder and opens it.
pub fn open(name: &str, pictures: &[Picture]) -> Dataset {
    let dir = tempfile::tempdir().unwrap();
    Dataset::open(write(dir.path(), name, pictures)).unwrap()
}
