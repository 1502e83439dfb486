//! Expands a recipe into an [`Experiment`]: its baselines (unguided runs), its guided runs, and the groups of
//! runs, called selections, whose checkpoints are chosen together.
//!
//! Guided runs that differ in λ alone form a selection: one Pareto front over all their epochs chooses the
//! checkpoints that are scored (paper section 4, SPEC E.4). Each baseline is a selection of its own. A run
//! that several grids of the recipe ask for is there once.

use std::collections::BTreeSet;

use super::check::split_maps;
use super::data::{CONVENTIONAL, ColorJitter, Data, REVERSED};
use super::file::File;
use super::format::{
    Evaluation, Fit, Grid, GuidedRuns, GuidedStart, Loss, Model, Recipe, Slurm, Start,
};
use super::hyperparameters::Hyperparameters;
use super::network::NetworkFile;

/// All runs of a recipe.
#[derive(Clone, Debug)]
pub(crate) struct Experiment {
    /// The recipe's name.
    pub(crate) name: String,
    /// One sentence: what it shows.
    pub(crate) about: String,
    /// Tables and figures of the report; empty: all that the results have data for.
    pub(crate) show: Vec<String>,
    /// The data sets, each with its size; runs name theirs by index.
    pub(crate) data: Vec<Data>,
    /// The networks from files; runs name theirs by its name.
    pub(crate) networks: Vec<NetworkFile>,
    /// The unguided runs.
    pub(crate) baselines: Vec<Run>,
    pub(crate) guided: Vec<Run>,
    /// The groups of runs whose checkpoints are chosen together.
    pub(crate) selections: Vec<Selection>,
    /// How the chosen checkpoints are scored.
    pub(crate) evaluation: Evaluation,
    /// Options of Slurm, where a cluster runs it.
    pub(crate) slurm: Slurm,
    /// The limits of what a recipe for own data may cost.
    pub(crate) fit: Option<Fit>,
    /// The recipe's file first, then those it includes.
    pub(crate) files: Vec<File>,
}

/// One training run: what its `run.toml` says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    /// Label, e.g. `energy ixg@final λ=0.01`; no two runs of an experiment have the same.
    pub(crate) name: String,
    /// Index into the experiment's data.
    pub(crate) data: usize,
    /// The network's name: one of the trainer's, or of the experiment's from files.
    pub(crate) backbone: String,
    /// The weights that it starts from.
    pub(crate) origin: Origin,
    /// The attribution method of the maps that guide the run, or, in a baseline, that its validation measures.
    pub(crate) attribution: String,
    /// The layer of these maps.
    pub(crate) layer: String,
    /// `conventional`, or `reversed` (the classes are Waterbirds' backgrounds).
    pub(crate) task: String,
    /// `none` or `crop_flip`.
    pub(crate) augmentation: String,
    pub(crate) color_jitter: Option<ColorJitter>,
    /// `f32`, `tf32` or `bf16`.
    pub(crate) precision: String,
    /// `multi` or `single`: how many classes an image shows. None: the trainer's default, `multi`.
    pub(crate) labels: Option<String>,
    /// `logit` or `contrast`: what maps explain. None: the trainer's default, `logit`.
    pub(crate) explained: Option<String>,
    /// Images in a pass, where those of a step do not fit into memory; None: the whole batch.
    pub(crate) micro_batch: Option<u32>,
    pub(crate) seed: u64,
    /// Epochs, learning rate, batch size and what else decides the steps.
    pub(crate) hyperparameters: Hyperparameters,
    /// None in a baseline.
    pub(crate) guidance: Option<Guidance>,
    /// The selection among whose runs the λ is found, where another seed's runs are tuned for this one
    /// (`tune_on`); `guidance.lambda` is then 0.
    pub(crate) tuned_in: Option<usize>,
}

/// Where a run's weights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Random weights.
    Scratch,
    /// The file of the backbone's ImageNet weights, or of a network from a file.
    Weights,
    /// The checkpoint of `baselines[this]` with the highest validation F1.
    Baseline(usize),
}

/// The localization loss of a run, as in a run's `[guidance]` table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Guidance {
    pub(crate) loss: Loss,
    /// The weight of the localization loss.
    pub(crate) lambda: f64,
    /// `box` or `segmentation`.
    pub(crate) annotation: String,
    /// Share of the training images whose annotation is used.
    pub(crate) annotated_fraction: f64,
    /// How much a box grows on each side, as a share of its width or height.
    pub(crate) dilation: f64,
}

