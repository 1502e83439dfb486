//! Names files after images and classes, whatever these are called, so that every file system takes them.

use std::collections::HashSet;

/// The longest name, in bytes. File systems have 255, of which a temporary file takes some more.
const LONGEST: usize = 200;

/// What Windows keeps for devices, with any extension.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Returns `name` as a file name: `_` in place of what some file system does not take, and not longer than
/// [`LONGEST`].
pub fn safe(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .map(|c| match c {
            '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' => '_',
            c if c.is_control() => '_',
            c => c,
        })
        .collect();
    safe.truncate(safe.floor_char_boundary(LONGEST));
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

/// Gives each image the folder of its pictures.
#[derive(Default)]
pub struct Folders {
    /// Those given, in lower case.
    taken: HashSet<String>,
}

impl Folders {
    /// Returns the folder for the image `name`, a path with `/` between folders: the same path, made safe. If
    /// another image has it, be it in other letters' case, a number is put behind.
    pub fn of(&mut self, name: &str) -> String {
        let safe: Vec<String> = name.split('/').map(safe).collect();
        let safe = safe.join("/");
        let numbered = (2..).map(|number| format!("{safe}~{number}"));
        let mut free = std::iter::once(safe.clone())
            .chain(numbered)
            .filter(|folder| self.taken.insert(folder.to_lowercase()));
        free.next().unwrap_or(safe)
    }
}

/// Returns the name of the picture of class `class_id` of `n_classes`, called `class`. Ids make names differ,
/// and sort them.
pub fn picture(class_id: i32, class: &str, n_classes: usize) -> String {
    let digits = n_classes.saturating_sub(1).to_string().len();
    format!("{class_id:0digits$}-{}.png", safe(class))
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
            assert_eq!(safe(name), expected, "{name:?}");
        }
        // Cut between letters of three bytes.
        assert_eq!(safe(&"猫".repeat(100)), "猫".repeat(66));
        assert_eq!(safe(&"x".repeat(255)).len(), LONGEST);
    }

    #[test]
    fn no_two_images_share_a_folder() {
        let mut folders = Folders::default();
        let given = ["a/X.jpg", "a/x.jpg", "A/x.JPG", "a/x.jpg~2", "b/../c"];
        let expected = ["a/X.jpg", "a/x.jpg~2", "A/x.JPG~3", "a/x.jpg~2~2", "b/_/c"];
        assert_eq!(given.map(|name| folders.of(name)), expected);
        // Names that differ behind what is kept of them.
        let long = |end: &str| format!("{}{end}.jpg", "y".repeat(220));
        assert_ne!(folders.of(&long("1")), folders.of(&long("2")));
    }

    #[test]
    fn pictures_of_an_image_have_names_of_their_own() {
        assert_eq!(picture(3, "dog", 20), "03-dog.png");
        assert_eq!(picture(3, "dog", 10), "3-dog.png");
        assert_eq!(picture(0, "../../x", 1), "0-_.._.._x.png");
        assert_ne!(picture(0, "a/b", 2), picture(1, "a_b", 2));
    }
}
