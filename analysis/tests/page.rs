//! `report.html` in headless Chromium, from file://: nothing is written to the console, figures and
//! maps are there, the filter hides runs, dark and light differ. `GUIDANCE_CHROMIUM` names the program,
//! else it is looked for under its usual names.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Chromium, or `None` after saying that `test` is skipped.
fn chromium(test: &str) -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("GUIDANCE_CHROMIUM") {
        return Some(path.into());
    }
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name)));
    let found = places.find(|program| program.is_file());
    if found.is_none() {
        println!("skipped: {test}: no Chromium (GUIDANCE_CHROMIUM is not set)");
    }
    found
}

/// The report of the fixture, with `script` run at its end.
fn page(script: &str) -> TempDir {
    let out = TempDir::new().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/results");
    let status = Command::new(env!("CARGO_BIN_EXE_analysis"))
        .args(["report", "--results"])
        .arg(fixture)
        .arg("--out")
        .arg(out.path())
        .output()
        .unwrap();
    assert!(status.status.success());
    let path = out.path().join("report.html");
    let page = fs_err::read_to_string(&path).unwrap();
    let probed = page.replace("</body>", &format!("<script>{script}</script></body>"));
    assert_ne!(page, probed);
    fs_err::write(&path, probed).unwrap();
    out
}

/// The page after its scripts have run, and what Chromium logged.
fn visit(chromium: &Path, page: &TempDir, options: &[&str]) -> (String, String) {
    let url = format!("file://{}", page.path().join("report.html").display());
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args([
            "--enable-logging=stderr",
            "--log-level=0",
            "--window-size=1200,1000",
        ])
        .arg(format!(
            "--user-data-dir={}",
            page.path().join("profile").display()
        ))
        .args(options)
        .arg(url)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// What the script said in the element's attribute `data-probe`.
fn probe(dom: &str) -> &str {
    let said = dom.split("data-probe=\"").nth(1);
    said.unwrap_or_else(|| panic!("no probe in {} letters", dom.len()))
        .split('"')
        .next()
        .unwrap()
}

/// Counts figures and maps with an area, and runs left by the filter.
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
    figures.filter(visible).length + "/" + figures.length, images.length, loaded, pictures > 0,
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
    let page = page(COUNT);
    let (dom, log) = visit(&chromium, &page, &[]);
    assert!(!log.contains("CONSOLE"), "{log}");
    // Seven figures, three maps of each of four runs; two runs are of Energy, one of them with λ = 0.05.
    assert_eq!(
        probe(&dom),
        "7/7 12 true true 4 2 1 2 0 true rgb(255, 255, 255)"
    );
}

#[test]
fn the_page_follows_a_dark_desktop() {
    let Some(chromium) = chromium("the_page_follows_a_dark_desktop") else {
        return;
    };
    let page = page(COUNT);
    let (dom, log) = visit(
        &chromium,
        &page,
        &["--blink-settings=preferredColorScheme=0"],
    );
    assert!(!log.contains("CONSOLE"), "{log}");
    assert!(probe(&dom).ends_with("rgb(20, 23, 27)"), "{}", probe(&dom));
}

#[test]
fn an_error_on_the_page_would_be_seen() {
    let Some(chromium) = chromium("an_error_on_the_page_would_be_seen") else {
        return;
    };
    let page = page("nowhere.nothing();");
    let (_, log) = visit(&chromium, &page, &[]);
    assert!(
        log.contains("CONSOLE") && log.contains("nowhere is not defined"),
        "{log}"
    );
}
