//! Decides the name of a data set. Only the published data set itself gets its name, recognised by its
//! classes and by the images in its lists, because runs and reports show published numbers beside that
//! name. Other data has the name that the user gives, or the folder's.
//!
//! The module `published` of a format recognises the format's published data sets. It compares ids and splits image
//! by image, not pixels. So a part of a published data set, or a copy with smaller images, is still recognised,
//! and own data with the same kind of ids is not.

use std::path::Path;

use super::record::Source;
use crate::error::{Error, Result};

/// The least number of images that must agree with a published list to count as a part of it: fewer could agree
/// by chance. Chosen.
const FEWEST: usize = 20;

/// The most characters of a name. Chosen.
const LONGEST: usize = 64;

/// The published data set that the data was compared with, and the outcome.
pub(super) struct Published {
    /// The published data set's name.
    pub name: &'static str,
    /// `None` where the data is this data set or a part of it; else a difference, as the end of the sentence
    /// "NAME has …", e.g. "20 classes, aeroplane to tvmonitor" or "no image 000001 in val".
    pub differs: Option<String>,
}

/// Returns the `differs` of [`Published`] for data with too few images to be recognised; None where
/// `n_images` are enough.
pub(super) fn too_few(n_images: usize) -> Option<String> {
    (n_images < FEWEST).then(|| format!("more images than these {n_images}"))
}

/// Returns the characters of `lists`, a text file with one character per image, without the line ends. What a
/// character means is said beside the file (voc2007.txt, waterbirds.txt).
pub(super) fn marks(lists: &str) -> Vec<u8> {
    lists.bytes().filter(|byte| *byte != b'\n').collect()
}

/// The name a user asks for, if any, and the names reserved for published data sets and the embedded one.
#[derive(Debug, Clone)]
pub struct Naming {
    asked: Option<String>,
    reserved: Vec<&'static str>,
}

impl Naming {
    /// Makes a naming in which the user asks for no name. The names `reserved` are in lower case.
    pub fn new(reserved: Vec<&'static str>) -> Self {
        Self {
            asked: None,
            reserved,
        }
    }

    /// Returns the naming with the name that the user asks for, if any.
    pub fn asked(self, name: Option<&str>) -> Self {
        Self {
            asked: name.map(str::to_owned),
            ..self
        }
    }

    /// Gives the data set its name: the one asked for; else the published one where the data is that data set;
    /// else the name of `folder`, in lower case and with `-` for characters that a name may not have. Where
    /// that is a reserved name, `-own` is appended. `published` is `None` for formats without published data sets.
    ///
    /// # Errors
    /// When the name asked for is not a valid name, or is reserved for a data set that this is not.
    pub(super) fn give(
        &self,
        source: &mut Source,
        folder: &Path,
        published: Option<Published>,
    ) -> Result<()> {
        let Published { name, differs } = published.unwrap_or(Published {
            name: "",
            differs: Some(String::new()), // never shown: no name is empty
        });
        source.name = match (self.asked.as_deref(), differs) {
            (Some(asked), differs) => {
                check(asked, folder)?;
                let lower = asked.to_lowercase();
                if !self.reserved.contains(&&*lower) {
                    asked.to_owned()
                } else if lower != name {
                    return Err(refused(asked, folder, "it is another data set's"));
                } else if let Some(differs) = differs {
                    return Err(refused(asked, folder, &format!("{name} has {differs}")));
                } else {
                    lower
                }
            }
            (None, None) => name.to_owned(),
            (None, Some(differs)) => {
                let own = from_folder(folder);
                if self.reserved.contains(&&*own) {
                    let renamed = format!("{own}-own");
                    source.notes.push(match own == name {
                        true => format!("called {renamed}, since {name} has {differs}"),
                        false => {
                            format!("called {renamed}, since {own} is another data set's name")
                        }
                    });
                    renamed
                } else {
                    own
                }
            }
        };
        Ok(())
    }
}

/// Whether a name may have this character.
fn is_name_part(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '_' | '-')
}

