//! Finds what makes a data set unfit for guiding a network's explanations by its boxes, or makes its results
//! untrustworthy: splits, classes or groups without images, classes that a network can learn nothing from, boxes
//! that vanish on the grid (the network's input), and one picture, or its copies, in two splits. `data-prep
//! inspect` prints each as a sentence, called a doubt.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use crate::dataset::{Dataset, Image, Split};
use crate::source::copies;
use crate::words::counted;

// These limits are chosen.
/// A class on fewer training images than this is hardly learned.
const FEW_IMAGES: usize = 10;
/// A class on a larger share of the images than this teaches nothing: always predicting it is nearly always right.
const EVERYWHERE: f64 = 0.95;
/// Where the boxes of a class cover more than this share of the image on average, nearly any attribution map lies
/// inside them, so guidance changes nothing.
const WHOLE_IMAGE: f64 = 0.70;
/// The most names in a sentence.
const MOST_NAMED: usize = 5;

/// Returns a sentence for each doubt.
pub(super) fn of(dataset: &Dataset) -> Vec<String> {
    let mut doubts = Vec::new();
    for split in Split::ALL {
        if dataset.indices(split).is_empty() {
            doubts.push(format!("{split} has no image"));
        }
    }
    doubts.extend(few_images(dataset));
    doubts.extend(uninformative(dataset).into_values());
    doubts.extend(vanishing(dataset));
    doubts.extend(empty_groups(dataset));
    doubts.extend(duplicates(dataset));
    doubts.extend(copies_apart(dataset));
    doubts
}

/// The classes that teach a classifier nothing, or whose maps guidance cannot move, each with the sentence that
/// says why. All images are looked at, whatever their split.
pub fn uninformative(dataset: &Dataset) -> BTreeMap<i32, String> {
    let images = &dataset.images;
    let n_images = images.len().max(1) as f64;
    let mut found = BTreeMap::new();
    for (class_id, name) in (0..).zip(&dataset.classes) {
        let on = images
            .iter()
            .filter(|image| image.labels.contains(&class_id));
        let on: Vec<&Image> = on.collect();
        let share = on.len() as f64 / n_images;
        if share > EVERYWHERE {
            let percent = 100.0 * share;
            let why = format!(
                "{name} is on {percent:.0} % of the images: a classifier learns nothing from it"
            );
            found.insert(class_id, why);
            continue;
        }
        let cells = dataset.grid().cells() as f64;
        // Images that only say that the class is on them have no box to cover them.
        let boxed = on.iter().filter(|image| {
            image
                .objects
                .iter()
                .any(|object| object.class_id == class_id)
        });
        let covered: Vec<f64> = boxed
            .map(|image| dataset.class_mask(image, class_id, 0.0).area() as f64 / cells)
            .collect();
        let covered = covered.iter().sum::<f64>() / covered.len().max(1) as f64;
        if covered > WHOLE_IMAGE {
            let percent = 100.0 * covered;
            let why = format!(
                "{name} covers {percent:.0} % of its images: guidance cannot move a map off it"
            );
            found.insert(class_id, why);
        }
    }
    found
}

/// Classes on few training images, or on no image of a split that has images.
fn few_images(dataset: &Dataset) -> Vec<String> {
    let count = |class_id: i32, split: Split| {
        let images = dataset.images.iter().filter(|image| image.split == split);
        images
            .filter(|image| image.labels.contains(&class_id))
            .count()
    };
    let mut few = Vec::new();
    for (class_id, name) in (0..).zip(&dataset.classes) {
        let counts = Split::ALL.map(|split| (split, count(class_id, split)));
        let n_train = counts[0].1;
        if counts.iter().all(|(_, count)| *count == 0) {
            few.push(format!("{name} is on no image"));
        } else if n_train < FEW_IMAGES {
            few.push(format!("{name} is on {n_train} training images"));
        } else {
            let without = counts
                .iter()
                .filter(|(split, count)| *count == 0 && !dataset.indices(*split).is_empty());
            few.extend(without.map(|(split, _)| format!("{name} is on no image of {split}")));
        }
    }
    few
}

