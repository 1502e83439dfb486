//! Makes reports of results whose names (of runs, networks, methods, classes, groups and images) have
//! everything in them that HTML, SVG, Markdown and LaTeX give a meaning. Tests that the names are shown as
//! they are, and that nothing in them is executed, loaded or formatted.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Command;

use common::browser::{chromium, page, page_of, probe, visit, visit_page};
use common::gallery::{Evaluation, Pair, write_data, write_maps, write_scores};
use common::{Part, Run, results, write, write_with};
use polars::prelude::*;
use tempfile::TempDir;

/// A text with markup of HTML, SVG, Markdown and LaTeX, in which every name of the results ends. The scripts in it
/// would set `hacked` if a page executed them.
const HOSTILE: &str = "<script>document.body.dataset.hacked=1</script><img src=x \
    onerror=document.body.dataset.hacked=2>\"'&amp;--></style>\u{2028}a_b & 50% $x$ ~ #1 ^ \
    \\input{/etc/passwd} ![l](javascript:alert(1)) | `";

/// A run id of the same kind. It is a folder's name, so it has no `/`.
const HOSTILE_ID: &str = "base<b>\"'&amp;`$x$\\input{x}";

/// A text with LaTeX's special characters, which must be readable in the PDF. Unlike [`HOSTILE`] it has only
/// letters that all survive in the PDF's text.
const PRINTED: &str = "a_b & 50% $x$ \\input{/etc/passwd} {%} `b` *";

/// A hostile name that begins with `what`.
fn hostile(what: &str) -> String {
    format!("{what} {HOSTILE}")
}

/// A results folder with a baseline and a guided run, in which all free text ends in `ending`.
fn hostile_results(ending: &'static str) -> TempDir {
    let values = |epg: f64| {
        vec![
            (Part::All, "f1", 0.8),
            (Part::All, "epg", epg),
            (Part::Group(0), "epg", epg),
            (Part::Class(0), "epg", epg),
        ]
    };
    let baseline = Run {
        id: HOSTILE_ID.to_owned(),
        dataset: ending,
        backbone: ending,
        attribution: ending,
        layer: ending,
        ..Run::default()
    };
    let guided = Run {
        id: "guided".to_owned(),
        loss: Some("energy"),
        lambda: Some(0.1),
        baseline: Some(HOSTILE_ID),
        epochs: vec![(1, 0.80, 0.50)],
        ..baseline.clone()
    };
    // Folders of evaluations are named after method and layer, so they are written with the plain names "m"
    // and "l". Below, `change` puts `ending` into the tables.
    let with_groups = |run: &Run, epg: f64| {
        Run {
            attribution: "m",
            layer: "l",
            ..run.clone()
        }
        .scored(values(epg))
    };
    let dir = results(&[with_groups(&baseline, 0.4), with_groups(&guided, 0.6)]);
    for id in [HOSTILE_ID, "guided"] {
        let folder = dir.path().join("runs").join(id);
        let evaluation = folder.join("evaluations/test-m-l-epoch-0001");
        let name = format!("{id} {ending}");
        change(
            &folder.join("run.parquet"),
            &[
                ("name", &name),
                ("attribution", ending),
                ("layer", ending),
                ("device", ending),
            ],
        );
        for table in ["metrics", "replicates"] {
            let path = evaluation.join(format!("{table}.parquet"));
            change(&path, &[("attribution", ending), ("layer", ending)]);
        }
        let example = df!(
            "rank" => [0], "run_id" => [id], "checkpoint" => [1], "split" => ["test"],
            "image_id" => [format!("image {ending}")], "class_id" => [0],
            "class_name" => [format!("shown {ending}")], "attribution" => [ending], "layer" => [ending],
            "precision" => [Some("f32")], "height" => [8], "width" => [8], "rgb" => [&[128_u8; 192][..]],
            "map" => [&[0_u8; 256][..]], "boxes" => [&[0_u8; 16][..]], "epg" => [Some(0.5)],
        );
        write(
            &evaluation.join("examples.parquet"),
            "examples",
            example.unwrap(),
        );
        let of = Evaluation {
            run_id: id,
            attribution: ending,
            layer: ending,
        };
        let pairs = pairs(ending);
        write_scores(&evaluation, &of, &pairs, |_| 0.5);
        write_maps(&evaluation, &of, &pairs);
    }
    let data = dir.path().join("data/x");
    write_data(&data, &pairs(ending), &[(0, "")]);
    for what in ["group", "class"] {
        let (id, name) = (format!("{what}_id"), format!("{what}_name"));
        let frame = df!(id => [0], name => [format!("{what} {ending}")]).unwrap();
        let table = if what == "group" { "groups" } else { "classes" };
        let credit = serde_json::json!({
            "title": format!("title {ending}"), "url": format!("javascript:{ending}"),
            "license": format!("licence {ending}"), "license_url": format!("https://x.org/{ending}"),
            "citation": format!("citation {ending}"),
        });
        let said = [
            ("guidance.inputs", "d"),
            ("guidance.credit", &credit.to_string()),
        ];
        write_with(&data.join(format!("{table}.parquet")), table, &said, frame);
    }
    dir
}

