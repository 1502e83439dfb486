//! R7 and R8: few boxes, and coarse ones.

use super::{Trials, conventional, guided_here, of_loss, some};
use crate::comparison::{Row, Setting};
use crate::evidence::Evidence;
use crate::groups::Group;
use crate::load::Part;
use crate::names::{Loss, Measure};
use crate::verdict::compare::{chosen, trial};
use crate::verdict::{Outcome, Trial};

pub(super) fn r7(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence) {
        let groups = guided_here(setting);
        for loss in [Loss::Energy, Loss::L1] {
            let Some(full) = of_loss(&groups, loss) else {
                continue;
            };
            for few in groups.iter().filter(|group| group.loss() == Some(loss)) {
                let variant = few.variant();
                let is_few = variant.annotated_fraction.0 <= 0.1 + 1e-9;
                if !is_few || variant.annotation != "box" || variant.dilation.0 != 0.0 {
                    continue;
                }
                trials.extend(keeps_half(evidence, setting, few, &groups[full]));
            }
        }
    }
    some(
        trials,
        "runs with at most 10 % annotated beside runs with all, whose EPG rises",
    )
}

/// Whether `group` keeps more than half of what `full` gains in EPG over the baseline; nothing where
/// that does not clearly gain.
fn keeps_half(
    evidence: &Evidence,
    setting: &Setting,
    group: &Group,
    full: &Group,
) -> Option<Trial> {
    let (row, full, baseline) = (group.chosen()?, full.chosen()?, setting.baseline()?);
    if !gains(full) {
        return None;
    }
    let rows = [(setting, row), (setting, full), (setting, baseline)];
    let over_half = |[few, all, none]: [f64; 3]| few - (all + none) / 2.0;
    let difference = chosen(evidence, Measure::Epg, rows, over_half)?;
    let compared = format!("{} over half of the gain", group.configuration.label());
    Some(trial(setting.title(), compared, difference))
}

/// Whether EPG clearly rises over the baseline's.
fn gains(row: &Row) -> bool {
    let cell = row.cell(Part::All, Measure::Epg);
    cell.is_some_and(|cell| Outcome::of(cell.difference_interval) == Outcome::For)
}

/// A dilated configuration, and the one of the same loss without dilation.
type Pair<'a, 'b> = (&'b Group<'a>, &'b Group<'a>);

pub(super) fn r8(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence) {
        let groups = guided_here(setting);
        // The most dilated of a loss, and the one without.
        let pair = |loss: Loss| -> Option<Pair> {
            let full = &groups[of_loss(&groups, loss)?];
            let coarse = groups.iter().filter(|group| {
                let variant = group.variant();
                group.loss() == Some(loss)
                    && variant.dilation.0 >= 0.25
                    && variant.annotation == "box"
                    && variant.annotated_fraction.0 >= 1.0
            });
            Some((coarse.max_by_key(|group| group.variant().dilation)?, full))
        };
        let Some(energy) = pair(Loss::Energy) else {
            continue;
        };
        trials.extend(keeps_half(evidence, setting, energy.0, energy.1));
        let l1 = pair(Loss::L1);
        trials.extend(l1.and_then(|l1| keeps_more(evidence, setting, energy, l1)));
    }
    some(
        trials,
        "Energy runs with boxes dilated by 25 % at least beside runs without, whose EPG rises",
    )
}

/// Whether the first keeps a greater share of its gain in EPG than the second; nothing where one of
/// them does not clearly gain without dilation.
fn keeps_more(evidence: &Evidence, setting: &Setting, ours: Pair, theirs: Pair) -> Option<Trial> {
    let rows = [
        (setting, ours.0.chosen()?),
        (setting, ours.1.chosen()?),
        (setting, theirs.0.chosen()?),
        (setting, theirs.1.chosen()?),
        (setting, setting.baseline()?),
    ];
    if !gains(rows[1].1) || !gains(rows[3].1) {
        return None;
    }
    let shares = |[ours, ours_full, theirs, theirs_full, none]: [f64; 5]| {
        (ours - none) / (ours_full - none) - (theirs - none) / (theirs_full - none)
    };
    let difference = chosen(evidence, Measure::Epg, rows, shares)?;
    let compared = format!(
        "share of the gain that {} keeps, over L1's",
        ours.0.configuration.label()
    );
    Some(trial(setting.title(), compared, difference))
}
