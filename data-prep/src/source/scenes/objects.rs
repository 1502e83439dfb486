//! Draws the objects of the six classes. Each class has a shape, a texture and a hue of its own, so that a small
//! network can learn it without its companion (the spurious cue), whatever its angle and size. The hue
//! alone does not tell the class, because companions of other classes have the same hues.
//!
//! In the shapes lengths are in units of the object's radius, x points right and y down, and colours are in 0..1. A
//! shape is the signed distance to its outline, the least of the distances to its parts. All numbers were chosen by
//! eye.

use super::draw::{Surface, capsule, circle, dome, ellipse, length};
use super::random::Stream;
use super::texture::{Color, blend, hsv, noise, scaled, smoothstep};
use std::f32::consts::{PI, TAU};

/// The greatest distance of an object's hue from its class's, in turns of the colour circle. With a wider range a
/// network takes longer to learn the objects, and relies on the companions for longer.
const HUE_SPREAD: f32 = 0.05;
/// Range of an object's saturation. Companions are more saturated.
const SATURATION: [f32; 2] = [0.48, 0.78];
/// Range of an object's brightness.
const VALUE: [f32; 2] = [0.55, 0.88];

/// The classes in the order of their ids.
pub(crate) const CLASSES: [&str; 6] = [
    "ladybird",
    "starfish",
    "butterfly",
    "fish",
    "snail",
    "snake",
];

/// How one object looks.
pub(crate) struct Look {
    base: Color,
    /// A pale colour.
    mark: Color,
    dark: Color,
    /// Four random numbers in 0..1 by which the shape and pattern of this object vary. The last has no effect; it is
    /// drawn so that the random numbers after it, and with them the pictures, stay as they were.
    vary: [f32; 4],
    /// Of the noise in its texture.
    seed: u64,
}

impl Look {
    /// Chooses the looks of an object of class `class` at random.
    pub(crate) fn draw(class: usize, stream: &mut Stream) -> Self {
        let hue = class as f32 / CLASSES.len() as f32 + 0.05;
        let hue = hue + stream.range(-HUE_SPREAD, HUE_SPREAD);
        let base = hsv(
            hue,
            stream.range(SATURATION[0], SATURATION[1]),
            stream.range(VALUE[0], VALUE[1]),
        );
        let pale = hsv(
            hue + stream.range(-0.08, 0.08),
            0.12,
            stream.range(0.9, 1.0),
        );
        let dark = hsv(hue + stream.range(-0.1, 0.1), 0.4, stream.range(0.10, 0.2));
        Self {
            base,
            mark: pale,
            dark,
            vary: [0; 4].map(|_: i32| stream.unit()),
            seed: stream.bits(),
        }
    }

    /// Returns the surface of an object of class `class` at a point of its own plane, in units of its
    /// radius.
    pub(crate) fn surface(&self, class: usize, x: f32, y: f32) -> Surface {
        let mut surface = match class {
            0 => self.ladybird(x, y),
            1 => self.starfish(x, y),
            2 => self.butterfly(x, y),
            3 => self.fish(x, y),
            4 => self.snail(x, y),
            _ => self.snake(x, y),
        };
        let grain = 0.86 + 0.28 * noise(self.seed, x * 9.0, y * 9.0);
        surface.color = scaled(surface.color, grain);
        surface
    }

    /// Round wing cases with dark spots and a seam, a dark head, six legs.
    fn ladybird(&self, x: f32, y: f32) -> Surface {
        let side = x.abs();
        let body = ellipse(side, y, 0.0, 0.12, 0.74 + 0.08 * self.vary[0], 0.8);
        let head = ellipse(side, y, 0.0, -0.68, 0.4, 0.28);
        let legs = [-0.32, 0.15, 0.6]
            .map(|leg| capsule(side, y, [0.5, leg], [0.98, leg + 0.5 * (leg - 0.1)], 0.065));
        let legs = legs[0].min(legs[1]).min(legs[2]);
        let spots = [(0.34, -0.2), (0.42, 0.3), (0.24, 0.68), (0.0, -0.36)]
            .map(|(sx, sy)| circle(side, y, sx, sy, 0.14 + 0.05 * self.vary[1]))
            .into_iter()
            .fold(f32::MAX, f32::min);
        let spot = smoothstep(0.05, -0.05, spots).max(smoothstep(0.06, 0.02, side));
        let color = if body < 0.0 {
            blend(self.base, self.dark, spot)
        } else {
            self.dark
        };
        let height = dome(body, 0.7).max(dome(head, 0.25));
        Surface {
            distance: body.min(head).min(legs),
            color,
            height,
        }
    }

