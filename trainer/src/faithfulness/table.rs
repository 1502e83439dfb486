//! The table `faithfulness.parquet`: a row for each pair, measure and baseline that has a value.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Array, Int32Array, StringArray};
use data_prep::dataset::Dataset;
use data_prep::table::{Provenance, TableSpec, TableWriter};
use evaluator::evaluate::{TASK_KEY, TITLES_KEY};

use crate::error::Result;
use crate::faithfulness::baseline::BASELINES;
use crate::faithfulness::list::MEASURES;
use crate::faithfulness::randomisation;
use crate::run::schema::PROGRAM;

/// The table.
pub static FAITHFULNESS: LazyLock<TableSpec> =
    LazyLock::new(|| TableSpec::declared("faithfulness"));

/// The version of the values: every change by which the same network, data and options give others raises it.
pub const VERSION: u32 = 1;

/// Metadata key of [`VERSION`].
const VERSION_KEY: &str = "guidance.faithfulness";
/// Metadata key of the steps.
const STEPS_KEY: &str = "guidance.steps";

/// A value of a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Index into the data set's images.
    pub image: usize,
    /// The class.
    pub class_id: i32,
    /// The measure's name.
    pub measure: &'static str,
    /// The name of the baseline; `None` for a measure without one.
    pub baseline: Option<&'static str>,
    /// The value.
    pub value: f64,
}

/// What is the same in every row.
#[derive(Clone, Debug)]
pub struct Common {
    /// The run's id.
    pub run_id: String,
    /// The epoch.
    pub checkpoint: i32,
    /// The split.
    pub split: String,
    /// The attribution method.
    pub attribution: String,
    /// The layer.
    pub layer: String,
    /// The precision computed in.
    pub precision: String,
    /// The steps asked for.
    pub steps: usize,
}

/// The table, begun.
pub struct Table {
    writer: TableWriter,
    common: Common,
}

impl Table {
    /// Begins the table at `path`, so that a path that cannot be written to is told before anything is measured.
    ///
    /// # Errors
    /// The disk's; so for the method below.
    pub fn create(path: &Path, dataset: &Dataset, common: Common) -> Result<Self> {
        let measures = MEASURES.iter().map(|measure| (measure.name, measure.title));
        let baselines = BASELINES.map(|baseline| (baseline.name, baseline.title));
        let titles: serde_json::Map<String, serde_json::Value> = measures
            .chain([(randomisation::NAME, randomisation::TITLE)])
            .chain(baselines)
            .map(|(name, title)| (name.to_owned(), title.into()))
            .collect();
        let mut provenance = Provenance::new(PROGRAM, dataset.inputs())
            .with(VERSION_KEY, VERSION.to_string())
            .with(STEPS_KEY, common.steps.to_string())
            .with(TITLES_KEY, serde_json::Value::from(titles).to_string());
        if !dataset.task().is_conventional() {
            provenance = provenance.with(TASK_KEY, dataset.task().to_string());
        }
        let writer = TableWriter::create(path, &FAITHFULNESS, &provenance)?;
        Ok(Table { writer, common })
    }

    /// Writes the rows and gives the file its name.
    pub fn finish(mut self, dataset: &Dataset, values: &[Value]) -> Result<()> {
        let common = &self.common;
        let same = |text: &str| -> ArrayRef {
            let texts = std::iter::repeat_n(text, values.len());
            Arc::new(StringArray::from_iter_values(texts))
        };
        let image_id = |value: &Value| &dataset.images[value.image].image_id;
        let baselines: StringArray = values.iter().map(|value| value.baseline).collect();
        let batch = FAITHFULNESS.batch(vec![
            same(&common.run_id),
            Arc::new(Int32Array::from(vec![common.checkpoint; values.len()])),
            same(&common.split),
            Arc::new(StringArray::from_iter_values(values.iter().map(image_id))),
            Arc::new(Int32Array::from_iter_values(
                values.iter().map(|value| value.class_id),
            )),
            same(&common.attribution),
            same(&common.layer),
            same(&common.precision),
            Arc::new(StringArray::from_iter_values(
                values.iter().map(|value| value.measure),
            )),
            Arc::new(baselines),
            Arc::new(Float64Array::from_iter_values(
                values.iter().map(|value| value.value),
            )),
        ])?;
        self.writer.write(&batch)?;
        Ok(self.writer.finish()?)
    }
}
