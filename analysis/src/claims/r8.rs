//! Tests claim R8: compares Energy guided by the most dilated boxes with Energy guided by the boxes as they are,
//! each by the checkpoint that validation chose. A dilation of 25 % moves each side outwards by 25 % of the box's
//! width or height; of the dilations of 25 % or more among the results the largest is taken. Two things must
//! hold: the dilated boxes keep more than half of Energy's gain in EPG; and the share of its gain that Energy
//! keeps is greater than the share that L1 keeps of L1's gain, if L1 gains.

use crate::claims::claim::{Claim, Trial, Trials};
use crate::claims::compare::{compare, gain};
use crate::claims::kept::{gains, keeps_half};
use crate::claims::runs::{conventional, guided_here, of_loss, some};
use crate::model::evidence::Evidence;
use crate::model::loss::{ENERGY, L1};
use crate::model::measure::EPG;
use crate::model::run_sets::RunSet;
use crate::model::setting::Setting;
use crate::model::subject::Part;
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R8",
    statement: "Energy tolerates coarse boxes",
    test: "EPG with dilated boxes over the baseline's plus half of the gain without; the share kept over L1's",
    place: "Fig. 10 and 11",
    reach: Reach::Everywhere,
    rule,
};

/// A configuration with dilated boxes, and the one of the same loss with the boxes as they are.
type Pair<'a, 'b> = (&'b RunSet<'a>, &'b RunSet<'a>);

/// Makes the trials (comparisons) of both conditions in each setting (runs trained and scored alike).
fn rule(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence) {
        let run_sets = guided_here(setting);
        // Each of the most dilated configurations of a loss with each of those without dilation.
        let pairs = |loss: &str| -> Vec<Pair> {
            let dilated = |run_set: &&RunSet| {
                let variant = run_set.variant();
                run_set.is_of(loss)
                    && variant.dilation.0 >= 0.25
                    && variant.annotation == "box"
                    && variant.annotated_fraction.0 >= 1.0
            };
            let coarse = || run_sets.iter().filter(dilated);
            let most = coarse().map(|run_set| run_set.variant().dilation).max();
            let coarse = coarse().filter(|run_set| Some(run_set.variant().dilation) == most);
            coarse
                .flat_map(|coarse| of_loss(&run_sets, loss).map(move |full| (coarse, full)))
                .collect()
        };
        for energy in pairs(ENERGY) {
            trials.extend(keeps_half(evidence, setting, energy.0, energy.1));
            for l1 in pairs(L1) {
                trials.extend(keeps_more(evidence, setting, energy, l1));
            }
        }
    }
    some(
        trials,
        "Energy runs with boxes dilated by 25 % at least beside runs without, whose EPG rises",
    )
}

/// Makes the trial that `ours` keeps a greater share of its gain in EPG with dilated boxes than `theirs` of its own.
/// It can only be made where both gain without dilation.
fn keeps_more(evidence: &Evidence, setting: &Setting, ours: Pair, theirs: Pair) -> Option<Trial> {
    let [a, b, c, d] = gains(setting, [ours.0, ours.1]);
    let [e, f, g, h] = gains(setting, [theirs.0, theirs.1]);
    // Each gain is a value minus the baseline's, which stands after it; the share kept is dilated over full.
    let shares = |values: &[f64]| {
        let gain = |index: usize| values[index] - values[index + 1];
        gain(0) / gain(2) - gain(4) / gain(6)
    };
    let sides = [&a, &b, &c, &d, &e, &f, &g, &h];
    let effect = compare(evidence, (Part::All, EPG), sides, shares)?;
    let compared = format!("share of the gain that {} keeps, over L1's", ours.0.label());
    let mut trial = Trial::new(setting.title(), compared, effect);
    for full in [ours.1, theirs.1] {
        trial = trial.given(&gain(evidence, setting, full, (Part::All, EPG))?);
    }
    Some(trial)
}
