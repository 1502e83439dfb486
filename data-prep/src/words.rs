//! Words for numbers of images in sentences for people.

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
