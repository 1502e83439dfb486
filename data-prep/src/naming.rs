//! What a data set is called. A published name is given only to what is that data set, told by its
//! classes and by which images its lists have, since runs and reports set published numbers beside
//! such a name; everything else has the name the user gives, or the folder's.
//!
//! The lists are compared image by image, so a part of a data set, or one with images scaled down, is
//! still recognised, and own data with the same kind of ids is not. The readers (`voc`, `coco`,
//! `waterbirds`) say what their lists have.

use std::path::Path;

use crate::coco::categories;
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::record::{Source, SourceImage};
use crate::voc;
use crate::waterbirds::GROUPS;

/// PASCAL VOC 2007.
pub const VOC2007: &str = "voc2007";
/// MS COCO 2014.
pub const COCO2014: &str = "coco2014";
/// Waterbirds-100.
pub const WATERBIRDS_100: &str = "waterbirds-100";
/// The embedded data set, which `data-prep scenes` draws.
pub const SCENES: &str = "scenes";

/// Names that no other data has.
const RESERVED: [&str; 4] = [VOC2007, COCO2014, WATERBIRDS_100, SCENES];

/// So many images must agree with a list before they are taken for a part of it: fewer could agree by
/// chance.
const FEWEST: usize = 20;

/// Characters of a name, at most.
const LONGEST: usize = 64;

/// By image number from 1: `t` for train, `v` for val, `.` for test, or for one of the few of train
/// and val that the copy at hand did not have ([`VOC_UNLISTED`]).
const VOC_LISTS: &str = include_str!("published/voc2007.txt");

/// How many images of train and of val are `.` in [`VOC_LISTS`].
const VOC_UNLISTED: [(Split, usize); 2] = [(Split::Train, 1), (Split::Val, 2)];

/// By img_id from 1: `l` a landbird and `w` a waterbird of train, `L` and `W` of val, `.` an image of
/// test.
const WATERBIRDS_LISTS: &str = include_str!("published/waterbirds.txt");

/// Images of COCO 2014's train2014 and val2014.
const COCO_IMAGES: [usize; 2] = [82_783, 40_504];

/// A data set with a published name, and, where what was read is not that, why: the end of a
/// sentence that begins "the data set has".
pub(crate) struct Published {
    pub name: &'static str,
    pub differs: Option<String>,
}

impl Published {
    /// VOC 2007 has 20 classes and the images 000001 to 009963, each in one of three lists.
    pub fn voc2007(classes: &[String], lists: &[(Split, &str)]) -> Self {
        Self {
            name: VOC2007,
            differs: voc_differs(classes, lists),
        }
    }

    /// COCO 2014 has two files named after the year, 80 categories, and images that are called after
    /// their ids. `suffix` is what the files' names end in, `lists` are their images, id and name.
    pub fn coco2014(suffix: &str, categories: &[&str], lists: [&[(i64, &str)]; 2]) -> Self {
        Self {
            name: COCO2014,
            differs: match suffix {
                "2014" => coco_differs(categories, lists),
                _ => Some("annotations in instances_train2014.json".to_owned()),
            },
        }
    }

    /// Waterbirds-100 has CUB's 11,788 images and in train no bird away from its place. `images` are
    /// as in `metadata.csv`, before any is left out.
    pub fn waterbirds_100(images: &[SourceImage]) -> Self {
        Self {
            name: WATERBIRDS_100,
            differs: waterbirds_differs(images),
        }
    }
}

fn voc_differs(classes: &[String], lists: &[(Split, &str)]) -> Option<String> {
    if classes != voc::CLASSES {
        return Some("20 classes, aeroplane to tvmonitor".to_owned());
    }
    let marks = marks(VOC_LISTS);
    let mut unlisted = VOC_UNLISTED;
    for &(split, image_id) in lists {
        let is_digits = image_id.len() == 6 && image_id.bytes().all(|byte| byte.is_ascii_digit());
        let mark = image_id.parse::<usize>().ok().filter(|_| is_digits);
        let mark = mark.and_then(|number| marks.get(number.checked_sub(1)?));
        let is_there = match (mark, split) {
            (Some(b't'), Split::Train) | (Some(b'v'), Split::Val) => true,
            (Some(b'.'), Split::Test) => true,
            (Some(b'.'), split) => unlisted
                .iter_mut()
                .find(|(of, left)| *of == split && *left > 0)
                .map(|(_, left)| *left -= 1)
                .is_some(),
            _ => false,
        };
        if !is_there {
            return Some(format!("no image {image_id} in {split}"));
        }
    }
    too_few(lists.len())
}

