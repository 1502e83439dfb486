//! Energy pointing game (EPG): which share of a map's positive attribution lies inside a mask (paper §3.3,
//! docs/SPEC.md B).
//!
//! Every sum here is over the positive part A⁺ = `max(A, 0)` of the map A and in f64. The caller chooses
//! the mask: boxes or segmentation.

use data_prep::geometry::Mask;
use multiversion::multiversion;

use super::sums::{kept, positive, sum_of};

/// The paper's EPG is undefined for a map whose positive attribution sums to less than this. It is the
/// official code's constant, and absolute although maps are not normalised.
pub const UNDEFINED_BELOW: f64 = 1e-7;

/// Positive attribution inside a mask and over the whole map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Energy {
    /// Sum inside the mask.
    pub inside: f64,
    /// Sum over the whole map.
    pub total: f64,
}

impl Energy {
    /// Returns the paper's EPG, `inside / total`, in 0..=1; `None` where `total` < [`UNDEFINED_BELOW`]. The
    /// paper's mean counts such a pair as 0.
    pub fn epg(&self) -> Option<f64> {
        self.of(self.inside)
    }

    /// Returns `part / total`, where `part` is positive attribution in a part of the map; `None` where the paper's
    /// EPG is undefined.
    pub fn of(&self, part: f64) -> Option<f64> {
        share(part, self.total).filter(|_| self.total >= UNDEFINED_BELOW)
    }

    /// Returns `inside / total` of a map of any scale; `None` only where nothing is positive.
    pub fn share(&self) -> Option<f64> {
        share(self.inside, self.total)
    }

    /// Whether the paper's EPG is undefined although something is positive: only the constant makes it so.
    pub fn is_under_constant(&self) -> bool {
        self.share().is_some() && self.epg().is_none()
    }
}

/// Sums the positive part of `map` (row-major, on the mask's grid) inside `mask` and in total.
///
/// # Panics
/// When `map` has another number of cells than `mask`.
pub fn energy(map: &[f32], mask: &Mask) -> Energy {
    Energy {
        inside: inside(map, mask),
        total: total(map),
    }
}

/// Sums the positive part of `map` (row-major, on the mask's grid) inside `mask`.
///
/// # Panics
/// When `map` has another number of cells than `mask`.
#[multiversion(targets("x86_64+avx2"))]
pub fn inside(map: &[f32], mask: &Mask) -> f64 {
    sum_of(map, [mask], |value, [is_inside]| {
        kept(positive(value), is_inside)
    })
}

/// Sums the positive part of `map`.
#[multiversion(targets("x86_64+avx2"))]
fn total(map: &[f32]) -> f64 {
    sum_of(map, [], |value, []| positive(value))
}

/// Positive attribution outside a pair's own mask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outside {
    /// Sum inside the boxes of other classes.
    pub on_others: f64,
    /// Sum outside all boxes.
    pub on_background: f64,
}

/// Sums the positive part of `map` (row-major, on the masks' grid) outside `mask`, in two parts: inside `others`,
/// the boxes of other classes (`None`: there are none), and outside both.
///
/// # Panics
/// When `map` has another number of cells than a mask.
#[multiversion(targets("x86_64+avx2"))]
pub fn outside(map: &[f32], mask: &Mask, others: Option<&Mask>) -> Outside {
    let Some(others) = others else {
        return Outside {
            on_others: 0.0,
            on_background: sum_of(map, [mask], |value, [is_inside]| {
                kept(positive(value), !is_inside)
            }),
        };
    };
    Outside {
        on_others: sum_of(map, [mask, others], |value, [is_inside, is_on_others]| {
            kept(positive(value), !is_inside & is_on_others)
        }),
        on_background: sum_of(map, [mask, others], |value, [is_inside, is_on_others]| {
            kept(positive(value), !is_inside & !is_on_others)
        }),
    }
}

/// Returns `part / whole`, which a map's scale does not change; `None` where `whole` is 0.
pub(crate) fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use data_prep::geometry::{Grid, GridBox};

    #[test]
    fn negative_values_count_nowhere() {
        let grid = Grid {
            height: 2,
            width: 3,
        };
        let column = GridBox {
            x1: 0,
            y1: 0,
            x2: 1,
            y2: 2,
        };
        let mask = Mask::from_boxes(&[column], grid);
        let energy = energy(&[3.0, 1.0, -5.0, -2.0, 0.0, 4.0], &mask);
        assert_eq!(
            energy,
            Energy {
                inside: 3.0,
                total: 8.0
            }
        );
        assert_eq!(energy.epg(), Some(0.375));
    }

    #[test]
    fn each_positive_value_lies_on_the_class_on_others_or_on_the_background() {
        let grid = Grid {
            height: 2,
            width: 3,
        };
        let columns = |x1, x2| {
            let column = GridBox {
                x1,
                y1: 0,
                x2,
                y2: 2,
            };
            Mask::from_boxes(&[column], grid)
        };
        let map = [3.0, 1.0, -5.0, -2.0, 0.5, 4.0];
        // The class has column 0, another class columns 0 and 1. Column 0 counts for the class.
        let (own, others) = (columns(0, 1), columns(0, 2));
        for (others, on_others, on_background) in [(Some(&others), 1.5, 4.0), (None, 0.0, 5.5)] {
            let found = outside(&map, &own, others);
            assert_eq!(
                (found.on_others, found.on_background),
                (on_others, on_background)
            );
        }
        let energy = energy(&map, &own);
        assert_eq!(energy.of(1.5), Some(1.5 / 8.5));
    }

    #[test]
    fn only_the_papers_limit_of_definition_is_absolute() {
        let at = |total| Energy {
            inside: total / 2.0,
            total,
        };
        for (total, epg, share, is_under) in [
            (0.0, None, None, false),
            (1e-40, None, Some(0.5), true),
            (0.99e-7, None, Some(0.5), true),
            (1e-7, Some(0.5), Some(0.5), false),
            (1e40, Some(0.5), Some(0.5), false),
        ] {
            let found = at(total);
            assert_eq!((found.epg(), found.share()), (epg, share), "{total}");
            assert_eq!(found.of(total / 2.0), epg, "{total}");
            assert_eq!(found.is_under_constant(), is_under, "{total}");
        }
        assert_eq!(share(3.0, 2.0), Some(1.5));
        let tiny = 2_f64.powi(-66);
        assert_eq!(share(3.0 * tiny, 2.0 * tiny), Some(1.5));
        assert_eq!(share(3.0, 0.0), None);
    }
}
