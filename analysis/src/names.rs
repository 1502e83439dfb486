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
            Self::Rrr => "RRR",
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

/// A metric of the table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// Micro F1 at logit ≥ 0.
    F1,
    /// Macro mean of per-class average precision.
    Map,
    /// Energy-based pointing game.
    Epg,
    /// Intersection over union at the fixed threshold.
    Iou,
}

impl Measure {
    /// All of them, in the order of the table's columns.
    pub const ALL: [Self; 4] = [Self::F1, Self::Map, Self::Epg, Self::Iou];

    /// The spelling in `metrics.parquet`.
    pub fn spelling(self) -> &'static str {
        match self {
            Self::F1 => "f1",
            Self::Map => "map",
            Self::Epg => "epg",
            Self::Iou => "iou",
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F1 => "F1",
            Self::Map => "mAP",
            Self::Epg => "EPG",
            Self::Iou => "IoU",
        })
    }
}
