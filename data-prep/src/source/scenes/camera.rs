//! Turns a canvas of linear light (channel values proportional to brightness) into a photograph: uneven light,
//! exposure, vignette, white balance, lens blur, gamma, sensor noise, 8 bits. The numbers were chosen by eye.

use super::draw::Canvas;
use super::random::Stream;
use super::texture::{octaves, smoothstep};

/// Returns the picture as interleaved 8-bit RGB, row-major. All random numbers come from `stream`.
pub(crate) fn expose(canvas: &Canvas, stream: &mut Stream) -> Vec<u8> {
    let (width, height) = (canvas.width, canvas.height);
    // 40 % of the pictures lie in the shade of leaves: noise with the seed `leaves`, which takes the share `dapple`
    // of the light.
    let leaves = stream.bits();
    let dapple = if stream.chance(0.4) {
        stream.range(0.15, 0.4)
    } else {
        0.0
    };
    let exposure = stream.range(0.82, 1.18);
    let warmth = stream.range(-0.06, 0.06);
    let vignette = stream.range(0.05, 0.3);
    let blur = stream.range(0.0, 0.22);
    let grain = stream.range(0.008, 0.022);

    let mut light: Vec<[f32; 3]> = canvas.pixels.clone();
    for (i, pixel) in light.iter_mut().enumerate() {
        let (x, y) = ((i % width) as f32, (i / width) as f32);
        // From −1 to 1 across the picture; the vignette darkens towards the corners.
        let (u, v) = (x / width as f32 * 2.0 - 1.0, y / height as f32 * 2.0 - 1.0);
        let leaf = octaves(leaves, (x + 0.4 * y) / 26.0, (y - 0.4 * x) / 26.0, 3);
        let shade = smoothstep(0.42, 0.62, leaf);
        let amount = exposure * (1.0 - dapple * shade) * (1.0 - vignette * 0.5 * (u * u + v * v));
        for (c, channel) in pixel.iter_mut().enumerate() {
            *channel *= amount * [1.0 + warmth, 1.0, 1.0 - warmth][c];
        }
    }
    let light = blurred(&light, width, height, blur);
    let mut rgb = Vec::with_capacity(light.len() * 3);
    for pixel in light {
        for channel in pixel {
            // Gamma is 2, so the shown value is the root of the light.
            let shown = channel.clamp(0.0, 1.0).sqrt() + grain * stream.bell();
            rgb.push((shown * 255.0 + 0.5).clamp(0.0, 255.0) as u8);
        }
    }
    rgb
}

/// Blurs row-major RGB light with the weights \[side, 1 − 2·side, side\] along x, then along y. At the frame's edge the
/// edge pixel is repeated.
fn blurred(light: &[[f32; 3]], width: usize, height: usize, side: f32) -> Vec<[f32; 3]> {
    let pass = |from: &[[f32; 3]], horizontal: bool| -> Vec<[f32; 3]> {
        (0..from.len())
            .map(|i| {
                let (x, y) = (i % width, i / width);
                let (before, after) = if horizontal {
                    (i - usize::from(x > 0), i + usize::from(x + 1 < width))
                } else {
                    (
                        i - width * usize::from(y > 0),
                        i + width * usize::from(y + 1 < height),
                    )
                };
                [0, 1, 2].map(|c| {
                    (1.0 - 2.0 * side) * from[i][c] + side * (from[before][c] + from[after][c])
                })
            })
            .collect()
    };
    pass(&pass(light, true), false)
}
