//! Reads what the report's gallery, a page of all test images, shows for the chosen runs of each setting (runs
//! trained and scored alike): the EPG of every test pair (an image and a class on it) from `scores.parquet`, and a
//! small copy of its map, with boxes and segmentation, from `gallery.parquet`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use polars::prelude::*;
use sha2::{Digest, Sha256};

use crate::format::counted;
use crate::load::formulas;
use crate::load::rows::{Rows, subjects};
use crate::load::schema::{self, GALLERY, SCORES, task_of};
use crate::model::gallery::{
    Annotation, Collection, Column, Key, Pair, SmallMap, Value, Wall, chosen,
};
use crate::model::measure::EPG;
use crate::model::names;
use crate::model::results::{Evaluation, Results};
use crate::model::setting::{Row, Setting};
use crate::model::subject::{Part, Subject, TEST};
use crate::{Error, Result};

/// The most cells along a side of a map or a grid: a chosen bound far above real sizes. A larger number is taken
/// for damage.
const MOST_CELLS: usize = 1 << 14;

/// For each pair: its image's group, if there are groups, and its EPG.
type Scored = BTreeMap<Key, (Option<i32>, Value)>;
/// For each pair: its map, and its boxes and segmentation.
type Kept = BTreeMap<Key, (SmallMap, Annotation)>;

/// Reads the collections of test pairs of `settings`, one for each data folder and task, with at most `most` images
/// each, and notes on what is missing. Where there are more images, those with the smallest SHA-256 of their ids
/// are taken, so that every report shows the same.
///
/// # Errors
/// A table that does not fit its schema, was made by another version of the formulas, or has an array of a
/// length that does not fit.
pub fn load(
    results: &Results,
    settings: &[Setting],
    most: usize,
) -> Result<(Vec<Collection>, Vec<String>)> {
    let mut notes = Vec::new();
    let wanted: BTreeSet<Subject> = settings
        .iter()
        .flat_map(|setting| {
            chosen(setting)
                .into_iter()
                .map(move |row| subject(setting, row))
        })
        .collect();
    let checkpoints: BTreeSet<(String, i32)> = wanted
        .iter()
        .map(|subject| (subject.run_id.clone(), subject.checkpoint))
        .collect();
    let evaluations: Vec<&Evaluation> = results
        .evaluations
        .iter()
        .filter(|evaluation| !evaluation.checkpoints.is_disjoint(&checkpoints))
        .collect();
    let mut scored: BTreeMap<Subject, Scored> = BTreeMap::new();
    for evaluation in &evaluations {
        let path = evaluation.folder.join("scores.parquet");
        if path.is_file() {
            scores(results, &path, &wanted, &mut scored)?;
        }
    }
    // The images of each data folder and task.
    let mut images: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for setting in settings {
        let of_setting = images.entry((&setting.data, &setting.task)).or_default();
        for row in chosen(setting) {
            let keys = scored.get(&subject(setting, row)).into_iter().flatten();
            of_setting.extend(keys.map(|((image_id, _), _)| image_id.as_str()));
        }
    }
    for ((data, _), images) in &mut images {
        let n = images.len();
        if n > most {
            let mut by_hash: Vec<&str> = images.iter().copied().collect();
            by_hash.sort_by_cached_key(|image_id| Sha256::digest(image_id));
            *images = by_hash.into_iter().take(most).collect();
            let dataset = settings.iter().find(|setting| setting.data == *data);
            let dataset = dataset.map_or("", |setting| names::dataset(&setting.dataset));
            notes.push(format!(
                "gallery: {most} of the {n} test images of {dataset}, chosen by a hash of their names; \
                 --gallery {n} shows all"
            ));
        }
    }
    let all: BTreeSet<&str> = images.values().flatten().copied().collect();
    let mut kept: BTreeMap<Subject, Kept> = BTreeMap::new();
    let mut without = Vec::new();
    for evaluation in &evaluations {
        if !evaluation.folder.join("scores.parquet").is_file() {
            continue;
        }
        let path = evaluation.folder.join("gallery.parquet");
        match path.is_file() {
            true => maps(results, &path, (&wanted, &all), &mut kept)?,
            false => without.push(evaluation.folder.display().to_string()),
        }
    }
    if let Some(first) = without.first() {
        notes.push(format!(
            "gallery: no maps of {}, the first {first}: no gallery.parquet; `evaluator score` writes it",
            counted(without.len(), "evaluation")
        ));
    }
    let mut collections: Vec<Collection> = Vec::new();
    for ((data, task), images) in &images {
        let here = settings
            .iter()
            .filter(|setting| (setting.data.as_str(), setting.task.as_str()) == (*data, *task));
        let mut here: Vec<&Setting> = here.collect();
        // First the settings whose maps runs were guided through: the page begins with the first setting.
        here.sort_by_key(|setting| !setting.guided().any(|row| setting.is_guided_here(&row.run)));
        collections.extend(collection(&here, images, &scored, &kept));
    }
    Ok((collections, notes))
}

/// The key in the tables of a run's maps, at its chosen checkpoint, over all test images.
fn subject(setting: &Setting, row: &Row) -> Subject {
    setting.subject(&row.run, row.selection.epoch, Part::All)
}

