//! Colours and marks: the only place that says how a loss looks (paper, Fig. 5). Shapes differ as
//! well as colours, so a figure reads in grey.

use super::svg::{Paint, Svg};
use crate::names::Loss;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Emphasis {
    /// One of the Pareto set.
    Plain,
    /// Explained in a legend.
    Legend,
    /// The checkpoint the table reports.
    Selected,
}

/// Draws the mark of a loss: Energy circle, L1 triangle, PPCE pentagon, RRR diamond, Energy*
/// hexagon, baseline cross.
pub fn draw_mark(svg: &mut Svg, loss: Option<Loss>, at: (f64, f64), emphasis: Emphasis) {
    let (radius, paint) = match emphasis {
        Emphasis::Plain => (
            4.6,
            Paint::fill(colour(loss))
                .outlined("#ffffff", 0.8)
                .opacity(0.65),
        ),
        Emphasis::Legend => (5.2, Paint::fill(colour(loss))),
        Emphasis::Selected => (7.0, Paint::fill(colour(loss)).outlined("#111111", 1.5)),
    };
    match loss {
        None => cross(
            svg,
            at,
            if emphasis == Emphasis::Selected {
                7.0
            } else {
                4.2
            },
        ),
        Some(Loss::Energy) => svg.circle(at, radius, paint),
        Some(Loss::L1) => svg.polygon(&regular(at, 3, radius * 1.25), paint),
        Some(Loss::Ppce) => svg.polygon(&regular(at, 5, radius * 1.1), paint),
        Some(Loss::Rrr) => svg.polygon(&regular(at, 4, radius * 1.2), paint),
        Some(Loss::EnergyArea) => svg.polygon(&regular(at, 6, radius * 1.1), paint),
    }
}

fn cross(svg: &mut Svg, (x, y): (f64, f64), arm: f64) {
    for (colour, width) in [("#ffffff", 6.0), (BASELINE, 3.0)] {
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
