//! Writes the tables of an evaluation. `metrics.parquet` is written last: an evaluation is complete when
//! it is there.

use std::iter::repeat_n;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, Int64Array, StringArray};
use data_prep::schema::file_name;
use data_prep::table::{Provenance, TableSpec, TableWriter, write_table};

use super::columns::{f64s, i32s, texts_or_null};
use super::schema::{EXAMPLES, IOU, METRICS, REPLICATES, SCORES};
use crate::error::Result;
use crate::evaluate::bootstrap::Replicate;
use crate::evaluate::evaluated::Evaluated;
use crate::evaluate::examples::{Example, box_bytes};
use crate::evaluate::rows::Metric;
use crate::evaluate::run_key::RunKey;
use crate::metrics::overlap::{N_THRESHOLDS, sweep_threshold};
use crate::metrics::pair::{Measured, PAIR_METRICS, ScoredPair};

/// Pairs (an image and a class on it) per record batch of the larger tables. Chosen: it limits the memory that
/// writing takes.
pub(super) const PAIRS_PER_BATCH: usize = 4096;

/// The folder, run columns (run, checkpoint, split, method, layer, precision) and metadata that the tables of one
/// evaluation have in common; its methods write a table each.
#[derive(Debug)]
pub struct Tables<'a> {
    /// The folder.
    pub out: &'a Path,
    /// Values of the run columns.
    pub key: &'a RunKey,
    /// Metadata of every table.
    pub provenance: &'a Provenance,
}

