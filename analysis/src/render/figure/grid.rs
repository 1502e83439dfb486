//! Draws panels of points and lines in rows and columns, with one legend. Every figure of numbers is drawn by
//! this file, so all look alike. [`crate::exhibit`] and [`super::training`] fill the panels.

use std::collections::BTreeSet;

use crate::model::loss::Loss;
use crate::render::figure::axis::{Axis, Panel};
use crate::render::figure::drawing::Figure;
use crate::render::figure::legend::{self, Entry};
use crate::render::figure::style::{self, Emphasis, draw_mark};
use crate::render::figure::svg::{Anchor, Face, INK, Paint, SMALL, Svg, TEXT, fitted, text_width};

/// The space above a plot with a title of one line; in pixels, as all sizes in this file, which are chosen by eye.
const TOP: f64 = 38.0;
/// The height of each further line of a title.
const TITLE: f64 = 16.0;
/// The space below a plot, for tick labels and the axis's name.
const BOTTOM: f64 = 54.0;
/// The space right of a plot.
const RIGHT: f64 = 16.0;

/// Width and height in pixels of each plot in a figure of that many columns.
pub fn plot_size(columns: usize) -> (f64, f64) {
    match columns {
        1 | 2 => (330.0, 270.0),
        _ => (262.0, 225.0),
    }
}

/// A figure to be drawn.
#[derive(Debug)]
pub struct Grid {
    /// File name without extension.
    pub name: &'static str,
    /// Panels in a row.
    pub columns: usize,
    /// Width and height of a panel's plot, pixels.
    pub plot: (f64, f64),
    /// The panels, row by row; `None` leaves the place empty.
    pub panels: Vec<Option<Plot>>,
    /// Whether panels side by side have the same axes.
    pub scale: Scale,
    /// The legend's labels of tones. A tone is a shade of a loss's colour with a dash pattern; it tells variants of
    /// a loss apart. A `tone` below is an index into these labels. Empty where the legend shows no tones.
    pub tones: Vec<String>,
    /// One paragraph of plain text.
    pub caption: String,
}

/// Whether panels side by side have the same axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Each panel has axes of its own.
    Own,
    /// The panels of a row have the same axes, around the values of all of them.
    SharedByRow,
}

/// What an axis shows; each has the axis's name.
#[derive(Debug, Clone)]
pub enum Quantity {
    /// A metric in percent, 0 to 100.
    Percent(String),
    /// A number that is not negative.
    Plain(String),
    /// Whole numbers.
    Whole(String),
    /// Names, which are drawn at 0, 1, 2, …
    Names(String, Vec<String>),
}

/// A panel's contents.
#[derive(Debug)]
pub struct Plot {
    /// Its heading.
    pub title: String,
    /// The horizontal axis.
    pub x: Quantity,
    /// The vertical axis.
    pub y: Quantity,
    /// The point of the baseline (unguided run), or the mean of several. The two quadrants around it in which both
    /// metrics are higher, or both lower, are shaded. The baselines' own points are among `dots`.
    pub baseline: Option<(f64, f64)>,
    /// Lines, below the points.
    pub paths: Vec<Path>,
    /// Points.
    pub dots: Vec<Dot>,
}

/// A line through points.
#[derive(Debug)]
pub struct Path {
    /// The points, in the axes' units.
    pub points: Vec<(f64, f64)>,
    /// The loss whose colour it has; `None`: the baseline's.
    pub loss: Option<Loss>,
    /// Its tone, an index into [`Grid::tones`].
    pub tone: usize,
}

/// A point.
#[derive(Debug, Clone)]
pub struct Dot {
    /// Its position, in the axes' units.
    pub at: (f64, f64),
    /// The ends of its horizontal interval, if one is drawn.
    pub across: Option<(f64, f64)>,
    /// The ends of its vertical interval, if one is drawn.
    pub up: Option<(f64, f64)>,
    /// The loss whose mark it has; `None`: the baseline's.
    pub loss: Option<Loss>,
    /// Its tone, an index into [`Grid::tones`].
    pub tone: usize,
    /// How much it stands out.
    pub emphasis: Emphasis,
}

