//! Runs the program on COCO folders that hold more, or less, than their annotations say: masks, images and JSON
//! files beside those that are to be read.

use data_prep::dataset::Split;

use super::own::{data, draw, json, json_with, read, run};

/// The JSON names a.jfif and b.jfif; the folder `masks` has PNG files of the same stems.
#[test]
fn masks_are_not_taken_for_the_images() {
    let text = json(&[(1, "a.jfif"), (2, "b.jfif")], &[(1, -3)]);
    let masks = ["masks/a.png", "masks/b.png"];
    let dir = data(&[("x.json", &text)], &masks);
    // No .jfif is there at all: all images were converted to PNG, so these are taken.
    let made = read(dir.path(), &[]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    made.says(
        "images read from .png, where no file has the names in .jfif that the annotations give: 2",
    );
    // a.JFIF is there, so b.jfif is missing; the PNG b is not taken in its place.
    for folder in ["images", "masks"] {
        let image = dir.path().join(folder).join("a.JFIF");
        fs_err::create_dir_all(image.parent().unwrap()).unwrap();
        fs_err::rename(dir.path().join("masks/a.png"), &image).unwrap();
        draw(&dir.path().join("masks/a.png"));
        let made = read(dir.path(), &["--on-error", "skip"]);
        assert_eq!(made.code, 1, "{}", made.stderr);
        assert_eq!(made.dataset().images.len(), 1);
        assert_eq!(made.dataset().images[0].file_name, "a.JFIF");
        assert_eq!(made.skipped, ["file"]);
        let made = read(dir.path(), &[]);
        made.says("b.jfif: file: found no such file");
        fs_err::remove_file(image).unwrap();
    }
}

#[test]
fn a_category_that_is_only_the_others_supercategory_is_left_out() {
    let of = |zero: &str, others: [&str; 2], annotations: &[(i64, i64)]| {
        let [first, second] = others;
        let categories = format!(
            r#"{{"id": 0, "name": "project", "supercategory": "{zero}"}},
                {{"id": 1, "name": "door", "supercategory": "{first}"}},
                {{"id": 2, "name": "window", "supercategory": "{second}"}}"#
        );
        let text = json_with(&categories, &[(1, "a.png")], annotations);
        let dir = data(&[("train/_annotations.coco.json", &text)], &["train/a.png"]);
        read(dir.path(), &[])
    };
    let left_out = "category project is only the others' supercategory: left out";
    let made = of("none", ["project"; 2], &[(1, 1)]);
    made.says(left_out);
    assert_eq!(made.dataset().classes, ["door", "window"]);
    assert_eq!(made.labels("1"), ["door"]);
    // A class without annotations stays. `project` stays where it is not the supercategory of all others, where
    // it has no supercategory `none` itself, or where an annotation is of it.
    made.says("no annotation is of window: no image has the label");
    for made in [
        of("none", ["project", "none"], &[(1, 1)]),
        of("", ["project"; 2], &[(1, 1)]),
        of("none", ["project"; 2], &[(1, 0)]),
    ] {
        assert_eq!(made.dataset().classes, ["project", "door", "window"]);
        assert!(!made.stderr.contains(left_out), "{}", made.stderr);
    }
}

#[test]
fn images_without_annotations_are_counted() {
    let text = json(&[(1, "a.png"), (2, "z.png")], &[(1, -3)]);
    let images = ["images/a.png", "images/z.png"];
    let more = [
        "images/b.PNG",
        "images/c.png",
        "images/a.bmp",
        "images/more/d.png",
        "e.png",
    ];
    let dir = data(&[("x.json", &text)], &images);
    let made = read(dir.path(), &[]);
    assert!(!made.stderr.contains("not annotated"), "{}", made.stderr);
    // Counted are b and c, which lie beside the JSON's images. a.bmp is not, for it may be the mask of a.png; nor
    // are d and e, in folders that have no image of the JSON.
    for image in more {
        draw(&dir.path().join(image));
    }
    let made = read(dir.path(), &[]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    made.says("2 images are not annotated: left out");
    assert_eq!(made.dataset().images.len(), 2);
}

/// Two annotation files have an image with id 1, and are of one split, in folders of one name. So the images' ids
/// begin with the file's path within the data's folder, and are the same wherever that folder lies.
#[test]
fn ids_do_not_depend_on_where_the_folder_lies() {
    let a = json(&[(1, "a.png")], &[(1, -3)]);
    let b = json(&[(1, "b.png")], &[(1, -3)]);
    for above in ["", "further/down/"] {
        let file = |name: &str| format!("{above}{name}");
        let (one, two) = (
            file("data/x/part/boxes.json"),
            file("data/y/part/boxes.json"),
        );
        let images = [file("data/x/part/a.png"), file("data/y/part/b.png")];
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        let dir = data(&[(&one, &a), (&two, &b)], &images);
        let folder = dir.path().join(file("data"));
        let made = read(&folder, &["--split", "100,0,0"]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        let ids = ["x/part/boxes.json/1", "y/part/boxes.json/1"];
        assert_eq!(made.ids(Split::Train), ids);
        // As well where the files are named.
        let named = [one, two].map(|path| format!("--train={}", dir.path().join(path).display()));
        let made = run(["read", &named[0], &named[1], "--split", "100,0,0"]);
        assert_eq!(made.ids(Split::Train), ids, "{}", made.stderr);
    }
}

#[test]
fn annotation_files_beside_others_are_read_unless_they_repeat_images() {
    let ab = json(&[(1, "a.png"), (2, "b.png")], &[(1, -3)]);
    let c = json(&[(3, "c.png")], &[(3, -3)]);
    let abc = json(&[(1, "a.png"), (2, "b.png"), (3, "c.png")], &[]);
    let images = ["images/a.png", "images/b.png", "images/c.png"];
    let not_read = "not read, with images of the other annotation files: annotations/";
    type Case<'a> = (
        &'a [(&'a str, &'a str)],
        [&'a [&'a str]; 3],
        Option<&'a str>,
    );
    let cases: [Case; 5] = [
        (
            &[("instances_train.json", &ab), ("val.json", &c)],
            [&["1", "2"], &["3"], &[]],
            None,
        ),
        (
            &[
                ("instances_default.json", &ab),
                ("test_instances_default.json", &c),
            ],
            [&["1", "2"], &[], &["3"]],
            None,
        ),
        (
            &[
                ("all.json", &abc),
                ("instances_train.json", &ab),
                ("val.json", &c),
            ],
            [&["1", "2"], &["3"], &[]],
            Some("all.json; name all files that are to be read by --train, --val and --test"),
        ),
        (
            &[
                ("instances_train.json", &ab),
                ("test.json", &c),
                ("val.json", &abc),
            ],
            [&["1", "2"], &[], &["3"]],
            Some("val.json;"),
        ),
        (
            &[
                ("instances_train.json", &ab),
                ("person_keypoints_val.json", &c),
                ("test.json", &c),
            ],
            [&["1", "2"], &[], &["3"]],
            None,
        ),
    ];
    for (files, expected, note) in cases {
        let paths = files.iter().map(|(name, _)| format!("annotations/{name}"));
        let paths: Vec<String> = paths.collect();
        let texts = files.iter().map(|(_, text)| *text);
        let files: Vec<(&str, &str)> = paths.iter().map(String::as_str).zip(texts).collect();
        let dir = data(&files, &images);
        let root = dir.path().display().to_string();
        // This command divides nothing.
        let made = run(["coco", "--root", &root]);
        assert_eq!(made.code, 0, "{files:?}: {}", made.stderr);
        assert_eq!(
            Split::ALL.map(|split| made.ids(split)),
            expected,
            "{files:?}"
        );
        assert_eq!(
            made.stderr.contains("not read"),
            note.is_some(),
            "{}",
            made.stderr
        );
        if let Some(note) = note {
            made.says(&format!("{not_read}{note}"));
        }
    }
    // Images of one name in the folders of two splits are two images. A JSON file in another folder than the
    // annotations is not read, and named.
    let dir = data(
        &[
            ("annotations/instances_train.json", &ab),
            ("annotations/val.json", &ab),
            ("old/val.json", &c),
        ],
        &[
            "images/train/a.png",
            "images/train/b.png",
            "images/val/a.png",
            "images/val/b.png",
        ],
    );
    let made = run(["coco", "--root", &dir.path().display().to_string()]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(made.ids(Split::Val), ["val/1", "val/2"]);
    made.says("not read, not beside the other annotation files: old/val.json;");
}
