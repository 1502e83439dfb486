//! R9 and R10: guidance at other layers than are looked at, and on other images than trained on.

use super::{Trials, chosen_energy, conventional, gain, guided_here, some};
use crate::comparison::{Cell, Setting};
use crate::evidence::Evidence;
use crate::groups::{Group, by_seed, deep, seconds};
use crate::intervals::Interval;
use crate::load::{Part, WATERBIRD_ON_LAND};
use crate::names::{Loss, Measure, WATERBIRDS};
use crate::seeds::{moments, t_quantile};
use crate::verdict::compare::trial;
use crate::verdict::{Outcome, Trial};

pub(super) fn r9(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence).filter(|setting| setting.layer == "input") {
        let groups = deep(setting);
        let is_input = |group: &&Group| group.configuration.layer.spelling() == "input";
        for guided in groups.iter().filter(|group| !is_input(group)) {
            let is_rival = |group: &&Group| is_input(group) && group.loss() == guided.loss();
            for input in groups.iter().filter(is_rival) {
                trials.extend(deeper(evidence, setting, guided, input));
            }
        }
    }
    some(
        trials,
        "runs guided at deeper layers, scored at the input, beside runs guided there",
    )
}

/// Whether guidance at a deeper layer raises EPG of the input's maps and takes less time than at the
/// input.
fn deeper(evidence: &Evidence, setting: &Setting, guided: &Group, input: &Group) -> Option<Trial> {
    let epg = guided.chosen()?.cell(Part::All, Measure::Epg);
    let difference = epg.and_then(gain)?;
    let time = |group: &Group| seconds(evidence.results, group.rows.iter().map(|row| &row.run));
    let (slow, fast) = (time(input)?, time(guided)?);
    let compared = format!(
        "{} at {}, EPG of input maps over the baseline's; {:.2} times as fast",
        guided.label(),
        guided.configuration.layer,
        slow[1] / fast[1]
    );
    let mut trial = trial(setting.title(), compared, difference);
    if fast[0] > slow[2] {
        trial.outcome = Outcome::Against;
    } else if fast[2] >= slow[0] && trial.outcome == Outcome::For {
        trial.outcome = Outcome::Open;
    }
    Some(trial)
}

pub(super) fn r10(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in evidence.settings {
        if setting.dataset == WATERBIRDS {
            trials.extend(on_waterbirds(setting));
        } else if let Some((group, _)) = setting.groups.iter().find(|(_, name)| name == "shifted") {
            let gain = chosen_energy(setting).and_then(|row| {
                let cell = row.cell(Part::Group(*group), Measure::F1)?;
                Some((row.label.clone(), gain(cell)?))
            });
            if let Some((label, difference)) = gain {
                let compared = format!("{label}, F1 of the shifted group over the baseline's");
                trials.push(trial(setting.title(), compared, difference));
            }
        }
    }
    some(
        trials,
        "Energy runs on Waterbirds-100, or on a data set with a shifted group",
    )
}

/// Overall accuracy, and that of waterbird on land, of each Energy configuration.
fn on_waterbirds(setting: &Setting) -> Vec<Trial> {
    let mut trials = Vec::new();
    let groups = guided_here(setting);
    for group in groups
        .iter()
        .filter(|group| group.loss() == Some(Loss::Energy))
    {
        let rows = by_seed(&group.rows);
        for (part, name) in [
            (WATERBIRD_ON_LAND, "waterbird on land"),
            (Part::All, "overall"),
        ] {
            let cells: Vec<&Cell> = rows
                .iter()
                .filter_map(|row| row.cell(part, Measure::Accuracy))
                .collect();
            let differences: Vec<f64> = cells.iter().filter_map(|cell| cell.difference).collect();
            let Some(found) = moments(&differences) else {
                continue;
            };
            let (interval, how) = match found.std {
                Some(std) => {
                    let half = t_quantile(found.n) * std / (found.n as f64).sqrt();
                    let (low, high) = (found.mean - half, found.mean + half);
                    (Some(Interval { low, high }), format!("{} seeds", found.n))
                }
                None => (cells[0].difference_interval, "one seed".to_owned()),
            };
            let compared = format!("{}, {name}, {how}", group.label());
            trials.push(trial(setting.title(), compared, (found.mean, interval)));
        }
    }
    trials
}
