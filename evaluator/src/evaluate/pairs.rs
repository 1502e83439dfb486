//! The pairs of a split: each image with each class on it. Checks that every row of a map file belongs to
//! one of them and that no pair has two maps, and says at the end which pairs have none.

use std::collections::HashMap;
use std::path::PathBuf;

use data_prep::dataset::{Dataset, Split};

use crate::error::{Error, Result};
use crate::maps::MapRow;
use crate::metrics::pair::ScoredPair;

/// The pairs of one split, ordered by image and class; their scores are filled in while maps arrive. A slot
/// is a pair's index in this order.
pub(crate) struct Pairs<'a> {
    dataset: &'a Dataset,
    /// The map file's name for messages.
    path: PathBuf,
    split: Split,
    /// Index of an image in the data set, by its id.
    image_of: HashMap<&'a str, usize>,
    /// Slot of (image index, class).
    slot_of: HashMap<(usize, i32), usize>,
    /// (Image index, class) by slot.
    pub(crate) pairs: Vec<(usize, i32)>,
    /// By slot, whether a row with the pair's map was read.
    is_taken: Vec<bool>,
    /// The scores by slot; `None` until the map is scored.
    scored: Vec<Option<ScoredPair>>,
    /// Rows of the map file checked so far, for messages.
    row: u64,
}

impl<'a> Pairs<'a> {
    /// The pairs of `split`, for a map file called `path` in messages.
    pub(crate) fn new(dataset: &'a Dataset, split: Split, path: PathBuf) -> Self {
        let labels = |index: usize| {
            dataset.images[index]
                .labels
                .iter()
                .map(move |&c| (index, c))
        };
        let pairs: Vec<(usize, i32)> = dataset
            .indices(split)
            .into_iter()
            .flat_map(labels)
            .collect();
        Self {
            dataset,
            path,
            split,
            image_of: dataset.index_by_id(),
            slot_of: pairs.iter().copied().zip(0..).collect(),
            is_taken: vec![false; pairs.len()],
            scored: vec![None; pairs.len()],
            pairs,
            row: 0,
        }
    }

    /// Returns the slot of the pair that `row` is a map of, and marks it as taken.
    ///
    /// # Errors
    /// When the image is unknown or of another split, the class is not one of its labels, or the pair
    /// already has a map.
    pub(crate) fn take(&mut self, row: &MapRow) -> Result<usize> {
        let wrong = |field: &'static str, found: String, expected: String| Error::Row {
            path: self.path.clone(),
            row: self.row,
            field,
            found,
            expected,
        };
        let MapRow {
            image_id, class_id, ..
        } = row;
        let Some(&index) = self.image_of.get(image_id.as_str()) else {
            let expected = format!("an image_id of {}", self.dataset.dir().display());
            return Err(wrong("image_id", format!("{image_id:?}"), expected));
        };
        let image = &self.dataset.images[index];
        if image.split != self.split {
            let found = format!("{image_id:?} of split {}", image.split);
            let expected = format!("an image of split {}", self.split);
            return Err(wrong("image_id", found, expected));
        }
        let Some(&slot) = self.slot_of.get(&(index, *class_id)) else {
            let found = format!("{class_id} on image {image_id}");
            let expected = format!("one of its labels {:?}", image.labels);
            return Err(wrong("class_id", found, expected));
        };
        if self.is_taken[slot] {
            let found = format!("image {image_id} class {class_id} again");
            return Err(wrong("class_id", found, "each pair once".to_owned()));
        }
        self.is_taken[slot] = true;
        self.row += 1;
        Ok(slot)
    }

    /// Stores a pair's scores in its slot.
    pub(crate) fn fill(&mut self, slot: usize, pair: ScoredPair) {
        self.scored[slot] = Some(pair);
    }

    /// Returns the error for pairs without a map; `None` when all have one.
    pub(crate) fn missing(&self) -> Option<Error> {
        let first = self.scored.iter().position(Option::is_none)?;
        let (index, class_id) = self.pairs[first];
        Some(Error::MissingMaps {
            path: self.path.clone(),
            missing: self.scored.iter().filter(|pair| pair.is_none()).count(),
            pairs: self.pairs.len(),
            split: self.split,
            image_id: self.dataset.images[index].image_id.clone(),
            class_id,
        })
    }

    /// Returns the pairs that have a map, in order, each with its slot.
    pub(crate) fn into_scored(self) -> Vec<(usize, ScoredPair)> {
        let pairs = self.scored.into_iter().enumerate();
        pairs
            .filter_map(|(slot, pair)| Some((slot, pair?)))
            .collect()
    }
}
