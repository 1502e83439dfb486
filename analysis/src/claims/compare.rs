//! Compares runs for the rules of claims, seed by seed, by the checkpoints that validation chooses
//! ([`crate::statistics::choice`]) and their values on the test images.
//!
//! A setting holds runs that are trained and scored alike; a row is one run in it; a run set has the runs of one
//! configuration, which differ in λ (the weight of the localization loss) and seed alone.

use std::collections::BTreeSet;

use crate::model::aligned::Aligned;
use crate::model::evidence::Evidence;
use crate::model::informative;
use crate::model::measure::{EPG_INFORMATIVE, F1_INFORMATIVE};
use crate::model::run::{Epoch, Run};
use crate::model::run_sets::RunSet;
use crate::model::seeds::tuned_on;
use crate::model::select;
use crate::model::setting::{Checkpoint, Key, Row, Setting};
use crate::model::subject::{Part, Subject, VALIDATION};
use crate::statistics::choice::{Candidate, Choice, Training, choose, height, thinned};
use crate::statistics::effect::{Effect, Measured};

/// The validation F1 that a chosen checkpoint may lose, where a claim is about one checkpoint: 1 point.
const TOLERANCE: f64 = select::F1_TOLERANCE;

/// One of the things that are compared.
#[derive(Clone)]
pub(super) struct Side<'a> {
    setting: &'a Setting,
    rows: Vec<&'a Row>,
    what: What,
}

/// Which value stands for a side's runs of a seed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// The height of their front.
    Front,
    /// The checkpoint that validation chooses within a tolerance of one point of F1.
    Chosen,
    /// The checkpoint of the highest validation F1.
    HighestF1,
    /// The baseline that they are compared with.
    Baseline,
}

