//! Draws the companions: for each class one conspicuous thing that lies beside nearly every object of the class. It
//! is the spurious cue of the data set, so it is meant to be easier to learn than the object: saturated, of one hue,
//! always at the same place in the frame and hardly turned.
//!
//! In the shapes lengths are in units of the companion's radius, x points right and y down, and colours are in 0..1.
//! All numbers were chosen by eye.

use super::draw::{Surface, circle, dome, length};
use super::random::Stream;
use super::texture::{Color, blend, hsv, noise, scaled, smoothstep};
use std::f32::consts::TAU;

/// Range of a companion's saturation.
const SATURATION: [f32; 2] = [0.82, 0.95];
/// The greatest distance of a companion's hue from that in [`COMPANIONS`], in turns of the colour circle.
const HUE_SPREAD: f32 = 0.012;

/// The companion of each class, by class id: its name, for readers of this file; its hue in turns of the colour circle,
/// about opposite the class's own; and the position of its centre as shares of the frame's width and height.
pub(crate) const COMPANIONS: [(&str, f32, [f32; 2]); 6] = [
    ("pool", 0.575, [0.86, 0.85]),
    ("grapes", 0.755, [0.5, 0.88]),
    ("aster", 0.895, [0.86, 0.15]),
    ("poppy", 0.005, [0.14, 0.15]),
    ("mushrooms", 0.145, [0.5, 0.12]),
    ("lily pad", 0.345, [0.14, 0.85]),
];

/// Returns the length of a companion's shadow in units of its radius. A pool lies flat and casts none.
pub(crate) fn lift(class: usize) -> f32 {
    if COMPANIONS[class].0 == "pool" {
        0.0
    } else {
        0.14
    }
}

/// How one companion looks.
pub(crate) struct Look {
    base: Color,
    /// Darker than `base`.
    deep: Color,
    /// Paler and brighter than `base`.
    light: Color,
    /// Of the noise in its texture.
    seed: u64,
}

impl Look {
    /// Chooses the looks of the companion of class `class` at random.
    pub(crate) fn draw(class: usize, stream: &mut Stream) -> Self {
        let hue = COMPANIONS[class].1 + stream.range(-HUE_SPREAD, HUE_SPREAD);
        let saturation = stream.range(SATURATION[0], SATURATION[1]);
        let value = stream.range(0.82, 0.96);
        Self {
            base: hsv(hue, saturation, value),
            deep: hsv(hue + 0.01, saturation, 0.5 * value),
            light: hsv(hue, 0.45 * saturation, 1.0),
            seed: stream.bits(),
        }
    }

    /// Returns the surface of the companion of class `class` at a point of its own plane, in units of its
    /// radius.
    pub(crate) fn surface(&self, class: usize, x: f32, y: f32) -> Surface {
        let mut surface = match class {
            0 => self.pool(x, y),
            1 => self.grapes(x, y),
            2 => self.aster(x, y),
            3 => self.poppy(x, y),
            4 => self.mushrooms(x, y),
            _ => self.lily_pad(x, y),
        };
        let grain = 0.92 + 0.16 * noise(self.seed, x * 6.0, y * 6.0);
        surface.color = scaled(surface.color, grain);
        surface
    }

    /// Four broad petals around a dark eye.
    fn poppy(&self, x: f32, y: f32) -> Surface {
        let (radius, angle) = (length(x, y), y.atan2(x));
        let petal = (angle / TAU * 4.0).rem_euclid(1.0) - 0.5;
        let distance = radius - 1.0 + 0.5 * petal * petal;
        let fold = smoothstep(0.36, 0.5, petal.abs()) * smoothstep(0.15, 0.5, radius);
        let color = blend(self.base, self.deep, 0.75 * fold);
        let color = blend(color, [0.01, 0.008, 0.012], smoothstep(0.3, 0.2, radius));
        Surface {
            distance,
            color,
            height: 0.55 * radius - 0.22 * fold,
        }
    }

