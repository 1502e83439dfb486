//! Tests the list of networks, and what `trainer vocabulary --json` tells other programs about networks,
//! attribution methods, layers, tasks and losses.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use trainer::network::Backbone;

/// Returns what `trainer vocabulary --json` prints.
fn vocabulary() -> Value {
    let printed = Command::new(env!("CARGO_BIN_EXE_trainer"))
        .args(["vocabulary", "--json"])
        .output()
        .unwrap();
    serde_json::from_slice(&printed.stdout).unwrap()
}

/// Returns the names in a list of strings or of objects with a `name`.
fn names(list: &Value) -> Vec<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|entry| entry.as_str().or(entry["name"].as_str()).unwrap())
        .collect()
}

/// A few networks' titles, the methods that explain and that guide them, whether they have batch norms; the layers
/// and tasks; a few losses with their options.
#[test]
fn it_says_what_each_network_is_explained_and_guided_by() {
    let said = vocabulary();
    assert_eq!(
        said["program"],
        concat!("trainer ", env!("CARGO_PKG_VERSION"))
    );
    let networks = said["networks"].as_array().unwrap();
    let network = |name: &str| networks.iter().find(|n| n["name"] == name).unwrap();
    let resnet = network("resnet50");
    assert_eq!(resnet["title"], "ResNet-50");
    assert_eq!(
        names(&resnet["methods"])[..3],
        ["ixg", "gradcam", "intgrad"]
    );
    assert!(!names(&resnet["methods"]).contains(&"bcos"));
    assert_eq!(names(&resnet["guides_by"]), ["ixg", "gradcam"]);
    assert_eq!(resnet["batch_statistics"], true);
    let xdnn = network("xdnn_resnet18");
    assert_eq!(names(&xdnn["guides_by"]), ["ixg", "gradcam", "intgrad"]);
    assert_eq!(xdnn["batch_statistics"], false);
    assert!(names(&network("bcos_resnet18")["guides_by"]).contains(&"bcos"));
    assert_eq!(
        names(&said["layers"]),
        ["input", "mid1", "mid2", "mid3", "final"]
    );
    assert_eq!(names(&said["tasks"]), ["conventional", "reversed"]);
    let losses = said["losses"].as_array().unwrap();
    let loss = |name: &str| losses.iter().find(|loss| loss["name"] == name).unwrap();
    assert_eq!(loss("energy")["title"], "Energy");
    assert_eq!(loss("energy")["options"], json!([]));
    assert_eq!(
        loss("energy_area")["options"],
        json!([{ "name": "exponent", "default": null, "low": 0.0, "high": 4.0 }])
    );
}

/// Each network is in a file of its own name; no file is missing in the list, and no network is in it twice.
#[test]
fn every_file_of_a_network_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/network/architectures");
    let files = fs_err::read_dir(folder).unwrap().map(|file| {
        let file = file.unwrap().path();
        file.file_stem().unwrap().to_string_lossy().into_owned()
    });
    let files: BTreeSet<String> = files.filter(|name| name != "mod").collect();
    let listed: Vec<String> = Backbone::all()
        .filter(|backbone| !backbone.is_bcosified)
        .map(|backbone| backbone.to_string())
        .collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), files);
    assert_eq!(files.len(), listed.len());
    let titles: BTreeSet<&str> = Backbone::all().map(|b| b.title).collect();
    assert_eq!(titles.len(), Backbone::all().count());
}

#[test]
fn an_unknown_network_is_told_the_known_ones() {
    let error = "resnet19".parse::<Backbone>().unwrap_err();
    assert!(error.starts_with("found 'resnet19', expected one of resnet18, "));
}
