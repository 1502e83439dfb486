//! Tests broken YOLO exports: each fault is one line of message, and `--on-error skip` leaves out the broken item
//! alone. A label file has one line per object: class number, then the box's centre, width and height as
//! fractions of the image, or a polygon.

use crate::folder::{Folder, jpeg};

const YAML: &str = "train: images\nnames: [cat, dog]\n";

/// An export with one image whose label file has this text.
fn export(label: &str) -> Folder {
    let folder = Folder::new(&[("data.yaml", YAML), ("labels/a.txt", label)]);
    folder.image("images/a.jpg");
    folder
}

#[test]
fn each_broken_line_is_a_problem_and_its_class_stays_where_it_is_known() {
    // The line of the label file, a part of the message, and the class that the image keeps as a label when the
    // line is left out; `None`: the class is unknown, so the image is left out, too.
    for (line, said, class) in [
        (
            "2 .5 .5 .5 .5",
            "line 1: found class 2, expected 0 to 1, the numbers of the names",
            None,
        ),
        (
            "0.5 .5 .5 .5 .5",
            "line 1: found class 0.5, expected a class number",
            None,
        ),
        (
            "cat .5 .5 .5 .5",
            "line 1: found class cat, expected a class number",
            None,
        ),
        (
            "1 .5 .5 .5 .5 .9",
            "a sixth is a confidence, as of predictions",
            Some(1),
        ),
        (
            "1 .5 .5 .5",
            "found 4 numbers (1 .5 .5 .5), expected class, x, y, width and height, or",
            Some(1),
        ),
        ("1 .5 .5 .5 .5 .5 .5 .5", "found 8 numbers", Some(1)),
        (
            "1 .5 .5 .5 1.2",
            "found 1.2, expected fractions of the image's width and height, from 0 to 1",
            Some(1),
        ),
        ("1 20 10 5 5", "found 20, expected fractions", Some(1)),
        ("1 .5 .5 nan .5", "found nan, expected a number", Some(1)),
        (
            "1 .5 .5 0 .5",
            "expected a box with a width and a height inside the image",
            Some(1),
        ),
        (
            "1,.5,.5,.5,.5",
            "found class 1,.5,.5,.5,.5, expected a class number",
            None,
        ),
    ] {
        let folder = export(line);
        let failed = folder.yolo(&[]);
        failed.check(2, &[said, "a.txt: line 1: found "]);
        assert_eq!(failed.text.lines().count(), 1, "{}", failed.text);
        folder.write("labels/other.txt", "0 .5 .5 .5 .5");
        folder.image("images/other.jpg");
        let skipped = folder.yolo(&["--on-error", "skip"]);
        skipped.check(1, &["1 left out, listed in skipped.parquet"]);
        let unknown = "1 image has an object whose class is not known";
        assert_eq!(skipped.text.contains(unknown), class.is_none(), "{line}");
        let dataset = folder.open();
        let found = dataset
            .images
            .iter()
            .find(|image| image.image_id == "images/a");
        let found = found.map(|image| &*image.labels);
        assert_eq!(found, class.as_ref().map(std::slice::from_ref), "{line}");
        assert_eq!(folder.skipped().len(), 1);
    }
}

#[test]
fn values_beyond_the_edge_by_rounding_are_right() {
    let folder = export("1 1.0005 .5 .5 .5\n0 -0.0004 0 1 0 1 1.0002\n");
    folder.yolo(&[]).check(0, &[]);
    assert_eq!(folder.open().images[0].objects.len(), 2);
}

#[test]
fn an_unusable_polygon_leaves_its_box() {
    // This polygon covers no pixel, for it is thinner than one. It still has a box, which a flat line has not.
    let folder = export("0 0.51 0.51 0.512 0.51 0.512 0.512\n");
    folder
        .yolo(&[])
        .check(0, &["faults that cost no image and no object: 1,"]);
    let dataset = folder.open();
    assert!(dataset.images[0].objects[0].segmentation.is_none());
    assert_eq!(folder.skipped(), ["a polygon that covers no pixel"]);
}

#[test]
fn many_problems_are_listed_with_their_total() {
    let folder = export(&"2 .5 .5 .5 .5\n".repeat(25));
    folder
        .yolo(&[])
        .check(2, &["25 problems", "line 20: found class 2", "and 5 more"]);
}

