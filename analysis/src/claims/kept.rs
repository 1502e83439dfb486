//! Tests how much of the gain in EPG over the baseline is kept if the annotations are fewer or coarser, for
//! claims R7 and R8. That half of the gain must be kept is this project's criterion; the paper has no number.

use crate::claims::claim::{Outcome, Trial};
use crate::claims::compare::{chosen, trial};
use crate::model::evidence::Evidence;
use crate::model::measure::EPG;
use crate::model::run_sets::RunSet;
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;

/// Makes the trial that `run_set` keeps more than half of the EPG that `full` gains over the baseline. `full`
/// was guided by all boxes as they are. `None` if `full` does not clearly gain: then there is nothing to
/// keep.
pub(super) fn keeps_half(
    evidence: &Evidence,
    setting: &Setting,
    run_set: &RunSet,
    full: &RunSet,
) -> Option<Trial> {
    let (row, full) = (run_set.chosen()?, full.chosen()?);
    if !gains(full) {
        return None;
    }
    // Each gain is over the run's own baseline; usually both have the same.
    let rows = [
        row,
        setting.baseline_of(row)?,
        full,
        setting.baseline_of(full)?,
    ];
    let rows = rows.map(|row| (setting, row));
    // EPG in the order of `rows`.
    let over_half = |[few, none, all, all_none]: [f64; 4]| few - none - (all - all_none) / 2.0;
    let difference = chosen(evidence, EPG, rows, over_half)?;
    let compared = format!("{} over half of the gain", run_set.label());
    Some(trial(setting.title(), compared, difference))
}

/// Whether the EPG of the run `row` is clearly above the baseline's: the interval of the difference is
/// above 0.
pub(super) fn gains(row: &Row) -> bool {
    let cell = row.cell(Part::All, EPG);
    cell.is_some_and(|cell| Outcome::of(cell.difference_interval) == Outcome::For)
}
