//! Defines [`Entry`], by which the list of exhibits knows an exhibit: a figure or table of the report that
//! is made from our results and has a name of its own.

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
    /// Makes its figures and tables. `Err` is a failure, such as a picture that cannot be drawn.
    pub make: fn(&Evidence, Asked) -> Result<Made>,
    /// Makes the text that `analysis report` prints of it on the terminal; `None` where it prints none.
    pub said: Option<fn(&Evidence) -> String>,
}

/// Whether the user asked for one exhibit or for the whole report. The exhibit `published`
/// shows more if it is asked for, and `verdicts` then judges a user's own data, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// All exhibits are made.
    WithAll,
    /// The user named it, on the command line or in `show` of a recipe.
    ByName,
}

/// An exhibit's figures and tables; or, as `Err`, a clause on the runs that are missing for it. That is no
/// failure: the report leaves the exhibit out and tells why.
pub type Made = std::result::Result<(Vec<Figure>, Vec<Table>), String>;
