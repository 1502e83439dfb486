//! Recognises Waterbirds-100 by the split and bird of each image, and by the backgrounds of the training images. Only
//! this data set gets its published name.

use crate::source::naming::{Published, marks, too_few};
use crate::source::record::SourceImage;
use crate::source::split::Split;

/// Class names by class id.
pub const CLASSES: [&str; 2] = ["landbird", "waterbird"];

/// Group names by group id, which is 2 · class + place, with place 0 for land and 1 for water.
pub const GROUPS: [&str; 4] = [
    "landbird on land",
    "landbird on water",
    "waterbird on land",
    "waterbird on water",
];

/// The name of Waterbirds-100.
pub(super) const WATERBIRDS_100: &str = "waterbirds-100";

/// One character per image, in the order of img_id from 1: `l` for a landbird and `w` for a waterbird of train, `L` and
/// `W` for those of val, `.` for an image of test.
const LISTS: &str = include_str!("waterbirds.txt");

/// Compares the data with Waterbirds-100, which has the 11,788 images of CUB-200-2011; in train all landbirds are on
/// land and all waterbirds on water. `images` are those of `metadata.csv`, before any is left out.
pub(super) fn waterbirds_100(images: &[SourceImage]) -> Published {
    Published {
        name: WATERBIRDS_100,
        differs: differs(images),
    }
}

/// Returns the first difference of these images from Waterbirds-100 ([`Published::differs`]); `None` for Waterbirds-100
/// or a part of it.
fn differs(images: &[SourceImage]) -> Option<String> {
    let marks = marks(LISTS);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn waterbirds_100_is_told_by_its_lists_and_by_where_the_birds_of_train_are() {
        // An image of Waterbirds-100 by its mark; test images are made landbirds, since the marks do not say the bird.
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
            .zip(marks(LISTS))
            .map(|(number, mark)| image(number, mark))
            .collect();
        assert_eq!(whole.len(), 11_788);
        assert_eq!(differs(&whole), None);
        assert_eq!(differs(&whole[100..200]), None);
        assert!(differs(&whole[..10]).is_some());
        // Split and group of an image, the group that it is put into, and whether that is Waterbirds-100 still. It has
        // birds away from their place in val and test, but not in train, and the birds of train and val are known.
        for (split, from, to, is_it) in [
            (Split::Train, 0, 1, false),
            (Split::Train, 3, 2, false),
            (Split::Train, 0, 3, false),
            (Split::Val, 0, 1, true),
            (Split::Val, 3, 2, true),
            (Split::Val, 0, 2, false),
            (Split::Val, 3, 1, false),
            (Split::Test, 0, 1, true),
            (Split::Test, 0, 2, true),
        ] {
            let mut images = whole.clone();
            let at = first_of(&images, split, from);
            images[at].group_id = Some(to);
            assert_eq!(differs(&images).is_none(), is_it, "{split} {from} {to}");
        }
        let mut images = whole;
        let at = first_of(&images, Split::Train, 0);
        images[at].split = Split::Val;
        assert!(differs(&images).is_some());
    }

    fn first_of(images: &[SourceImage], split: Split, group_id: i32) -> usize {
        images
            .iter()
            .position(|image| image.split == split && image.group_id == Some(group_id))
            .unwrap()
    }
}