impl Grid {
    /// Draws the figure; `None` if no panel has a point.
    pub fn draw(&self) -> Option<Figure> {
        if self.plots().all(|plot| plot.dots.is_empty()) {
            return None;
        }
        let rows = self.panels.len().div_ceil(self.columns);
        let size = self.plot;
        let left = self.left();
        let lines = self.plots().map(|plot| titles(&plot.title, size.0).len());
        let top = TOP + TITLE * (lines.max().unwrap_or(1).saturating_sub(1)) as f64;
        let cell = (left + size.0 + RIGHT, top + size.1 + BOTTOM);
        let width = cell.0 * self.columns as f64;
        let legend = legend::lines(&self.entries(), width - 24.0);
        let height = cell.1 * rows as f64 + legend::height(&legend);
        let mut svg = Svg::new(width, height);
        for (index, plot) in self.panels.iter().enumerate() {
            let Some(plot) = plot else { continue };
            let (row, column) = (index / self.columns, index % self.columns);
            let beside: Vec<&Plot> = match self.scale {
                Scale::Own => vec![plot],
                Scale::SharedByRow => {
                    let row = self.panels.chunks(self.columns).nth(row);
                    row.into_iter().flatten().flatten().collect()
                }
            };
            let panel = Panel {
                left: cell.0 * column as f64 + left,
                top: cell.1 * row as f64 + top,
                width: size.0,
                height: size.1,
                x: axis(
                    &plot.x,
                    beside.iter().flat_map(|plot| plot.values(Side::Across)),
                ),
                y: axis(
                    &plot.y,
                    beside.iter().flat_map(|plot| plot.values(Side::Up)),
                ),
            };
            plot.draw(&mut svg, &panel, left);
        }
        legend::draw(&mut svg, &legend, width, cell.1 * rows as f64 + 14.0);
        Some(Figure {
            name: self.name.to_owned(),
            svg: svg.finish(&self.caption),
            caption: self.caption.clone(),
            pictures: Vec::new(),
        })
    }

    fn plots(&self) -> impl Iterator<Item = &Plot> {
        self.panels.iter().flatten()
    }

    /// The room left of a plot: 66 pixels for the axis's name and tick labels of up to 24 pixels, such as numbers;
    /// more if the vertical axis has wider names.
    fn left(&self) -> f64 {
        let labels = self.plots().flat_map(|plot| match &plot.y {
            Quantity::Names(_, names) => names.as_slice(),
            _ => &[],
        });
        let widest = labels.map(|label| text_width(label, SMALL));
        66.0 + (widest.fold(0.0, f64::max) - 24.0).max(0.0)
    }

    /// The legend's entries, ordered by kind. Tones are shown in the colour of the first loss drawn.
    fn entries(&self) -> Vec<Entry> {
        let dots = || self.plots().flat_map(|plot| &plot.dots);
        let losses: BTreeSet<Option<&Loss>> = dots().map(|dot| dot.loss.as_ref()).collect();
        let mut entries: Vec<Entry> = losses
            .iter()
            .map(|loss| Entry::Mark(loss.cloned()))
            .collect();
        for (tone, label) in self.tones.iter().enumerate() {
            let loss = losses.iter().copied().flatten().next();
            entries.push(Entry::Tone(loss.cloned(), tone, label.clone()));
        }
        let selected = dots().find(|d| d.emphasis == Emphasis::Selected && d.loss.is_some());
        entries.extend(selected.map(|dot| Entry::Selected(dot.loss.clone())));
        if self.plots().any(|plot| plot.baseline.is_some()) {
            entries.push(Entry::Ground(style::DOMINATING, "dominates the baseline"));
            entries.push(Entry::Ground(style::DOMINATED, "dominated by the baseline"));
        }
        entries
    }
}

/// A title in lines of at most `width` pixels. It is broken after commas, so that the parts in which panels
/// differ stay readable. A part that is too long is cut.
fn titles(title: &str, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in title.split_inclusive(", ") {
        match lines.last_mut() {
            Some(line) if text_width(&format!("{line}{part}"), TEXT) <= width => {
                line.push_str(part);
            }
            _ => lines.push(part.to_owned()),
        }
    }
    let shown = lines
        .iter()
        .map(|line| fitted(line.trim_end(), TEXT, width));
    shown.collect()
}

