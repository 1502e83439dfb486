//! How the spellings of the tables are written for people. The one list of spellings is in
//! ARCHITECTURE.md; a name that is not on it (another tool's attribution) is shown as it is.

use std::fmt;

/// A localization loss (paper, section 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// Energy: raises the share of positive attribution inside the boxes.
    Energy,
    /// L1 between the scaled positive map and the mask.
    L1,
    /// Per-pixel cross entropy inside the mask.
    Ppce,
    /// Squared attribution outside the mask, right for the right reasons.
    Rrr,
    /// Energy divided by a power of the boxes' area (Energy* of the reproduction study).
    EnergyArea,
}

impl Loss {
    /// All losses, in the order tables and legends list them.
    pub const ALL: [Self; 5] = [
        Self::Energy,
        Self::L1,
        Self::Ppce,
        Self::Rrr,
        Self::EnergyArea,
    ];

    /// The spelling in tables and configuration.
    pub fn spelling(self) -> &'static str {
        match self {
            Self::Energy => "energy",
            Self::L1 => "l1",
            Self::Ppce => "ppce",
            Self::Rrr => "rrr",
            Self::EnergyArea => "energy_area",
        }
    }

    /// The loss of a spelling.
    pub fn from_spelling(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|loss| loss.spelling() == text)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Energy => "Energy",
            Self::L1 => "L1",
            Self::Ppce => "PPCE",
            Self::Rrr => "RRR*",
            Self::EnergyArea => "Energy*",
        })
    }
}

/// An attribution method's name for people.
pub fn attribution(spelling: &str) -> &str {
    match spelling {
        "ixg" => "IxG",
        "gradcam" => "GradCAM",
        "intgrad" => "IntGrad",
        "bcos" => "B-cos",
        other => other,
    }
}

/// A layer's name for people.
pub fn layer(spelling: &str) -> &str {
    match spelling {
        "input" => "Input",
        "mid1" => "Mid1",
        "mid2" => "Mid2",
        "mid3" => "Mid3",
        "final" => "Final",
        other => other,
    }
}

/// Where a layer stands between input and output; unknown ones come last.
pub fn layer_order(spelling: &str) -> usize {
    ["input", "mid1", "mid2", "mid3", "final"]
        .iter()
        .position(|known| *known == spelling)
        .unwrap_or(5)
}

/// A data set's name for people.
pub fn dataset(spelling: &str) -> &str {
    match spelling {
        "voc2007" => "VOC 2007",
        "coco2014" => "COCO 2014",
        "waterbirds-100" => "Waterbirds-100",
        "scenes" => "Scenes",
        other => other,
    }
}

/// A group of images, e.g. `group shifted`; one without a name is called `group 1` already.
pub fn group(name: &str) -> String {
    if name.starts_with("group ") {
        name.to_owned()
    } else {
        format!("group {name}")
    }
}

/// The order of backbones: plain networks, X-DNN, B-cos, as the paper's columns.
pub fn backbone_order(backbone: &str) -> (usize, &str) {
    let (family, architecture) = family(backbone);
    let place = ["", "xdnn", "bcos"]
        .iter()
        .position(|known| *known == family);
    (place.unwrap_or(3), architecture)
}

/// A backbone's family before its architecture: `bcos_resnet18` is (`bcos`, `resnet18`), a plain
/// network's family is empty.
pub fn family(backbone: &str) -> (&str, &str) {
    ["bcos", "xdnn"]
        .into_iter()
        .find_map(|family| {
            let rest = backbone.strip_prefix(family)?.strip_prefix('_')?;
            Some((family, rest))
        })
        .unwrap_or(("", backbone))
}
