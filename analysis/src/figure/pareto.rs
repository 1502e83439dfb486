//! EPG against F1 on the test split (paper, Fig. 5): every scored checkpoint of every run's Pareto
//! set, the baseline as a cross, and what dominates it or is dominated by it shaded.

use std::collections::BTreeSet;

use super::Figure;
use super::axis::{Axis, Panel};
use super::style::{self, Emphasis, draw_mark};
use super::svg::{Anchor, Face, INK, Paint, SMALL, Svg, TEXT, fitted, text_width};
use crate::comparison::{self, Cell, Point, Setting};
use crate::load::Results;
use crate::names::{self, Loss};

const PLOT: (f64, f64) = (330.0, 270.0);
const LEFT: f64 = 66.0;
const TOP: f64 = 38.0;
const BOTTOM: f64 = 54.0;
const RIGHT: f64 = 16.0;
const LEGEND_LINE: f64 = 24.0;

/// The cells of a figure: a title and the points, or nothing where no run was scored.
struct Grid<'a> {
    columns: usize,
    cells: Vec<Option<Contents<'a>>>,
    scale: Scale,
}

struct Contents<'a> {
    title: String,
    setting: &'a Setting,
    points: Vec<Point>,
}

/// Whether panels side by side have the same axes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Own,
    SharedByRow,
}

/// Columns: data set, backbone and attribution. Rows: layers.
pub fn overall(results: &Results, settings: &[Setting]) -> Option<Figure> {
    let column_of = |s: &Setting| (s.dataset.clone(), s.backbone.clone(), s.attribution.clone());
    let columns: BTreeSet<_> = settings.iter().map(column_of).collect();
    let several =
        |key: fn(&Setting) -> &str| settings.iter().map(key).collect::<BTreeSet<_>>().len() > 1;
    let (datasets, backbones) = (several(|s| &s.dataset), several(|s| &s.backbone));
    let rows: BTreeSet<_> = settings
        .iter()
        .map(|s| (names::layer_order(&s.layer), s.layer.clone()))
        .collect();
    let mut cells = Vec::new();
    for (_, layer) in &rows {
        for column in &columns {
            let setting = settings
                .iter()
                .find(|s| column_of(s) == *column && s.layer == *layer);
            cells.push(setting.map(|setting| {
                let mut title = vec![setting.maps()];
                title.extend(backbones.then(|| setting.backbone.clone()));
                title.extend(datasets.then(|| names::dataset(&setting.dataset).to_owned()));
                let points = comparison::points(results, setting, None);
                Contents {
                    title: title.join(" · "),
                    setting,
                    points,
                }
            }));
        }
    }
    let grid = Grid {
        columns: columns.len(),
        cells,
        scale: Scale::Own,
    };
    let caption = format!(
        "EPG against F1 on all test images of {}.",
        subject(settings)
    );
    draw("pareto", grid, &caption)
}

/// Columns: groups of test images. Rows: settings. Panels of a row share their axes.
pub fn by_group(results: &Results, settings: &[Setting]) -> Option<Figure> {
    let settings: Vec<&Setting> = settings.iter().filter(|s| !s.groups.is_empty()).collect();
    let columns = settings.iter().map(|setting| setting.groups.len()).max()?;
    let mut cells = Vec::new();
    for setting in &settings {
        for column in 0..columns {
            cells.push(setting.groups.get(column).map(|(group, name)| Contents {
                title: match settings.len() {
                    1 => name.clone(),
                    _ => format!("{name} · {}", setting.maps()),
                },
                setting,
                points: comparison::points(results, setting, Some(*group)),
            }));
        }
    }
    let grid = Grid {
        columns,
        cells,
        scale: Scale::SharedByRow,
    };
    let owned: Vec<Setting> = settings.into_iter().cloned().collect();
    let caption = format!(
        "EPG against F1 by group of test images of {}; panels of a row have the same axes.",
        subject(&owned)
    );
    draw("pareto_groups", grid, &caption)
}

