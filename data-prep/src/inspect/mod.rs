//! `data-prep inspect`: shows a finished data folder to a person, as numbers ([`Summary`]) and as contact
//! sheets (pages of images with their boxes), so that one sees at once whether the data is right: boxes on
//! their objects, classes named rightly, segmentations in place, no split empty, pixels not swapped.
//!
//! It reads the folder as every later stage does, through `Dataset::open`. It writes nothing but the
//! sheets, by default into the folder's `inspect/`.

mod contact_sheet;
mod doubts;
mod drawing;
mod inspection;
mod summary;

pub use doubts::uninformative;
pub use inspection::{Inspection, inspect};
pub use summary::{AREA_BINS, ClassCounts, SplitSummary, Summary};