impl<'a> Side<'a> {
    /// The front of guided runs.
    pub(super) fn front(setting: &'a Setting, rows: &[&'a Row]) -> Self {
        Self::of(setting, rows, What::Front)
    }

    /// The checkpoint of guided runs that validation chooses.
    pub(super) fn chosen(setting: &'a Setting, rows: &[&'a Row]) -> Self {
        Self::of(setting, rows, What::Chosen)
    }

    /// The checkpoint of guided runs with the highest validation F1.
    pub(super) fn highest_f1(setting: &'a Setting, rows: &[&'a Row]) -> Self {
        Self::of(setting, rows, What::HighestF1)
    }

    /// The baselines of guided runs.
    pub(super) fn baseline(setting: &'a Setting, rows: &[&'a Row]) -> Self {
        Self::of(setting, rows, What::Baseline)
    }

    fn of(setting: &'a Setting, rows: &[&'a Row], what: What) -> Self {
        let rows = rows.to_vec();
        Self {
            setting,
            rows,
            what,
        }
    }

    /// The runs of a seed.
    fn at(&self, seed: i64) -> Vec<&'a Row> {
        let rows = self.rows.iter().copied();
        rows.filter(|row| row.run.seed == seed).collect()
    }

    /// The baseline of guided runs of one seed; baselines are their own.
    fn baseline_of(&self, rows: &[&'a Row]) -> Option<&'a Row> {
        let first = *rows.first()?;
        match first.run.is_baseline() {
            true => Some(first),
            false => self.setting.baseline_of(first),
        }
    }

    /// The value and replicates of a metric of what stands for the runs of a seed, among at most `n` of them, and the
    /// number of images or pairs that it is over. `None` where it was not measured.
    fn measured(&self, reader: &mut Reader, seed: i64, n: usize) -> Option<(Measured, Key)> {
        let evidence = reader.evidence;
        let rows = self.at(seed);
        let baseline = self.baseline_of(&rows)?;
        if self.what == What::Baseline {
            return reader.read(self.setting, baseline, baseline.selected()?);
        }
        let trainings: Vec<(Training, Vec<&Checkpoint>)> = rows
            .iter()
            .map(|row| training(evidence, self.setting, row))
            .collect();
        let (trainings, checkpoints): (Vec<Training>, Vec<Vec<&Checkpoint>>) =
            trainings.into_iter().unzip();
        let among = thinned(&trainings, n);
        // F1 is the same through all maps; these ones of the baseline were scored.
        let kept = kept(evidence, self.setting, &baseline.run, self.setting.method());
        let floor = select::best_f1(&kept)?;
        let mut keys = Vec::new();
        let mut read = |choice: Choice| {
            let (row, checkpoint) = match choice {
                Some((run, index)) => (rows[run], checkpoints[run][index]),
                None => (baseline, baseline.selected()?),
            };
            let (measured, key) = reader.read(self.setting, row, checkpoint)?;
            keys.push(key);
            Some(measured)
        };
        let measured = match self.what {
            What::Front => height(&trainings, &among, floor, &mut read)?,
            What::Chosen => read(choose(&trainings, &among, floor, TOLERANCE))?,
            What::HighestF1 => read(Some(highest_f1(&trainings, &among)?))?,
            What::Baseline => return None,
        };
        let first = *keys.first()?;
        keys.iter()
            .all(|key| *key == first)
            .then_some((measured, first))
    }
}

/// Reads values of one metric over one part of the test images.
struct Reader<'a, 'b> {
    evidence: &'b Evidence<'a>,
    part: Part,
    metric: &'b str,
    aligned: Aligned,
}

impl Reader<'_, '_> {
    fn read(
        &mut self,
        setting: &Setting,
        row: &Row,
        checkpoint: &Checkpoint,
    ) -> Option<(Measured, Key)> {
        let cell = checkpoint.cell(self.part, self.metric)?;
        let subject = setting.subject(&row.run, checkpoint.epoch, self.part);
        let replicates = self.evidence.results.resampled(&subject, self.metric);
        let measured = Measured {
            value: cell.value?,
            resampled: self.aligned.take(replicates),
        };
        Some((measured, cell.key(self.metric)))
    }
}

/// Returns the epochs of a run in its Pareto set (of a baseline: that of the highest validation F1), as validation sees
/// them. Where some classes can say nothing, F1 and EPG there are those of the others, from the scores of validation
/// images by `maps`, their method and layer; an epoch without such scores is left out.
fn kept(
    evidence: &Evidence,
    setting: &Setting,
    run: &Run,
    (attribution, layer): (&str, &str),
) -> Vec<Epoch> {
    let results = evidence.results;
    let epochs = results.epochs(&run.run_id).iter();
    let kept = epochs.filter(|epoch| epoch.is_kept);
    if informative::all_count(results, &setting.data) {
        return kept.copied().collect();
    }
    let of_informative = |epoch: &Epoch| {
        let subject = Subject {
            split: VALIDATION.to_owned(),
            attribution: attribution.to_owned(),
            layer: layer.to_owned(),
            ..setting.subject(run, epoch.epoch, Part::All)
        };
        Some(Epoch {
            val_f1: results.value(&subject, F1_INFORMATIVE)?,
            val_epg: results.value(&subject, EPG_INFORMATIVE)?,
            ..*epoch
        })
    };
    kept.filter_map(of_informative).collect()
}

/// A run's scored checkpoints of its Pareto set, as validation sees them through the maps that guided it.
fn training<'a>(
    evidence: &Evidence,
    setting: &Setting,
    row: &'a Row,
) -> (Training, Vec<&'a Checkpoint>) {
    let maps = (row.run.attribution.as_str(), row.run.layer.as_str());
    let kept = kept(evidence, setting, &row.run, maps).into_iter();
    let kept = kept.filter_map(|epoch| {
        let mut scored = row.checkpoints.iter();
        let checkpoint = scored.find(|checkpoint| checkpoint.epoch == epoch.epoch)?;
        let candidate = Candidate {
            f1: epoch.val_f1,
            epg: epoch.val_epg,
        };
        Some((candidate, checkpoint))
    });
    let (checkpoints, scored) = kept.unzip();
    let id = row.run.run_id.clone();
    (Training { id, checkpoints }, scored)
}

