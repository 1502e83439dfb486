//! Checks that the bootstrap resamples of the test images were drawn with one seed in all evaluations (one
//! checkpoint's maps of one split, scored). A resample is a function of seed, number and image ids, so only then
//! is replicate r of the same images in all of them. The seed is in the metadata of `replicates.parquet`.

use std::path::{Path, PathBuf};

use crate::load::schema::Metadata;
use crate::{Error, Result};

/// Metadata key of the seed of the resamples.
const SEED_KEY: &str = "guidance.seed";

/// The seed of tables that name none: the default of `evaluator score`.
const DEFAULT: &str = "0";

/// A seed, and the first table that has it.
pub(super) type Known = (String, PathBuf);

/// Checks the seed of the replicates at `path` against that of the first ones, which set `known`.
///
/// # Errors
/// Another seed than the first replicates'.
pub(super) fn check(known: &mut Option<Known>, path: &Path, metadata: &Metadata) -> Result<()> {
    let found = metadata.get(SEED_KEY).map_or(DEFAULT, String::as_str);
    let (seed, first) = known.get_or_insert_with(|| (found.to_owned(), path.to_owned()));
    if found == seed.as_str() {
        return Ok(());
    }
    let expected = format!(
        "{seed} as in {} (evaluator score --seed {seed})",
        first.display()
    );
    Err(Error::table(path, SEED_KEY, found, expected))
}
