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
            for few in groups.iter().filter(|group| group.loss() == Some(loss)) {
                let variant = few.variant();
                let is_few = variant.annotated_fraction.0 <= 0.1 + 1e-9;
                if !is_few || variant.annotation != "box" || variant.dilation.0 != 0.0 {
                    continue;
                }
                let full = of_loss(&groups, loss);
                trials.extend(full.filter_map(|full| keeps_half(evidence, setting, few, full)));
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
    let (row, full) = (group.chosen()?, full.chosen()?);
    if !gains(full) {
        return None;
    }
    // Each gains over its own baseline, which is one as a rule.
    let rows = [
        row,
        setting.baseline_of(row)?,
        full,
        setting.baseline_of(full)?,
    ];
    let rows = rows.map(|row| (setting, row));
    let over_half = |[few, none, all, all_none]: [f64; 4]| few - none - (all - all_none) / 2.0;
    let difference = chosen(evidence, Measure::Epg, rows, over_half)?;
    let compared = format!("{} over half of the gain", group.label());
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
        // The most dilated of a loss, each with each of those without.
        let pairs = |loss: Loss| -> Vec<Pair> {
            let dilated = |group: &&Group| {
                let variant = group.variant();
                group.loss() == Some(loss)
                    && variant.dilation.0 >= 0.25
                    && variant.annotation == "box"
                    && variant.annotated_fraction.0 >= 1.0
            };
            let coarse = || groups.iter().filter(dilated);
            let most = coarse().map(|group| group.variant().dilation).max();
            let coarse = coarse().filter(|group| Some(group.variant().dilation) == most);
            coarse
                .flat_map(|coarse| of_loss(&groups, loss).map(move |full| (coarse, full)))
                .collect()
        };
        for energy in pairs(Loss::Energy) {
            trials.extend(keeps_half(evidence, setting, energy.0, energy.1));
            for l1 in pairs(Loss::L1) {
                trials.extend(keeps_more(evidence, setting, energy, l1));
            }
        }
    }
    some(
        trials,
        "Energy runs with boxes dilated by 25 % at least beside runs without, whose EPG rises",
    )
}

/// Whether the first keeps a greater share of its gain in EPG than the second; nothing where one of
/// them does not clearly gain without dilation.
fn keeps_more(evidence: &Evidence, setting: &Setting, ours: Pair, theirs: Pair) -> Option<Trial> {
    let [ours_coarse, ours_full, theirs_coarse, theirs_full] = [
        ours.0.chosen()?,
        ours.1.chosen()?,
        theirs.0.chosen()?,
        theirs.1.chosen()?,
    ];
    if !gains(ours_full) || !gains(theirs_full) {
        return None;
    }
    let base = |row: &Row| setting.baseline_of(row);
    let rows = [
        ours_coarse,
        base(ours_coarse)?,
        ours_full,
        base(ours_full)?,
        theirs_coarse,
        base(theirs_coarse)?,
        theirs_full,
        base(theirs_full)?,
    ];
    let shares = |values: [f64; 8]| {
        let gain = |index: usize| values[index] - values[index + 1];
        gain(0) / gain(2) - gain(4) / gain(6)
    };
    let rows = rows.map(|row| (setting, row));
    let difference = chosen(evidence, Measure::Epg, rows, shares)?;
    let compared = format!("share of the gain that {} keeps, over L1's", ours.0.label());
    Some(trial(setting.title(), compared, difference))
}