fn coco_differs(categories: &[&str], lists: [&[(i64, &str)]; 2]) -> Option<String> {
    if let Some(name) = categories::NAMES
        .iter()
        .find(|name| !categories.contains(name))
    {
        return Some(format!("80 categories, {name} among them"));
    }
    for (list, (images, most)) in ["train2014", "val2014"]
        .iter()
        .zip(lists.iter().zip(COCO_IMAGES))
    {
        if images.len() > most {
            return Some(format!("{most} images in {list}, not {}", images.len()));
        }
        for (id, file_name) in *images {
            // The releases of 2017 have the same images under their ids alone.
            let short = format!("{id:012}.jpg");
            if *file_name != short && *file_name != format!("COCO_{list}_{short}") {
                return Some(format!("no image {file_name} of id {id} in {list}"));
            }
        }
    }
    too_few(lists.iter().map(|images| images.len()).sum())
}

fn waterbirds_differs(images: &[SourceImage]) -> Option<String> {
    let marks = marks(WATERBIRDS_LISTS);
    let group_of = |image: &SourceImage| image.group_id.unwrap_or_default();
    let is_minority = |image: &&SourceImage| matches!(group_of(image), 1 | 2);
    let mut train = images.iter().filter(|image| image.split == Split::Train);
    if let Some(image) = train.find(is_minority) {
        let group = GROUPS[group_of(image) as usize];
        return Some(format!(
            "no {group} in train, as image {} is",
            image.image_id
        ));
    }
    for image in images {
        let SourceImage {
            image_id, split, ..
        } = image;
        let is_waterbird = group_of(image) >= 2;
        let mark = image_id.parse::<usize>().ok();
        let mark = mark.and_then(|number| marks.get(number.checked_sub(1)?));
        let expected = match (split, is_waterbird) {
            (Split::Train, false) => b'l',
            (Split::Train, true) => b'w',
            (Split::Val, false) => b'L',
            (Split::Val, true) => b'W',
            (Split::Test, _) => b'.',
        };
        if mark != Some(&expected) {
            let bird = if is_waterbird {
                "waterbird"
            } else {
                "landbird"
            };
            return Some(format!("no {bird} {image_id} in {split}"));
        }
    }
    too_few(images.len())
}

fn too_few(n_images: usize) -> Option<String> {
    (n_images < FEWEST).then(|| format!("more than these {n_images} images"))
}

fn marks(lists: &str) -> Vec<u8> {
    lists.bytes().filter(|byte| *byte != b'\n').collect()
}