    /// Five tapering arms, each with a row of pale dots.
    fn starfish(&self, x: f32, y: f32) -> Surface {
        let radius = length(x, y).max(1e-4);
        let turn = (y.atan2(x) / TAU * 5.0 + 0.5).rem_euclid(1.0) - 0.5;
        // Coordinates along and across the nearest arm.
        let (across, along) = (turn * TAU / 5.0).sin_cos();
        let (along, across) = (along * radius, (across * radius).abs());
        let half = 0.36 - 0.26 * along.clamp(0.0, 1.0) + 0.05 * self.vary[0];
        let arm = (across - half) * 0.92; // by eye
        let tip = circle(along, across, 0.88, 0.0, 0.12);
        let distance = if along > 0.88 {
            tip
        } else {
            arm.min(tip).max(along - 0.98)
        };
        let step = (along * 5.5).rem_euclid(1.0) - 0.5;
        let dots = length(step / 5.5, across) - 0.058;
        let rim = smoothstep(-0.12, -0.02, distance);
        let color = blend(self.base, scaled(self.base, 0.45), rim);
        let color = blend(color, self.mark, smoothstep(0.03, -0.02, dots));
        Surface {
            distance,
            color,
            height: dome(distance, 0.3),
        }
    }

    /// Two pairs of wings with a dark border and an eye in each, and a thin body.
    fn butterfly(&self, x: f32, y: f32) -> Surface {
        let side = x.abs();
        let upper = {
            let (s, c) = (0.6f32 + 0.2 * self.vary[0]).sin_cos();
            let (dx, dy) = (side - 0.5, y + 0.34);
            ellipse(dx * c - dy * s, dx * s + dy * c, 0.0, 0.0, 0.54, 0.36)
        };
        let lower = ellipse(side, y, 0.38, 0.44, 0.34, 0.36 + 0.06 * self.vary[1]);
        let wings = upper.min(lower);
        let body = capsule(side, y, [0.0, -0.45], [0.0, 0.55], 0.085);
        let feeler = capsule(side, y, [0.02, -0.5], [0.24, -0.92], 0.03);
        let eyes = circle(side, y, 0.58, -0.38, 0.17).min(circle(side, y, 0.4, 0.48, 0.13));
        let ring = smoothstep(0.06, 0.0, eyes);
        let border = smoothstep(-0.15, -0.09, wings);
        let color = blend(self.base, self.dark, border);
        let color = blend(color, self.mark, ring);
        let color = blend(color, self.dark, smoothstep(-0.05, -0.1, eyes));
        let color = if body.min(feeler) < 0.0 {
            self.dark
        } else {
            color
        };
        let height = (0.25 * (-wings).max(0.0)).max(dome(body, 0.09));
        Surface {
            distance: wings.min(body).min(feeler),
            color,
            height,
        }
    }