/// Refuses a name with other characters than a name may have, or with too many.
fn check(asked: &str, folder: &Path) -> Result<()> {
    let is_name = asked.starts_with(char::is_alphanumeric)
        && asked.chars().all(is_name_part)
        && asked.chars().count() <= LONGEST;
    match is_name {
        true => Ok(()),
        false => Err(Error::layout(
            folder,
            "--name",
            format!("{:?}", crate::error::quoted(asked)),
            format!(
                "at most {LONGEST} letters, digits, `.`, `_` and `-`, the first a letter or digit"
            ),
        )),
    }
}

fn refused(asked: &str, folder: &Path, why: &str) -> Error {
    Error::layout(folder, "--name", asked, format!("a name of its own: {why}"))
}

/// Returns the folder's name made into a valid name of a data set; `data` where nothing is left of it.
fn from_folder(folder: &Path) -> String {
    let resolved = match folder.file_name() {
        Some(_) => None,
        None => fs_err::canonicalize(folder).ok(), // `.` and `..`
    };
    let name = resolved.as_deref().unwrap_or(folder).file_name();
    let name = name.unwrap_or_default().to_string_lossy().to_lowercase();
    let name: String = name
        .chars()
        .map(|c| if is_name_part(c) { c } else { '-' })
        .collect();
    let name = name.trim_matches(|c: char| !c.is_alphanumeric());
    match name {
        "" => "data".to_owned(),
        name => name.chars().take(LONGEST).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RESERVED: [&str; 3] = ["voc2007", "coco2014", "scenes"];

    fn named(
        asked: Option<&str>,
        folder: &str,
        published: Published,
    ) -> Result<(String, Vec<String>)> {
        let mut source = Source::new(Vec::new());
        let naming = Naming::new(RESERVED.to_vec()).asked(asked);
        naming.give(&mut source, Path::new(folder), Some(published))?;
        Ok((source.name, source.notes))
    }

    #[test]
    fn a_name_is_the_users_or_the_published_one_or_the_folders() {
        let is = || Published {
            name: "voc2007",
            differs: None,
        };
        let is_not = || Published {
            name: "voc2007",
            differs: Some("no image a in train".to_owned()),
        };
        for (asked, folder, published, expected) in [
            (None, "x/VOC2007", is(), "voc2007"),
            (None, "x/mine", is(), "voc2007"),
            (Some("mine"), "x/VOC2007", is(), "mine"),
            (Some("VOC2007"), "x", is(), "voc2007"),
            (None, "x/VOC2012", is_not(), "voc2012"),
            (None, "x/My data (2)/", is_not(), "my-data--2"),
            (None, "x/写真", is_not(), "写真"),
            (None, "/", is_not(), "data"),
            (Some("Räder_1.0"), "x", is_not(), "Räder_1.0"),
        ] {
            let (name, notes) = named(asked, folder, published).unwrap();
            assert_eq!((&*name, notes.len()), (expected, 0), "{asked:?} {folder}");
        }
        for (folder, expected, note) in [
            (
                "x/VOC2007",
                "voc2007-own",
                "called voc2007-own, since voc2007 has no image a in train",
            ),
            (
                "scenes",
                "scenes-own",
                "called scenes-own, since scenes is another data set's name",
            ),
        ] {
            let (name, notes) = named(None, folder, is_not()).unwrap();
            assert_eq!((&*name, &*notes), (expected, &[note.to_owned()][..]));
        }
        for (asked, published, why) in [
            (
                "voc2007",
                is_not(),
                "found voc2007, expected a name of its own: voc2007 has no image a in train",
            ),
            (
                "VOC2007",
                is_not(),
                "found VOC2007, expected a name of its own: voc2007 has no image a in train",
            ),
            (
                "coco2014",
                is(),
                "found coco2014, expected a name of its own: it is another data set's",
            ),
            (
                "scenes",
                is(),
                "found scenes, expected a name of its own: it is another data set's",
            ),
            ("", is(), "found \"\", expected at most 64 letters, digits,"),
            (
                "a b",
                is(),
                "found \"a b\", expected at most 64 letters, digits,",
            ),
            (
                "../a",
                is(),
                "found \"../a\", expected at most 64 letters, digits,",
            ),
        ] {
            let error = named(Some(asked), "x/in", published)
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with(&format!("x/in: --name: {why}")),
                "{error}"
            );
        }
    }
}
