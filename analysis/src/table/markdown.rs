//! The table as Markdown that is aligned in a terminal as well.

use super::{Line, LineKind, Section, Text, caption};
use crate::names::Measure;

/// The whole table, ending in a line break.
pub(crate) fn render(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        text.push_str(&format!("### {}\n\n", escape(&section.heading)));
        let mut rows = vec![header()];
        rows.extend(section.lines.iter().map(row));
        text.push_str(&aligned(&rows));
        text.push('\n');
    }
    text.push_str(&caption(sections));
    text.push('\n');
    text
}

fn header() -> Vec<String> {
    let metrics = Measure::ALL
        .into_iter()
        .map(|measure| format!("{measure} (%)"));
    ["Run".to_owned(), "Epoch".to_owned()]
        .into_iter()
        .chain(metrics)
        .collect()
}

fn row(line: &Line) -> Vec<String> {
    let label = match line.kind {
        LineKind::Baseline | LineKind::Guided => escape(&line.label),
        LineKind::Difference => format!("  {}", line.label),
    };
    let cells = line.cells.iter().map(
        |Text {
             value, interval, ..
         }| match interval {
            Some(interval) => format!("{value} {interval}"),
            None => value.clone(),
        },
    );
    [label, line.epoch.clone()]
        .into_iter()
        .chain(cells)
        .collect()
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| match column {
                1 => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            })
            .collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
        if index == 0 {
            let rule = |(column, width): (usize, &usize)| match column {
                1 => format!("{}:", "-".repeat(width + 1)),
                _ => format!(":{}", "-".repeat(width + 1)),
            };
            let rules: Vec<String> = widths.iter().enumerate().map(rule).collect();
            text.push_str(&format!("|{}|\n", rules.join("|")));
        }
    }
    text
}

/// A name in a table cell: no pipe, no line break, no tag.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '\\' => escaped.extend(['\\', c]),
            '<' => escaped.push_str("&lt;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