/// e.g. `Scenes, resnet18`.
fn subject(settings: &[Setting]) -> String {
    let names: BTreeSet<String> = settings
        .iter()
        .map(|s| format!("{}, {}", names::dataset(&s.dataset), s.backbone))
        .collect();
    names.into_iter().collect::<Vec<_>>().join("; ")
}

fn draw(name: &'static str, grid: Grid, caption: &str) -> Option<Figure> {
    if grid
        .cells
        .iter()
        .flatten()
        .all(|contents| contents.points.is_empty())
    {
        return None;
    }
    let rows = grid.cells.len().div_ceil(grid.columns);
    let (cell_width, cell_height) = (LEFT + PLOT.0 + RIGHT, TOP + PLOT.1 + BOTTOM);
    let width = cell_width * grid.columns as f64;
    let entries = legend_entries(&grid);
    let legend = legend_lines(&entries, width - 24.0);
    let height = cell_height * rows as f64 + LEGEND_LINE * legend.len() as f64 + 10.0;
    let mut svg = Svg::new(width, height);
    for row in 0..rows {
        let cells = &grid.cells[row * grid.columns..(row + 1) * grid.columns];
        let shared: Vec<&Point> = cells.iter().flatten().flat_map(|c| &c.points).collect();
        for (column, contents) in cells.iter().enumerate() {
            let Some(contents) = contents else { continue };
            let own: Vec<&Point> = contents.points.iter().collect();
            let points = if grid.scale == Scale::Own {
                &own
            } else {
                &shared
            };
            let panel = Panel {
                left: cell_width * column as f64 + LEFT,
                top: cell_height * row as f64 + TOP,
                width: PLOT.0,
                height: PLOT.1,
                x: axis(points.iter().map(|point| &point.f1)),
                y: axis(points.iter().map(|point| &point.epg)),
            };
            draw_panel(&mut svg, &panel, contents);
        }
    }
    draw_legend(&mut svg, &legend, width, cell_height * rows as f64 + 14.0);
    let mut caption = format!(
        "{caption} One point for each checkpoint of a run's validation Pareto set; large, outlined \
         points are the checkpoints the table reports, selected on validation. Thin bars: 95 % \
         bootstrap intervals over test images."
    );
    if entries.iter().any(|entry| entry.is_ground()) {
        caption.push_str(
            " Green ground: better than the baseline in both metrics; grey ground: worse in both.",
        );
    }
    Some(Figure {
        name,
        svg: svg.finish(&caption),
        caption,
    })
}

fn percent(cell: &Cell) -> f64 {
    cell.value.unwrap_or(f64::NAN) * 100.0
}

/// Both ends of the interval, or the value twice.
fn ends(cell: &Cell) -> (f64, f64) {
    let value = percent(cell);
    cell.interval
        .map_or((value, value), |i| (i.low * 100.0, i.high * 100.0))
}

fn axis<'a>(cells: impl Iterator<Item = &'a Cell>) -> Axis {
    let values = cells.flat_map(|cell| {
        let (low, high) = ends(cell);
        [low, percent(cell), high]
    });
    Axis::around(values, 4.0, (0.0, 100.0), 6)
}

