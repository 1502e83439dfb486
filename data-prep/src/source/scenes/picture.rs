//! Draws one scene (an image of the embedded data set) from its id: lays it out, paints it, makes it look like a
//! photograph (`camera`: exposure, blur, noise), and measures which pixels of its objects are visible. Numbers
//! without a reason beside them were chosen by eye.

use super::camera;
use super::clutter::Clutter;
use super::companions;
use super::draw::{Canvas, Light};
use super::layout::{Bond, Layout};
use super::objects;
use super::random::Stream;
use super::texture::Ground;

/// The least share of an object's pixels that must be visible: the object's box should show the object. Chosen.
const VISIBLE_SHARE: f32 = 0.6;

/// A drawn scene with its annotations.
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Interleaved 8-bit RGB, row-major.
    pub(crate) rgb: Vec<u8>,
    /// For each pixel the object on top: index + 1 into `objects`, 0 for none.
    pub(crate) owner: Vec<u8>,
    pub(crate) objects: Vec<Visible>,
}

/// The visible part of an object.
pub(crate) struct Visible {
    pub(crate) class: usize,
    /// First column, first row, last column, last row of its visible pixels, from 0.
    pub(crate) bounds: [usize; 4],
    /// Whether something hides a part of it.
    pub(crate) occluded: bool,
}

impl Visible {
    /// Whether it reaches the picture's edge, so that a part of it may lie outside: what VOC calls truncated.
    pub(crate) fn truncated(&self, width: usize, height: usize) -> bool {
        let [left, top, right, bottom] = self.bounds;
        left == 0 || top == 0 || right + 1 == width || bottom + 1 == height
    }
}

/// Draws the image `image_id`: a pure function of its arguments. `bond` says whether companions (the spurious cues) lie
/// beside objects of their class. Where too little of an object is visible ([`VISIBLE_SHARE`]), the scene is laid out
/// and painted again with the next random numbers.
pub(crate) fn draw(seed: u64, image_id: &str, bond: Bond) -> Picture {
    let mut layouts = Stream::new(seed, "layout", image_id);
    let mut looks = Stream::new(seed, "looks", image_id);
    loop {
        let layout = Layout::draw(bond, &mut layouts);
        let (canvas, taken) = paint(&layout, &mut looks);
        if let Some(objects) = visible(&layout, &canvas, &taken) {
            return Picture {
                width: canvas.width,
                height: canvas.height,
                rgb: camera::expose(&canvas, &mut Stream::new(seed, "camera", image_id)),
                owner: canvas.owner,
                objects,
            };
        }
    }
}

/// Paints the scene, what lies lowest first; also returns how many pixels of the picture each object would cover with
/// nothing over it. The numbers given to `lay` are 0 for things that are no objects, and how high a thing seems to lie.
fn paint(layout: &Layout, looks: &mut Stream) -> (Canvas, Vec<usize>) {
    let ground = Ground::draw(looks);
    let mut canvas = Canvas::new(layout.width, layout.height, |x, y| ground.color(x, y));
    let toward = looks.range(0.0, std::f32::consts::TAU);
    let light = Light {
        x: toward.cos(),
        y: toward.sin(),
        shadow: looks.range(0.35, 0.65),
    };

    for &pose in &layout.below {
        let clutter = Clutter::ground(looks);
        canvas.lay(|x, y| clutter.surface(x, y), pose, 0, 0.25, light);
    }
    for item in &layout.companions {
        let look = companions::Look::draw(item.class, looks);
        let lift = companions::lift(item.class);
        canvas.lay(
            |x, y| look.surface(item.class, x, y),
            item.pose,
            0,
            lift,
            light,
        );
    }
    let mut taken = Vec::new();
    for (index, item) in layout.objects.iter().enumerate() {
        let look = objects::Look::draw(item.class, looks);
        let owner = index as u8 + 1;
        let surface = |x: f32, y: f32| look.surface(item.class, x, y);
        taken.push(canvas.lay(surface, item.pose, owner, 0.16, light));
    }
    for &pose in &layout.above {
        let clutter = Clutter::over(looks);
        canvas.lay(|x, y| clutter.surface(x, y), pose, 0, 0.18, light);
    }
    (canvas, taken)
}

/// Returns the visible part of each object; `None` where less than [`VISIBLE_SHARE`] of some object is visible. `taken`
/// has the number of pixels of each object with nothing over it.
fn visible(layout: &Layout, canvas: &Canvas, taken: &[usize]) -> Option<Vec<Visible>> {
    let mut counts = vec![0; taken.len()];
    let mut bounds = vec![[usize::MAX, usize::MAX, 0, 0]; taken.len()];
    for (pixel, &owner) in canvas.owner.iter().enumerate() {
        let Some(index) = usize::from(owner).checked_sub(1) else {
            continue;
        };
        let (x, y) = (pixel % canvas.width, pixel / canvas.width);
        counts[index] += 1;
        let [left, top, right, bottom] = bounds[index];
        bounds[index] = [left.min(x), top.min(y), right.max(x), bottom.max(y)];
    }
    let mut objects = Vec::new();
    for (index, item) in layout.objects.iter().enumerate() {
        // An object that lies outside the picture has 0 of 0 pixels and must not pass.
        if (counts[index] as f32) < VISIBLE_SHARE * taken[index].max(1) as f32 {
            return None;
        }
        objects.push(Visible {
            class: item.class,
            bounds: bounds[index],
            occluded: counts[index] < taken[index],
        });
    }
    Some(objects)
}
