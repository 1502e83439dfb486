//! Decides what is in a scene of the embedded data set and where: objects, clutter, and companions. Each class has one
//! companion, a thing that lies beside its objects and is the data set's spurious cue. [`Bond`] says whether an image
//! keeps this relation. "Side" is the shorter side of the frame. All numbers were chosen.

use super::companions::COMPANIONS;
use super::draw::{Pose, length};
use super::objects::CLASSES;
use super::random::Stream;

/// Whether companions lie beside objects of their own class. The bond is kept in train, val and the in-distribution
/// part of test, and cut in the shifted part of test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bond {
    /// The companion of each class that has an object in the image is there with probability [`CUE_PRESENT`], that of
    /// each other class with probability [`CUE_STRAY`].
    Kept,
    /// There are as many companions as with `Kept`, but their classes are drawn regardless of the objects.
    Cut,
}

/// Probability of a class's companion where the class is in the image.
const CUE_PRESENT: f32 = 0.92;
/// Probability of a class's companion where the class is not in the image.
const CUE_STRAY: f32 = 0.05;
/// Range of a companion's radius as a share of the frame's shorter side.
const CUE_RADIUS: [f32; 2] = [0.14, 0.17];
/// The greatest distance of a companion from its class's position, in x and in y, as a share of the shorter side.
const CUE_JITTER: f32 = 0.035;

/// The probabilities that an image has one, two or three objects.
const OBJECT_COUNTS: [f32; 3] = [0.4, 0.38, 0.22];
/// Range of an object's diameter as a share of the shorter side, for images of one, two and three objects.
const OBJECT_SIZES: [[f32; 2]; 3] = [[0.40, 0.54], [0.36, 0.50], [0.30, 0.44]];
/// The smallest diameter of an object that had to shrink for lack of room, as a share of the shorter side.
const SMALLEST_OBJECT: f32 = 0.22;
/// Probability that the second or third object is of a class already there.
const SAME_CLASS: f32 = 0.1;
/// Probability that a twig lies over an object.
const OCCLUSION: f32 = 0.35;

/// The sides an image can have, in pixels: any of them as width, one of the first three as height.
const SIDES: [usize; 5] = [96, 104, 112, 120, 128];

/// An object or a companion: the id of its class, and its pose in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) class: usize,
    pub(crate) pose: Pose,
}

/// A whole scene before it is drawn.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) companions: Vec<Item>,
    pub(crate) objects: Vec<Item>,
    /// Clutter on the ground, below everything.
    pub(crate) below: Vec<Pose>,
    /// Twigs over the objects.
    pub(crate) above: Vec<Pose>,
}

impl Layout {
    /// Lays out a scene with random numbers from `stream`.
    pub(crate) fn draw(bond: Bond, stream: &mut Stream) -> Self {
        let width = SIDES[stream.below(SIDES.len())];
        let height = SIDES[stream.below(3)];
        let side = width.min(height) as f32;

        let classes = object_classes(stream);
        let companions: Vec<Item> = companion_classes(&classes, bond, stream)
            .into_iter()
            .map(|class| {
                let [x, y] = COMPANIONS[class].2;
                let pose = Pose {
                    x: x * width as f32 + side * stream.range(-CUE_JITTER, CUE_JITTER),
                    y: y * height as f32 + side * stream.range(-CUE_JITTER, CUE_JITTER),
                    radius: side * stream.range(CUE_RADIUS[0], CUE_RADIUS[1]),
                    angle: stream.range(-0.3, 0.3),
                };
                Item { class, pose }
            })
            .collect();

        // What further objects must keep clear of.
        let mut taken: Vec<Pose> = companions.iter().map(|item| item.pose).collect();
        let [smallest, largest] = OBJECT_SIZES[classes.len() - 1];
        let mut objects = Vec::new();
        for class in classes {
            let size = stream.range(smallest, largest);
            let pose = free_pose(width as f32, height as f32, size, &taken, stream);
            taken.push(pose);
            objects.push(Item { class, pose });
        }

        // 4 to 10 pieces of clutter.
        let below = (0..4 + stream.below(7))
            .map(|_| Pose {
                x: stream.range(0.0, width as f32),
                y: stream.range(0.0, height as f32),
                radius: side * stream.range(0.02, 0.085),
                angle: stream.range(0.0, std::f32::consts::TAU),
            })
            .collect();
        let mut above = Vec::new();
        for object in &objects {
            if stream.chance(OCCLUSION) {
                let pose = object.pose;
                above.push(Pose {
                    x: pose.x + pose.radius * stream.range(-0.7, 0.7),
                    y: pose.y + pose.radius * stream.range(-0.7, 0.7),
                    radius: side * stream.range(0.12, 0.24),
                    angle: stream.range(0.0, std::f32::consts::TAU),
                });
            }
        }
        Self {
            width,
            height,
            companions,
            objects,
            below,
            above,
        }
    }
}

/// Draws the classes of one to three objects.
fn object_classes(stream: &mut Stream) -> Vec<usize> {
    let count = 1 + stream.weighted(&OBJECT_COUNTS);
    let mut classes: Vec<usize> = Vec::new();
    while classes.len() < count {
        let class = if !classes.is_empty() && stream.chance(SAME_CLASS) {
            classes[stream.below(classes.len())]
        } else {
            let rest: Vec<usize> = (0..CLASSES.len())
                .filter(|c| !classes.contains(c))
                .collect();
            rest[stream.below(rest.len())]
        };
        classes.push(class);
    }
    classes
}

