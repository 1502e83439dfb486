//! Makes the exhibits (figures and tables of the report) for which the results have runs, and tells for each of
//! the others what is missing.

use crate::Result;
use crate::exhibit::entry::{Asked, Entry};
use crate::exhibit::list::{ABOVE_FINDINGS, EXHIBITS};
use crate::model::evidence::Evidence;
use crate::render::exhibit::{Exhibit, Place};

/// An exhibit that there are no runs for, and what is missing.
pub type Missing = (&'static Entry, String);

/// Makes the exhibits named in `asked`, or all if `asked` is empty. Returns those that could be made, and
/// the others with what each of them lacks.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn make(evidence: &Evidence, asked: &[String]) -> Result<(Vec<Exhibit>, Vec<Missing>)> {
    let (mut made, mut missing) = (Vec::new(), Vec::new());
    let why = match asked.is_empty() {
        true => Asked::WithAll,
        false => Asked::ByName,
    };
    let is_wanted = |name: &str| asked.is_empty() || asked.iter().any(|other| other == name);
    for entry in EXHIBITS.iter().filter(|entry| is_wanted(entry.name)) {
        match (entry.make)(evidence, why)? {
            Ok((figures, tables)) => made.push(Exhibit {
                name: entry.name,
                title: entry.title,
                place: match ABOVE_FINDINGS.contains(&entry.name) {
                    true => Place::AboveFindings,
                    false => Place::Below,
                },
                figures,
                tables,
                said: entry.said.map(|said| said(evidence)).unwrap_or_default(),
            }),
            Err(why) => missing.push((entry, why)),
        }
    }
    Ok((made, missing))
}
