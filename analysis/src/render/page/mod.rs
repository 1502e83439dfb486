//! Makes the report's page, `report.html`; [`document`] puts it together.

mod data;
mod details;
mod document;
mod figures;
mod runs;
mod tables;

pub use document::render;
