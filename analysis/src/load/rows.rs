//! Turns the data frames of tables into the structs of [`crate::model`]: runs, epochs, metrics,
//! replicates and names. [`crate::load::schema`] has checked columns and types already; this file checks
//! values.

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::*;

use crate::format::number;
use crate::model::configuration::Amount;
use crate::model::intervals::Replicates;
use crate::model::loss::Loss;
use crate::model::run::{Epoch, Run};
use crate::model::step_times::StepTimes;
use crate::model::subject::{Metric, Part, Subject};
use crate::{Error, Result};

/// Reads the columns of one frame as vectors with an element for each row. The methods with `maybe` are for
/// columns that may be null. The others would replace a null by a default, but nulls in columns that the schema
/// declares without them are refused when the table is read. One nullable column is read so on purpose:
/// `loss_options`, whose null becomes an empty text. The error is Polars', for a column that is missing or of
/// another type.
pub(super) struct Rows<'a> {
    frame: &'a DataFrame,
}

impl<'a> Rows<'a> {
    pub(super) fn new(frame: &'a DataFrame) -> Self {
        Self { frame }
    }

    pub(super) fn text(&self, name: &str) -> PolarsResult<Vec<String>> {
        Ok(self
            .maybe_text(name)?
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect())
    }

    pub(super) fn maybe_text(&self, name: &str) -> PolarsResult<Vec<Option<String>>> {
        let column = self.frame.column(name)?.str()?;
        Ok(column
            .iter()
            .map(|value| value.map(str::to_owned))
            .collect())
    }

    pub(super) fn int(&self, name: &str) -> PolarsResult<Vec<i32>> {
        Ok(self
            .maybe_int(name)?
            .into_iter()
            .map(Option::unwrap_or_default)
            .collect())
    }

    pub(super) fn maybe_int(&self, name: &str) -> PolarsResult<Vec<Option<i32>>> {
        Ok(self.frame.column(name)?.i32()?.iter().collect())
    }

    pub(super) fn long(&self, name: &str) -> PolarsResult<Vec<i64>> {
        Ok(self
            .frame
            .column(name)?
            .i64()?
            .iter()
            .map(Option::unwrap_or_default)
            .collect())
    }

    pub(super) fn float(&self, name: &str) -> PolarsResult<Vec<f64>> {
        Ok(self
            .maybe_float(name)?
            .into_iter()
            .map(|value| value.unwrap_or(f64::NAN))
            .collect())
    }

    pub(super) fn maybe_float(&self, name: &str) -> PolarsResult<Vec<Option<f64>>> {
        Ok(self.frame.column(name)?.f64()?.iter().collect())
    }

    pub(super) fn truth(&self, name: &str) -> PolarsResult<Vec<bool>> {
        Ok(self
            .frame
            .column(name)?
            .bool()?
            .iter()
            .map(Option::unwrap_or_default)
            .collect())
    }

    pub(super) fn bytes(&self, name: &str) -> PolarsResult<Vec<Vec<u8>>> {
        let column = self.frame.column(name)?.binary()?;
        Ok(column
            .iter()
            .map(|value| value.unwrap_or_default().to_vec())
            .collect())
    }
}

/// Returns the run in the one row of `run.parquet`; `titles` are those in the table's metadata.
pub(super) fn run(
    path: &Path,
    frame: &DataFrame,
    titles: &BTreeMap<String, String>,
) -> Result<Run> {
    if frame.height() != 1 {
        return Err(Error::table(path, "rows", frame.height().to_string(), "1"));
    }
    configuration(frame, titles).map_err(Error::polars(path))
}

/// Converts the frame of a `run.parquet` of version 3: its column `area_exponent` (the exponent of the loss
/// Energy*, the only option of a loss then) becomes `loss_options`, e.g. `exponent=0.5`.
pub(super) fn with_options(frame: &DataFrame) -> PolarsResult<DataFrame> {
    let exponents = Rows::new(frame).maybe_float("area_exponent")?.into_iter();
    let options = |exponent: Option<f64>| exponent.map(|x| format!("exponent={}", number(x)));
    let options: Vec<Option<String>> = exponents.map(options).collect();
    let options = Column::new("loss_options".into(), options);
    let columns = frame
        .columns()
        .iter()
        .map(|column| match column.name().as_str() {
            "area_exponent" => options.clone(),
            _ => column.clone(),
        });
    DataFrame::new(frame.height(), columns.collect())
}