/// Puts together the collection of `settings`, which are of one data folder and task; `None` without a
/// scored pair.
fn collection(
    settings: &[&Setting],
    images: &BTreeSet<&str>,
    scored: &BTreeMap<Subject, Scored>,
    kept: &BTreeMap<Subject, Kept>,
) -> Option<Collection> {
    let first = settings.first()?;
    // Every pair, with the group of its image; their order is that of the values and maps of all columns.
    let mut groups: BTreeMap<&Key, Option<i32>> = BTreeMap::new();
    let mut annotations: BTreeMap<Key, Annotation> = BTreeMap::new();
    for setting in settings {
        for row in chosen(setting) {
            let subject = subject(setting, row);
            let pairs = scored.get(&subject).into_iter().flatten();
            let pairs = pairs.filter(|((image_id, _), _)| images.contains(image_id.as_str()));
            groups.extend(pairs.map(|(key, (group, _))| (key, *group)));
            for (key, (_, annotation)) in kept.get(&subject).into_iter().flatten() {
                if !annotations.contains_key(key) {
                    annotations.insert(key.clone(), annotation.clone());
                }
            }
        }
    }
    let mut walls = Vec::new();
    for setting in settings {
        let rows = chosen(setting);
        let has_values = |row: &&Row| scored.contains_key(&subject(setting, row));
        let rows: Vec<&Row> = rows.into_iter().filter(has_values).collect();
        if rows.is_empty() {
            continue;
        }
        let columns = rows.iter().map(|row| {
            let subject = subject(setting, row);
            let values = &scored[&subject];
            let maps = kept.get(&subject);
            let baseline = row.baseline.as_ref();
            Column {
                label: row.label.clone(),
                loss: row.run.loss.as_ref().map(ToString::to_string),
                run_id: row.run.run_id.clone(),
                epoch: row.selection.epoch,
                baseline: rows
                    .iter()
                    .position(|other| Some(&other.run.run_id) == baseline),
                values: groups
                    .keys()
                    .map(|key| values.get(*key).map(|(_, value)| *value))
                    .collect(),
                maps: groups
                    .keys()
                    .map(|key| maps.and_then(|maps| Some(maps.get(*key)?.0.clone())))
                    .collect(),
            }
        });
        walls.push(Wall {
            title: format!("{} · {}", setting.backbone, setting.maps()),
            columns: columns.collect(),
        });
    }
    let pairs: Vec<Pair> = groups
        .iter()
        .map(|(key, group_id)| Pair {
            key: (*key).clone(),
            group_id: *group_id,
            annotation: annotations.remove(*key),
        })
        .collect();
    let mut collection = Collection {
        dataset: first.dataset.clone(),
        data: first.data.clone(),
        task: first.task.clone(),
        pairs,
        walls,
    };
    collection.sort();
    (!collection.pairs.is_empty()).then_some(collection)
}

/// Adds the EPG of the test pairs in one `scores.parquet` to `scored`, by subject.
fn scores(
    results: &Results,
    path: &Path,
    wanted: &BTreeSet<Subject>,
    scored: &mut BTreeMap<Subject, Scored>,
) -> Result<()> {
    let (frame, metadata) = schema::read(path, &SCORES)?;
    formulas::check(results.formulas.as_ref(), path, &metadata)?;
    let mut read = || -> PolarsResult<()> {
        let is_epg = |column: &str, text: &str| -> PolarsResult<BooleanChunked> {
            let column = frame.column(column)?.str()?;
            Ok(column
                .iter()
                .map(|found| Some(found == Some(text)))
                .collect())
        };
        let frame = frame.filter(&(is_epg("metric", EPG)? & is_epg("split", TEST)?))?;
        let rows = Rows::new(&frame);
        let subjects = subjects(&rows, task_of(&metadata), vec![Part::All; frame.height()])?;
        let (image_id, class_id) = (rows.text("image_id")?, rows.int("class_id")?);
        let (group_id, value) = (rows.maybe_int("group_id")?, rows.maybe_float("value")?);
        let keys = image_id.into_iter().zip(class_id);
        let values = group_id.into_iter().zip(value);
        for (subject, (key, (group_id, value))) in subjects.into_iter().zip(keys.zip(values)) {
            if wanted.contains(&subject) {
                let value = value.filter(|value| value.is_finite());
                let value = value.map_or(Value::Undefined, Value::Of);
                scored
                    .entry(subject)
                    .or_default()
                    .insert(key, (group_id, value));
            }
        }
        Ok(())
    };
    read().map_err(Error::polars(path))
}

/// A row of `gallery.parquet` whose arrays are still bytes, and unchecked.
struct Raw {
    /// Height and width of the map, cells.
    size: (i32, i32),
    /// The attribution of a cell is this times its byte.
    scale: f32,
    /// A signed byte for each cell of the map, row-major.
    map: Vec<u8>,
    /// Height and width of the grid, cells.
    grid: (i32, i32),
    /// Little-endian i32, four (x1, y1, x2, y2 in cells of the grid) for each box.
    boxes: Vec<u8>,
    /// Little-endian i32: lengths of runs of the grid's cells row by row, outside and inside in turn.
    segmentation: Option<Vec<u8>>,
}