/// A direction in a plot.
#[derive(Clone, Copy)]
enum Side {
    Across,
    Up,
}

/// The axis of a quantity around `values`. Percentages span at least 4 points, so that small differences do
/// not look large.
fn axis(quantity: &Quantity, values: impl Iterator<Item = f64>) -> Axis {
    match quantity {
        Quantity::Percent(_) => Axis::around(values, 4.0, (0.0, 100.0), 6),
        Quantity::Plain(_) => Axis::around(values, 0.01, (0.0, f64::INFINITY), 5),
        Quantity::Names(_, names) => Axis::named(names),
        Quantity::Whole(_) => {
            let values: Vec<f64> = values.collect();
            let low = values.iter().copied().reduce(f64::min).unwrap_or(0.0);
            let high = values.iter().copied().fold(low, f64::max);
            Axis::whole(low as i32, high as i32, 6)
        }
    }
}

impl Quantity {
    fn name(&self) -> &str {
        match self {
            Self::Percent(name) | Self::Plain(name) | Self::Whole(name) | Self::Names(name, _) => {
                name
            }
        }
    }
}

impl Plot {
    /// All numbers that the axis of this direction must show.
    fn values(&self, side: Side) -> Vec<f64> {
        let pick = |(x, y): (f64, f64)| match side {
            Side::Across => x,
            Side::Up => y,
        };
        let dots = self.dots.iter().flat_map(|dot| {
            let ends = match side {
                Side::Across => dot.across,
                Side::Up => dot.up,
            };
            let (low, high) = ends.unwrap_or((pick(dot.at), pick(dot.at)));
            [low, pick(dot.at), high]
        });
        let paths = self.paths.iter().flat_map(|path| &path.points);
        let points = paths.copied().chain(self.baseline).map(pick);
        dots.chain(points).collect()
    }

    /// Draws the plot into `panel`; `left` is the room left of it, in pixels.
    fn draw(&self, svg: &mut Svg, panel: &Panel, left: f64) {
        if let Some((x, y)) = self.baseline {
            let (x, y) = panel.at(x, y);
            let (right, bottom) = (panel.left + panel.width, panel.top + panel.height);
            svg.rect(
                (x, panel.top),
                (right - x, y - panel.top),
                Paint::fill(style::DOMINATING),
            );
            svg.rect(
                (panel.left, y),
                (x - panel.left, bottom - y),
                Paint::fill(style::DOMINATED),
            );
        }
        panel.draw_ground(svg);
        panel.draw_frame(svg);
        let middle = panel.left + panel.width / 2.0;
        for (above, line) in titles(&self.title, panel.width).iter().rev().enumerate() {
            let at = (middle, panel.top - 12.0 - TITLE * above as f64);
            svg.text(at, Anchor::Middle, TEXT, INK, Face::Bold, line);
        }
        panel.name_x(svg, self.x.name());
        panel.name_y(svg, self.y.name(), left);
        for path in &self.paths {
            let points: Vec<(f64, f64)> =
                path.points.iter().map(|(x, y)| panel.at(*x, *y)).collect();
            let paint = Paint::stroke(style::colour(path.loss.as_ref()), 1.4)
                .dashed(style::dash(path.tone));
            svg.polyline(&points, paint);
        }
        // Later points cover earlier ones: emphasized points are drawn later, the baseline last.
        let mut dots: Vec<&Dot> = self.dots.iter().collect();
        dots.sort_by_key(|dot| (dot.loss.is_none(), dot.emphasis));
        for dot in &dots {
            let bar = Paint::stroke(style::colour(dot.loss.as_ref()), 1.1).opacity(0.85);
            let (x, y) = dot.at;
            if let Some((low, high)) = dot.across {
                svg.line(panel.at(low, y), panel.at(high, y), bar);
            }
            if let Some((low, high)) = dot.up {
                svg.line(panel.at(x, low), panel.at(x, high), bar);
            }
        }
        for dot in dots {
            let at = panel.at(dot.at.0, dot.at.1);
            draw_mark(svg, (dot.loss.as_ref(), dot.tone), at, dot.emphasis);
        }
    }
}
