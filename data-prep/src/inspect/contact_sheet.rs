//! Draws a contact sheet of a split, one page: images at the network's input size, with the boxes,
//! segmentations and class names that the tables hold. Names stand below the images, so that they hide
//! nothing.

use std::collections::BTreeSet;

use super::drawing::{Drawing, GLYPH, Rgb, Stroke, text_width};
use crate::dataset::{Dataset, Image, Object, Split};
use crate::mask::geometry::box_to_grid;

/// Images side by side on a sheet.
const COLUMNS: usize = 6;
/// Rows of images on a sheet.
const ROWS: usize = 4;
/// About the width in pixels to which small images are enlarged, by a whole number.
const CELL_WIDTH: usize = 192;
/// Pixels between images, and around the page.
const GAP: usize = 12;
/// Pixels from one line of a caption to the next.
const LINE: usize = 11;
/// Lines of class names below an image.
const NAME_LINES: usize = 2;
/// The share of the class's color in a segmented pixel; the rest is the image.
const TINT: f32 = 0.32;

/// The page's color.
const PAGE: Rgb = [24, 26, 30];
/// The color of headings and ids.
const INK: Rgb = [236, 236, 232];
/// The color of less important text.
const FAINT: Rgb = [150, 154, 160];

/// Returns the contact sheet of a split; `None` where the split has no images. The images shown are spread
/// evenly over the split, in its order, so that the same folder gives the same sheet.
pub(super) fn draw(dataset: &Dataset, split: Split) -> Option<Drawing> {
    let all = dataset.indices(split);
    let count = all.len().min(COLUMNS * ROWS);
    if count == 0 {
        return None;
    }
    let shown: Vec<&Image> = (0..count)
        .map(|i| &dataset.images[all[i * all.len() / count]])
        .collect();
    let grid = dataset.grid();
    let scale = ((CELL_WIDTH + grid.width / 2) / grid.width).max(1);
    let (cell_width, cell_height) = (grid.width * scale, grid.height * scale);
    let caption_lines = 1 + usize::from(!dataset.groups.is_empty()) + NAME_LINES;
    // Distances from one image to the next: a caption has room for at least 12 letters, 6 pixels below the image.
    let pitch_x = cell_width.max(12 * GLYPH) + GAP;
    let pitch_y = cell_height + 6 + caption_lines * LINE + GAP;

    let page_width = GAP + COLUMNS * pitch_x;
    let classes: BTreeSet<i32> = shown
        .iter()
        .flat_map(|image| image.labels.iter().copied())
        .collect();
    let legend = legend_positions(dataset, &classes, page_width);
    // Above the images: the title (text of twice the size), 6 pixels, and the key.
    let top = GAP + 2 * GLYPH + 6 + LINE + GAP;
    let legend_top = top + count.div_ceil(COLUMNS) * pitch_y;
    let legend_height = legend.last().map_or(0, |position| position.2 + LEGEND_LINE);
    let mut page = Drawing::new(page_width, legend_top + legend_height + GAP, PAGE);

    let title = format!(
        "{} / {split}: {count} of {} images",
        dataset.name(),
        all.len()
    );
    page.text(GAP, GAP, &title, INK, 2);
    let key = format!(
        "as the network sees them, {} x {} | box: solid, difficult dashed, crowd dotted | \
         segmentation: tinted",
        grid.width, grid.height
    );
    page.text(GAP, GAP + 2 * GLYPH + 6, &key, FAINT, 1);

    for (index, image) in shown.iter().enumerate() {
        let x = GAP + index % COLUMNS * pitch_x;
        let y = top + index / COLUMNS * pitch_y;
        draw_image(&mut page, dataset, image, x, y, scale);
        caption(
            &mut page,
            dataset,
            image,
            x,
            y + cell_height + 6,
            (pitch_x - GAP) / GLYPH,
        );
    }
    for (class_id, x, y) in legend {
        let name = &dataset.classes[class_id as usize];
        page.fill(x, legend_top + y, 12, 12, class_color(class_id));
        page.text(x + 18, legend_top + y + 2, name, INK, 1);
    }
    Some(page)
}

