//! Refuses a recipe that no run can follow, before anything is trained: the trainer would refuse its
//! runs too, but only when those before are done. A fault reads "field: found, expected".

use std::fmt::Display;

use super::format::{
    CONVENTIONAL, Change, Collection, DataSet, Evaluation, Grid, GuidedStart, Length, Model,
    REVERSED, Recipe, SEGMENTATION,
};

/// The trainer's spellings.
pub(super) const BACKBONES: [&str; 10] = [
    "resnet18",
    "resnet50",
    "xdnn_resnet18",
    "xdnn_resnet50",
    "bcos_resnet18",
    "bcos_resnet50",
    "bcos_densenet121",
    "bcos_simple_vit_s",
    "bcos_vitc_s",
    "efficientnet_lite0",
];
pub(super) const ATTRIBUTIONS: [&str; 4] = ["ixg", "gradcam", "intgrad", "bcos"];
pub(super) const LAYERS: [&str; 5] = ["input", "mid1", "mid2", "mid3", "final"];
pub(super) const LOSSES: [&str; 5] = ["energy", "l1", "ppce", "rrr", BY_AREA];
pub(super) const ANNOTATIONS: [&str; 2] = ["box", SEGMENTATION];
pub(super) const AUGMENTATIONS: [&str; 2] = ["none", "crop_flip"];
pub(super) const PRECISIONS: [&str; 3] = ["f32", "tf32", "bf16"];
pub(super) const TASKS: [&str; 2] = [CONVENTIONAL, REVERSED];
/// The loss with an exponent.
pub(super) const BY_AREA: &str = "energy_area";
/// What `analysis report --show` knows.
pub(super) const SHOWN: [&str; 16] = [
    "epg_f1",
    "iou_f1",
    "map_f1",
    "selection",
    "backbones",
    "deep_layers",
    "losses",
    "dilation",
    "limited_annotations",
    "waterbirds",
    "segmentation",
    "box_size",
    "classes",
    "panel",
    "verdicts",
    "published",
];

/// The first fault of several checks.
fn first<const N: usize>(checks: [Option<String>; N]) -> Option<String> {
    checks.into_iter().flatten().next()
}

impl Recipe {
    /// The first value that no run can have.
    pub(super) fn fault(&self) -> Option<String> {
        let (data, guided) = (&self.data, &self.guided);
        let length = Length {
            epochs: guided.epochs,
            learning_rate: guided.learning_rate,
            batch_size: guided.batch_size,
        };
        let limits = data.limit.splits();
        first([
            each("show", &self.show, &SHOWN),
            distinct("seed", &self.seed),
            spelled("precision", &self.precision, &PRECISIONS),
            whole("data.size", data.size),
            limits
                .filter_map(|(split, limit)| whole(&format!("data.limit.{split}"), limit))
                .next(),
            distinct("data.task", &data.task),
            each("data.task", &data.task, &TASKS),
            self.task_fault(),
            spelled("data.augmentation", &data.augmentation, &AUGMENTATIONS),
            self.baseline.fault("baseline"),
            length.fault("guided"),
            self.evaluation.fault(),
            nonempty("model", &self.model),
            self.model_fault(),
            nonempty("guided.grid", &guided.grid),
            self.grid_fault(),
        ])
    }

    fn task_fault(&self) -> Option<String> {
        let (task, dataset) = (&self.data.task, self.data.dataset);
        let found = || task.join(", ");
        if has(task, REVERSED) && dataset != DataSet::Waterbirds {
            let found = format!("{} for {}", found(), dataset.name());
            return wrong("data.task", found, "conventional, or waterbirds-100");
        }
        // The reversed baseline is the conventional one rescored: nothing of its own to start from.
        match task.len() > 1 && self.guided.start == GuidedStart::Baseline {
            true => wrong(
                "guided.start",
                format!("baseline for the tasks {}", found()),
                "weights, or one task",
            ),
            false => None,
        }
    }

    fn model_fault(&self) -> Option<String> {
        self.model.iter().enumerate().find_map(|(index, model)| {
            let before = &self.model[..index];
            let field = format!("model {}", index + 1);
            let twice = before.iter().any(|other| other.backbone == model.backbone);
            let backbone = format!("{field}: backbone");
            model.fault(&field).or_else(|| match twice {
                true => wrong(&backbone, format!("{:?} twice", model.backbone), "it once"),
                false => None,
            })
        })
    }