impl Tables<'_> {
    /// Writes `scores.parquet`: a row per pair and metric.
    ///
    /// # Errors
    /// When it cannot be written; so for the methods below.
    pub fn write_scores(&self, evaluated: &Evaluated) -> Result<()> {
        let mut writer = self.create(&SCORES)?;
        // The run columns are made once, as long as the longest batch, and cut for each.
        let n_metrics = evaluated.chosen.of_pairs().count();
        let most = evaluated.pairs.len().min(PAIRS_PER_BATCH) * n_metrics;
        let run_columns = self.run_columns(most);
        for pairs in evaluated.pairs.chunks(PAIRS_PER_BATCH) {
            let cells: Vec<(&ScoredPair, &str, Option<f64>)> = pairs
                .iter()
                .flat_map(|pair| {
                    let values = pair.values.iter().zip(PAIR_METRICS);
                    let has = values.filter(|(value, _)| **value != Measured::Absent);
                    has.map(move |(value, metric)| (pair, metric.name, value.value()))
                })
                .collect();
            let [run_id, checkpoint, split, attribution, layer, precision] = run_columns
                .clone()
                .map(|column| column.slice(0, cells.len()));
            let [image_id, class_id] =
                pair_columns(evaluated, cells.iter().map(|(pair, ..)| *pair));
            let group_ids = cells
                .iter()
                .map(|(pair, ..)| evaluated.image(pair).group_id);
            let metrics = cells.iter().map(|(_, metric, _)| *metric);
            writer.write(&SCORES.batch(vec![
                run_id,
                checkpoint,
                split,
                image_id,
                class_id,
                i32s(group_ids),
                attribution,
                layer,
                precision,
                Arc::new(StringArray::from_iter_values(metrics)),
                f64s(cells.iter().map(|(.., value)| *value)),
            ])?)?;
        }
        Ok(writer.finish()?)
    }

    /// Writes `iou.parquet`: a row per pair and threshold of the sweep (0.00, 0.05, … 0.95).
    pub fn write_iou(&self, evaluated: &Evaluated) -> Result<()> {
        let mut writer = self.create(&IOU)?;
        let most = evaluated.pairs.len().min(PAIRS_PER_BATCH) * N_THRESHOLDS;
        let run_columns = self.run_columns(most);
        for pairs in evaluated.pairs.chunks(PAIRS_PER_BATCH) {
            let n = pairs.len() * N_THRESHOLDS;
            let cells = || pairs.iter().flat_map(|pair| &pair.sweep);
            let thresholds = (0..N_THRESHOLDS).cycle().take(n).map(sweep_threshold);
            let [run_id, checkpoint, split, attribution, layer, precision] =
                run_columns.clone().map(|column| column.slice(0, n));
            let repeated = pairs.iter().flat_map(|pair| repeat_n(pair, N_THRESHOLDS));
            let [image_id, class_id] = pair_columns(evaluated, repeated);
            writer.write(&IOU.batch(vec![
                run_id,
                checkpoint,
                split,
                image_id,
                class_id,
                attribution,
                layer,
                precision,
                f64s(thresholds.map(Some)),
                i32s(cells().map(|iou| Some(iou.intersection as i32))),
                i32s(cells().map(|iou| Some(iou.union as i32))),
            ])?)?;
        }
        Ok(writer.finish()?)
    }

    /// Writes `replicates.parquet`. `names` are the metrics whose values each of `rows` has, in this order.
    pub fn write_replicates(&self, names: &[&str], rows: &[Replicate]) -> Result<()> {
        let [run_id, checkpoint, split, attribution, layer, precision] =
            self.run_columns(rows.len() * names.len());
        let repeated = || rows.iter().flat_map(|row| repeat_n(row, names.len()));
        let metrics = rows.iter().flat_map(|_| names);
        self.write(
            &REPLICATES,
            vec![
                run_id,
                checkpoint,
                split,
                i32s(repeated().map(|row| row.group_id)),
                attribution,
                layer,
                precision,
                i32s(repeated().map(|row| Some(row.replicate as i32))),
                Arc::new(StringArray::from_iter_values(metrics)),
                f64s(rows.iter().flat_map(|row| row.values.iter().copied())),
            ],
        )
    }

    /// Writes `examples.parquet`: pixels, map, boxes and EPG of the example pairs.
    pub fn write_examples(&self, evaluated: &Evaluated, rows: &[Example]) -> Result<()> {
        let dataset = evaluated.dataset;
        let grid = dataset.grid();
        let pairs: Vec<ScoredPair> = rows
            .iter()
            .map(|row| evaluated.pairs[row.pair].clone())
            .collect();
        let n = rows.len();
        let [run_id, checkpoint, split, attribution, layer, precision] = self.run_columns(n);
        let [image_id, class_id] = pair_columns(evaluated, &pairs);
        let class_name = |pair: &ScoredPair| dataset.classes[pair.class_id as usize].clone();
        let rgb = |pair: &ScoredPair| dataset.pixels().row(evaluated.image(pair).pixel_row);
        let boxes = |pair: &ScoredPair| box_bytes(dataset, evaluated.image(pair), pair.class_id);
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
            precision,
            i32s(repeat_n(Some(grid.height as i32), n)),
            i32s(repeat_n(Some(grid.width as i32), n)),
            Arc::new(BinaryArray::from_iter_values(pairs.iter().map(rgb))),
            Arc::new(BinaryArray::from_iter_values(rows.iter().map(map))),
            Arc::new(BinaryArray::from_iter_values(pairs.iter().map(boxes))),
            f64s(pairs.iter().map(|pair| pair.energy.share())),
        ];
        self.write(&EXAMPLES, columns)
    }

    /// Writes `metrics.parquet`.
    pub fn write_metrics(&self, rows: &[Metric]) -> Result<()> {
        let [run_id, checkpoint, split, attribution, layer, precision] =
            self.run_columns(rows.len());
        let n = Int64Array::from_iter_values(rows.iter().map(|row| row.n as i64));
        let columns = vec![
            run_id,
            checkpoint,
            split,
            i32s(rows.iter().map(|row| row.scope.group_id())),
            i32s(rows.iter().map(|row| row.scope.class_id())),
            f64s(rows.iter().map(|row| Some(row.scope.size()?.0))),
            f64s(rows.iter().map(|row| Some(row.scope.size()?.1))),
            attribution,
            layer,
            precision,
            Arc::new(StringArray::from_iter_values(
                rows.iter().map(|row| row.metric),
            )),
            f64s(rows.iter().map(|row| row.threshold)),
            f64s(rows.iter().map(|row| row.value)),
            Arc::new(n),
        ];
        self.write(&METRICS, columns)
    }

    /// Opens a writer for a table that is written batch by batch.
    pub(super) fn create(&self, spec: &TableSpec) -> Result<TableWriter> {
        let path = self.out.join(file_name(spec));
        Ok(TableWriter::create(path, spec, self.provenance)?)
    }

    /// Writes a table at once.
    fn write(&self, spec: &TableSpec, columns: Vec<ArrayRef>) -> Result<()> {
        let path = self.out.join(file_name(spec));
        Ok(write_table(
            path,
            spec,
            self.provenance,
            &spec.batch(columns)?,
        )?)
    }

    /// Returns the columns run_id, checkpoint, split, attribution, layer and precision, with `n` rows
    /// alike.
    pub(super) fn run_columns(&self, n: usize) -> [ArrayRef; 6] {
        let text = |value: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(repeat_n(value, n)))
        };
        [
            text(&self.key.run_id),
            i32s(repeat_n(Some(self.key.checkpoint), n)),
            text(self.key.split.as_ref()),
            text(&self.key.attribution),
            text(&self.key.layer),
            texts_or_null(self.key.precision.as_deref(), n),
        ]
    }
}

/// Returns the columns image_id and class_id.
pub(super) fn pair_columns<'a>(
    evaluated: &Evaluated,
    pairs: impl IntoIterator<Item = &'a ScoredPair> + Clone,
) -> [ArrayRef; 2] {
    let image_ids = pairs.clone().into_iter();
    let image_ids = image_ids.map(|pair| &evaluated.image(pair).image_id);
    [
        Arc::new(StringArray::from_iter_values(image_ids)),
        i32s(pairs.into_iter().map(|pair| Some(pair.class_id))),
    ]
}
