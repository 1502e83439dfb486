//! Renders the page of the gallery, `gallery/index.html`, which shows all test pairs (an image and a class on it)
//! with their maps: fields to choose and order pairs by, an empty list, and the dialog of the large view. Its script
//! fills them from `index.js` and the shards (scripts with the maps of some pairs each), by text nodes alone, so
//! that no name is taken for HTML.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::model::gallery::Collection;
use crate::model::names;
use crate::render::output::PROGRAM;

/// The report's style, and what the gallery adds.
const STYLES: [&str; 2] = [
    include_str!("../page/page.css"),
    include_str!("gallery.css"),
];
const SCRIPT: &str = include_str!("gallery.js");

/// Returns the page's HTML.
pub(super) fn render(collections: &[Collection]) -> String {
    let dataset = collections.first().map_or("", |first| &first.dataset);
    let title = format!("Gallery of test images: {}", names::dataset(dataset));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { @for style in STYLES { (PreEscaped(style)) } }
            }
            body {
                header {
                    p { a href="../report.html" { "← Report" } }
                    h1 { (title) }
                    p.lead { (how_to_read()) }
                }
                (fields())
                main {
                    p id="count" role="status" { "Loading…" }
                    noscript { p { "The gallery needs JavaScript." } }
                    ul id="list" {}
                    (steps())
                }
                (large())
                footer { p { "Made by " (PROGRAM) "." } }
                script { (PreEscaped(SCRIPT)) }
                script src="index.js" {}
            }
        }
    };
    page.into_string()
}

fn how_to_read() -> Markup {
    html! {
        "Every test image with each class on it, and the maps of this class by the baseline and by the guided \
         run of each loss that validation prefers. Positive attribution is drawn white to dark red over the \
         grey image, each map scaled by its own 99.5th percentile; maps of more than 32 × 32 cells are \
         averaged to that. Boxes of the class are cyan, its segmentation is outlined in blue. EPG is the share \
         of positive attribution inside the boxes; in brackets the difference to the baseline in points. Choose \
         an image to see it large, with the maps of all networks and layers; the arrow keys go on from there."
    }
}

/// The fields to choose by. The script fills the lists, and hides those with nothing to choose.
fn fields() -> Markup {
    let lists = [
        ("collection", "Data"),
        ("setting", "Maps"),
        ("class", "Class"),
        ("group", "Group"),
        ("loss", "Loss"),
        ("order", "Order"),
    ];
    html! {
        form id="fields" aria-label="Choose images" {
            @for (name, title) in lists {
                label id={ "of-" (name) } { (title) select id=(name) {} }
            }
            label { "Image" input id="search" type="search" placeholder="part of its name" autocomplete="off"; }
            label.tick { input id="boxes" type="checkbox" checked; "boxes" }
            label.tick id="of-outlines" { input id="outlines" type="checkbox" checked; "segmentations" }
        }
    }
}

fn steps() -> Markup {
    html! {
        nav id="steps" aria-label="Pages" {
            button id="before" type="button" { "← Before" }
            span id="place" {}
            button id="after" type="button" { "Next →" }
        }
    }
}

fn large() -> Markup {
    html! {
        dialog id="large" aria-labelledby="what" {
            div.bar {
                h2 id="what" {}
                button id="left" type="button" aria-label="The image before" { "←" }
                button id="right" type="button" aria-label="The next image" { "→" }
                button id="close" type="button" aria-label="Close" { "×" }
            }
            div id="walls" {}
        }
    }
}
