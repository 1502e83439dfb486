//! Defines what a localization loss is ([`LocalizationLoss`]), and a loss together with values of its options
//! ([`Loss`]), as a configuration has it. A localization loss compares attribution maps with masks (paper
//! section 3.4; docs/SPEC.md A.2). The losses are in `losses/`, one file each.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use tch::{TchError, Tensor};

/// A localization loss: its name, its options, and the function that computes it.
#[derive(Clone, Copy, Serialize)]
pub struct LocalizationLoss {
    /// Its spelling in configurations, tables and plots.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Its options, in the order of their names.
    pub options: &'static [LossOption],
    /// Whether its value depends on [`Given::areas`].
    #[serde(skip)]
    pub needs_areas: bool,
    /// Computes the loss of each map (N), in the graph. The caller sums over the annotated images of a batch,
    /// so the right λ, the loss's weight in the objective, depends on the batch size (docs/SPEC.md H.1).
    #[serde(skip)]
    pub value: fn(&Given) -> Result<Tensor, TchError>,
}

/// An option of a loss: a number with a name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LossOption {
    /// Its key beside the loss's name.
    pub name: &'static str,
    /// The value if the user gives none; absent: the user must give one.
    pub default: Option<f64>,
    /// Values must be above this.
    pub low: f64,
    /// Values must be at most this.
    pub high: f64,
}

/// The inputs of a loss.
pub struct Given<'a> {
    /// Maps (N, h, w) as the attribution method computed them, at the layer's resolution: signed, not scaled.
    pub maps: &'a Tensor,
    /// Masks (N, H, W): 1 where attribution belongs, else 0.
    pub masks: &'a Tensor,
    /// The area of each image's annotation, in cells of the grid (N). The areas of boxes are added, so
    /// cells in two boxes count twice. Empty unless the loss needs areas.
    pub areas: &'a [f64],
    /// The options' values, in the order of the loss's list.
    pub options: &'a [f64],
}

impl PartialEq for LocalizationLoss {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for LocalizationLoss {}

impl fmt::Debug for LocalizationLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for LocalizationLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

/// A loss with a value for each of its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Loss {
    loss: LocalizationLoss,
    options: Vec<f64>,
}

/// A loss as configurations have it: `"energy"` or `{ name = "energy_area", exponent = 0.5 }`.
#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a loss's name, or a table of its name and options, as in { name = \"energy_area\", exponent = 0.5 }"
)]
pub(crate) enum Written {
    Name(String),
    Table {
        name: String,
        #[serde(flatten)]
        options: BTreeMap<String, f64>,
    },
}

impl Loss {
    /// Returns `loss` with the options `given` by name, and the others at their defaults.
    ///
    /// # Errors
    /// An unknown option, a value out of bounds, or no value for an option without default: what was
    /// found and what was expected.
    pub fn new(loss: LocalizationLoss, given: &[(&str, f64)]) -> Result<Self, String> {
        let is_option = |name: &str| loss.options.iter().any(|option| option.name == name);
        if let Some((unknown, value)) = given.iter().find(|(name, _)| !is_option(name)) {
            let known: Vec<&str> = loss.options.iter().map(|option| option.name).collect();
            let known = match known.is_empty() {
                true => "no option".to_owned(),
                false => known.join(", "),
            };
            return Err(format!(
                "loss.{unknown}: found {value}, expected none: {loss} has {known}"
            ));
        }
        let value = |option: &LossOption| {
            let found = given.iter().find(|(name, _)| *name == option.name);
            let found = found.map(|(_, value)| *value).or(option.default);
            let LossOption {
                name, low, high, ..
            } = option;
            match found {
                Some(value) if value > *low && value <= *high => Ok(value),
                _ => {
                    let found = found.map_or("nothing".to_owned(), |value| value.to_string());
                    Err(format!(
                        "loss.{name}: found {found}, expected a number above {low}, at most {high}, with loss {loss}"
                    ))
                }
            }
        };
        let options = loss.options.iter().map(value).collect::<Result<_, _>>()?;
        Ok(Loss { loss, options })
    }

    /// Returns the loss without its options.
    pub fn loss(&self) -> LocalizationLoss {
        self.loss
    }

    /// Returns the options' names and values, sorted by name.
    pub fn options(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        let names = self.loss.options.iter().map(|option| option.name);
        names.zip(self.options.iter().copied())
    }

    /// Computes the loss of each map (N); `maps` (N, h, w), `masks` (N, H, W) and `areas` are as in
    /// [`Given`].
    ///
    /// # Errors
    /// libtorch's.
    pub fn values(&self, maps: &Tensor, masks: &Tensor, areas: &[f64]) -> Result<Tensor, TchError> {
        (self.loss.value)(&Given {
            maps,
            masks,
            areas,
            options: &self.options,
        })
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.loss.fmt(f)
    }
}

impl From<Loss> for Written {
    fn from(loss: Loss) -> Self {
        let name = loss.loss.name.to_owned();
        match loss.options.is_empty() {
            true => Written::Name(name),
            false => Written::Table {
                name,
                options: loss
                    .options()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect(),
            },
        }
    }
}
