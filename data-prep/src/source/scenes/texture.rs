//! Makes colours, noise, and the grounds (sand, gravel, boards, …) on which the things of a scene lie.
//! Grounds have little saturation on purpose, because saturated colour belongs to the companions (the spurious cues).
//! The numbers of the grounds were chosen by eye.

use super::random::{Stream, mix};

/// RGB as linear light: values proportional to brightness, from 0 to 1.
pub(crate) type Color = [f32; 3];

/// Converts hue (in turns of the colour circle, any number), saturation and value (in 0..1) to linear light. The gamma
/// is 2, so channels are squared here; `camera` takes the square root.
pub(crate) fn hsv(hue: f32, saturation: f32, value: f32) -> Color {
    let h = (hue - hue.floor()) * 6.0;
    [5.0, 3.0, 1.0].map(|n: f32| {
        let k = (n + h) % 6.0;
        let shown = value - value * saturation * k.min(4.0 - k).clamp(0.0, 1.0);
        shown * shown
    })
}

/// Mixes two colours: `a` at share 0, `b` at share 1.
pub(crate) fn blend(a: Color, b: Color, share: f32) -> Color {
    [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * share)
}

/// Multiplies every channel by `factor`.
pub(crate) fn scaled(color: Color, factor: f32) -> Color {
    color.map(|c| c * factor)
}

