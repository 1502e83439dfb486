//! The paper's claims and how each is put to the test.
//!
//! All rules keep to these terms. A *configuration* is all of a run but λ and seed; its *front* are the
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
//! | R8 | Energy tolerates coarse boxes | Energy's chosen checkpoint with boxes dilated by 25 % at least (the most there is), with the one without, and both with L1's two | it keeps more than half of the gain; Energy loses less EPG than L1 |
//! | R9 | guidance at deeper layers helps input maps and is faster | input maps of the chosen checkpoint guided at a deeper layer with the baseline's, and the time an epoch takes with that of guidance at the input | EPG rises and the upper quartile of the times is below the lower one of the input's |
//! | R10 | guidance helps under distribution shift | Waterbirds: Energy with the baseline of the same seed, both tasks, accuracy overall and of waterbird on land; elsewhere F1 of a group of images named shifted | it rises: t interval over seeds where there are two at least, else bootstrap |
//!
//! From trials to a verdict: [`super::decide`].

use super::compare::{fronts, replicates, sum, trial};
use super::{Claim, Outcome, Reach, Trial};
use crate::comparison::{Cell, Checkpoint, Row, Setting};
use crate::evidence::Evidence;
use crate::groups::{Group, by_seed, deep, groups, plain, seconds};
use crate::intervals::{self, Interval, TAIL};
use crate::load::{CONVENTIONAL, Part, WATERBIRD_ON_LAND};
use crate::names::{Loss, Measure, WATERBIRDS, family};
use crate::seeds::{moments, t_quantile};

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
    claim("R8", "Energy tolerates coarse boxes", "EPG with dilated boxes over the baseline's plus half of the gain without; Energy's loss against L1's", r8),
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

/// All boxes as they are, guided through the setting's own maps, of that loss.
fn of_loss(groups: &[Group<'_>], loss: Loss) -> Option<usize> {
    groups
        .iter()
        .position(|group| group.loss() == Some(loss) && group.variant().is_plain())
}

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
        let Some(ours) = of_loss(&groups, loss) else {
            continue;
        };
        for rival in rivals {
            let Some(theirs) = of_loss(&groups, *rival) else {
                continue;
            };
            let measure = measure(setting);
            let pair = [&groups[ours], &groups[theirs]];
            if let Some(difference) = fronts(evidence, setting, measure, pair) {
                let compared = format!("{loss} over {rival}, {measure}");
                trials.push(trial(setting.title(), compared, difference));
            }
        }
    }
    trials
}

fn r1(evidence: &Evidence) -> Trials {
    let losses = (Loss::Energy, &[Loss::L1, Loss::Ppce, Loss::Rrr][..]);
    let trials = best_front(evidence, losses, |_| Measure::Epg, |_| true);
    some(
        trials,
        "runs of Energy and of another loss, with their baseline",
    )
}

