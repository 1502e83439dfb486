//! The paper's claims and how each is put to the test.
//!
//! All rules keep to these terms. A *configuration* is all of a run but λ and seed, and what is compared
//! was trained alike in all else (in one [`Setting`]; of networks, R4, whose rates and lengths each has its
//! own, the most alike are compared, and what differs is said); its *front* are the
//! scored checkpoints of its runs, which are the validation Pareto set over epochs and λ; its *chosen*
//! checkpoint is the one that validation prefers (highest validation EPG among those that lose at most
//! 1 point of the baseline's validation F1). Fronts are compared by their height above the baseline
//! ([`super::compare`]), chosen checkpoints by paired differences. An outcome is *for* the claim where
//! the 95 % bootstrap interval over test images is on its side of 0, *against* where it is on the
//! other, else *open*; no rule looks at a single point of the test split that validation did not
//! choose. Unless said otherwise configurations have all boxes as they are, the conventional task, and
//! are scored through the maps that were guided.
//!
//! | | claim (SPEC F) | compared | for, where |
//! |---|---|---|---|
//! | R1 | Energy has the best trade-off of EPG and F1 | Energy's front with every other loss's, EPG against F1, each network, method and layer | Energy's is higher |
//! | R2 | L1 has the best trade-off of IoU and F1 | L1's front with every other's, IoU against F1, at the final layer | L1's is higher |
//! | R3 | Energy concentrates on the object inside the box | Energy's front with L1's, on-object EPG against F1 | Energy's is higher |
//! | R4 | B-cos localizes best at the input, before and after guidance | a B-cos network's EPG at the input with that of plain and X-DNN networks of the same architecture, baselines with baselines and chosen with chosen Energy checkpoints | B-cos's is higher |
//! | R5 | every network can be guided at the final layer | Energy's chosen checkpoint with the baseline, each network | EPG rises and F1's interval is not below −1 point |
//! | R6 | guidance can raise F1 for some networks | the guided checkpoint with the highest validation F1 with the baseline, each network, method and layer whose baseline had converged (its best epoch was not its last) | in one of them F1 and EPG both rise, at a level divided by the number of them (Bonferroni) |
//! | R7 | 1 to 10 % of the boxes suffice | of Energy and L1 the chosen checkpoint with at most 10 % annotated, with the one with all, where that one gains EPG | it keeps more than half of the gain |
//! | R8 | Energy tolerates coarse boxes | Energy's chosen checkpoint with boxes dilated by 25 % at least (the most there is), with the one without, and both with L1's two | it keeps more than half of the gain; and a greater share of it than L1 does of its own, where L1 gains |
//! | R9 | guidance at deeper layers helps input maps and is faster | input maps of the chosen checkpoint guided at a deeper layer with the baseline's, and the time an epoch takes with that of guidance at the input | EPG rises and the upper quartile of the times is below the lower one of the input's |
//! | R10 | guidance helps under distribution shift | Waterbirds: Energy with the baseline of the same seed, both tasks, accuracy overall and of waterbird on land; elsewhere F1 of a group of images named shifted | it rises: t interval over seeds where there are two at least, else bootstrap |
//!
//! From trials to a verdict: [`super::decide`].

mod annotations;
mod elsewhere;
mod fronts;
mod networks;

use annotations::{r7, r8};
use elsewhere::{r9, r10};
use fronts::{r1, r2, r3};
use networks::{r4, r5, r6};

use super::{Claim, Reach, Trial};
use crate::comparison::{self, Cell, Row, Setting};
use crate::evidence::Evidence;
use crate::groups::{Group, groups, plain};
use crate::intervals::Interval;
use crate::load::CONVENTIONAL;
use crate::names::Loss;

type Trials = Result<Vec<Trial>, String>;

const fn claim(
    name: &'static str,
    statement: &'static str,
    test: &'static str,
    rule: fn(&Evidence) -> Trials,
) -> Claim {
    Claim {
        name,
        statement,
        test,
        reach: Reach::Everywhere,
        rule,
    }
}

/// The claims in their order.
#[rustfmt::skip]
pub const CLAIMS: [Claim; 10] = [
    claim("R1", "Energy has the best trade-off of EPG and F1", "height of Energy's front over every other loss's, EPG against F1", r1),
    claim("R2", "L1 has the best trade-off of IoU and F1", "height of L1's front over every other loss's, IoU against F1, final layer", r2),
    claim("R3", "Energy concentrates on the object inside the box", "height of Energy's front over L1's, on-object EPG against F1", r3),
    claim("R4", "B-cos localizes best at the input, before and after guidance", "EPG of B-cos over other networks of its architecture, input layer", r4),
    claim("R5", "Every network can be guided at the final layer", "EPG of the chosen checkpoint over the baseline's, with F1 not more than a point below", r5),
    Claim { reach: Reach::Somewhere, ..claim("R6", "Guidance can raise F1 for some networks", "F1 of the guided checkpoint with the best validation F1 over the baseline's, with EPG higher", r6) },
    claim("R7", "1 to 10 % of the boxes suffice", "EPG with few boxes over the baseline's plus half of the gain with all", r7),
    claim("R8", "Energy tolerates coarse boxes", "EPG with dilated boxes over the baseline's plus half of the gain without; the share kept over L1's", r8),
    claim("R9", "Guidance at deeper layers helps input maps and is faster", "EPG of input maps over the baseline's; seconds an epoch", r9),
    claim("R10", "Guidance helps under distribution shift", "accuracy of Energy over the baseline's, both Waterbirds tasks; F1 of shifted groups", r10),
];

/// Some trials, or what is missing.
fn some(trials: Vec<Trial>, missing: &str) -> Trials {
    match trials.is_empty() {
        true => Err(format!("missing: {missing}")),
        false => Ok(trials),
    }
}

fn conventional<'a>(evidence: &Evidence<'a>) -> impl Iterator<Item = &'a Setting> {
    evidence
        .settings
        .iter()
        .filter(|setting| setting.task == CONVENTIONAL)
}

/// The configurations guided through the setting's own maps.
fn guided_here<'a>(setting: &'a Setting) -> Vec<Group<'a>> {
    groups(setting, |row| setting.is_guided_here(&row.run))
}

/// Those of `groups` with all boxes as they are, of that loss: one, or several that differ in what no
/// table tells.
fn of_loss<'a, 'b>(groups: &'b [Group<'a>], loss: Loss) -> impl Iterator<Item = &'b Group<'a>> {
    let fits = move |group: &&Group| group.loss() == Some(loss) && group.variant().is_plain();
    groups.iter().filter(fits)
}

/// The checkpoint of Energy with all boxes as they are that validation prefers.
fn chosen_energy(setting: &Setting) -> Option<&Row> {
    let groups = plain(setting);
    let rows = of_loss(&groups, Loss::Energy).flat_map(|group| group.rows.iter().copied());
    comparison::preferred(rows)
}

/// Difference to the baseline and its interval.
fn gain(cell: &Cell) -> Option<(f64, Option<Interval>)> {
    Some((cell.difference?, cell.difference_interval))
}
