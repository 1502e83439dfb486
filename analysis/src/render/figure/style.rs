//! Colours and marks: the only place that says how a loss looks (paper, Fig. 5). Shapes differ as
//! well as colours, so a figure reads in grey.

use crate::model::names::Loss;
use crate::render::figure::svg::{Paint, Svg};

/// The baseline's colour.
pub const BASELINE: &str = "#1f2328";
/// Ground of the quadrant that dominates the baseline.
pub const DOMINATING: &str = "#e8f5ec";
/// Ground of the quadrant the baseline dominates.
pub const DOMINATED: &str = "#dadade";

/// A loss's colour; the baseline's for none.
pub fn colour(loss: Option<Loss>) -> &'static str {
    match loss {
        None => BASELINE,
        Some(Loss::Energy) => "#d62728",
        Some(Loss::L1) => "#2a9d4e",
        Some(Loss::Ppce) => "#edb120",
        Some(Loss::Rrr) => "#2f6fde",
        Some(Loss::EnergyArea) => "#8c2d6b",
    }
}

/// How much a mark stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Emphasis {
    /// Not on the front shown.
    Plain,
    /// On the front, or explained in a legend.
    Front,
    /// The checkpoint the table reports.
    Selected,
}

/// Steps from a full to an empty mark, and from a solid to a dotted line: what tells variants of a
/// loss apart, where colour and shape say the loss.
pub const N_TONES: usize = 4;

/// How much of a tone's colour is left, the rest being white.
const STRENGTH: [f64; N_TONES] = [1.0, 0.6, 0.25, 0.0];
/// Dash pattern of a tone's lines.
const DASHES: [&str; N_TONES] = ["", "7 3", "4 3", "1.5 3"];

/// The dash pattern of `tone`; tones beyond the last look like it.
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

/// Draws the mark of a loss: Energy circle, L1 triangle, PPCE pentagon, RRR* diamond, Energy*
/// hexagon, baseline cross.
pub fn draw_mark(
    svg: &mut Svg,
    (loss, tone): (Option<Loss>, usize),
    at: (f64, f64),
    emphasis: Emphasis,
) {
    let fill = toned(colour(loss), tone);
    let outline = if tone == 0 { "#ffffff" } else { colour(loss) };
    let (radius, paint) = match emphasis {
        Emphasis::Plain => (3.8, Paint::fill(&fill).outlined(outline, 0.8).opacity(0.45)),
        Emphasis::Front => (5.2, Paint::fill(&fill).outlined(outline, 1.0)),
        Emphasis::Selected => (6.8, Paint::fill(&fill).outlined("#111111", 1.6)),
    };
    match loss {
        None => cross(svg, at, radius * 0.85),
        Some(Loss::Energy) => svg.circle(at, radius, paint),
        Some(Loss::L1) => svg.polygon(&regular(at, 3, radius * 1.25), paint),
        Some(Loss::Ppce) => svg.polygon(&regular(at, 5, radius * 1.1), paint),
        Some(Loss::Rrr) => svg.polygon(&regular(at, 4, radius * 1.2), paint),
        Some(Loss::EnergyArea) => svg.polygon(&regular(at, 6, radius * 1.1), paint),
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

/// Corners of a regular polygon standing on its base, one corner up.
fn regular((x, y): (f64, f64), corners: usize, radius: f64) -> Vec<(f64, f64)> {
    (0..corners)
        .map(|corner| {
            let angle = std::f64::consts::TAU * corner as f64 / corners as f64;
            (x + radius * angle.sin(), y - radius * angle.cos())
        })
        .collect()
}
