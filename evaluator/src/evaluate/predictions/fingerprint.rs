//! A hash of the scored logits.

use data_prep::record::Fingerprint;

/// SHA-256 of the logits of images in the order of their ids, one per class in the classes' order.
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
