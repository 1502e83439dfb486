//! Draws figures of attribution maps: pictures in rows and columns, with a label before each row, a heading
//! over each column and a line under each picture.

use crate::Result;
use crate::render::colormap::Picture;
use crate::render::figure::drawing::{Figure, Inset};
use crate::render::figure::raster;
use crate::render::figure::svg::{Anchor, Face, GREY, INK, SMALL, Svg, TEXT, fitted, text_width};

/// The width of a picture, in pixels as all sizes in this file, which are chosen by eye.
const SIDE: f64 = 132.0;
/// The gap between pictures, and around labels.
const GAP: f64 = 8.0;
/// The further gap between columns that do not stand together.
const BETWEEN: f64 = 24.0;
/// The height of the columns' headings.
const HEAD: f64 = 30.0;
/// The height of the line under a picture.
const UNDER: f64 = 22.0;
/// The most width for the labels of rows.
const MOST_LABEL: f64 = 210.0;

/// A figure to be drawn.
#[derive(Debug)]
pub struct MapGrid {
    /// File name without extension.
    pub name: String,
    /// The headings of the columns; empty for a figure without headings.
    pub headings: Vec<String>,
    /// The number of columns that stand together; after every so many columns there is a wider gap.
    pub together: usize,
    /// The rows.
    pub rows: Vec<MapRow>,
    /// One paragraph of plain text.
    pub caption: String,
}

/// A row of pictures.
#[derive(Debug)]
pub struct MapRow {
    /// The lines of its label, at most four, the first in bold.
    pub label: Vec<String>,
    /// A picture for each column; `None` leaves the place empty.
    pub cells: Vec<Option<MapCell>>,
}

/// A picture and the line under it.
#[derive(Debug)]
pub struct MapCell {
    /// The picture.
    pub picture: Picture,
    /// The line under it.
    pub under: String,
}

impl MapGrid {
    /// Draws the figure.
    ///
    /// # Errors
    /// A picture without pixels.
    pub fn draw(self) -> Result<Figure> {
        let labels = self.rows.iter().flat_map(|row| &row.label);
        let widest = labels.map(|label| text_width(label, TEXT));
        let left = widest.fold(0.0, f64::max).min(MOST_LABEL) + 2.0 * GAP;
        let columns = self.rows.iter().map(|row| row.cells.len()).max();
        let columns = columns.unwrap_or(0);
        let top = if self.headings.is_empty() { GAP } else { HEAD };
        let heights: Vec<f64> = self.rows.iter().map(MapRow::height).collect();
        let x = |column: usize| {
            let gaps = column / self.together.max(1);
            left + (SIDE + GAP) * column as f64 + BETWEEN * gaps as f64
        };
        let width = x(columns.saturating_sub(1)) + SIDE + GAP;
        let mut svg = Svg::new(width, top + heights.iter().sum::<f64>());
        let mut pictures = Vec::new();
        for (column, heading) in self.headings.iter().enumerate() {
            let at = (x(column) + SIDE / 2.0, 20.0);
            let heading = fitted(heading, TEXT, SIDE);
            svg.text(at, Anchor::Middle, TEXT, INK, Face::Bold, &heading);
        }
        let mut y = top;
        for (row, height) in self.rows.into_iter().zip(heights) {
            for (line, label) in row.label.iter().enumerate() {
                let face = if line == 0 { Face::Bold } else { Face::Regular };
                let at = (GAP, y + SIDE / 2.0 - 8.0 + 18.0 * line as f64);
                let label = fitted(label, TEXT, MOST_LABEL);
                svg.text(at, Anchor::Start, TEXT, INK, face, &label);
            }
            for (column, cell) in row.cells.into_iter().enumerate() {
                let Some(MapCell { picture, under }) = cell else {
                    continue;
                };
                let (at, size) = ((x(column), y), (SIDE, picture_height(&picture)));
                svg.image(at, size, &raster::encode(&picture)?);
                let middle = (at.0 + SIDE / 2.0, y + size.1 + 14.0);
                let under = fitted(&under, SMALL, SIDE);
                svg.text(middle, Anchor::Middle, SMALL, GREY, Face::Regular, &under);
                pictures.push(Inset { at, size, picture });
            }
            y += height;
        }
        Ok(Figure {
            name: self.name,
            svg: svg.finish(&self.caption),
            caption: self.caption,
            pictures,
        })
    }
}

impl MapRow {
    /// Its height in pixels: that of its highest picture, at least 40, with the line below and the gap.
    fn height(&self) -> f64 {
        let pictures = self.cells.iter().flatten().map(|cell| &cell.picture);
        pictures.map(picture_height).fold(40.0, f64::max) + UNDER + GAP
    }
}

/// The height of a picture that is scaled to the width [`SIDE`].
fn picture_height(picture: &Picture) -> f64 {
    SIDE * picture.height as f64 / picture.width as f64
}