/// Reads the first row as a run. `titles` are names for people by the names in the table.
fn configuration(frame: &DataFrame, titles: &BTreeMap<String, String>) -> PolarsResult<Run> {
    let rows = Rows::new(frame);
    let text = |name| rows.text(name).map(|mut values| values.remove(0));
    let float = |name| rows.float(name).map(|values| values[0]);
    let int = |name| rows.int(name).map(|values| values[0]);
    let long = |name| rows.long(name).map(|values| values[0]);
    let loss = rows.maybe_text("loss")?.remove(0);
    Ok(Run {
        run_id: text("run_id")?,
        name: text("name")?,
        dataset: text("dataset")?,
        data_inputs: text("data_inputs")?,
        backbone: text("backbone")?,
        attribution: text("attribution")?,
        layer: text("layer")?,
        loss: loss.map(|name| Loss::new(&name, titles.get(&name).map(String::as_str))),
        titles: titles.clone(),
        lambda: rows.maybe_float("lambda")?[0],
        annotated_fraction: float("annotated_fraction")?,
        annotation: text("annotation")?,
        dilation: float("dilation")?,
        seed: long("seed")?,
        learning_rate: float("learning_rate")?,
        batch_size: int("batch_size")?,
        epochs: int("epochs")?,
        init: text("init")?,
        baseline_run_id: rows.maybe_text("baseline_run_id")?.remove(0),
        configuration: text("configuration")?,
        input_height: int("input_height")?,
        input_width: int("input_width")?,
        n_train: long("n_train")?,
        n_val: long("n_val")?,
        device: text("device")?,
        threads: int("threads")?,
        seconds: float("seconds")?,
        program: text("program")?,
        task: text("task")?,
        augmentation: text("augmentation")?,
        precision: text("precision")?,
        loss_options: text("loss_options")?,
        optimizer: text("optimizer")?,
        weight_decay: float("weight_decay")?,
        schedule: text("schedule")?,
        warmup_steps: long("warmup_steps")?,
        early_stopping: text("early_stopping")?,
        color_jitter: text("color_jitter")?,
        labels: text("labels")?,
        explained: text("explained")?,
        epochs_trained: rows.maybe_int("epochs_trained")?[0],
    })
}

/// Returns the rows of `epochs.parquet`, sorted by epoch.
///
/// # Errors
/// A row of another run than `run_id`, or an epoch that occurs twice.
pub(super) fn epochs(path: &Path, frame: &DataFrame, run_id: &str) -> Result<Vec<Epoch>> {
    let rows = Rows::new(frame);
    let owners = rows.text("run_id").map_err(Error::polars(path))?;
    if let Some(other) = owners.iter().find(|owner| *owner != run_id) {
        return Err(Error::table(path, "run_id", other.as_str(), run_id));
    }
    let epochs = epoch_rows(&rows).map_err(Error::polars(path))?;
    let mut pairs = epochs.windows(2);
    match pairs.find(|pair| pair[0].epoch == pair[1].epoch) {
        Some(pair) => {
            let found = format!("{} twice", pair[0].epoch);
            Err(Error::table(path, "epoch", found, "each epoch once"))
        }
        None => Ok(epochs),
    }
}

/// The rows of an epochs table, sorted by epoch.
fn epoch_rows(rows: &Rows) -> PolarsResult<Vec<Epoch>> {
    let (epoch, is_kept) = (rows.int("epoch")?, rows.truth("is_pareto")?);
    let (loss, loss_class) = (rows.float("loss")?, rows.float("loss_class")?);
    let (val_f1, val_epg) = (rows.float("val_f1")?, rows.float("val_epg")?);
    let seconds = rows.float("seconds")?;
    let mut epochs: Vec<Epoch> = (0..epoch.len())
        .map(|i| Epoch {
            epoch: epoch[i],
            loss: loss[i],
            loss_class: loss_class[i],
            val_f1: val_f1[i],
            val_epg: val_epg[i],
            seconds: seconds[i],
            is_kept: is_kept[i],
        })
        .collect();
    epochs.sort_by_key(|epoch| epoch.epoch);
    Ok(epochs)
}

/// Returns the subject of each row (what its metric was measured on). `parts` has the part of each row.
pub(super) fn subjects(rows: &Rows, task: &str, parts: Vec<Part>) -> PolarsResult<Vec<Subject>> {
    let (run_id, checkpoint) = (rows.text("run_id")?, rows.int("checkpoint")?);
    let split = rows.text("split")?;
    let (attribution, layer) = (rows.text("attribution")?, rows.text("layer")?);
    let precision = rows.maybe_text("precision")?;
    Ok((0..run_id.len())
        .map(|i| Subject {
            run_id: run_id[i].clone(),
            checkpoint: checkpoint[i],
            split: split[i].clone(),
            task: task.to_owned(),
            attribution: attribution[i].clone(),
            layer: layer[i].clone(),
            precision: precision[i].clone(),
            part: parts[i],
        })
        .collect())
}

/// Returns the part of the split that each row is over: all images, a group of images, a class, or a range of
/// box sizes. A row names at most one of the last three.
fn parts(rows: &Rows) -> PolarsResult<Vec<Part>> {
    let class_id = rows.maybe_int("class_id")?;
    let (low, high) = (
        rows.maybe_float("size_low")?,
        rows.maybe_float("size_high")?,
    );
    let groups = rows.maybe_int("group_id")?.into_iter();
    let mut parts: Vec<Part> = groups
        .map(|group| group.map_or(Part::All, Part::Group))
        .collect();
    for (i, part) in parts.iter_mut().enumerate() {
        if let Some(class) = class_id[i] {
            *part = Part::Class(class);
        } else if let (Some(low), Some(high)) = (low[i], high[i]) {
            let (low, high) = (Amount(low), Amount(high));
            *part = Part::Size { low, high };
        }
    }
    Ok(parts)
}

