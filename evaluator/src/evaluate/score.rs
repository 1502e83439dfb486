//! Runs `evaluator score`: scores a file of maps against a data folder, and writes the tables of an
//! evaluation.
//!
//! One thread reads maps, a few megabytes at a time, and others score them, so that a long file takes no more memory
//! than a short one. What stays of each pair (an image and a class on it) are its scores and, in a test split, a
//! copy of its map of at most 1 kB for the report. The metrics of one pair are in [`crate::metrics::pair`], the means
//! over pairs in `rows`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

use data_prep::dataset::{Dataset, Labels, Split};
use data_prep::record::Fingerprint;
use data_prep::schema::{DATASET_KEY, file_name};
use data_prep::table::Provenance;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use serde_json::json;

use super::bootstrap::replicates;
use super::evaluated::Evaluated;
use super::examples::{Example, choose};
use super::informative::Informative;
use super::keys::{
    BATCH_SIZE_KEY, DATA_INPUTS_KEY, FORMULAS_KEY, LABELS_KEY, PREDICTIONS_KEY, RUN_ID_FROM_KEY,
    SEED_KEY, SHARES_KEY, TASK_KEY, TITLES_KEY, UNINFORMATIVE_KEY,
};
use super::pairs::Pairs;
use super::predictions::{self, Missing, PREDICTIONS, Predictions};
use super::rows::Metric;
use super::run_key::RunKey;
use super::scope::Scope;
use super::tables::{METRICS, Tables};
use super::tallies::Tallies;
use super::tuned::Tuned;
use super::warnings::{self, Range};
use crate::error::{Error, Result};
use crate::maps::{MapReader, MapRow, RunColumns, SmallMap, Source, to_grid};
use crate::metrics::pair::{Pair, ScoredPair, Thresholds};
use crate::metrics::{Chosen, shares, titles};
use crate::{FORMULAS, PROGRAM};

/// The options of `evaluator score`.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreOptions {
    /// The file or stream of attribution maps.
    pub maps: Source,
    /// Data folder.
    pub data: PathBuf,
    /// Folder to write the evaluation's tables into.
    pub out: PathBuf,
    /// Logits of the split, for F1 and mAP.
    pub predictions: Option<PathBuf>,
    /// Whether an image shows any number of classes or exactly one; absent: what the predictions' metadata say,
    /// else any number.
    pub labels: Option<Labels>,
    /// What the command line says of run, checkpoint and so on; it takes precedence over the maps'
    /// metadata.
    pub columns: RunColumns,
    /// IoU's fixed threshold, on maps scaled to 0..=1.
    pub threshold: f64,
    /// Folder of an evaluation of the same maps on another split (normally validation). The threshold with the
    /// greatest mean IoU there is a second threshold here.
    pub threshold_from: Option<PathBuf>,
    /// The metrics of maps to compute.
    pub metrics: Chosen,
    /// The number of bootstrap resamples.
    pub replicates: usize,
    /// Seed of the resamples and of the choice of examples.
    pub seed: u64,
    /// The number of example pairs, from which the report takes those that it shows as pictures.
    pub examples: usize,
    /// What to do when pairs of the split have no map.
    pub missing: Missing,
}

/// The result of scoring, for the summary on standard output.
#[derive(Debug)]
pub struct Report {
    /// What the user should know beside the numbers, a line each.
    pub warnings: Vec<String>,
    /// The run, checkpoint, split, method, layer and precision of all rows.
    pub key: RunKey,
    /// The rows of `metrics.parquet`.
    pub metrics: Vec<Metric>,
    /// Id and name of the groups that the metrics have rows of.
    pub groups: Vec<(i32, String)>,
    /// Pairs scored.
    pub n_pairs: usize,
    /// Where pairs without a map were allowed and there are some: the message that says how many.
    pub left_out: Option<Error>,
}