/// Draws the image at (x, y) of the page, each cell of the grid as a square of `scale` pixels; then its
/// segmentations; then its boxes, large ones first so that none is covered.
fn draw_image(
    page: &mut Drawing,
    dataset: &Dataset,
    image: &Image,
    x: usize,
    y: usize,
    scale: usize,
) {
    let grid = dataset.grid();
    page.enlarged(
        x,
        y,
        dataset.pixels().row(image.pixel_row),
        grid.width,
        scale,
    );
    for object in &image.objects {
        let Some(segmentation) = &object.segmentation else {
            continue;
        };
        let mask = segmentation.to_mask(grid);
        let color = class_color(object.class_id);
        for (cell, _) in mask
            .cells()
            .iter()
            .enumerate()
            .filter(|(_, inside)| **inside)
        {
            let (column, row) = (cell % grid.width, cell / grid.width);
            for py in 0..scale {
                for px in 0..scale {
                    page.tint(x + column * scale + px, y + row * scale + py, color, TINT);
                }
            }
        }
    }
    let area = |object: &Object| {
        let [xmin, ymin, xmax, ymax] = object.bbox;
        (xmax - xmin) * (ymax - ymin)
    };
    let mut objects: Vec<&Object> = image.objects.iter().collect();
    objects.sort_by(|a, b| area(b).total_cmp(&area(a)));
    for object in objects {
        let cells = box_to_grid(object.bbox, image.width, image.height, grid);
        let stroke = match (object.is_crowd, object.is_difficult) {
            (true, _) => Stroke::Dotted,
            (_, true) => Stroke::Dashed,
            _ => Stroke::Solid,
        };
        let [x1, y1, x2, y2] =
            [cells.x1, cells.y1, cells.x2, cells.y2].map(|edge| edge.max(0) as usize * scale);
        // A box that covers no cell is drawn as a speck of two pixels.
        let (width, height) = ((x2.max(x1) - x1).max(2), (y2.max(y1) - y1).max(2));
        page.outline(
            x + x1,
            y + y1,
            width,
            height,
            class_color(object.class_id),
            stroke,
        );
    }
}

/// Writes the image's id, group, and the names of its classes, each in its color; `letters` fit on a line.
fn caption(
    page: &mut Drawing,
    dataset: &Dataset,
    image: &Image,
    x: usize,
    mut y: usize,
    letters: usize,
) {
    page.text(x, y, &last_letters(&image.image_id, letters), INK, 1);
    y += LINE;
    if !dataset.groups.is_empty() {
        let group = dataset
            .groups
            .iter()
            .find(|(id, _)| Some(*id) == image.group_id);
        let name = group.map_or("no group", |(_, name)| name.as_str());
        page.text(x, y, &last_letters(name, letters), FAINT, 1);
        y += LINE;
    }
    if image.labels.is_empty() {
        page.text(x, y, "no labels", FAINT, 1);
    }
    let (mut column, mut line) = (0, 0);
    for (index, &class_id) in image.labels.iter().enumerate() {
        let name = &dataset.classes[class_id as usize];
        let left = image.labels.len() - index;
        // Room for "+9" is kept on the last line unless this is the last name.
        let room = |line: usize| {
            if line + 1 == NAME_LINES && left > 1 {
                letters.saturating_sub(3)
            } else {
                letters
            }
        };
        if column > 0 && column + name.chars().count() > room(line) {
            if line + 1 == NAME_LINES {
                page.text(
                    x + column * GLYPH,
                    y + line * LINE,
                    &format!("+{left}"),
                    FAINT,
                    1,
                );
                return;
            }
            (column, line) = (0, line + 1);
        }
        let shown: String = name.chars().take(letters).collect();
        page.text(
            x + column * GLYPH,
            y + line * LINE,
            &shown,
            class_color(class_id),
            1,
        );
        column += shown.chars().count() + 1;
    }
}

/// Pixels from one line of the legend to the next.
const LEGEND_LINE: usize = 18;

/// Returns (class, x, y) of each class in the legend, y from the legend's top, in lines of `width` pixels. An
/// entry is a square of 12 pixels, 6 pixels, the name, and 20 pixels before the next entry.
fn legend_positions(
    dataset: &Dataset,
    classes: &BTreeSet<i32>,
    width: usize,
) -> Vec<(i32, usize, usize)> {
    let (mut x, mut y) = (GAP, 0);
    let mut positions = Vec::new();
    for &class_id in classes {
        let entry = 18 + text_width(&dataset.classes[class_id as usize], 1) + 20;
        if x > GAP && x + entry > width {
            (x, y) = (GAP, y + LEGEND_LINE);
        }
        positions.push((class_id, x, y));
        x += entry;
    }
    positions
}

/// Returns at most the last `count` letters: the ends of ids differ more than their beginnings.
fn last_letters(text: &str, count: usize) -> String {
    let skip = text.chars().count().saturating_sub(count);
    text.chars().skip(skip).collect()
}

/// Colors that differ well from each other and from a dark page; after Sasha Trubetskoy's list of
/// simple, distinct colors, its dark ones made lighter.
#[rustfmt::skip]
const COLORS: [Rgb; 20] = [
    [240, 50, 75], [70, 200, 85], [255, 225, 25], [95, 130, 255], [245, 130, 49],
    [186, 85, 225], [66, 212, 244], [240, 50, 230], [191, 239, 69], [250, 190, 212],
    [82, 184, 173], [220, 190, 255], [201, 139, 74], [205, 70, 60], [255, 250, 200],
    [170, 255, 195], [181, 181, 39], [255, 216, 177], [125, 120, 255], [185, 185, 185],
];

/// Returns the color of a class. With more classes than colors, the names below the image tell which it is.
fn class_color(class_id: i32) -> Rgb {
    COLORS[class_id.unsigned_abs() as usize % COLORS.len()]
}
