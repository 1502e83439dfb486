//! Lists how the tensors of a weight file differ from a network's, as text for messages.

use std::fmt;

/// The differences between a weight file's tensors and a network's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The number of tensors that do not differ.
    pub n_fit: usize,
    /// Tensors of the network that are not in the file.
    pub(super) missing: Vec<Fault>,
    /// Tensors in the file that the network does not have.
    pub(super) unexpected: Vec<Fault>,
    /// Tensors that both have, but with different shapes.
    pub(super) misshapen: Vec<Fault>,
}

/// A tensor that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fault {
    /// The tensor's name.
    pub(super) name: String,
    /// " FOUND instead of EXPECTED" if the shapes differ, else empty.
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

/// How many names of each kind a message lists. A file of another network would have hundreds.
const MAX_LISTED: usize = 24;

/// Joins the first `at_most` names and says how many more there are.
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

    /// Whether the network's tensor `name` is in the file with the same shape.
    pub fn fits(&self, name: &str) -> bool {
        let mut differing = self.missing.iter().chain(&self.misshapen);
        differing.all(|fault| fault.name != name)
    }

    /// Returns a text for each kind of difference, with the number and names of the tensors.
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