/// Rises smoothly from 0 at `low` to 1 at `high`. Where `low` exceeds `high`, it falls from 1 at `high` to
/// 0 at `low`.
pub(crate) fn smoothstep(low: f32, high: f32, x: f32) -> f32 {
    let t = ((x - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Returns a pseudo-random number in 0..1 for an integer point: equal arguments give equal numbers. The factor is that
/// of splitmix64.
pub(crate) fn lattice(seed: u64, x: i32, y: i32) -> f32 {
    let key = (u64::from(x as u32) << 32) | u64::from(y as u32);
    (mix(seed ^ key.wrapping_mul(0x9e37_79b9_7f4a_7c15)) >> 40) as f32 / (1u64 << 24) as f32
}

/// Value noise in 0..1, whose features have about size 1: random numbers at integer points, interpolated between.
pub(crate) fn noise(seed: u64, x: f32, y: f32) -> f32 {
    let (x0, y0) = (x.floor(), y.floor());
    let (u, v) = (smoothstep(0.0, 1.0, x - x0), smoothstep(0.0, 1.0, y - y0));
    let (i, j) = (x0 as i32, y0 as i32);
    let top = lattice(seed, i, j) * (1.0 - u) + lattice(seed, i + 1, j) * u;
    let bottom = lattice(seed, i, j + 1) * (1.0 - u) + lattice(seed, i + 1, j + 1) * u;
    top * (1.0 - v) + bottom * v
}

/// A weighted mean of `octaves` layers of noise, in 0..1. Each layer has half the feature size and half the weight of
/// the one before.
pub(crate) fn octaves(seed: u64, x: f32, y: f32, octaves: u32) -> f32 {
    let (mut sum, mut weight, mut total, mut scale) = (0.0, 1.0, 0.0, 1.0);
    for octave in 0..octaves {
        sum += weight * noise(seed.wrapping_add(u64::from(octave)), x * scale, y * scale);
        total += weight;
        weight *= 0.5;
        scale *= 2.0;
    }
    sum / total
}

/// Cellular noise, for gravel. Each unit square has one random point. Returns the distance to the nearest point, how
/// much farther the second nearest is, and a random number in 0..1 that belongs to the nearest: of the points in the
/// 3 × 3 squares around, as a nearer one outside is rare and does not show.
fn cells(seed: u64, x: f32, y: f32) -> (f32, f32, f32) {
    let (i, j) = (x.floor() as i32, y.floor() as i32);
    // 9 is farther than any point of the 3 × 3 squares searched.
    let (mut nearest, mut second, mut tone) = (9.0_f32, 9.0_f32, 0.0);
    for cy in j - 1..=j + 1 {
        for cx in i - 1..=i + 1 {
            let dx = cx as f32 + lattice(seed, cx, cy) - x;
            let dy = cy as f32 + lattice(seed ^ 1, cx, cy) - y;
            let distance = (dx * dx + dy * dy).sqrt();
            if distance < nearest {
                second = nearest;
                nearest = distance;
                tone = lattice(seed ^ 2, cx, cy);
            } else if distance < second {
                second = distance;
            }
        }
    }
    (nearest, second - nearest, tone)
}

/// The material of a ground.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GroundKind {
    Sand,
    Gravel,
    Soil,
    Boards,
    Bricks,
    Grass,
    Snow,
    Linen,
}

const GROUNDS: [GroundKind; 8] = [
    GroundKind::Sand,
    GroundKind::Gravel,
    GroundKind::Soil,
    GroundKind::Boards,
    GroundKind::Bricks,
    GroundKind::Grass,
    GroundKind::Snow,
    GroundKind::Linen,
];

/// One image's ground: a material, with its rotation, scale, colour and noise.
pub(crate) struct Ground {
    kind: GroundKind,
    seed: u64,
    /// Sine and cosine of the angle by which the pattern is turned.
    sine: f32,
    cosine: f32,
    /// Size of the pattern; 1 is usual.
    scale: f32,
    /// Added to the material's hue, in turns.
    hue: f32,
    /// Factor on the material's brightness.
    value: f32,
}

impl Ground {
    /// Chooses a ground at random.
    pub(crate) fn draw(stream: &mut Stream) -> Self {
        let kind = GROUNDS[stream.below(GROUNDS.len())];
        let angle = stream.range(0.0, std::f32::consts::TAU);
        Self {
            kind,
            seed: stream.bits(),
            sine: angle.sin(),
            cosine: angle.cos(),
            scale: stream.range(0.8, 1.25),
            hue: stream.range(-0.02, 0.02),
            value: stream.range(0.86, 1.08),
        }
    }

    /// The ground's colour at a point given in pixels.
    pub(crate) fn color(&self, px: f32, py: f32) -> Color {
        // Turned, in units of 16 pixels times the scale. The threads of linen and `fine` stay along the pixels.
        let x = (px * self.cosine - py * self.sine) / (16.0 * self.scale);
        let y = (px * self.sine + py * self.cosine) / (16.0 * self.scale);
        // `s ^ n` is another seed for each noise; n is any number.
        let s = self.seed;
        let coarse = octaves(s, x * 0.6, y * 0.6, 4) - 0.5;
        let fine = noise(s ^ 77, px * 0.8, py * 0.8) - 0.5;
        let (hue, saturation, value) = match self.kind {
            GroundKind::Sand => {
                let ripple = (y * 5.0 + 3.0 * noise(s ^ 5, x * 0.7, y * 0.7)).sin();
                (
                    0.105,
                    0.27,
                    0.78 + 0.16 * coarse + 0.045 * ripple + 0.08 * fine,
                )
            }
            GroundKind::Gravel => {
                let (near, gap, tone) = cells(s, x * 2.6, y * 2.6);
                let edge = smoothstep(0.0, 0.25, gap);
                let value = (0.34 + 0.38 * tone + 0.12 * (0.5 - near)) * (0.45 + 0.55 * edge);
                (0.08 + 0.05 * tone, 0.08, value + 0.06 * fine)
            }
            GroundKind::Soil => {
                let crumb = octaves(s ^ 9, x * 3.0, y * 3.0, 3) - 0.5;
                (
                    0.065,
                    0.36,
                    0.40 + 0.22 * coarse + 0.34 * crumb + 0.08 * fine,
                )
            }
            GroundKind::Boards => {
                let board = (y * 0.75).floor();
                let tone = lattice(s ^ 3, board as i32, 0);
                let within = y * 0.75 - board;
                let gap = smoothstep(0.0, 0.06, within.min(1.0 - within));
                let grain = octaves(s ^ 4, x * 0.5 + 7.0 * tone, y * 7.0, 3) - 0.5;
                let value = (0.58 + 0.14 * (tone - 0.5) + 0.26 * grain) * (0.35 + 0.65 * gap);
                (0.075, 0.34, value + 0.03 * fine)
            }
            GroundKind::Bricks => {
                let row = (y * 1.5).floor();
                let along = x * 0.75 + 0.5 * (row as i32 & 1) as f32;
                let (u, v) = (along - along.floor(), y * 1.5 - row);
                let tone = lattice(s ^ 6, along.floor() as i32, row as i32);
                let face =
                    smoothstep(0.02, 0.07, u.min(1.0 - u)) * smoothstep(0.05, 0.14, v.min(1.0 - v));
                let value = 0.66 - (0.22 - 0.16 * (tone - 0.5)) * face + 0.14 * coarse + 0.1 * fine;
                (0.04, 0.10 + 0.22 * face, value)
            }
            GroundKind::Grass => {
                let blade = octaves(s ^ 8, x * 5.5, y * 1.6, 3) - 0.5;
                (
                    0.215,
                    0.34,
                    0.46 + 0.24 * coarse + 0.48 * blade + 0.08 * fine,
                )
            }
            GroundKind::Snow => {
                let drift = octaves(s ^ 2, x * 0.35, y * 0.8, 5) - 0.5;
                (0.6, 0.05, 0.86 + 0.22 * drift + 0.05 * fine)
            }
            GroundKind::Linen => {
                let weave = ((px * 1.6).sin() * (py * 1.6).sin()) * 0.05;
                let stripe = smoothstep(0.86, 0.92, (y * 2.2).sin()) * 0.12;
                (
                    0.11,
                    0.12,
                    0.74 + 0.10 * coarse + weave - stripe + 0.05 * fine,
                )
            }
        };
        hsv(
            hue + self.hue,
            saturation,
            (value * self.value).clamp(0.04, 1.0),
        )
    }
}
