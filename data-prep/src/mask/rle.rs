//! Reads, writes and resizes COCO's run-length masks, the form in which object shapes of all sources are
//! stored.
//!
//! Runs go down the columns (column-major) and alternate outside, inside, outside, …, beginning with
//! outside, as in COCO's `maskApi`. The compressed text is the one of `instances_*.json` and of
//! `rle_counts` in `masks.parquet`. The runs of an [`Rle`] made here cover its image exactly. `polygon`
//! makes run lengths of polygons; `geometry` makes masks of boxes.

use std::ops::Range;
use std::path::Path;

use thiserror::Error;

use crate::error::Problem;
use crate::mask::geometry::{Grid, Mask};

/// The error for an invalid shape. The caller knows file and field and makes a [`Problem`] of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("found {found}, expected {expected}")]
pub struct Malformed {
    /// What was found.
    pub found: String,
    /// What is valid.
    pub expected: String,
}

impl Malformed {
    pub(crate) fn new(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// Makes a [`Problem`] in `field` of `file`.
    pub fn at(self, file: impl AsRef<Path>, field: impl Into<String>) -> Problem {
        Problem::new(file, field, self.found, self.expected)
    }
}

/// A binary mask of `height` × `width` pixels as run lengths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rle {
    /// Rows of the image.
    pub height: u32,
    /// Columns of the image.
    pub width: u32,
    /// Lengths of the runs, column-major, outside first; they sum to `height · width`.
    pub counts: Vec<u32>,
}

impl Rle {
    /// Makes a mask of COCO's uncompressed counts.
    ///
    /// # Errors
    /// When the runs do not cover the image exactly, or the image has no pixels or over 2³² − 1.
    pub fn from_counts(height: u32, width: u32, counts: Vec<u32>) -> Result<Self, Malformed> {
        let pixels = pixel_count(height, width)?;
        let covered: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        if covered != u64::from(pixels) {
            return Err(Malformed::new(
                format!("counts that sum to {covered}"),
                format!("{height} x {width} = {pixels} pixels"),
            ));
        }
        Ok(Self {
            height,
            width,
            counts,
        })
    }

    /// Makes a mask of COCO's compressed counts. A number is written in digits of 5 bits, least significant
    /// first, each as a character from `0` (48) to `o` (111). After subtracting 48, the bit 0x20 says that
    /// more digits follow, and the bit 0x10 of the last digit is the sign. From the fourth count on the
    /// number is the difference to the count two before.
    ///
    /// # Errors
    /// On any other character, a number cut short or out of range, and as [`Rle::from_counts`].
    pub fn from_compressed(height: u32, width: u32, text: &[u8]) -> Result<Self, Malformed> {
        let mut counts: Vec<u32> = Vec::with_capacity(text.len() / 2 + 1);
        let mut at = 0;
        while at < text.len() {
            let start = at;
            let mut value = 0_i64;
            let mut shift = 0;
            loop {
                let Some(&byte) = text.get(at) else {
                    return Err(Malformed::new(
                        format!("counts that end inside the number at byte {start}"),
                        "complete compressed counts",
                    ));
                };
                let Some(digit) = byte.checked_sub(48).filter(|&digit| digit < 64) else {
                    return Err(Malformed::new(
                        format!("byte {byte} at {at} of counts"),
                        "bytes from 48 ('0') to 111 ('o')",
                    ));
                };
                if shift > 35 {
                    return Err(Malformed::new(
                        format!("a number of over 40 bits at byte {start} of counts"),
                        "32-bit counts",
                    ));
                }
                value |= i64::from(digit & 0x1f) << shift;
                shift += 5;
                at += 1;
                if digit & 0x20 == 0 {
                    if digit & 0x10 != 0 {
                        value |= -1_i64 << shift;
                    }
                    break;
                }
            }
            if counts.len() > 2 {
                value += i64::from(counts[counts.len() - 2]);
            }
            counts.push(u32::try_from(value).map_err(|_| {
                Malformed::new(
                    format!("count {value} at byte {start}"),
                    "a count from 0 to 4294967295",
                )
            })?);
        }
        Self::from_counts(height, width, counts)
    }

