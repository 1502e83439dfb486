//! Divides images into train, val and test: by a hash of their ids, or balanced by class (`--stratify`).
//!
//! With the hash an image stays in its split when others are added. Images that must stay together, such as
//! those of one patient, form a unit; what they share is hashed in the place of the id. Without `--split-by`
//! only the augmented copies of one picture in Roboflow's exports (`copies`) are kept together.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::str::FromStr;

use regex::Regex;
use sha2::{Digest, Sha256};

use super::copies;
use super::record::{Source, SourceImage};
use super::split::Split;
use crate::error::{Error, Result};

/// The shares of train, val and test, in percent; 70, 15 and 15 by default.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares([f64; 3]);

impl Default for Shares {
    fn default() -> Self {
        Self([70.0, 15.0, 15.0])
    }
}

impl FromStr for Shares {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("found {text:?}, expected three percentages that sum to 100, as 70,15,15");
        let shares: Vec<f64> = text
            .split(',')
            .map(|share| share.trim().parse().map_err(|_| expected()))
            .collect::<Result<_, _>>()?;
        let shares: [f64; 3] = shares.try_into().map_err(|_| expected())?;
        let is_valid = shares.iter().all(|share| (0.0..=100.0).contains(share))
            && (shares.iter().sum::<f64>() - 100.0).abs() < 1e-6
            && shares[0] > 0.0;
        is_valid.then_some(Self(shares)).ok_or_else(expected)
    }
}

impl std::fmt::Display for Shares {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [train, val, test] = self.0;
        write!(f, "{train},{val},{test}")
    }
}

/// How images are divided.
#[derive(Debug)]
pub(super) struct Division<'a> {
    /// The share of each split.
    pub shares: Shares,
    /// What the images of a unit share: the cell in this column of [`Source::columns`], or what the first
    /// group of this regular expression matches in the file's name. `None`: each image is a unit, together
    /// with its copies where it has some.
    pub by: Option<&'a str>,
    /// Whether each class gets its share of every split.
    pub stratify: bool,
}

/// Returns what an image shares with the others of its unit.
type Key<'s> = Box<dyn Fn(&SourceImage) -> Result<String> + 's>;

/// Images that stay together.
struct Unit {
    /// Indices into [`Source::images`].
    images: Vec<usize>,
    /// A hash of what the images share, as a number in [0, 1).
    position: f64,
}

