//! Tests how much of the gain in EPG over the baseline is kept if the annotations are fewer or coarser, for
//! claims R7 and R8. That half of the gain must be kept is this project's criterion; the paper has no number.

use crate::claims::claim::Trial;
use crate::claims::compare::{Side, compare, gain};
use crate::model::evidence::Evidence;
use crate::model::measure::EPG;
use crate::model::run_sets::RunSet;
use crate::model::setting::Setting;
use crate::model::subject::Part;

/// Makes the trial that `run_set` keeps more than half of the EPG that `full` gains over the baseline. `full` was
/// guided by all boxes as they are. Where it does not gain, there is nothing to keep.
pub(super) fn keeps_half(
    evidence: &Evidence,
    setting: &Setting,
    run_set: &RunSet,
    full: &RunSet,
) -> Option<Trial> {
    let sides = gains(setting, [run_set, full]);
    let over_half = |values: &[f64]| values[0] - values[1] - (values[2] - values[3]) / 2.0;
    let sides = sides.each_ref();
    let effect = compare(evidence, (Part::All, EPG), sides, over_half)?;
    let compared = format!("{} over half of the gain", run_set.label());
    let full = gain(evidence, setting, full, (Part::All, EPG))?;
    Some(Trial::new(setting.title(), compared, effect).given(&full))
}

/// The chosen checkpoint and the baseline of each of two configurations, in this order. Each gain is over the
/// configuration's own baseline; usually both have the same.
pub(super) fn gains<'a>(setting: &'a Setting, [a, b]: [&RunSet<'a>; 2]) -> [Side<'a>; 4] {
    [
        Side::chosen(setting, &a.rows),
        Side::baseline(setting, &a.rows),
        Side::chosen(setting, &b.rows),
        Side::baseline(setting, &b.rows),
    ]
}
