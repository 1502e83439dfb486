//! A component's samples at the image's resolution, by libjpeg's "fancy" triangle filter where libjpeg
//! uses it (`jdsample.c`), by repetition elsewhere.

use super::frame::Plane;
use crate::image::vectorised::vectorised;

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
    /// The row made last, and what it was made from where that takes two steps.
    row: Vec<u8>,
    sums: Vec<u16>,
}

impl<'a> Upsampler<'a> {
    /// For a component of which the image has `across` times the columns and `down` times the rows.
    pub fn new(plane: &'a Plane, across: usize, down: usize) -> Self {
        // libjpeg filters across only where there are more than two columns.
        let filter = match (across, down, plane.width > 2) {
            (1, 1, _) => Filter::None,
            (1, 2, _) => Filter::Down,
            (2, 1, true) => Filter::Across,
            (2, 2, true) => Filter::Both,
            _ => Filter::Repeat(across, down),
        };
        let row_length = match filter {
            Filter::None => 0,
            Filter::Across | Filter::Both => 2 * plane.width,
            Filter::Down => plane.width,
            Filter::Repeat(across, _) => across * plane.width,
        };
        Self {
            plane,
            filter,
            row: vec![0; row_length],
            sums: vec![0; plane.width],
        }
    }

    /// Row `y` of the image, at least its width long.
    pub fn row(&mut self, y: usize) -> &[u8] {
        let plane = self.plane;
        match self.filter {
            Filter::None => return plane.row(y),
            Filter::Across => across(plane.row(y), &mut self.row),
            Filter::Down => {
                let bias = 1 + (y as u16 & 1);
                let neighbour = self.neighbour(y);
                down(plane.row(y / 2), neighbour, bias, &mut self.row);
            }
            Filter::Both => {
                sum_down(plane.row(y / 2), self.neighbour(y), &mut self.sums);
                across_sums(&self.sums, &mut self.row);
            }
            Filter::Repeat(across, down) => {
                let samples = plane.row(y / down).iter();
                for (out, &sample) in self.row.chunks_exact_mut(across).zip(samples) {
                    out.fill(sample);
                }
            }
        }
        &self.row
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
