//! Tests YOLO exports that are read: layouts of folders, class names, boxes and polygons. Images have 40 × 20
//! pixels; a label line is a class number, then the box's centre, width and height as fractions of the image, or
//! a polygon's points.

use data_prep::dataset::Split;

use crate::folder::{Folder, by_id, ids, jpeg};

/// data.yaml as Roboflow writes it: its paths have a `..` too many, and its test folder does not exist.
const ROBOFLOW: &str = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\n\
                        names: ['cat', 'dog']\nroboflow:\n  license: MIT\n";

fn roboflow() -> Folder {
    let folder = Folder::new(&[
        ("data.yaml", ROBOFLOW),
        (
            "train/labels/a.txt",
            "1 0.5 0.5 0.25 0.5\n0 0.125 0.25 0.25 0.5\n",
        ),
        ("train/labels/b.txt", ""),
        ("valid/labels/a.txt", "0 0 0 1 0 1 1 0 1\n"),
        ("images/readme", "not the folder that test names"),
    ]);
    folder.images(&[
        "train/images/a.jpg",
        "train/images/b.JPG",
        "train/images/c.jpg",
        "valid/images/a.jpg",
    ]);
    folder
}

#[test]
fn a_roboflow_export_has_boxes_polygons_and_images_without_objects() {
    let folder = roboflow();
    folder.read(&[]).check(
        0,
        &[
            "recognised: YOLO, ",
            "1 image has no label file: no objects",
            "test: there is no ../test/images: read without it",
        ],
    );
    let dataset = folder.open();
    assert_eq!(dataset.classes, ["cat", "dog"]);
    let a = by_id(&dataset, "train/images/a");
    assert_eq!(
        (&*a.file_name, &*a.labels),
        ("train/images/a.jpg", &[0, 1][..])
    );
    assert_eq!(a.objects[0].bbox, [15.0, 5.0, 25.0, 15.0]);
    assert_eq!(a.objects[1].bbox, [0.0, 0.0, 10.0, 10.0]);
    assert!(a.objects.iter().all(|object| object.segmentation.is_none()));
    for id in ["train/images/b", "train/images/c"] {
        assert_eq!(by_id(&dataset, id).labels, [0; 0], "{id}");
    }
    let valid = by_id(&dataset, "valid/images/a");
    assert_eq!(
        (valid.split, valid.objects[0].bbox),
        (Split::Val, [0.0, 0.0, 40.0, 20.0])
    );
    assert_eq!(valid.objects[0].segmentation.as_ref().unwrap().area(), 800);
}

/// The folder `validate` holds images, but data.yaml does not name it for any split; the program says so.
#[test]
fn images_in_no_split_are_counted() {
    let folder = roboflow();
    folder.images(&["validate/images/d.jpg", "validate/images/e.jpg"]);
    folder.write(
        "data.yaml",
        ROBOFLOW.replace("../valid/images", "../train/../valid/images"),
    );
    let said = "2 images are in no split: left out";
    folder.read(&[]).check(0, &[said]);
    assert_eq!(ids(&folder.open(), Split::Val), ["valid/images/a"]);
    let whole = roboflow().read(&[]);
    assert!(!whole.text.contains("in no split"), "{}", whole.text);
}

/// Paths of Ultralytics: relative to `path`, a list of folders, and a .txt that lists images.
#[test]
fn paths_may_be_folders_lists_of_folders_and_lists_of_images() {
    let yaml = "path: ./data\ntrain: [images/one, images/two]\nval: val.txt\ntest: null\n\
                names:\n  3: x\n  7: y\n";
    let folder = Folder::new(&[
        ("my.yml", yaml),
        ("other.yaml", "nothing: here\n"),
        (
            "data/val.txt",
            "./images/three/c.png\n/home/me/data/images/three/d.jpg\nimages/three/e.jpg\n",
        ),
        ("data/labels/one/a.txt", "7 0.5 0.5 1 1"),
        ("data/labels/two/b.txt", "3.0 0.5 0.5 1 1"),
        ("data/labels/three/c.txt", "3 0.5 0.5 1 1"),
        ("data/labels/three/d.txt", "3 0.5 0.5 1 1"),
        ("data/labels/three/unlisted.txt", "3 0.5 0.5 1 1"),
    ]);
    folder.images(&["data/images/one/a.jpg", "data/images/two/b.jpg"]);
    folder.images(&["data/images/three/c.png", "data/images/three/d.jpg"]);
    folder
        .yolo(&["--on-error", "skip"])
        .check(1, &["1 left out"]);
    assert_eq!(folder.skipped(), ["images/three/e.jpg"]);
    let dataset = folder.open();
    assert_eq!(dataset.classes, ["x", "y"]);
    assert_eq!(
        ids(&dataset, Split::Train),
        ["data/images/one/a", "data/images/two/b"]
    );
    assert_eq!(
        ids(&dataset, Split::Val),
        ["data/images/three/c", "data/images/three/d"]
    );
    assert_eq!(dataset.images[0].labels, [1]);
}

