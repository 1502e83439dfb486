//! Finds the connected regions of a map at every threshold at once. From one threshold to the next lower one the
//! regions of cells above it only grow and merge; so do holes from one to the next higher one. So each cell is
//! looked at once, and not once for each threshold: the map is flooded like a landscape, whose valleys fill one
//! after the other and run over into the next (Nistér and Stewénius, Linear Time Maximally Stable Extremal Regions,
//! ECCV 2008).

use std::ops::RangeInclusive;

use super::levels::{Levels, N_THRESHOLDS};

/// Connected cells, and the thresholds at which they have these bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) bounds: Bounds,
    /// The first threshold.
    first: u8,
    /// The last threshold.
    last: u8,
}

impl Region {
    /// The thresholds.
    pub(super) fn thresholds(&self) -> RangeInclusive<usize> {
        self.first.into()..=self.last.into()
    }
}

/// Where the cells of a region lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The first column, from 0.
    pub(super) left: u16,
    /// The last column.
    pub(super) right: u16,
    /// The first row, from 0.
    pub(super) top: u16,
    /// The last row.
    pub(super) bottom: u16,
    /// The place of the first cell, row by row.
    pub(super) first: u32,
}

/// Returns the regions of cells above each threshold. Cells that touch at a side or a corner are connected.
pub(super) fn regions(levels: &Levels) -> Vec<Region> {
    let row = levels.stride();
    let mut regions = Vec::new();
    // Above threshold t is what is at most 254 − t below the greatest level.
    let last = N_THRESHOLDS as u8 - 1;
    let depth = |place: usize| N_THRESHOLDS as u8 - levels.at(place);
    flood(levels, depth, &[1, row + 1, row, row - 1], |region| {
        regions.push(Region {
            first: last - region.last,
            last: last - region.first,
            ..region
        });
    });
    regions
}

/// Calls `found` for the holes in these regions at each threshold: connected cells that are not above it and do not
/// reach the grid's edge. Only cells that touch at a side are connected.
pub(super) fn holes(levels: &Levels, mut found: impl FnMut(Region)) {
    let grid = levels.grid();
    let is_hole = |bounds: &Bounds| {
        let is_off_the_far_edges = usize::from(bounds.right) + 1 < grid.width
            && usize::from(bounds.bottom) + 1 < grid.height;
        bounds.left > 0 && bounds.top > 0 && is_off_the_far_edges
    };
    let height = |place: usize| levels.at(place);
    flood(levels, height, &[1, levels.stride()], |region| {
        if is_hole(&region.bounds) {
            found(region);
        }
    });
}

/// Calls `found` for all connected cells of at most each height from 0 to 254, the heights standing for thresholds. A
/// cell touches those whose places are one of `distances` before or after its own.
fn flood(
    levels: &Levels,
    height: impl Fn(usize) -> u8,
    distances: &[usize],
    mut found: impl FnMut(Region),
) {
    let row = levels.stride();
    let mut shore = Shore::new(levels);
    // What the water covers: pools, each within the one below it in the list, which has not risen to its height yet.
    let mut pools: Vec<Pool> = Vec::new();
    let mut place = row + 1;
    shore.reach(place);
    loop {
        let level = height(place);
        if pools.last().is_none_or(|pool| level < pool.height) {
            pools.push(Pool::new(level));
        }
        // Where a cell beside this one is lower, the water runs there first and comes back.
        let mut lower = None;
        'beside: for &distance in distances {
            for beside in [place + distance, place - distance] {
                if !shore.reach(beside) {
                    continue;
                }
                let other = height(beside);
                if other < level {
                    shore.push(place, level);
                    lower = Some(beside);
                    break 'beside;
                }
                shore.push(beside, other);
            }
        }
        if let Some(lower) = lower {
            place = lower;
            continue;
        }
        if let Some(pool) = pools.last_mut() {
            pool.add(place, row);
        }
        let next = shore.pop();
        let rise = next.map_or(u8::MAX, |(_, height)| height);
        rise_to(rise, &mut pools, &mut found);
        match next {
            Some((next, _)) => place = next,
            None => return,
        }
    }
}

/// Lets the water rise to `height`: pools below it are noted, and run over into those that they lie in.
fn rise_to(height: u8, pools: &mut Vec<Pool>, found: &mut impl FnMut(Region)) {
    while let Some(pool) = pools.pop_if(|pool| pool.height < height) {
        let outer = pools.last_mut().filter(|outer| outer.height <= height);
        let until = outer.as_ref().map_or(height, |outer| outer.height);
        found(Region {
            bounds: pool.bounds,
            first: pool.height,
            last: until - 1,
        });
        match outer {
            Some(outer) => outer.bounds = outer.bounds.with(pool.bounds),
            None => pools.push(Pool { height, ..pool }),
        }
    }
}

/// Connected cells under water.
#[derive(Debug, Clone, Copy)]
struct Pool {
    /// How high the water is.
    height: u8,
    bounds: Bounds,
}

impl Pool {
    /// A pool without a cell.
    fn new(height: u8) -> Self {
        Self {
            height,
            bounds: Bounds {
                left: u16::MAX,
                right: 0,
                top: u16::MAX,
                bottom: 0,
                first: u32::MAX,
            },
        }
    }

    /// Adds the cell at a place of rows of `row` places.
    fn add(&mut self, place: usize, row: usize) {
        let (x, y) = ((place % row - 1) as u16, (place / row - 1) as u16);
        self.bounds = self.bounds.with(Bounds {
            left: x,
            right: x,
            top: y,
            bottom: y,
            first: place as u32,
        });
    }
}

/// The cells that the water has reached and not covered.
struct Shore {
    /// Whether the water has reached a place, or it is in the margin.
    is_reached: Vec<bool>,
    /// For each height its last cell.
    lasts: [u32; 256],
    /// For each cell the one before it of the same height.
    before: Vec<u32>,
    /// A bit for each height that has a cell.
    heights: [u64; 4],
}

impl Shore {
    fn new(levels: &Levels) -> Self {
        let (row, grid) = (levels.stride(), levels.grid());
        let mut is_reached = vec![true; levels.places()];
        for cells in is_reached.chunks_exact_mut(row).skip(1).take(grid.height) {
            cells[1..=grid.width].fill(false);
        }
        Self {
            is_reached,
            lasts: [0; 256],
            before: vec![0; levels.places()],
            heights: [0; 4],
        }
    }

    /// Returns whether the water reaches a place for the first time.
    fn reach(&mut self, place: usize) -> bool {
        !std::mem::replace(&mut self.is_reached[place], true)
    }

    /// Adds a cell.
    fn push(&mut self, place: usize, height: u8) {
        let last = &mut self.lasts[usize::from(height)];
        self.before[place] = *last;
        *last = place as u32;
        self.heights[usize::from(height / 64)] |= 1 << (height % 64);
    }

    /// Removes a cell of the least height, and returns it with that.
    fn pop(&mut self) -> Option<(usize, u8)> {
        let word = self.heights.iter().position(|&heights| heights != 0)?;
        let bit = self.heights[word].trailing_zeros() as usize;
        let height = 64 * word + bit;
        let place = self.lasts[height];
        self.lasts[height] = self.before[place as usize];
        // No cell is at place 0, which is in the margin.
        if self.lasts[height] == 0 {
            self.heights[word] &= !(1 << bit);
        }
        Some((place as usize, height as u8))
    }
}

impl Bounds {
    /// Returns the bounds of both.
    fn with(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            right: self.right.max(other.right),
            top: self.top.min(other.top),
            bottom: self.bottom.max(other.bottom),
            first: self.first.min(other.first),
        }
    }
}
