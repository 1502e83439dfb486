//! Recognises VOC 2007 by its classes and by which images are in which split. Only this data set gets its published
//! name.

use crate::source::naming::{Published, marks, too_few};
use crate::source::split::Split;

/// The classes of PASCAL VOC, alphabetical; the index is the class id.
pub const CLASSES: [&str; 20] = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

/// The name of PASCAL VOC 2007.
pub(super) const VOC2007: &str = "voc2007";

/// One character per image, in the order of the images' numbers from 1: `t` for train, `v` for val, `.` for test. A few
/// images of train and val are wrongly `.`, because the copy that this file was made from lacked them ([`UNLISTED`]).
const LISTS: &str = include_str!("voc2007.txt");

/// How many images of train and of val are `.` in [`LISTS`]. So many images marked `.` are accepted in train and val.
const UNLISTED: [(Split, usize); 2] = [(Split::Train, 1), (Split::Val, 2)];

/// Compares data with VOC 2007, which has 20 classes and the images 000001 to 009963, each in one split. `lists` has
/// the split and id of every image of the data.
pub(super) fn voc2007(classes: &[String], lists: &[(Split, &str)]) -> Published {
    Published {
        name: VOC2007,
        differs: differs(classes, lists),
    }
}

/// Whether an image's name is like those of PASCAL VOC: six digits (2007), or a year, `_` and six digits (later years).
pub(super) fn is_image_id(name: &str) -> bool {
    let number = match name.split_once('_') {
        Some((year, number)) if year.len() == 4 && year.starts_with("20") => {
            if !year.bytes().all(|byte| byte.is_ascii_digit()) {
                return false;
            }
            number
        }
        Some(_) => return false,
        None => name,
    };
    number.len() == 6 && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the first difference from VOC 2007 ([`Published::differs`]); `None` for VOC 2007 or a part of it.
fn differs(classes: &[String], lists: &[(Split, &str)]) -> Option<String> {
    if classes != CLASSES {
        return Some("20 classes, aeroplane to tvmonitor".to_owned());
    }
    let marks = marks(LISTS);
    let mut unlisted = UNLISTED;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn voc_classes() -> Vec<String> {
        CLASSES.map(str::to_owned).to_vec()
    }

    /// Makes VOC 2007's lists from [`LISTS`]; the three images of [`UNLISTED`] come out as test images.
    fn voc_lists() -> Vec<(Split, String)> {
        (1..)
            .zip(marks(LISTS))
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
        let differs = |lists: &[(Split, String)]| differs(&voc_classes(), &borrowed(lists));
        assert_eq!(whole.len(), 9963);
        assert_eq!(differs(&whole), None);
        // One image marked `.` may be in train and two in val ([`UNLISTED`]), but no more.
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
        // A part of VOC 2007 is recognised, too, if it is not too small.
        assert_eq!(differs(&whole[7..40]), None);
        assert_eq!(differs(&whole[7..20]).unwrap(), "more images than these 13");
        // Own images that are numbered like VOC's, but in other splits.
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
        let found = super::differs(&classes, &borrowed(&whole)).unwrap();
        assert!(found.contains("20 classes"), "{found}");
    }
}