/// Draws the classes whose companions are in a scene with objects of the classes `objects`.
fn companion_classes(objects: &[usize], bond: Bond, stream: &mut Stream) -> Vec<usize> {
    let bound: Vec<usize> = (0..COMPANIONS.len())
        .filter(|class| {
            let present = objects.contains(class);
            stream.chance(if present { CUE_PRESENT } else { CUE_STRAY })
        })
        .collect();
    match bond {
        Bond::Kept => bound,
        Bond::Cut => {
            // The first steps of a Fisher–Yates shuffle: a random choice without repetition.
            let mut all: Vec<usize> = (0..COMPANIONS.len()).collect();
            for i in 0..bound.len() {
                let other = i + stream.below(all.len() - i);
                all.swap(i, other);
            }
            all.truncate(bound.len());
            all
        }
    }
}

/// Returns a random pose of diameter `size` (share of the shorter side) that does not overlap those `taken`, because
/// an object's box must not contain a companion. After every 24 failed attempts of 240 the object shrinks by 7 %, but
/// not below [`SMALLEST_OBJECT`]. If all fail, the attempted pose with the least overlap is returned. `width` and
/// `height` are the frame's, in pixels.
fn free_pose(width: f32, height: f32, size: f32, taken: &[Pose], stream: &mut Stream) -> Pose {
    let side = width.min(height);
    let mut radius = 0.5 * size * side;
    let mut best: Option<(f32, Pose)> = None;
    for attempt in 1..=240 {
        let inset = 0.92 * radius;
        let pose = Pose {
            x: stream.range(inset, width - inset),
            y: stream.range(inset, height - inset),
            radius,
            angle: stream.range(0.0, std::f32::consts::TAU),
        };
        let overlap = taken
            .iter()
            .map(|other| overlap(pose, *other))
            .fold(0.0, f32::max);
        if overlap <= 0.0 {
            return pose;
        }
        if best.is_none_or(|(least, _)| overlap < least) {
            best = Some((overlap, pose));
        }
        if attempt % 24 == 0 {
            radius = (radius * 0.93).max(0.5 * SMALLEST_OBJECT * side);
        }
    }
    best.map_or(
        Pose {
            x: width / 2.0,
            y: height / 2.0,
            radius,
            angle: 0.0,
        },
        |(_, pose)| pose,
    )
}

/// Returns by how many pixels the first thing's upright square, which is about its box (half its side is 0.9 of its
/// radius), overlaps the second thing's circle; zero or less where they are at least a pixel apart.
fn overlap(square: Pose, disc: Pose) -> f32 {
    let half = 0.9 * square.radius;
    let dx = ((square.x - disc.x).abs() - half).max(0.0);
    let dy = ((square.y - disc.y).abs() - half).max(0.0);
    disc.radius + 1.0 - length(dx, dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layouts(bond: Bond) -> Vec<Layout> {
        (0..4000)
            .map(|i| Layout::draw(bond, &mut Stream::new(3, "test", &i.to_string())))
            .collect()
    }

    /// Returns the share of images with the companion of class `class`: first among images with an object of the
    /// class, then among those without.
    fn cue_rates(layouts: &[Layout], class: usize) -> [f32; 2] {
        [true, false].map(|present| {
            let has = |items: &[Item]| items.iter().any(|item| item.class == class);
            let of: Vec<&Layout> = layouts
                .iter()
                .filter(|layout| has(&layout.objects) == present)
                .collect();
            of.iter().filter(|layout| has(&layout.companions)).count() as f32 / of.len() as f32
        })
    }

    #[test]
    fn the_bond_holds_and_is_cut() {
        let (kept, cut) = (layouts(Bond::Kept), layouts(Bond::Cut));
        for class in 0..CLASSES.len() {
            let [with, without] = cue_rates(&kept, class);
            assert!((with - CUE_PRESENT).abs() < 0.03, "class {class}: {with}");
            assert!(
                (without - CUE_STRAY).abs() < 0.01,
                "class {class}: {without}"
            );
            // With the bond cut the two rates still differ a little: images with more objects have more companions,
            // of any class.
            let [with, without] = cue_rates(&cut, class);
            assert!(
                (with - without).abs() < 0.12,
                "class {class}: {with} and {without}"
            );
        }
        let companions =
            |layouts: &[Layout]| layouts.iter().map(|l| l.companions.len()).sum::<usize>() as f32;
        let ratio = companions(&kept) / companions(&cut);
        assert!(
            (ratio - 1.0).abs() < 0.05,
            "the two parts differ in the number of companions"
        );
    }

    #[test]
    fn objects_lie_clear_of_companions() {
        let layouts = layouts(Bond::Kept);
        let objects = || {
            layouts
                .iter()
                .flat_map(|layout| layout.objects.iter().zip([layout; 3]))
        };
        let crowded = objects()
            .filter(|(object, layout)| {
                layout
                    .companions
                    .iter()
                    .any(|c| overlap(object.pose, c.pose) > 1.0)
            })
            .count();
        let share = crowded as f32 / objects().count() as f32;
        assert!(
            share < 0.05,
            "{share} of the objects' squares reach into a companion"
        );
    }
}