    fn grid_fault(&self) -> Option<String> {
        let mut grids = self.guided.grid.iter().enumerate();
        grids.find_map(|(index, grid)| {
            let name = format!("guided.grid {}", index + 1);
            grid.fault(&name)
                .or_else(|| grid.model_fault(&name, &self.model))
        })
    }
}

impl Collection {
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
            each("show", &self.show, &SHOWN),
            distinct("include", &self.include),
            positive.find_map(|(name, value)| whole(&format!("with.{name}"), value?)),
            limits
                .filter_map(|(split, limit)| whole(&format!("with.limit.{split}"), limit))
                .next(),
            self.evaluation.fault(),
        ])
    }
}

impl Model {
    fn fault(&self, field: &str) -> Option<String> {
        let (backbone, attribution) = (&self.backbone, &self.attribution);
        let name = format!("{field}: attribution");
        first([
            spelled(&format!("{field}: backbone"), backbone, &BACKBONES),
            spelled(&name, attribution, &ATTRIBUTIONS),
            unfit(&name, attribution, backbone),
            self.micro_batch_fault(&format!("{field}: micro_batch")),
            self.baseline.fault(&format!("{field}: baseline")),
            self.guided.fault(&format!("{field}: guided")),
        ])
    }

    /// Passes of no image, or ones that would not add up to the step.
    fn micro_batch_fault(&self, field: &str) -> Option<String> {
        let images = self.micro_batch?;
        let adds_up = ["xdnn_", "bcos_simple_vit_s", "bcos_vitc_s"];
        let backbone = &self.backbone;
        whole(field, images).or_else(|| {
            match adds_up.iter().any(|name| backbone.starts_with(name)) {
                true => None,
                false => wrong(
                    field,
                    format!(
                        "{images} for {backbone}, whose norms have statistics over a step's images"
                    ),
                    "an X-DNN or a ViT; for others lower batch_size",
                ),
            }
        })
    }
}

impl Length {
    fn fault(&self, field: &str) -> Option<String> {
        let change = Change {
            epochs: Some(self.epochs),
            learning_rate: Some(self.learning_rate),
            batch_size: Some(self.batch_size),
        };
        change.fault(field)
    }
}

impl Change {
    fn fault(&self, field: &str) -> Option<String> {
        let name = |key: &str| format!("{field}.{key}");
        let rate = self.learning_rate;
        first([
            self.epochs.and_then(|value| whole(&name("epochs"), value)),
            rate.and_then(|value| above_0(&name("learning_rate"), value)),
            self.batch_size
                .and_then(|value| whole(&name("batch_size"), value)),
        ])
    }
}

impl Grid {
    fn fault(&self, grid: &str) -> Option<String> {
        let field = |name: &str| format!("{grid}: {name}");
        for (name, values, known) in [
            ("backbone", self.backbone.as_ref(), &BACKBONES[..]),
            ("attribution", self.attribution.as_ref(), &ATTRIBUTIONS),
            ("layer", Some(&self.layer), &LAYERS),
            ("loss", Some(&self.loss), &LOSSES),
            ("annotation", Some(&self.annotation), &ANNOTATIONS),
        ] {
            let fault = values.and_then(|values| {
                nonempty(&field(name), values).or_else(|| each(&field(name), values, known))
            });
            if fault.is_some() {
                return fault;
            }
        }
        for (name, values, range, expected) in [
            (
                "lambda",
                &self.lambda,
                f64::MIN_POSITIVE..=f64::MAX,
                "a number above 0",
            ),
            (
                "annotated_fraction",
                &self.annotated_fraction,
                f64::MIN_POSITIVE..=1.0,
                "above 0, 1 at most",
            ),
            ("dilation", &self.dilation, 0.0..=10.0, "0 to 10"),
        ] {
            let outside = values.iter().find(|value| !range.contains(value));
            let outside = outside.and_then(|value| wrong(&field(name), value, expected));
            let fault = nonempty(&field(name), values).or(outside);
            if fault.is_some() {
                return fault;
            }
        }
        let mut exponents = self.area_exponent.iter();
        let mut evaluate = self.evaluate.iter();
        first([
            self.exponent_fault(&field("area_exponent")),
            exponents.find_map(|&value| above_0(&field("area_exponent"), value)),
            self.dilation_fault(&field("dilation")),
            self.epochs
                .and_then(|epochs| whole(&field("epochs"), epochs)),
            evaluate.find_map(|setting| {
                let (attribution, layer) = split_setting(setting);
                let attribution =
                    attribution.and_then(|found| spelled(&field("evaluate"), found, &ATTRIBUTIONS));
                attribution.or_else(|| spelled(&field("evaluate"), layer, &LAYERS))
            }),
        ])
    }