/// Scores a file of maps and writes the evaluation's tables, `metrics.parquet` last: where it is, the
/// evaluation is complete.
///
/// # Errors
/// When an input cannot be read or does not fit the data folder, pairs are missing, or a table cannot be
/// written.
pub fn score(options: &ScoreOptions) -> Result<Report> {
    let dataset = Dataset::open(&options.data)?;
    let mut reader = MapReader::open(&options.maps)?;
    let columns = options.columns.clone().or(reader.run_columns());
    let dataset = dataset.with_task(columns.task.unwrap_or_default())?;
    let first = reader.next_rows()?;
    let split = match first.first() {
        Some(row) => columns.split.unwrap_or_else(|| split_of(&dataset, row)),
        None => {
            let path = options.maps.path().to_owned();
            return Err(Error::NoMaps { path });
        }
    };
    let tuned = match &options.threshold_from {
        Some(folder) => Some(Tuned::choose(folder, &columns, split, &dataset)?),
        None => None,
    };
    let thresholds = Thresholds {
        fixed: options.threshold,
        tuned: tuned.as_ref().map(|tuned| tuned.index),
    };
    let informative = Informative::of(&dataset);
    let intake = take_in(
        reader,
        first,
        (&dataset, split, &informative),
        thresholds,
        options,
    )?;
    let left_out = match (intake.missing, options.missing) {
        (Some(missing), Missing::Refused) => return Err(missing),
        (missing, _) => missing,
    };
    let predictions = match &options.predictions {
        Some(path) => {
            let source = Source::File(path.clone());
            let read = predictions::read(&source, &dataset, split, &columns, options.missing)?;
            let labels = options.labels.unwrap_or(read.labels);
            Some(Predictions { labels, ..read })
        }
        None => None,
    };
    // Where neither the command line nor the maps say a value, the predictions' file may.
    let columns = match &predictions {
        Some(predictions) => columns.or(&predictions.columns),
        None => columns,
    };
    let key = resolve(&columns, split, &options.maps);
    let is_run_known = columns.run_id.is_some();
    if let Some(tuned) = &tuned {
        tuned.check(key.columns(), is_run_known)?;
    }
    let evaluated = Evaluated {
        dataset: &dataset,
        split,
        pairs: &intake.pairs,
        tallies: &intake.tallies,
        predictions: predictions.as_ref(),
        thresholds,
        chosen: options.metrics,
        informative: &informative,
    };
    let provenance = provenance(
        options,
        (&columns, &key),
        &evaluated,
        &intake.fingerprint,
        tuned.as_ref(),
    );
    let mut warnings = warnings::of_pairs(&intake.pairs);
    warnings.extend(warnings::of_classes(&informative));
    warnings.extend(warnings::of_map_logits(&options.maps, &intake.logits));
    if let Some(predictions) = &predictions {
        warnings.extend(warnings::of_predictions(predictions, &dataset, split));
    }
    if let Some(tuned) = &tuned {
        warnings.extend(warnings::of_threshold(tuned, is_run_known));
    }
    let tables = Tables {
        out: &options.out,
        key: &key,
        provenance: &provenance,
    };
    let groups = evaluated.groups();
    let metrics = evaluated.metrics();
    let totals = evaluated.totals();
    let replicates = replicates(&totals, &groups, options.seed, options.replicates);

    // Without `metrics.parquet`, an older evaluation in this folder counts as incomplete from here on.
    let complete = options.out.join(format!("{}.parquet", METRICS.name));
    if complete.exists() {
        fs_err::remove_file(&complete)?;
    }
    if let Some(predictions) = &predictions {
        write_predictions(predictions, &dataset, &tables)?;
    }
    tables.write_scores(&evaluated)?;
    tables.write_iou(&evaluated)?;
    tables.write_replicates(&totals.names(), &replicates)?;
    tables.write_examples(&evaluated, &intake.examples)?;
    if split == Split::Test {
        tables.write_gallery(&evaluated, &intake.small_maps)?;
    }
    tables.write_metrics(&metrics)?;
    Ok(Report {
        warnings,
        key,
        metrics,
        groups: dataset
            .groups
            .iter()
            .filter(|g| groups.contains(&g.0))
            .cloned()
            .collect(),
        n_pairs: intake.pairs.len(),
        left_out,
    })
}

/// Copies the logits into the evaluation's folder, where [`crate::compare`] reads them, unless that is the
/// file that they were read from.
fn write_predictions(
    predictions: &Predictions,
    dataset: &Dataset,
    tables: &Tables<'_>,
) -> Result<()> {
    let path = tables.out.join(file_name(&PREDICTIONS));
    let is_there = match (predictions.path.canonicalize(), path.canonicalize()) {
        (Ok(read), Ok(found)) => read == found,
        _ => false,
    };
    match is_there {
        true => Ok(()),
        false => predictions::write(predictions, &path, dataset, tables.key, tables.provenance),
    }
}

