//! Checks that all evaluations (one checkpoint's maps of one split, scored) were made by one version of the
//! formulas by which the program `evaluator` computes metrics, because numbers of different formulas cannot be
//! compared. The version is in the metadata of each table of an evaluation.

use std::path::{Path, PathBuf};

use crate::load::schema::{FORMULAS_KEY, Metadata};
use crate::{Error, Result};

/// A version, and the first table that has it.
type Known = (u32, PathBuf);

/// Checks the metadata of an evaluation's table at `path` against `known`, the version of the tables read
/// before. The first table sets `known`.
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
/// The table has no version, or another one than `known`. The message names the table of the older version,
/// whose evaluation must be made again.
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
