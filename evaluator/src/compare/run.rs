//! Runs `evaluator compare`: checks that two evaluations can be compared, makes the rows of all metrics,
//! and writes them as `paired.parquet`. An evaluation is the folder of tables that `evaluator score` writes about
//! one checkpoint's maps of one split.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use data_prep::record::Fingerprint;
use data_prep::schema::file_name;
use data_prep::table::{Provenance, write_table};

use super::images;
use super::paired::{CompareOptions, Compared, Paired};
use super::sides::{Replicates, Sides};
use crate::error::Result;
use crate::evaluate::{
    DATA_INPUTS_KEY, Evaluation, FORMULAS_KEY, METRICS, PAIRED, PERMUTATIONS_KEY, RunKey, SEED_KEY,
    TASK_KEY, f64s, i32s, texts_or_null,
};
use crate::metrics::pair::{PAIR_METRICS, Threshold};
use crate::{FORMULAS, PROGRAM};

/// The result of a comparison.
#[derive(Debug)]
pub struct Comparison {
    /// The run, checkpoint and method of A.
    pub a: RunKey,
    /// The run, checkpoint and method of B.
    pub b: RunKey,
    /// The number of images, which are the same in both.
    pub n_images: usize,
    /// The number of pairs (an image and a class on it), which are the same in both.
    pub n_pairs: usize,
    /// A folder whose evaluation was scored without logits, or whose `predictions.parquet` is gone, so that
    /// f1 and accuracy are not tested.
    pub without_predictions: Option<PathBuf>,
    /// Folders with metrics that the other folder lacks, which are not compared.
    pub one_sided: Vec<(PathBuf, Vec<&'static str>)>,
    /// The metrics over all images, then over each group.
    pub rows: Vec<Paired>,
}

/// Compares two evaluations, and writes `paired.parquet` where a folder is given for it.
///
/// # Errors
/// When an evaluation is not finished, or a table does not fit its schema; when the evaluations are of
/// different splits, tasks, data folders or pairs, have logits for different images or classes, or have
/// different bootstrap seeds or fixed IoU thresholds; when the logits in `predictions.parquet` are not those
/// that `evaluator score` was given, or have no targets and no data folder is given; when the table cannot
/// be written.
pub fn compare(options: &CompareOptions) -> Result<Comparison> {
    let (a, b) = (Evaluation::open(&options.a)?, Evaluation::open(&options.b)?);
    check_same(&a, &b)?;
    let (images, n_pairs) = images::read(&a, &b, options.data.as_deref())?;
    let sides = Sides {
        a: &a,
        b: &b,
        images: &images,
        replicates: [Replicates::read(&a)?, Replicates::read(&b)?],
        options,
    };
    let groups: BTreeSet<Option<i32>> = a.groups().collect();
    let mut rows = Vec::new();
    for group_id in groups {
        rows.extend(Compared::all().filter_map(|metric| sides.row(group_id, metric)));
    }
    if let Some(out) = &options.out {
        write(out, &a, &b, options, &rows)?;
    }
    let without_predictions = [&a, &b]
        .into_iter()
        .find(|side| !images::has_predictions(side))
        .map(|side| side.folder.clone());
    let one_sided = [(&a, &b), (&b, &a)]
        .map(|(side, other)| {
            let names = Compared::all().map(Compared::name);
            let has = |side: &Evaluation, name: &str| side.metric(name).next().is_some();
            let alone = names.filter(|name| has(side, name) && !has(other, name));
            (side.folder.clone(), alone.collect())
        })
        .into_iter()
        .filter(|(_, names): &(PathBuf, Vec<_>)| !names.is_empty())
        .collect();
    Ok(Comparison {
        one_sided,
        n_images: images.len(),
        n_pairs,
        without_predictions,
        rows,
        a: a.key,
        b: b.key,
    })
}

/// Refuses `b` where its split, task, data, bootstrap seed or fixed IoU threshold is not `a`'s.
fn check_same(a: &Evaluation, b: &Evaluation) -> Result<()> {
    let whose = format!("in {}", a.path(&METRICS).display());
    let fixed = PAIR_METRICS.iter();
    let fixed = fixed.filter(|metric| metric.threshold == Threshold::Fixed);
    let fixed: Vec<&str> = fixed.map(|metric| metric.name).collect();
    let threshold = |side: &Evaluation| -> String {
        let mut rows = fixed.iter().flat_map(|name| side.metric(name));
        let threshold = rows.find_map(|row| row.threshold);
        threshold.map_or("none".to_owned(), |threshold| threshold.to_string())
    };
    for (field, found, expected) in [
        ("split", b.key.split.as_ref(), a.key.split.as_ref()),
        (TASK_KEY, &b.task, &a.task),
        (DATA_INPUTS_KEY, &b.data_inputs, &a.data_inputs),
        (SEED_KEY, &b.seed, &a.seed),
        ("threshold", &threshold(b), &threshold(a)),
    ] {
        b.expect(field, found, expected, &whose)?;
    }
    Ok(())
}

/// Writes `rows` as `paired.parquet` into `out`.
fn write(
    out: &Path,
    a: &Evaluation,
    b: &Evaluation,
    options: &CompareOptions,
    rows: &[Paired],
) -> Result<()> {
    let mut inputs = Fingerprint::default();
    inputs.add("a", a.inputs.as_bytes());
    inputs.add("b", b.inputs.as_bytes());
    let text = format!(
        "permutations {} seed {}",
        options.permutations, options.seed
    );
    inputs.add("settings", text.as_bytes());
    let provenance = Provenance::new(PROGRAM, inputs.hex())
        .with(FORMULAS_KEY, FORMULAS.to_string())
        .with(DATA_INPUTS_KEY, a.data_inputs.as_str())
        .with(PERMUTATIONS_KEY, options.permutations.to_string())
        // Here the seed of the permutation tests.
        .with(SEED_KEY, options.seed.to_string());
    let n = rows.len();
    let text = |value: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, n)))
    };
    let side = |key: &RunKey| {
        [
            text(&key.run_id),
            i32s(std::iter::repeat_n(Some(key.checkpoint), n)),
            text(&key.attribution),
            text(&key.layer),
            texts_or_null(key.precision.as_deref(), n),
        ]
    };
    let end = |i: usize| f64s(rows.iter().map(|row| Some(row.interval?[i])));
    let metrics = rows.iter().map(|row| row.metric);
    let tests = rows.iter().map(|row| Some(row.test.as_ref()?.0.as_ref()));
    let images = rows.iter().map(|row| row.n as i64);
    let mut columns: Vec<ArrayRef> = [side(&a.key), side(&b.key)].concat();
    columns.extend([
        text(a.key.split.as_ref()),
        i32s(rows.iter().map(|row| row.group_id)),
        Arc::new(StringArray::from_iter_values(metrics)),
        f64s(rows.iter().map(|row| Some(row.a))),
        f64s(rows.iter().map(|row| Some(row.b))),
        f64s(rows.iter().map(|row| Some(row.difference()))),
        end(0),
        end(1),
        Arc::new(StringArray::from_iter(tests)),
        f64s(rows.iter().map(|row| Some(row.test?.1))),
        Arc::new(Int64Array::from_iter_values(images)),
    ]);
    let path = out.join(file_name(&PAIRED));
    Ok(write_table(
        path,
        &PAIRED,
        &provenance,
        &PAIRED.batch(columns)?,
    )?)
}
