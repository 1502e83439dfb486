//! Opens the report's page, `report.html`, in headless Chromium, from file://. Tests that it writes nothing to the
//! console, that figures and maps are visible, that the filter hides runs, and that it follows the desktop's dark or
//! light colours. Skipped where there is no Chromium.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::browser::{chromium, page, probe, visit};

/// The results folder of the fixture: a baseline and three guided runs.
fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/results")
}

/// A script for the page that puts its findings into `data-probe`: whether all figures are visible, the
/// number of maps and whether all are visible, whether a figure has pictures, the numbers of runs that five
/// filters leave, whether the links of the contents have targets, and the background colour.
const COUNT: &str = r#"{
const visible = (element) => { const box = element.getBoundingClientRect(); return box.width > 20 && box.height > 20; };
const all = (what) => [...document.querySelectorAll(what)];
const figures = all("section > figure svg");
for (const run of all("details.run")) run.open = true;
const images = all("details.run img");
const field = document.getElementById("filter");
const left = (words) => { field.value = words; field.dispatchEvent(new Event("input")); return all("details.run").filter(visible).length; };
const anchors = all("nav a").every((link) => document.getElementById(link.hash.slice(1)));
addEventListener("load", () => {
  const loaded = images.every((image) => image.complete && image.naturalWidth > 0 && visible(image));
  const pictures = all("svg image").length;
  const words = [
    figures.length > 0 && figures.every(visible), images.length, loaded, pictures > 0,
    left(""), left("energy"), left("energy lambda:0.05"), left("-energy"), left("nothing"), anchors,
    getComputedStyle(document.body).backgroundColor,
  ];
  document.body.dataset.probe = words.join(" ");
});
}"#;

#[test]
fn the_page_works_without_a_server() {
    let Some(chromium) = chromium("the_page_works_without_a_server") else {
        return;
    };
    let page = page(&fixture(), COUNT);
    let (dom, log) = visit(&chromium, &page, &[]);
    assert!(!log.contains("CONSOLE"), "{log}");
    // The findings in the order of `COUNT`'s comment. 12 maps are three of each of four runs. The filters "", "energy",
    // "energy lambda:0.05", "-energy" and "nothing" leave 4, 2, 1, 2 and 0 runs.
    assert_eq!(
        probe(&dom),
        "true 12 true true 4 2 1 2 0 true rgb(255, 255, 255)"
    );
}

#[test]
fn the_page_follows_a_dark_desktop() {
    let Some(chromium) = chromium("the_page_follows_a_dark_desktop") else {
        return;
    };
    let page = page(&fixture(), COUNT);
    let (dom, log) = visit(
        &chromium,
        &page,
        // 0 is dark.
        &["--blink-settings=preferredColorScheme=0"],
    );
    assert!(!log.contains("CONSOLE"), "{log}");
    assert!(probe(&dom).ends_with("rgb(20, 23, 27)"), "{}", probe(&dom));
}

/// The other tests look for `CONSOLE` in the log. This one checks that an error of a script is found so.
#[test]
fn an_error_on_the_page_would_be_seen() {
    let Some(chromium) = chromium("an_error_on_the_page_would_be_seen") else {
        return;
    };
    let page = page(&fixture(), "nowhere.nothing();");
    let (_, log) = visit(&chromium, &page, &[]);
    assert!(
        log.contains("CONSOLE") && log.contains("nowhere is not defined"),
        "{log}"
    );
}
