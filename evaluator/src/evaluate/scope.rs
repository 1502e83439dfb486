//! Defines [`Scope`], the part of a split that a metric is computed over: all images, one group of images,
//! the pairs (an image and a class on it) of one class, or those with masks of one size.

/// Edges of the size bins: a mask's share of the image's grid cells (docs/SPEC.md B).
pub const SIZE_EDGES: [f64; 8] = [0.0, 0.01, 0.05, 0.10, 0.25, 0.50, 0.75, 1.0];

/// A part of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole split.
    All,
    /// The images of a group.
    Group(i32),
    /// The pairs of a class.
    Class(i32),
    /// The pairs whose mask is in a size bin, by the bin's index in [`SIZE_EDGES`].
    Size(usize),
}

impl Scope {
    /// Returns the parts of the split that a pair (an image and a class on it) belongs to. `group_id` is its image's,
    /// and its mask covers `area` of the `cells`.
    pub fn of_pair(
        group_id: Option<i32>,
        class_id: i32,
        (area, cells): (usize, usize),
    ) -> impl Iterator<Item = Self> {
        [Self::All, Self::Class(class_id), Self::of_size(area, cells)]
            .into_iter()
            .chain(group_id.map(Self::Group))
    }

    /// Returns the size bin of a mask that covers `area` of an image's `cells`. An empty mask is in the
    /// first bin and a full one in the last, so every pair is in a bin.
    pub fn of_size(area: usize, cells: usize) -> Self {
        let share = area as f64 / cells as f64;
        let last = SIZE_EDGES.len() - 2;
        let bin = SIZE_EDGES[1..=last].partition_point(|&edge| edge <= share);
        Self::Size(bin)
    }

    /// Returns the group; `None` for other scopes.
    pub fn group_id(self) -> Option<i32> {
        match self {
            Self::Group(group_id) => Some(group_id),
            _ => None,
        }
    }

    /// Returns the class; `None` for other scopes.
    pub fn class_id(self) -> Option<i32> {
        match self {
            Self::Class(class_id) => Some(class_id),
            _ => None,
        }
    }

    /// Returns the ends of the size bin, from `.0` (included) to `.1` (excluded, except the last bin's 1);
    /// `None` for other scopes.
    pub fn size(self) -> Option<(f64, f64)> {
        match self {
            Self::Size(bin) => Some((SIZE_EDGES[bin], SIZE_EDGES[bin + 1])),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: the area of a mask in an image of 1000 cells, and the ends of its bin.
    #[test]
    fn bins_include_their_lower_edge() {
        for (area, low, high) in [
            (0, 0.0, 0.01),
            (9, 0.0, 0.01),
            (10, 0.01, 0.05),
            (49, 0.01, 0.05),
            (50, 0.05, 0.10),
            (100, 0.10, 0.25),
            (250, 0.25, 0.50),
            (500, 0.50, 0.75),
            (749, 0.50, 0.75),
            (750, 0.75, 1.0),
            (1000, 0.75, 1.0),
        ] {
            assert_eq!(
                Scope::of_size(area, 1000).size(),
                Some((low, high)),
                "{area}"
            );
        }
    }
}
