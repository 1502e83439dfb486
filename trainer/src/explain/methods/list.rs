//! Lists the attribution methods, finds one by its name, and says which are defined for a network. Maps that only
//! explain need first derivatives of the network, maps that guide training second ones.

use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::explain::attribution::Attribution;
use crate::explain::gradients::Order;
use crate::explain::methods::bcos::BCOS;
use crate::explain::methods::gradcam::GRADCAM;
use crate::explain::methods::gradcam_pp::GRADCAM_PP;
use crate::explain::methods::intgrad::INTGRAD;
use crate::explain::methods::ixg::IXG;
use crate::explain::methods::smoothgrad::SMOOTHGRAD;
use crate::names;
use crate::network::Backbone;

impl Attribution {
    /// Every method, in the order of the documentation.
    pub const ALL: &'static [Attribution] = &[IXG, GRADCAM, INTGRAD, BCOS, GRADCAM_PP, SMOOTHGRAD];

    /// Returns the method that explains imported weights of `backbone` unless the user names another:
    /// `bcos` for B-cos networks, `ixg` for others.
    pub fn usual(backbone: Backbone) -> Attribution {
        match backbone.has_dynamic_weights {
            true => BCOS,
            false => IXG,
        }
    }

    /// Returns the methods that are defined for `backbone`, for evaluation ([`Order::First`]) or for guidance
    /// ([`Order::Second`]).
    pub fn defined_for(backbone: Backbone, order: Order) -> Vec<Attribution> {
        let is_defined = |method: &&Attribution| (method.refusal)(backbone, order).is_none();
        Self::ALL.iter().filter(is_defined).copied().collect()
    }

    /// Refuses a method that is not defined for `backbone`, as in [`Attribution::defined_for`].
    ///
    /// # Errors
    /// The names of the methods that are defined, and the reason why this one is not.
    pub fn check(self, backbone: Backbone, order: Order) -> Result<(), String> {
        let Some(reason) = (self.refusal)(backbone, order) else {
            return Ok(());
        };
        let defined: Vec<&str> = Self::defined_for(backbone, order)
            .iter()
            .map(|method| method.name)
            .collect();
        Err(format!("{}: {reason}", names::alternatives(&defined)))
    }
}

impl FromStr for Attribution {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        names::find(Self::ALL, text)
    }
}

impl<'de> Deserialize<'de> for Attribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(D::Error::custom)
    }
}
