//! The report's page, put together in [`document`].

mod details;
mod document;
mod figures;
mod runs;
mod tables;

pub use document::render;
