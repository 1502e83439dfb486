//! The list of formats. A new format needs a file beside this one, and a line here.

use super::coco::Coco;
use super::entry::Entry;
use super::naming::Naming;
use super::scenes::Scenes;
use super::voc::Voc;
use super::waterbirds::Waterbirds;

/// All formats, in the order of the help.
pub const SOURCES: &[Entry] = &[
    Entry::of::<Voc>(),
    Entry::of::<Coco>(),
    Entry::of::<Waterbirds>(),
    Entry::of::<Scenes>(),
];

/// The names of the data sets that are published or embedded.
pub fn datasets() -> Vec<&'static str> {
    let datasets = SOURCES.iter().flat_map(|source| source.datasets);
    datasets.copied().collect()
}

/// How a data set is named where the user gives no name.
pub fn naming() -> Naming {
    Naming::new(datasets())
}
