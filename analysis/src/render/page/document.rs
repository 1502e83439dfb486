//! Makes `report.html`, a self-contained page: figures are inlined, one small script filters the list of
//! runs, and nothing is fetched. maud escapes every name. This file puts the sections together. [`figures`]
//! and [`tables`] render one figure or table, [`runs`] the list of runs with their curves and maps,
//! [`data`] what is known of the data, [`details`] the other texts.

use std::collections::BTreeSet;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::Result;
use crate::model::evidence::Evidence;
use crate::model::names;
use crate::model::setting::Setting;
use crate::render::exhibit::{Exhibit, Place};
use crate::render::headline;
use crate::render::output::{File, PROGRAM};
use crate::render::page::{data, details, figures, runs, tables};
use crate::render::table::parts::Table;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Returns the page's HTML. It shows `exhibits` (each with its figures and tables) above and below the findings,
/// the tables `of_runs` (of single runs, and of runs repeated with other seeds), links to `files`, which lie
/// beside the page, and `notes` on what was left out.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn render(
    evidence: &Evidence,
    exhibits: &[Exhibit],
    of_runs: [Option<&Table>; 2],
    files: &[File],
    notes: &[String],
) -> Result<String> {
    let runs = runs::section(evidence)?;
    let at = |place| {
        exhibits
            .iter()
            .filter(move |exhibit| exhibit.place == place)
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Guiding models with explanations: " (datasets(evidence.settings)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "Guiding models with explanations" }
                    p.lead { (details::what_was_run(evidence)) }
                    (details::gallery(files))
                }
                (contents(exhibits))
                main {
                    @for exhibit in at(Place::AboveFindings) { (section(exhibit)) }
                    (headlines(evidence))
                    @for exhibit in at(Place::Below) { (section(exhibit)) }
                    section id="table" {
                        h2 { "Test metrics of every run" }
                        @for table in of_runs.into_iter().flatten() { (tables::table(table)) }
                    }
                    (runs)
                    (details::configuration(evidence.results))
                    (data::section(evidence.results))
                    (details::how_to_read())
                    (details::files(files))
                    (details::notes(notes))
                }
                footer { p { "Made by " (PROGRAM) " from tables with sha256 " code { (evidence.results.inputs.chars().take(16).collect::<String>()) } "…" } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    Ok(page.into_string())
}

/// The names of the data sets, joined by commas.
fn datasets(settings: &[Setting]) -> String {
    let names: BTreeSet<&str> = settings
        .iter()
        .map(|s| names::dataset(&s.dataset))
        .collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

fn contents(exhibits: &[Exhibit]) -> Markup {
    let at = |place| {
        exhibits
            .iter()
            .filter(move |exhibit| exhibit.place == place)
    };
    let link =
        |exhibit: &Exhibit| html! { li { a href={ "#" (exhibit.name) } { (exhibit.title) } } };
    html! {
        nav aria-label="Contents" {
            ul {
                @for exhibit in at(Place::AboveFindings) { (link(exhibit)) }
                li { a href="#findings" { "Findings" } }
                @for exhibit in at(Place::Below) { (link(exhibit)) }
                li { a href="#table" { "Test metrics of every run" } }
                li { a href="#runs" { "Runs" } }
                li { a href="#reading" { "How to read this" } }
                li { a href="#files" { "Files" } }
            }
        }
    }
}

/// The sentences on what guidance changed.
fn headlines(evidence: &Evidence) -> Markup {
    let findings = headline::findings(evidence);
    html! {
        section.headline id="findings" {
            h2 { "Findings" }
            @if findings.is_empty() {
                p { "No guided run can be compared with its baseline here." }
            }
            @for finding in &findings {
                p.finding { (finding.sentence) }
                @if !finding.groups.is_empty() {
                    ul { @for group in &finding.groups { li { (group) } } }
                }
            }
            @for sentence in headline::left_out(evidence) { p { (sentence) } }
            @for sentence in headline::too_brief(evidence) { p { (sentence) } }
        }
    }
}

/// The section of one exhibit. If it has figures, its tables are folded, because they have the same numbers.
fn section(exhibit: &Exhibit) -> Markup {
    html! {
        section id=(exhibit.name) {
            h2 { (exhibit.title) }
            @for figure in &exhibit.figures { (figures::figure(figure)) }
            @match (exhibit.figures.is_empty(), exhibit.tables.is_empty()) {
                (true, _) => { @for table in &exhibit.tables { (tables::table(table)) } }
                (false, true) => {}
                (false, false) => {
                    details.numbers {
                        summary { "In numbers" }
                        @for table in &exhibit.tables { (tables::table(table)) }
                    }
                }
            }
        }
    }
}
