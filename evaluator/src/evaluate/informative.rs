//! Defines [`Informative`]: which classes of a data set can say something about guidance (docs/SPEC.md B). A class
//! on nearly all images cannot, since a network need not look to predict it; nor can a class whose boxes cover most
//! of the image, since any map is inside them. The limits are in data-prep (`inspect`).

use std::collections::BTreeMap;

use data_prep::dataset::Dataset;
use data_prep::inspect::uninformative;
use data_prep::source::datasets;

/// Which classes can say something. It is all of them in the published data sets, whose numbers are compared with
/// the paper's, and in the reversed task (Waterbirds' backgrounds as classes).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Informative {
    /// For each class that cannot, by its id, a sentence that says why.
    pub why_not: BTreeMap<i32, String>,
}

impl Informative {
    /// Finds the classes of `dataset` that can say something.
    pub fn of(dataset: &Dataset) -> Self {
        let is_own = !datasets().contains(&dataset.name()) && dataset.task().is_conventional();
        let why_not = is_own.then(|| uninformative(dataset));
        Self {
            why_not: why_not.unwrap_or_default(),
        }
    }

    /// Whether a class can say something; `None` if all classes of the data set can.
    pub fn is_informative(&self, class_id: i32) -> Option<bool> {
        let some_cannot = !self.why_not.is_empty();
        some_cannot.then(|| !self.why_not.contains_key(&class_id))
    }

    /// Returns for each of `n_classes` classes whether it can say something.
    pub fn of_classes(&self, n_classes: usize) -> Vec<bool> {
        let classes = 0..n_classes as i32;
        classes
            .map(|class_id| !self.why_not.contains_key(&class_id))
            .collect()
    }
}