/// CVAT's YOLO 1.1: paths begin with a `data/` that is not in the archive, labels lie beside the images.
#[test]
fn cvat_and_darknet_folders_are_read() {
    let folder = Folder::new(&[
        (
            "obj.data",
            "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\n",
        ),
        ("obj.names", "cat\ndog\n"),
        (
            "train.txt",
            "data/obj_train_data/a.jpg\ndata/obj_train_data/sub/a.jpg\n",
        ),
        ("valid.txt", "data/obj_valid_data/c.jpg\n"),
        ("obj_train_data/a.txt", "1 0.5 0.5 0.5 0.5"),
        ("obj_train_data/sub/a.txt", ""),
        ("obj_valid_data/c.txt", "0 0.5 0.5 0.5 0.5"),
    ]);
    folder.images(&[
        "obj_train_data/a.jpg",
        "obj_train_data/sub/a.jpg",
        "obj_valid_data/c.jpg",
    ]);
    folder.read(&[]).check(
        0,
        &["recognised: YOLO", "the data has no test: cut from train"],
    );
    let dataset = folder.open();
    assert_eq!(dataset.classes, ["cat", "dog"]);
    assert_eq!(ids(&dataset, Split::Val), ["obj_valid_data/c"]);
    assert_eq!(by_id(&dataset, "obj_train_data/a").labels, [1]);
}

/// LabelImg and Label Studio: names in `classes.txt`; splits are what folders are called.
#[test]
fn splits_come_from_the_names_of_folders_where_nothing_else_says_them() {
    let folder = Folder::new(&[
        ("classes.txt", "cat\ndog\n"),
        ("labels/train/a.txt", "1 0.5 0.5 0.5 0.5"),
        ("labels/test/b.txt", "0 0.5 0.5 0.5 0.5"),
    ]);
    folder.images(&["images/train/a.jpg", "images/test/b.jpg", "preview.png"]);
    folder.yolo(&[]).check(
        0,
        &["1 image is outside the folders called images: left out"],
    );
    let dataset = folder.open();
    assert_eq!(ids(&dataset, Split::Train), ["images/train/a"]);
    assert_eq!(ids(&dataset, Split::Test), ["images/test/b"]);

    let flat = Folder::new(&[
        ("labels/classes.txt", "cat\n"),
        ("labels/a.txt", "0 0.5 0.5 0.5 0.5"),
    ]);
    flat.image("images/a.jpg");
    flat.read(&[])
        .check(0, &["the data has no splits: divided 70,15,15 percent"]);
    assert_eq!(ids(&flat.open(), Split::Train), ["images/a"]);
}

/// Train and val are the same folder. Val would have no other images, so the image is taken in train.
#[test]
fn an_image_of_two_splits_stays_in_the_first() {
    let yaml = "train: images\nval: images\nnames: [cat, cat, dog]\n";
    let folder = Folder::new(&[
        ("data.yaml", yaml),
        ("labels/a.txt", "1 .5 .5 .5 .5\n2 .5 .5 .5 .5"),
    ]);
    folder.image("images/a.jpg");
    folder.yolo(&[]).check(
        0,
        &[
            "1 image is in train and in val: taken in train only",
            "classes of the same name are one class: cat",
        ],
    );
    let dataset = folder.open();
    assert_eq!(dataset.classes, ["cat", "dog"]);
    assert_eq!(
        (dataset.images.len(), &*dataset.images[0].labels),
        (1, &[0, 1][..])
    );
}