/// A run by its index in `baselines` or `guided`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RunIndex {
    Baseline(usize),
    Guided(usize),
}

/// Runs whose checkpoints are chosen together: guided runs of one seed that differ in λ alone (messages call
/// them a configuration), or one baseline.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) name: String,
    pub(crate) runs: Vec<RunIndex>,
    /// The attribution maps that each chosen checkpoint is scored with.
    pub(crate) maps: Vec<Maps>,
}

/// Attribution maps that a checkpoint is scored with: by which method, at which layer, for which task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Maps {
    pub(crate) attribution: String,
    pub(crate) layer: String,
    pub(crate) task: String,
}

impl Experiment {
    /// The runs of `recipes`, several where a collection includes them. The text, the report's
    /// contents, the options of the evaluation and of Slurm are the first recipe's; the caller sets
    /// `name`.
    pub(super) fn of(recipes: &[&Recipe], files: Vec<File>) -> Experiment {
        let first = recipes.first();
        let mut experiment = Experiment {
            name: String::new(),
            about: first.map_or_else(String::new, |recipe| recipe.about.clone()),
            show: first.map_or_else(Vec::new, |recipe| recipe.show.clone()),
            data: Vec::new(),
            networks: Vec::new(),
            baselines: Vec::new(),
            guided: Vec::new(),
            selections: Vec::new(),
            evaluation: first.map_or_else(Evaluation::default, |r| r.evaluation.clone()),
            slurm: first.map_or_else(Slurm::default, |recipe| recipe.slurm.clone()),
            fit: first.and_then(|recipe| recipe.fit),
            files,
        };
        for recipe in recipes {
            experiment.add(recipe);
        }
        experiment.name_all();
        experiment
    }

    /// The run of this index.
    pub(crate) fn run(&self, index: RunIndex) -> &Run {
        match index {
            RunIndex::Baseline(index) => &self.baselines[index],
            RunIndex::Guided(index) => &self.guided[index],
        }
    }

    /// The guided runs whose training steps are timed in turn, where the recipe asks for it: for each network and
    /// attribution method on a data set that is guided at several layers, a run of each layer and loss, by all
    /// boxes as they are.
    pub(crate) fn timed(&self) -> Vec<Vec<RunIndex>> {
        let mut groups: Vec<Vec<RunIndex>> = Vec::new();
        if self.evaluation.step_times.is_none() {
            return groups;
        }
        let is_plain = |guidance: &Guidance| {
            guidance.annotated_fraction == 1.0
                && guidance.dilation == 0.0
                && guidance.annotation == "box"
        };
        for (index, run) in self.guided.iter().enumerate() {
            let Some(guidance) = run.guidance.as_ref().filter(|guidance| is_plain(guidance)) else {
                continue;
            };
            let same = |group: &&mut Vec<RunIndex>| {
                let first = self.run(group[0]);
                (first.data, &first.backbone, &first.attribution)
                    == (run.data, &run.backbone, &run.attribution)
            };
            let is_there = |&other: &RunIndex| {
                let other = self.run(other);
                let loss = other.guidance.as_ref().map(|guidance| &guidance.loss);
                (&other.layer, loss) == (&run.layer, Some(&guidance.loss))
            };
            match groups.iter_mut().find(same) {
                Some(group) if group.iter().any(is_there) => {}
                Some(group) => group.push(RunIndex::Guided(index)),
                None => groups.push(vec![RunIndex::Guided(index)]),
            }
        }
        groups.retain(|group| {
            let layers: BTreeSet<&str> = group
                .iter()
                .map(|&run| self.run(run).layer.as_str())
                .collect();
            layers.len() > 1
        });
        groups
    }

    /// The network from a file that is called `name`.
    pub(crate) fn network(&self, name: &str) -> Option<&NetworkFile> {
        self.networks.iter().find(|network| network.name == name)
    }