    fn exponent_fault(&self, field: &str) -> Option<String> {
        if self.area_exponent.is_empty() != has(&self.loss, BY_AREA) {
            return None;
        }
        let found = format!("{:?} for loss {}", self.area_exponent, self.loss.join(", "));
        let expected = format!("numbers above 0 with {BY_AREA}, none without");
        wrong(field, found, expected)
    }

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

    /// A backbone that the recipe has no model of, or an attribution that a backbone does not have.
    fn model_fault(&self, grid: &str, models: &[Model]) -> Option<String> {
        let known: Vec<&str> = models.iter().map(|model| model.backbone.as_str()).collect();
        let mut named = self.backbone.iter().flatten();
        let unknown = named.find_map(|name| spelled(&format!("{grid}: backbone"), name, &known));
        unknown.or_else(|| {
            models
                .iter()
                .filter(|model| self.is_for(model))
                .find_map(|model| {
                    let field = format!("{grid}: attribution");
                    let guided = self.attribution.iter().flatten();
                    let scored = self.evaluate.iter().filter_map(|set| split_setting(set).0);
                    guided
                        .map(String::as_str)
                        .chain(scored)
                        .find_map(|name| unfit(&field, name, &model.backbone))
                })
        })
    }

    pub(super) fn is_for(&self, model: &Model) -> bool {
        let named = self.backbone.as_deref();
        named.is_none_or(|named| has(named, &model.backbone))
    }
}

impl Evaluation {
    fn fault(&self) -> Option<String> {
        let threshold = match (0.0..=1.0).contains(&self.threshold) {
            true => None,
            false => wrong("evaluation.threshold", self.threshold, "0 to 1"),
        };
        threshold.or_else(|| whole("evaluation.replicates", self.replicates))
    }
}

/// `[attribution@]layer`.
pub(super) fn split_setting(text: &str) -> (Option<&str>, &str) {
    match text.split_once('@') {
        Some((attribution, layer)) => (Some(attribution), layer),
        None => (None, text),
    }
}

/// An attribution that the trainer has for some networks only, on another one.
fn unfit(field: &str, attribution: &str, backbone: &str) -> Option<String> {
    let (only, fits) = match attribution {
        "bcos" => ("a B-cos network", backbone.starts_with("bcos_")),
        "intgrad" => ("an X-DNN", backbone.starts_with("xdnn_")),
        _ => return None,
    };
    match fits {
        true => None,
        false => wrong(field, format!("{attribution:?} for {backbone}"), only),
    }
}

fn has(values: &[String], value: &str) -> bool {
    values.iter().any(|found| found == value)
}

fn wrong(field: &str, found: impl Display, expected: impl Display) -> Option<String> {
    Some(format!("{field}: found {found}, expected {expected}"))
}

fn whole(field: &str, value: u32) -> Option<String> {
    match value {
        0 => wrong(field, 0, "1 at least"),
        _ => None,
    }
}

fn above_0(field: &str, value: f64) -> Option<String> {
    match value > 0.0 && value.is_finite() {
        true => None,
        false => wrong(field, value, "a number above 0"),
    }
}

fn nonempty<T>(field: &str, values: &[T]) -> Option<String> {
    match values.is_empty() {
        true => wrong(field, "no value", "at least 1"),
        false => None,
    }
}

/// At least one, and none twice.
fn distinct<T: PartialEq + std::fmt::Debug>(field: &str, values: &[T]) -> Option<String> {
    let mut seen = values.iter().enumerate();
    let twice = seen.find(|(index, value)| values[..*index].contains(value));
    nonempty(field, values).or_else(|| {
        let (_, value) = twice?;
        wrong(field, format!("{value:?} twice"), "it once")
    })
}

fn each(field: &str, values: &[String], known: &[&str]) -> Option<String> {
    values.iter().find_map(|value| spelled(field, value, known))
}

fn spelled(field: &str, value: &str, known: &[&str]) -> Option<String> {
    match known.contains(&value) {
        true => None,
        false => wrong(
            field,
            format!("{value:?}"),
            format!("one of {}", known.join(", ")),
        ),
    }
}