#[test]
fn a_single_problem_says_how_to_leave_it_out() {
    let folder = export("2 .5 .5 .5 .5");
    let failed = folder.read(&[]);
    let hint = "\nhint: --on-error skip leaves this out and lists it in skipped.parquet\n";
    failed.check(
        2,
        &["line 1: found class 2, expected 0 to 1, the numbers of the names"],
    );
    assert!(failed.text.ends_with(hint), "{}", failed.text);

    let folder = export("0 .5 .5 .5 .5");
    folder.write("images/a.jpg", &jpeg(40, 20)[..300]);
    let failed = folder.read(&[]);
    failed.check(2, &["images/a.jpg: "]);
    assert!(failed.text.ends_with(hint), "{}", failed.text);

    // A fault of the configuration cannot be left out, so its message has no such hint.
    folder.write("data.yaml", "train: gone\nnames: [cat]\n");
    let failed = folder.read(&[]);
    failed.check(2, &["data.yaml: train: found gone"]);
    assert!(!failed.text.contains("hint"), "{}", failed.text);
}

#[test]
fn missing_label_files_are_an_error_that_names_the_folder() {
    let folder = export("0 .5 .5 .5 .5");
    folder.images(&["images/b.jpg", "images/c.jpg"]);
    folder.yolo(&[]).check(
        2,
        &["source/labels: label files: found none for 2 of 3 images, expected a .txt"],
    );

    let yaml = "train: train/images\nval: val/images\nnames: [cat]\n";
    let folder = Folder::new(&[
        ("data.yaml", yaml),
        ("val/labels/a.txt", ""),
        ("val/labels/b.txt", ""),
    ]);
    folder.images(&["val/images/a.jpg", "val/images/b.jpg", "train/images/c.jpg"]);
    folder.yolo(&[]).check(
        2,
        &["train/labels: label files: found none for 1 of 1 images of train"],
    );
}

/// Label files beside images tell that the format is YOLO, so the error can name what is missing.
#[test]
fn a_folder_without_class_names_is_recognised_by_its_label_files() {
    let said = "class names: found none, expected data.yaml with names, or classes.txt, obj.names or obj.data";
    for (image, label) in [
        ("images/train/a.jpg", "labels/train/a.txt"),
        ("all/a.jpg", "all/a.txt"),
    ] {
        let folder = Folder::new(&[(label, "3 .5 .5 .5 .5\n"), ("readme.txt", "hello\n")]);
        folder.image(image);
        folder.read(&[]).check(2, &[said]);
    }
    // A text file of numbers is no label file if no image has its name, or if files of another format are there.
    let other = Folder::new(&[("numbers.txt", "3 .5 .5 .5 .5\n")]);
    other.image("a.jpg");
    other.read(&[]).check(2, &["format: found nothing known"]);
    other.write("a.txt", "3 .5 .5 .5 .5\n");
    other.write(
        "boxes.csv",
        "image,class,xmin,ymin,xmax,ymax\na.jpg,cat,1,1,9,9\n",
    );
    other.read(&[]).check(0, &["recognised: tables, "]);
}

/// Photos for a demonstration, or a test set whose answers are not published.
#[test]
fn a_test_split_without_label_files_is_left_out() {
    let yaml = "train: train/images\nval: val/images\ntest: test/images\nnames: [cat]\n";
    let folder = Folder::new(&[("data.yaml", yaml), ("val/labels/v.txt", "")]);
    folder.images(&["val/images/v.jpg", "test/images/a.jpg", "test/images/b.jpg"]);
    for name in ["a", "b", "c", "d"] {
        folder.image(&format!("train/images/{name}.jpg"));
        folder.write(&format!("train/labels/{name}.txt"), "0 .5 .5 .5 .5");
    }
    let left_out = "test: no label files in test/labels for its 2 images: left out";
    let read = folder.read(&[]);
    read.check(0, &[left_out, "the data has no test: cut from train"]);
    assert!(!read.text.contains("in no split"), "{}", read.text);
    let dataset = folder.open();
    assert_eq!(dataset.images.len(), 5);
    assert!(
        dataset
            .images
            .iter()
            .all(|image| !image.file_name.starts_with("test/"))
    );

    // The same where folders' names say the splits, and for validation.
    let folder = Folder::new(&[("classes.txt", "cat\n"), ("train/a.txt", "0 .5 .5 .5 .5")]);
    folder.images(&["train/a.jpg", "HD_test/b.jpg", "val/c.jpg"]);
    folder.yolo(&[]).check(
        0,
        &[
            "test: no label files in HD_test for its 1 image: left out",
            "val: no label files in val for its 1 image: left out",
        ],
    );
    assert_eq!(folder.open().images.len(), 1);
}

