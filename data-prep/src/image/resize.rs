//! Resizes images as Pillow's antialiased bilinear resize of 8-bit images does, bit for bit.
//!
//! The paper's images went through `Image.resize((224, 224), Image.BILINEAR)`, and any other resize would
//! feed the networks other pixels. So this is Pillow's `Resample.c`: a triangle filter as wide as the
//! reduction, with coefficients in fixed point of 22 bits. It goes first along the rows, rounds to 8 bits,
//! and then along the columns. The aspect ratio is not kept (docs/SPEC.md A.5). The crate
//! `fast_image_resize` has shorter coefficients: a tenth to a fifth of its values differ from Pillow's by
//! one.

use super::raster::Rgb;
use super::vectorised::vectorised;
use crate::mask::geometry::{Grid, View};

/// Fractional bits of a coefficient, as in Pillow: 32 less 8 for the value and 2 for overshoot (of filters with
/// negative weights, which the triangle is not).
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// One half, added before the fractional bits are cut, so that the result is rounded.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Resizes images to a grid. It keeps buffers and coefficients between images, so each thread needs its
/// own.
#[derive(Debug)]
pub struct Resizer {
    grid: Grid,
    /// The weights computed so far.
    kernels: Vec<Kernel>,
    /// The image with rows and columns exchanged.
    sideways: Vec<u8>,
    /// The result of the first pass: the grid's width, the image's height, also with rows and columns
    /// exchanged.
    narrowed: Vec<u8>,
}

/// The weights of a resize along one axis.
#[derive(Debug)]
struct Kernel {
    /// Pixels before the resize.
    from: usize,
    /// Pixels after the resize.
    to: usize,
    /// For each output position: the first input position that it is summed from, and the number of weights.
    bounds: Vec<(usize, usize)>,
    /// `stride` weights for each output position, zero after those that `bounds` counts.
    weights: Vec<i32>,
    /// The most weights that an output position has.
    stride: usize,
}

/// When more kernels than this are kept, all are dropped. Chosen: photographs come in few sizes, and a kernel
/// is cheap to compute again.
const MAX_KERNELS: usize = 64;

impl Resizer {
    /// Makes a resizer to the size of `grid`.
    pub fn new(grid: Grid) -> Self {
        Self {
            grid,
            kernels: Vec::new(),
            sideways: Vec::new(),
            narrowed: Vec::new(),
        }
    }

    /// Returns the image at the grid's size: height · width · 3 bytes.
    ///
    /// # Panics
    /// When `image.data` is not of the image's size, or the image has no pixels.
    pub fn resize(&mut self, image: &Rgb) -> Vec<u8> {
        let mut out = Vec::new();
        self.resize_into(image, &mut out);
        out
    }

    /// Does the same as [`Resizer::resize`] and replaces the contents of `out`.
    ///
    /// # Panics
    /// As [`Resizer::resize`].
    pub fn resize_into(&mut self, image: &Rgb, out: &mut Vec<u8>) {
        assert_eq!(image.data.len(), image.width * image.height * 3);
        assert!(!image.data.is_empty(), "an image with pixels");
        if self.kernels.len() > MAX_KERNELS {
            self.kernels.clear();
        }
        let across = self.kernel(image.width, self.grid.width);
        let along = self.kernel(image.height, self.grid.height);
        let (height, grid) = (image.height, self.grid);
        // Both passes go down columns, which vectorises; for the first one the image is transposed.
        transpose(&image.data, image.width, height, &mut self.sideways);
        self.narrowed.resize(grid.width * height * 3, 0);
        down(
            &self.kernels[across],
            &self.sideways,
            height * 3,
            &mut self.narrowed,
        );
        transpose(&self.narrowed, height, grid.width, &mut self.sideways);
        out.resize(grid.cells() * 3, 0);
        down(&self.kernels[along], &self.sideways, grid.width * 3, out);
    }

    /// Returns an augmentation's view of an image that has the grid's size: a part of it, resized to the
    /// grid as Pillow does, and perhaps flipped.
    ///
    /// # Panics
    /// When `rgb` is not of the grid's size, or the view reaches beyond it.
    pub fn see(&mut self, rgb: &[u8], view: View) -> Vec<u8> {
        let Grid { height, width } = self.grid;
        assert_eq!(rgb.len(), self.grid.cells() * 3, "an image of the grid");
        assert!(view.x + view.width <= width && view.y + view.height <= height);
        let mut part = Rgb {
            width: view.width,
            height: view.height,
            data: Vec::with_capacity(view.width * view.height * 3),
        };
        for y in view.y..view.y + view.height {
            let start = (y * width + view.x) * 3;
            part.data
                .extend_from_slice(&rgb[start..start + view.width * 3]);
        }
        let mut out = self.resize(&part);
        if view.is_flipped {
            for row in out.chunks_exact_mut(width * 3) {
                row.as_chunks_mut::<3>().0.reverse();
            }
        }
        out
    }

