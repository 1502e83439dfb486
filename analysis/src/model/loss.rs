//! Defines [`Loss`], a localization loss as reports show it: its name in the tables, its title for
//! people, and its place in legends. The trainer decides which losses there are. It writes a title into
//! each run's table; the titles here are for older tables, which have none.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// Raises the share of positive attribution inside the boxes (paper, section 3.4). docs/SPEC.md A.2 has the
/// formulas of all losses.
pub const ENERGY: &str = "energy";
/// L1 distance between the positive map, scaled to 0–1, and the mask of the boxes.
pub const L1: &str = "l1";
/// Per-pixel cross entropy of the scaled map inside the mask.
pub const PPCE: &str = "ppce";
/// Squared attribution outside the mask, of the map divided by its greatest magnitude: the paper's RRR*, a variant
/// of "right for the right reasons".
pub const RRR: &str = "rrr";

/// Names and titles of known losses, in the order of tables and legends; other losses follow by name. A
/// title is used where the run's table has none. Energy* is the variant of Energy that is normalized by the area
/// of the boxes.
const TITLES: [(&str, &str); 5] = [
    (ENERGY, "Energy"),
    (L1, "L1"),
    (PPCE, "PPCE"),
    (RRR, "RRR*"),
    ("energy_area", "Energy*"),
];

/// The number of losses that are known here; the indices of the others begin with it.
pub const N_KNOWN: usize = TITLES.len();

/// A localization loss. Two of the same name are equal.
#[derive(Debug, Clone)]
pub struct Loss {
    /// Position among all losses, which decides the colour and the mark (shape) of its points in figures.
    index: usize,
    name: String,
    title: String,
}

impl Loss {
    /// The loss of that name in the tables, called `title` where its run says so.
    pub fn new(name: &str, title: Option<&str>) -> Self {
        let index = TITLES.iter().position(|(known, _)| *known == name);
        let known = index.map(|index| TITLES[index].1);
        Self {
            index: index.unwrap_or(N_KNOWN),
            name: name.to_owned(),
            title: title.or(known).unwrap_or(name).to_owned(),
        }
    }

    /// Its name in the tables.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its index among all losses, which decides its colour and mark.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Its title, and its options where there are any, e.g. `Energy*, exponent = 0.5`.
    pub fn with(&self, options: &str) -> String {
        match options {
            "" => self.title.clone(),
            options => format!("{}, {}", self.title, options.replace('=', " = ")),
        }
    }
}

/// Sets the index of those of `losses` that are not in `TITLES`: after the known ones, in the order of their names.
pub fn number_unknown<'a>(losses: impl Iterator<Item = &'a mut Loss>) {
    let losses: Vec<&mut Loss> = losses.filter(|loss| loss.index >= N_KNOWN).collect();
    let names: BTreeSet<String> = losses.iter().map(|loss| loss.name.clone()).collect();
    for loss in losses {
        let later = names.iter().position(|name| *name == loss.name);
        loss.index = N_KNOWN + later.unwrap_or(0);
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

impl PartialEq for Loss {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Loss {}

impl PartialOrd for Loss {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Loss {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.index, &self.name).cmp(&(other.index, &other.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loss_has_a_title_and_an_index_of_its_own() {
        let mut losses = [
            Loss::new("zeta", None),
            Loss::new("rrr", None),
            Loss::new("alpha", Some("Alpha")),
            Loss::new("energy", Some("Energy loss")),
            Loss::new("alpha", None),
        ];
        number_unknown(losses.iter_mut());
        let titles: Vec<String> = losses.iter().map(Loss::to_string).collect();
        assert_eq!(titles, ["zeta", "RRR*", "Alpha", "Energy loss", "alpha"]);
        assert_eq!(losses.each_ref().map(|loss| loss.index), [6, 3, 5, 0, 5]);
        assert_eq!(losses[2], losses[4]);
        let options = "a=1, exponent=0.5";
        assert_eq!(losses[2].with(options), "Alpha, a = 1, exponent = 0.5");
    }
}
