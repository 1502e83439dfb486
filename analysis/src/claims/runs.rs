//! The runs that claims compare, in the terms of SPEC F: a *configuration* is all of a run except λ and
//! seed, its *front* consists of the scored checkpoints of its runs, and its *chosen* checkpoint is the
//! one that validation prefers.

use crate::claims::claim::{Trial, Trials};
use crate::model::configuration::Variant;
use crate::model::evidence::Evidence;
use crate::model::intervals::Interval;
use crate::model::loss::ENERGY;
use crate::model::measure::{IOU, IOU_TUNED};
use crate::model::run_sets::{RunSet, plain, run_sets};
use crate::model::setting::{Cell, Row, Setting, preferred};
use crate::model::subject::{CONVENTIONAL, Part};

/// The trials, or, if there are none, what is missing.
pub(super) fn some(trials: Vec<Trial>, missing: &str) -> Trials {
    match trials.is_empty() {
        true => Err(format!("missing: {missing}")),
        false => Ok(trials),
    }
}

pub(super) fn conventional<'a>(evidence: &Evidence<'a>) -> impl Iterator<Item = &'a Setting> {
    evidence
        .settings
        .iter()
        .filter(|setting| setting.task == CONVENTIONAL)
}

/// The configurations guided through the setting's own maps.
pub(super) fn guided_here<'a>(setting: &'a Setting) -> Vec<RunSet<'a>> {
    run_sets(setting, |row| setting.is_guided_here(&row.run))
}

/// Those of `run_sets` of that loss with all boxes, undilated: one, or several whose differences no
/// table shows.
pub(super) fn of_loss<'a, 'b>(
    run_sets: &'b [RunSet<'a>],
    loss: &str,
) -> impl Iterator<Item = &'b RunSet<'a>> {
    let fits = move |run_set: &&RunSet| run_set.is_of(loss) && run_set.variant().is_plain();
    run_sets.iter().filter(fits)
}

/// The run of Energy with all boxes, undilated, that validation prefers.
pub(super) fn chosen_energy(setting: &Setting) -> Option<&Row> {
    let run_sets = plain(setting);
    let rows = of_loss(&run_sets, ENERGY).flat_map(|run_set| run_set.rows.iter().copied());
    preferred(rows)
}

/// Difference to the baseline and its interval.
pub(super) fn gain(cell: &Cell) -> Option<(f64, Option<Interval>)> {
    Some((cell.difference?, cell.difference_interval))
}

/// IoU at the threshold chosen on validation, or at the fixed one where there is none.
pub(super) fn iou(setting: &Setting) -> &'static str {
    let has_tuned = |row: &Row| row.cell(Part::All, IOU_TUNED).is_some();
    match setting.rows.iter().all(has_tuned) {
        true => IOU_TUNED,
        false => IOU,
    }
}

/// Whether at most 10 % of the training images have boxes, undilated.
pub(super) fn is_few(variant: &Variant) -> bool {
    variant.annotated_fraction.0 <= 0.1 + 1e-9
        && variant.annotation == "box"
        && variant.dilation.0 == 0.0
}
