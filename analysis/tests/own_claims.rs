//! Tests the paper's claims on a user's own data: they are asked of it where the exhibit `verdicts` is asked for by
//! name, and say of which data they speak. The results are invented (`common`).

#![allow(clippy::unwrap_used)]

mod common;

use common::program::analysis;
use common::{Run, over_seeds, reaches, results};
use tempfile::TempDir;

/// Runs of three seeds on own data: a baseline, and Energy and L1 with these values of test EPG.
fn runs(energy: f64, l1: f64) -> Vec<Run> {
    let guided = |loss: &'static str, epg| Run::guided(loss, loss).scored(reaches(0.80, epg));
    let mut runs = [
        Run::default().scored(reaches(0.80, 0.40)),
        guided("energy", energy),
        guided("l1", l1),
    ];
    for run in &mut runs {
        run.dataset = "cells";
    }
    over_seeds(&runs, 3)
}

/// What `analysis report` prints of these runs with the exhibits `shows`, and the folder that it writes.
fn reported(runs: &[Run], shows: &[&str]) -> (String, TempDir) {
    let (dir, out) = (results(runs), TempDir::new().unwrap());
    let folder = out.path().to_string_lossy().into_owned();
    let mut arguments = vec!["--out", folder.as_str()];
    arguments.extend(shows.iter().flat_map(|name| ["--show", name]));
    let output = analysis("report", dir.path(), &arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    (String::from_utf8(output.stdout).unwrap(), out)
}

#[test]
fn claims_are_asked_of_own_data_by_name_alone() {
    let runs = runs(0.60, 0.50);
    let table = "tables/verdicts.md";
    let (said, out) = reported(&runs, &[]);
    assert!(!said.contains("claims"), "{said}");
    assert!(!out.path().join(table).exists());

    let (said, out) = reported(&runs, &["verdicts"]);
    let line = "\nR1   holds                  Energy has the best trade-off of EPG and F1, on cells: \
                1 for, 0 against, 0 open of 1 comparisons; ";
    assert!(said.contains(line), "{said}");
    let text = fs_err::read_to_string(out.path().join(table)).unwrap();
    let cell = "| Energy has the best trade-off of EPG and F1, on cells ";
    assert!(text.contains(cell), "{text}");
}
