//! Converts the components of a JPEG (Y, Cb, Cr; or C, M, Y, K) to RGB as libjpeg does (`jdcolor.c`), and
//! CMYK as Pillow does.

use super::frame::{ColorModel, Frame, MAX_COMPONENTS, Plane};
use super::upsample::Upsampler;
use crate::image::vectorised::vectorised;

/// Writes the image, interleaved RGB, into `data`. `planes` are the samples of `frame`'s components, in order.
pub(super) fn to_rgb(frame: &Frame, planes: &[Plane], model: ColorModel, data: &mut Vec<u8>) {
    let row_bytes = frame.width * 3;
    data.resize(frame.height * row_bytes, 0);
    let mut upsamplers: Vec<Upsampler> = frame
        .components
        .iter()
        .zip(planes)
        .map(|(component, plane)| {
            let (across, down) = (frame.h_max / component.h, frame.v_max / component.v);
            Upsampler::new(plane, across, down)
        })
        .collect();
    for (y, out) in data.chunks_exact_mut(row_bytes).enumerate() {
        let mut rows: [&[u8]; MAX_COMPONENTS] = [&[]; MAX_COMPONENTS];
        for (row, upsampler) in rows.iter_mut().zip(&mut upsamplers) {
            *row = &upsampler.row(y)[..frame.width];
        }
        match (model, &rows[..planes.len()]) {
            (ColorModel::YCbCr, &[luma, blue, red]) => ycc_to_rgb(luma, blue, red, out),
            (ColorModel::Cmyk, &[c, m, y, k]) => {
                interleave([c, m, y], out);
                cmyk_to_rgb(k, out);
            }
            (ColorModel::Ycck, &[luma, blue, red, k]) => {
                ycc_to_rgb(luma, blue, red, out);
                // libjpeg gives 255 − rgb as CMY.
                out.iter_mut().for_each(|value| *value = 255 - *value);
                cmyk_to_rgb(k, out);
            }
            (_, &[red, green, blue, ..]) => interleave([red, green, blue], out),
            (_, rows) => interleave([rows[0]; 3], out),
        }
    }
}

/// Writes three rows as pixels of three bytes.
fn interleave(rows: [&[u8]; 3], out: &mut [u8]) {
    let [a, b, c] = rows;
    for (pixel, ((&a, &b), &c)) in out
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .zip(a.iter().zip(b).zip(c))
    {
        *pixel = [a, b, c];
    }
}

vectorised! {
    /// Converts a row as libjpeg's `ycc_rgb_convert`, in fixed point of 16 bits. `blue` is Cb, `red` Cr. The
    /// factors are JFIF's, times 2¹⁶: R = Y + 1.402 Cr, B = Y + 1.772 Cb, G = Y − 0.34414 Cb − 0.71414 Cr.
    fn ycc_to_rgb(luma: &[u8], blue: &[u8], red: &[u8], out: &mut [u8]) {
        const HALF: i32 = 1 << 15;
        let samples = luma.iter().zip(blue.iter().zip(red));
        for (pixel, (&y, (&cb, &cr))) in out.as_chunks_mut::<3>().0.iter_mut().zip(samples) {
            let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
            let add_r = cr.wrapping_mul(91881).wrapping_add(HALF) >> 16;
            let add_b = cb.wrapping_mul(116130).wrapping_add(HALF) >> 16;
            let add_g = cb.wrapping_mul(-22554).wrapping_add(cr.wrapping_mul(-46802));
            *pixel = [
                y.wrapping_add(add_r).clamp(0, 255) as u8,
                y.wrapping_add(add_g.wrapping_add(HALF) >> 16).clamp(0, 255) as u8,
                y.wrapping_add(add_b).clamp(0, 255) as u8,
            ];
        }
    }
}

/// Turns CMY and K into RGB, in place. Pillow takes a JPEG's CMYK as inverted, as Adobe writes it: here
/// `k` is 255 − K and `value` is 255 − C (or M, Y). Red is `(255 − K) − C · (255 − K) / 255`, and so are green
/// (with M) and blue (with Y); the shifts are Pillow's division by 255 with rounding.
fn cmyk_to_rgb(k: &[u8], cmy: &mut [u8]) {
    for (pixel, &k) in cmy.as_chunks_mut::<3>().0.iter_mut().zip(k) {
        let light = u32::from(k);
        *pixel = pixel.map(|value| {
            let product = u32::from(255 - value) * light + 128;
            (light - (((product >> 8) + product) >> 8)) as u8
        });
    }
}
