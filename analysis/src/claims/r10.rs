//! Tests claim R10, that guidance helps where test images differ from the training images. On Waterbirds,
//! each Energy configuration is compared with the baseline of the same seed, in both tasks (the conventional one
//! asks for the bird, the reversed one for the background): accuracy over all images, and over the group
//! waterbird on land. Any annotated fraction counts: the paper's Table 1 has 1 %, and what holds for it should
//! hold for more boxes. On other data with a group of images named `shifted`, F1 on that group is compared, of
//! the chosen Energy checkpoint with all boxes and of the baseline.
//!
//! The interval on Waterbirds is Student's t interval over seeds if there are at least two seeds; all other
//! intervals are the bootstrap's over images.

use crate::claims::claim::{Claim, Reach, Trial, Trials};
use crate::claims::compare::trial;
use crate::claims::runs::{chosen_energy, gain, guided_here, some};
use crate::model::evidence::Evidence;
use crate::model::intervals::Interval;
use crate::model::loss::ENERGY;
use crate::model::measure::{ACCURACY, F1};
use crate::model::run_sets::by_seed;
use crate::model::seeds::{moments, t_quantile};
use crate::model::setting::Setting;
use crate::model::subject::Part;
use crate::paper::waterbirds::{WATERBIRD_ON_LAND, WATERBIRDS};

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R10",
    statement: "Guidance helps under distribution shift",
    test: "accuracy of Energy over the baseline's, both Waterbirds tasks; F1 of shifted groups",
    place: "§5.5, Table 1",
    reach: Reach::Everywhere,
    rule,
};

/// Makes the trials of Waterbirds, and one for each other setting with a group named `shifted`.
fn rule(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in evidence.settings {
        if setting.dataset == WATERBIRDS {
            trials.extend(on_waterbirds(setting));
        } else if let Some((group, _)) = setting.groups.iter().find(|(_, name)| name == "shifted") {
            let gain = chosen_energy(setting).and_then(|row| {
                let cell = row.cell(Part::Group(*group), F1)?;
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

/// Makes two trials (comparisons) for each Energy configuration: accuracy of waterbird on land, and accuracy
/// overall. A seed with several λ counts once, by the run that did best on validation.
fn on_waterbirds(setting: &Setting) -> Vec<Trial> {
    let mut trials = Vec::new();
    let run_sets = guided_here(setting);
    for run_set in run_sets.iter().filter(|run_set| run_set.is_of(ENERGY)) {
        let rows = by_seed(&run_set.rows);
        for (part, name) in [
            (WATERBIRD_ON_LAND, "waterbird on land"),
            (Part::All, "overall"),
        ] {
            // Runs without a difference to their baseline are left out, with their intervals.
            let gains: Vec<(f64, Option<Interval>)> = rows
                .iter()
                .filter_map(|row| gain(row.cell(part, ACCURACY)?))
                .collect();
            let differences: Vec<f64> = gains.iter().map(|(difference, _)| *difference).collect();
            let Some(found) = moments(&differences) else {
                continue;
            };
            // There is no standard deviation of a single seed.
            let (interval, how) = match found.std {
                Some(std) => {
                    // Half the width of the t interval of the mean.
                    let half = t_quantile(found.n) * std / (found.n as f64).sqrt();
                    let (low, high) = (found.mean - half, found.mean + half);
                    (Some(Interval { low, high }), format!("{} seeds", found.n))
                }
                None => (gains[0].1, "one seed".to_owned()),
            };
            let compared = format!("{}, {name}, {how}", run_set.label());
            trials.push(trial(setting.title(), compared, (found.mean, interval)));
        }
    }
    trials
}