    /// Returns the index of the kernel for `from` to `to` pixels, which is made if needed.
    fn kernel(&mut self, from: usize, to: usize) -> usize {
        let known = |kernel: &Kernel| kernel.from == from && kernel.to == to;
        if let Some(index) = self.kernels.iter().position(known) {
            return index;
        }
        self.kernels.push(Kernel::triangle(from, to));
        self.kernels.len() - 1
    }
}

impl Kernel {
    /// Computes the weights for the filter `1 − |x|` as Pillow's `precompute_coeffs` and
    /// `normalize_coeffs_8bpc`. Here x is the distance from the output pixel's centre in units of `support`, the
    /// filter's half width in input pixels: the reduction from/to, at least 1.
    fn triangle(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        let support = scale.max(1.0);
        let stride = support.ceil() as usize * 2 + 1;
        let mut bounds = Vec::with_capacity(to);
        let mut weights = vec![0; to * stride];
        let mut exact = Vec::with_capacity(stride);
        for (position, weights) in weights.chunks_exact_mut(stride).enumerate() {
            let center = (position as f64 + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as usize;
            let end = ((center + support + 0.5) as usize).min(from);
            exact.clear();
            exact.extend((first..end).map(|x| {
                let distance = (x as f64 - center + 0.5) * (1.0 / support);
                (1.0 - distance.abs()).max(0.0)
            }));
            let total: f64 = exact.iter().sum();
            for (weight, exact) in weights.iter_mut().zip(&exact) {
                *weight = (0.5 + exact / total * f64::from(1 << PRECISION_BITS)) as i32;
            }
            bounds.push((first, end - first));
        }
        Self {
            from,
            to,
            bounds,
            weights,
            stride,
        }
    }

    /// Returns the first input position and the weights of each output position.
    fn taps(&self) -> impl Iterator<Item = (usize, &[i32])> {
        self.bounds
            .iter()
            .zip(self.weights.chunks_exact(self.stride))
            .map(|(&(first, count), weights)| (first, &weights[..count]))
    }
}

vectorised! {
    /// Resizes along the columns: makes the `kernel.to` rows of `out` from the `kernel.from` rows of `source`.
    /// Both have rows of `row_bytes` bytes.
    fn down(kernel: &Kernel, source: &[u8], row_bytes: usize, out: &mut [u8]) {
        for ((first, weights), out) in kernel.taps().zip(out.chunks_exact_mut(row_bytes)) {
            let rows = &source[first * row_bytes..(first + weights.len()) * row_bytes];
            let whole = row_bytes - row_bytes % LANES;
            for start in (0..whole).step_by(LANES) {
                let mut sums = [HALF; LANES];
                for (row, &weight) in rows.chunks_exact(row_bytes).zip(weights) {
                    add(&mut sums, &row[start..start + LANES], weight);
                }
                store(&sums, &mut out[start..start + LANES]);
            }
            let mut sums = [HALF; LANES];
            for (row, &weight) in rows.chunks_exact(row_bytes).zip(weights) {
                add(&mut sums, &row[whole..], weight);
            }
            store(&sums, &mut out[whole..]);
        }
    }
}

/// Values that are summed at a time: four AVX2 registers of eight 32-bit sums.
const LANES: usize = 32;

/// Adds `weight` times the values. The arithmetic is `wrapping` because overflow checks would keep the loop
/// from being vectorised. No sum overflows: a position's weights sum to 2²² and values are below 2⁸.
#[inline(always)]
fn add(sums: &mut [i32; LANES], values: &[u8], weight: i32) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum = sum.wrapping_add(i32::from(value).wrapping_mul(weight));
    }
}

/// Cuts the fractional bits of the sums, which are not negative because a triangle's weights are not.
#[inline(always)]
fn store(sums: &[i32; LANES], out: &mut [u8]) {
    for (out, &sum) in out.iter_mut().zip(sums) {
        *out = (sum >> PRECISION_BITS).min(255) as u8;
    }
}

/// Transposes an image of `width` × `height` pixels of three bytes: pixel (x, y) of `source` goes to (y, x).
fn transpose(source: &[u8], width: usize, height: usize, out: &mut Vec<u8>) {
    /// Rows transposed at a time: their pixels in one column make a piece that is stored in one go.
    const ROWS: usize = 16;
    out.resize(width * height * 3, 0);
    let (source, _) = source.as_chunks::<3>();
    let (out, _) = out.as_chunks_mut::<3>();
    let whole = height - height % ROWS;
    for top in (0..whole).step_by(ROWS) {
        let rows: [&[[u8; 3]]; ROWS] =
            std::array::from_fn(|row| &source[(top + row) * width..][..width]);
        for x in 0..width {
            let mut piece = [[0; 3]; ROWS];
            for row in 0..ROWS {
                piece[row] = rows[row][x];
            }
            out[x * height + top..][..ROWS].copy_from_slice(&piece);
        }
    }
    for y in whole..height {
        for x in 0..width {
            out[x * height + y] = source[y * width + x];
        }
    }
}