/// Pairs (an image and a class on it) whose boxes cover no cell of the grid.
fn vanishing(dataset: &Dataset) -> Option<String> {
    let (mut pairs, mut empty) = (0, 0);
    for image in &dataset.images {
        let boxed: BTreeSet<i32> = image.objects.iter().map(|object| object.class_id).collect();
        for class_id in boxed {
            pairs += 1;
            empty += usize::from(dataset.class_mask(image, class_id, 0.0).area() == 0);
        }
    }
    let (rows, columns) = (dataset.grid().height, dataset.grid().width);
    (empty > 0).then(|| {
        format!(
            "the boxes of {empty} of {pairs} pairs of image and class are too small for {columns}x{rows} \
             pixels: a larger --size keeps them"
        )
    })
}

/// Groups without images in a split that has images.
fn empty_groups(dataset: &Dataset) -> Vec<String> {
    let mut doubts = Vec::new();
    for (id, name) in &dataset.groups {
        for split in Split::ALL {
            let mut images = dataset.images.iter().filter(|image| image.split == split);
            if images.clone().next().is_some() && !images.any(|image| image.group_id == Some(*id)) {
                doubts.push(format!("group {name} has no image in {split}"));
            }
        }
    }
    doubts
}

/// Images of different splits that have the same pixels at the network's size.
fn duplicates(dataset: &Dataset) -> Option<String> {
    let mut by_pixels: HashMap<[u8; 32], Vec<&Image>> = HashMap::new();
    for image in &dataset.images {
        let pixels = dataset.pixels().row(image.pixel_row);
        by_pixels
            .entry(Sha256::digest(pixels).into())
            .or_default()
            .push(image);
    }
    let in_two_splits = |images: &&Vec<&Image>| {
        let splits: BTreeSet<Split> = images.iter().map(|image| image.split).collect();
        splits.len() > 1
    };
    let mut found: Vec<String> = by_pixels
        .values()
        .filter(in_two_splits)
        .map(|images| {
            // One image of each split stands for all that have these pixels.
            let mut of_split: BTreeMap<Split, &str> = BTreeMap::new();
            for image in images {
                of_split.entry(image.split).or_insert(&image.image_id);
            }
            let names: Vec<String> = of_split
                .iter()
                .map(|(split, image_id)| format!("{image_id} in {split}"))
                .collect();
            names.join(" = ")
        })
        .collect();
    found.sort();
    let n = found.len();
    (n > 0).then(|| {
        let more = if n > MOST_NAMED { ", …" } else { "" };
        found.truncate(MOST_NAMED);
        format!(
            "{} in more than one split, so that the test is not of new images: {}{more}",
            counted(n, "picture is", "pictures are"),
            found.join(", ")
        )
    })
}

/// Pictures that have copies in different splits. Roboflow names the copies of one picture `NAME.rf.<hash>`.
fn copies_apart(dataset: &Dataset) -> Option<String> {
    let mut splits: BTreeMap<&str, BTreeSet<Split>> = BTreeMap::new();
    for image in &dataset.images {
        if let Some(name) = copies::picture(&image.file_name) {
            splits.entry(name).or_default().insert(image.split);
        }
    }
    let mut names: Vec<&str> = splits
        .into_iter()
        .filter(|(_, splits)| splits.len() > 1)
        .map(|(name, _)| name)
        .collect();
    let n = names.len();
    (n > 0).then(|| {
        let more = if n > MOST_NAMED { ", …" } else { "" };
        names.truncate(MOST_NAMED);
        format!(
            "{} copies (NAME.rf.…) in more than one split, so that the test is not of new images: {}{more}",
            counted(n, "picture may have", "pictures may have"),
            names.join(", ")
        )
    })
}
