//! Defines a decoded image, the limits of its size, and the error for bytes that are no image. `decode`
//! decodes.

/// An 8-bit image, interleaved RGB, row-major.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rgb {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `height · width · 3` bytes.
    pub data: Vec<u8>,
}

/// The error for bytes that are no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {found}, expected {expected}")]
pub struct Undecodable {
    /// What was found.
    pub found: String,
    /// What is valid.
    pub expected: &'static str,
}

impl Undecodable {
    /// Returns the error for `found` where `expected` should be.
    pub fn new(found: impl Into<String>, expected: &'static str) -> Self {
        Self {
            found: found.into(),
            expected,
        }
    }
}

/// The most pixels that Pillow reads, twice its `Image.MAX_IMAGE_PIXELS`; it refuses larger images as
/// decompression bombs.
const MAX_PIXELS: usize = 178_956_970;

/// Refuses an image without pixels, or with so many that Pillow would not read it.
pub(crate) fn check_size(width: usize, height: usize) -> Result<(), Undecodable> {
    match width.checked_mul(height) {
        Some(1..=MAX_PIXELS) => Ok(()),
        _ => Err(Undecodable::new(
            format!("{width}x{height} pixels"),
            "1 to 178956970 pixels, as Pillow",
        )),
    }
}
