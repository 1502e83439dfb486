//! Names pictures (an image with a class's map over it) after their image and class, whatever these are called, so
//! that every file system takes the names.

use std::collections::HashSet;

/// The most bytes of an image's name that a picture's name keeps. File systems allow 255 in all; the rest is left
/// for class, numbers and what a temporary file's name adds.
const LONGEST_IMAGE: usize = 130;
/// The most bytes of a class's name that a picture's name keeps.
const LONGEST_CLASS: usize = 80;

/// Names that Windows reserves for devices, also with any extension behind them.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Returns `name` as a file name: `_` in place of characters that some file system does not take, and cut to
/// `longest` bytes (up to two `_` may be added to that).
fn safe(name: &str, longest: usize) -> String {
    let mut safe: String = name
        .chars()
        .map(|c| match c {
            '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' => '_',
            c if c.is_control() => '_',
            c => c,
        })
        .collect();
    safe.truncate(safe.floor_char_boundary(longest));
    let kept = safe.trim_end_matches(['.', ' ']).len();
    let is_cut = kept < safe.len();
    safe.truncate(kept);
    let stem = safe.split('.').next().unwrap_or_default();
    let is_device = DEVICES.contains(&stem.trim_end().to_lowercase().as_str());
    if is_cut || safe.is_empty() {
        safe.push('_');
    }
    if is_device || safe.starts_with('.') {
        safe.insert(0, '_');
    }
    safe
}

/// Gives the pictures of each image the beginning of their names.
#[derive(Default)]
pub struct Stems {
    /// Those given, in lower case.
    taken: HashSet<String>,
}

impl Stems {
    /// Returns the beginning for the image `name`, a path with `/` between folders: the same path, made safe.
    /// If another image already has it, upper and lower case counting as equal, `~2`, `~3` … is put behind.
    pub fn of(&mut self, name: &str) -> String {
        let parts = name.split('/').map(|part| safe(part, LONGEST_IMAGE));
        let safe = parts.collect::<Vec<_>>().join("/");
        let numbered = (2..).map(|number| format!("{safe}~{number}"));
        let mut free = std::iter::once(safe.clone())
            .chain(numbered)
            .filter(|stem| self.taken.insert(stem.to_lowercase()));
        free.next().unwrap_or(safe)
    }
}

/// Returns the path of the picture of class `class_id` of `n_classes`, called `class`, on the image that
/// [`Stems`] gave `stem`. The ids keep the names of classes that are called alike apart, and give their order.
pub fn picture(stem: &str, class_id: i32, class: &str, n_classes: usize) -> String {
    let digits = n_classes.saturating_sub(1).to_string().len();
    let class = safe(class, LONGEST_CLASS);
    format!("{stem}.{class_id:0digits$}-{class}.png")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_those_of_files() {
        for (name, expected) in [
            ("dog.jpg", "dog.jpg"),
            ("Größe 猫.png", "Größe 猫.png"),
            ("a/b\\c:d*e?f\"g<h>i|j", "a_b_c_d_e_f_g_h_i_j"),
            ("line\nbreak\0", "line_break_"),
            ("..", "_"),
            ("", "_"),
            (".hidden", "_.hidden"),
            ("ends. ", "ends_"),
            ("NUL", "_NUL"),
            ("Con.jpg", "_Con.jpg"),
            ("console", "console"),
        ] {
            assert_eq!(safe(name, LONGEST_IMAGE), expected, "{name:?}");
        }
        // Cut between letters of three bytes.
        assert_eq!(safe(&"猫".repeat(100), 80), "猫".repeat(26));
        let long = picture(
            &safe(&"x".repeat(255), LONGEST_IMAGE),
            999,
            &"y".repeat(255),
            1000,
        );
        // 5 bytes are `.999-`, 4 are `.png`.
        assert_eq!(long.len(), 130 + 5 + 80 + 4);
    }

    #[test]
    fn no_two_images_share_their_pictures() {
        let mut stems = Stems::default();
        let given = ["a/X.jpg", "a/x.jpg", "A/x.JPG", "a/x.jpg~2", "b/../c"];
        let expected = ["a/X.jpg", "a/x.jpg~2", "A/x.JPG~3", "a/x.jpg~2~2", "b/_/c"];
        assert_eq!(given.map(|name| stems.of(name)), expected);
        // Names that differ behind what is kept of them.
        let long = |end: &str| format!("{}{end}.jpg", "y".repeat(220));
        assert_ne!(stems.of(&long("1")), stems.of(&long("2")));
    }

    #[test]
    fn pictures_of_an_image_have_names_of_their_own() {
        assert_eq!(picture("a/b.jpg", 3, "dog", 20), "a/b.jpg.03-dog.png");
        assert_eq!(picture("b", 3, "dog", 10), "b.3-dog.png");
        assert_eq!(picture("b", 0, "../../x", 1), "b.0-_.._.._x.png");
        assert_ne!(picture("b", 0, "a/b", 2), picture("b", 1, "a_b", 2));
    }
}
