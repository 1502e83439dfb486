//! Upsamples subsampled components of a JPEG (usually Cb and Cr) to the image's resolution: by the "fancy"
//! triangle filter of libjpeg-turbo where libjpeg-turbo uses it (`jdsample.c`), by repetition elsewhere.
//!
//! The terms added before a shift round as libjpeg does: 1 or 2 before a division by 4, 7 or 8 before
//! one by 16, alternating between neighbouring samples, so that rounding has no bias.

use super::frame::Plane;
use crate::image::vectorised::vectorised;

/// How a component is upsampled to the image's resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    /// The component has the image's resolution.
    None,
    /// It has half of the image's columns.
    Across,
    /// It has half of the image's rows.
    Down,
    /// It has half of both.
    Both,
    /// Neither of these: each sample is repeated (times across, times down).
    Repeat(usize, usize),
}

/// Makes rows of the image's resolution from one component.
pub(super) struct Upsampler<'a> {
    plane: &'a Plane,
    filter: Filter,
    /// The row returned last.
    row: Vec<u8>,
    /// For [`Filter::Both`], the result of its vertical half.
    sums: Vec<u16>,
}

impl<'a> Upsampler<'a> {
    /// Takes a component that has 1/`across` of the image's columns and 1/`down` of its rows.
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

    /// Returns the samples of row `y` of the image, at least as many as it has columns.
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

    /// Returns the component's second-nearest row to row `y` of the image; the nearest is `y / 2`. It is
    /// the one above for even `y`, the one below for odd `y`, and at the edges the edge row itself.
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
    /// `h2v1_fancy_upsample`: 3/4 of the sample plus 1/4 of its nearer neighbour in the row.
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
    /// `h1v2_fancy_upsample`: 3/4 of the nearest row plus 1/4 of the second-nearest.
    fn down(row: &[u8], neighbour: &[u8], bias: u16, out: &mut [u8]) {
        for (out, (&here, &other)) in out.iter_mut().zip(row.iter().zip(neighbour)) {
            let sum = u16::from(here).wrapping_mul(3).wrapping_add(u16::from(other));
            *out = (sum.wrapping_add(bias) >> 2) as u8;
        }
    }
}

vectorised! {
    /// The vertical half of `h2v2_fancy_upsample`, without its division by 4.
    fn sum_down(row: &[u8], neighbour: &[u8], sums: &mut [u16]) {
        for (sum, (&here, &other)) in sums.iter_mut().zip(row.iter().zip(neighbour)) {
            *sum = u16::from(here).wrapping_mul(3).wrapping_add(u16::from(other));
        }
    }
}

vectorised! {
    /// The horizontal half of `h2v2_fancy_upsample`, on those sums, then divided by 16 with rounding.
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