impl Source {
    /// Gives the data set its name: `asked`, else that of the data set it is, else that of `folder`,
    /// in lower case and with `-` for what a name has not.
    ///
    /// # Errors
    /// When `asked` is no name, or a published one and this is another data set.
    pub(crate) fn take_name(
        &mut self,
        asked: Option<&str>,
        folder: &Path,
        published: Published,
    ) -> Result<()> {
        let Published { name, differs } = published;
        self.name = match (asked, differs) {
            (Some(asked), differs) => {
                check(asked, folder)?;
                let lower = asked.to_lowercase();
                if !RESERVED.contains(&&*lower) {
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
                if RESERVED.contains(&&*own) {
                    let renamed = format!("{own}-own");
                    self.notes.push(match own == name {
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

fn is_name_part(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '_' | '-')
}

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

/// The folder's name made into one of a data set.
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
    use crate::record::Fingerprint;

    fn named(
        asked: Option<&str>,
        folder: &str,
        published: Published,
    ) -> Result<(String, Vec<String>)> {
        let mut source = Source {
            name: String::new(),
            classes: Vec::new(),
            groups: Vec::new(),
            images: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
            annotations: Fingerprint::default(),
        };
        source.take_name(asked, Path::new(folder), published)?;
        Ok((source.name, source.notes))
    }

    fn voc_classes() -> Vec<String> {
        voc::CLASSES.map(str::to_owned).to_vec()
    }

    /// The lists as VOC 2007 has them, but for the three images that are not known.
    fn voc_lists() -> Vec<(Split, String)> {
        (1..)
            .zip(marks(VOC_LISTS))
            .map(|(number, mark)| {
                let split = match mark {
                    b't' => Split::Train,
                    b'v' => Split::Val,
                    _ => Split::Test,
                };
                (split, format!("{number:06}"))
            })
            .collect()
    }

    fn borrowed(lists: &[(Split, String)]) -> Vec<(Split, &str)> {
        lists.iter().map(|(split, id)| (*split, &**id)).collect()
    }

    #[test]
    fn voc_2007_is_told_by_its_lists() {
        let whole = voc_lists();
        let differs = |lists: &[(Split, String)]| voc_differs(&voc_classes(), &borrowed(lists));
        assert_eq!(whole.len(), 9963);
        assert_eq!(differs(&whole), None);
        // Some of test may be of train and val, but no more than are not known.
        let mut of_test: Vec<usize> = (0..whole.len())
            .filter(|&at| whole[at].0 == Split::Test)
            .collect();
        let mut moved = whole.clone();
        for split in [Split::Train, Split::Val, Split::Val] {
            moved[of_test.pop().unwrap()].0 = split;
        }
        assert_eq!(differs(&moved), None);
        moved[of_test[0]].0 = Split::Train;
        assert!(differs(&moved).unwrap().ends_with(" in train"));
        // A part of it, too.
        assert_eq!(differs(&whole[7..40]), None);
        assert_eq!(differs(&whole[7..20]).unwrap(), "more than these 13 images");
        // Own images numbered like VOC's, in lists of their own.
        let own: Vec<(Split, String)> = (1..=40)
            .map(|number| (Split::ALL[number % 3], format!("{number:06}")))
            .collect();
        assert!(differs(&own).is_some());
        for id in ["2008_000001", "1", "000000", "009964", "+00012", "a"] {
            let mut other = whole.clone();
            other.push((Split::Train, id.to_owned()));
            assert_eq!(differs(&other).unwrap(), format!("no image {id} in train"));
        }
        let mut classes = voc_classes();
        classes.swap(0, 1);
        let found = voc_differs(&classes, &borrowed(&whole)).unwrap();
        assert!(found.contains("20 classes"), "{found}");
    }

    #[test]
    fn coco_2014_is_told_by_categories_and_image_names() {
        let names: Vec<(i64, String)> = (1..=30)
            .map(|id| (id * 7919, format!("COCO_train2014_{:012}.jpg", id * 7919)))
            .collect();
        let train: Vec<(i64, &str)> = names.iter().map(|(id, name)| (*id, &**name)).collect();
        let val = [(42, "000000000042.jpg")];
        let differs =
            |categories: &[&str], train: &[(i64, &str)]| coco_differs(categories, [train, &val]);
        assert_eq!(differs(&categories::NAMES, &train), None);
        assert_eq!(
            differs(&categories::NAMES[..79], &train).unwrap(),
            "80 categories, toothbrush among them"
        );
        for image in [
            (5, "000005.jpg"),
            (5, "000000000006.jpg"),
            (5, "COCO_val2014_000000000005.jpg"),
        ] {
            let mut train = train.clone();
            train.push(image);
            assert!(differs(&categories::NAMES, &train).is_some(), "{image:?}");
        }
        assert!(differs(&categories::NAMES, &train[..5]).is_some());
        let all: Vec<(i64, String)> = (0..82_784)
            .map(|id| (id, format!("{id:012}.jpg")))
            .collect();
        let all: Vec<(i64, &str)> = all.iter().map(|(id, name)| (*id, &**name)).collect();
        assert_eq!(differs(&categories::NAMES, &all[1..]), None);
        assert!(differs(&categories::NAMES, &all).is_some());
    }

    #[test]
    fn waterbirds_100_is_told_by_its_lists_and_by_where_the_birds_of_train_are() {
        let image = |number: usize, mark: u8| {
            let split = match mark {
                b'l' | b'w' => Split::Train,
                b'L' | b'W' => Split::Val,
                _ => Split::Test,
            };
            let bird = i32::from(matches!(mark, b'w' | b'W'));
            SourceImage {
                image_id: number.to_string(),
                file_name: String::new(),
                path: "".into(),
                split,
                size: None,
                group_id: Some(3 * bird),
                extra_labels: Vec::new(),
                objects: Vec::new(),
            }
        };
        let whole: Vec<SourceImage> = (1..)
            .zip(marks(WATERBIRDS_LISTS))
            .map(|(number, mark)| image(number, mark))
            .collect();
        assert_eq!(whole.len(), 11_788);
        assert_eq!(waterbirds_differs(&whole), None);
        assert_eq!(waterbirds_differs(&whole[100..200]), None);
        assert!(waterbirds_differs(&whole[..10]).is_some());
        for (split, group_id, is_it) in [
            (Split::Train, 1, false),
            (Split::Train, 2, false),
            (Split::Val, 1, true),
            (Split::Test, 2, true),
        ] {
            let mut images = whole.clone();
            let at = first_of(&images, split);
            let image = &mut images[at];
            let bird = image.group_id.unwrap() / 2;
            image.group_id = Some(match split {
                Split::Train => group_id,
                _ => 2 * bird + 1 - bird,
            });
            assert_eq!(
                waterbirds_differs(&images).is_none(),
                is_it,
                "{split} {group_id}"
            );
        }
        let mut images = whole;
        let at = first_of(&images, Split::Train);
        images[at].split = Split::Val;
        assert!(waterbirds_differs(&images).is_some());
    }

    fn first_of(images: &[SourceImage], split: Split) -> usize {
        images
            .iter()
            .position(|image| image.split == split)
            .unwrap()
    }

    #[test]
    fn a_name_is_the_users_or_the_published_one_or_the_folders() {
        let is = || Published {
            name: VOC2007,
            differs: None,
        };
        let is_not = || Published {
            name: VOC2007,
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