fn draw_panel(svg: &mut Svg, panel: &Panel, contents: &Contents) {
    let runs = |point: &Point| &contents.setting.rows[point.row].run;
    let baseline = contents
        .points
        .iter()
        .find(|p| p.is_selected && runs(p).is_baseline());
    if let Some(baseline) = baseline {
        let (x, y) = panel.at(percent(&baseline.f1), percent(&baseline.epg));
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
    let title = fitted(&contents.title, TEXT, panel.width);
    let middle = panel.left + panel.width / 2.0;
    svg.text(
        (middle, panel.top - 12.0),
        Anchor::Middle,
        TEXT,
        INK,
        Face::Bold,
        &title,
    );
    panel.name_x(svg, "F1 (%)");
    panel.name_y(svg, "EPG (%)");
    // Plain points below, selected ones on top, the baseline topmost.
    let mut points: Vec<&Point> = contents.points.iter().collect();
    points.sort_by_key(|point| (point.is_selected, runs(point).is_baseline()));
    for point in &points {
        let opacity = if point.is_selected { 0.85 } else { 0.25 };
        let bar = Paint::stroke(style::colour(runs(point).loss), 1.1).opacity(opacity);
        let (x, y) = (percent(&point.f1), percent(&point.epg));
        let ((left, right), (low, high)) = (ends(&point.f1), ends(&point.epg));
        svg.line(panel.at(left, y), panel.at(right, y), bar);
        svg.line(panel.at(x, low), panel.at(x, high), bar);
    }
    for point in points {
        let emphasis = if point.is_selected {
            Emphasis::Selected
        } else {
            Emphasis::Plain
        };
        let at = panel.at(percent(&point.f1), percent(&point.epg));
        draw_mark(svg, runs(point).loss, at, emphasis);
    }
}

/// What the legend explains.
#[derive(Clone, Copy)]
enum Entry {
    Mark(Option<Loss>),
    Selected(Option<Loss>),
    Ground(&'static str, &'static str),
}

impl Entry {
    fn label(self) -> String {
        match self {
            Self::Mark(None) => "Baseline".to_owned(),
            Self::Mark(Some(loss)) => loss.to_string(),
            Self::Selected(_) => "reported checkpoint".to_owned(),
            Self::Ground(_, label) => label.to_owned(),
        }
    }

    fn is_ground(self) -> bool {
        matches!(self, Self::Ground(..))
    }

    fn width(self) -> f64 {
        22.0 + text_width(&self.label(), SMALL) + 16.0
    }
}

fn legend_entries(grid: &Grid) -> Vec<Entry> {
    let rows = grid
        .cells
        .iter()
        .flatten()
        .flat_map(|contents| &contents.setting.rows);
    let losses: BTreeSet<Option<Loss>> = rows.map(|row| row.run.loss).collect();
    let mut entries: Vec<Entry> = losses.iter().map(|loss| Entry::Mark(*loss)).collect();
    if let Some(guided) = losses.iter().find(|loss| loss.is_some()) {
        entries.push(Entry::Selected(*guided));
    }
    if losses.contains(&None) {
        entries.push(Entry::Ground(style::DOMINATING, "dominates the baseline"));
        entries.push(Entry::Ground(style::DOMINATED, "dominated by the baseline"));
    }
    entries
}

/// One line where all entries fit, else marks and grounds on lines of their own.
fn legend_lines(entries: &[Entry], width: f64) -> Vec<Vec<Entry>> {
    let total = |entries: &[Entry]| entries.iter().map(|entry| entry.width()).sum::<f64>();
    if total(entries) <= width {
        return vec![entries.to_vec()];
    }
    let mut lines: Vec<Vec<Entry>> = Vec::new();
    for part in entries.chunk_by(|a, b| a.is_ground() == b.is_ground()) {
        lines.push(Vec::new());
        for entry in part {
            let line = lines.len() - 1;
            if !lines[line].is_empty() && total(&lines[line]) + entry.width() > width {
                lines.push(vec![*entry]);
            } else {
                lines[line].push(*entry);
            }
        }
    }
    lines
}

fn draw_legend(svg: &mut Svg, lines: &[Vec<Entry>], width: f64, top: f64) {
    for (index, line) in lines.iter().enumerate() {
        let y = top + LEGEND_LINE * index as f64;
        let total: f64 = line.iter().map(|entry| entry.width()).sum();
        let mut x = (width - total) / 2.0 + 8.0;
        for entry in line {
            match entry {
                Entry::Mark(None) => draw_mark(svg, None, (x + 7.0, y), Emphasis::Selected),
                Entry::Mark(loss) => draw_mark(svg, *loss, (x + 7.0, y), Emphasis::Legend),
                Entry::Selected(loss) => draw_mark(svg, *loss, (x + 7.0, y), Emphasis::Selected),
                Entry::Ground(colour, _) => {
                    let paint = Paint::fill(colour).outlined("#b6bcc4", 0.8);
                    svg.rect((x - 1.0, y - 6.5), (17.0, 13.0), paint);
                }
            }
            svg.text(
                (x + 22.0, y + 4.0),
                Anchor::Start,
                SMALL,
                INK,
                Face::Regular,
                &entry.label(),
            );
            x += entry.width();
        }
    }
}