/// The scores of a file of maps.
struct Intake {
    /// Range of the logits in the map file.
    logits: Range,
    /// The pairs that have a map, in the order of the data set.
    pairs: Vec<ScoredPair>,
    /// What was counted for the metrics of all maps together.
    tallies: Tallies,
    examples: Vec<Example>,
    /// Of a test split, small copies of the pairs' maps; empty for others.
    small_maps: Vec<SmallMap>,
    /// The error for pairs without a map, if there are any.
    missing: Option<Error>,
    /// Hash of the file's rows.
    fingerprint: String,
}

/// Scores the rows `first`, which were read already, and all that follow in `reader`. A slot is a pair's index in
/// the order of images and classes.
fn take_in(
    mut reader: MapReader,
    first: Vec<MapRow>,
    (dataset, split, informative): (&Dataset, Split, &Informative),
    thresholds: Thresholds,
    options: &ScoreOptions,
) -> Result<Intake> {
    let path = options.maps.path().to_owned();
    std::thread::scope(|scope| {
        // At most one batch of rows waits to be scored.
        let (send, receive) = sync_channel::<Result<Vec<MapRow>>>(1);
        let reading = scope.spawn(move || {
            loop {
                let rows = reader.next_rows();
                let is_last = rows.as_ref().map_or(true, Vec::is_empty);
                if send.send(rows).is_err() || is_last {
                    return reader.fingerprint();
                }
            }
        });
        let mut pairs = Pairs::new(dataset, split, path);
        let mut tallies = Tallies::new(&options.metrics);
        let chosen = choose(dataset, &pairs.pairs, options.examples, options.seed);
        let mut example_maps: HashMap<usize, Vec<f32>> = HashMap::new();
        let mut small_maps: Vec<Option<SmallMap>> = vec![None; pairs.pairs.len()];
        let bar = progress_bar(pairs.pairs.len());
        let mut logits = Range::default();
        for rows in std::iter::once(Ok(first)).chain(receive) {
            let rows = rows?;
            logits.extend(rows.iter().filter_map(|row| row.logit));
            let slots = rows
                .iter()
                .map(|row| pairs.take(row))
                .collect::<Result<Vec<_>>>()?;
            let scored: Vec<_> = rows
                .par_iter()
                .zip(&slots)
                .map(|(row, &slot)| {
                    let (index, class_id) = pairs.pairs[slot];
                    let image = &dataset.images[index];
                    let mask = dataset.class_mask(image, class_id, 0.0);
                    let segmentation = dataset.class_segmentation(image, class_id);
                    let others = dataset.other_boxes(image, class_id);
                    let boxes = dataset.class_boxes(image, class_id);
                    let shape = (row.height, row.width);
                    let map = to_grid(&row.map, shape, dataset.grid());
                    let size = (image.height, image.width);
                    let segmentation = segmentation.as_ref();
                    let mut pair = Pair::new(&map, &mask, segmentation, thresholds, size);
                    pair.others = others.as_ref();
                    let has_boxes = dataset.task().is_conventional() && !boxes.is_empty();
                    pair.boxes = has_boxes.then_some(&boxes);
                    pair.is_informative = informative.is_informative(class_id);
                    let scored = ScoredPair::new(index, class_id, &pair, &options.metrics);
                    let counts = tallies.counts(&pair);
                    let example = chosen.contains(&slot).then(|| map.into_owned());
                    let small = (split == Split::Test).then(|| SmallMap::of(&row.map, shape));
                    (scored, counts, example, small)
                })
                .collect();
            for (slot, (pair, counts, example, small)) in slots.into_iter().zip(scored) {
                let group_id = dataset.images[pair.image].group_id;
                let size = (pair.mask_area, dataset.grid().cells());
                let scopes = Scope::of_pair(group_id, pair.class_id, size);
                tallies.add(pair.image, scopes, &counts);
                pairs.fill(slot, pair);
                example_maps.extend(example.map(|map| (slot, map)));
                small_maps[slot] = small;
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        let missing = pairs.missing();
        let (slots, pairs): (Vec<usize>, Vec<ScoredPair>) = pairs.into_scored().into_iter().unzip();
        let example = |(rank, slot): (usize, usize)| {
            Some(Example {
                rank,
                pair: slots.binary_search(&slot).ok()?,
                map: example_maps.remove(&slot)?,
            })
        };
        let examples = chosen.into_iter().enumerate().filter_map(example).collect();
        Ok(Intake {
            logits,
            pairs,
            tallies,
            examples,
            small_maps: small_maps.into_iter().flatten().collect(),
            missing,
            fingerprint: reading
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        })
    })
}

/// Returns the split of a row's image. For an unknown image it returns the training split: scoring then refuses
/// the row anyway.
fn split_of(dataset: &Dataset, row: &MapRow) -> Split {
    let index = dataset.index_by_id().get(row.image_id.as_str()).copied();
    index.map_or(Split::Train, |index| dataset.images[index].split)
}

/// Fills in what is still unknown: the map file's name for the run, `unknown` for method and layer.
fn resolve(columns: &RunColumns, split: Split, maps: &Source) -> RunKey {
    let stem = || {
        maps.path()
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    let unknown = || "unknown".to_owned();
    RunKey {
        run_id: columns.run_id.clone().or_else(stem).unwrap_or_else(unknown),
        checkpoint: columns.checkpoint.unwrap_or(0),
        split,
        attribution: columns.attribution.clone().unwrap_or_else(unknown),
        layer: columns.layer.clone().unwrap_or_else(unknown),
        precision: columns.precision.clone(),
    }
}

/// Returns the metadata of the tables, with a hash of all that decides their values.
fn provenance(
    options: &ScoreOptions,
    (columns, key): (&RunColumns, &RunKey),
    evaluated: &Evaluated,
    maps: &str,
    tuned: Option<&Tuned>,
) -> Provenance {
    let mut inputs = Fingerprint::default();
    let mut text = format!(
        "formulas {FORMULAS} {key:?} threshold {} replicates {} seed {} examples {}",
        options.threshold, options.replicates, options.seed, options.examples
    );
    let task = evaluated.dataset.task();
    if !task.is_conventional() {
        text += &format!(" task {task}");
    }
    let added = options.metrics.added();
    if !added.is_empty() {
        text += &format!(" metrics {}", added.join(","));
    }
    inputs.add("settings", text.as_bytes());
    inputs.add("data", evaluated.dataset.inputs().as_bytes());
    inputs.add("maps", maps.as_bytes());
    if let Some(predictions) = evaluated.predictions {
        inputs.add("predictions", predictions.fingerprint.as_bytes());
        if !predictions.labels.are_multi() {
            inputs.add("labels", predictions.labels.as_ref().as_bytes());
        }
    }
    if let Some(tuned) = tuned {
        inputs.add("threshold_from", tuned.evaluation.inputs.as_bytes());
    }
    let mut provenance = Provenance::new(PROGRAM, inputs.hex())
        .with(FORMULAS_KEY, FORMULAS.to_string())
        .with(DATASET_KEY, evaluated.dataset.name())
        .with(DATA_INPUTS_KEY, evaluated.dataset.inputs())
        .with(SEED_KEY, options.seed.to_string())
        .with(TITLES_KEY, json!(titles(&options.metrics)).to_string())
        .with(SHARES_KEY, json!(shares(&options.metrics)).to_string());
    if !task.is_conventional() {
        provenance = provenance.with(TASK_KEY, task.to_string());
    }
    if let Some(predictions) = evaluated.predictions {
        provenance = provenance.with(PREDICTIONS_KEY, predictions.fingerprint.as_str());
        if !predictions.labels.are_multi() {
            provenance = provenance.with(LABELS_KEY, predictions.labels.to_string());
        }
    }
    if !evaluated.informative.why_not.is_empty() {
        let why_not = json!(evaluated.informative.why_not).to_string();
        provenance = provenance.with(UNINFORMATIVE_KEY, why_not);
    }
    if columns.run_id.is_none() {
        provenance = provenance.with(RUN_ID_FROM_KEY, "file");
    }
    if let Some(batch_size) = columns.batch_size {
        provenance = provenance.with(BATCH_SIZE_KEY, batch_size.to_string());
    }
    provenance
}

fn progress_bar(n: usize) -> ProgressBar {
    let template = "scoring {wide_bar} {pos}/{len} maps  {per_sec}  {eta} left";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(n as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
