//! Writes a table as Markdown, with columns aligned, so that it can also be read in a terminal.

use crate::render::table::parts::{Column, Kind, Line, LineKind, Shown, Table};

/// The whole table, ending in a line break.
pub fn render(table: &Table) -> String {
    let columns = table.printed();
    let mut text = String::new();
    for section in &table.sections {
        if !section.heading.is_empty() {
            text.push_str(&format!("### {}\n\n", escape(&section.heading)));
        }
        let mut rows = vec![
            columns
                .iter()
                .map(|(_, column)| escape(&column.title))
                .collect(),
        ];
        rows.extend(section.lines.iter().map(|line| row(line, &columns)));
        text.push_str(&aligned(&rows, &columns));
        text.push('\n');
    }
    text.push_str(&escape(&table.caption));
    text.push('\n');
    text
}

/// The cells of a line. The first cell of a line that belongs to the one above is indented.
fn row(line: &Line, columns: &[(usize, &Column)]) -> Vec<String> {
    let mut cells: Vec<String> = columns
        .iter()
        .map(|(index, _)| {
            let Shown { value, spread, .. } = line.cells[*index].shown();
            match spread {
                Some(spread) => format!("{} {spread}", escape(&value)),
                None => escape(&value),
            }
        })
        .collect();
    if let (LineKind::Below, Some(first)) = (line.kind, cells.first_mut()) {
        first.insert_str(0, "  ");
    }
    cells
}

/// The rows, of which the first has the headings, with columns filled up with blanks.
fn aligned(rows: &[Vec<String>], columns: &[(usize, &Column)]) -> String {
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let is_right = |column: usize| columns[column].1.kind == Kind::Count;
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).enumerate();
        let cells: Vec<String> = cells
            .map(|(column, (cell, width))| match is_right(column) {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            })
            .collect();
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
        if index == 0 {
            let rule = |(column, width): (usize, &usize)| match is_right(column) {
                true => format!("{}:", "-".repeat(width + 1)),
                false => format!(":{}", "-".repeat(width + 1)),
            };
            let rules: Vec<String> = widths.iter().enumerate().map(rule).collect();
            text.push_str(&format!("|{}|\n", rules.join("|")));
        }
    }
    text
}

/// Escapes text, so that Markdown shows it as it is: it ends no cell or line, and has no formatting, tag,
/// character reference, link or formula.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '`' | '\\' | '[' | ']' | '$' | '~' => escaped.extend(['\\', c]),
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