    /// A lens-shaped body with bold stripes across, a forked tail and an eye.
    fn fish(&self, x: f32, y: f32) -> Surface {
        let fat = 0.42 + 0.1 * self.vary[0];
        // Two circles through the snout and the root of the tail.
        let (nose, root) = (-0.96, 0.6);
        let (middle, half) = ((nose + root) / 2.0, (root - nose) / 2.0);
        let round = (half * half + fat * fat) / (2.0 * fat);
        let body = circle(x, y.abs(), middle, fat - round, round);
        let tail_half = 0.1 + 0.85 * (x - 0.42);
        let fork = 0.98 - 0.28 * (1.0 - (y.abs() / 0.5).min(1.0));
        // 0.76 = 1/√(1 + 0.85²), by the slope of the tail, makes this a distance.
        let tail = ((y.abs() - tail_half) * 0.76).max(x - fork).max(0.42 - x);
        let fin = ellipse(x, y, -0.05, -fat * 0.92, 0.34, 0.17);
        let count = 6.5 + 2.0 * self.vary[1];
        let stripe = smoothstep(-0.25, 0.25, (x * count + self.vary[2] * PI).sin());
        let eye = circle(x, y, -0.66, -0.08, 0.1);
        let color = if body < 0.0 && x > -0.48 {
            blend(self.base, self.mark, stripe)
        } else {
            self.base
        };
        let color = if body < 0.0 {
            color
        } else {
            scaled(self.base, 0.5)
        };
        let color = blend(color, self.mark, smoothstep(0.05, 0.01, eye));
        let color = blend(color, self.dark, smoothstep(-0.01, -0.05, eye));
        Surface {
            distance: body.min(tail).min(fin),
            color,
            height: dome(body, 0.45),
        }
    }

    /// A round shell with a dark spiral on a long pale foot with two horns.
    fn snail(&self, x: f32, y: f32) -> Surface {
        let (sx, sy) = (x - 0.12, y + 0.12);
        let radius = length(sx, sy).max(1e-3);
        let shell = radius - 0.64;
        let foot = capsule(x, y, [-0.72, 0.56], [0.8, 0.62], 0.17).min(capsule(
            x,
            y,
            [-0.72, 0.56],
            [-0.84, 0.2],
            0.13,
        ));
        let horns = capsule(x, y, [-0.82, 0.2], [-0.98, -0.16], 0.045).min(capsule(
            x,
            y,
            [-0.8, 0.2],
            [-0.72, -0.2],
            0.045,
        ));
        let winding = (sy.atan2(sx) / TAU + radius * (3.1 + 0.6 * self.vary[0])).rem_euclid(1.0);
        let groove = smoothstep(0.2, 0.1, winding.min(1.0 - winding));
        let color = if shell < 0.0 {
            blend(self.base, self.dark, groove)
        } else {
            blend(self.mark, self.base, 0.35)
        };
        let height = (dome(shell, 0.6) - 0.05 * groove).max(dome(foot, 0.16));
        Surface {
            distance: shell.min(foot).min(horns),
            color,
            height,
        }
    }

    /// A winding band with a zigzag along its back. Its middle line is two half circles that bulge to opposite sides.
    fn snake(&self, x: f32, y: f32) -> Surface {
        const RADIUS: f32 = 0.42;
        // The signed distance from the middle line, and the position along it, in half circles from the head.
        let (mut off, mut along) = (f32::MAX, 0.0);
        for (arc, side) in [(0.0, 1.0), (1.0, -1.0)] {
            let (dx, dy) = (x + RADIUS - 2.0 * RADIUS * arc, y * side);
            let outward = if dy >= 0.0 {
                length(dx, dy) - RADIUS
            } else {
                length(dx.abs() - RADIUS, dy) * (dx.abs() - RADIUS).signum()
            };
            if outward.abs() < f32::abs(off) {
                off = outward * side;
                along = arc + 0.5 + dx.atan2(dy.max(0.0)) / PI;
            }
        }
        let thick = (0.17 + 0.03 * self.vary[0]) * smoothstep(2.25, 1.2, along) + 0.03;
        let band = off.abs() - thick;
        let (head_x, head_y) = (-2.0 * RADIUS, -0.06);
        let head = ellipse(x, y, head_x, head_y, 0.22, 0.29);
        let tooth = (along * (3.5 + self.vary[1])).rem_euclid(1.0);
        let zigzag = thick * 0.7 * (4.0 * (tooth - 0.5).abs() - 1.0);
        let back = smoothstep(0.11, 0.06, (off - zigzag).abs());
        let eyes = circle((x - head_x).abs(), y, 0.11, head_y - 0.08, 0.06);
        let color = if head < 0.0 {
            blend(self.base, self.dark, smoothstep(0.02, -0.02, eyes))
        } else {
            blend(self.base, self.dark, back)
        };
        let height = dome(band, 0.18).max(dome(head, 0.2));
        Surface {
            distance: band.min(head),
            color,
            height,
        }
    }
}
