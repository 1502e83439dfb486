//! An exhibit that was made, ready for a page or for files.

use crate::render::figure::drawing::Figure;
use crate::render::table::parts::Table;

/// Figures and tables of one name.
#[derive(Debug)]
pub struct Exhibit {
    /// Its name in file names and as an anchor.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// Its tables.
    pub tables: Vec<Table>,
    /// What it says on a terminal; empty where that is nothing.
    pub said: String,
}
