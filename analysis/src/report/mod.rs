//! `report.html`: one page that needs nothing but itself. Pictures are inlined, there is no script
//! and nothing is fetched; maud escapes every name. Its sections are put together here; the panel of
//! maps is in [`panel`], configurations and definitions in [`details`].

mod details;
mod panel;

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::comparison::Setting;
use crate::figure::{self, Figure};
use crate::headline::{self, Change};
use crate::load::{Results, examples};
use crate::output::PROGRAM;
use crate::table::{self, LineKind, Section};
use crate::{Result, names};

const STYLE: &str = include_str!("report.css");

/// The page. Notes about missing examples are added to `notes`, which the page lists.
///
/// # Errors
/// An examples table that is not as its schema says.
pub fn render(results: &Results, settings: &[Setting], notes: &mut Vec<String>) -> Result<String> {
    let selected: BTreeSet<(String, i32)> = settings
        .iter()
        .flat_map(|setting| &setting.rows)
        .map(|row| (row.run.run_id.clone(), row.selection.epoch))
        .collect();
    let (examples, missing) = examples::load(results, &selected)?;
    notes.extend(missing);
    let figures = figure::all(results, settings);
    let sections = table::sections(settings);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Guiding models with explanations: " (datasets(settings)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Guiding models with explanations" }
                    p.lead { (details::what_was_run(results, settings)) }
                }
                main {
                    (headlines(settings))
                    section {
                        h2 { "Test metrics" }
                        @for section in &sections { (metrics_table(section)) }
                        p.caption { (table::caption(&sections)) " Differences in bold: their interval leaves out 0." }
                    }
                    @for figure in figures.iter().filter(|f| f.name != "training") { (figure_section(figure)) }
                    (panel::section(settings, &examples))
                    @for figure in figures.iter().filter(|f| f.name == "training") { (figure_section(figure)) }
                    (details::configuration(results, settings))
                    (details::how_to_read())
                    (details::files(&figures))
                    (details::notes(notes))
                }
                footer { p { "Made by " (PROGRAM) " from tables with sha256 " code { (results.inputs.chars().take(16).collect::<String>()) } "…" } }
            }
        }
    };
    Ok(page.into_string())
}

fn datasets(settings: &[Setting]) -> String {
    let names: BTreeSet<&str> = settings
        .iter()
        .map(|s| names::dataset(&s.dataset))
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn headlines(settings: &[Setting]) -> Markup {
    let findings = headline::findings(settings);
    html! {
        section.headline {
            @if findings.is_empty() {
                p { "No guided run can be compared with its baseline here." }
            }
            @for finding in &findings {
                p.finding { (finding.sentence) }
                @if !finding.groups.is_empty() {
                    ul { @for group in &finding.groups { li { (group) } } }
                }
            }
        }
    }
}

fn metrics_table(section: &Section) -> Markup {
    html! {
        h3 { (section.heading) }
        div.scroll {
            table.metrics {
                thead {
                    tr {
                        th { "Run" }
                        th.number { "Epoch" }
                        @for measure in names::Measure::ALL { th.number { (measure) " (%)" } }
                    }
                }
                tbody {
                    @for line in &section.lines {
                        @let class = match line.kind {
                            LineKind::Baseline | LineKind::Guided => "values",
                            LineKind::Difference => "differences",
                        };
                        tr class=(class) {
                            th scope="row" { (line.label) }
                            td.number { (line.epoch) }
                            @for cell in &line.cells {
                                @let clear = cell.change != Change::Unclear;
                                td.number {
                                    span.clear[clear] { (cell.value) }
                                    @if let Some(interval) = &cell.interval { " " small { (interval) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn figure_section(figure: &Figure) -> Markup {
    let title = match figure.name {
        "pareto" => "EPG against F1",
        "pareto_groups" => "EPG against F1 by group",
        _ => "Training",
    };
    html! {
        section {
            h2 { (title) }
            figure {
                div.paper { (PreEscaped(&figure.svg)) }
                figcaption { (figure.caption) }
            }
        }
    }
}