    /// Returns COCO's compressed counts, which [`Rle::from_compressed`] reads.
    pub fn to_compressed(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.counts.len() * 2);
        for (index, &count) in self.counts.iter().enumerate() {
            let mut value = i64::from(count);
            if index > 2 {
                value -= i64::from(self.counts[index - 2]);
            }
            loop {
                let digit = (value & 0x1f) as u8;
                value >>= 5;
                let sign = if digit & 0x10 == 0 { 0 } else { -1 };
                if value == sign {
                    text.push(digit + 48);
                    break;
                }
                text.push((digit | 0x20) + 48);
            }
        }
        text
    }

    /// Makes a mask of a row-major bitmap of `height · width` pixels.
    ///
    /// # Errors
    /// When the number of pixels is another, or the image has no pixels or over 2³² − 1.
    pub fn from_bitmap(height: u32, width: u32, pixels: &[bool]) -> Result<Self, Malformed> {
        let expected = pixel_count(height, width)?;
        if pixels.len() != expected as usize {
            return Err(Malformed::new(
                format!("a bitmap of {} pixels", pixels.len()),
                format!("{height} x {width} = {expected} pixels"),
            ));
        }
        let columns = width as usize;
        let mut runs = Runs::default();
        for x in 0..columns {
            for row in pixels.chunks_exact(columns) {
                runs.push(row[x], 1);
            }
        }
        Ok(Self {
            height,
            width,
            counts: runs.counts,
        })
    }

    /// The row-major bitmap, one value a pixel.
    pub fn to_bitmap(&self) -> Vec<bool> {
        let (height, width) = (self.height as usize, self.width as usize);
        let mut pixels = vec![false; height * width];
        for run in self.runs_inside() {
            for at in run {
                pixels[(at % height) * width + at / height] = true;
            }
        }
        pixels
    }

    /// Number of pixels inside.
    pub fn area(&self) -> u64 {
        let inside = self.counts.iter().skip(1).step_by(2);
        inside.map(|&count| u64::from(count)).sum()
    }

    /// The smallest box around the pixels inside, as COCO's `[x, y, width, height]`; `None` where
    /// there are none.
    pub fn bounding_box(&self) -> Option<[u32; 4]> {
        let height = self.height as usize;
        let mut corners: Option<[usize; 4]> = None;
        for run in self.runs_inside() {
            let (first, last) = (run.start, run.end - 1);
            let (x1, x2) = (first / height, last / height);
            let (y1, y2) = if x1 == x2 {
                (first % height, last % height)
            } else {
                (0, height - 1)
            };
            let [left, top, right, bottom] = corners.unwrap_or([x1, y1, x2, y2]);
            corners = Some([left.min(x1), top.min(y1), right.max(x2), bottom.max(y2)]);
        }
        corners
            .map(|[x1, y1, x2, y2]| [x1, y1, x2 - x1 + 1, y2 - y1 + 1].map(|pixels| pixels as u32))
    }

    /// Returns the union of masks of one image.
    ///
    /// # Errors
    /// When there is no mask, or their sizes differ.
    pub fn union(masks: &[Rle]) -> Result<Rle, Malformed> {
        let Some((first, rest)) = masks.split_first() else {
            return Err(Malformed::new("no mask", "at least one"));
        };
        let mut all = first.clone();
        for mask in rest {
            if (mask.height, mask.width) != (all.height, all.width) {
                return Err(Malformed::new(
                    format!("masks of {} x {}", mask.height, mask.width),
                    format!("all of {} x {}", all.height, all.width),
                ));
            }
            all.counts = union_of_runs(&all.counts, &mask.counts);
        }
        Ok(all)
    }

    /// Returns the mask on the grid (the network's input, in pixels). Each cell has the value of the source
    /// pixel at its centre, as Pillow's NEAREST resize of the bitmap gives it (docs/SPEC.md B). Source
    /// positions are summed up step by step, not multiplied, because Pillow does so and rounding differs.
    pub fn to_mask(&self, grid: Grid) -> Mask {
        let rows = nearest(self.height, grid.height);
        let columns = nearest(self.width, grid.width);
        let height = self.height as usize;
        // For each source row, and the one after the last, how many rows of the grid come before.
        let mut before = Vec::with_capacity(height + 1);
        for source_y in 0..=height {
            let known = before.last().copied().unwrap_or(0);
            let more = rows[known..].iter().take_while(|&&row| row < source_y);
            before.push(known + more.count());
        }
        let runs: Vec<Range<usize>> = self.runs_inside().collect();
        let mut first = 0;
        let mut cells = vec![false; grid.cells()];
        for (x, &source_x) in columns.iter().enumerate() {
            if source_x >= self.width as usize {
                continue;
            }
            let (start, end) = (source_x * height, (source_x + 1) * height);
            first += runs[first..]
                .iter()
                .take_while(|run| run.end <= start)
                .count();
            for run in runs[first..].iter().take_while(|run| run.start < end) {
                let from = before[run.start.max(start) - start];
                let to = before[run.end.min(end) - start];
                for y in from..to {
                    cells[y * grid.width + x] = true;
                }
            }
        }
        Mask::from_cells(cells, grid)
    }

    /// Returns the column-major ranges of the pixels inside; none is empty.
    fn runs_inside(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut end = 0;
        self.counts
            .iter()
            .enumerate()
            .filter_map(move |(index, &count)| {
                let start = end;
                end += count as usize;
                (index % 2 == 1 && count > 0).then_some(start..end)
            })
    }
}