    /// The backbones whose ImageNet weights are needed.
    pub(crate) fn weights(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for run in self.baselines.iter().chain(&self.guided) {
            let name = run.backbone.as_str();
            let is_imagenet = run.origin == Origin::Weights && self.network(name).is_none();
            if is_imagenet && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Adds the runs of one recipe.
    fn add(&mut self, recipe: &Recipe) {
        let data = position_or_push(&mut self.data, &recipe.data, Data::is_same_folder);
        for (index, model) in recipe.model.iter().enumerate() {
            let place = format!("{}: model {}", recipe.models_in, index + 1);
            if let Some(network) = NetworkFile::of(model, place) {
                position_or_push(&mut self.networks, &network, NetworkFile::is_same);
            }
            // The seed that λ is found on comes first: the runs of the other seeds refer to its selections.
            let mut seeds = recipe.seed.clone();
            seeds.sort_by_key(|&seed| recipe.tune_on.is_some_and(|tune_on| tune_on != seed));
            for seed in seeds {
                self.add_model(recipe, data, model, seed);
            }
        }
    }

    /// Adds the baseline of one model and seed, its guided runs, and their selections. Nothing is added
    /// where no grid of the recipe is for this model.
    fn add_model(&mut self, recipe: &Recipe, data: usize, model: &Model, seed: u64) {
        let grids = recipe.guided.grid.iter().filter(|grid| grid.is_for(model));
        // The baseline; its attribution and layer are those of the first guided run.
        let Some(plain) = grids.clone().find_map(|grid| {
            let (attribution, layer) = grid.guided_maps(model).next()?;
            Some(Run {
                name: String::new(),
                data,
                backbone: model.network().to_owned(),
                origin: match model.init {
                    Some(Start::Scratch) => Origin::Scratch,
                    Some(Start::Imagenet) | None => Origin::Weights,
                },
                attribution,
                layer,
                task: match recipe.data.task.iter().any(|task| task == CONVENTIONAL) {
                    true => CONVENTIONAL.to_owned(),
                    false => REVERSED.to_owned(),
                },
                augmentation: recipe.data.augmentation.clone(),
                color_jitter: recipe.data.color_jitter.clone(),
                precision: recipe.precision.clone(),
                labels: recipe.labels.clone(),
                explained: recipe.explained.clone(),
                micro_batch: model.micro_batch,
                seed,
                hyperparameters: recipe.baseline.clone().changed(&model.baseline),
                guidance: None,
                tuned_in: None,
            })
        }) else {
            return;
        };
        // Baselines that differ in attribution and layer alone are one run: these decide which maps
        // validation computes, and F1 alone chooses a baseline's epoch.
        let baseline = position_or_push(&mut self.baselines, &plain, |a, b| {
            a == &Run {
                attribution: a.attribution.clone(),
                layer: a.layer.clone(),
                ..b.clone()
            }
        });
        let origin = match recipe.guided.start {
            GuidedStart::Baseline => Origin::Baseline(baseline),
            GuidedStart::Weights => plain.origin,
        };
        for task in &recipe.data.task {
            for grid in grids.clone() {
                let all_hyperparameters = grid.all_hyperparameters(&recipe.guided, model);
                for (attribution, layer) in grid.guided_maps(model) {
                    let run = Run {
                        origin,
                        attribution: attribution.clone(),
                        layer: layer.clone(),
                        task: task.clone(),
                        ..plain.clone()
                    };
                    let also = grid.evaluate.iter().map(|text| {
                        let (other, layer) = split_maps(text);
                        (other.unwrap_or(&attribution).to_owned(), layer.to_owned())
                    });
                    let maps: Vec<Maps> = std::iter::once((attribution.clone(), layer))
                        .chain(also)
                        .map(|(attribution, layer)| Maps {
                            attribution,
                            layer,
                            task: task.clone(),
                        })
                        .collect();
                    self.select(RunIndex::Baseline(baseline), &maps);
                    let varied = all_hyperparameters.iter().flat_map(|hyperparameters| {
                        let guidances = grid.guidances().into_iter();
                        guidances.map(move |guidance| (hyperparameters.clone(), guidance))
                    });
                    for (hyperparameters, guidance) in varied {
                        let mut run = Run {
                            hyperparameters,
                            guidance: Some(guidance),
                            ..run.clone()
                        };
                        if let Some(tune_on) = recipe.tune_on.filter(|tune_on| *tune_on != seed) {
                            run.tuned_in = self.tuning(&run, tune_on);
                            run.forget_lambda();
                        }
                        let index = position_or_push(&mut self.guided, &run, Run::eq);
                        self.select(RunIndex::Guided(index), &maps);
                    }
                }
            }
        }
    }

    /// The selection of the runs of the seed `tune_on` that differ from `run` in λ, seed and baseline alone.
    fn tuning(&self, run: &Run, tune_on: u64) -> Option<usize> {
        let without = |run: &Run| {
            let mut run = Run {
                seed: 0,
                origin: Origin::Scratch,
                tuned_in: None,
                ..run.clone()
            };
            run.forget_lambda();
            run
        };
        self.selections.iter().position(|selection| {
            let first = selection.runs.first().map(|&index| self.run(index));
            first.is_some_and(|first| first.seed == tune_on && without(first) == without(run))
        })
    }

    /// Adds `run` to the selection of runs that differ from it in λ alone, which is created if need be,
    /// and `maps` to the maps that this selection's checkpoints are scored with.
    fn select(&mut self, run: RunIndex, maps: &[Maps]) {
        let belongs = |selection: &Selection| {
            let first = selection.runs.first();
            first.is_some_and(|&first| self.run(first).equals_except_lambda(self.run(run)))
        };
        let index = self.selections.iter().position(belongs);
        let index = index.unwrap_or_else(|| {
            self.selections.push(Selection {
                name: String::new(),
                runs: Vec::new(),
                maps: Vec::new(),
            });
            self.selections.len() - 1
        });
        let selection = &mut self.selections[index];
        position_or_push(&mut selection.runs, &run, RunIndex::eq);
        for maps in maps {
            position_or_push(&mut selection.maps, maps, Maps::eq);
        }
    }
}

impl Run {
    /// The baseline it starts from.
    pub(crate) fn baseline(&self) -> Option<usize> {
        match self.origin {
            Origin::Baseline(index) => Some(index),
            Origin::Scratch | Origin::Weights => None,
        }
    }

    /// Sets λ to 0.
    fn forget_lambda(&mut self) {
        if let Some(guidance) = &mut self.guidance {
            guidance.lambda = 0.0;
        }
    }

    /// Whether the runs are the same, or differ in λ alone.
    fn equals_except_lambda(&self, other: &Run) -> bool {
        let [mut run, mut other] = [self.clone(), other.clone()];
        run.forget_lambda();
        other.forget_lambda();
        run == other
    }
}

impl Grid {
    /// The (attribution, layer) pairs that are guided in `model`.
    fn guided_maps(&self, model: &Model) -> impl Iterator<Item = (String, String)> {
        let own = vec![model.attribution.clone()];
        let attributions = self.attribution.clone().unwrap_or(own);
        let layers = self.layer.clone();
        attributions.into_iter().flat_map(move |attribution| {
            let layers = layers.clone().into_iter();
            layers.map(move |layer| (attribution.clone(), layer))
        })
    }

    /// The hyperparameters of the grid's runs of `model`, but for those that it has several values of.
    pub(super) fn hyperparameters(&self, guided: &GuidedRuns, model: &Model) -> Hyperparameters {
        let own = guided.hyperparameters();
        let epochs = self.epochs.unwrap_or(own.epochs);
        Hyperparameters { epochs, ..own }.changed(&model.guided)
    }

    /// Every combination of learning rate, batch size and weight decay.
    fn all_hyperparameters(&self, guided: &GuidedRuns, model: &Model) -> Vec<Hyperparameters> {
        let own = self.hyperparameters(guided, model);
        let one = vec![own.learning_rate];
        let rates = self.learning_rate.as_ref().unwrap_or(&one);
        let one = vec![own.batch_size];
        let sizes = self.batch_size.as_ref().unwrap_or(&one);
        let decays = match &self.weight_decay {
            Some(decays) => decays.iter().copied().map(Some).collect(),
            None => vec![own.weight_decay],
        };
        let mut all_hyperparameters = Vec::new();
        for &learning_rate in rates {
            for &batch_size in sizes {
                all_hyperparameters.extend(decays.iter().map(|&weight_decay| Hyperparameters {
                    learning_rate,
                    batch_size,
                    weight_decay,
                    ..own.clone()
                }));
            }
        }
        all_hyperparameters
    }

    /// Every combination of loss, annotation, fraction, dilation and λ, in this order.
    fn guidances(&self) -> Vec<Guidance> {
        let mut guidances = Vec::new();
        for loss in &self.loss {
            for annotation in &self.annotation {
                for &annotated_fraction in &self.annotated_fraction {
                    for &dilation in &self.dilation {
                        guidances.extend(self.lambda.iter().map(|&lambda| Guidance {
                            loss: loss.clone(),
                            lambda,
                            annotation: annotation.clone(),
                            annotated_fraction,
                            dilation,
                        }));
                    }
                }
            }
        }
        guidances
    }
}

/// The index of the first element of `list` that is the `same` as `value`; without one, `value` is appended.
fn position_or_push<T: Clone>(list: &mut Vec<T>, value: &T, same: fn(&T, &T) -> bool) -> usize {
    let index = list.iter().position(|other| same(other, value));
    index.unwrap_or_else(|| {
        list.push(value.clone());
        list.len() - 1
    })
}
