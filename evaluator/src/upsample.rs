//! Maps of a layer's own resolution to the grid: bilinear, `align_corners=False`, at the f32 positions
//! of `torch.nn.functional.interpolate`. Values are mixed in f64 and rounded once, so that a flat map
//! stays flat: with torch's f32 sums, IoU would scale the rounding noise of a flat map to 0..=1.
//!
//! Convention for evaluation (SPEC A.3 leaves it open): the *signed* map is interpolated and clamped
//! afterwards, whatever the run's loss did in training, so that every map is measured alike.

use std::borrow::Cow;

use data_prep::geometry::Grid;

/// Interpolates `map` (row-major, `shape` = (height, width)) to `grid`. Equal shapes leave the
/// values as they are.
///
/// # Panics
/// When `map` does not have height × width values, or a side is 0.
pub fn bilinear(map: &[f32], shape: (usize, usize), grid: Grid) -> Vec<f32> {
    let (height, width) = shape;
    assert!(height > 0 && width > 0, "a map has at least one cell");
    assert_eq!(map.len(), height * width, "one value per cell");
    let columns = taps(width, grid.width);
    let rows = taps(height, grid.height);
    let mut wide = Vec::with_capacity(height * grid.width);
    for row in map.chunks_exact(width) {
        wide.extend(
            columns
                .iter()
                .map(|tap| tap.mix(f64::from(row[tap.low]), f64::from(row[tap.high]))),
        );
    }
    let mut full = Vec::with_capacity(grid.cells());
    for tap in &rows {
        let low = &wide[tap.low * grid.width..][..grid.width];
        let high = &wide[tap.high * grid.width..][..grid.width];
        let mixed = low.iter().zip(high).map(|(&low, &high)| tap.mix(low, high));
        full.extend(mixed.map(|value| value as f32));
    }
    full
}

/// [`bilinear`] where the map is not on the grid yet; otherwise the map itself.
pub fn to_grid(map: &[f32], shape: (usize, usize), grid: Grid) -> Cow<'_, [f32]> {
    if shape == (grid.height, grid.width) {
        Cow::Borrowed(map)
    } else {
        Cow::Owned(bilinear(map, shape, grid))
    }
}

/// The two source cells of one target cell along an axis.
struct Tap {
    low: usize,
    high: usize,
    weight_low: f64,
    weight_high: f64,
}

impl Tap {
    fn mix(&self, low: f64, high: f64) -> f64 {
        low * self.weight_low + high * self.weight_high
    }
}

fn taps(source: usize, target: usize) -> Vec<Tap> {
    let scale = source as f32 / target as f32;
    (0..target)
        .map(|i| {
            let position = (scale * (i as f32 + 0.5) - 0.5).max(0.0);
            let low = (position as usize).min(source - 1);
            let high = (low + 1).min(source - 1);
            let weight_high = f64::from((position - low as f32).clamp(0.0, 1.0));
            Tap {
                low,
                high,
                weight_low: 1.0 - weight_high,
                weight_high,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Target centres at source positions 0 (clamped), 0.25, 0.75, 1 (clamped).
        let grid = Grid {
            height: 1,
            width: 4,
        };
        assert_eq!(bilinear(&[0.0, 8.0], (1, 2), grid), [0.0, 2.0, 6.0, 8.0]);
        let grid = Grid::square(4);
        #[rustfmt::skip]
        assert_eq!(
            bilinear(&[0.0, 4.0, 8.0, 12.0], (2, 2), grid),
            [
                0.0, 1.0, 3.0, 4.0,
                2.0, 3.0, 5.0, 6.0,
                6.0, 7.0, 9.0, 10.0,
                8.0, 9.0, 11.0, 12.0,
            ]
        );
        // Downwards without antialiasing, and from one cell.
        let grid = Grid::square(1);
        assert_eq!(bilinear(&[1.0, 3.0, 5.0, 7.0], (2, 2), grid), [4.0]);
        assert_eq!(bilinear(&[-2.5], (1, 1), Grid::square(2)), [-2.5; 4]);
    }

    #[test]
    fn flat_maps_stay_flat() {
        for value in [0.1_f32, 5.7, 1e-9, -3e30, f32::MAX] {
            for (shape, side) in [
                ((1, 1), 224),
                ((7, 7), 224),
                ((17, 33), 96),
                ((300, 200), 224),
            ] {
                let map = bilinear(&vec![value; shape.0 * shape.1], shape, Grid::square(side));
                assert!(map.iter().all(|&cell| cell == value), "{value} {shape:?}");
            }
        }
    }

    #[test]
    fn as_libtorch() {
        // Written by tests/fixtures/upsample/make.cpp. libtorch rounds after every operation, so the
        // last bits are free.
        let cases: [([usize; 4], &[u8]); 3] = [
            (
                [3, 5, 20, 13],
                include_bytes!("../tests/fixtures/upsample/3_5_20_13.f32"),
            ),
            (
                [2, 3, 7, 7],
                include_bytes!("../tests/fixtures/upsample/2_3_7_7.f32"),
            ),
            (
                [5, 5, 3, 4],
                include_bytes!("../tests/fixtures/upsample/5_5_3_4.f32"),
            ),
        ];
        for ([map_height, map_width, height, width], expected) in cases {
            let shape = (map_height, map_width);
            let map: Vec<f32> = (0..shape.0 * shape.1)
                .map(|i| {
                    let state = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                    let u = (crate::random::splitmix64(state) >> 11) as f64 / (1_u64 << 53) as f64;
                    (u * 2.0 - 1.0) as f32
                })
                .collect();
            let found = bilinear(&map, shape, Grid { height, width });
            let expected = expected
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&bytes| f32::from_le_bytes(bytes));
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.into_iter().zip(expected) {
                assert!(
                    (found - expected).abs() <= 2.4e-7,
                    "{shape:?}: {found} {expected}"
                );
            }
        }
    }
}
