//! The panel of maps: a row for each example image, columns the input with its boxes, the baseline's
//! map and each guided run's, every one at the selected checkpoint with its EPG underneath.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use resvg::tiny_skia::{ColorU8, Pixmap};

use crate::colormap::{Picture, overlay, with_boxes};
use crate::comparison::{self, Row, Setting};
use crate::format::percent;
use crate::load::examples::Example;
use crate::names::Loss;

/// Images in a panel.
const MOST: usize = 10;
/// Guided runs shown one by one; of more, each loss is shown by the run validation prefers.
const MOST_RUNS: usize = 6;
/// The least side of a picture in the page, pixels; small images are magnified to it.
const LEAST: usize = 160;

/// The section with one panel for each setting that has examples; empty where none has.
pub(super) fn section(settings: &[Setting], examples: &[Example]) -> Markup {
    let panels: Vec<(&Setting, Vec<&Example>)> = settings
        .iter()
        .map(|setting| {
            (
                setting,
                examples.iter().filter(|e| belongs(e, setting)).collect(),
            )
        })
        .filter(|(_, examples): &(_, Vec<_>)| !examples.is_empty())
        .collect();
    html! {
        section {
            h2 { "Maps before and after guidance" }
            @if panels.is_empty() {
                p { "The evaluations hold no example maps." }
            }
            @for (setting, examples) in &panels {
                h3 { (setting.title()) }
                (panel(setting, examples))
            }
            @if !panels.is_empty() {
                p.caption {
                    "Positive attribution for the class named at the left, white to dark red over the \
                     grey image, each map scaled by its own 99.5th percentile. Boxes of the class in \
                     cyan. Below each map its EPG: the share of positive attribution inside the boxes. \
                     Where there are many guided runs, each loss is shown by the one validation \
                     prefers."
                }
            }
        }
    }
}

fn belongs(example: &Example, setting: &Setting) -> bool {
    example.attribution == setting.attribution
        && example.layer == setting.layer
        && setting.rows.iter().any(|row| is_of(example, row))
}

fn is_of(example: &Example, row: &Row) -> bool {
    row.run.run_id == example.run_id
}

fn panel(setting: &Setting, examples: &[&Example]) -> Markup {
    // Image and class pairs in the examples' own order; those every run has come first.
    let mut pairs: Vec<&Example> = Vec::new();
    for example in examples {
        if !pairs.iter().any(|known| same_pair(known, example)) {
            pairs.push(example);
        }
    }
    let rows = shown_rows(setting, examples);
    let missing = |pair: &Example| {
        rows.iter()
            .filter(|row| find(examples, pair, row).is_none())
            .count()
    };
    pairs.sort_by_key(|pair| missing(pair));
    pairs.truncate(MOST);
    pairs.sort_by_key(|pair| pair.rank);
    html! {
        div.scroll {
            table.panel {
                thead {
                    tr {
                        th { "Input" }
                        @for row in &rows { th { (row.label) br; small { "epoch " (row.selection.epoch) } } }
                    }
                }
                tbody {
                    @for pair in &pairs {
                        tr {
                            td {
                                (image(&with_boxes(&photo(pair), &pair.boxes, scale(pair)), &format!("{} with boxes of {}", pair.image_id, pair.class_name)))
                                div.under { b { (pair.class_name) } " " span.id { (pair.image_id) } }
                            }
                            @for row in &rows { td { (cell(find(examples, pair, row), row)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The runs that have examples: all of them, or, where they are many, the baselines and the run of
/// each loss that validation prefers.
fn shown_rows<'a>(setting: &'a Setting, examples: &[&Example]) -> Vec<&'a Row> {
    let has_examples = |row: &&Row| examples.iter().any(|example| is_of(example, row));
    let rows: Vec<&Row> = setting.rows.iter().filter(has_examples).collect();
    if rows.iter().filter(|row| !row.run.is_baseline()).count() <= MOST_RUNS {
        return rows;
    }
    let baselines = rows.iter().copied().filter(|row| row.run.is_baseline());
    let of_loss = |loss| {
        let rows = rows.iter().copied();
        comparison::preferred(rows.filter(|row| row.run.loss == Some(loss)))
    };
    let guided = Loss::ALL.into_iter().filter_map(of_loss);
    baselines.chain(guided).collect()
}

fn same_pair(a: &Example, b: &Example) -> bool {
    a.image_id == b.image_id && a.class_id == b.class_id
}

fn find<'a>(examples: &[&'a Example], pair: &Example, row: &Row) -> Option<&'a Example> {
    examples
        .iter()
        .find(|example| same_pair(example, pair) && is_of(example, row))
        .copied()
}

fn cell(example: Option<&Example>, row: &Row) -> Markup {
    let Some(example) = example else {
        return html! { div.under { "not among its examples" } };
    };
    let drawn = overlay(&photo(example), &example.map);
    let drawn = with_boxes(&drawn, &example.boxes, scale(example));
    let text = format!(
        "{}: {} map for {}",
        row.label, example.image_id, example.class_name
    );
    html! {
        (image(&drawn, &text))
        div.under {
            @match example.epg {
                Some(epg) => { "EPG " b { (percent(epg)) " %" } },
                None => { "EPG undefined, counts 0" },
            }
        }
    }
}

fn photo(example: &Example) -> Picture {
    Picture {
        height: example.height,
        width: example.width,
        rgb: example.rgb.clone(),
    }
}

fn scale(example: &Example) -> usize {
    LEAST.div_ceil(example.height.min(example.width)).max(1)
}

fn image(picture: &Picture, text: &str) -> Markup {
    let (width, height) = (picture.width as u32, picture.height as u32);
    let png = Pixmap::new(width, height).and_then(|mut pixels| {
        for (pixel, rgb) in pixels
            .pixels_mut()
            .iter_mut()
            .zip(picture.rgb.chunks_exact(3))
        {
            *pixel = ColorU8::from_rgba(rgb[0], rgb[1], rgb[2], 255).premultiply();
        }
        pixels.encode_png().ok()
    });
    html! {
        @match png {
            Some(png) => img src={ "data:image/png;base64," (STANDARD.encode(png)) } width=(width) height=(height) alt=(text);,
            None => div.under { "cannot be drawn" },
        }
    }
}