/// The pairs of the gallery: one.
fn pairs(ending: &str) -> Vec<Pair> {
    vec![Pair {
        image_id: format!("image {ending}"),
        class_id: 0,
        group_id: Some(0),
    }]
}

/// Writes a table again with the same text in every row of some columns.
fn change(path: &Path, columns: &[(&str, &str)]) {
    let file = std::fs::File::open(path).unwrap();
    let mut frame = ParquetReader::new(file).finish().unwrap();
    for (name, text) in columns {
        let column = Column::new((*name).into(), vec![*text; frame.height()]);
        frame.with_column(column).unwrap();
    }
    let table = path.file_stem().unwrap().to_str().unwrap();
    write(path, table, frame);
}

#[test]
fn the_page_shows_names_as_they_are() {
    let results = hostile_results(HOSTILE);
    let names = [
        HOSTILE_ID.to_owned(),
        format!("{HOSTILE_ID} {HOSTILE}"),
        hostile("guided"),
        hostile("group"),
        hostile("class"),
        hostile("image"),
        hostile("shown"),
        hostile("title"),
        hostile("licence"),
        hostile("citation"),
    ];
    let shown = page(results.path(), "");
    let html = fs_err::read_to_string(shown.path().join("report.html")).unwrap();
    // The page's own script, and the one that `page` adds.
    assert_eq!(html.matches("<script").count(), 2);
    assert_eq!(html.matches("</style>").count(), 1);
    assert!(!html.contains("<img src=x") && !html.contains("<b>\"'"));
    for file in files(shown.path()) {
        let text = String::from_utf8_lossy(&fs_err::read(&file).unwrap()).into_owned();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("svg") => assert!(
                !text.contains("<script") && !text.contains("<img"),
                "{file:?}"
            ),
            Some("md") => {
                let formatted = ["<script", "<img", "![l]", "$x$", " | `", "&amp;--"];
                let found = formatted.iter().find(|part| text.contains(**part));
                assert_eq!(found, None, "{}:\n{text}", file.display());
            }
            _ => {}
        }
    }
    let Some(chromium) = chromium("the_page_shows_names_as_they_are") else {
        return;
    };
    // The names, as JavaScript strings. `</script>` in them would end the script, so it is escaped.
    let list = format!("{names:?}")
        .replace("</", "<\\/")
        .replace("<s", "<\\u{73}");
    let script = format!(
        "const main = document.querySelector('main');\
         for (const run of document.querySelectorAll('details')) run.open = true;\
         addEventListener('load', () => {{\
           const missing = {list}.filter((name) => !main.textContent.includes(name));\
           const own = document.querySelectorAll('script, [onerror], [src=x], a[href^=javascript]');\
           const images = [...document.querySelectorAll('details img')];\
           document.body.dataset.probe = [document.body.dataset.hacked, own.length,\
             images.every((image) => image.alt.includes('<img src=x')), missing.length].join(' ');\
         }});"
    );
    let shown = page(results.path(), &script);
    let (dom, log) = visit(&chromium, &shown, &[]);
    assert!(!log.contains("CONSOLE"), "{log}");
    // `hacked` is not set, there are two scripts and no hostile element, each image has its name as
    // alternative text, and no name is missing.
    assert_eq!(probe(&dom), " 2 true 0");
    // Check of the check: if a name is put into the page unescaped, `hacked` is set.
    let careless = format!("document.querySelector('main').innerHTML = {list}[2];{script}");
    let (dom, _) = visit(&chromium, &page(results.path(), &careless), &[]);
    assert!(probe(&dom).starts_with("2 "), "{}", probe(&dom));
}

