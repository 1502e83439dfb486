//! Tests the report's section on the data, which shows what a data set says of its source and licence (its credit):
//! known facts are shown, with links to http and https addresses alone, and an unknown licence is called unknown.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use common::program::{analysis, report};
use common::{Run, reaches, results, write_with};
use polars::prelude::*;

/// Writes the class table of the runs' data with this credit.
fn classes(root: &Path, credit: Option<&str>) {
    let frame = df!("class_id" => [0], "class_name" => ["cell"]).unwrap();
    let mut said = vec![("guidance.inputs", "d")];
    said.extend(credit.map(|credit| ("guidance.credit", credit)));
    write_with(
        &root.join("data/x/classes.parquet"),
        "classes",
        &said,
        frame,
    );
}

/// Returns the section on the data, as HTML, of a report on a run whose data has this credit (JSON).
fn page(credit: Option<&str>) -> String {
    let run = Run {
        dataset: "cells",
        ..Run::default()
    };
    let dir = results(&[run.scored(reaches(0.8, 0.4))]);
    classes(dir.path(), credit);
    let (out, _) = report(dir.path());
    let html = fs_err::read_to_string(out.path().join("report.html")).unwrap();
    let (_, section) = html.split_once("<section id=\"data\">").unwrap();
    section.split_once("</section>").unwrap().0.to_owned()
}

#[test]
fn what_the_data_says_of_itself_is_shown() {
    let said = r#"{"title": "Cells & more", "url": "https://x.org/cells", "license": "CC BY 4.0",
        "license_url": "https://x.org/by", "citation": "A. Doe: Cells."}"#;
    assert_eq!(
        page(Some(said)),
        "<h2>Data</h2><h3>cells</h3><dl class=\"terms\">\
         <dt>Source</dt><dd><a href=\"https://x.org/cells\" rel=\"noreferrer\">Cells &amp; more</a></dd>\
         <dt>Licence</dt><dd><a href=\"https://x.org/by\" rel=\"noreferrer\">CC BY 4.0</a></dd>\
         <dt>Citation</dt><dd>A. Doe: Cells.</dd></dl>"
    );
    let unknown = "<h2>Data</h2><h3>cells</h3><dl class=\"terms\"><dt>Licence</dt>\
                   <dd>not known: no file of the data that data-prep reads names one</dd></dl>";
    assert_eq!(page(None), unknown);
    // Addresses that are not of the web are no links, and a text of 5,000 letters is cut.
    let hostile = format!(
        r#"{{"url": "javascript:alert(1)", "license": "{}", "license_url": "data:text/html,x"}}"#,
        "x".repeat(5000)
    );
    let section = page(Some(&hostile));
    assert!(!section.contains("<a "), "{section}");
    assert!(
        section.contains("<dd>javascript:alert(1)</dd>"),
        "{section}"
    );
    assert!(
        section.contains("xxx…</dd>") && section.len() < 2000,
        "{section}"
    );
}

#[test]
fn a_credit_that_is_no_object_of_texts_is_refused() {
    let dir = results(&[Run::default().scored(reaches(0.8, 0.4))]);
    classes(dir.path(), Some("[1]"));
    let out = dir.path().join("out");
    let done = analysis("report", dir.path(), &["--out", out.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(!done.status.success(), "{said}");
    assert!(
        said.contains(
            "classes.parquet: guidance.credit: found [1], expected a JSON object of texts"
        ),
        "{said}"
    );
    assert!(!out.join("report.html").exists());
}
