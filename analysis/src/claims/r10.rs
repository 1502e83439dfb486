//! Tests claim R10, that guidance helps where test images differ from the training images. On Waterbirds,
//! each Energy configuration is compared with the baseline of the same seed, in both tasks (the conventional one
//! asks for the bird, the reversed one for the background): accuracy over all images, and over the group
//! waterbird on land. Any annotated fraction counts: the paper's Table 1 has 1 %, and what holds for it should
//! hold for more boxes. On other data with a group of images named `shifted`, F1 on that group is compared, of
//! the chosen Energy checkpoint with all boxes and of the baseline.

use crate::claims::claim::{Claim, Trial, Trials};
use crate::claims::compare::gain;
use crate::claims::runs::{energy, guided_here, some};
use crate::model::evidence::Evidence;
use crate::model::loss::ENERGY;
use crate::model::measure::{ACCURACY, F1};
use crate::model::setting::Setting;
use crate::model::subject::Part;
use crate::paper::waterbirds::{WATERBIRD_ON_LAND, WATERBIRDS};
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R10",
    statement: "Guidance helps under distribution shift",
    test: "accuracy of Energy over the baseline's, both Waterbirds tasks; F1 of shifted groups",
    place: "§5.5, Table 1",
    reach: Reach::Everywhere,
    rule,
};

/// Makes the trials of Waterbirds, and those of each other setting with a group named `shifted`.
fn rule(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in evidence.settings {
        if setting.dataset == WATERBIRDS {
            trials.extend(on_waterbirds(evidence, setting));
        } else if let Some((group, _)) = setting.groups.iter().find(|(_, name)| name == "shifted") {
            for run_set in energy(setting) {
                let label = run_set.label();
                let compared = format!("{label}, F1 of the shifted group over the baseline's");
                let effect = gain(evidence, setting, &run_set, (Part::Group(*group), F1));
                trials.extend(effect.map(|effect| Trial::new(setting.title(), compared, effect)));
            }
        }
    }
    some(
        trials,
        "Energy runs on Waterbirds-100, or on a data set with a shifted group",
    )
}

/// Makes two trials (comparisons) for each Energy configuration: accuracy of waterbird on land, and accuracy
/// overall.
fn on_waterbirds(evidence: &Evidence, setting: &Setting) -> Vec<Trial> {
    let mut trials = Vec::new();
    let run_sets = guided_here(setting);
    for run_set in run_sets.iter().filter(|run_set| run_set.is_of(ENERGY)) {
        for (part, name) in [
            (WATERBIRD_ON_LAND, "waterbird on land"),
            (Part::All, "overall"),
        ] {
            let compared = format!("{}, {name}", run_set.label());
            let effect = gain(evidence, setting, run_set, (part, ACCURACY));
            trials.extend(effect.map(|effect| Trial::new(setting.title(), compared, effect)));
        }
    }
    trials
}
