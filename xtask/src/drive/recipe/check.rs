//! Refuses an invalid recipe before anything is trained. Without it, the trainer would refuse a run only when
//! its turn comes, after the runs before it.
//!
//! `fault` functions check values by the recipe alone. `unknown` functions check names against those that the
//! stages know. Both return the first fault, as the text "field: found …, expected …", or None.

use super::data::PREPARED;
use super::fault::{first, spelled, whole, wrong};
use super::format::{Collection, Evaluation, Grid, GuidedStart, Loss, Model, Recipe, SEGMENTATION};
use crate::drive::vocabulary::{Analysis, Evaluator, Named, Network, Trainer, Vocabulary};

impl Recipe {
    /// The first fault that needs no knowledge of the stages' names.
    pub(super) fn fault(&self) -> Option<String> {
        let (data, guided) = (&self.data, &self.guided);
        first([
            distinct("seed", &self.seed),
            self.tuning_fault(),
            data.fault(),
            distinct("data.task", &data.task),
            self.task_fault(),
            self.fit_fault(),
            self.baseline.fault("baseline"),
            guided.hyperparameters().fault("guided"),
            self.evaluation.fault(),
            nonempty("model", &self.model),
            self.model_fault(),
            nonempty("guided.grid", &guided.grid),
            self.grids(|name, grid| {
                grid.fault(name)
                    .or_else(|| grid.unknown_model(name, &self.model))
            }),
            self.warmup_fault(),
        ])
    }

    /// The fault of a warm-up that is as long as a run of one of the models.
    fn warmup_fault(&self) -> Option<String> {
        self.model.iter().find_map(|model| {
            let baseline = self.baseline.clone().changed(&model.baseline);
            let grids = self.guided.grid.iter().filter(|grid| grid.is_for(model));
            let mut guided = grids.map(|grid| grid.hyperparameters(&self.guided, model));
            baseline
                .warmup_fault("baseline")
                .or_else(|| guided.find_map(|guided| guided.warmup_fault("guided")))
        })
    }

    /// The first name that its stage does not know, or does not allow in this field.
    pub(super) fn unknown(&self, vocabulary: &Vocabulary) -> Option<String> {
        let (data, trainer) = (&self.data, &vocabulary.trainer);
        let datasets = vocabulary.data.datasets();
        let formats = [vocabulary.data.formats(), vec![PREPARED]].concat();
        let mut models = self.model.iter().enumerate();
        first([
            unknown_exhibit(&self.show, &vocabulary.analysis),
            self.evaluation.unknown(&vocabulary.evaluator),
            spelled("precision", &self.precision, &trainer.precisions),
            self.labels
                .as_ref()
                .and_then(|labels| spelled("labels", labels, &trainer.labels)),
            self.explained
                .as_ref()
                .and_then(|explained| spelled("explained", explained, &trainer.explained)),
            data.published()
                .and_then(|name| spelled("data.dataset", name, &datasets)),
            data.format
                .as_ref()
                .and_then(|format| spelled("data.format", format, &formats)),
            each("data.task", &data.task, &trainer.tasks),
            spelled(
                "data.augmentation",
                &data.augmentation,
                &trainer.augmentations,
            ),
            self.baseline.unknown("baseline", trainer),
            self.guided.hyperparameters().unknown("guided", trainer),
            models
                .find_map(|(index, model)| model.unknown(&format!("model {}", index + 1), trainer)),
            self.size_fault(trainer),
            self.grids(|name, grid| grid.unknown(name, &self.model, trainer)),
        ])
    }

    /// The fault of images of another size than one of the networks takes.
    fn size_fault(&self, trainer: &Trainer) -> Option<String> {
        let size = self.data.size;
        let mut networks = self
            .model
            .iter()
            .filter_map(|model| trainer.network(model.network()));
        networks.find_map(|network| match network.input? {
            [height, width] if [height, width] == [size; 2] => None,
            [height, width] => wrong(
                "data.size",
                size,
                format!(
                    "the size that {} was exported for, {height}×{width}",
                    network.name
                ),
            ),
        })
    }

    /// The fault of a `tune_on` that is none of the recipe's seeds, or where guided runs start from no baseline.
    fn tuning_fault(&self) -> Option<String> {
        let tune_on = self.tune_on?;
        let seeds: Vec<String> = self.seed.iter().map(u64::to_string).collect();
        if !self.seed.contains(&tune_on) {
            return wrong(
                "tune_on",
                tune_on,
                format!("one of the seeds {}", seeds.join(", ")),
            );
        }
        match self.guided.start {
            GuidedStart::Baseline => None,
            // A λ is chosen by the F1 of the baseline that its run starts from.
            GuidedStart::Weights => wrong("tune_on", "guided.start = \"weights\"", "baseline"),
        }
    }

