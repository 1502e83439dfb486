//! `evaluator score`: a map file against a data folder, to the tables of an evaluation.
//!
//! Maps arrive from a reading thread a few megabytes at a time and are scored in parallel, so memory
//! does not grow with the file. What is measured is said in `pair`, what is averaged in `metrics`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;

use data_prep::dataset::{Dataset, Split};
use data_prep::record::Fingerprint;
use data_prep::schema::DATASET_KEY;
use data_prep::table::Provenance;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use crate::bootstrap::{ImageTotals, replicates};
use crate::columnar::Source;
use crate::error::{Error, Result};
use crate::examples::{Example, choose};
use crate::maps::{MapReader, MapRow, RunColumns};
use crate::metrics::{Evaluated, Metric, ScoredPair};
use crate::pair::PairDetail;
use crate::pairs::{Pairs, image_of};
use crate::predictions::{self, Missing, Predictions};
use crate::tables::{METRICS, RunKey, Tables};
use crate::upsample::to_grid;

/// What to score, against what, and where to write.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreOptions {
    /// Attribution maps.
    pub maps: Source,
    /// Data folder.
    pub data: PathBuf,
    /// Folder of the evaluation.
    pub out: PathBuf,
    /// Logits of the split, for F1 and mAP.
    pub predictions: Option<PathBuf>,
    /// Run columns that go before those in the maps' metadata.
    pub columns: RunColumns,
    /// IoU's fixed threshold, on maps scaled to 0..=1.
    pub threshold: f64,
    /// Bootstrap resamples.
    pub replicates: usize,
    /// Seed of the resamples and of the choice of examples.
    pub seed: u64,
    /// Examples for the report's panel.
    pub examples: usize,
    /// What to do when pairs of the split have no map.
    pub missing: Missing,
}

/// What was written.
#[derive(Debug)]
pub struct Report {
    /// The run columns of the rows.
    pub key: RunKey,
    /// The rows of `metrics.parquet`.
    pub metrics: Vec<Metric>,
    /// Names of the groups in the metrics.
    pub groups: Vec<(i32, String)>,
    /// Pairs scored.
    pub n_pairs: usize,
    /// The pairs left out, where some have no map and that was allowed.
    pub left_out: Option<Error>,
}

