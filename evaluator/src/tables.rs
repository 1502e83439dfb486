//! The tables of an evaluation: their columns (the contract is ARCHITECTURE.md) and their writing.
//! `metrics.parquet` is written last: an evaluation is complete when it is there.

use std::iter::repeat_n;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Float64Array, Int32Array, Int64Array, StringArray};
use data_prep::dataset::Split;
use data_prep::table::{Kind, Provenance, TableSpec, TableWriter, nullable, required, write_table};

use crate::bootstrap::Replicate;
use crate::error::Result;
use crate::examples::{Example, box_bytes};
use crate::metrics::{Evaluated, Metric, ScoredPair};

/// Pairs per record batch of the larger tables.
const PAIRS_PER_BATCH: usize = 4096;

/// One row per (image, class) pair.
pub const SCORES: TableSpec = TableSpec {
    name: "scores",
    version: 1,
    columns: &[
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        required("energy_inside", Kind::F64),
        required("energy_total", Kind::F64),
        nullable("epg", Kind::F64),
        nullable("iou", Kind::F64),
        required("mask_area", Kind::I32),
        nullable("segment_energy", Kind::F64),
        nullable("on_object", Kind::F64),
    ],
};

/// One row per pair and threshold of the sweep.
pub const IOU: TableSpec = TableSpec {
    name: "iou",
    version: 1,
    columns: &[
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        required("threshold", Kind::F64),
        required("intersection", Kind::I32),
        required("union", Kind::I32),
    ],
};

/// One row per metric and group.
pub const METRICS: TableSpec = TableSpec {
    name: "metrics",
    version: 1,
    columns: &[
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        nullable("group_id", Kind::I32),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        required("metric", Kind::Utf8),
        nullable("threshold", Kind::F64),
        nullable("value", Kind::F64),
        required("n", Kind::I64),
    ],
};

/// One row per bootstrap resample and group.
pub const REPLICATES: TableSpec = TableSpec {
    name: "replicates",
    version: 1,
    columns: &[
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        nullable("group_id", Kind::I32),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        required("replicate", Kind::I32),
        nullable("f1", Kind::F64),
        nullable("map", Kind::F64),
        nullable("epg", Kind::F64),
        nullable("iou", Kind::F64),
    ],
};

/// One row per example of the report's panel.
pub const EXAMPLES: TableSpec = TableSpec {
    name: "examples",
    version: 1,
    columns: &[
        required("rank", Kind::I32),
        required("run_id", Kind::Utf8),
        required("checkpoint", Kind::I32),
        required("split", Kind::Utf8),
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        required("class_name", Kind::Utf8),
        required("attribution", Kind::Utf8),
        required("layer", Kind::Utf8),
        required("height", Kind::I32),
        required("width", Kind::I32),
        required("rgb", Kind::Binary),
        required("map", Kind::Binary),
        required("boxes", Kind::Binary),
        nullable("epg", Kind::F64),
    ],
};

/// The run columns, all known: what every row of an evaluation begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunKey {
    /// The run.
    pub run_id: String,
    /// Epoch of the checkpoint.
    pub checkpoint: i32,
    /// The split scored.
    pub split: Split,
    /// Attribution method.
    pub attribution: String,
    /// Layer explained.
    pub layer: String,
}

/// Writes the tables of one evaluation into one folder.
#[derive(Debug)]
pub struct Tables<'a> {
    /// The folder.
    pub out: &'a Path,
    /// The run columns.
    pub key: &'a RunKey,
    /// Metadata of every table.
    pub provenance: &'a Provenance,
}

