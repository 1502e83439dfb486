//! A component's samples at the image's resolution, by libjpeg's "fancy" triangle filter where libjpeg
//! uses it (`jdsample.c`), by repetition elsewhere.

use std::borrow::Cow;

use super::Plane;
use crate::vectorised::vectorised;

/// How a component's rows are brought to the image's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    /// Sampled like the image.
    None,
    /// Half as many columns.
    Across,
    /// Half as many rows.
    Down,
    /// Half as many of both.
    Both,
    /// Each sample so many times, across and down.
    Repeat(usize, usize),
}

/// Brings rows of one component to the image's width.
pub(super) struct Upsampler<'a> {
    plane: &'a Plane,
    filter: Filter,
    width: usize,
}

impl<'a> Upsampler<'a> {
    /// For a component of which the image has `across` times the columns and `down` times the rows.
    pub fn new(plane: &'a Plane, across: usize, down: usize, width: usize) -> Self {
        // libjpeg filters across only where there are more than two columns.
        let filter = match (across, down, plane.width > 2) {
            (1, 1, _) => Filter::None,
            (1, 2, _) => Filter::Down,
            (2, 1, true) => Filter::Across,
            (2, 2, true) => Filter::Both,
            _ => Filter::Repeat(across, down),
        };
        Self {
            plane,
            filter,
            width,
        }
    }

    /// Row `y` of the image, at least its width long.
    pub fn row(&self, y: usize) -> Cow<'a, [u8]> {
        let plane = self.plane;
        match self.filter {
            Filter::None => Cow::Borrowed(plane.row(y)),
            Filter::Across => {
                let mut out = vec![0; 2 * plane.width];
                across(plane.row(y), &mut out);
                Cow::Owned(out)
            }
            Filter::Down => {
                let mut out = vec![0; plane.width];
                down(
                    plane.row(y / 2),
                    self.neighbour(y),
                    1 + (y as u16 & 1),
                    &mut out,
                );
                Cow::Owned(out)
            }
            Filter::Both => {
                let mut sums = vec![0; plane.width];
                sum_down(plane.row(y / 2), self.neighbour(y), &mut sums);
                let mut out = vec![0; 2 * plane.width];
                across_sums(&sums, &mut out);
                Cow::Owned(out)
            }
            Filter::Repeat(across, down) => {
                let row = plane.row(y / down);
                let repeated = row
                    .iter()
                    .flat_map(|&value| std::iter::repeat_n(value, across));
                Cow::Owned(repeated.take(self.width).collect())
            }
        }
    }

    /// The row of the component that is nearest to row `y` of the image after `y / 2`; beyond the
    /// first and the last row these are repeated.
    fn neighbour(&self, y: usize) -> &'a [u8] {
        let nearest = if y.is_multiple_of(2) {
            (y / 2).saturating_sub(1)
        } else {
            y / 2 + 1
        };
        self.plane.row(nearest.min(self.plane.height - 1))
    }
}

vectorised! {
    /// `h2v1_fancy_upsample`: three quarters of the sample, one of the nearer neighbour.
    fn across(row: &[u8], out: &mut [u8]) {
        let last = row.len() - 1;
        let inner = row.windows(3).zip(out[2..2 * last].as_chunks_mut::<2>().0);
        for (three, out) in inner {
            let [left, here, right] = [three[0], three[1], three[2]].map(u16::from);
            *out = [
                (here.wrapping_mul(3).wrapping_add(left).wrapping_add(1) >> 2) as u8,
                (here.wrapping_mul(3).wrapping_add(right).wrapping_add(2) >> 2) as u8,
            ];
        }
        let mix = |here: u8, other: u8, bias: u16| {
            ((u16::from(here) * 3 + u16::from(other) + bias) >> 2) as u8
        };
        out[0] = row[0];
        out[1] = mix(row[0], row[1], 2);
        out[2 * last] = mix(row[last], row[last - 1], 1);
        out[2 * last + 1] = row[last];
    }
}

vectorised! {
    /// `h1v2_fancy_upsample`.
    fn down(row: &[u8], neighbour: &[u8], bias: u16, out: &mut [u8]) {
        for (out, (&here, &other)) in out.iter_mut().zip(row.iter().zip(neighbour)) {
            let sum = u16::from(here).wrapping_mul(3).wrapping_add(u16::from(other));
            *out = (sum.wrapping_add(bias) >> 2) as u8;
        }
    }
}

vectorised! {
    /// First half of `h2v2_fancy_upsample`: four times the value between two rows.
    fn sum_down(row: &[u8], neighbour: &[u8], sums: &mut [u16]) {
        for (sum, (&here, &other)) in sums.iter_mut().zip(row.iter().zip(neighbour)) {
            *sum = u16::from(here).wrapping_mul(3).wrapping_add(u16::from(other));
        }
    }
}

vectorised! {
    /// Second half of `h2v2_fancy_upsample`: the same across, rounded from sixteen times the value.
    fn across_sums(sums: &[u16], out: &mut [u8]) {
        let last = sums.len() - 1;
        let inner = sums.windows(3).zip(out[2..2 * last].as_chunks_mut::<2>().0);
        for (three, out) in inner {
            let [left, here, right] = [three[0], three[1], three[2]];
            *out = [
                (here.wrapping_mul(3).wrapping_add(left).wrapping_add(8) >> 4) as u8,
                (here.wrapping_mul(3).wrapping_add(right).wrapping_add(7) >> 4) as u8,
            ];
        }
        out[0] = ((sums[0] * 4 + 8) >> 4) as u8;
        out[1] = ((sums[0] * 3 + sums[1] + 7) >> 4) as u8;
        out[2 * last] = ((sums[last] * 3 + sums[last - 1] + 8) >> 4) as u8;
        out[2 * last + 1] = ((sums[last] * 4 + 7) >> 4) as u8;
    }
}