/// Scores a map file and writes the evaluation's tables, `metrics.parquet` last.
///
/// # Errors
/// When an input cannot be read or does not fit the data folder, pairs are missing, or a table cannot
/// be written.
pub fn score(options: &ScoreOptions) -> Result<Report> {
    let dataset = Dataset::open(&options.data)?;
    let reader = MapReader::open(&options.maps)?;
    let columns = options.columns.clone().or(reader.run_columns());
    let dataset = dataset.with_task(columns.task.unwrap_or_default())?;
    let intake = take_in(reader, &dataset, columns.split, options)?;
    let split = intake.split;
    let left_out = match (intake.missing, options.missing) {
        (Some(missing), Missing::Refused) => return Err(missing),
        (missing, _) => missing,
    };
    let predictions = match &options.predictions {
        Some(path) => {
            let source = Source::File(path.clone());
            Some(predictions::read(
                &source,
                &dataset,
                split,
                &columns,
                options.missing,
            )?)
        }
        None => None,
    };
    let evaluated = Evaluated {
        dataset: &dataset,
        split,
        pairs: &intake.pairs,
        predictions: predictions.as_ref(),
        threshold: options.threshold,
    };
    let key = resolve(columns, split, &options.maps);
    let provenance = provenance(options, &key, &evaluated, &intake.fingerprint);
    let tables = Tables {
        out: &options.out,
        key: &key,
        provenance: &provenance,
    };
    let groups = evaluated.groups();
    let metrics = evaluated.metrics();
    let replicates = replicates(
        &totals(&evaluated),
        &groups,
        options.seed,
        options.replicates,
    );

    // An older evaluation in this folder is incomplete from here on.
    let complete = options.out.join(format!("{}.parquet", METRICS.name));
    if complete.exists() {
        fs_err::remove_file(&complete)?;
    }
    tables.write_scores(&evaluated)?;
    tables.write_iou(&evaluated)?;
    tables.write_replicates(&replicates)?;
    tables.write_examples(&evaluated, &intake.examples)?;
    tables.write_metrics(&metrics)?;
    Ok(Report {
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

/// A map file, read and scored.
struct Intake {
    split: Split,
    pairs: Vec<ScoredPair>,
    examples: Vec<Example>,
    missing: Option<Error>,
    fingerprint: String,
}

fn take_in(
    mut reader: MapReader,
    dataset: &Dataset,
    split: Option<Split>,
    options: &ScoreOptions,
) -> Result<Intake> {
    let path = options.maps.path().to_owned();
    std::thread::scope(|scope| {
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
        let first = match receive.recv() {
            Ok(rows) => rows?,
            Err(_) => Vec::new(),
        };
        let Some(first_row) = first.first() else {
            return Err(Error::NoMaps { path });
        };
        let split = split.unwrap_or_else(|| split_of(dataset, first_row));
        let mut pairs = Pairs::new(dataset, split, path);
        let chosen = choose(dataset, &pairs.pairs, options.examples, options.seed);
        let mut example_maps: HashMap<usize, Vec<f32>> = HashMap::new();
        let bar = progress_bar(pairs.pairs.len());
        for rows in std::iter::once(Ok(first)).chain(receive) {
            let rows = rows?;
            let slots = rows
                .iter()
                .map(|row| pairs.take(row))
                .collect::<Result<Vec<_>>>()?;
            let scored: Vec<_> = rows
                .par_iter()
                .zip(&slots)
                .map(|(row, &slot)| {
                    let (image, class_id) = pairs.pairs[slot];
                    let image = &dataset.images[image];
                    let mask = dataset.class_mask(image, class_id, 0.0);
                    let segmentation = dataset.class_segmentation(image, class_id);
                    let map = to_grid(&row.map, (row.height, row.width), dataset.grid());
                    let detail =
                        PairDetail::of(&map, &mask, segmentation.as_ref(), options.threshold);
                    let example = chosen.contains(&slot).then(|| map.into_owned());
                    (detail, example)
                })
                .collect();
            for (slot, (detail, example)) in slots.into_iter().zip(scored) {
                pairs.fill(slot, detail);
                example_maps.extend(example.map(|map| (slot, map)));
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
            split,
            pairs,
            examples,
            missing,
            fingerprint: reading
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        })
    })
}

/// The split of a row's image; the first split for an image that is not there, which is then reported
/// as such.
fn split_of(dataset: &Dataset, row: &MapRow) -> Split {
    let index = image_of(dataset).get(row.image_id.as_str()).copied();
    index.map_or(Split::Train, |index| dataset.images[index].split)
}

fn resolve(columns: RunColumns, split: Split, maps: &Source) -> RunKey {
    let stem = || {
        maps.path()
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    let unknown = || "unknown".to_owned();
    RunKey {
        run_id: columns.run_id.or_else(stem).unwrap_or_else(unknown),
        checkpoint: columns.checkpoint.unwrap_or(0),
        split,
        attribution: columns.attribution.unwrap_or_else(unknown),
        layer: columns.layer.unwrap_or_else(unknown),
    }
}

fn provenance(
    options: &ScoreOptions,
    key: &RunKey,
    evaluated: &Evaluated,
    maps: &str,
) -> Provenance {
    let mut inputs = Fingerprint::default();
    let mut settings = format!(
        "{key:?} threshold {} replicates {} seed {} examples {}",
        options.threshold, options.replicates, options.seed, options.examples
    );
    let task = evaluated.dataset.task();
    if !task.is_conventional() {
        settings += &format!(" task {task}");
    }
    inputs.add("settings", settings.as_bytes());
    inputs.add("data", evaluated.dataset.inputs().as_bytes());
    inputs.add("maps", maps.as_bytes());
    if let Some(predictions) = evaluated.predictions {
        inputs.add("predictions", predictions.fingerprint.as_bytes());
    }
    let program = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));
    let provenance = Provenance::new(program, inputs.hex())
        .with(DATASET_KEY, evaluated.dataset.name())
        .with("guidance.data_inputs", evaluated.dataset.inputs())
        .with("guidance.seed", options.seed.to_string());
    match task.is_conventional() {
        true => provenance,
        false => provenance.with("guidance.task", task.to_string()),
    }
}

/// The split's images in the order of their sorted ids, with the sums of their pairs.
fn totals(evaluated: &Evaluated) -> Vec<ImageTotals> {
    let images = &evaluated.dataset.images;
    let n_classes = evaluated.dataset.classes.len() as i32;
    let indices = evaluated.dataset.indices(evaluated.split);
    let logits = |i: usize| {
        let of_image = |predictions: &Predictions| predictions.logits[i].clone();
        evaluated.predictions.map_or_else(Vec::new, of_image)
    };
    let mut order: Vec<usize> = (0..indices.len()).collect();
    order.sort_unstable_by_key(|&i| &images[indices[i]].image_id);
    let mut totals = Vec::with_capacity(order.len());
    let mut position = HashMap::new();
    for i in order {
        let image = &images[indices[i]];
        let logits = logits(i);
        let is_label = |class| image.labels.contains(&class);
        position.insert(indices[i], totals.len());
        totals.push(ImageTotals {
            group_id: image.group_id,
            targets: match logits.is_empty() {
                true => Vec::new(),
                false => (0..n_classes).map(is_label).collect(),
            },
            logits,
            ..ImageTotals::default()
        });
    }
    for pair in evaluated.pairs {
        let total = &mut totals[position[&pair.image]];
        total.n_pairs += 1;
        total.epg += pair.detail.epg.unwrap_or(0.0);
        total.iou += pair.detail.iou.value();
    }
    totals
}

fn progress_bar(n: usize) -> ProgressBar {
    let template = "scoring {wide_bar} {pos}/{len} maps  {per_sec}  {eta} left";
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(n as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