    /// The fault of a table for own data beside a published data set.
    fn fit_fault(&self) -> Option<String> {
        let (fit, data) = (self.fit?, &self.data);
        first([
            data.published().and_then(|name| {
                let expected = "it for own data alone, which has no dataset";
                wrong("fit", format!("it beside dataset = {name:?}"), expected)
            }),
            whole("fit.minutes", fit.minutes),
            whole("fit.baseline_steps", fit.baseline_steps),
            whole("fit.guided_steps", fit.guided_steps),
        ])
    }

    /// The fault of two tasks, which need guided runs that start from no baseline.
    fn task_fault(&self) -> Option<String> {
        let task = &self.data.task;
        let found = || task.join(", ");
        // With both tasks no baseline is trained for the reversed one (the conventional baseline is scored
        // again for it), so its guided runs would have none to start from.
        match task.len() > 1 && self.guided.start == GuidedStart::Baseline {
            true => wrong(
                "guided.start",
                format!("baseline for the tasks {}", found()),
                "weights, or one task",
            ),
            false => None,
        }
    }

    /// The first fault of a model; a network that two models have is one, too.
    fn model_fault(&self) -> Option<String> {
        self.model.iter().enumerate().find_map(|(index, model)| {
            let before = &self.model[..index];
            let field = format!("model {}", index + 1);
            let name = model.network();
            let twice = before.iter().any(|other| other.network() == name);
            let key = format!("{field}: {}", model.network_key());
            model.fault(&field).or_else(|| match twice {
                true => wrong(&key, format!("{name:?} twice"), "it once"),
                false => None,
            })
        })
    }

    /// The first fault that `fault` finds in a grid; it is called with the grid's name for messages.
    fn grids(&self, fault: impl Fn(&str, &Grid) -> Option<String>) -> Option<String> {
        let mut grids = self.guided.grid.iter().enumerate();
        grids.find_map(|(index, grid)| fault(&format!("guided.grid {}", index + 1), grid))
    }
}

impl Collection {
    /// The first fault of the collection's own values; each recipe that it includes is checked by itself.
    pub(super) fn fault(&self) -> Option<String> {
        let with = &self.with;
        let positive = [
            ("size", with.size),
            ("epochs", with.epochs),
            ("batch_size", with.batch_size),
        ];
        let mut positive = positive.into_iter();
        let limits = with.limit.iter().flat_map(|limit| limit.splits());
        first([
            distinct("include", &self.include),
            positive.find_map(|(name, value)| whole(&format!("with.{name}"), value?)),
            limits
                .filter_map(|(split, limit)| whole(&format!("with.limit.{split}"), limit))
                .next(),
            self.evaluation.fault(),
        ])
    }

    /// The first name that its stage does not know.
    pub(super) fn unknown(&self, vocabulary: &Vocabulary) -> Option<String> {
        unknown_exhibit(&self.show, &vocabulary.analysis)
            .or_else(|| self.evaluation.unknown(&vocabulary.evaluator))
    }
}

/// The fault of a table or figure that analysis does not know.
fn unknown_exhibit(show: &[String], analysis: &Analysis) -> Option<String> {
    each("show", show, &names(&analysis.exhibits))
}

impl Model {
    fn fault(&self, field: &str) -> Option<String> {
        first([
            self.network_fault(field),
            self.micro_batch
                .and_then(|images| whole(&format!("{field}: micro_batch"), images)),
            self.baseline.fault(&format!("{field}: baseline")),
            self.guided.fault(&format!("{field}: guided")),
            self.guided.distillation.and_then(|weight| {
                let key = format!("{field}: guided.distillation");
                wrong(&key, weight, "none: only baselines have it")
            }),
        ])
    }

    fn unknown(&self, field: &str, trainer: &Trainer) -> Option<String> {
        let Some(network) = trainer.network(self.network()) else {
            let networks = trainer.networks.iter();
            let known: Vec<&str> = networks.map(|network| network.name.as_str()).collect();
            return spelled(&format!("{field}: backbone"), self.network(), &known);
        };
        let attribution = format!("{field}: attribution");
        first([
            guiding(&attribution, &self.attribution, network, trainer),
            self.undivided(&format!("{field}: micro_batch"), network),
            self.baseline
                .unknown(&format!("{field}: baseline"), trainer),
            self.guided.unknown(&format!("{field}: guided"), trainer),
        ])
    }

    /// The fault of a `micro_batch` for a network with batch norms: their statistics are over a whole step's
    /// images, so passes over a part of the images would not add up to the step.
    fn undivided(&self, field: &str, network: &Network) -> Option<String> {
        let images = self.micro_batch.filter(|_| network.batch_statistics)?;
        wrong(
            field,
            format!(
                "{images} for {}, whose norms have statistics over a step's images",
                network.name
            ),
            "a network without such norms; for others lower batch_size",
        )
    }
}