/// Returns the rows of `metrics.parquet` by subject (what the metric was measured on). `task` is the evaluation's,
/// which has no column. A non-finite value becomes `None`, which means undefined.
pub(super) fn metrics(
    frame: &DataFrame,
    task: &str,
) -> PolarsResult<BTreeMap<Subject, Vec<Metric>>> {
    let rows = Rows::new(frame);
    let (metric, threshold) = (rows.text("metric")?, rows.maybe_float("threshold")?);
    let (value, n) = (rows.maybe_float("value")?, rows.long("n")?);
    let mut metrics: BTreeMap<Subject, Vec<Metric>> = BTreeMap::new();
    for (i, subject) in subjects(&rows, task, parts(&rows)?)?
        .into_iter()
        .enumerate()
    {
        metrics.entry(subject).or_default().push(Metric {
            metric: metric[i].clone(),
            threshold: threshold[i],
            value: value[i].filter(|value| value.is_finite()),
            n: n[i],
        });
    }
    Ok(metrics)
}

/// A row of `replicates.parquet` without the replicate's number and value: run, checkpoint, split, group,
/// attribution, layer, precision and metric.
type Key<'a> = (
    &'a str,
    i32,
    &'a str,
    Option<i32>,
    &'a str,
    &'a str,
    Option<&'a str>,
    &'a str,
);

/// Returns the rows of `replicates.parquet` (metrics over bootstrap resamples) by subject and metric; null and
/// non-finite values are left out. A subject owns its texts, and a table has many rows of each subject. So rows
/// are grouped by borrowed keys first, and a subject's texts are copied once for each metric, not once for each
/// row.
pub(super) fn replicates(
    frame: &DataFrame,
    task: &str,
) -> PolarsResult<BTreeMap<Subject, BTreeMap<String, Replicates>>> {
    let text = |name: &str| frame.column(name)?.str();
    let int = |name: &str| frame.column(name)?.i32();
    let (run_id, split, metric) = (text("run_id")?, text("split")?, text("metric")?);
    let (attribution, layer) = (text("attribution")?, text("layer")?);
    let (checkpoint, number) = (int("checkpoint")?, int("replicate")?);
    let (group_id, precision) = (int("group_id")?, text("precision")?);
    let values = frame.column("value")?.f64()?;
    let mut found: BTreeMap<Key, Replicates> = BTreeMap::new();
    for i in 0..frame.height() {
        let Some(value) = values.get(i).filter(|value| value.is_finite()) else {
            continue;
        };
        // Only group and precision may be null: other nulls were refused when the table was read.
        let key = (
            run_id.get(i).unwrap_or_default(),
            checkpoint.get(i).unwrap_or_default(),
            split.get(i).unwrap_or_default(),
            group_id.get(i),
            attribution.get(i).unwrap_or_default(),
            layer.get(i).unwrap_or_default(),
            precision.get(i),
            metric.get(i).unwrap_or_default(),
        );
        let of_key = found.entry(key).or_default();
        of_key.insert(number.get(i).unwrap_or_default(), value);
    }
    let mut replicates: BTreeMap<Subject, BTreeMap<String, Replicates>> = BTreeMap::new();
    for (key, of_key) in found {
        let (run_id, checkpoint, split, group, attribution, layer, precision, metric) = key;
        let subject = Subject {
            run_id: run_id.to_owned(),
            checkpoint,
            split: split.to_owned(),
            task: task.to_owned(),
            attribution: attribution.to_owned(),
            layer: layer.to_owned(),
            precision: precision.map(str::to_owned),
            part: group.map_or(Part::All, Part::Group),
        };
        let of_subject = replicates.entry(subject).or_default();
        of_subject.insert(metric.to_owned(), of_key);
    }
    Ok(replicates)
}

/// Returns the names of groups or classes by id: the columns `<what>_id` and `<what>_name`.
pub(super) fn names(frame: &DataFrame, what: &str) -> PolarsResult<BTreeMap<i32, String>> {
    let rows = Rows::new(frame);
    let ids = rows.int(&format!("{what}_id"))?;
    Ok(ids
        .into_iter()
        .zip(rows.text(&format!("{what}_name"))?)
        .collect())
}

/// Reads times of training steps.
pub(super) fn step_times(frame: &DataFrame) -> PolarsResult<StepTimes> {
    let rows = Rows::new(frame);
    let mut times = StepTimes::default();
    let runs = rows.text("run_id")?.into_iter();
    for ((run_id, round), seconds) in runs.zip(rows.int("round")?).zip(rows.float("seconds")?) {
        times.add(run_id, round, seconds);
    }
    Ok(times)
}