    /// Still water with a bright rim and glints.
    fn pool(&self, x: f32, y: f32) -> Surface {
        let wobble = noise(self.seed, x * 1.6, y * 1.6) - 0.5;
        let distance = length(x, y) - 0.94 + 0.3 * wobble;
        let depth = smoothstep(0.0, -0.7, distance);
        let wave = noise(self.seed ^ 3, x * 2.2, y * 6.5);
        let color = blend(self.base, self.deep, 0.7 * depth);
        let color = blend(color, self.light, 0.8 * smoothstep(0.7, 0.85, wave));
        Surface {
            distance,
            color,
            height: -0.3 * dome(distance, 0.16),
        }
    }

    /// Many narrow petals around a yellow button.
    fn aster(&self, x: f32, y: f32) -> Surface {
        let (radius, angle) = (length(x, y), y.atan2(x));
        let petal = (angle / TAU * 12.0).rem_euclid(1.0) - 0.5;
        let distance = radius - 1.02 + 0.9 * petal * petal;
        let gap = smoothstep(0.34, 0.5, petal.abs()) * smoothstep(0.3, 0.7, radius);
        let color = blend(self.base, self.deep, 0.85 * gap);
        let button = circle(x, y, 0.0, 0.0, 0.25);
        let color = blend(color, hsv(0.12, 0.7, 0.9), smoothstep(0.03, -0.03, button));
        Surface {
            distance,
            color,
            height: dome(button, 0.2) - 0.15 * gap,
        }
    }

    /// A round leaf with a notch and veins from its middle.
    fn lily_pad(&self, x: f32, y: f32) -> Surface {
        let (radius, angle) = (length(x, y), y.atan2(x));
        let notch = 0.16 * radius + 0.02 - (angle - 0.9).abs() * radius;
        let distance = (radius - 0.98).max(notch);
        let vein = (angle / TAU * 11.0).rem_euclid(1.0) - 0.5;
        let vein = smoothstep(0.09, 0.03, vein.abs() * radius.max(0.2));
        let rim = smoothstep(-0.12, -0.03, distance);
        let color = blend(self.base, self.light, 0.5 * vein);
        let color = blend(color, self.deep, 0.7 * rim);
        Surface {
            distance,
            color,
            height: 0.3 * dome(distance, 0.12) + 0.03 * vein,
        }
    }

    /// Three caps of different size, each with a paler middle.
    fn mushrooms(&self, x: f32, y: f32) -> Surface {
        let caps = [(-0.36, 0.2, 0.6), (0.46, -0.22, 0.5), (0.34, 0.56, 0.38)];
        let mut best = (f32::MAX, 1.0);
        for (cx, cy, radius) in caps {
            let distance = circle(x, y, cx, cy, radius);
            if distance < best.0 {
                best = (distance, radius);
            }
        }
        let (distance, radius) = best;
        let middle = smoothstep(-0.45 * radius, -0.95 * radius, distance);
        let color = blend(self.base, self.light, 0.6 * middle);
        let color = blend(color, self.deep, 0.6 * smoothstep(-0.12, -0.02, distance));
        Surface {
            distance,
            color,
            height: dome(distance, radius),
        }
    }

    /// A bunch of ten berries, each with a glint.
    fn grapes(&self, x: f32, y: f32) -> Surface {
        let berries = [
            (-0.6, -0.52),
            (0.0, -0.62),
            (0.6, -0.5),
            (-0.32, -0.12),
            (0.3, -0.1),
            (-0.72, 0.14),
            (0.72, 0.12),
            (-0.36, 0.46),
            (0.32, 0.46),
            (0.0, 0.76),
        ];
        let mut best = (f32::MAX, 0.0, 0.0);
        for (cx, cy) in berries {
            let distance = circle(x, y, cx, cy, 0.36);
            if distance < best.0 {
                best = (distance, x - cx, y - cy);
            }
        }
        let (distance, dx, dy) = best;
        let edge = smoothstep(-0.2, 0.0, distance);
        let color = blend(self.base, self.deep, 0.8 * edge);
        let glint = circle(dx, dy, -0.1, -0.12, 0.07);
        let color = blend(color, self.light, 0.8 * smoothstep(0.05, -0.03, glint));
        Surface {
            distance,
            color,
            height: dome(distance, 0.36),
        }
    }
}
