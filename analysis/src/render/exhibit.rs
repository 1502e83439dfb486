//! Defines [`Exhibit`]: the figures and tables of one heading of the report, already drawn and filled.
//! [`crate::exhibit`] makes them from results.

use crate::render::figure::drawing::Figure;
use crate::render::table::parts::Table;

/// Where the page shows an exhibit: above or below the findings, the sentences that sum up the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Above the findings.
    AboveFindings,
    /// Below them.
    Below,
}

/// The figures and tables under one heading.
#[derive(Debug)]
pub struct Exhibit {
    /// Its name in file names and as an anchor.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Where the page shows it.
    pub place: Place,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// Its tables.
    pub tables: Vec<Table>,
    /// What `analysis report` prints of it on the terminal, besides; empty for most exhibits.
    pub said: String,
}
