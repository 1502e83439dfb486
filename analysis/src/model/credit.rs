//! Defines [`Credit`], what a data set says of where it is from and of what may be done with it.

use serde::Deserialize;

/// What data-prep keeps of a data set's own words; absent where it says nothing. They are other people's texts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Credit {
    /// What it is.
    pub title: Option<String>,
    /// Where it is published.
    pub url: Option<String>,
    /// The licence's name.
    pub license: Option<String>,
    /// Where the licence's text is.
    pub license_url: Option<String>,
    /// The work to cite.
    pub citation: Option<String>,
}
