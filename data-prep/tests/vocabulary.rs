//! Checks that the command line of data-prep lists all sources (the kinds of data set that it reads), each with
//! its options, and that its command `vocabulary` prints their names for other programs.
#![allow(clippy::unwrap_used)]

use std::process::Command;

use data_prep::source::SOURCES;
use data_prep::table::TableSpec;

/// Runs data-prep, which must succeed, and returns what it prints.
fn printed(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_data-prep"));
    let output = command.args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_source_is_told_to_other_programs() {
    let vocabulary = printed(&["vocabulary", "--json"]);
    let vocabulary: serde_json::Value = serde_json::from_str(&vocabulary).unwrap();
    let program = format!("data-prep {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(vocabulary["program"], program);
    let sources = vocabulary["sources"].as_array().unwrap();
    let names: Vec<&str> = sources
        .iter()
        .filter_map(|source| source["name"].as_str())
        .collect();
    let listed: Vec<&str> = SOURCES.iter().map(|source| source.name).collect();
    assert_eq!(names, listed);
    assert_eq!(sources[0]["datasets"], serde_json::json!(["voc2007"]));
    let datasets = vocabulary["datasets"].as_array().unwrap();
    for name in ["voc2007", "coco2014", "waterbirds-100", "scenes"] {
        assert!(datasets.contains(&name.into()), "{datasets:?}");
    }
    let for_people = printed(&["vocabulary"]);
    assert!(for_people.contains("PASCAL VOC in the devkit's layout"));
}

#[test]
fn every_source_is_a_command_with_the_common_options() {
    let help = printed(&["--help"]);
    for source in SOURCES {
        assert!(help.contains(source.title), "{help}");
        let help = printed(&[source.name, "--help"]);
        for option in ["--out", "--size", "--limit", "--on-error", "--root"] {
            assert!(help.contains(option), "{}: {help}", source.name);
        }
    }
}

/// The names stand as text in `schemas.toml`, which is also read by programs that know no source.
#[test]
fn every_source_is_named_as_what_makes_the_tables_of_a_data_folder() {
    let names: Vec<&str> = SOURCES.iter().map(|source| source.name).collect();
    let made_by = format!("`data-prep read` ({}) with --overwrite", names.join(", "));
    for table in ["classes", "groups", "labels", "images", "masks", "skipped"] {
        assert_eq!(TableSpec::declared(table).made_by, made_by, "{table}");
    }
}