fn r2(evidence: &Evidence) -> Trials {
    let losses = (Loss::L1, &[Loss::Energy, Loss::Ppce, Loss::Rrr][..]);
    let trials = best_front(evidence, losses, iou, |setting| setting.layer == "final");
    some(
        trials,
        "runs of L1 and of another loss at the final layer, with their baseline",
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

fn r3(evidence: &Evidence) -> Trials {
    let losses = (Loss::Energy, &[Loss::L1][..]);
    let trials = best_front(evidence, losses, |_| Measure::OnObject, |_| true);
    some(
        trials,
        "runs of Energy and L1 scored on images with segmentations",
    )
}

fn r4(evidence: &Evidence) -> Trials {
    let at_input = || conventional(evidence).filter(|setting| setting.layer == "input");
    let mut trials = Vec::new();
    for ours in at_input().filter(|setting| family(&setting.backbone).0 == "bcos") {
        for theirs in at_input() {
            let (kind, architecture) = family(&theirs.backbone);
            let is_rival = kind != "bcos" && architecture == family(&ours.backbone).1;
            if !is_rival || theirs.dataset != ours.dataset {
                continue;
            }
            let rows: [fn(&Setting) -> Option<&Row>; 2] = [Setting::baseline, chosen_energy];
            for (when, row) in ["before guidance", "after guidance"].into_iter().zip(rows) {
                let (Some(our_row), Some(their_row)) = (row(ours), row(theirs)) else {
                    continue;
                };
                let terms = [(1.0, ours, our_row), (-1.0, theirs, their_row)];
                if let Some(difference) = sum(evidence, Measure::Epg, &terms) {
                    let compared = format!("{} over {}, {when}", ours.backbone, theirs.backbone);
                    trials.push(trial(ours.title(), compared, difference));
                }
            }
        }
    }
    some(
        trials,
        "a B-cos network and another of its architecture, scored at the input",
    )
}

fn chosen_energy(setting: &Setting) -> Option<&Row> {
    let groups = plain(setting);
    groups[of_loss(&groups, Loss::Energy)?].chosen()
}

fn r5(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence).filter(|setting| setting.layer == "final") {
        let Some(row) = chosen_energy(setting) else {
            continue;
        };
        let cell = |measure| row.cell(Part::All, measure).and_then(gain);
        let (Some(epg), Some((_, f1))) = (cell(Measure::Epg), cell(Measure::F1)) else {
            continue;
        };
        let compared = format!("{}, EPG over the baseline's", row.label);
        let mut trial = trial(setting.title(), compared, epg);
        if f1.is_some_and(|interval| interval.high < -0.01) {
            trial.outcome = Outcome::Against;
            trial.compared.push_str("; F1 falls by more than a point");
        }
        trials.push(trial);
    }
    some(
        trials,
        "Energy runs at the final layer, with their baseline",
    )
}

/// Difference to the baseline and its interval.
fn gain(cell: &Cell) -> Option<(f64, Option<Interval>)> {
    Some((cell.difference?, cell.difference_interval))
}

fn r6(evidence: &Evidence) -> Trials {
    let mut candidates: Vec<(&Setting, &Row, &Row, &Checkpoint)> = Vec::new();
    let mut unconverged = 0;
    for setting in conventional(evidence) {
        let groups = plain(setting);
        let rows = groups.iter().filter(|group| group.variant().is_plain());
        let checkpoints = rows
            .flat_map(|group| group.rows.iter().copied())
            .flat_map(|row| {
                row.checkpoints
                    .iter()
                    .map(move |checkpoint| (row, checkpoint))
            });
        let val_f1 = |row: &Row, checkpoint: &Checkpoint| {
            let epochs = evidence.results.epochs(&row.run.run_id);
            let epoch = epochs.iter().find(|epoch| epoch.epoch == checkpoint.epoch);
            epoch.map_or(f64::NEG_INFINITY, |epoch| epoch.val_f1)
        };
        let best = checkpoints.max_by(|a, b| val_f1(a.0, a.1).total_cmp(&val_f1(b.0, b.1)));
        let Some((row, checkpoint)) = best else {
            continue;
        };
        let baseline = setting
            .rows
            .iter()
            .find(|other| Some(&other.run.run_id) == row.baseline.as_ref());
        let Some(baseline) = baseline else { continue };
        let last = evidence.results.epochs(&baseline.run.run_id).last();
        if last.is_some_and(|last| last.epoch == baseline.selection.epoch) {
            unconverged += 1;
            continue;
        }
        candidates.push((setting, row, baseline, checkpoint));
    }
    let tail = TAIL / candidates.len().max(1) as f64;
    let mut trials = Vec::new();
    for (setting, row, baseline, checkpoint) in candidates {
        let difference = |measure: Measure| {
            let subject = setting.subject(&row.run, checkpoint.epoch, Part::All);
            let own = evidence.results.replicates.get(&subject)?.get(&measure)?;
            let before = replicates(evidence, setting, baseline, measure)?;
            intervals::combined(&[(1.0, own), (-1.0, before)], tail)
        };
        let f1 = difference(Measure::F1);
        let cell = checkpoint.metric(Part::All, Measure::F1.spelling());
        let value = cell.and_then(|cell| cell.difference).unwrap_or(f64::NAN);
        let compared = format!(
            "{}, epoch {}, F1 over the baseline's",
            row.label, checkpoint.epoch
        );
        let mut trial = trial(setting.title(), compared, (value, f1));
        if trial.outcome == Outcome::For && Outcome::of(difference(Measure::Epg)) != Outcome::For {
            trial.outcome = Outcome::Open;
            trial.compared.push_str("; EPG does not clearly rise");
        }
        trials.push(trial);
    }
    match unconverged {
        0 => some(trials, "guided runs with their baseline"),
        n => some(
            trials,
            &format!("a baseline that had converged: of {n} the best epoch was the last one"),
        ),
    }
}

fn r7(evidence: &Evidence) -> Trials {
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
    let terms = [(1.0, setting, full), (-1.0, setting, baseline)];
    let (_, gain) = sum(evidence, Measure::Epg, &terms)?;
    if Outcome::of(gain) != Outcome::For {
        return None;
    }
    let terms = [
        (1.0, setting, row),
        (-0.5, setting, full),
        (-0.5, setting, baseline),
    ];
    let difference = sum(evidence, Measure::Epg, &terms)?;
    let compared = format!("{} over half of the gain", group.configuration.label());
    Some(trial(setting.title(), compared, difference))
}

fn r8(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence) {
        let groups = guided_here(setting);
        // The most dilated of a loss, and the one without.
        let pair = |loss: Loss| {
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
        let Some((coarse, full)) = pair(Loss::Energy) else {
            continue;
        };
        trials.extend(keeps_half(evidence, setting, coarse, full));
        let rows = |(coarse, full): (&Group<'_>, &Group<'_>)| {
            Some((coarse.chosen()?.clone(), full.chosen()?.clone()))
        };
        let (Some(ours), Some(theirs)) = (rows((coarse, full)), pair(Loss::L1).and_then(rows))
        else {
            continue;
        };
        let terms = [
            (1.0, setting, &ours.0),
            (-1.0, setting, &ours.1),
            (-1.0, setting, &theirs.0),
            (1.0, setting, &theirs.1),
        ];
        if let Some(difference) = sum(evidence, Measure::Epg, &terms) {
            let compared = format!("change of {} over that of L1", coarse.configuration.label());
            trials.push(trial(setting.title(), compared, difference));
        }
    }
    some(
        trials,
        "Energy runs with boxes dilated by 25 % at least beside runs without",
    )
}

fn r9(evidence: &Evidence) -> Trials {
    let mut trials = Vec::new();
    for setting in conventional(evidence).filter(|setting| setting.layer == "input") {
        let groups = deep(setting);
        let is_input = |group: &&Group| group.configuration.layer.spelling() == "input";
        for guided in groups.iter().filter(|group| !is_input(group)) {
            let input = groups
                .iter()
                .filter(is_input)
                .find(|group| group.loss() == guided.loss());
            let (Some(input), Some(row)) = (input, guided.chosen()) else {
                continue;
            };
            let Some(difference) = row.cell(Part::All, Measure::Epg).and_then(gain) else {
                continue;
            };
            let time =
                |group: &Group| seconds(evidence.results, group.rows.iter().map(|row| &row.run));
            let (Some(slow), Some(fast)) = (time(input), time(guided)) else {
                continue;
            };
            let compared = format!(
                "{} at {}, EPG of input maps over the baseline's; {:.2} times as fast",
                guided.configuration.label(),
                guided.configuration.layer,
                slow[1] / fast[1]
            );
            let mut trial = trial(setting.title(), compared, difference);
            if fast[0] > slow[2] {
                trial.outcome = Outcome::Against;
            } else if fast[2] >= slow[0] && trial.outcome == Outcome::For {
                trial.outcome = Outcome::Open;
            }
            trials.push(trial);
        }
    }
    some(
        trials,
        "runs guided at deeper layers, scored at the input, beside runs guided there",
    )
}

fn r10(evidence: &Evidence) -> Trials {
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
            let compared = format!("{}, {name}, {how}", group.configuration.label());
            trials.push(trial(setting.title(), compared, (found.mean, interval)));
        }
    }
    trials
}
