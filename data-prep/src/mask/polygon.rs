//! Turns polygons into run lengths, pixel for pixel as COCO's `maskApi` (pycocotools) does.
//!
//! `maskApi` does not test for each pixel whether the polygon contains it. It draws the outline on a raster
//! five times as fine, and published masks have that rounding. This file draws the outline with the same
//! arithmetic: truncation toward zero, the same order of steps, the same doubles.

use crate::mask::rle::{Malformed, Rle, pixel_count};
use crate::words::counted;

/// Steps of the fine raster per pixel, as in `maskApi`.
const FINE: f64 = 5.0;

/// Coordinates farther than this many pixels from 0 are refused. Chosen: a JPEG has at most 65,535 columns or rows.
const FARTHEST: f64 = 100_000.0;
/// Outlines longer than this many pixels are refused, because the time to draw one grows with its length. Chosen.
const LONGEST: f64 = 10_000_000.0;

impl Rle {
    /// Returns the union of polygons on an image of `height` × `width` pixels. Each is x, y, x, y, … in
    /// pixels, from its last point back to its first, and may leave the image.
    ///
    /// # Errors
    /// When there is no polygon, or one has an odd number of coordinates, fewer than three points,
    /// or a coordinate or an outline's length is non-finite or absurdly large.
    pub fn from_polygons<P: AsRef<[f64]>>(
        polygons: &[P],
        height: u32,
        width: u32,
    ) -> Result<Rle, Malformed> {
        let masks = polygons
            .iter()
            .map(|polygon| fill(polygon.as_ref(), height, width))
            .collect::<Result<Vec<_>, _>>()?;
        if masks.is_empty() {
            return Err(Malformed::new("no polygon", "at least one"));
        }
        Rle::union(&masks)
    }
}

/// Checks a polygon without drawing it.
///
/// # Errors
/// As [`Rle::from_polygons`].
pub fn check(polygon: &[f64]) -> Result<(), Malformed> {
    if polygon.len() % 2 == 1 {
        return Err(Malformed::new(
            format!(
                "a polygon of {}",
                counted(polygon.len(), "coordinate", "coordinates")
            ),
            "an even number",
        ));
    }
    if polygon.len() < 6 {
        return Err(Malformed::new(
            format!(
                "a polygon of {}",
                counted(polygon.len() / 2, "point", "points")
            ),
            "at least 3 points",
        ));
    }
    if let Some(value) = polygon
        .iter()
        .find(|value| !(-FARTHEST..=FARTHEST).contains(*value))
    {
        return Err(Malformed::new(
            format!("coordinate {value:?}"),
            format!("coordinates from -{FARTHEST} to {FARTHEST}"),
        ));
    }
    let (points, _) = polygon.as_chunks::<2>();
    let ends = points.iter().cycle().skip(1);
    let steps = points
        .iter()
        .zip(ends)
        .map(|(from, to)| (from[0] - to[0]).abs().max((from[1] - to[1]).abs()));
    let length: f64 = steps.sum();
    if length > LONGEST {
        return Err(Malformed::new(
            format!("an outline of {length:.0} pixels"),
            format!("at most {LONGEST}"),
        ));
    }
    Ok(())
}

/// Returns the pixels of one polygon.
fn fill(polygon: &[f64], height: u32, width: u32) -> Result<Rle, Malformed> {
    let pixels = pixel_count(height, width)?;
    check(polygon)?;
    let mut crossings = crossings(polygon, height, width);
    crossings.push(pixels);
    crossings.sort_unstable();

    // Going down the columns, each crossing turns outside into inside or back, so the runs are the
    // differences of crossings. Two crossings at one pixel cancel: the runs before and after are joined.
    let mut counts: Vec<u32> = Vec::with_capacity(crossings.len());
    let mut previous = 0;
    let mut cancel = false;
    for (index, crossing) in crossings.into_iter().enumerate() {
        let run = crossing - previous;
        previous = crossing;
        match counts.last_mut() {
            Some(last) if cancel => {
                *last += run;
                cancel = false;
            }
            _ if run == 0 && index > 0 => cancel = true,
            _ => counts.push(run),
        }
    }
    Ok(Rle {
        height,
        width,
        counts,
    })
}

/// Returns where the outline crosses the columns of pixels: for each crossing the column-major position of
/// the column's first pixel below it. Only steps across the centre of a column count; x, y are in pixels, u, v
/// in steps of the fine raster.
fn crossings(polygon: &[f64], height: u32, width: u32) -> Vec<u32> {
    let last_column = f64::from(width) - 1.0;
    let bottom = f64::from(height);
    let mut found = Vec::new();
    let mut cross = |(u0, v0): (i32, i32), (u, v): (i32, i32)| {
        if u == u0 {
            return;
        }
        let x = (f64::from(if u < u0 { u } else { u - 1 }) + 0.5) / FINE - 0.5;
        if x.floor() != x || x < 0.0 || x > last_column {
            return;
        }
        let y = (f64::from(v.min(v0)) + 0.5) / FINE - 0.5;
        // Not clamp: the order of the comparisons and the ceiling are part of the rounding.
        found.push(x as u32 * height + y.max(0.0).min(bottom).ceil() as u32);
    };

    let fine: Vec<(i32, i32)> = polygon
        .chunks_exact(2)
        .map(|point| {
            (
                (FINE * point[0] + 0.5) as i32,
                (FINE * point[1] + 0.5) as i32,
            )
        })
        .collect();
    let mut previous = None;
    for (index, &from) in fine.iter().enumerate() {
        let to = fine[(index + 1) % fine.len()];
        walk_edge(from, to, |point| {
            if let Some(previous) = previous {
                cross(previous, point);
            }
            previous = Some(point);
        });
    }
    found
}

/// Visits the fine raster's points from one vertex to the next, both included: one for each step along the
/// longer direction. The line is always computed from the end with the smaller coordinate, so that an edge
/// that two polygons share is the same for both. An edge without length visits nothing.
fn walk_edge(from: (i32, i32), to: (i32, i32), mut visit: impl FnMut((i32, i32))) {
    let (dx, dy) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
    let along_x = dx >= dy;
    let flip = if along_x {
        from.0 > to.0
    } else {
        from.1 > to.1
    };
    let (start, end) = if flip { (to, from) } else { (from, to) };
    let length = dx.max(dy);
    if length == 0 {
        return;
    }
    let slope = if along_x {
        f64::from(end.1 - start.1) / f64::from(dx)
    } else {
        f64::from(end.0 - start.0) / f64::from(dy)
    };
    for step in 0..=length {
        let t = if flip { length - step } else { step };
        let offset = slope * f64::from(t);
        visit(if along_x {
            (start.0 + t, (f64::from(start.1) + offset + 0.5) as i32)
        } else {
            ((f64::from(start.0) + offset + 0.5) as i32, start.1 + t)
        });
    }
}
