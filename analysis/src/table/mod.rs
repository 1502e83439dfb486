//! The table of the paper: test F1, mAP, EPG and IoU of each baseline and each guided run, with 95 %
//! intervals and differences, in four formats. Markdown and LaTeX are for reading, in percent
//! ([`markdown`], [`latex`]); CSV and Parquet are for computing, in fractions ([`flat`]).

pub mod flat;
pub mod latex;
pub mod markdown;

use crate::comparison::{Cell, Row, Setting};
use crate::format::{MISSING, number, percent, points};
use crate::headline::Change;
use crate::intervals::Interval;
use crate::names::{self, Measure};
use crate::select::Rule;

/// One printed block: a heading and its lines.
pub(crate) struct Section {
    /// e.g. `Scenes · resnet18 · IxG at Final · all test images`.
    pub heading: String,
    /// The lines, baseline first; a guided run's line is followed by its differences.
    pub lines: Vec<Line>,
    /// The threshold of each IoU in it.
    pub iou_thresholds: Vec<f64>,
}

/// One printed line.
pub(crate) struct Line {
    /// The run, or that this is the difference of the run above.
    pub label: String,
    /// The selected epoch; empty on a line of differences.
    pub epoch: String,
    /// One text for each of [`Measure::ALL`].
    pub cells: Vec<Text>,
    /// What kind of line it is.
    pub kind: LineKind,
}

/// A value and its interval, formatted.
pub(crate) struct Text {
    /// e.g. `62.1`, `+5.2`, `–`.
    pub value: String,
    /// e.g. `[60.3, 63.9]`.
    pub interval: Option<String>,
    /// For a difference: whether its interval leaves out 0.
    pub change: Change,
}

/// What a line shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// Values of a baseline.
    Baseline,
    /// Values of a guided run.
    Guided,
    /// Differences of the guided run above to its baseline.
    Difference,
}

/// The label of a line of differences.
const DIFFERENCE: &str = "difference to baseline";

/// The sections of `settings`: all test images of a setting, then its groups.
pub(crate) fn sections(settings: &[Setting]) -> Vec<Section> {
    let mut sections = Vec::new();
    for setting in settings {
        let whole = (None, "all test images".to_owned());
        let groups = setting
            .groups
            .iter()
            .map(|(id, name)| (Some(*id), names::group(name)));
        for (group, images) in std::iter::once(whole).chain(groups) {
            let rows = setting
                .rows
                .iter()
                .filter(|row| row.blocks.contains_key(&group));
            let lines: Vec<Line> = rows.flat_map(|row| lines(row, group)).collect();
            if !lines.is_empty() {
                let heading = format!("{} · {images}", setting.title());
                let rows = setting.rows.iter();
                let iou = rows.filter_map(|row| row.cell(group, Measure::Iou)?.threshold);
                let iou_thresholds = iou.collect();
                sections.push(Section {
                    heading,
                    lines,
                    iou_thresholds,
                });
            }
        }
    }
    sections
}

fn lines(row: &Row, group: Option<i32>) -> Vec<Line> {
    let cells = |text: fn(&Cell) -> Text| {
        let cell = |measure| row.cell(group, measure).map_or_else(missing, text);
        Measure::ALL.into_iter().map(cell).collect::<Vec<_>>()
    };
    let kind = if row.run.is_baseline() {
        LineKind::Baseline
    } else {
        LineKind::Guided
    };
    let values = Line {
        label: row.label.clone(),
        epoch: match row.selection.rule {
            Rule::Baseline | Rule::HighestEpg => row.selection.epoch.to_string(),
            Rule::HighestF1 => format!("{}{FALLBACK}", row.selection.epoch),
        },
        cells: cells(|cell| text(cell.value, cell.interval, percent, Change::Unclear)),
        kind,
    };
    if row.baseline.is_none() {
        return vec![values];
    }
    let differences = Line {
        label: DIFFERENCE.to_owned(),
        epoch: String::new(),
        cells: cells(|cell| {
            let interval = cell.difference_interval;
            text(cell.difference, interval, points, Change::of(interval))
        }),
        kind: LineKind::Difference,
    };
    vec![values, differences]
}

fn text(
    value: Option<f64>,
    interval: Option<Interval>,
    shown: fn(f64) -> String,
    change: Change,
) -> Text {
    match value {
        None => missing(),
        Some(value) => Text {
            value: shown(value),
            interval: interval.map(|i| format!("[{}, {}]", shown(i.low), shown(i.high))),
            change,
        },
    }
}

fn missing() -> Text {
    Text {
        value: MISSING.to_owned(),
        interval: None,
        change: Change::Unclear,
    }
}

/// Marks an epoch that only the selection's second rule could choose.
const FALLBACK: &str = "†";

/// What the table's numbers are, under every format of it.
pub(crate) fn caption(sections: &[Section]) -> String {
    let mut caption =
        "Test metrics in percent with 95 % bootstrap intervals over images in brackets; \
                       differences to the baseline in percentage points with paired intervals. One \
                       checkpoint per run, selected on validation."
            .to_owned();
    let thresholds = sections.iter().flat_map(|section| &section.iou_thresholds);
    let mut thresholds: Vec<String> = thresholds.map(|threshold| number(*threshold)).collect();
    thresholds.sort();
    thresholds.dedup();
    if !thresholds.is_empty() {
        caption.push_str(&format!(" IoU at threshold {}.", thresholds.join(" or ")));
    }
    let lines = sections.iter().flat_map(|section| &section.lines);
    if lines.into_iter().any(|line| line.epoch.ends_with(FALLBACK)) {
        caption.push_str(" † The checkpoint with the best validation F1: none was within 1 point of a baseline's, or there is no baseline.");
    }
    caption
}
