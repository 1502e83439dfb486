//! Phrases for messages to people: numbers of things, and lists of names.

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

/// Returns a number with the words for one or for many: `1 class` or `5 classes`.
pub(crate) fn counted(n: usize, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// Returns `1 image is` or `5 images are`, for the verbs `is` and `are`.
pub(crate) fn images(n: usize, one: &str, many: &str) -> String {
    counted(n, &format!("image {one}"), &format!("images {many}"))
}

/// Returns `1 image` or `5 images`.
pub(crate) fn n_images(n: usize) -> String {
    counted(n, "image", "images")
}
