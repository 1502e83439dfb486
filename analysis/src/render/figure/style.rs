//! Defines the colours and marks of losses, as in the paper's Fig. 5, and draws the marks. Shapes differ as
//! well as colours, so that a figure can be read in grey.

use crate::model::loss::{Loss, N_KNOWN};
use crate::render::figure::svg::{Paint, Svg};

/// The baseline's colour.
pub const BASELINE: &str = "#1f2328";
/// Background of the quadrant that dominates the baseline.
pub const DOMINATING: &str = "#e8f5ec";
/// Background of the quadrant that the baseline dominates.
pub const DOMINATED: &str = "#dadade";

/// The shape of a loss's mark.
#[derive(Debug, Clone, Copy)]
enum Mark {
    Circle,
    /// The number of corners, the radius of the circle through them as a multiple of a mark's radius (chosen so
    /// that all shapes look equally large), and where the first corner is.
    Polygon(usize, f64, Turn),
    /// A star with this number of points.
    Star(usize),
}

/// Where a polygon's first corner is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    OnTop,
    /// Half the angle between two corners to the right of the top.
    HalfAStep,
}

use Mark::{Circle, Polygon, Star};
use Turn::{HalfAStep, OnTop};

/// Colour and mark of each loss, by [`Loss::index`]. The first [`N_KNOWN`] belong to the losses that
/// `model/loss.rs` knows. Other losses take the remaining ones in turn, which are used again if there are not
/// enough.
const LOOKS: [(&str, Mark); 11] = [
    ("#d62728", Circle),                  // Energy
    ("#2a9d4e", Polygon(3, 1.25, OnTop)), // L1
    ("#edb120", Polygon(5, 1.1, OnTop)),  // PPCE
    ("#2f6fde", Polygon(4, 1.2, OnTop)),  // RRR*
    ("#8c2d6b", Polygon(6, 1.1, OnTop)),  // Energy*
    ("#17a2b8", Polygon(4, 1.2, HalfAStep)),
    ("#e8743b", Polygon(3, 1.25, HalfAStep)),
    ("#6a4fcf", Star(5)),
    ("#7f6a3f", Polygon(5, 1.1, HalfAStep)),
    ("#c2479b", Star(4)),
    ("#5b6b7a", Polygon(8, 1.05, HalfAStep)),
];

const _: () = assert!(N_KNOWN < LOOKS.len(), "further losses need looks");

/// The colour and mark of a loss.
fn look(loss: &Loss) -> (&'static str, Mark) {
    let index = match loss.index() {
        index if index < LOOKS.len() => index,
        index => N_KNOWN + (index - N_KNOWN) % (LOOKS.len() - N_KNOWN),
    };
    LOOKS[index]
}

/// A loss's colour, or the baseline's for `None`.
pub fn colour(loss: Option<&Loss>) -> &'static str {
    loss.map_or(BASELINE, |loss| look(loss).0)
}

/// How much a mark stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Emphasis {
    /// Small and pale: a checkpoint that is not on the Pareto front of its panel, or one of many.
    Plain,
    /// A checkpoint on the front, a bar's mark, or a loss's in a legend.
    Front,
    /// Large, with a dark edge: the checkpoint that the report's main table shows.
    Selected,
}

/// The number of tones. The tone tells variants of a loss apart (e.g. dilations of the boxes), as colour and
/// shape tell losses apart. From the first tone to the last, marks go from full to empty, and lines from solid
/// to dotted.
pub const N_TONES: usize = 4;

/// The share of the colour in each tone; the rest is white.
const STRENGTH: [f64; N_TONES] = [1.0, 0.6, 0.25, 0.0];
/// Dash pattern of a tone's lines: lengths of dash and gap in pixels; empty for a solid line.
const DASHES: [&str; N_TONES] = ["", "7 3", "4 3", "1.5 3"];

/// The dash pattern of `tone`. Tones beyond the last look like the last.
pub fn dash(tone: usize) -> &'static str {
    DASHES[tone.min(N_TONES - 1)]
}

