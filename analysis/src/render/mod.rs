//! Renders results for people: draws figures, writes tables, puts together the report's page, the gallery
//! beside it, and the text for the terminal ([`summary`]). [`written`] and [`output`] write them to files.

pub mod colormap;
pub mod exhibit;
pub mod figure;
pub mod gallery;
pub mod headline;
pub mod output;
pub mod page;
pub mod summary;
pub mod table;
pub mod written;
