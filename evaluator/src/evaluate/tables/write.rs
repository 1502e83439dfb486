//! Writes the tables of an evaluation. `metrics.parquet` is written last: an evaluation is complete when
//! it is there.

use std::iter::repeat_n;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, Int64Array, StringArray};
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
use crate::evaluate::sums::PairMetric;
use crate::metrics::pair::ScoredPair;

/// Pairs per record batch of the larger tables.
const PAIRS_PER_BATCH: usize = 4096;

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
            let [run_id, checkpoint, split, attribution, layer, precision] = self.run_columns(n);
            let [image_id, class_id] = pair_columns(evaluated, pairs, 1);
            let group_ids = pairs.iter().map(|pair| evaluated.image(pair).group_id);
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
                f64s(details().map(|d| Some(d.energy_inside))),
                f64s(details().map(|d| Some(d.energy_total))),
                f64s(details().map(|d| d.epg())),
                f64s(details().map(|d| Some(d.iou.value()))),
                f64s(details().map(|d| d.iou_tuned(evaluated.tuned))),
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
            let [run_id, checkpoint, split, attribution, layer, precision] =
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
                precision,
                f64s(cells().map(|cell| Some(cell.0))),
                i32s(cells().map(|cell| Some(cell.1.intersection as i32))),
                i32s(cells().map(|cell| Some(cell.1.union as i32))),
            ])?)?;
        }
        Ok(writer.finish()?)
    }

    /// `replicates.parquet`.
    pub fn write_replicates(&self, rows: &[Replicate]) -> Result<()> {
        let [run_id, checkpoint, split, attribution, layer, precision] =
            self.run_columns(rows.len());
        let mut columns = vec![
            run_id,
            checkpoint,
            split,
            i32s(rows.iter().map(|row| row.group_id)),
            attribution,
            layer,
            precision,
            i32s(rows.iter().map(|row| Some(row.replicate as i32))),
            f64s(rows.iter().map(|row| row.f1)),
            f64s(rows.iter().map(|row| row.map)),
            f64s(rows.iter().map(|row| row.accuracy)),
        ];
        let mean = |metric: PairMetric| f64s(rows.iter().map(|row| row.means[metric as usize]));
        columns.extend(PairMetric::ALL.map(mean));
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
        let [run_id, checkpoint, split, attribution, layer, precision] = self.run_columns(n);
        let [image_id, class_id] = pair_columns(evaluated, &pairs, 1);
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
            f64s(pairs.iter().map(|pair| pair.detail.epg())),
        ];
        self.write(&EXAMPLES, columns)
    }

    /// `metrics.parquet`.
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

    fn create(&self, spec: &TableSpec) -> Result<TableWriter> {
        let path = self.out.join(file_name(spec));
        Ok(TableWriter::create(path, spec, self.provenance)?)
    }

    fn write(&self, spec: &TableSpec, columns: Vec<ArrayRef>) -> Result<()> {
        let path = self.out.join(file_name(spec));
        Ok(write_table(
            path,
            spec,
            self.provenance,
            &spec.batch(columns)?,
        )?)
    }

    /// run_id, checkpoint, split, attribution, layer and precision, `n` times the same.
    fn run_columns(&self, n: usize) -> [ArrayRef; 6] {
        let text = |value: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(repeat_n(value, n)))
        };
        [
            text(&self.key.run_id),
            i32s(repeat_n(Some(self.key.checkpoint), n)),
            text(self.key.split.as_str()),
            text(&self.key.attribution),
            text(&self.key.layer),
            texts_or_null(self.key.precision.as_deref(), n),
        ]
    }
}

/// image_id and class_id, each pair `times` times.
fn pair_columns(evaluated: &Evaluated, pairs: &[ScoredPair], times: usize) -> [ArrayRef; 2] {
    let repeated = || pairs.iter().flat_map(|pair| repeat_n(pair, times));
    let image_id = |pair: &ScoredPair| &evaluated.image(pair).image_id;
    [
        Arc::new(StringArray::from_iter_values(repeated().map(image_id))),
        i32s(repeated().map(|pair| Some(pair.class_id))),
    ]
}
