//! Paints a scene's things (objects, companions, clutter) on a canvas, one over the other, with soft
//! shadows and one light, and keeps for every pixel which object is on top. `objects`, `companions` and
//! `clutter` define the shapes; `camera` makes the photograph. Numbers without a reason beside them were chosen by eye.

use super::texture::{Color, smoothstep};

/// A thing's surface at one point of the thing's own plane, in which it fills about the unit circle.
pub(crate) struct Surface {
    /// Signed distance to the outline, negative inside, in units of the thing's radius.
    pub(crate) distance: f32,
    pub(crate) color: Color,
    /// The height of the surface, in units of the thing's radius. Only its slope matters: slopes that face the light
    /// are brighter.
    pub(crate) height: f32,
}

/// Centre and radius of a drawn thing, in pixels, and the angle by which it is turned, in radians.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pose {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
    pub(crate) angle: f32,
}

/// The light: its direction in the image plane, as a unit vector towards it, and how dark its shadows are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Light {
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// The share of the light that a shadow takes away.
    pub(crate) shadow: f32,
}

/// An image being drawn: in `pixels` linear light, in `owner` for each pixel the number of the object on top, from 1
/// (0: no object). Both are row-major.
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<Color>,
    pub(crate) owner: Vec<u8>,
}

/// How far a thing, with legs and feelers, may reach from its centre, in units of its radius. The length of its shadow
/// comes on top. (A ladybird's hind legs reach to 1.36 and are drawn because its shadow is long enough; a part of
/// theirs may be cut off. Another value would change the data set.)
const REACH: f32 = 1.25;

impl Canvas {
    /// Makes a canvas without things; `ground` gives the ground's colour at x, y in pixels.
    pub(crate) fn new(width: usize, height: usize, ground: impl Fn(f32, f32) -> Color) -> Self {
        let pixels = (0..width * height)
            .map(|i| ground((i % width) as f32, (i / width) as f32))
            .collect();
        Self {
            width,
            height,
            pixels,
            owner: vec![0; width * height],
        }
    }

    /// Paints a thing over everything painted so far. `surface` gives its surface at a point of its own plane. `owner`
    /// is the object's number from 1, or 0 for a thing that is no object. `lift` is how far its shadow is moved
    /// away from the light, in units of its radius; at 0 only a soft dark rim remains. Returns the number of pixels
    /// within the frame that the thing covers by half or more.
    pub(crate) fn lay(
        &mut self,
        surface: impl Fn(f32, f32) -> Surface,
        pose: Pose,
        owner: u8,
        lift: f32,
        light: Light,
    ) -> usize {
        let (sine, cosine) = pose.angle.sin_cos();
        let reach = pose.radius * (REACH + lift) + 2.0;
        let left = (pose.x - reach).floor() as i32;
        let top = (pose.y - reach).floor() as i32;
        let side = (2.0 * reach).ceil() as i32 + 2;
        let at = |x: i32, y: i32| (y * side + x) as usize;

        // The surface at every pixel of a square around the thing, whose top left pixel is (left, top).
        let patch: Vec<Surface> = (0..side * side)
            .map(|i| {
                let dx = ((i % side + left) as f32 - pose.x) / pose.radius;
                let dy = ((i / side + top) as f32 - pose.y) / pose.radius;
                surface(dx * cosine + dy * sine, dy * cosine - dx * sine)
            })
            .collect();

        let shadow_x = (-light.x * lift * pose.radius).round() as i32;
        let shadow_y = (-light.y * lift * pose.radius).round() as i32;
        let softness = 0.08 + 0.6 * lift;
        let mut covered = 0;
        for y in 1..side - 1 {
            for x in 1..side - 1 {
                let (px, py) = (x + left, y + top);
                if px < 0 || py < 0 || px >= self.width as i32 || py >= self.height as i32 {
                    continue;
                }
                let pixel = py as usize * self.width + px as usize;
                let (sx, sy) = (x - shadow_x, y - shadow_y);
                if sx >= 0 && sy >= 0 && sx < side && sy < side {
                    let dark = smoothstep(softness, -softness, patch[at(sx, sy)].distance);
                    self.pixels[pixel] =
                        self.pixels[pixel].map(|c| c * (1.0 - light.shadow * dark));
                }
                let here = &patch[at(x, y)];
                let coverage = (0.5 - here.distance * pose.radius).clamp(0.0, 1.0);
                if coverage <= 0.0 {
                    continue;
                }
                // Central differences, over two pixels.
                let slope_x = patch[at(x + 1, y)].height - patch[at(x - 1, y)].height;
                let slope_y = patch[at(x, y + 1)].height - patch[at(x, y - 1)].height;
                let toward = -(slope_x * light.x + slope_y * light.y) * pose.radius * 0.5;
                let lit = (0.92 + 0.42 * toward).clamp(0.35, 1.5);
                let gloss = 0.10 * smoothstep(0.55, 1.1, toward);
                for c in 0..3 {
                    let shown = here.color[c] * lit + gloss;
                    self.pixels[pixel][c] += (shown - self.pixels[pixel][c]) * coverage;
                }
                if coverage >= 0.5 {
                    self.owner[pixel] = owner;
                    covered += 1;
                }
            }
        }
        covered
    }
}

/// The length of a vector, computed by operations whose result IEEE 754 prescribes. `hypot` comes from the system's
/// library, and its last bit may differ between machines, as that of the sines and arctangents used elsewhere here may.
pub(crate) fn length(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// Signed distance to a circle, negative inside.
pub(crate) fn circle(x: f32, y: f32, cx: f32, cy: f32, radius: f32) -> f32 {
    length(x - cx, y - cy) - radius
}

/// Approximate signed distance to an upright ellipse with the half axes `rx` and `ry`: exact on the outline, close near
/// it.
pub(crate) fn ellipse(x: f32, y: f32, cx: f32, cy: f32, rx: f32, ry: f32) -> f32 {
    let (u, v) = ((x - cx) / rx, (y - cy) / ry);
    let k = length(u, v);
    let gradient = length(u / rx, v / ry).max(1e-4);
    (k - 1.0) * k.max(1e-3) / gradient
}

/// Signed distance to a line between two points, of thickness 2 · `radius` and with round ends.
pub(crate) fn capsule(x: f32, y: f32, from: [f32; 2], to: [f32; 2], radius: f32) -> f32 {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let (ux, uy) = (x - from[0], y - from[1]);
    let t = ((ux * dx + uy * dy) / (dx * dx + dy * dy)).clamp(0.0, 1.0);
    length(ux - t * dx, uy - t * dy) - radius
}

/// The height of a dome at a signed distance from the outline: it rises as a quarter circle from 0 at the outline to
/// `bevel` at the distance −`bevel`, and is flat further inside.
pub(crate) fn dome(distance: f32, bevel: f32) -> f32 {
    let t = 1.0 - (-distance / bevel).clamp(0.0, 1.0);
    bevel * (1.0 - t * t).sqrt()
}