impl Division<'_> {
    /// Divides all images anew.
    pub(super) fn divide(&self, source: &mut Source) -> Result<()> {
        let all: Vec<usize> = (0..source.images.len()).collect();
        let shares = self.shares.0.map(|share| share / 100.0);
        let copied = self.copied(source, &all);
        self.split(source, &all, shares, &copied)?;
        let whose = match source.has_splits {
            true => "the data's own splits are not used",
            false => "the data has no splits",
        };
        let note = format!(
            "{whose}: divided {} percent {}",
            self.shares,
            self.description(&copied)
        );
        self.said(source, note);
        source.has_splits = true;
        Ok(())
    }

    /// Where the data has no validation or no test images, takes them from the training images. Returns whether
    /// that was so. The percentages of train and of the missing splits are scaled to sum to 1.
    pub(super) fn cut_missing(&self, source: &mut Source) -> Result<bool> {
        let of = |source: &Source, split| -> Vec<usize> {
            (0..source.images.len())
                .filter(|&index| source.images[index].split == split)
                .collect()
        };
        let train = of(source, Split::Train);
        let mut shares = self.shares.0;
        let mut cut = Vec::new();
        for split in [Split::Val, Split::Test] {
            match of(source, split).is_empty() {
                true => cut.push(split.to_string()),
                false => shares[split as usize] = 0.0,
            }
        }
        if cut.is_empty() || train.is_empty() {
            return Ok(false);
        }
        let sum: f64 = shares.iter().sum();
        let copied = self.copied(source, &train);
        self.split(source, &train, shares.map(|share| share / sum), &copied)?;
        let cut = cut.join(" and ");
        let note = format!(
            "the data has no {cut}: cut from train {}",
            self.description(&copied)
        );
        self.said(source, note);
        Ok(true)
    }

    /// Adds a note with what was done and the number of images in each split, and hashes the note, too.
    fn said(&self, source: &mut Source, note: String) {
        let count = |split| {
            let images = source.images.iter();
            images.filter(|image| image.split == split).count()
        };
        let counts = Split::ALL.map(|split| format!("{} {split}", count(split)));
        let wanted = || {
            let shares = Split::ALL.into_iter().zip(self.shares.0);
            shares.filter(|(_, share)| *share > 0.0)
        };
        let is_one_empty = wanted().any(|(split, _)| count(split) == 0);
        let few = match (is_one_empty, wanted().count()) {
            (false, _) => "",
            (true, 3) => " (too few images for all three)",
            (true, _) => " (too few images for both)",
        };
        let note = format!("{note}: {}{few}", counts.join(", "));
        source.annotations.add("division", note.as_bytes());
        source.notes.push(note);
    }

    /// Returns the names of the pictures that have several copies among the images at `indices`; none where
    /// `--split-by` says what stays together.
    fn copied(&self, source: &Source, indices: &[usize]) -> HashSet<String> {
        let mut seen = HashSet::new();
        let names = indices
            .iter()
            .filter_map(|&index| copies::picture(&source.images[index].file_name));
        names
            .filter(|name| self.by.is_none() && !seen.insert(*name))
            .map(str::to_owned)
            .collect()
    }

    /// Returns the part of the note that says what stays together and how the division was made.
    fn description(&self, copied: &HashSet<String>) -> String {
        let unit = match self.by {
            Some(by) => format!("images that share {by} together, "),
            None if !copied.is_empty() => {
                "copies of one picture, NAME.rf.…, stay together, ".to_owned()
            }
            None => String::new(),
        };
        match self.stratify {
            true => format!("({unit}balanced by class; images that are added may move others)"),
            false => format!(
                "({unit}by a hash of the image ids, so that images that are added move no other)"
            ),
        }
    }

    /// Puts the images at `indices` into the splits; the `shares` of train, val and test sum to 1. Copies of
    /// one of the pictures in `copied` form a unit.
    fn split(
        &self,
        source: &mut Source,
        indices: &[usize],
        shares: [f64; 3],
        copied: &HashSet<String>,
    ) -> Result<()> {
        let units = self.units(source, indices, copied)?;
        let mut splits = match self.stratify {
            true => balanced(&units, &source.images, shares),
            false => by_position(&units, shares),
        };
        fill_empty(&units, shares, &mut splits);
        for (unit, split) in units.iter().zip(splits) {
            for &index in &unit.images {
                source.images[index].split = split;
            }
        }
        Ok(())
    }

    /// Returns the units of the images at `indices`, in the order of their positions.
    fn units(
        &self,
        source: &Source,
        indices: &[usize],
        copied: &HashSet<String>,
    ) -> Result<Vec<Unit>> {
        let key = self.key(source, copied)?;
        let mut units: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for &index in indices {
            units
                .entry(key(&source.images[index])?)
                .or_default()
                .push(index);
        }
        let mut units: Vec<Unit> = units
            .into_iter()
            .map(|(key, images)| Unit {
                images,
                position: position(&key),
            })
            .collect();
        units.sort_by(|a, b| a.position.total_cmp(&b.position));
        Ok(units)
    }

    /// Returns the function that gives what an image shares with the others of its unit: the cell, the match,
    /// the picture's name or, for a unit of one image, its id.
    ///
    /// # Errors
    /// When `--split-by` is neither a column nor a regular expression with a group.
    fn key<'s>(&self, source: &'s Source, copied: &'s HashSet<String>) -> Result<Key<'s>> {
        let Some(by) = self.by else {
            return Ok(Box::new(|image| {
                let picture = copies::picture(&image.file_name);
                Ok(match picture.filter(|name| copied.contains(*name)) {
                    Some(name) => format!("{name}.rf"),
                    None => image.image_id.clone(),
                })
            }));
        };
        let wrong =
            |found: String, expected: String| Error::layout("--split-by", by, found, expected);
        if let Some(cells) = source.columns.get(by) {
            let by = by.to_owned();
            return Ok(Box::new(move |image| {
                let cell = cells.get(&image.image_id).filter(|cell| !cell.is_empty());
                cell.cloned().ok_or_else(|| {
                    let found = format!("no value for image {}", image.image_id);
                    Error::layout("--split-by", &*by, found, "one for each image")
                })
            }));
        }
        let columns: Vec<&str> = source.columns.keys().map(String::as_str).collect();
        let expected = match columns.as_slice() {
            [] => "a regular expression with a group in parentheses".to_owned(),
            _ => format!(
                "one of the columns {}, or a regular expression with a group in parentheses",
                columns.join(", ")
            ),
        };
        let regex = Regex::new(by).map_err(|error| {
            let error = error.to_string(); // its last line has the reason
            wrong(
                error.lines().last().unwrap_or_default().to_owned(),
                expected.clone(),
            )
        })?;
        if regex.captures_len() < 2 {
            return Err(wrong("no group".to_owned(), expected));
        }
        Ok(Box::new(move |image| {
            let found = regex
                .captures(&image.file_name)
                .and_then(|found| found.get(1));
            found.map(|found| found.as_str().to_owned()).ok_or_else(|| {
                let found = format!("no match in {}", image.file_name);
                Error::layout(
                    "--split-by",
                    regex.as_str(),
                    found,
                    "a match in each image's file name",
                )
            })
        }))
    }
}