/// A mask as COCO's compressed counts, which take a fraction of an [`Rle`]'s memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompressedRle {
    /// Rows of the image.
    pub height: u32,
    /// Columns of the image.
    pub width: u32,
    /// The counts that [`Rle::to_compressed`] returns.
    pub counts: Box<[u8]>,
}

impl From<&Rle> for CompressedRle {
    fn from(rle: &Rle) -> Self {
        Self {
            height: rle.height,
            width: rle.width,
            counts: rle.to_compressed().into(),
        }
    }
}

impl CompressedRle {
    /// Returns the mask's runs.
    ///
    /// # Errors
    /// As [`Rle::from_compressed`], when `counts` were not made by [`Rle::to_compressed`].
    pub fn decompressed(&self) -> Result<Rle, Malformed> {
        Rle::from_compressed(self.height, self.width, &self.counts)
    }
}

/// Returns the number of pixels of an image: at least 1, and at most 2³² − 1.
pub(crate) fn pixel_count(height: u32, width: u32) -> Result<u32, Malformed> {
    match height.checked_mul(width) {
        Some(pixels) if pixels > 0 => Ok(pixels),
        _ => Err(Malformed::new(
            format!("an image of {height} x {width}"),
            "from 1 to 4294967295 pixels",
        )),
    }
}

/// Builds run lengths: alternating, outside first.
#[derive(Default)]
struct Runs {
    counts: Vec<u32>,
}

impl Runs {
    fn push(&mut self, inside: bool, length: u32) {
        // Runs of even index are outside, runs of odd index inside.
        if self.counts.is_empty() {
            self.counts.push(0);
        }
        let last_is_inside = self.counts.len().is_multiple_of(2);
        match self.counts.last_mut() {
            Some(last) if last_is_inside == inside => *last += length,
            _ => self.counts.push(length),
        }
    }
}

/// The union of `a` and `b`, which cover the same number of pixels.
fn union_of_runs(a: &[u32], b: &[u32]) -> Vec<u32> {
    let mut runs = Runs::default();
    let (mut left_a, mut left_b) = (0, 0);
    let (mut next_a, mut next_b) = (0, 0);
    loop {
        while left_a == 0 && next_a < a.len() {
            left_a = a[next_a];
            next_a += 1;
        }
        while left_b == 0 && next_b < b.len() {
            left_b = b[next_b];
            next_b += 1;
        }
        let step = left_a.min(left_b);
        if step == 0 {
            return runs.counts;
        }
        // A run of odd index is inside; `next` is already one past it.
        runs.push(next_a.is_multiple_of(2) || next_b.is_multiple_of(2), step);
        left_a -= step;
        left_b -= step;
    }
}

/// Returns the source pixel of each of `cells` cells over `pixels` pixels, as Pillow's affine transform
/// with NEAREST computes it. Rounding could put the last one beyond the last pixel; [`Rle::to_mask`] leaves
/// such a cell outside.
fn nearest(pixels: u32, cells: usize) -> Vec<usize> {
    let scale = f64::from(pixels) / cells as f64;
    let mut position = scale * 0.5;
    (0..cells)
        .map(|_| {
            let source = position as usize;
            position += scale;
            source
        })
        .collect()
}
