//! Draws clutter, things that say nothing about any class: pebbles, dry leaves and twigs on the ground,
//! and twigs that lie over objects and hide a part of them. Lengths are in units of the piece's radius, colours are
//! hue, saturation and value in 0..1; all numbers were chosen by eye.

use super::draw::{Surface, capsule, dome, ellipse};
use super::random::Stream;
use super::texture::{Color, blend, hsv, noise, scaled, smoothstep};

/// One piece of clutter.
pub(crate) struct Clutter {
    kind: Kind,
    color: Color,
    /// How strongly a leaf or twig is bent; 0 is straight.
    bend: f32,
    /// Width relative to the usual width.
    slim: f32,
    /// Of the noise in its texture.
    seed: u64,
}

#[derive(Clone, Copy)]
enum Kind {
    Pebble,
    DryLeaf,
    Twig,
}

impl Clutter {
    /// Chooses at random a piece that lies on the ground, below the objects of the classes and their companions (the
    /// spurious cues).
    pub(crate) fn ground(stream: &mut Stream) -> Self {
        let kind = [Kind::Pebble, Kind::DryLeaf, Kind::Twig][stream.weighted(&[0.55, 0.25, 0.2])];
        Self::of(kind, stream)
    }

    /// Chooses a twig's looks at random. A twig is thin enough to lie over an object.
    pub(crate) fn over(stream: &mut Stream) -> Self {
        Self::of(Kind::Twig, stream)
    }

    fn of(kind: Kind, stream: &mut Stream) -> Self {
        let color = match kind {
            Kind::Pebble => hsv(stream.unit(), 0.07, stream.range(0.35, 0.85)),
            Kind::DryLeaf => hsv(stream.range(0.06, 0.11), 0.45, stream.range(0.4, 0.7)),
            Kind::Twig => hsv(stream.range(0.06, 0.2), 0.35, stream.range(0.22, 0.5)),
        };
        Self {
            kind,
            color,
            bend: stream.range(-0.35, 0.35),
            slim: stream.range(0.55, 0.95),
            seed: stream.bits(),
        }
    }

    /// Returns the surface at a point of the piece's own plane, in units of its radius.
    pub(crate) fn surface(&self, x: f32, y: f32) -> Surface {
        // The distance to the outline, the width of its rounded edge, and the brightness (1: the full colour).
        let (distance, bevel, tone) = match self.kind {
            Kind::Pebble => {
                let wobble = 0.12 * (noise(self.seed, x * 1.8, y * 1.8) - 0.5);
                (ellipse(x, y, 0.0, 0.0, 0.95, self.slim) + wobble, 0.5, 1.0)
            }
            Kind::DryLeaf => {
                let y = y + self.bend * (x * x - 0.4);
                let half = 0.45 * self.slim * (1.0 - x * x).max(0.0);
                let vein = smoothstep(0.05, 0.02, y.abs());
                (
                    ((y.abs() - half) * 0.8).max(x.abs() - 0.95),
                    0.3,
                    1.0 - 0.4 * vein,
                )
            }
            Kind::Twig => {
                let y = y + self.bend * (x * x - 0.4);
                let side = capsule(x, y, [0.1, 0.0], [0.45, 0.3 * self.bend.signum()], 0.03);
                (
                    capsule(x, y, [-0.95, 0.0], [0.95, 0.0], 0.055).min(side),
                    0.06,
                    1.0,
                )
            }
        };
        let grain = 0.8 + 0.4 * noise(self.seed ^ 1, x * 7.0, y * 7.0);
        let color = blend(scaled(self.color, 0.5), self.color, tone);
        Surface {
            distance,
            color: scaled(color, grain),
            height: dome(distance, bevel),
        }
    }
}
