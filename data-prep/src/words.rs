//! Phrases for messages to people: numbers of images, and lists of names.

use crate::error::quoted;

/// The most names that a message lists, so that it stays readable.
const MOST_NAMES: usize = 20;

/// Returns the first names, with commas, and how many more there are. The names may be text from a file, so
/// they are quoted.
pub(crate) fn listed(names: &[&str]) -> String {
    let first = &names[..names.len().min(MOST_NAMES)];
    let first = quoted(&first.join(", "));
    match names.len().saturating_sub(MOST_NAMES) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Returns `1 image is` or `5 images are`, for the verbs `is` and `are`.
pub(crate) fn images(n: usize, one: &str, many: &str) -> String {
    match n {
        1 => format!("1 image {one}"),
        _ => format!("{n} images {many}"),
    }
}

/// Returns `1 image` or `5 images`.
pub(crate) fn n_images(n: usize) -> String {
    match n {
        1 => "1 image".to_owned(),
        _ => format!("{n} images"),
    }
}