/// Returns the hash of `key` as a number in [0, 1): the first 53 bits of its SHA-256, as many as an f64 holds
/// exactly, divided by 2⁵³. The word `split:` keeps it apart from other hashes of the same key.
fn position(key: &str) -> f64 {
    let digest = Sha256::digest(format!("split:{key}"));
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Returns each unit's split by its position: train below the first share, then val, then test.
fn by_position(units: &[Unit], shares: [f64; 3]) -> Vec<Split> {
    let ends = [shares[0], shares[0] + shares[1]];
    let split = |unit: &Unit| Split::ALL[ends.iter().filter(|&&end| unit.position >= end).count()];
    units.iter().map(split).collect()
}

/// Gives each split whose share is above 0 but that got no unit the unit whose position is nearest to the split's
/// interval. A split's only unit is not taken away. With fewer units than splits only train is filled, from any split.
fn fill_empty(units: &[Unit], shares: [f64; 3], splits: &mut [Split]) {
    let ends = [shares[0], shares[0] + shares[1]];
    let wanted = shares.iter().filter(|share| **share > 0.0).count();
    for (split, share) in Split::ALL.into_iter().zip(shares) {
        let count = |splits: &[Split], of| splits.iter().filter(|split| **split == of).count();
        let is_enough = units.len() >= wanted;
        if share == 0.0 || count(splits, split) > 0 || !(is_enough || split == Split::Train) {
            continue;
        }
        let (start, end) = match split {
            Split::Train => (0.0, ends[0]),
            Split::Val => (ends[0], ends[1]),
            Split::Test => (ends[1], 1.0),
        };
        let distance = |at: &usize| {
            let position = units[*at].position;
            (start - position).max(position - end)
        };
        let nearest = (0..units.len())
            .filter(|&at| !is_enough || count(splits, splits[at]) > 1)
            .min_by(|a, b| distance(a).total_cmp(&distance(b)));
        if let Some(nearest) = nearest {
            splits[nearest] = split;
        }
    }
}

/// Iterative stratification (Sechidis et al. 2011): the units of the rarest class are given out first, each
/// to the split that still lacks most units with that class; units without a class come last. `missing` and
/// `missing_units` hold how many units each split still lacks, of a class and in all. Returns a split per unit.
fn balanced(units: &[Unit], images: &[SourceImage], shares: [f64; 3]) -> Vec<Split> {
    let classes: Vec<BTreeSet<i32>> = units
        .iter()
        .map(|unit| {
            unit.images
                .iter()
                .flat_map(|&index| images[index].labels())
                .collect()
        })
        .collect();
    let mut totals: HashMap<i32, usize> = HashMap::new();
    for &class_id in classes.iter().flatten() {
        *totals.entry(class_id).or_default() += 1;
    }
    let wanted = |count: usize| shares.map(|share| share * count as f64);
    let mut missing: HashMap<i32, [f64; 3]> = totals
        .iter()
        .map(|(&class_id, &count)| (class_id, wanted(count)))
        .collect();
    let mut missing_units = wanted(units.len());
    let mut splits: Vec<Option<Split>> = vec![None; units.len()];
    let mut rarest: Vec<(usize, i32)> = totals
        .iter()
        .map(|(&class, &count)| (count, class))
        .collect();
    rarest.sort_unstable();
    let order = rarest.iter().map(|(_, class_id)| Some(*class_id));
    for class_id in order.chain([None]) {
        for at in 0..units.len() {
            let is_next = class_id.is_none_or(|class_id| classes[at].contains(&class_id));
            if splits[at].is_some() || !is_next {
                continue;
            }
            let of_class = class_id
                .and_then(|class_id| missing.get(&class_id))
                .copied();
            let need = |split: Split| {
                (
                    of_class.unwrap_or(missing_units)[split as usize],
                    missing_units[split as usize],
                )
            };
            let chosen = Split::ALL
                .into_iter()
                .filter(|&split| shares[split as usize] > 0.0)
                .max_by(|a, b| {
                    let (a_class, a_all) = need(*a);
                    let (b_class, b_all) = need(*b);
                    // Of equals the earlier split is taken: train before val before test.
                    a_class
                        .total_cmp(&b_class)
                        .then(a_all.total_cmp(&b_all))
                        .then(b.cmp(a))
                })
                .unwrap_or(Split::Train);
            splits[at] = Some(chosen);
            missing_units[chosen as usize] -= 1.0;
            for class_id in &classes[at] {
                if let Some(missing) = missing.get_mut(class_id) {
                    missing[chosen as usize] -= 1.0;
                }
            }
        }
    }
    splits
        .into_iter()
        .map(|split| split.unwrap_or(Split::Train))
        .collect()
}