#[test]
fn a_label_file_without_image_and_a_broken_image_are_problems() {
    let folder = export("0 .5 .5 .5 .5");
    folder.write("labels/gone.txt", "0 .5 .5 .5 .5");
    folder.write("labels/classes.txt", "cat\ndog\n");
    folder.yolo(&[]).check(
        2,
        &["labels/gone.txt: image: found no such file, expected an image of this name"],
    );

    let folder = export("0 .5 .5 .5 .5");
    folder.write("images/b.jpg", &jpeg(40, 20)[..10]);
    folder.write("labels/b.txt", "0 .5 .5 .5 .5");
    folder.yolo(&[]).check(2, &["images/b.jpg: image: found"]);
    folder
        .yolo(&["--on-error", "skip"])
        .check(1, &["1 image, written", "1 left out"]);
}

#[test]
fn a_broken_configuration_is_one_line() {
    for (yaml, said) in [
        ("train: images\nnames: [cat\n", "data.yaml: line "),
        (
            "train: images\nnames: []\n",
            "data.yaml: names: found no name, expected a list of class names",
        ),
        (
            "train: images\n",
            "data.yaml: names: found nothing, expected a list of class names",
        ),
        (
            "train: images\nnames: {a: cat}\n",
            "names: found a, expected a class number before the colon",
        ),
        (
            "train: images\nnames: [cat, [dog]]\n",
            "names, class 1: found no text, expected a class name",
        ),
        (
            "train: images\nnc: 3\nnames: [cat]\n",
            "data.yaml: nc: found 3, expected 1, the number of names",
        ),
        (
            "train: gone\nnames: [cat]\n",
            "data.yaml: train: found gone: no such folder or list, expected a folder",
        ),
        (
            "train: {a: b}\nnames: [cat]\n",
            "data.yaml: train: found something else, expected a folder, a list",
        ),
        (
            "train: empty\nnames: [cat]\n",
            "images: found none, expected images in the folders that the export names",
        ),
    ] {
        let folder = export("0 .5 .5 .5 .5");
        folder.write("empty/readme", "");
        folder.write("data.yaml", yaml);
        let failed = folder.yolo(&[]);
        failed.check(2, &[said]);
        assert_eq!(failed.text.lines().count(), 1, "{}", failed.text);
    }
    let folder = export("");
    fs_err::rename(
        folder.root().join("data.yaml"),
        folder.root().join("a.yaml"),
    )
    .unwrap();
    folder.write("b.yaml", YAML);
    folder.yolo(&[]).check(
        2,
        &["*.yaml with names: found a.yaml, b.yaml, expected one; give it as --root"],
    );
    folder.run(&["yolo", "--root", "{}/a.yaml"]).check(0, &[]);
    let none = Folder::new(&[]);
    none.yolo(&[]).check(
        2,
        &["class names: found none, expected data.yaml with names, or classes.txt"],
    );
    none.run(&["yolo", "--root", "{}/gone"])
        .check(2, &["found no such folder, expected a folder"]);
}

/// Images a and b each have an object whose class number is unknown. Without that object they would wrongly count
/// as images without its class, so they are left out.
#[test]
fn an_image_with_an_object_of_unknown_class_is_left_out() {
    let folder = Folder::new(&[
        ("data.yaml", YAML),
        (
            "labels/a.txt",
            "0 .5 .5 .5 .5\n7 .5 .5 .5 .5\n9 .5 .5 .5 .5\n",
        ),
        ("labels/b.txt", "2 .5 .5 .5 .5\n"),
        ("labels/c.txt", "1 .5 .5 .5 .5\n"),
    ]);
    folder.images(&["images/a.jpg", "images/b.jpg", "images/c.jpg"]);
    folder.yolo(&["--on-error", "skip"]).check(
        1,
        &[
            "2 images have an object whose class is not known, and so perhaps more classes: left out",
            "1 image, written",
            "3 left out",
        ],
    );
    assert_eq!(folder.skipped(), ["class 7", "class 9", "class 2"]);
    assert_eq!(folder.open().images[0].image_id, "images/c");
}
