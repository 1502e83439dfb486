//! Recognises COCO 2014 by its categories, image ids and file names. Only this data set gets its published name.

use super::categories;
use crate::source::naming::{Published, too_few};

/// The name of MS COCO 2014.
pub(super) const COCO2014: &str = "coco2014";

/// The numbers of images in COCO's train2014 and val2014, as published.
const IMAGES: [usize; 2] = [82_783, 40_504];

/// Compares data with COCO 2014, whose annotation files are named after the year, which has 80 categories, and whose
/// image files are named after their ids. `suffix` is the suffix of the annotation files' names; `lists` has id and
/// file name of each training image (train2014), then of each test image (val2014).
pub(super) fn coco2014(suffix: &str, categories: &[&str], lists: [&[(i64, &str)]; 2]) -> Published {
    Published {
        name: COCO2014,
        differs: match suffix {
            "2014" => differs(categories, lists),
            _ => Some("annotations in instances_train2014.json".to_owned()),
        },
    }
}

/// Returns the first difference from COCO 2014 ([`Published::differs`]); `None` for COCO 2014 or a part of it.
fn differs(categories: &[&str], lists: [&[(i64, &str)]; 2]) -> Option<String> {
    if let Some(name) = categories::NAMES
        .iter()
        .find(|name| !categories.contains(name))
    {
        return Some(format!("80 categories, {name} among them"));
    }
    for (list, (images, most)) in ["train2014", "val2014"]
        .iter()
        .zip(lists.iter().zip(IMAGES))
    {
        if images.len() > most {
            return Some(format!("{most} images in {list}, not {}", images.len()));
        }
        for (id, file_name) in *images {
            // The releases of 2017 name the same images by their ids, without the prefix.
            let short = format!("{id:012}.jpg");
            if *file_name != short && *file_name != format!("COCO_{list}_{short}") {
                return Some(format!("no image {file_name} of id {id} in {list}"));
            }
        }
    }
    too_few(lists.iter().map(|images| images.len()).sum())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn coco_2014_is_told_by_categories_and_image_names() {
        let names: Vec<(i64, String)> = (1..=30)
            .map(|id| (id * 7919, format!("COCO_train2014_{:012}.jpg", id * 7919)))
            .collect();
        let train: Vec<(i64, &str)> = names.iter().map(|(id, name)| (*id, &**name)).collect();
        let val = [(42, "000000000042.jpg")];
        let differs =
            |categories: &[&str], train: &[(i64, &str)]| differs(categories, [train, &val]);
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
        // One image more than train2014 has is too many; without the first there are as many as it has.
        let all: Vec<(i64, String)> = (0..82_784)
            .map(|id| (id, format!("{id:012}.jpg")))
            .collect();
        let all: Vec<(i64, &str)> = all.iter().map(|(id, name)| (*id, &**name)).collect();
        assert_eq!(differs(&categories::NAMES, &all[1..]), None);
        assert!(differs(&categories::NAMES, &all).is_some());
    }
}