impl Grid {
    fn fault(&self, grid: &str) -> Option<String> {
        let field = |name: &str| format!("{grid}: {name}");
        let empty = |name: &str, values: &Option<Vec<String>>| {
            values
                .as_ref()
                .and_then(|values| nonempty(&field(name), values))
        };
        let within =
            |name: &str, values: &[f64], range: std::ops::RangeInclusive<f64>, expected| {
                let outside = values.iter().find(|value| !range.contains(value));
                let outside = outside.and_then(|value| wrong(&field(name), value, expected));
                nonempty(&field(name), values).or(outside)
            };
        let above_0 = f64::MIN_POSITIVE..=f64::MAX;
        let share = f64::MIN_POSITIVE..=1.0;
        first([
            empty("backbone", &self.backbone),
            empty("attribution", &self.attribution),
            nonempty(&field("layer"), &self.layer),
            nonempty(&field("loss"), &self.loss),
            nonempty(&field("annotation"), &self.annotation),
            within("lambda", &self.lambda, above_0.clone(), "a number above 0"),
            within(
                "annotated_fraction",
                &self.annotated_fraction,
                share,
                "above 0, 1 at most",
            ),
            // The trainer's bound.
            within("dilation", &self.dilation, 0.0..=10.0, "0 to 10"),
            self.dilation_fault(&field("dilation")),
            self.epochs
                .and_then(|epochs| whole(&field("epochs"), epochs)),
            self.learning_rate
                .as_ref()
                .and_then(|rates| within("learning_rate", rates, above_0, "a number above 0")),
            self.batch_size.as_ref().and_then(|sizes| {
                let mut faults = sizes.iter().map(|size| whole(&field("batch_size"), *size));
                nonempty(&field("batch_size"), sizes).or_else(|| faults.find_map(|fault| fault))
            }),
            self.weight_decay.as_ref().and_then(|decays| {
                within(
                    "weight_decay",
                    decays,
                    0.0..=f64::MAX,
                    "0 or a number above it",
                )
            }),
        ])
    }

    /// The fault of a dilation together with segmentation masks.
    fn dilation_fault(&self, field: &str) -> Option<String> {
        let dilated = self.dilation.iter().find(|&&dilation| dilation > 0.0);
        match has(&self.annotation, SEGMENTATION) {
            true => wrong(
                field,
                dilated?,
                format!("0 with annotation {SEGMENTATION}: only boxes are dilated"),
            ),
            false => None,
        }
    }

    /// The fault of a backbone that the recipe has no model of.
    fn unknown_model(&self, grid: &str, models: &[Model]) -> Option<String> {
        let known: Vec<&str> = models.iter().map(Model::network).collect();
        let mut named = self.backbone.iter().flatten();
        named.find_map(|name| spelled(&format!("{grid}: backbone"), name, &known))
    }

    /// The first name of the grid that the trainer does not know, or not for a network of the grid.
    fn unknown(&self, grid: &str, models: &[Model], trainer: &Trainer) -> Option<String> {
        let field = |name: &str| format!("{grid}: {name}");
        let mut scored = self.evaluate.iter().map(|text| split_maps(text));
        let mut losses = self.loss.iter();
        first([
            each(&field("layer"), &self.layer, &trainer.layers),
            losses.find_map(|loss| loss.unknown(&field("loss"), trainer)),
            each(&field("annotation"), &self.annotation, &trainer.annotations),
            scored.find_map(|(_, layer)| spelled(&field("evaluate"), layer, &trainer.layers)),
            models
                .iter()
                .filter(|model| self.is_for(model))
                .filter_map(|model| trainer.network(model.network()))
                .find_map(|network| self.unfit(grid, network, trainer)),
        ])
    }

    /// The fault of an attribution that is not defined for `network`, or of a layer that it lacks.
    fn unfit(&self, grid: &str, network: &Network, trainer: &Trainer) -> Option<String> {
        let field = |name: &str| format!("{grid}: {name}");
        let mut guided = self.attribution.iter().flatten();
        let mut layers = self.layer.iter();
        let mut scored = self.evaluate.iter().map(|text| split_maps(text));
        first([
            guided.find_map(|name| guiding(&field("attribution"), name, network, trainer)),
            layers.find_map(|name| lacking(&field("layer"), name, network)),
            scored.find_map(|(name, layer)| {
                let evaluate = field("evaluate");
                let known = &network.methods;
                name.and_then(|name| method(&evaluate, name, network, known, trainer))
                    .or_else(|| lacking(&evaluate, layer, network))
            }),
        ])
    }

    /// Whether the grid is for this model.
    pub(super) fn is_for(&self, model: &Model) -> bool {
        let named = self.backbone.as_deref();
        named.is_none_or(|named| has(named, model.network()))
    }
}

