//! `trainer vocabulary`: prints as JSON all names that the configuration of a run (one training) may use, for the
//! programs that plan runs (`cargo xtask`) and show results (`analysis`). The names come from the lists of
//! networks, attribution methods and localization losses, and of the options in `names.rs`.

use std::fmt::Display;

use data_prep::dataset::{Labels, Task};
use serde::Serialize;

use crate::explain::attribution::Attribution;
use crate::explain::gradients::Order;
use crate::faithfulness::table;
use crate::guide::loss::LocalizationLoss;
use crate::names::{
    Annotation, Augmentation, Explained, Layer, Optimizer, Precision, Schedule, ValidationMetric,
};
use crate::network::Backbone;
use crate::run::schema::PROGRAM;

/// All names; its fields are the keys of the JSON object.
#[derive(Debug, Serialize)]
pub struct Vocabulary {
    program: &'static str,
    networks: Vec<Network>,
    methods: Vec<Named>,
    losses: &'static [LocalizationLoss],
    layers: Vec<String>,
    annotations: Vec<String>,
    tasks: Vec<String>,
    labels: Vec<String>,
    explained: Vec<String>,
    augmentations: Vec<String>,
    precisions: Vec<String>,
    optimizers: Vec<String>,
    schedules: Vec<String>,
    validation_metrics: Vec<String>,
    /// The version of what `trainer faithfulness` measures.
    faithfulness: u32,
}

/// A name.
#[derive(Debug, Serialize)]
struct Named {
    /// The spelling in configurations and tables.
    name: &'static str,
    /// The name that reports show.
    title: &'static str,
}

/// A network, and how it can be explained.
#[derive(Debug, Serialize)]
pub struct Network {
    #[serde(flatten)]
    named: Named,
    /// Height and width of the images that it takes; null for any.
    input: Option<[usize; 2]>,
    /// The layers at which it can be explained.
    layers: Vec<String>,
    /// The methods that explain it.
    methods: Vec<String>,
    /// The methods whose maps can guide it.
    guides_by: Vec<String>,
    /// Whether it has batch norms. If so, the option `micro_batch` (batches in smaller passes) is refused.
    batch_statistics: bool,
}

impl Vocabulary {
    /// Collects the names that this program knows.
    pub fn new() -> Self {
        Vocabulary {
            program: PROGRAM,
            networks: Backbone::all().map(network).collect(),
            methods: Attribution::ALL
                .iter()
                .map(|method| Named {
                    name: method.name,
                    title: method.title,
                })
                .collect(),
            losses: LocalizationLoss::ALL,
            layers: spellings(Layer::ALL),
            annotations: spellings(Annotation::ALL),
            tasks: spellings(&Task::ALL),
            labels: spellings(&Labels::ALL),
            explained: spellings(Explained::ALL),
            augmentations: spellings(Augmentation::ALL),
            precisions: spellings(Precision::ALL),
            optimizers: spellings(Optimizer::ALL),
            schedules: spellings(Schedule::ALL),
            validation_metrics: spellings(ValidationMetric::ALL),
            faithfulness: table::VERSION,
        }
    }
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self::new()
    }
}

fn spellings<T: Display>(values: &[T]) -> Vec<String> {
    values.iter().map(T::to_string).collect()
}

/// Returns what the vocabulary says of a network. First derivatives are enough to explain it; to guide it, the
/// maps themselves are differentiated (second order).
pub fn network(backbone: Backbone) -> Network {
    let defined = |order| spellings(&Attribution::defined_for(backbone, order));
    Network {
        named: Named {
            name: backbone.name,
            title: backbone.title,
        },
        input: backbone.input,
        layers: spellings(backbone.layers),
        methods: defined(Order::First),
        guides_by: defined(Order::Second),
        batch_statistics: backbone.has_batch_statistics,
    }
}
