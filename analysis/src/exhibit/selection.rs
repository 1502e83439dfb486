//! Makes the exhibit `selection`, which shows for one configuration (runs that differ in λ and seed alone) how
//! checkpoints are selected (paper, Fig. 4). It has three panels of EPG against F1: every epoch on validation, the
//! epochs that were scored (each run's Pareto set on validation), and these same checkpoints on test.

use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::pareto::point;
use crate::format::counted;
use crate::model::evidence::Evidence;
use crate::model::front::front;
use crate::model::loss::ENERGY;
use crate::model::measure::EPG;
use crate::model::names::family;
use crate::model::run_sets::{RunSet, run_sets};
use crate::model::setting::Setting;
use crate::model::subject::Part;
use crate::render::figure::grid::{Dot, Grid, Path, Plot, Quantity, Scale, plot_size};
use crate::render::figure::style::Emphasis;

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "selection",
    title: "How checkpoints are selected",
    about: "How checkpoints are selected, for one configuration (Fig. 4)",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// Makes the figure of the configuration (runs that differ in λ and seed alone) that the paper shows, Energy
/// on a B-cos network at the input, or of the one most similar to it.
fn make(evidence: &Evidence) -> Made {
    let mut candidates: Vec<(&Setting, RunSet)> = Vec::new();
    for setting in evidence.settings {
        let here = run_sets(setting, |row| setting.is_guided_here(&row.run));
        candidates.extend(here.into_iter().map(|run_set| (setting, run_set)));
    }
    // How similar to the paper's: compared from the first field to the last.
    let likeness = |(setting, run_set): &(&Setting, RunSet)| {
        // The number of scored checkpoints: more make a better figure.
        let points: usize = run_set.rows.iter().map(|row| row.checkpoints.len()).sum();
        (
            run_set.is_of(ENERGY) && run_set.variant().is_plain(),
            family(&setting.backbone).0 == "bcos",
            setting.layer == "input",
            points,
        )
    };
    // Of equally similar configurations the first: `max_by_key` returns the last one of the reversed order.
    let best = candidates
        .iter()
        .rev()
        .max_by_key(|candidate| likeness(candidate));
    let (setting, run_set) = best.ok_or("no guided run was scored")?;
    let grid = figure(evidence, setting, run_set);
    Ok((grid.draw().into_iter().collect(), Vec::new()))
}

/// Draws the three panels. `run_set` has the runs of the configuration in `setting`.
fn figure(evidence: &Evidence, setting: &Setting, run_set: &RunSet) -> Grid {
    let epochs = || {
        let rows = run_set.rows.iter();
        rows.flat_map(|row| {
            let epochs = evidence.results.epochs(&row.run.run_id).iter();
            epochs.map(move |epoch| (row, epoch))
        })
    };
    let percent = |f1: f64, epg: f64| (f1 * 100.0, epg * 100.0);
    let all: Vec<(f64, f64)> = epochs()
        .map(|(_, epoch)| percent(epoch.val_f1, epoch.val_epg))
        .collect();
    let scored: Vec<(f64, f64)> = epochs()
        .filter(|(row, epoch)| row.checkpoints.iter().any(|c| c.epoch == epoch.epoch))
        .map(|(_, epoch)| percent(epoch.val_f1, epoch.val_epg))
        .collect();
    let test: Vec<(f64, f64)> = run_set
        .rows
        .iter()
        .flat_map(|row| &row.checkpoints)
        .filter_map(|checkpoint| point(checkpoint, Part::All, EPG))
        .collect();
    let mut baselines = setting.rows.iter().filter(|row| row.run.is_baseline());
    let baseline = baselines.next();
    let on_test = baseline.and_then(|row| point(row.selected()?, Part::All, EPG));
    let on_validation = baseline.and_then(|row| {
        let epochs = evidence.results.epochs(&row.run.run_id).iter();
        let mut chosen = epochs.filter(|epoch| epoch.epoch == row.selection.epoch);
        let chosen = chosen.next()?;
        // The baseline's validation EPG is of the maps that its `run.toml` names, maybe of another layer.
        // Then it is no point of this figure.
        let is_same = setting.is_guided_here(&row.run);
        is_same.then(|| percent(chosen.val_f1, chosen.val_epg))
    });
    // A panel of (F1, EPG) points in percent, with the baseline as `cross`. If `joined`, a line joins the points of
    // their Pareto front and the others are pale.
    let panel = |title: &str, points: &[(f64, f64)], cross: Option<(f64, f64)>, joined: bool| {
        let on_front = front(points);
        let dot = |at: (f64, f64), loss, emphasis| Dot {
            at,
            across: None,
            up: None,
            loss,
            // The full colour of the loss.
            tone: 0,
            emphasis,
        };
        let mut dots: Vec<Dot> = points
            .iter()
            .enumerate()
            .filter(|(_, (f1, epg))| f1.is_finite() && epg.is_finite())
            .map(|(index, at)| match !joined || on_front.contains(&index) {
                true => dot(*at, run_set.loss().cloned(), Emphasis::Front),
                false => dot(*at, run_set.loss().cloned(), Emphasis::Plain),
            })
            .collect();
        dots.extend(cross.map(|at| dot(at, None, Emphasis::Selected)));
        Some(Plot {
            title: title.to_owned(),
            x: Quantity::Percent("F1 (%)".to_owned()),
            y: Quantity::Percent("EPG (%)".to_owned()),
            baseline: cross,
            paths: Vec::from_iter(joined.then(|| Path {
                points: on_front.iter().map(|index| points[*index]).collect(),
                loss: run_set.loss().cloned(),
                tone: 0,
            })),
            dots,
        })
    };
    Grid {
        name: "selection",
        columns: 3,
        plot: plot_size(3),
        panels: vec![
            panel("Every epoch, validation", &all, on_validation, false),
            panel("Pareto set, validation", &scored, on_validation, true),
            panel("Pareto set, test", &test, on_test, true),
        ],
        scale: Scale::Own,
        tones: Vec::new(),
        caption: format!(
            "Selection of checkpoints of {} ({}), {}: every epoch of every λ on validation \
             (left); the checkpoints that none dominates there in F1, EPG and IoU, which are scored \
             (centre); the same on test (right). The line joins those that none dominates in the two \
             metrics shown. White cross: baseline, where it was validated through the same maps.",
            run_set.label(),
            setting.title(),
            counted(run_set.rows.len(), "run")
        ),
    }
}
