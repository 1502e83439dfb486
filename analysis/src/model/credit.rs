//! Defines [`Credit`]: where a data set is published, under which licence, and what to cite. The report shows it.

use serde::Deserialize;

/// What a data set says of itself, as the crate data-prep found it in files beside the data and wrote it into the
/// metadata of `classes.parquet` and `groups.parquet`. A field is `None` where the data set says nothing. The
/// texts come from outside and are not trusted: the page escapes them and shortens long ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Credit {
    /// What it is.
    pub title: Option<String>,
    /// The address where it is published.
    pub url: Option<String>,
    /// The licence's name.
    pub license: Option<String>,
    /// The address of the licence's text.
    pub license_url: Option<String>,
    /// The work to cite.
    pub citation: Option<String>,
}
