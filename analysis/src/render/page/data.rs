//! Renders what the data sets say of themselves: what they are, where they are from, under which licence, and
//! what to cite.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::model::credit::Credit;
use crate::model::names;
use crate::model::results::Results;

/// The most letters that are shown of a text: a chosen bound, because the texts come from outside.
const MOST: usize = 1000;

/// The section on the data sets of all runs.
pub(super) fn section(results: &Results) -> Markup {
    let runs = results.runs.iter();
    // By the data set's name: folders of one data set, e.g. in two image sizes, make one entry.
    let sets: BTreeMap<&str, Credit> = runs
        .map(|run| {
            let said = results.credits.get(&run.data_inputs);
            (
                names::dataset(&run.dataset),
                said.cloned().unwrap_or_default(),
            )
        })
        .collect();
    html! {
        section id="data" {
            h2 { "Data" }
            @for (name, credit) in &sets {
                h3 { (name) }
                dl.terms {
                    @if credit.title.is_some() || credit.url.is_some() {
                        dt { "Source" }
                        dd { (linked(credit.title.as_deref(), credit.url.as_deref())) }
                    }
                    dt { "Licence" }
                    @if credit.license.is_some() || credit.license_url.is_some() {
                        dd { (linked(credit.license.as_deref(), credit.license_url.as_deref())) }
                    } @else {
                        dd { "not known: no file of the data that data-prep reads names one" }
                    }
                    @if let Some(citation) = &credit.citation {
                        dt { "Citation" }
                        dd { (bounded(citation)) }
                    }
                }
            }
        }
    }
}

/// A text, or else its address, as a link; an address that does not begin with `http://` or `https://` is no link.
fn linked(text: Option<&str>, url: Option<&str>) -> Markup {
    let shown = bounded(text.or(url).unwrap_or_default());
    let is_web = |url: &&str| url.starts_with("https://") || url.starts_with("http://");
    html! {
        @match url.filter(is_web) {
            Some(url) => a href=(url) rel="noreferrer" { (shown) },
            None => (shown),
        }
    }
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