#[test]
fn the_gallery_shows_names_as_they_are() {
    let results = hostile_results(HOSTILE);
    let page = "gallery/index.html";
    let shown = page_of(results.path(), page, "");
    // No name of a file is made from a name.
    let mut found: Vec<String> = files(&shown.path().join("gallery"))
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    found.sort();
    let expected = [
        "0-00000.jpg",
        "index.html",
        "index.js",
        "maps-0-0-0.js",
        "outlines-0-0.js",
    ];
    assert_eq!(found, expected);
    let html = fs_err::read_to_string(shown.path().join(page)).unwrap();
    // The page's own scripts, and the one that `page_of` adds.
    assert_eq!(html.matches("<script").count(), 3);
    assert!(!html.contains("<img src=x"));
    let Some(chromium) = chromium("the_gallery_shows_names_as_they_are") else {
        return;
    };
    let names = [hostile("image"), hostile("class"), hostile("group")];
    let list = format!("{names:?}")
        .replace("</", "<\\/")
        .replace("<s", "<\\u{73}");
    let script = format!(
        "addEventListener('load', async () => {{\
           while (!gallery.isDrawn()) await new Promise((done) => setTimeout(done, 100));\
           document.querySelector('#list button').click();\
           const hostile = document.querySelectorAll('[onerror], [src=x], a[href^=javascript]');\
           const text = ['list', 'what', 'fields'].map((id) => document.getElementById(id).textContent);\
           const found = {list}.map((name) => text.filter((part) => part.includes(name)).length);\
           document.body.dataset.probe = [document.body.dataset.hacked, hostile.length, ...found].join(' ');\
         }});"
    );
    let shown = page_of(results.path(), page, &script);
    let waiting = ["--virtual-time-budget=100000000"];
    let (dom, log) = visit_page(&chromium, &shown, page, &waiting);
    assert!(!log.contains("CONSOLE"), "{log}");
    // `hacked` is not set, and there is no hostile element. The image's name is in two of the three parts, the list
    // and the large view; the names of class and group are in all three, as the fields have them, too.
    assert_eq!(probe(&dom), " 0 2 3 3");
}

/// All files in a folder and its subfolders.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs_err::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

/// Typesets every table of the report, which must succeed, and looks for the names in the PDF's text. Skipped
/// where there is no pdflatex or pdftotext.
#[test]
fn latex_prints_names_as_they_are() {
    let folder = TempDir::new().unwrap();
    for (name, ending) in [("hostile", HOSTILE), ("printed", PRINTED)] {
        let results = hostile_results(ending);
        let shown = page(results.path(), "");
        let tables = files(shown.path());
        let tables = tables
            .iter()
            .filter(|path| path.extension().is_some_and(|found| found == "tex"));
        let mut text = "\\documentclass{article}\\usepackage{booktabs}\\usepackage{graphicx}\
                        \\usepackage[utf8]{inputenc}\\begin{document}\n"
            .to_owned();
        for (number, table) in tables.enumerate() {
            fs_err::copy(table, folder.path().join(format!("{name}{number}.tex"))).unwrap();
            text.push_str(&format!("\\input{{{name}{number}}}\\clearpage\n"));
        }
        text.push_str("\\end{document}\n");
        assert!(text.contains("\\input"));
        fs_err::write(folder.path().join(format!("{name}.tex")), text).unwrap();
        let latex = Command::new("pdflatex")
            .args([
                "-no-shell-escape",
                "-interaction=nonstopmode",
                "-halt-on-error",
                name,
            ])
            .current_dir(folder.path())
            .output();
        let Ok(done) = latex else {
            println!("skipped: latex_prints_names_as_they_are: no pdflatex");
            return;
        };
        let log = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success(), "{log}");
    }
    let text = Command::new("pdftotext")
        .args(["printed.pdf", "-"])
        .current_dir(folder.path())
        .output();
    let Ok(text) = text else {
        println!("skipped: latex_prints_names_as_they_are, its text: no pdftotext");
        return;
    };
    // White space is ignored, because LaTeX breaks lines. Underscores too: LaTeX draws them as lines, not as
    // letters.
    let letters = |text: &str| text.replace(|c: char| c.is_whitespace() || c == '_', "");
    let printed = letters(&String::from_utf8_lossy(&text.stdout));
    for name in [
        PRINTED,
        &format!("class {PRINTED}"),
        &format!("group {PRINTED}"),
    ] {
        assert!(printed.contains(&letters(name)), "{name} in\n{printed}");
    }
}
