//! Draws stacked horizontal bars of shares: a block for each setting (runs trained and scored alike), in it a bar
//! for each run, and one legend.

use crate::format::percent;
use crate::model::loss::Loss;
use crate::render::figure::drawing::Figure;
use crate::render::figure::style::{Emphasis, draw_mark};
use crate::render::figure::svg::{
    Anchor, Face, GREY, INK, Paint, SMALL, Svg, TEXT, fitted, text_width,
};

/// The number of parts of a bar.
pub const N_PARTS: usize = 3;
/// The colours of a bar's parts and of its rest, which differ in lightness as well.
const COLOURS: [&str; N_PARTS + 1] = ["#33415c", "#c88a45", "#dfe3e9", "#ffffff"];
/// The colour of the number on each.
const ON: [&str; N_PARTS + 1] = ["#ffffff", "#1f2328", "#1f2328", "#1f2328"];
/// The outline of parts.
const EDGE: &str = "#8d96a0";

/// The length of a bar, in pixels as all sizes in this file, which are chosen by eye.
const LENGTH: f64 = 380.0;
/// The height of a bar.
const HEIGHT: f64 = 20.0;
/// The distance from a bar's top to the next one's.
const STEP: f64 = 27.0;
/// The height of a block's title.
const HEAD: f64 = 34.0;
/// The height of the ticks under a block.
const FOOT: f64 = 30.0;
/// The margin at the sides, and between label and bar.
const GAP: f64 = 14.0;
/// The most width for a bar's label.
const MOST_LABEL: f64 = 150.0;

/// A figure to be drawn.
#[derive(Debug)]
pub struct Bars {
    /// File name without extension.
    pub name: &'static str,
    /// The blocks, two in a row.
    pub blocks: Vec<Block>,
    /// What the parts of a bar are.
    pub parts: [&'static str; N_PARTS],
    /// What a bar's rest is.
    pub rest: &'static str,
    /// One paragraph of plain text.
    pub caption: String,
}

/// Bars under one title.
#[derive(Debug)]
pub struct Block {
    /// The title.
    pub title: String,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// A bar.
#[derive(Debug)]
pub struct Bar {
    /// Its label.
    pub label: String,
    /// The loss whose mark it has; `None`: the baseline's.
    pub loss: Option<Loss>,
    /// Its parts, which add up to 1 at most.
    pub parts: [f64; N_PARTS],
}

impl Bars {
    /// Draws the figure.
    pub fn draw(self) -> Figure {
        let bars = self.blocks.iter().flat_map(|block| &block.bars);
        let widest = bars
            .map(|bar| text_width(&bar.label, TEXT))
            .fold(0.0, f64::max);
        // A mark stands before the label.
        let left = GAP + 20.0 + widest.min(MOST_LABEL) + GAP;
        let block_width = left + LENGTH + 2.0 * GAP;
        let columns = self.blocks.len().clamp(1, 2);
        let most = self.blocks.iter().map(|block| block.bars.len()).max();
        let block_height = HEAD + STEP * most.unwrap_or(0) as f64 + FOOT;
        let rows = self.blocks.len().div_ceil(columns);
        let legend = self.legend();
        let legend_width: f64 = legend.iter().map(|(_, label)| entry_width(label)).sum();
        let width = (block_width * columns as f64).max(legend_width + 2.0 * GAP);
        let top = block_height * rows as f64;
        let mut svg = Svg::new(width, top + 30.0);
        for (index, block) in self.blocks.iter().enumerate() {
            let (row, column) = (index / columns, index % columns);
            let at = (block_width * column as f64, block_height * row as f64);
            block.draw(&mut svg, at, left);
        }
        let mut x = (width - legend_width) / 2.0;
        for (colour, label) in legend {
            swatch(&mut svg, (x, top + 4.0), (16.0, 13.0), colour);
            let at = (x + 22.0, top + 15.0);
            svg.text(at, Anchor::Start, SMALL, INK, Face::Regular, label);
            x += entry_width(label);
        }
        Figure {
            name: self.name.to_owned(),
            svg: svg.finish(&self.caption),
            caption: self.caption,
            pictures: Vec::new(),
        }
    }

    /// Colours and labels; that of the rest only where a bar shows some.
    fn legend(&self) -> Vec<(&'static str, &'static str)> {
        let mut bars = self.blocks.iter().flat_map(|block| &block.bars);
        let has_rest = bars.any(|bar| bar.rest() * LENGTH >= 1.0);
        let rest = has_rest.then_some(self.rest);
        let labels = self.parts.into_iter().chain(rest);
        COLOURS.into_iter().zip(labels).collect()
    }
}

impl Block {
    /// Draws the block with its upper left corner at (x, y). The bars begin `left` of it.
    fn draw(&self, svg: &mut Svg, (x, y): (f64, f64), left: f64) {
        let title = fitted(&self.title, TEXT, left + LENGTH - GAP);
        svg.text(
            (x + GAP, y + 22.0),
            Anchor::Start,
            TEXT,
            INK,
            Face::Bold,
            &title,
        );
        let start = x + left;
        let bottom = y + HEAD + STEP * self.bars.len() as f64 - (STEP - HEIGHT);
        for tick in [0, 25, 50, 75, 100] {
            let across = start + LENGTH * f64::from(tick) / 100.0;
            let line = Paint::stroke(EDGE, 0.8);
            svg.line((across, bottom), (across, bottom + 4.0), line);
            let at = (across, bottom + 17.0);
            let label = format!("{tick} %");
            svg.text(at, Anchor::Middle, SMALL, GREY, Face::Regular, &label);
        }
        for (index, bar) in self.bars.iter().enumerate() {
            let top = y + HEAD + STEP * index as f64;
            let middle = top + HEIGHT / 2.0;
            draw_mark(
                svg,
                (bar.loss.as_ref(), 0),
                (x + GAP + 6.0, middle),
                Emphasis::Front,
            );
            let label = fitted(&bar.label, TEXT, MOST_LABEL);
            let at = (x + GAP + 20.0, middle + 4.5);
            svg.text(at, Anchor::Start, TEXT, INK, Face::Regular, &label);
            let mut from = start;
            for (part, share) in bar.parts.into_iter().chain([bar.rest()]).enumerate() {
                let length = share * LENGTH;
                // Less than half a pixel is not drawn; a number is written where the part has room for it.
                if length < 0.5 {
                    continue;
                }
                swatch(svg, (from, top), (length, HEIGHT), COLOURS[part]);
                let number = percent(share);
                if text_width(&number, SMALL) + 6.0 <= length {
                    let at = (from + length / 2.0, middle + 4.0);
                    svg.text(at, Anchor::Middle, SMALL, ON[part], Face::Regular, &number);
                }
                from += length;
            }
        }
    }
}

impl Bar {
    /// What the parts leave of 1.
    fn rest(&self) -> f64 {
        (1.0 - self.parts.iter().sum::<f64>()).max(0.0)
    }
}

/// A filled rectangle with an edge.
fn swatch(svg: &mut Svg, at: (f64, f64), size: (f64, f64), colour: &str) {
    svg.rect(at, size, Paint::fill(colour).outlined(EDGE, 0.8));
}

/// The width of an entry of the legend: 22 pixels for the swatch, the label, and a gap of 18.
fn entry_width(label: &str) -> f64 {
    22.0 + text_width(label, SMALL) + 18.0
}
