//! Judges a claim of the paper by results.

#![allow(clippy::unwrap_used, dead_code)]

use std::path::Path;

use analysis::claims::verdict::{Judged, judge};
use analysis::model::comparison;
use analysis::model::evidence::Evidence;
use analysis::model::results::Results;

/// Judges a claim by the results in a folder.
pub fn judged_in(folder: &Path, claim: &str) -> Judged {
    let results = Results::load(folder, &[]).unwrap();
    let (settings, _) = comparison::settings(&results);
    let evidence = Evidence {
        results: &results,
        settings: &settings,
        examples: &[],
        extremes: &[],
    };
    let mut all = judge(&evidence).into_iter();
    all.find(|judged| judged.claim.name == claim).unwrap()
}
