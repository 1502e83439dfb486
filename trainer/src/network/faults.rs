//! How the tensors of a weight file differ from a network's, for people to read.

use std::fmt;

/// How a file's tensors differ from a network's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Tensors that do not differ.
    pub(super) n_fit: usize,
    /// Of the network, not in the file.
    pub(super) missing: Vec<Fault>,
    /// In the file, not of the network.
    pub(super) unexpected: Vec<Fault>,
    /// In both, of different shapes.
    pub(super) misshapen: Vec<Fault>,
}

/// A tensor's name, and what is wrong with it where that is not clear.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    pub(super) name: String,
    what: String,
}

impl Fault {
    pub(super) fn new(name: &str, what: &str) -> Self {
        Fault {
            name: name.to_owned(),
            what: what.to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, self.what)
    }
}

/// How many names of a kind a message lists: a file of another network has hundreds.
const MAX_LISTED: usize = 24;

fn listed(faults: &[Fault], at_most: usize) -> String {
    let mut names: Vec<String> = faults.iter().take(at_most).map(Fault::to_string).collect();
    if faults.len() > at_most {
        names.push(format!("and {} more", faults.len() - at_most));
    }
    names.join(", ")
}

impl Faults {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }

    /// Each kind of difference, with its number and names.
    pub fn kinds(&self) -> Vec<String> {
        let kinds = [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("of another shape", &self.misshapen),
        ];
        kinds
            .into_iter()
            .filter(|(_, faults)| !faults.is_empty())
            .map(|(kind, faults)| {
                format!("{} {kind} ({})", faults.len(), listed(faults, MAX_LISTED))
            })
            .collect()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.n_fit == 0 && self.misshapen.is_empty() {
            return write!(
                f,
                "found none of its {} tensors ({}), but {} others ({})",
                self.missing.len(),
                listed(&self.missing, 3),
                self.unexpected.len(),
                listed(&self.unexpected, 3),
            );
        }
        write!(f, "{}; {} fit", self.kinds().join(", "), self.n_fit)
    }
}