/// `#rrggbb` mixed with white, as `tone` says.
fn toned(colour: &str, tone: usize) -> String {
    let strength = STRENGTH[tone.min(N_TONES - 1)];
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap_or(0));
        (255.0 + (value - 255.0) * strength).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", channel(1), channel(3), channel(5))
}

/// Draws, around the point `at`, the mark of a loss in this tone, or for `None` the cross of the baseline
/// (unguided run), which has no tones.
pub fn draw_mark(
    svg: &mut Svg,
    (loss, tone): (Option<&Loss>, usize),
    at: (f64, f64),
    emphasis: Emphasis,
) {
    let fill = toned(colour(loss), tone);
    let outline = if tone == 0 { "#ffffff" } else { colour(loss) };
    // Sizes in pixels, chosen by eye.
    let (radius, paint) = match emphasis {
        Emphasis::Plain => (3.8, Paint::fill(&fill).outlined(outline, 0.8).opacity(0.45)),
        Emphasis::Front => (5.2, Paint::fill(&fill).outlined(outline, 1.0)),
        Emphasis::Selected => (6.8, Paint::fill(&fill).outlined("#111111", 1.6)),
    };
    let Some(loss) = loss else {
        return cross(svg, at, radius * 0.85);
    };
    let (colour, mark) = look(loss);
    draw_shape(svg, mark, at, radius, paint);
    if emphasis == Emphasis::Selected && tone >= N_TONES - 1 {
        // The fill is white and the edge dark: a line within keeps the loss's colour.
        draw_shape(svg, mark, at, radius - 1.6, Paint::stroke(colour, 1.6));
    }
}

/// Draws a mark's shape around the point `at`.
fn draw_shape(svg: &mut Svg, mark: Mark, at: (f64, f64), radius: f64, paint: Paint) {
    match mark {
        Circle => svg.circle(at, radius, paint),
        Polygon(corners, scale, turn) => {
            svg.polygon(&regular(at, corners, radius * scale, turn), paint);
        }
        Star(points) => {
            let outer = regular(at, points, radius * 1.3, OnTop);
            let inner = regular(at, points, radius * 0.6, HalfAStep);
            let corners: Vec<(f64, f64)> = outer
                .into_iter()
                .zip(inner)
                .flat_map(|(outer, inner)| [outer, inner])
                .collect();
            svg.polygon(&corners, paint);
        }
    }
}

/// A white cross with a dark edge.
fn cross(svg: &mut Svg, (x, y): (f64, f64), arm: f64) {
    for (colour, width, arm) in [(BASELINE, 6.4, arm + 1.2), ("#ffffff", 3.2, arm)] {
        for (dx, dy) in [(arm, arm), (arm, -arm)] {
            svg.line(
                (x - dx, y - dy),
                (x + dx, y + dy),
                Paint::stroke(colour, width),
            );
        }
    }
}

/// The corners of a regular polygon around the point (x, y), clockwise.
fn regular((x, y): (f64, f64), corners: usize, radius: f64, turn: Turn) -> Vec<(f64, f64)> {
    let first = match turn {
        OnTop => 0.0,
        HalfAStep => 0.5,
    };
    (0..corners)
        .map(|corner| {
            let angle = std::f64::consts::TAU * (corner as f64 + first) / corners as f64;
            (x + radius * angle.sin(), y - radius * angle.cos())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_every_tone_and_emphasis_show_the_colour_of_their_loss() {
        let loss = Loss::new("energy", None);
        for tone in 0..=N_TONES {
            for emphasis in [Emphasis::Plain, Emphasis::Front, Emphasis::Selected] {
                let mut svg = Svg::new(20.0, 20.0);
                draw_mark(&mut svg, (Some(&loss), tone), (10.0, 10.0), emphasis);
                let text = svg.finish("");
                let shades = [
                    toned(colour(Some(&loss)), tone),
                    colour(Some(&loss)).to_owned(),
                ];
                let is_there = |shade: &String| shade != "#ffffff" && text.contains(shade.as_str());
                assert!(shades.iter().any(is_there), "{tone} {emphasis:?}: {text}");
            }
        }
    }
}
