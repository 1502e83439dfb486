//! Runs the program on data that is not part of the repository, in the folder `shared/` beside it, and skips what
//! is not there: `cases/`, small folders each with one oddity of a real export, and `data/own/`, a data set that
//! other people annotated.

use std::path::{Path, PathBuf};
use std::process::Output;

use data_prep::dataset::{Dataset, Split};

use crate::devkit::{assert_code, data_prep, stderr};

/// The folder `shared` beside the repository, or around GUIDANCE_DATA.
fn shared() -> PathBuf {
    match std::env::var_os("GUIDANCE_DATA") {
        Some(data) => PathBuf::from(data).join(".."),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
    }
}

/// Reads a folder of `shared` with `command`; `None`, with a line printed, where it is not there.
fn read(command: &str, folder: &str) -> Option<(Dataset, Output)> {
    let root = shared().join(folder);
    if !root.is_dir() {
        println!("skipped: {folder} is not there");
        return None;
    }
    let out = tempfile::tempdir().unwrap();
    let command: &[&str] = match command {
        "read" => &["read"],
        other => &[other, "--root"],
    };
    let output = data_prep(command, &root, &out.path().join("out"), &[]);
    assert_code(&output, 0);
    Some((Dataset::open(out.path().join("out")).unwrap(), output))
}

/// Class, size of the image, box, and whether there is a shape, of an object.
type Seen<'a> = (&'a str, (u32, u32), [f64; 4], bool);

/// The class, size, box and presence of a shape of each object of image a.
fn objects_of_a(dataset: &Dataset) -> Vec<Seen<'_>> {
    let a = dataset
        .images
        .iter()
        .find(|image| image.image_id == "a")
        .unwrap();
    let object = |object: &data_prep::dataset::Object| {
        let class = dataset.classes[object.class_id as usize].as_str();
        (
            class,
            (a.width, a.height),
            object.bbox,
            object.segmentation.is_some(),
        )
    };
    a.objects.iter().map(object).collect()
}

#[test]
fn cases_are_read_as_their_users_need() {
    let bbox = [10.0, 8.0, 50.0, 40.0];
    let dog = ("dog", (64, 48), bbox, false);
    for (case, expected) in [
        ("01-voc-size-zero", vec![dog]),
        ("02-voc-no-size", vec![dog]),
        (
            "07-voc-two-bndbox-in-object",
            vec![dog, ("dog", (64, 48), [20.0, 20.0, 60.0, 45.0], false)],
        ),
        ("10-voc-own-class", vec![("Blub", (64, 48), bbox, false)]),
        ("12-voc-ext-PNG", vec![dog]),
        ("12d-voc-ext-webp", vec![dog]),
        ("14-voc-utf16", vec![("Straße", (64, 48), bbox, false)]),
        (
            "17-voc-exif6-upright-size",
            vec![("dog", (48, 64), [8.0, 10.0, 40.0, 50.0], false)],
        ),
        ("17b-voc-exif3", vec![dog]),
        ("80e-seg-rgb", vec![("dog", (64, 48), bbox, true)]),
    ] {
        let Some((dataset, output)) = read("voc", &format!("cases/{case}")) else {
            continue;
        };
        assert_eq!(
            objects_of_a(&dataset),
            expected,
            "{case}: {}",
            stderr(&output)
        );
        // Of 17b the annotated size does not tell whether the turned image is meant: a half turn keeps the size.
        let warned = stderr(&output).contains("a camera turned the photo");
        assert_eq!(
            warned,
            case.starts_with("17b"),
            "{case}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn roboflows_case_is_read() {
    let Some((dataset, _)) = read("read", "cases/20-voc-roboflow-flat") else {
        return;
    };
    assert_eq!(dataset.classes, ["cell"]);
    assert_eq!(
        Split::ALL.map(|split| dataset.indices(split).len()),
        [1, 1, 1]
    );
}

#[test]
fn blood_cells_are_read() {
    let Some((dataset, output)) = read("read", "data/own/bccd") else {
        return;
    };
    assert_eq!((dataset.name(), dataset.images.len()), ("bccd", 364));
    assert_eq!(dataset.classes, ["Platelets", "RBC", "WBC"]);
    let said = stderr(&output);
    assert!(
        said.contains("classes: 3 found in the annotations"),
        "{said}"
    );
}