impl Loss {
    /// The fault of a loss or option that the trainer does not know, or of a value out of bounds.
    fn unknown(&self, field: &str, trainer: &Trainer) -> Option<String> {
        let Some(entry) = trainer.loss(&self.name) else {
            let known: Vec<&str> = trainer
                .losses
                .iter()
                .map(|loss| loss.name.as_str())
                .collect();
            return spelled(field, &self.name, &known);
        };
        let known: Vec<&str> = entry
            .options
            .iter()
            .map(|option| option.name.as_str())
            .collect();
        let other = self
            .options
            .keys()
            .find(|name| !known.contains(&name.as_str()));
        if let Some(name) = other {
            let expected = match known.is_empty() {
                true => "no option".to_owned(),
                false => format!("one of {}", known.join(", ")),
            };
            return wrong(field, format!("{name} for {}", self.name), expected);
        }
        entry.options.iter().find_map(|option| {
            let name = &option.name;
            let (low, high) = (option.low, option.high);
            let found = match self.options.get(name) {
                Some(value) if *value > low && *value <= high => return None,
                Some(value) => format!("{name} = {value} for {}", self.name),
                None if option.default.is_some() => return None,
                None => format!("no {name} for {}", self.name),
            };
            let spelling = format!("{{ name = {:?}, {name} = … }}", self.name);
            wrong(
                field,
                found,
                format!("{spelling}, above {low}, at most {high}"),
            )
        })
    }
}

impl Evaluation {
    fn fault(&self) -> Option<String> {
        let threshold = match (0.0..=1.0).contains(&self.threshold) {
            true => None,
            false => wrong("evaluation.threshold", self.threshold, "0 to 1"),
        };
        let faithfulness = || whole("evaluation.faithfulness", self.faithfulness?);
        let step_times = || match self.step_times? {
            2..=65535 => None,
            found => wrong("evaluation.step_times", found, "2 to 65535 rounds"),
        };
        threshold
            .or_else(|| whole("evaluation.replicates", self.replicates))
            .or_else(faithfulness)
            .or_else(step_times)
    }

    /// The fault of a metric that the evaluator cannot add.
    fn unknown(&self, evaluator: &Evaluator) -> Option<String> {
        each("evaluation.metrics", &self.metrics, &evaluator.added())
    }
}

/// Splits `[attribution@]layer`.
pub(super) fn split_maps(text: &str) -> (Option<&str>, &str) {
    match text.split_once('@') {
        Some((attribution, layer)) => (Some(attribution), layer),
        None => (None, text),
    }
}

/// The fault of a method that cannot guide `network`.
fn guiding(field: &str, name: &str, network: &Network, trainer: &Trainer) -> Option<String> {
    method(field, name, network, &network.guides_by, trainer)
}

/// The fault of a method that the trainer does not know, or that is not in `has`, the methods of `network`
/// that are allowed here.
fn method(
    field: &str,
    name: &str,
    network: &Network,
    has: &[String],
    trainer: &Trainer,
) -> Option<String> {
    spelled(field, name, &names(&trainer.methods)).or_else(|| among(field, name, network, has))
}

/// The fault of a layer that `network` does not have.
fn lacking(field: &str, layer: &str, network: &Network) -> Option<String> {
    among(field, layer, network, network.layers.as_ref()?)
}

/// The fault of a name that is not in `has`, the names that `network` has.
fn among(field: &str, name: &str, network: &Network, has: &[String]) -> Option<String> {
    match has.iter().any(|known| known == name) {
        true => None,
        false => wrong(
            field,
            format!("{name:?} for {}", network.name),
            format!("one of {}", has.join(", ")),
        ),
    }
}

/// The names of the entries.
fn names(list: &[Named]) -> Vec<&str> {
    list.iter().map(|entry| entry.name.as_str()).collect()
}

/// Whether `value` is among `values`.
fn has(values: &[String], value: &str) -> bool {
    values.iter().any(|found| found == value)
}

/// The fault of an empty list.
fn nonempty<T>(field: &str, values: &[T]) -> Option<String> {
    match values.is_empty() {
        true => wrong(field, "no value", "at least 1"),
        false => None,
    }
}

/// The fault of a list that is empty or has a value twice.
fn distinct<T: PartialEq + std::fmt::Debug>(field: &str, values: &[T]) -> Option<String> {
    let mut seen = values.iter().enumerate();
    let twice = seen.find(|(index, value)| values[..*index].contains(value));
    nonempty(field, values).or_else(|| {
        let (_, value) = twice?;
        wrong(field, format!("{value:?} twice"), "it once")
    })
}

/// The first fault of [`spelled`] among `values`.
fn each<T: AsRef<str>>(field: &str, values: &[String], known: &[T]) -> Option<String> {
    values.iter().find_map(|value| spelled(field, value, known))
}
