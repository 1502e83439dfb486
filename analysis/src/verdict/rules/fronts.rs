//! R1, R2 and R3: which loss has the best front.

use super::{Trials, conventional, of_loss, some};
use crate::comparison::{Row, Setting};
use crate::evidence::Evidence;
use crate::groups::plain;
use crate::load::Part;
use crate::names::{Loss, Measure};
use crate::verdict::Trial;
use crate::verdict::compare::{fronts, trial};

/// Trials of `loss`'s front against each of `rivals`, in the settings that `suit`.
fn best_front(
    evidence: &Evidence,
    (loss, rivals): (Loss, &[Loss]),
    measure: fn(&Setting) -> Measure,
    suit: fn(&Setting) -> bool,
) -> Vec<Trial> {
    let mut trials = Vec::new();
    for setting in conventional(evidence).filter(|setting| suit(setting)) {
        let groups = plain(setting);
        let measure = measure(setting);
        for ours in of_loss(&groups, loss) {
            for theirs in rivals.iter().flat_map(|rival| of_loss(&groups, *rival)) {
                if let Some(difference) = fronts(evidence, setting, measure, [ours, theirs]) {
                    let compared = format!("{} over {}, {measure}", ours.label(), theirs.label());
                    trials.push(trial(setting.title(), compared, difference));
                }
            }
        }
    }
    trials
}

pub(super) fn r1(evidence: &Evidence) -> Trials {
    let losses = (Loss::Energy, &[Loss::L1, Loss::Ppce, Loss::Rrr][..]);
    let trials = best_front(evidence, losses, |_| Measure::Epg, |_| true);
    some(
        trials,
        "runs of Energy and of another loss, trained alike, with their baseline",
    )
}

pub(super) fn r2(evidence: &Evidence) -> Trials {
    let losses = (Loss::L1, &[Loss::Energy, Loss::Ppce, Loss::Rrr][..]);
    let trials = best_front(evidence, losses, iou, |setting| setting.layer == "final");
    some(
        trials,
        "runs of L1 and of another loss at the final layer, trained alike, with their baseline",
    )
}

/// IoU at the threshold chosen on validation, or at the fixed one where there is none.
fn iou(setting: &Setting) -> Measure {
    let has_tuned = |row: &Row| row.cell(Part::All, Measure::IouTuned).is_some();
    match setting.rows.iter().all(has_tuned) {
        true => Measure::IouTuned,
        false => Measure::Iou,
    }
}

pub(super) fn r3(evidence: &Evidence) -> Trials {
    let losses = (Loss::Energy, &[Loss::L1][..]);
    let trials = best_front(evidence, losses, |_| Measure::OnObject, |_| true);
    some(
        trials,
        "runs of Energy and L1 scored on images with segmentations",
    )
}
