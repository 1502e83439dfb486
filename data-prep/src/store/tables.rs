//! Writes the tables of a data folder from a source's records (a source is a data set as it comes, published or
//! the user's own), after the pixels.
//!
//! `images.parquet` is written last: a folder with it is complete. `schemas.toml` declares the columns, `schema`
//! names the tables, and `dataset` reads them.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};

use serde_json::json;

use crate::error::{Error, Problem, Result};
use crate::source::record::{Source, SourceImage, SourceObject};
use crate::store::schema::{
    CLASSES, CREDIT_KEY, DATASET_KEY, GROUPS, IMAGES, LABELS, MASKS, SKIPPED, file_name,
};
use crate::store::table::{
    PROGRAM_KEY, Provenance, TableSpec, TableWriter, read_table, write_table,
};

/// This program, as its tables name it.
pub(crate) const PROGRAM: &str = concat!("data-prep ", env!("CARGO_PKG_VERSION"));

/// Objects per batch of `masks.parquet`, so that COCO's hundreds of thousands are not copied all at once. Chosen.
const MASK_ROWS: usize = 1 << 15;

/// What to do with a data folder made from other inputs, or by another version of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and the command fails.
    Keep,
    /// It is replaced.
    Replace,
}

/// An image that became a row of the pixel file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Index into the source's images.
    pub image: usize,
    /// Width in source pixels.
    pub width: u32,
    /// Height in source pixels.
    pub height: u32,
}

/// Returns the number of images and of rows in `skipped.parquet` of the data set in `out`, if this version of
/// the program made it from `inputs`; `None` where `out` holds no data set. With [`Existing::Replace`] the
/// `images.parquet` of any other data set is removed, so that `out` holds none any more.
///
/// # Errors
/// With [`Existing::Keep`], when `out` holds a data set made from other inputs, or by another version.
pub(crate) fn find_existing(
    out: &Path,
    inputs: &str,
    existing: Existing,
) -> Result<Option<(usize, usize)>> {
    let path = out.join(file_name(&IMAGES));
    if !path.is_file() {
        return Ok(None);
    }
    let kept = match read_table(&path, &IMAGES) {
        Ok((origin, _)) if origin.program() != Some(PROGRAM) => Error::OtherProgram {
            path: out.to_owned(),
            field: PROGRAM_KEY,
            found: origin.program().unwrap_or("nothing").to_owned(),
            expected: PROGRAM,
        },
        Ok((origin, images)) if origin.inputs() == Some(inputs) => {
            let (_, skipped) = read_table(out.join(file_name(&SKIPPED)), &SKIPPED)?;
            return Ok(Some((images.num_rows(), skipped.num_rows())));
        }
        Ok((origin, _)) => Error::OtherInputs {
            path: out.to_owned(),
            found: origin.inputs().unwrap_or("nothing known").to_owned(),
            expected: inputs.to_owned(),
        },
        Err(error) => error,
    };
    match existing {
        Existing::Keep => Err(kept),
        Existing::Replace => {
            fs_err::remove_file(&path)?;
            Ok(None)
        }
    }
}

/// Writes all tables of the folder. Row i of `rows` is row i of the pixel file; `problems` become
/// `skipped.parquet`; `inputs` is the hash of what the folder is made from.
///
/// # Errors
/// When the disk is full or cannot be written to.
pub(crate) fn write(
    out: &Path,
    source: &Source,
    rows: &[Row],
    problems: &[&Problem],
    inputs: &str,
) -> Result<()> {
    let mut provenance = Provenance::new(PROGRAM, inputs).with(DATASET_KEY, &source.name);
    if !source.credit.is_empty() {
        provenance = provenance.with(CREDIT_KEY, json!(source.credit).to_string());
    }
    let table = |spec: &TableSpec, batch: RecordBatch| {
        write_table(out.join(file_name(spec)), spec, &provenance, &batch)
    };
    let images: Vec<&SourceImage> = rows.iter().map(|row| &source.images[row.image]).collect();
    table(&CLASSES, classes(&source.classes)?)?;
    table(&GROUPS, groups(&source.groups)?)?;
    table(&LABELS, labels(&images)?)?;
    write_skipped(&out.join(file_name(&SKIPPED)), problems, &provenance)?;

    let mut writer = TableWriter::create(out.join(file_name(&MASKS)), &MASKS, &provenance)?;
    let objects: Vec<(&str, &SourceObject)> = images
        .iter()
        .flat_map(|image| {
            image
                .objects
                .iter()
                .map(|object| (image.image_id.as_str(), object))
        })
        .collect();
    for objects in objects.chunks(MASK_ROWS) {
        writer.write(&masks(objects)?)?;
    }
    writer.finish()?;

    table(&IMAGES, images_table(&images, rows)?)
}

