//! Defines [`Backbone`], a reference to a network's [`Architecture`] that configurations and tables write as
//! the network's name.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use data_prep::dataset::Dataset;
use data_prep::geometry::Grid;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;
use crate::names::{self, Layer};
use crate::network::architecture::Architecture;
use crate::network::architectures;
use crate::network::bcosified;

/// The paper's input size in pixels a side.
const USUAL_SIZE: usize = 224;

/// A classifier (paper section 4; docs/SPEC.md D): a reference to its record, which is in the list of networks,
/// was made from a weight file, or belongs to a test.
#[derive(Clone, Copy)]
pub struct Backbone(&'static Architecture);

impl Backbone {
    /// Every network of the list, in its order, then the B-cosified ones.
    pub fn all() -> impl Iterator<Item = Backbone> {
        let listed = architectures::ALL.iter().copied();
        listed.chain(bcosified::entries()).map(Backbone)
    }

    /// Refuses images of another size than the network takes.
    ///
    /// `images` is height and width.
    ///
    /// # Errors
    /// The size that the network takes, as text for a message.
    pub fn check_size(self, images: [usize; 2]) -> Result<(), String> {
        match self.input {
            Some([height, width]) if [height, width] != images => {
                Err(format!("{height}×{width}, for which {self} was exported"))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a data folder whose images have another size than the network takes.
    ///
    /// # Errors
    /// See above.
    pub fn check_images(self, dataset: &Dataset) -> Result<(), Error> {
        let Grid { height, width } = dataset.grid();
        self.check_size([height, width]).map_err(|expected| {
            let found = format!("{height}×{width}");
            Error::invalid(dataset.dir(), "size of the images", found, expected)
        })
    }

    /// Height and width of images where nothing else says them: those that a network from a file was exported for,
    /// of others the paper's.
    pub fn usual_size(self) -> [usize; 2] {
        self.input.unwrap_or([USUAL_SIZE; 2])
    }

    /// Refuses a layer that the network does not have.
    ///
    /// # Errors
    /// The layers that the network has, as text for a message.
    pub fn check_layer(self, layer: Layer) -> Result<(), String> {
        if self.layers.contains(&layer) {
            return Ok(());
        }
        let known: Vec<String> = self.layers.iter().map(Layer::to_string).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Err(format!(
            "{}, the layers of {self}",
            names::alternatives(&known)
        ))
    }
}

impl From<&'static Architecture> for Backbone {
    fn from(entry: &'static Architecture) -> Self {
        Backbone(entry)
    }
}

impl Deref for Backbone {
    type Target = Architecture;

    fn deref(&self) -> &Architecture {
        self.0
    }
}

impl PartialEq for Backbone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.description == other.description
    }
}

impl Eq for Backbone {}

impl fmt::Display for Backbone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl fmt::Debug for Backbone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for Backbone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all: Vec<Backbone> = Backbone::all().collect();
        names::find(&all, text)
    }
}

impl Serialize for Backbone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Backbone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = || {
            let known: Vec<String> = Backbone::all().map(|known| format!("`{known}`")).collect();
            format!(
                "unknown variant `{name}`, expected one of {}",
                known.join(", ")
            )
        };
        name.parse()
            .map_err(|_: String| serde::de::Error::custom(known()))
    }
}
