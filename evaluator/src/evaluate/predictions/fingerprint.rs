//! Hashes logits, so that `evaluator compare` can tell whether an evaluation's `predictions.parquet` still has those
//! that `evaluator score` used.

use data_prep::record::Fingerprint;

/// Returns the SHA-256 of the images' ids and logits. Images come sorted by id, logits in the order of the
/// classes.
pub(crate) fn fingerprint<'a>(
    images: impl IntoIterator<Item = (&'a str, impl IntoIterator<Item = f32>)>,
) -> String {
    let mut fingerprint = Fingerprint::default();
    for (image_id, logits) in images {
        let bytes: Vec<u8> = logits.into_iter().flat_map(f32::to_le_bytes).collect();
        fingerprint.add(image_id, &bytes);
    }
    fingerprint.hex()
}