fn classes(names: &[String]) -> Result<RecordBatch> {
    CLASSES.batch(vec![
        Arc::new(Int32Array::from_iter_values(0..names.len() as i32)),
        Arc::new(StringArray::from_iter_values(names)),
    ])
}

fn groups(groups: &[(i32, String)]) -> Result<RecordBatch> {
    GROUPS.batch(vec![
        Arc::new(Int32Array::from_iter_values(
            groups.iter().map(|group| group.0),
        )),
        Arc::new(StringArray::from_iter_values(
            groups.iter().map(|group| &group.1),
        )),
    ])
}

fn labels(images: &[&SourceImage]) -> Result<RecordBatch> {
    let pairs: Vec<(&str, i32)> = images
        .iter()
        .flat_map(|image| {
            let labels = image.labels().into_iter();
            labels.map(|class_id| (image.image_id.as_str(), class_id))
        })
        .collect();
    LABELS.batch(vec![
        Arc::new(StringArray::from_iter_values(
            pairs.iter().map(|pair| pair.0),
        )),
        Arc::new(Int32Array::from_iter_values(
            pairs.iter().map(|pair| pair.1),
        )),
    ])
}

/// Writes the table of what was left out to `path`.
///
/// # Errors
/// When the disk is full or cannot be written to.
pub fn write_skipped(path: &Path, problems: &[&Problem], provenance: &Provenance) -> Result<()> {
    let column = |cell: fn(&Problem) -> &str| -> ArrayRef {
        let cells = problems.iter().map(|problem| cell(problem));
        Arc::new(StringArray::from_iter_values(cells))
    };
    let batch = SKIPPED.batch(vec![
        column(|problem| &problem.file),
        column(|problem| &problem.field),
        column(|problem| &problem.found),
        column(|problem| &problem.expected),
    ])?;
    write_table(path, &SKIPPED, provenance, &batch)
}

fn masks(objects: &[(&str, &SourceObject)]) -> Result<RecordBatch> {
    let corner = |index: usize| -> ArrayRef {
        let values = objects.iter().map(|(_, object)| object.bbox[index]);
        Arc::new(Float64Array::from_iter_values(values))
    };
    let flag = |flag: fn(&SourceObject) -> bool| -> ArrayRef {
        let flags: Vec<bool> = objects.iter().map(|(_, object)| flag(object)).collect();
        Arc::new(BooleanArray::from(flags))
    };
    let rles = || {
        objects
            .iter()
            .map(|(_, object)| object.segmentation.as_ref())
    };
    let mut counts = BinaryBuilder::new();
    for rle in rles() {
        counts.append_option(rle.map(|rle| &rle.counts));
    }
    MASKS.batch(vec![
        Arc::new(StringArray::from_iter_values(
            objects.iter().map(|(id, _)| id),
        )),
        Arc::new(Int64Array::from_iter_values(
            objects.iter().map(|(_, o)| o.instance_id),
        )),
        Arc::new(Int32Array::from_iter_values(
            objects.iter().map(|(_, o)| o.class_id),
        )),
        corner(0),
        corner(1),
        corner(2),
        corner(3),
        flag(|object| object.is_difficult),
        flag(|object| object.is_crowd),
        Arc::new(Float64Array::from_iter(objects.iter().map(|(_, o)| o.area))),
        Arc::new(StringArray::from_iter_values(
            objects.iter().map(|(_, object)| object.mask_kind.as_ref()),
        )),
        Arc::new(Int32Array::from_iter(
            rles().map(|rle| rle.map(|rle| rle.height as i32)),
        )),
        Arc::new(Int32Array::from_iter(
            rles().map(|rle| rle.map(|rle| rle.width as i32)),
        )),
        Arc::new(counts.finish()),
    ])
}

fn images_table(images: &[&SourceImage], rows: &[Row]) -> Result<RecordBatch> {
    let text = |text: fn(&SourceImage) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(
            images.iter().map(|image| text(image)),
        ))
    };
    let pixels = |pixels: fn(&Row) -> u32| -> ArrayRef {
        Arc::new(Int32Array::from_iter_values(
            rows.iter().map(|row| pixels(row) as i32),
        ))
    };
    IMAGES.batch(vec![
        text(|image| &image.image_id),
        text(|image| &image.file_name),
        text(|image| image.split.as_ref()),
        pixels(|row| row.width),
        pixels(|row| row.height),
        Arc::new(Int32Array::from_iter(
            images.iter().map(|image| image.group_id),
        )),
        Arc::new(Int64Array::from_iter_values(0..rows.len() as i64)),
    ])
}
