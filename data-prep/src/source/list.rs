//! Lists the formats that `data-prep` reads. A new format needs a module beside this one, and a line here.

use super::coco::Coco;
use super::credit::Credit;
use super::entry::Entry;
use super::naming::Naming;
use super::scenes::Scenes;
use super::table::Table;
use super::voc::Voc;
use super::waterbirds::Waterbirds;
use super::yolo::Yolo;

/// All formats, in the order of the help.
pub const SOURCES: &[Entry] = &[
    Entry::of::<Voc>(),
    Entry::of::<Coco>(),
    Entry::of::<Yolo>(),
    Entry::of::<Table>(),
    Entry::of::<Waterbirds>(),
    Entry::of::<Scenes>(),
];

/// The names of all published data sets, and of the embedded one, which the program draws.
pub fn datasets() -> Vec<&'static str> {
    let datasets = SOURCES.iter().flat_map(|source| source.datasets);
    datasets.copied().collect()
}

/// Returns the credit of a published data set, or of the embedded one; `None` for any other name.
pub fn credit(dataset: &str) -> Option<Credit> {
    SOURCES.iter().find_map(|source| (source.credit)(dataset))
}

/// Returns the rules for naming a data set, without a name from the user yet: all names of [`datasets`] are
/// reserved.
pub fn naming() -> Naming {
    Naming::new(datasets())
}
