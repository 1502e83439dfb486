//! Renders the list of runs (trainings). Each entry unfolds to the run's configuration, metrics, training
//! curves and some attribution maps. The page's script hides runs that do not match the words in the
//! search field above the list.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};

use crate::Result;
use crate::format::percent;
use crate::model::evidence::Evidence;
use crate::model::example::Example;
use crate::model::measure::{ACCURACY, EPG, F1, IOU};
use crate::model::run::Run;
use crate::model::setting::{Row, Setting};
use crate::model::subject::Part;
use crate::render::colormap::{Picture, overlay, with_boxes};
use crate::render::figure::{raster, training};
use crate::render::page::details::FIELDS;
use crate::render::page::figures;

/// The most maps of a run that are shown for one attribution method and layer. This bound and the two numbers below
/// are chosen to keep the page small.
const MOST_MAPS: usize = 4;
/// The most combinations of method and layer whose maps are shown for a run.
const MOST_LAYERS: usize = 2;
/// The width of a map in the page, pixels. Larger maps are reduced by a whole factor, to less than twice this
/// width.
const SIDE: usize = 128;

/// All runs.
///
/// # Errors
/// A picture that cannot be drawn.
pub(super) fn section(evidence: &Evidence) -> Result<Markup> {
    let runs: Vec<Markup> = evidence
        .results
        .runs
        .iter()
        .map(|run| one(evidence, run))
        .collect::<Result<_>>()?;
    Ok(html! {
        section id="runs" {
            h2 { "Runs" }
            p.filter {
                label for="filter" { "Only runs with " }
                input id="filter" type="search" placeholder="energy layer:input -dilation:0.5" autocomplete="off";
                " " span id="count" role="status" {}
            }
            @for run in &runs { (run) }
        }
    })
}

/// The settings that the run is in, each with its row there. A setting is a group of runs that are trained and
/// scored alike. Those scored through the maps that the run was guided through come first. A baseline (unguided
/// run) is in every setting of its guided runs; of settings with the same maps only the first is kept.
fn rows_of<'a>(evidence: &Evidence<'a>, run: &Run) -> Vec<(&'a Setting, &'a Row)> {
    let mut seen = BTreeSet::new();
    let mut rows: Vec<(&Setting, &Row)> = evidence
        .settings
        .iter()
        .filter_map(|setting| {
            let mut rows = setting.rows.iter();
            Some((setting, rows.find(|row| row.run.run_id == run.run_id)?))
        })
        .filter(|(setting, row)| seen.insert(setting.subject(run, row.selection.epoch, Part::All)))
        .collect();
    rows.sort_by_key(|(setting, _)| !setting.is_guided_here(run));
    rows
}

/// The entry of one run.
fn one(evidence: &Evidence, run: &Run) -> Result<Markup> {
    let rows = rows_of(evidence, run);
    let epochs = evidence.results.epochs(&run.run_id);
    let selected = rows.first().map(|(_, row)| row.selection.epoch);
    let curves = training::curves(run, epochs, selected);
    let mut maps = Vec::new();
    for (setting, row) in rows.iter().take(MOST_LAYERS) {
        let examples = evidence.maps(setting, row).take(MOST_MAPS);
        let images: Vec<Markup> = examples.map(map).collect::<Result<_>>()?;
        if !images.is_empty() {
            maps.push((setting.maps(), images));
        }
    }
    let fields = FIELDS.iter().map(|(name, get)| (*name, get(run)));
    let fields: Vec<(&str, String)> = fields.collect();
    // The words that the search field is compared with.
    let words: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}:{value}"))
        .chain([run.name.clone(), run.run_id.clone()])
        .collect();
    Ok(html! {
        details.run data-text=(words.join(" ").to_lowercase()) {
            summary {
                b { (run.name) } " " code { (run.run_id) }
                @if let Some((setting, row)) = rows.first() { span.glance { (setting.backbone) " · " (metrics(evidence, row)) } }
            }
            dl.shared { @for (name, value) in &fields { div { dt { (name) } dd { (value) } } } }
            @for (setting, row) in &rows {
                p { (setting.maps()) ", epoch " (row.selection.epoch) " (" (row.selection.rule) "): " (metrics(evidence, row)) }
            }
            @if rows.is_empty() { p { "No scored checkpoint." } }
            @if let Some(figure) = &curves { (figures::figure(figure)) }
            @for (through, images) in &maps {
                h4 { "Maps, " (through) }
                div.maps { @for image in images { (image) } }
            }
        }
    })
}

/// The metrics of the reported checkpoint on the test split, in one line.
fn metrics(evidence: &Evidence, row: &Row) -> String {
    let shown = |metric| {
        let value = row.cell(Part::All, metric)?.value?;
        let measure = evidence.measure(metric);
        Some(format!("{measure} {}\u{a0}%", percent(value)))
    };
    [F1, ACCURACY, EPG, IOU]
        .into_iter()
        .filter_map(shown)
        .collect::<Vec<_>>()
        .join(", ")
}

/// An example (image and attribution map) as a PNG with its class, image and EPG below.
fn map(example: &Example) -> Result<Markup> {
    let drawn = with_boxes(
        &overlay(&Picture::of(example), &example.map),
        &example.boxes,
        1,
    );
    let picture = drawn.reduced((drawn.width / SIDE).max(1));
    let png = STANDARD.encode(raster::encode(&picture)?);
    let text = format!("{}: map for {}", example.kept.pair.0, example.class_name);
    Ok(html! {
        div {
            img src={ "data:image/png;base64," (PreEscaped(png)) } width=(SIDE) alt=(text);
            div.under { b { (example.class_name) } " " (example.kept.pair.0) br; (example.epg_label()) }
        }
    })
}
