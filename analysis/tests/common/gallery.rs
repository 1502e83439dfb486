//! Adds what a report's gallery (a page of all test images) shows to a results folder of invented numbers: the
//! scores and small maps of test pairs (an image and a class on it), and a data folder with their images.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeBinaryArray, RecordBatch};
use arrow::datatypes::{DataType as Type, Field, Schema};
use arrow::ipc::writer::FileWriter;
use polars::prelude::*;

use super::write;

/// The side of images and of the grid, in pixels.
pub const SIDE: usize = 16;

/// A pair of a test image and a class on it.
#[derive(Clone)]
pub struct Pair {
    pub image_id: String,
    pub class_id: i32,
    pub group_id: Option<i32>,
}

/// Returns the pairs of `n` images, `image-000` and so on: every third image, from `image-002` on, has class 7 and
/// is in group 1; the others have class 0 and are in group 0.
pub fn pairs(n: usize) -> Vec<Pair> {
    let pair = |i: usize| Pair {
        image_id: format!("image-{i:03}"),
        class_id: if i % 3 == 2 { 7 } else { 0 },
        group_id: Some(i32::from(i % 3 == 2)),
    };
    (0..n).map(pair).collect()
}

/// An evaluation (one checkpoint's maps, scored): the run and the method and layer of the maps, as its tables say.
pub struct Evaluation<'a> {
    pub run_id: &'a str,
    pub attribution: &'a str,
    pub layer: &'a str,
}

/// Writes `scores.parquet` into the folder of an evaluation of epoch 1. `epg` returns the EPG of a pair by its index;
/// a negative value means undefined and is written as null.
pub fn write_scores(folder: &Path, of: &Evaluation, pairs: &[Pair], epg: impl Fn(usize) -> f64) {
    let n = pairs.len();
    let value = |i: usize| Some(epg(i)).filter(|value| *value >= 0.0);
    let frame = df!(
        "run_id" => vec![of.run_id; n], "checkpoint" => vec![1; n], "split" => vec!["test"; n],
        "image_id" => pairs.iter().map(|pair| pair.image_id.as_str()).collect::<Vec<_>>(),
        "class_id" => pairs.iter().map(|pair| pair.class_id).collect::<Vec<_>>(),
        "group_id" => pairs.iter().map(|pair| pair.group_id).collect::<Vec<_>>(),
        "attribution" => vec![of.attribution; n], "layer" => vec![of.layer; n],
        "precision" => vec![Some("f32"); n], "metric" => vec!["epg"; n],
        "value" => (0..n).map(value).collect::<Vec<_>>(),
    );
    write(&folder.join("scores.parquet"), "scores", frame.unwrap());
}

/// Writes `gallery.parquet` into the folder of an evaluation of epoch 1. Every map has one row of two cells with the
/// bytes 100 and −50, at a scale of 0.5. Every box is the left half, and every segmentation the right half of the
/// grid, as runs of cells outside and inside in turn.
pub fn write_maps(folder: &Path, of: &Evaluation, pairs: &[Pair]) {
    let n = pairs.len();
    let words = |words: &[i32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
    let (side, half) = (SIDE as i32, SIDE as i32 / 2);
    let [boxes, segmentation] = [words(&[0, 0, half, side]), words(&[half; 2 * SIDE])];
    let column = |name: &str, bytes: &[u8]| Column::new(name.into(), vec![bytes; n]);
    let mut frame = df!(
        "run_id" => vec![of.run_id; n], "checkpoint" => vec![1; n], "split" => vec!["test"; n],
        "image_id" => pairs.iter().map(|pair| pair.image_id.as_str()).collect::<Vec<_>>(),
        "class_id" => pairs.iter().map(|pair| pair.class_id).collect::<Vec<_>>(),
        "attribution" => vec![of.attribution; n], "layer" => vec![of.layer; n],
        "precision" => vec![Some("f32"); n], "height" => vec![1; n], "width" => vec![2; n],
        "scale" => vec![0.5_f32; n], "grid_height" => vec![side; n], "grid_width" => vec![side; n],
    )
    .unwrap();
    for made in [
        column("map", &[100, (-50_i8) as u8]),
        column("boxes", &boxes),
        column("segmentation", &segmentation),
    ] {
        frame.with_column(made).unwrap();
    }
    write(&folder.join("gallery.parquet"), "gallery", frame);
}

/// Writes a data folder with the images of `pairs`, row i of the pixels in the grey i, and the class names `classes`.
pub fn write_data(folder: &Path, pairs: &[Pair], classes: &[(i32, &str)]) {
    let frame = df!(
        "class_id" => classes.iter().map(|class| class.0).collect::<Vec<_>>(),
        "class_name" => classes.iter().map(|class| class.1).collect::<Vec<_>>(),
    );
    write(&folder.join("classes.parquet"), "classes", frame.unwrap());
    let n = pairs.len();
    let ids: Vec<&str> = pairs.iter().map(|pair| pair.image_id.as_str()).collect();
    let frame = df!(
        "image_id" => &ids, "file_name" => &ids, "split" => vec!["test"; n],
        "width" => vec![100; n], "height" => vec![100; n],
        "group_id" => pairs.iter().map(|pair| pair.group_id).collect::<Vec<_>>(),
        // Not in the order of the names.
        "pixel_row" => (0..n as i64).rev().collect::<Vec<_>>(),
    );
    write(&folder.join("images.parquet"), "images", frame.unwrap());
    let bytes = SIDE * SIDE * 3;
    let field = Field::new("rgb", Type::FixedSizeBinary(bytes as i32), false);
    let metadata = HashMap::from(["height", "width"].map(|k| (k.to_owned(), SIDE.to_string())));
    let schema = Arc::new(Schema::new_with_metadata(vec![field], metadata));
    let file = std::fs::File::create(folder.join("pixels.arrow")).unwrap();
    let mut writer = FileWriter::try_new(file, &schema).unwrap();
    let rows: Vec<Vec<u8>> = (0..n).map(|row| vec![row as u8; bytes]).collect();
    // Batches of seven images, so that there are several.
    for rows in rows.chunks(7) {
        let array = FixedSizeBinaryArray::try_from_iter(rows.iter()).unwrap();
        let batch = RecordBatch::try_new(schema.clone(), vec![Arc::new(array) as ArrayRef]);
        writer.write(&batch.unwrap()).unwrap();
    }
    writer.finish().unwrap();
}
