//! Finds the runs that claims compare. The terms are those of docs/SPEC.md F: a *configuration* is all that
//! decides a run except λ and seed. A *setting* holds runs trained and scored alike; a *row* is one run in it. A
//! *trial* is one comparison.

use crate::claims::claim::{Trial, Trials};
use crate::model::configuration::Variant;
use crate::model::evidence::Evidence;
use crate::model::informative;
use crate::model::loss::ENERGY;
use crate::model::measure::{IOU, IOU_TUNED, Measure};
use crate::model::run_sets::{RunSet, plain, run_sets};
use crate::model::setting::{Row, Setting};
use crate::model::subject::{CONVENTIONAL, Part};

/// Returns `trials`, or, if there are none, an error with the runs that are `missing`.
pub(super) fn some(trials: Vec<Trial>, missing: &str) -> Trials {
    match trials.is_empty() {
        true => Err(format!("missing: {missing}")),
        false => Ok(trials),
    }
}

/// The settings of the conventional task, whose classes are the data set's own. (Waterbirds also has a reversed
/// task, whose classes are the backgrounds.)
pub(super) fn conventional<'a>(evidence: &Evidence<'a>) -> impl Iterator<Item = &'a Setting> {
    evidence
        .settings
        .iter()
        .filter(|setting| setting.task == CONVENTIONAL)
}

/// The configurations that were guided through the same method and layer as the setting's maps.
pub(super) fn guided_here<'a>(setting: &'a Setting) -> Vec<RunSet<'a>> {
    run_sets(setting, |row| setting.is_guided_here(&row.run))
}

/// Those of `run_sets` that were guided by that loss with all boxes, undilated. That is usually one; there are
/// several if they differ in the loss's options or in something that has no column in the tables.
pub(super) fn of_loss<'a, 'b>(
    run_sets: &'b [RunSet<'a>],
    loss: &str,
) -> impl Iterator<Item = &'b RunSet<'a>> {
    let fits = move |run_set: &&RunSet| run_set.is_of(loss) && run_set.variant().is_plain();
    run_sets.iter().filter(fits)
}

/// The configurations of Energy with all boxes, undilated, guided through the setting's maps.
pub(super) fn energy(setting: &Setting) -> Vec<RunSet<'_>> {
    let is_energy = |run_set: &RunSet| run_set.is_of(ENERGY) && run_set.variant().is_plain();
    plain(setting).into_iter().filter(is_energy).collect()
}

/// Returns the metric that stands for `metric` in a setting: over the informative classes where some can say nothing.
pub(super) fn counted(evidence: &Evidence, setting: &Setting, metric: &str) -> Measure {
    evidence.measure(informative::metric(evidence.results, &setting.data, metric))
}

/// Returns the name of the metric for IoU: at the threshold chosen on validation if all runs have one,
/// else at the fixed threshold.
pub(super) fn iou(setting: &Setting) -> &'static str {
    let has_tuned = |row: &Row| row.cell(Part::All, IOU_TUNED).is_some();
    match setting.rows.iter().all(has_tuned) {
        true => IOU_TUNED,
        false => IOU,
    }
}

/// Whether a run was guided by undilated boxes on at most 10 % of the training images. 1e-9 is room for
/// rounding.
pub(super) fn is_few(variant: &Variant) -> bool {
    variant.annotated_fraction.0 <= 0.1 + 1e-9
        && variant.annotation == "box"
        && variant.dilation.0 == 0.0
}
