//! Groups the runs of a setting (runs trained and scored alike) by configuration (all that decides a run except λ,
//! the weight of the localization loss, and seed), and picks the groups and runs that figures, tables and verdicts
//! show. A [`Row`] is one run in its setting, with its reported checkpoint.

use std::collections::BTreeSet;

use crate::model::configuration::{Configuration, Variant};
use crate::model::intervals::percentile;
use crate::model::loss::Loss;
use crate::model::results::Results;
use crate::model::run::Run;
use crate::model::setting::{Row, Setting, preferred};

/// The runs of one configuration in one setting; they differ in λ and seed alone.
pub struct RunSet<'a> {
    /// Their configuration.
    pub configuration: Configuration,
    /// Words with the configuration's hash, if another configuration of the setting has the same label.
    pub apart: Option<String>,
    /// The runs.
    pub rows: Vec<&'a Row>,
}

impl<'a> RunSet<'a> {
    /// Loss and differences of the annotations from the default (all boxes, undilated), e.g. `Energy, 1 % annotated`,
    /// and `apart`.
    pub fn label(&self) -> String {
        self.with_apart(self.configuration.label())
    }

    /// The loss with its options, and `apart`; `None` for baselines.
    pub fn loss_label(&self) -> Option<String> {
        let name = self.loss()?.with(&self.configuration.options);
        Some(self.with_apart(name))
    }

    /// `name` and `apart`.
    fn with_apart(&self, name: String) -> String {
        match &self.apart {
            Some(apart) => format!("{name}, {apart}"),
            None => name,
        }
    }

    /// The run that did best on validation ([`preferred`]).
    pub fn chosen(&self) -> Option<&'a Row> {
        preferred(self.rows.iter().copied())
    }

    /// The localization loss of a guided configuration.
    pub fn loss(&self) -> Option<&Loss> {
        self.configuration.loss.as_ref()
    }

    /// Whether it was guided by the loss of that name.
    pub fn is_of(&self, loss: &str) -> bool {
        self.loss().is_some_and(|own| own.name() == loss)
    }

    /// Its annotations.
    pub fn variant(&self) -> &Variant {
        &self.configuration.variant
    }
}

/// Returns the guided runs of `setting` for which `suit` is true, by configuration, in the order of losses.
pub fn run_sets<'a>(setting: &'a Setting, suit: impl Fn(&Row) -> bool) -> Vec<RunSet<'a>> {
    let mut run_sets: Vec<RunSet> = Vec::new();
    for row in setting.guided().filter(|row| suit(row)) {
        let configuration = row.run.configuration();
        match run_sets
            .iter_mut()
            .find(|run_set| run_set.configuration.hash == configuration.hash)
        {
            Some(run_set) => run_set.rows.push(row),
            None => run_sets.push(RunSet {
                apart: None,
                configuration,
                rows: vec![row],
            }),
        }
    }
    run_sets.sort_by(|a, b| {
        let key = |run_set: &RunSet| {
            (
                run_set.configuration.loss.clone(),
                run_set.configuration.options.clone(),
                run_set.configuration.variant.clone(),
                run_set.configuration.hash.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    // The configurations without their hashes: equal ones look alike in tables.
    let looks: Vec<Configuration> = run_sets
        .iter()
        .map(|run_set| Configuration {
            hash: String::new(),
            ..run_set.configuration.clone()
        })
        .collect();
    for (run_set, look) in run_sets.iter_mut().zip(&looks) {
        if looks.iter().filter(|other| *other == look).count() > 1 {
            run_set.apart = Some(format!("configuration {}", run_set.configuration.hash));
        }
    }
    run_sets
}

/// Returns the configurations whose runs were guided through the method and layer that the setting is scored
/// through. If any of them was guided by all boxes, undilated, only such ones are returned.
pub fn plain<'a>(setting: &'a Setting) -> Vec<RunSet<'a>> {
    let here = run_sets(setting, |row| setting.is_guided_here(&row.run));
    if here.iter().any(|run_set| run_set.variant().is_plain()) {
        let is_plain = |run_set: &RunSet| run_set.variant().is_plain();
        here.into_iter().filter(is_plain).collect()
    } else {
        here
    }
}

/// Returns the configurations guided through the setting's method at any layer, by all boxes, undilated:
/// by loss, then by layer from the input on.
pub fn deep<'a>(setting: &'a Setting) -> Vec<RunSet<'a>> {
    let mut found = run_sets(setting, |row| {
        row.run.attribution == setting.attribution && row.run.configuration().variant.is_plain()
    });
    found.sort_by_key(|run_set| (run_set.loss().cloned(), run_set.configuration.layer.clone()));
    found
}

/// Returns for each seed, of the runs of a configuration (which differ in λ), the one that did best on
/// validation.
pub fn by_seed<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let seeds: BTreeSet<i64> = rows.iter().map(|row| row.run.seed).collect();
    let of_seed = |seed: i64| {
        let rows = rows.iter().copied();
        preferred(rows.filter(move |row| row.run.seed == seed))
    };
    seeds.into_iter().filter_map(of_seed).collect()
}

/// Returns the median of the seconds that an epoch of `runs` takes; `None` without a finite number.
pub fn seconds<'a>(results: &Results, runs: impl Iterator<Item = &'a Run>) -> Option<f64> {
    let epochs = runs.flat_map(|run| results.epochs(&run.run_id));
    let mut seconds: Vec<f64> = epochs
        .map(|epoch| epoch.seconds)
        .filter(|s| s.is_finite())
        .collect();
    seconds.sort_by(f64::total_cmp);
    (!seconds.is_empty()).then(|| percentile(&seconds, 0.5))
}

/// Returns how many times as long a training step of `slow` takes as one of `fast`, of each round of the first
/// measurement that has both; empty where none has. Runs of a configuration differ in λ and seed, on which the time
/// does not depend, so any of them may have been timed, also one that was not scored (a λ that was tried and dropped).
pub fn times_as_long(results: &Results, slow: &RunSet, fast: &RunSet) -> Vec<f64> {
    let ids = |run_set: &RunSet| -> Vec<String> {
        let hash = &run_set.configuration.hash;
        let runs = results.runs.iter();
        let of_set = runs.filter(|run| run.configuration == *hash);
        of_set.map(|run| run.run_id.clone()).collect()
    };
    let (slow, fast) = (ids(slow), ids(fast));
    let mut found = results
        .step_times
        .iter()
        .map(|times| times.ratios(&slow, &fast));
    found.find(|ratios| !ratios.is_empty()).unwrap_or_default()
}

/// Returns the first baseline, if there is one, and of each loss the run that did best on validation.
pub fn each_loss(setting: &Setting) -> Vec<&Row> {
    let run_sets = plain(setting);
    let of_loss = |loss: &Loss| {
        let of_loss = run_sets
            .iter()
            .filter(|run_set| run_set.loss() == Some(loss));
        preferred(of_loss.flat_map(|run_set| run_set.rows.iter().copied()))
    };
    let losses: BTreeSet<&Loss> = run_sets.iter().filter_map(RunSet::loss).collect();
    let guided = losses.into_iter().filter_map(of_loss);
    setting.baseline().into_iter().chain(guided).collect()
}