/// Adds the maps in one `gallery.parquet` of the subjects and images that are wanted to `kept`, by subject.
fn maps(
    results: &Results,
    path: &Path,
    (wanted, images): (&BTreeSet<Subject>, &BTreeSet<&str>),
    kept: &mut BTreeMap<Subject, Kept>,
) -> Result<()> {
    let (frame, metadata) = schema::read(path, &GALLERY)?;
    formulas::check(results.formulas.as_ref(), path, &metadata)?;
    let rows = raw(&frame, task_of(&metadata)).map_err(Error::polars(path))?;
    for (subject, key, raw) in rows {
        if wanted.contains(&subject) && images.contains(key.0.as_str()) {
            kept.entry(subject)
                .or_default()
                .insert(key, raw.check(path)?);
        }
    }
    Ok(())
}

/// Turns the columns of `frame` into rows.
fn raw(frame: &DataFrame, task: &str) -> PolarsResult<Vec<(Subject, Key, Raw)>> {
    let rows = Rows::new(frame);
    let subjects = subjects(&rows, task, vec![Part::All; frame.height()])?;
    let (image_id, class_id) = (rows.text("image_id")?, rows.int("class_id")?);
    let (height, width) = (rows.int("height")?, rows.int("width")?);
    let (grid_height, grid_width) = (rows.int("grid_height")?, rows.int("grid_width")?);
    let scale = frame.column("scale")?.f32()?;
    let [map, boxes, segmentation] =
        ["map", "boxes", "segmentation"].map(|name| frame.column(name));
    let (map, boxes) = (map?.binary()?, boxes?.binary()?);
    let segmentation = segmentation?.binary()?;
    let bytes = |column: &BinaryChunked, i: usize| column.get(i).map(<[u8]>::to_vec);
    let keys = image_id.into_iter().zip(class_id);
    let rows = subjects.into_iter().zip(keys).enumerate();
    Ok(rows
        .map(|(i, (subject, key))| {
            let raw = Raw {
                size: (height[i], width[i]),
                scale: scale.get(i).unwrap_or_default(),
                map: bytes(map, i).unwrap_or_default(),
                grid: (grid_height[i], grid_width[i]),
                boxes: bytes(boxes, i).unwrap_or_default(),
                segmentation: bytes(segmentation, i),
            };
            (subject, key, raw)
        })
        .collect())
}

impl Raw {
    /// Checks sizes and lengths, and decodes the arrays. `path` is the file's, for the errors.
    fn check(self, path: &Path) -> Result<(SmallMap, Annotation)> {
        let side = |field: &str, size: i32| match usize::try_from(size) {
            Ok(size) if (1..=MOST_CELLS).contains(&size) => Ok(size),
            _ => {
                let expected = format!("1 to {MOST_CELLS}");
                Err(Error::table(path, field, size.to_string(), expected))
            }
        };
        let (height, width) = (side("height", self.size.0)?, side("width", self.size.1)?);
        let grid = (
            side("grid_height", self.grid.0)?,
            side("grid_width", self.grid.1)?,
        );
        let refused = |field: &str, found: usize, expected: String| {
            Err(Error::table(
                path,
                field,
                format!("{found} bytes"),
                expected,
            ))
        };
        if self.map.len() != height * width {
            let expected = format!("{} for {height} × {width} cells", height * width);
            return refused("map", self.map.len(), expected);
        }
        if !self.boxes.len().is_multiple_of(16) {
            return refused("boxes", self.boxes.len(), "a multiple of 16".to_owned());
        }
        if !self.scale.is_finite() || self.scale < 0.0 {
            let found = self.scale.to_string();
            return Err(Error::table(path, "scale", found, "a number, at least 0"));
        }
        let segmentation = match self.segmentation {
            None => None,
            Some(bytes) => {
                let lengths: Vec<u32> = words(&bytes).map(|word| word as u32).collect();
                let cells: u64 = lengths.iter().copied().map(u64::from).sum();
                if !bytes.len().is_multiple_of(4) || cells != (grid.0 * grid.1) as u64 {
                    let found = format!("runs of {cells} cells");
                    let expected = format!("runs of {} cells", grid.0 * grid.1);
                    return Err(Error::table(path, "segmentation", found, expected));
                }
                Some(lengths)
            }
        };
        let corners: Vec<i32> = words(&self.boxes).collect();
        let map = SmallMap {
            height,
            width,
            scale: self.scale,
            cells: self.map.into_iter().map(|byte| byte as i8).collect(),
        };
        let boxes = corners.as_chunks::<4>().0.to_vec();
        let annotation = Annotation {
            grid,
            boxes,
            segmentation,
        };
        Ok((map, annotation))
    }
}

/// The little-endian i32 in `bytes`.
fn words(bytes: &[u8]) -> impl Iterator<Item = i32> {
    let words = bytes.as_chunks::<4>().0.iter();
    words.map(|word| i32::from_le_bytes(*word))
}