impl Tables<'_> {
    /// `scores.parquet`.
    ///
    /// # Errors
    /// When it cannot be written; so of all below.
    pub fn write_scores(&self, evaluated: &Evaluated) -> Result<()> {
        let mut writer = self.create(&SCORES)?;
        for pairs in evaluated.pairs.chunks(PAIRS_PER_BATCH) {
            let n = pairs.len();
            let details = || pairs.iter().map(|pair| &pair.detail);
            let [run_id, checkpoint, split, attribution, layer] = self.run_columns(n);
            let [image_id, class_id] = pair_columns(evaluated, pairs, 1);
            writer.write(&SCORES.batch(vec![
                run_id,
                checkpoint,
                split,
                image_id,
                class_id,
                attribution,
                layer,
                f64s(details().map(|d| Some(d.energy_inside))),
                f64s(details().map(|d| Some(d.energy_total))),
                f64s(details().map(|d| d.epg)),
                f64s(details().map(|d| Some(d.iou.value()))),
                i32s(details().map(|d| Some(d.mask_area as i32))),
                f64s(details().map(|d| d.segment_energy)),
                f64s(details().map(|d| d.on_object())),
            ])?)?;
        }
        Ok(writer.finish()?)
    }

    /// `iou.parquet`.
    pub fn write_iou(&self, evaluated: &Evaluated) -> Result<()> {
        let mut writer = self.create(&IOU)?;
        for pairs in evaluated.pairs.chunks(PAIRS_PER_BATCH) {
            let cells = || pairs.iter().flat_map(|pair| &pair.detail.sweep);
            let per_pair = pairs[0].detail.sweep.len();
            let [run_id, checkpoint, split, attribution, layer] =
                self.run_columns(pairs.len() * per_pair);
            let [image_id, class_id] = pair_columns(evaluated, pairs, per_pair);
            writer.write(&IOU.batch(vec![
                run_id,
                checkpoint,
                split,
                image_id,
                class_id,
                attribution,
                layer,
                f64s(cells().map(|cell| Some(cell.0))),
                i32s(cells().map(|cell| Some(cell.1.intersection as i32))),
                i32s(cells().map(|cell| Some(cell.1.union as i32))),
            ])?)?;
        }
        Ok(writer.finish()?)
    }

    /// `replicates.parquet`.
    pub fn write_replicates(&self, rows: &[Replicate]) -> Result<()> {
        let [run_id, checkpoint, split, attribution, layer] = self.run_columns(rows.len());
        let columns = vec![
            run_id,
            checkpoint,
            split,
            i32s(rows.iter().map(|row| row.group_id)),
            attribution,
            layer,
            i32s(rows.iter().map(|row| Some(row.replicate as i32))),
            f64s(rows.iter().map(|row| row.f1)),
            f64s(rows.iter().map(|row| row.map)),
            f64s(rows.iter().map(|row| row.epg)),
            f64s(rows.iter().map(|row| row.iou)),
        ];
        self.write(&REPLICATES, columns)
    }

    /// `examples.parquet`.
    pub fn write_examples(&self, evaluated: &Evaluated, rows: &[Example]) -> Result<()> {
        let dataset = evaluated.dataset;
        let grid = dataset.grid();
        let pairs: Vec<ScoredPair> = rows
            .iter()
            .map(|row| evaluated.pairs[row.pair].clone())
            .collect();
        let n = rows.len();
        let [run_id, checkpoint, split, attribution, layer] = self.run_columns(n);
        let [image_id, class_id] = pair_columns(evaluated, &pairs, 1);
        let image = |pair: &ScoredPair| &dataset.images[pair.image];
        let class_name = |pair: &ScoredPair| dataset.classes[pair.class_id as usize].clone();
        let rgb = |pair: &ScoredPair| dataset.pixels().row(image(pair).pixel_row);
        let boxes = |pair: &ScoredPair| box_bytes(dataset, image(pair), pair.class_id);
        let map = |row: &Example| -> Vec<u8> {
            row.map
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        let columns = vec![
            i32s(rows.iter().map(|row| Some(row.rank as i32))),
            run_id,
            checkpoint,
            split,
            image_id,
            class_id,
            Arc::new(StringArray::from_iter_values(pairs.iter().map(class_name))),
            attribution,
            layer,
            i32s(repeat_n(Some(grid.height as i32), n)),
            i32s(repeat_n(Some(grid.width as i32), n)),
            Arc::new(BinaryArray::from_iter_values(pairs.iter().map(rgb))),
            Arc::new(BinaryArray::from_iter_values(rows.iter().map(map))),
            Arc::new(BinaryArray::from_iter_values(pairs.iter().map(boxes))),
            f64s(pairs.iter().map(|pair| pair.detail.epg)),
        ];
        self.write(&EXAMPLES, columns)
    }

    /// `metrics.parquet`.
    pub fn write_metrics(&self, rows: &[Metric]) -> Result<()> {
        let [run_id, checkpoint, split, attribution, layer] = self.run_columns(rows.len());
        let n = Int64Array::from_iter_values(rows.iter().map(|row| row.n as i64));
        let columns = vec![
            run_id,
            checkpoint,
            split,
            i32s(rows.iter().map(|row| row.group_id)),
            attribution,
            layer,
            Arc::new(StringArray::from_iter_values(
                rows.iter().map(|row| row.metric),
            )),
            f64s(rows.iter().map(|row| row.threshold)),
            f64s(rows.iter().map(|row| row.value)),
            Arc::new(n),
        ];
        self.write(&METRICS, columns)
    }

    fn create(&self, spec: &TableSpec) -> Result<TableWriter> {
        let path = self.out.join(format!("{}.parquet", spec.name));
        Ok(TableWriter::create(path, spec, self.provenance)?)
    }

    fn write(&self, spec: &TableSpec, columns: Vec<ArrayRef>) -> Result<()> {
        let path = self.out.join(format!("{}.parquet", spec.name));
        Ok(write_table(
            path,
            spec,
            self.provenance,
            &spec.batch(columns)?,
        )?)
    }

    /// run_id, checkpoint, split, attribution and layer, `n` times the same.
    fn run_columns(&self, n: usize) -> [ArrayRef; 5] {
        let text = |value: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(repeat_n(value, n)))
        };
        [
            text(&self.key.run_id),
            i32s(repeat_n(Some(self.key.checkpoint), n)),
            text(self.key.split.as_str()),
            text(&self.key.attribution),
            text(&self.key.layer),
        ]
    }
}

/// image_id and class_id, each pair `times` times.
fn pair_columns(evaluated: &Evaluated, pairs: &[ScoredPair], times: usize) -> [ArrayRef; 2] {
    let repeated = || pairs.iter().flat_map(|pair| repeat_n(pair, times));
    let image_id = |pair: &ScoredPair| &evaluated.dataset.images[pair.image].image_id;
    [
        Arc::new(StringArray::from_iter_values(repeated().map(image_id))),
        i32s(repeated().map(|pair| Some(pair.class_id))),
    ]
}

fn f64s(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

fn i32s(values: impl Iterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.collect::<Int32Array>())
}
