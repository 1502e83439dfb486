//! Turns blocks of coefficients into samples by libjpeg's accurate integer inverse DCT (`jidctint.c`,
//! `JDCT_ISLOW`), which is the one that Pillow uses.
//!
//! libjpeg-turbo's vector code keeps values in 16 bits where the C code has 32. Coefficients of real
//! pictures fit. For others this code wraps and saturates as the vector code does, so that the bytes are
//! the same.

use std::num::Wrapping;

use super::frame::BLOCK;
use crate::image::vectorised::vectorised;

/// Fractional bits of the constants below.
const CONST_BITS: usize = 13;
/// Fractional bits that values keep between the two passes.
const PASS1_BITS: usize = 2;

/// The constants of the transform, named by their value, with [`CONST_BITS`] fractional bits.
const FIX_0_298631336: Wrapping<i32> = Wrapping(2446);
const FIX_0_390180644: Wrapping<i32> = Wrapping(3196);
const FIX_0_541196100: Wrapping<i32> = Wrapping(4433);
const FIX_0_765366865: Wrapping<i32> = Wrapping(6270);
const FIX_0_899976223: Wrapping<i32> = Wrapping(7373);
const FIX_1_175875602: Wrapping<i32> = Wrapping(9633);
const FIX_1_501321110: Wrapping<i32> = Wrapping(12299);
const FIX_1_847759065: Wrapping<i32> = Wrapping(15137);
const FIX_1_961570560: Wrapping<i32> = Wrapping(16069);
const FIX_2_053119869: Wrapping<i32> = Wrapping(16819);
const FIX_2_562915447: Wrapping<i32> = Wrapping(20995);
const FIX_3_072711026: Wrapping<i32> = Wrapping(25172);

/// An 8 × 8 block. The first index is the row in the first pass and the column in the second.
type Block = [[i16; BLOCK]; BLOCK];

vectorised! {
    /// Dequantises a block (coefficients and quantisation steps row-major) and writes its 8 × 8 samples to `out`,
    /// rows `stride` apart.
    pub(super) fn block(coefficients: &[i16; 64], table: &[u16; 64], out: &mut [u8], stride: usize) {
        let mut values = [[0; BLOCK]; BLOCK];
        for ((value, &coefficient), &step) in
            values.as_flattened_mut().iter_mut().zip(coefficients).zip(table)
        {
            *value = coefficient.wrapping_mul(step as i16);
        }
        // Coefficients in the first row alone make constant columns.
        let columns = if coefficients[BLOCK..].iter().fold(0, |any, &value| any | value) == 0 {
            [values[0].map(|value| value << PASS1_BITS); BLOCK]
        } else {
            pass::<{ CONST_BITS - PASS1_BITS }>(&values)
        };
        // The 3 bits are the factor 1/8 of the two-dimensional DCT.
        let rows = pass::<{ CONST_BITS + PASS1_BITS + 3 }>(&transposed(&columns));
        let mut samples = [[0; BLOCK]; BLOCK];
        for (sample, value) in samples.as_flattened_mut().iter_mut().zip(rows.as_flattened()) {
            // Samples are coded around 0.
            *sample = value.saturating_add(128).clamp(0, 255) as u8;
        }
        for (row, out) in transposed(&samples).iter().zip(out.chunks_mut(stride)) {
            if let Some(out) = out.first_chunk_mut::<BLOCK>() {
                *out = *row;
            }
        }
    }
}

/// Does the same as [`block`] for a block whose only coefficient is the first (DC), eight times its mean.
pub(super) fn flat_block(dc: i16, step: u16, out: &mut [u8], stride: usize) {
    let value = i32::from(dc.wrapping_mul(step as i16) << PASS1_BITS);
    let rounded = (value + (1 << (PASS1_BITS + 2))) >> (PASS1_BITS + 3);
    let sample = (rounded + 128).clamp(0, 255) as u8;
    for out in out.chunks_mut(stride).take(BLOCK) {
        if let Some(out) = out.first_chunk_mut::<BLOCK>() {
            *out = [sample; BLOCK];
        }
    }
}

/// Exchanges rows and columns.
#[inline(always)]
fn transposed<T: Copy + Default>(values: &[[T; BLOCK]; BLOCK]) -> [[T; BLOCK]; BLOCK] {
    let mut out = [[T::default(); BLOCK]; BLOCK];
    for y in 0..BLOCK {
        for x in 0..BLOCK {
            out[x][y] = values[y][x];
        }
    }
    out
}

/// Transforms each column and rounds the result by `SHIFT` bits. Columns do not depend on each other, so
/// eight of them fill a vector register.
#[inline(always)]
fn pass<const SHIFT: usize>(values: &Block) -> Block {
    let mut out = [[0; BLOCK]; BLOCK];
    for x in 0..BLOCK {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = [
            values[0][x],
            values[1][x],
            values[2][x],
            values[3][x],
            values[4][x],
            values[5][x],
            values[6][x],
            values[7][x],
        ]
        .map(Wrapping);
        let wide = |value: Wrapping<i16>| Wrapping(i32::from(value.0));

        // Even part.
        let z1 = (wide(r2) + wide(r6)) * FIX_0_541196100;
        let e2 = z1 - wide(r6) * FIX_1_847759065;
        let e3 = z1 + wide(r2) * FIX_0_765366865;
        let e0 = wide(r0 + r4) << CONST_BITS;
        let e1 = wide(r0 - r4) << CONST_BITS;
        let (even0, even3) = (e0 + e3, e0 - e3);
        let (even1, even2) = (e1 + e2, e1 - e2);

        // Odd part.
        let (sum73, sum51) = (wide(r7 + r3), wide(r5 + r1));
        let [r1, r3, r5, r7] = [r1, r3, r5, r7].map(wide);
        let z5 = (sum73 + sum51) * FIX_1_175875602;
        let z1 = (r7 + r1) * FIX_0_899976223;
        let z2 = (r5 + r3) * FIX_2_562915447;
        let z3 = z5 - sum73 * FIX_1_961570560;
        let z4 = z5 - sum51 * FIX_0_390180644;
        let odd0 = r1 * FIX_1_501321110 - z1 + z4;
        let odd1 = r3 * FIX_3_072711026 - z2 + z3;
        let odd2 = r5 * FIX_2_053119869 - z2 + z4;
        let odd3 = r7 * FIX_0_298631336 - z1 + z3;

        let half = Wrapping(1 << (SHIFT - 1));
        let narrow = |sum: Wrapping<i32>| {
            let rounded = ((sum + half) >> SHIFT).0;
            rounded.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
        };
        out[0][x] = narrow(even0 + odd0);
        out[7][x] = narrow(even0 - odd0);
        out[1][x] = narrow(even1 + odd1);
        out[6][x] = narrow(even1 - odd1);
        out[2][x] = narrow(even2 + odd2);
        out[5][x] = narrow(even2 - odd2);
        out[3][x] = narrow(even3 + odd3);
        out[4][x] = narrow(even3 - odd3);
    }
    out
}
