//! Recognises copies of one picture in exports of Roboflow (a web service for annotating images) by their names,
//! `NAME.rf.<32 hexadecimal digits>.jpg`. Roboflow augments a picture several times and gives each copy the
//! picture's name and a hash. Copies of one picture must be in the same split.

/// The number of hexadecimal digits of the hash.
const DIGITS: usize = 32;

/// Returns the name of the picture that an image is a copy of, without folders; `None` where the image's file
/// is not called so. A copy of a copy counts as a copy of the first picture.
pub(crate) fn picture(file_name: &str) -> Option<&str> {
    let name = file_name.rsplit('/').next()?;
    let (picture, rest) = name.split_once(".rf.")?;
    let (hash, end) = rest.split_at_checked(DIGITS)?;
    let is_copy = !picture.is_empty()
        && hash.bytes().all(|digit| digit.is_ascii_hexdigit())
        && (end.is_empty() || end.starts_with('.'));
    is_copy.then_some(picture)
}

#[cfg(test)]
mod tests {
    use super::picture;

    #[test]
    fn a_copy_is_told_by_its_hash() {
        let hash = "0123456789abcdef0123456789ABCDEF";
        for (name, expected) in [
            (format!("a.rf.{hash}"), Some("a")),
            (format!("train/images/a_png.rf.{hash}.jpg"), Some("a_png")),
            (format!("a.rf.{hash}.rf.{hash}.jpg"), Some("a")),
            (format!("a.rf.{hash}0.jpg"), None),
            (format!(".rf.{hash}.jpg"), None),
            (format!("a.rf.{}.jpg", &hash[1..]), None),
            ("a.jpg".to_owned(), None),
        ] {
            assert_eq!(picture(&name), expected, "{name}");
        }
    }
}
