//! The runs of a setting by configuration, and the selections of them that exhibits and verdicts use.

use std::collections::BTreeSet;

use crate::model::configuration::{Configuration, Variant};
use crate::model::intervals::percentile;
use crate::model::loss::Loss;
use crate::model::results::Results;
use crate::model::run::Run;
use crate::model::setting::{Row, Setting, preferred};

/// A configuration's runs in one setting.
pub struct RunSet<'a> {
    /// Their configuration.
    pub configuration: Configuration,
    /// Words with the configuration's hash, where tables show another configuration alike; else none.
    pub apart: Option<String>,
    /// The runs.
    pub rows: Vec<&'a Row>,
}

impl<'a> RunSet<'a> {
    /// Loss and differences of the annotations from the default, e.g. `Energy, 1 % annotated`, and
    /// `apart`.
    pub fn label(&self) -> String {
        self.with_apart(self.configuration.label())
    }

    /// The loss with its options, and `apart`; `None` for baselines.
    pub fn loss_label(&self) -> Option<String> {
        let name = self.loss()?.with(&self.configuration.options);
        Some(self.with_apart(name))
    }

    fn with_apart(&self, name: String) -> String {
        match &self.apart {
            Some(apart) => format!("{name}, {apart}"),
            None => name,
        }
    }

    /// The run that validation prefers.
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

/// The guided runs of `setting` that `suit`, by configuration.
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

/// The configurations of runs guided through the setting's own maps: those with all boxes, undilated,
/// or all of them where there is none.
pub fn plain<'a>(setting: &'a Setting) -> Vec<RunSet<'a>> {
    let here = run_sets(setting, |row| setting.is_guided_here(&row.run));
    if here.iter().any(|run_set| run_set.variant().is_plain()) {
        let is_plain = |run_set: &RunSet| run_set.variant().is_plain();
        here.into_iter().filter(is_plain).collect()
    } else {
        here
    }
}

/// The configurations of the setting's method with all boxes, undilated, by layer.
pub fn deep<'a>(setting: &'a Setting) -> Vec<RunSet<'a>> {
    let mut found = run_sets(setting, |row| {
        row.run.attribution == setting.attribution && row.run.configuration().variant.is_plain()
    });
    found.sort_by_key(|run_set| (run_set.loss().cloned(), run_set.configuration.layer.clone()));
    found
}

/// For each seed, the run of a configuration that validation prefers over λ.
pub fn by_seed<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let seeds: BTreeSet<i64> = rows.iter().map(|row| row.run.seed).collect();
    let of_seed = |seed: i64| {
        let rows = rows.iter().copied();
        preferred(rows.filter(move |row| row.run.seed == seed))
    };
    seeds.into_iter().filter_map(of_seed).collect()
}

/// The quartiles of the seconds that an epoch of `runs` takes.
pub fn seconds<'a>(results: &Results, runs: impl Iterator<Item = &'a Run>) -> Option<[f64; 3]> {
    let epochs = runs.flat_map(|run| results.epochs(&run.run_id));
    let mut seconds: Vec<f64> = epochs
        .map(|epoch| epoch.seconds)
        .filter(|s| s.is_finite())
        .collect();
    seconds.sort_by(f64::total_cmp);
    let quartile = |q| percentile(&seconds, q);
    (!seconds.is_empty()).then(|| [quartile(0.25), quartile(0.5), quartile(0.75)])
}

/// The baseline and the run of each loss that validation prefers.
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
