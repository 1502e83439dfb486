//! Reads `faithfulness.parquet` of an evaluation, where there is one (docs/SPEC.md L). Tables of different versions
//! or numbers of steps are not compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use polars::prelude::*;

use crate::load::rows::{Rows, subjects};
use crate::load::schema::{Metadata, task_of};
use crate::model::faithfulness::Faithfulness;
use crate::model::subject::{Part, Subject, TEST};
use crate::{Error, Result};

/// Metadata keys of what two tables must have alike.
const ALIKE: [&str; 2] = ["guidance.faithfulness", "guidance.steps"];

/// What the first table says of [`ALIKE`], and its path.
pub(super) type Known = ([String; 2], PathBuf);

/// Checks the metadata of the table at `path` against those of the first table, which sets `known`.
///
/// # Errors
/// Another version or other steps than the first table's.
pub(super) fn check(known: &mut Option<Known>, path: &Path, metadata: &Metadata) -> Result<()> {
    let said = |key: &str| {
        metadata
            .get(key)
            .map_or("nothing", String::as_str)
            .to_owned()
    };
    let found = ALIKE.map(said);
    let (expected, first) = known.get_or_insert_with(|| (found.clone(), path.to_owned()));
    for ((key, found), expected) in ALIKE.iter().zip(&found).zip(expected.iter()) {
        if found != expected {
            let expected = format!("{expected} as in {}", first.display());
            return Err(Error::table(path, *key, found.as_str(), expected));
        }
    }
    Ok(())
}

/// Adds the values of test pairs in `frame` to `all`, by subject.
pub(super) fn add(
    frame: &DataFrame,
    metadata: &Metadata,
    all: &mut BTreeMap<Subject, Faithfulness>,
) -> PolarsResult<()> {
    let rows = Rows::new(frame);
    let subjects = subjects(&rows, task_of(metadata), vec![Part::All; frame.height()])?;
    let pairs = rows
        .text("image_id")?
        .into_iter()
        .zip(rows.int("class_id")?);
    let measures = rows.text("measure")?.into_iter();
    let measures = measures.zip(rows.maybe_text("baseline")?);
    let values = rows.float("value")?.into_iter();
    for (((subject, pair), measured), value) in
        subjects.into_iter().zip(pairs).zip(measures).zip(values)
    {
        if subject.split != TEST || !value.is_finite() {
            continue;
        }
        let found = all.entry(subject).or_default();
        if !found.values.contains_key(&measured) {
            found.order.push(measured.clone());
        }
        found
            .values
            .entry(measured)
            .or_default()
            .insert(pair, value);
    }
    Ok(())
}
