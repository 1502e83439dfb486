//! What is made for people: figures, tables, the page of a report, the words on a terminal; and how
//! files are written.

pub mod colormap;
pub mod exhibit;
pub mod figure;
pub mod headline;
pub mod output;
pub mod page;
pub mod summary;
pub mod table;
pub mod written;
