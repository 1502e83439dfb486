//! Reads examples (test images with attribution maps) from `examples.parquet`, for the report's figures of
//! maps. Only the examples of the checkpoints that are reported are read: one takes some hundred kilobytes,
//! and a run may have many evaluated checkpoints.

use std::collections::BTreeSet;
use std::path::Path;

use polars::prelude::*;

use crate::load::formulas;
use crate::load::rows::Rows;
use crate::load::schema::{self, EXAMPLES, task_of};
use crate::model::example::Example;
use crate::model::results::{Evaluation, Results};
use crate::model::subject::TEST;
use crate::{Error, Result};

/// Reads the test examples of the checkpoints in `selected`, each a run id and an epoch. Returns them sorted
/// by rank, and a note for each evaluation of these checkpoints that has no `examples.parquet`.
///
/// # Errors
/// A table that does not fit its schema or was made by another version of the formulas, or an array whose
/// length does not fit height × width.
pub fn load(
    results: &Results,
    selected: &BTreeSet<(String, i32)>,
) -> Result<(Vec<Example>, Vec<String>)> {
    let (mut examples, mut notes) = (Vec::new(), Vec::new());
    let wanted = |evaluation: &&Evaluation| !evaluation.checkpoints.is_disjoint(selected);
    for Evaluation { folder, .. } in results.evaluations.iter().filter(wanted) {
        let path = folder.join("examples.parquet");
        if path.is_file() {
            examples.extend(read(results, &path, selected)?);
        } else {
            notes.push(format!(
                "{}: no examples.parquet, so none of its maps are shown",
                folder.display()
            ));
        }
    }
    examples.sort_by(|a, b| {
        let key = |e: &Example| (e.rank, e.image_id.clone(), e.class_id);
        key(a).cmp(&key(b))
    });
    Ok((examples, notes))
}

/// Reads the examples of `selected` from one file.
fn read(
    results: &Results,
    path: &Path,
    selected: &BTreeSet<(String, i32)>,
) -> Result<Vec<Example>> {
    let (frame, metadata) = schema::read(path, &EXAMPLES)?;
    formulas::check(results.formulas.as_ref(), path, &metadata)?;
    let kept = wanted(&frame, selected).map_err(Error::polars(path))?;
    let frame = frame.filter(&kept).map_err(Error::polars(path))?;
    let rows = parse(&frame, task_of(&metadata)).map_err(Error::polars(path))?;
    rows.into_iter().map(|row| row.check(path)).collect()
}

/// For each row, whether it is of the test split and of a checkpoint in `selected`.
fn wanted(frame: &DataFrame, selected: &BTreeSet<(String, i32)>) -> PolarsResult<BooleanChunked> {
    let rows = Rows::new(frame);
    let (run_id, split) = (rows.text("run_id")?, rows.text("split")?);
    let keys = run_id.into_iter().zip(rows.int("checkpoint")?);
    let kept = keys
        .zip(split)
        .map(|(key, split)| split == TEST && selected.contains(&key));
    Ok(kept.map(Some).collect())
}

/// A row whose arrays are still bytes, and unchecked.
struct Raw {
    /// The columns that need no check. Its height and width are still 0, its map and boxes empty.
    example: Example,
    /// Height and width.
    size: (i32, i32),
    /// Little-endian f32, row-major.
    map: Vec<u8>,
    /// Little-endian i32, four (x1, y1, x2, y2) for each box.
    boxes: Vec<u8>,
}

/// Turns the columns of `frame` into rows. `task` is that of the evaluation.
fn parse(frame: &DataFrame, task: &str) -> PolarsResult<Vec<Raw>> {
    let rows = Rows::new(frame);
    let (rank, run_id, image_id) = (
        rows.int("rank")?,
        rows.text("run_id")?,
        rows.text("image_id")?,
    );
    let checkpoint = rows.int("checkpoint")?;
    let (class_id, class_name) = (rows.int("class_id")?, rows.text("class_name")?);
    let (attribution, layer) = (rows.text("attribution")?, rows.text("layer")?);
    let precision = rows.maybe_text("precision")?;
    let (height, width) = (rows.int("height")?, rows.int("width")?);
    let (rgb, map, boxes) = (rows.bytes("rgb")?, rows.bytes("map")?, rows.bytes("boxes")?);
    let epg = rows.maybe_float("epg")?;
    Ok((0..rank.len())
        .map(|i| Raw {
            example: Example {
                rank: rank[i],
                run_id: run_id[i].clone(),
                image_id: image_id[i].clone(),
                class_id: class_id[i],
                class_name: class_name[i].clone(),
                checkpoint: checkpoint[i],
                task: task.to_owned(),
                attribution: attribution[i].clone(),
                layer: layer[i].clone(),
                precision: precision[i].clone(),
                height: 0,
                width: 0,
                rgb: rgb[i].clone(),
                map: Vec::new(),
                boxes: Vec::new(),
                epg: epg[i],
            },
            size: (height[i], width[i]),
            map: map[i].clone(),
            boxes: boxes[i].clone(),
        })
        .collect())
}

impl Raw {
    /// Checks the lengths of the arrays and decodes them.
    fn check(mut self, path: &Path) -> Result<Example> {
        let (Ok(height), Ok(width)) = (usize::try_from(self.size.0), usize::try_from(self.size.1))
        else {
            let found = format!("{} × {}", self.size.0, self.size.1);
            return Err(Error::table(path, "height, width", found, "positive sizes"));
        };
        let expect = |field: &str, found: usize, expected: usize| {
            if found == expected && expected > 0 {
                return Ok(());
            }
            let expected = format!("{expected} bytes for {height} × {width} pixels");
            Err(Error::table(
                path,
                field,
                format!("{found} bytes"),
                expected,
            ))
        };
        expect("rgb", self.example.rgb.len(), height * width * 3)?;
        expect("map", self.map.len(), height * width * 4)?;
        if !self.boxes.len().is_multiple_of(16) {
            let found = format!("{} bytes", self.boxes.len());
            return Err(Error::table(path, "boxes", found, "a multiple of 16 bytes"));
        }
        // The first four bytes.
        let word = |bytes: &[u8]| [bytes[0], bytes[1], bytes[2], bytes[3]];
        self.example.map = self
            .map
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(word(b)))
            .collect();
        let corners: Vec<i32> = self
            .boxes
            .chunks_exact(4)
            .map(|b| i32::from_le_bytes(word(b)))
            .collect();
        self.example.boxes = corners
            .chunks_exact(4)
            .map(|c| [c[0], c[1], c[2], c[3]])
            .collect();
        (self.example.height, self.example.width) = (height, width);
        Ok(self.example)
    }
}
