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
use super::several::{self, Several};
use super::sides::{Replicates, Sides};
use crate::error::{Error, Result};
use crate::evaluate::{
    DATA_INPUTS_KEY, Evaluation, FORMULAS_KEY, METRICS, PAIRED, PERMUTATIONS_KEY, RunKey, SEED_KEY,
    TASK_KEY, f64s, i32s, texts_or_null,
};
use crate::metrics::pair::{PAIR_METRICS, Threshold};
use crate::{FORMULAS, PROGRAM};

/// The result of a comparison.
#[derive(Debug)]
pub struct Comparison {
    /// The run, checkpoint and method of each evaluation of A.
    pub a: Vec<RunKey>,
    /// The run, checkpoint and method of each of B.
    pub b: Vec<RunKey>,
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
    let open = |folders: &[PathBuf]| -> Result<Vec<Evaluation>> {
        folders
            .iter()
            .map(|folder| Evaluation::open(folder))
            .collect()
    };
    let (a, b) = (open(&options.a)?, open(&options.b)?);
    let all = || a.iter().chain(&b);
    for other in all().skip(1) {
        check_same(&a[0], other)?;
    }
    for side in [&a, &b] {
        check_once(side)?;
    }
    let (images, n_pairs) = images::read(&a[0], &b[0], options.data.as_deref())?;
    let groups: BTreeSet<Option<i32>> = a[0].groups().collect();
    let each = groups
        .into_iter()
        .flat_map(|group_id| Compared::all().map(move |metric| (group_id, metric)));
    let is_one = a.len() == 1 && b.len() == 1;
    let rows: Vec<Paired> = if is_one {
        let sides = Sides {
            a: &a[0],
            b: &b[0],
            images: &images,
            replicates: [Replicates::read(&a[0])?, Replicates::read(&b[0])?],
            options,
        };
        each.filter_map(|(group_id, metric)| sides.row(group_id, metric))
            .collect()
    } else {
        let sides = [Several::read(&a)?, Several::read(&b)?];
        let rows = each.filter_map(|(group_id, metric)| {
            several::row(sides.each_ref(), group_id, metric).transpose()
        });
        rows.collect::<Result<_>>()?
    };
    if let Some(out) = &options.out {
        write(out, [&a, &b], options, &rows)?;
    }
    let without_predictions = all()
        .find(|side| is_one && !images::has_predictions(side))
        .map(|side| side.folder.clone());
    let has = |side: &Evaluation, name: &str| side.metric(name).next().is_some();
    let one_sided = all().map(|side| {
        let names = Compared::all().map(Compared::name);
        let alone = names.filter(|name| has(side, name) && !all().all(|other| has(other, name)));
        (side.folder.clone(), alone.collect())
    });
    let one_sided = one_sided
        .filter(|(_, names): &(PathBuf, Vec<_>)| !names.is_empty())
        .collect();
    let keys = |side: &[Evaluation]| side.iter().map(|side| side.key.clone()).collect();
    Ok(Comparison {
        one_sided,
        n_images: images.len(),
        n_pairs,
        without_predictions,
        rows,
        a: keys(&a),
        b: keys(&b),
    })
}

/// Refuses a side that has the same checkpoint twice: it would count as two seeds that agree.
fn check_once(side: &[Evaluation]) -> Result<()> {
    for (index, evaluation) in side.iter().enumerate() {
        let mut before = side[..index].iter();
        if before.any(|other| other.key == evaluation.key) {
            let expected = "each evaluation of a side once";
            let path = evaluation.path(&METRICS);
            return Err(Error::problem(
                &path,
                "run_id",
                evaluation.key.to_string(),
                expected,
            ));
        }
    }
    Ok(())
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
    sides: [&[Evaluation]; 2],
    options: &CompareOptions,
    rows: &[Paired],
) -> Result<()> {
    let mut inputs = Fingerprint::default();
    for (name, side) in ["a", "b"].into_iter().zip(sides) {
        for evaluation in side {
            inputs.add(name, evaluation.inputs.as_bytes());
        }
    }
    let first = &sides[0][0];
    let text = format!(
        "permutations {} seed {}",
        options.permutations, options.seed
    );
    inputs.add("settings", text.as_bytes());
    let provenance = Provenance::new(PROGRAM, inputs.hex())
        .with(FORMULAS_KEY, FORMULAS.to_string())
        .with(DATA_INPUTS_KEY, first.data_inputs.as_str())
        .with(PERMUTATIONS_KEY, options.permutations.to_string())
        // Here the seed of the permutation tests.
        .with(SEED_KEY, options.seed.to_string());
    let n = rows.len();
    let text = |value: &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(std::iter::repeat_n(value, n)))
    };
    let side = |side: &[Evaluation]| {
        let key = &side[0].key;
        let ids: Vec<&str> = side.iter().map(|one| one.key.run_id.as_str()).collect();
        let checkpoint = (side.len() == 1).then_some(key.checkpoint);
        [
            text(&ids.join("+")),
            i32s(std::iter::repeat_n(checkpoint, n)),
            text(&key.attribution),
            text(&key.layer),
            texts_or_null(key.precision.as_deref(), n),
            i32s(std::iter::repeat_n(i32::try_from(side.len()).ok(), n)),
        ]
    };
    let end = |i: usize| f64s(rows.iter().map(|row| Some(row.interval?[i])));
    let metrics = rows.iter().map(|row| row.metric);
    let tests = rows.iter().map(|row| Some(row.test.as_ref()?.0.as_ref()));
    let images = rows.iter().map(|row| row.n as i64);
    let mut columns: Vec<ArrayRef> = sides.map(side).concat();
    columns.extend([
        text(first.key.split.as_ref()),
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