/// No image is in two splits: one that two lists name is taken in the later split, except where that would empty
/// the earlier split or the later one has no other images.
#[test]
fn an_image_of_train_and_val_stays_in_val_where_val_has_others() {
    let splits_of = |train: &str, val: &str, test: &str| {
        let lists = [("train.txt", train), ("val.txt", val), ("test.txt", test)];
        let yaml = "train: train.txt\nval: val.txt\ntest: test.txt\nnames: [cat]\n";
        let folder = Folder::new(&[("data.yaml", yaml)]);
        for (path, names) in lists {
            let line = |name: char| format!("images/{name}.jpg\n");
            folder.write(path, names.chars().map(line).collect::<String>());
        }
        for name in "abcdef".chars() {
            folder.image(&format!("images/{name}.jpg"));
            folder.write(&format!("labels/{name}.txt"), "0 .5 .5 .5 .5");
        }
        let said = folder.yolo(&[]);
        said.check(0, &[]);
        let dataset = folder.open();
        let names = |split| {
            let ids = ids(&dataset, split).into_iter();
            ids.map(|id| &id["images/".len()..]).collect::<String>()
        };
        (Split::ALL.map(names), said.text)
    };
    // The images that the lists of train, val and test name, by letters; those of each split; a line printed.
    for (given, expected, note) in [
        // Val keeps what is in train as well, and test what is in val or train.
        (
            ["abcd", "de", "f"],
            ["abc", "de", "f"],
            "1 image is in train and in val: taken in val only",
        ),
        (
            ["abcd", "cef", "df"],
            ["ab", "ce", "df"],
            "1 image is in val and in test: taken in test only",
        ),
        // All of val is in train: it is no validation set.
        (
            ["abcd", "cd", "ef"],
            ["abcd", "", "ef"],
            "2 images are in train and in val: taken in train only",
        ),
        // All of train is in val: train is not emptied.
        (
            ["ab", "abc", "def"],
            ["ab", "c", "def"],
            "2 images are in train and in val: taken in train only",
        ),
        (
            ["abc", "abc", "abc"],
            ["abc", "", ""],
            "3 images are in train and in test: taken in train only",
        ),
    ] {
        let [train, val, test] = given;
        let (found, text) = splits_of(train, val, test);
        assert_eq!(found, expected, "{given:?}");
        assert!(text.contains(note), "{text}\nlacks {note}");
    }
}

/// The box has its centre at 0.1 and a width of 0.4: from −0.1 to 0.3 of 40 pixels, cut to 0 and 12.
#[test]
fn boxes_are_cut_at_the_edge_and_keypoints_not_read() {
    let yaml = "train: images\nkpt_shape: [2, 3]\nnc: 1\nnames: [cat]\n";
    let label = "0 0.1 0.5 0.4 0.5 0.1 0.1 2 0.2 0.2 0\n";
    let folder = Folder::new(&[("data.yaml", yaml), ("labels/a.txt", label)]);
    folder.image("images/a.jpg");
    folder.yolo(&[]).check(
        0,
        &[
            "1 box reaches beyond its image: cut at its edge",
            "keypoints are not read",
        ],
    );
    let bbox = folder.open().images[0].objects[0].bbox;
    assert!(bbox[0] == 0.0 && (bbox[2] - 12.0).abs() < 1e-9, "{bbox:?}");
}

#[test]
fn a_line_that_is_there_twice_is_one_object() {
    let label = "0 .5 .5 .5 .5\n1 .5 .5 .5 .5\n0  .5 .5 .5 .5 \n0 .5 .5 .5 .4\n0 .5 .5 .5 .5\n";
    let yaml = "train: images\nnames: [cat, dog]\n";
    let folder = Folder::new(&[("data.yaml", yaml), ("labels/a.txt", label)]);
    folder.image("images/a.jpg");
    folder
        .yolo(&[])
        .check(0, &["2 lines of label files repeat another one: left out"]);
    let dataset = folder.open();
    let objects = dataset.images[0].objects.iter();
    let found: Vec<_> = objects
        .map(|object| (object.instance_id, object.class_id))
        .collect();
    assert_eq!(found, [(1, 0), (2, 1), (4, 0)]);
}

/// Fractions are taken of the image as it is stored (40 × 20), or, with `--exif apply`, as it is turned (20 × 40).
#[test]
fn fractions_are_of_the_turned_image_where_it_is_turned() {
    let folder = Folder::new(&[
        ("data.yaml", "train: images\nnames: [cat]\n"),
        (
            "labels/a.txt",
            "0 0.5 0.25 0.5 0.5\n0 0 0 0.5 0 0.5 1 0 1\n",
        ),
    ]);
    folder.write("images/a.jpg", turned(&jpeg(40, 20)));
    folder
        .yolo(&[])
        .check(0, &["warning: 1 image says that a camera turned the photo"]);
    let read = || {
        let dataset = folder.open();
        let image = &dataset.images[0];
        let area = image.objects[1].segmentation.as_ref().unwrap().area();
        (image.width, image.height, image.objects[0].bbox, area)
    };
    assert_eq!(read(), (40, 20, [10.0, 0.0, 30.0, 10.0], 400));
    folder.yolo(&["--exif", "apply"]).check(0, &[]);
    assert_eq!(read(), (20, 40, [5.0, 0.0, 15.0, 20.0], 400));
}

/// A JPEG with the EXIF orientation 6: to be turned by 90 degrees.
fn turned(jpeg: &[u8]) -> Vec<u8> {
    let tiff = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut segment = b"\xff\xe1\0\0Exif\0\0".to_vec();
    segment.extend(tiff);
    segment[3] = (segment.len() - 2) as u8;
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}
