//! Reads examples (test images with attribution maps) from `examples.parquet`, for the report's figures of
//! maps. An evaluation (one checkpoint's maps of one split, scored) keeps dozens of examples of some hundred
//! kilobytes each, and a run may have many evaluated checkpoints. So first [`list`] reads, without the pixels,
//! which pairs (an image and a class on it) were kept for the checkpoints that are reported; then [`load`] reads
//! the examples that are shown.

use std::collections::BTreeSet;
use std::path::Path;

use polars::prelude::*;

use crate::load::formulas;
use crate::load::rows::Rows;
use crate::load::schema::{self, EXAMPLES, EXAMPLES_WITHOUT_PIXELS, Metadata, TableSpec, task_of};
use crate::model::example::{AT_RANDOM, Example, Kept, Pair};
use crate::model::results::{Evaluation, Results};
use crate::model::subject::TEST;
use crate::{Error, Result};

/// The file of an evaluation's examples, in its folder.
const FILE: &str = "examples.parquet";

/// Lists the kept test maps of the checkpoints in `selected`, each a run id and an epoch, and returns a note for
/// each evaluation of these checkpoints that has no `examples.parquet`.
///
/// # Errors
/// A table that does not fit its schema or was made by another version of the formulas.
pub fn list(
    results: &Results,
    selected: &BTreeSet<(String, i32)>,
) -> Result<(Vec<Kept>, Vec<String>)> {
    let (mut all, mut notes) = (Vec::new(), Vec::new());
    for Evaluation { folder, .. } in wanted(results, selected) {
        let path = folder.join(FILE);
        if path.is_file() {
            let (frame, metadata) = read(results, &path, &EXAMPLES_WITHOUT_PIXELS)?;
            let found = kept(&frame, task_of(&metadata)).map_err(Error::polars(&path))?;
            let found = found.into_iter().flatten();
            all.extend(found.filter(|kept| is_of(selected, kept)));
        } else {
            notes.push(format!(
                "{}: no examples.parquet, so none of its maps are shown",
                folder.display()
            ));
        }
    }
    Ok((all, notes))
}

/// Reads the test examples of the checkpoints in `selected`: those of the lowest ranks, which are random, and
/// those of `pairs`. Returns them sorted by rank.
///
/// # Errors
/// A table that does not fit its schema or was made by another version of the formulas, or an array whose
/// length does not fit height × width.
pub fn load(
    results: &Results,
    selected: &BTreeSet<(String, i32)>,
    pairs: &BTreeSet<&Pair>,
) -> Result<Vec<Example>> {
    let mut examples = Vec::new();
    for Evaluation { folder, .. } in wanted(results, selected) {
        let path = folder.join(FILE);
        if !path.is_file() {
            continue;
        }
        let (frame, metadata) = read(results, &path, &EXAMPLES)?;
        let found = kept(&frame, task_of(&metadata)).map_err(Error::polars(&path))?;
        let is_shown = |kept: &Kept| {
            let is_chosen = kept.rank < AT_RANDOM || pairs.contains(&kept.pair);
            is_chosen && is_of(selected, kept)
        };
        for (row, kept) in found.into_iter().enumerate() {
            if let Some(kept) = kept.filter(is_shown) {
                let raw = raw(&frame, row, kept).map_err(Error::polars(&path))?;
                examples.push(raw.check(&path)?);
            }
        }
    }
    examples.sort_by(|a: &Example, b: &Example| {
        let key = |example: &Example| (example.kept.rank, example.kept.pair.clone());
        key(a).cmp(&key(b))
    });
    Ok(examples)
}

/// The evaluations of checkpoints in `selected`.
fn wanted<'a>(
    results: &'a Results,
    selected: &BTreeSet<(String, i32)>,
) -> impl Iterator<Item = &'a Evaluation> {
    let evaluations = results.evaluations.iter();
    evaluations.filter(|evaluation| !evaluation.checkpoints.is_disjoint(selected))
}

/// Whether a map is by a checkpoint in `selected`.
fn is_of(selected: &BTreeSet<(String, i32)>, kept: &Kept) -> bool {
    selected.contains(&(kept.run_id.clone(), kept.checkpoint))
}

/// Reads the columns of `spec` from one file, and checks that it was made by the same version of the metrics'
/// formulas as the tables read before.
fn read(results: &Results, path: &Path, spec: &TableSpec) -> Result<(DataFrame, Metadata)> {
    let (frame, metadata) = schema::read(path, spec)?;
    formulas::check(results.formulas.as_ref(), path, &metadata)?;
    Ok((frame, metadata))
}

/// Returns for each row its values without the pixels; `None` for a row of another split than test. `task` is that
/// of the evaluation, which the table has in its metadata only.
fn kept(frame: &DataFrame, task: &str) -> PolarsResult<Vec<Option<Kept>>> {
    let rows = Rows::new(frame);
    let (rank, split) = (rows.int("rank")?, rows.text("split")?);
    let (run_id, checkpoint) = (rows.text("run_id")?, rows.int("checkpoint")?);
    let (image_id, class_id) = (rows.text("image_id")?, rows.int("class_id")?);
    let (attribution, layer) = (rows.text("attribution")?, rows.text("layer")?);
    let precision = rows.maybe_text("precision")?;
    let epg = rows.maybe_float("epg")?;
    let row = |i: usize| Kept {
        rank: rank[i],
        run_id: run_id[i].clone(),
        pair: (image_id[i].clone(), class_id[i]),
        checkpoint: checkpoint[i],
        task: task.to_owned(),
        attribution: attribution[i].clone(),
        layer: layer[i].clone(),
        precision: precision[i].clone(),
        epg: epg[i],
    };
    Ok((0..rank.len())
        .map(|i| (split[i] == TEST).then(|| row(i)))
        .collect())
}

/// A row whose arrays are still bytes, and unchecked.
struct Raw {
    /// The columns that need no check. Its height and width are still 0, its map and boxes empty.
    example: Example,
    /// Height and width in pixels.
    size: (i32, i32),
    /// Little-endian f32, height × width, row-major.
    map: Vec<u8>,
    /// Little-endian i32, four (x1, y1, x2, y2) for each box.
    boxes: Vec<u8>,
}

/// Returns the row with the number `row` in `frame`, of which `kept` is known.
fn raw(frame: &DataFrame, row: usize, kept: Kept) -> PolarsResult<Raw> {
    let frame = frame.slice(row as i64, 1);
    let rows = Rows::new(&frame);
    let bytes = |name| rows.bytes(name).map(|mut values| values.remove(0));
    let int = |name| rows.int(name).map(|values| values[0]);
    Ok(Raw {
        example: Example {
            kept,
            class_name: rows.text("class_name")?.remove(0),
            height: 0,
            width: 0,
            rgb: bytes("rgb")?,
            map: Vec::new(),
            boxes: Vec::new(),
        },
        size: (int("height")?, int("width")?),
        map: bytes("map")?,
        boxes: bytes("boxes")?,
    })
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
        // The first four bytes, as an array.
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
