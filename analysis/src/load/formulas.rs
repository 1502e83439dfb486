//! Checks that all evaluations were made by one version of the evaluator's formulas, so that their
//! numbers can be compared. The version is in the metadata of each table of an evaluation.

use std::path::{Path, PathBuf};

use crate::load::schema::{FORMULAS_KEY, Metadata};
use crate::{Error, Result};

/// A version, and the first table that has it.
type Known = (u32, PathBuf);

/// Checks the metadata of an evaluation's table at `path` against `known`, the version of the tables
/// before; the first table sets it.
///
/// # Errors
/// As [`check`].
pub(super) fn take(known: &mut Option<Known>, path: &Path, metadata: &Metadata) -> Result<()> {
    let version = check(known.as_ref(), path, metadata)?;
    known.get_or_insert_with(|| (version, path.to_owned()));
    Ok(())
}

/// Returns the version of the table at `path`, which must be the `known` one if there is one.
///
/// # Errors
/// The table has no version, or another one than the tables before. The message names the evaluation of the
/// older version, which must be made again.
pub(super) fn check(known: Option<&Known>, path: &Path, metadata: &Metadata) -> Result<u32> {
    let found = metadata.get(FORMULAS_KEY).map_or("nothing", String::as_str);
    let refused = |path: &Path, found: &str, expected: String| Error::Formulas {
        path: path.to_owned(),
        found: found.to_owned(),
        expected,
    };
    let Ok(version) = found.parse::<u32>() else {
        let expected = match known {
            Some((other, at)) => format!("{other} as in {}", at.display()),
            None => "the version of the formulas, a number".to_owned(),
        };
        return Err(refused(path, found, expected));
    };
    match known {
        Some((other, at)) if *other < version => {
            let expected = format!("{version} as in {}", path.display());
            Err(refused(at, &other.to_string(), expected))
        }
        Some((other, at)) if *other > version => {
            let expected = format!("{other} as in {}", at.display());
            Err(refused(path, found, expected))
        }
        _ => Ok(version),
    }
}
