//! Draws the legend under a figure: what its marks, line styles and shaded quadrants mean.

use crate::model::loss::Loss;
use crate::render::figure::style::{self, Emphasis, draw_mark};
use crate::render::figure::svg::{Anchor, Face, INK, Paint, SMALL, Svg, text_width};

/// The height of a line of the legend, in pixels as all sizes in this file, which are chosen by eye.
const LINE: f64 = 24.0;

/// The kind of an entry.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    /// A loss's mark, or the baseline's.
    Mark(Option<Loss>),
    /// One value of what the figure varies within a loss, e.g. one dilation of the boxes. It has the loss
    /// whose colour and mark are shown, the value's index, which decides dashes and fill, and its label.
    Tone(Option<Loss>, usize, String),
    /// The mark of the checkpoint that validation chose, which the report's main table shows.
    Selected(Option<Loss>),
    /// The background of a quadrant around the baseline's point: its colour, and what lying there means.
    Ground(&'static str, &'static str),
}

impl Entry {
    fn label(&self) -> String {
        match self {
            Self::Mark(None) => "Baseline".to_owned(),
            Self::Mark(Some(loss)) => loss.to_string(),
            Self::Tone(_, _, label) => label.clone(),
            Self::Selected(_) => "reported checkpoint".to_owned(),
            Self::Ground(_, label) => (*label).to_owned(),
        }
    }

    /// Where the legend takes several lines, a line has entries of one kind only.
    fn kind(&self) -> usize {
        match self {
            Self::Mark(_) => 0,
            Self::Tone(..) => 1,
            Self::Selected(_) | Self::Ground(..) => 2,
        }
    }

    /// How far right of the entry's left end the label begins, pixels.
    fn indent(&self) -> f64 {
        match self {
            Self::Tone(..) => 48.0,
            _ => 22.0,
        }
    }

    /// The entry's width in pixels, with the gap after it.
    fn width(&self) -> f64 {
        self.indent() + text_width(&self.label(), SMALL) + 16.0
    }
}

/// The entries in lines: a single line if all fit into `width` pixels; otherwise a line for each kind, and
/// several where one is too long.
pub(super) fn lines(entries: &[Entry], width: f64) -> Vec<Vec<Entry>> {
    let total = |entries: &[Entry]| entries.iter().map(Entry::width).sum::<f64>();
    if total(entries) <= width {
        return vec![entries.to_vec()];
    }
    let mut lines: Vec<Vec<Entry>> = Vec::new();
    for part in entries.chunk_by(|a, b| a.kind() == b.kind()) {
        let mut line: Vec<Entry> = Vec::new();
        for entry in part {
            if !line.is_empty() && total(&line) + entry.width() > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(entry.clone());
        }
        lines.push(line);
    }
    lines
}

/// The height that `lines` need, pixels.
pub(super) fn height(lines: &[Vec<Entry>]) -> f64 {
    LINE * lines.len() as f64 + 10.0
}

/// Draws `lines`, each centred in `width` pixels. `top` is the y coordinate of the first line's middle.
pub(super) fn draw(svg: &mut Svg, lines: &[Vec<Entry>], width: f64, top: f64) {
    for (index, line) in lines.iter().enumerate() {
        let y = top + LINE * index as f64;
        let total: f64 = line.iter().map(Entry::width).sum();
        let mut x = (width - total) / 2.0 + 8.0;
        for entry in line {
            match entry {
                Entry::Mark(loss) => {
                    draw_mark(svg, (loss.as_ref(), 0), (x + 7.0, y), Emphasis::Front)
                }
                Entry::Tone(loss, tone, _) => {
                    let paint =
                        Paint::stroke(style::colour(loss.as_ref()), 1.4).dashed(style::dash(*tone));
                    svg.line((x - 2.0, y), (x + 40.0, y), paint);
                    draw_mark(svg, (loss.as_ref(), *tone), (x + 19.0, y), Emphasis::Front);
                }
                Entry::Selected(loss) => {
                    draw_mark(svg, (loss.as_ref(), 0), (x + 7.0, y), Emphasis::Selected);
                }
                Entry::Ground(colour, _) => {
                    let paint = Paint::fill(colour).outlined("#b6bcc4", 0.8);
                    svg.rect((x - 1.0, y - 6.5), (17.0, 13.0), paint);
                }
            }
            let at = (x + entry.indent(), y + 4.0);
            svg.text(at, Anchor::Start, SMALL, INK, Face::Regular, &entry.label());
            x += entry.width();
        }
    }
}
