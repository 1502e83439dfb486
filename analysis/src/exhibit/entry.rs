//! [`Entry`], the entry of an exhibit in the list.

use crate::Result;
use crate::model::evidence::Evidence;
use crate::render::figure::drawing::Figure;
use crate::render::table::parts::Table;

/// An exhibit: its name, and the function that makes it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name on the command line, in file names and as an anchor.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What it shows, in a line of the command's help.
    pub about: &'static str,
    /// Makes its figures and tables.
    pub make: fn(&Evidence, Asked) -> Result<Made>,
    /// Its text for a terminal, if it has any.
    pub said: Option<fn(&Evidence) -> String>,
}

/// Why an exhibit is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// All exhibits are.
    WithAll,
    /// It was named.
    ByName,
}

/// Figures and tables, or the runs that are missing.
pub type Made = std::result::Result<(Vec<Figure>, Vec<Table>), String>;
