//! Labels runs and selections of an experiment for people. A label says only what distinguishes the run from
//! the experiment's other runs.

use super::data::CONVENTIONAL;
use super::experiment::{Experiment, Run, Selection};
use super::format::SEGMENTATION;

impl Experiment {
    /// Sets the name of every run and selection.
    pub(super) fn name_all(&mut self) {
        let runs = || self.baselines.iter().chain(&self.guided);
        let vary = |value: fn(&Run) -> String| {
            let mut values = runs().map(value);
            let first = values.next();
            values.any(|value| Some(value) != first)
        };
        let labels = Labels {
            data: vary(|run| run.data.to_string()).then(|| {
                let names = self.data.iter().map(|data| data.name().to_owned());
                names.collect()
            }),
            backbone: vary(|run| run.backbone.clone()),
            seed: vary(|run| run.seed.to_string()),
        };
        for runs in [&mut self.baselines, &mut self.guided] {
            let mut names: Vec<String> = runs.iter().map(|run| labels.of(run, true)).collect();
            let runs_alike: Vec<&Run> = runs.iter().collect();
            tell_runs_apart(&mut names, &runs_alike);
            tell_apart(&mut names, |index| format!(" #{}", index + 1));
            for (run, name) in runs.iter_mut().zip(names) {
                run.name = name;
            }
        }
        // Every selection has at least one run.
        let first: Vec<&Run> = self
            .selections
            .iter()
            .map(|s| self.run(s.runs[0]))
            .collect();
        let of_selection = |(selection, run): (&Selection, &&Run)| match selection.runs.len() {
            1 => run.name.clone(),
            _ => labels.of(run, false),
        };
        let mut names: Vec<String> = self
            .selections
            .iter()
            .zip(&first)
            .map(of_selection)
            .collect();
        tell_runs_apart(&mut names, &first);
        for (selection, name) in self.selections.iter_mut().zip(names) {
            selection.name = name;
        }
    }
}

/// Adds epochs, learning rate, batch size and weight decay to the names of runs that occur more than once, as
/// far as these differ in them.
fn tell_runs_apart(names: &mut [String], runs: &[&Run]) {
    tell_apart(names, |index| {
        format!(" {} epochs", runs[index].hyperparameters.epochs)
    });
    tell_apart(names, |index| {
        format!(" rate {}", runs[index].hyperparameters.learning_rate)
    });
    tell_apart(names, |index| {
        format!(" batches of {}", runs[index].hyperparameters.batch_size)
    });
    tell_apart(names, |index| {
        match runs[index].hyperparameters.weight_decay {
            Some(decay) => format!(" decay {decay}"),
            None => String::new(),
        }
    });
}

/// What runs' names say besides the loss: only what differs between the experiment's runs.
struct Labels {
    /// The names of the data sets, by index, where there are several.
    data: Option<Vec<String>>,
    /// Whether the network is named.
    backbone: bool,
    /// Whether the seed is named.
    seed: bool,
}

impl Labels {
    /// The name of `run`: loss, attribution, layer and λ, and whatever is not the default.
    fn of(&self, run: &Run, with_lambda: bool) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.data.iter().map(|names| names[run.data].clone()));
        words.extend(self.backbone.then(|| run.backbone.clone()));
        match &run.guidance {
            None => words.push("baseline".to_owned()),
            Some(guidance) => {
                let loss = &guidance.loss;
                words.push(format!("{} {}@{}", loss.name, run.attribution, run.layer));
                words.extend(with_lambda.then(|| match run.tuned_in {
                    None => format!("λ={}", guidance.lambda),
                    Some(_) => "λ as found".to_owned(),
                }));
                let options = loss.options.iter();
                words.extend(options.map(|(name, value)| format!("{name}={value}")));
                if guidance.annotation == SEGMENTATION {
                    words.push(SEGMENTATION.to_owned());
                }
                if guidance.annotated_fraction < 1.0 {
                    // Percent with four decimals, so that 0.07 gives 7, not 7.000000000000001.
                    let percent = (1e6 * guidance.annotated_fraction).round() / 1e4;
                    words.push(format!("{percent}% annotated"));
                }
                if guidance.dilation > 0.0 {
                    words.push(format!("dilation {}", guidance.dilation));
                }
            }
        }
        if run.task != CONVENTIONAL {
            words.push(run.task.clone());
        }
        words.extend(self.seed.then(|| format!("seed {}", run.seed)));
        words.join(" ")
    }
}

/// Adds `more(index)` to each name that occurs more than once, if `more` differs among the entries of that name.
fn tell_apart(names: &mut [String], more: impl Fn(usize) -> String) {
    let before = names.to_vec();
    for (index, name) in names.iter_mut().enumerate() {
        let own = more(index);
        let mut alike = (0..before.len()).filter(|&other| before[other] == *name);
        if alike.any(|other| more(other) != own) {
            *name += &own;
        }
    }
}