/// The place of the highest validation F1; `None` without a finite one.
fn highest_f1(trainings: &[Training], among: &[usize]) -> Option<(usize, usize)> {
    let of_training = |&training: &usize| {
        let checkpoints = trainings[training].checkpoints.iter().enumerate();
        checkpoints.map(move |(index, candidate)| ((training, index), candidate.f1))
    };
    let all = among.iter().flat_map(of_training);
    let all = all.filter(|(_, f1)| f1.is_finite());
    // Of equals the first.
    all.reduce(|best, other| if other.1 > best.1 { other } else { best })
        .map(|(place, _)| place)
}

/// Returns the mean over seeds of what `of` makes of the sides' values of a metric, which is over the informative
/// classes where some can say nothing (docs/SPEC.md B).
///
/// Only seeds that all sides have count, without those on which λ of one of them was chosen, and those of which a
/// value is missing. The sides choose among equally many trainings (λ) of a seed; a baseline is one. `None` without
/// a seed, where the sides were tested on different images, or where `of` is not finite (a share of no gain).
pub(super) fn compare<const N: usize>(
    evidence: &Evidence,
    (part, metric): (Part, &str),
    sides: [&Side; N],
    of: impl Fn(&[f64]) -> f64,
) -> Option<Effect> {
    let rows = || sides.iter().flat_map(|side| &side.rows);
    // The hashes of the data folders, which decide the images.
    let data: BTreeSet<&str> = rows().map(|row| row.run.data_inputs.as_str()).collect();
    if data.len() > 1 {
        return None;
    }
    let metric = informative::metric(evidence.results, data.first()?, metric);
    let configurations: BTreeSet<&str> = rows().map(|row| row.run.configuration.as_str()).collect();
    let runs = &evidence.results.runs;
    let tuned = configurations
        .into_iter()
        .flat_map(|hash| tuned_on(runs, hash));
    let tuned: BTreeSet<i64> = tuned.collect();
    let seeds: BTreeSet<i64> = rows().map(|row| row.run.seed).collect();
    let mut reader = Reader {
        evidence,
        part,
        metric,
        aligned: Aligned::default(),
    };
    let mut differences = Vec::new();
    let mut n_images = usize::MAX;
    for seed in seeds.difference(&tuned) {
        let n_trainings = sides.iter().map(|side| match side.what {
            What::Baseline => side.at(*seed).len().min(1),
            _ => side.at(*seed).len(),
        });
        let n_trainings = n_trainings.min().unwrap_or(0);
        let values = sides.map(|side| side.measured(&mut reader, *seed, n_trainings));
        let values: Option<Vec<(Measured, Key)>> = values.into_iter().collect();
        let Some(values) = values else { continue };
        let (_, key) = &values[0];
        if values.iter().any(|(_, other)| other != key) {
            continue;
        }
        n_images = n_images.min(key.0 as usize);
        let values: Vec<&Measured> = values.iter().map(|(measured, _)| measured).collect();
        let difference = Measured::combined(&values, &of);
        if !difference.value.is_finite() {
            return None;
        }
        differences.push(difference);
    }
    Effect::of(&differences, n_images)
}

/// The first value minus the second.
pub(super) fn difference(values: &[f64]) -> f64 {
    values[0] - values[1]
}

/// Returns the gain of a configuration's chosen checkpoint over its baseline, as a mean over seeds.
pub(super) fn gain(
    evidence: &Evidence,
    setting: &Setting,
    run_set: &RunSet,
    measure: (Part, &str),
) -> Option<Effect> {
    let chosen = Side::chosen(setting, &run_set.rows);
    let baseline = Side::baseline(setting, &run_set.rows);
    compare(evidence, measure, [&chosen, &baseline], difference)
}
