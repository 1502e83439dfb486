//! Renders a table in the page.

use maud::{Markup, html};

use crate::render::table::parts::{Column, Kind, Line, LineKind, Table};
use crate::statistics::rules::holm;

/// A table with more lines than this is shown folded, to be opened with a click. A chosen bound.
const MOST: usize = 40;

/// The table with its caption; a long table is folded.
pub(super) fn table(table: &Table) -> Markup {
    let n: usize = table
        .sections
        .iter()
        .map(|section| section.lines.len())
        .sum();
    let clear = clear(table);
    let body = html! {
        @for section in &table.sections {
            @if !section.heading.is_empty() { h3 { (section.heading) } }
            (lines(&section.lines, &table.printed(), clear))
        }
        p.caption { (table.caption) @if clear.is_some() { " Differences in bold are not 0 (5 % over the whole table, corrected by Holm's method)." } }
    };
    html! {
        @if n > MOST {
            details.long { summary { "Table of " (n) " lines" } (body) }
        } @else {
            (body)
        }
    }
}

/// Returns the greatest p-value of a difference that is clear after Holm's correction over the table, at 5 %; `None`
/// where none is.
fn clear(table: &Table) -> Option<f64> {
    let lines = table.sections.iter().flat_map(|section| &section.lines);
    let p: Vec<f64> = lines
        .flat_map(|line| &line.cells)
        .filter_map(|cell| cell.shown().p_value)
        .collect();
    let corrected = holm(&p).into_iter().zip(p);
    let rejected = corrected.filter(|(corrected, _)| *corrected <= 0.05);
    rejected.map(|(_, p)| p).reduce(f64::max)
}

fn lines(lines: &[Line], columns: &[(usize, &Column)], clear: Option<f64>) -> Markup {
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
                                        @let is_clear = cell.p_value.zip(clear).is_some_and(|(p, most)| p <= most);
                                        span.clear[is_clear] { (cell.value) }
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
