//! Renders a table in the page.

use maud::{Markup, html};

use crate::render::table::parts::{Column, Kind, Line, LineKind, Table};

/// A table with more lines than this is shown folded, to be opened with a click. A chosen bound.
const MOST: usize = 40;

/// The table with its caption; a long table is folded.
pub(super) fn table(table: &Table) -> Markup {
    let n: usize = table
        .sections
        .iter()
        .map(|section| section.lines.len())
        .sum();
    let body = html! {
        @for section in &table.sections {
            @if !section.heading.is_empty() { h3 { (section.heading) } }
            (lines(&section.lines, &table.printed()))
        }
        p.caption { (table.caption) @if has_clear(table) { " Differences in bold: their interval leaves out 0." } }
    };
    html! {
        @if n > MOST {
            details.long { summary { "Table of " (n) " lines" } (body) }
        } @else {
            (body)
        }
    }
}

/// Whether any cell is a difference whose interval does not contain 0.
fn has_clear(table: &Table) -> bool {
    let lines = table.sections.iter().flat_map(|section| &section.lines);
    lines
        .flat_map(|line| &line.cells)
        .any(|cell| cell.shown().is_clear)
}

fn lines(lines: &[Line], columns: &[(usize, &Column)]) -> Markup {
    html! {
        div.scroll {
            table.metrics {
                thead {
                    tr { @for (_, column) in columns { th.number[is_number(column)] { (column.title) } } }
                }
                tbody {
                    @for line in lines {
                        tr.own[line.kind == LineKind::Own].below[line.kind == LineKind::Below] {
                            @for (position, (index, column)) in columns.iter().enumerate() {
                                @let cell = line.cells[*index].shown();
                                @if position == 0 {
                                    th scope="row" { (cell.value) }
                                } @else {
                                    td.number[is_number(column)] {
                                        span.clear[cell.is_clear] { (cell.value) }
                                        @if let Some(spread) = &cell.spread { " " small { (spread) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn is_number(column: &Column) -> bool {
    column.kind != Kind::Text
}
