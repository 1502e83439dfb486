//! `trainer vocabulary`: every name that a configuration may use, for the programs that plan runs and
//! show results. Names come from their lists alone.

use std::fmt::Display;

use data_prep::dataset::Task;
use serde::Serialize;

use crate::explain::attribution::{self, Order};
use crate::names::{Annotation, Attribution, Augmentation, Layer, LocalizationLoss, Precision};
use crate::network::Backbone;
use crate::run::schema::PROGRAM;

/// All names.
#[derive(Debug, Serialize)]
pub struct Vocabulary {
    program: &'static str,
    networks: Vec<Network>,
    methods: Vec<Named>,
    losses: Vec<Loss>,
    layers: Vec<String>,
    annotations: Vec<String>,
    tasks: Vec<String>,
    augmentations: Vec<String>,
    precisions: Vec<String>,
}

/// A name, and what people call it.
#[derive(Debug, Serialize)]
struct Named {
    name: String,
    title: &'static str,
}

#[derive(Debug, Serialize)]
struct Network {
    #[serde(flatten)]
    named: Named,
    /// The methods that explain it.
    methods: Vec<String>,
    /// The methods that it can be guided by.
    guides_by: Vec<String>,
    batch_statistics: bool,
}

#[derive(Debug, Serialize)]
struct Loss {
    #[serde(flatten)]
    named: Named,
    options: Vec<LossOption>,
}

/// A number that a loss takes.
#[derive(Debug, Serialize)]
struct LossOption {
    name: &'static str,
    /// Absent: it must be given.
    default: Option<f64>,
    low: f64,
    high: f64,
}

impl Vocabulary {
    /// This program's.
    pub fn new() -> Self {
        Vocabulary {
            program: PROGRAM,
            networks: Backbone::all().map(network).collect(),
            methods: Attribution::ALL
                .iter()
                .map(|method| Named {
                    name: method.to_string(),
                    title: method.title(),
                })
                .collect(),
            losses: LocalizationLoss::ALL.iter().copied().map(loss).collect(),
            layers: spellings(Layer::ALL),
            annotations: spellings(Annotation::ALL),
            tasks: spellings(&Task::ALL),
            augmentations: spellings(Augmentation::ALL),
            precisions: spellings(Precision::ALL),
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

fn network(backbone: Backbone) -> Network {
    let defined = |order| -> Vec<String> {
        Attribution::ALL
            .iter()
            .filter(|&&method| attribution::check(backbone, method, order).is_ok())
            .map(Attribution::to_string)
            .collect()
    };
    Network {
        named: Named {
            name: backbone.to_string(),
            title: backbone.title,
        },
        methods: defined(Order::First),
        guides_by: defined(Order::Second),
        batch_statistics: backbone.has_batch_statistics,
    }
}

fn loss(loss: LocalizationLoss) -> Loss {
    let options = match loss {
        LocalizationLoss::EnergyArea => vec![LossOption {
            name: "area_exponent",
            default: None,
            low: 0.0,
            high: crate::run::config::LARGEST_EXPONENT,
        }],
        _ => Vec::new(),
    };
    Loss {
        named: Named {
            name: loss.to_string(),
            title: loss.title(),
        },
        options,
    }
}
