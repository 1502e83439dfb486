//! Tests tables of boxes as other tools write them: without a header, without classes, with a file for each split.
//! Also tests the message about folders in which no format is recognised.

use data_prep::dataset::Split;

use crate::folder::{Folder, by_id, ids};

const HEADER: &str = "filename,width,height,class,xmin,ymin,xmax,ymax\n";

/// A table with one cat on each image.
fn rows(images: &[&str]) -> String {
    let row = |image: &&str| format!("{image},40,20,cat,1,2,9,9\n");
    HEADER.to_owned() + &images.iter().map(row).collect::<String>()
}

#[test]
fn a_csv_without_header_is_keras_retinanets() {
    let folder = Folder::new(&[
        (
            "train/_annotations.csv",
            "a.jpg,1,2,30,18,dog\na.jpg,3,4,9.5,9,cat\nb.jpg,,,,,\n",
        ),
        (
            "valid/_annotations.csv",
            "c.jpg,,,,,\nd.jpg,0,0,40,20,cat\n",
        ),
    ]);
    folder.images(&["train/a.jpg", "train/b.jpg", "valid/c.jpg", "valid/d.jpg"]);
    folder.read(&[]).check(
        0,
        &[
            "no header: path, x1, y1, x2, y2, class, as keras-retinanet writes",
            "boxes of the columns x1, y1, x2, y2 in pixels",
        ],
    );
    let dataset = folder.open();
    assert_eq!(dataset.classes, ["cat", "dog"]);
    let a = by_id(&dataset, "train/a");
    assert_eq!(a.objects[0].bbox, [1.0, 2.0, 30.0, 18.0]);
    assert_eq!(a.objects[1].bbox, [3.0, 4.0, 9.5, 9.0]);
    assert_eq!(by_id(&dataset, "train/b").labels.len(), 0);
    assert_eq!(by_id(&dataset, "valid/c").split, Split::Val);
    assert_eq!(&*by_id(&dataset, "valid/d").labels, [0]);

    let broken = Folder::new(&[("boxes.csv", "a.jpg,1,2,3,4,cat\na.jpg,1,x,3,4,cat\n")]);
    broken.image("images/a.jpg");
    let said = broken.read(&[]);
    said.check(2, &["boxes.csv: line 2, y1: found x, expected a number"]);
}

#[test]
fn tables_are_recognised_by_their_columns_and_are_of_the_splits_of_their_names() {
    // TensorFlow's tutorial; both splits have an image of one name.
    let (train, test) = (rows(&["a.jpg", "b.jpg"]), rows(&["a.jpg"]));
    let folder = Folder::new(&[
        ("images/train_labels.csv", &*train),
        ("images/test_labels.csv", &test),
        ("results.csv", "epoch,loss\n1,2\n"),
    ]);
    folder.images(&[
        "images/train/a.jpg",
        "images/train/b.jpg",
        "images/test/a.jpg",
    ]);
    folder.read(&[]).check(
        0,
        &[
            "recognised: tables, ",
            "test_labels.csv",
            "train_labels.csv",
        ],
    );
    assert_eq!(ids(&folder.open(), Split::Test), ["images/test/a"]);
    assert_eq!(folder.open().images.len(), 3);

    folder.write("images/more.csv", rows(&["b.jpg"]));
    let failed = folder.read(&[]);
    failed.check(
        2,
        &[
            "more.csv: split: found ",
            "more.csv, expected train, val or test in the name of each file",
        ],
    );
    assert_eq!(failed.text.lines().count(), 1, "{}", failed.text);

    let folder = Folder::new(&[("annotations.csv", &*rows(&["a.jpg", "b.jpg"]))]);
    folder.images(&["Images/a.jpg", "Images/b.jpg"]);
    folder.read(&[]).check(
        0,
        &["recognised: tables, ", "the data has no splits: divided"],
    );
}

#[test]
fn several_files_of_boxes_may_be_named() {
    let (train, val) = (rows(&["a.jpg", "b.jpg"]), rows(&["c.jpg"]));
    let test = rows(&["d.jpg"]);
    let folder = Folder::new(&[
        ("train.csv", &*train),
        ("tables/val_boxes.csv", &val),
        ("test/boxes.csv", &test),
    ]);
    folder.images(&[
        "images/a.jpg",
        "images/b.jpg",
        "images/c.jpg",
        "images/d.jpg",
    ]);
    let boxes = [
        "--boxes",
        "{}/train.csv",
        "--boxes",
        "{}/tables/val_boxes.csv",
    ];
    let third = ["--boxes", "{}/test/boxes.csv"];
    folder
        .run(&[&["read", "--images", "{}/images"], &boxes[..], &third].concat())
        .check(0, &[]);
    let dataset = folder.open();
    assert_eq!(ids(&dataset, Split::Train), ["a", "b"]);
    assert_eq!(ids(&dataset, Split::Val), ["c"]);
    assert_eq!(ids(&dataset, Split::Test), ["d"]);
}

#[test]
fn boxes_without_classes_are_of_one_and_may_be_lists() {
    let folder = Folder::new(&[(
        "solution (1).csv",
        "image,xmin,ymin,xmax,ymax\na.jpg,1,2,9,9\nb.jpg,,,,\n",
    )]);
    folder.images(&["pictures/a.jpg", "pictures/b.jpg"]);
    folder.read(&[]).check(
        0,
        &["no column of classes: all boxes are of one class, object"],
    );
    let dataset = folder.open();
    assert_eq!(dataset.classes, ["object"]);
    assert_eq!(&*by_id(&dataset, "pictures/a").labels, [0]);
    assert_eq!(by_id(&dataset, "pictures/b").labels.len(), 0);

    let folder = Folder::new(&[(
        "train.csv",
        "image_id,width,height,bbox,source\na,40,20,\"[1.5, 2.0, 10, 8.0]\",x\nb,40,20,\"[0, 0, 40, 20]\",y\n",
    )]);
    folder.images(&["train/a.jpg", "train/b.jpg"]);
    folder.read(&[]).check(
        0,
        &["boxes of the column bbox (x, y, width, height) in pixels"],
    );
    let bbox = by_id(&folder.open(), "train/a").objects[0].bbox;
    assert_eq!(bbox, [1.5, 2.0, 11.5, 10.0]);
    for (list, said) in [
        (
            "[1, 2, 3]",
            "found [1, 2, 3], expected [x, y, width, height]",
        ),
        ("[1, 2, 0, 3]", "found [1, 2, 0, 3], expected more than 0"),
    ] {
        folder.write("train.csv", format!("image_id,bbox\na,\"{list}\"\n"));
        folder
            .read(&[])
            .check(2, &["train.csv: line 2, bbox: ", said]);
    }

    // With labels beside them the classes of boxes are needed.
    let folder = Folder::new(&[
        ("boxes.csv", "image,xmin,ymin,xmax,ymax\na.jpg,1,2,9,9\n"),
        ("labels.csv", "image,class\na.jpg,cat\n"),
    ]);
    folder.image("images/a.jpg");
    folder.read(&[]).check(
        2,
        &["boxes.csv: columns: found ", "expected a column class"],
    );
}

#[test]
fn a_folder_of_no_known_format_is_said_to_hold_what_it_holds() {
    for (files, said) in [
        (
            &[("a.csv", "id,label\n1,2\n"), ("b/c.csv", "x\n")][..],
            "found nothing known: 2 CSV or Parquet files without the columns of boxes (a.csv: id, label), \
             expected annotations of one of the formats",
        ),
        (&[("a.csv", "id,label\n1,2\n")], "--images DIR --boxes FILE"),
        (
            &[("a.json", "{\"shapes\": []}"), ("b.json", "{}")],
            "found nothing known: 2 *.json without images, annotations and categories (--format coco says more), expected",
        ),
        (
            &[("a.txt", "hello\n")],
            "found nothing known: 1 *.txt and no data.yaml or classes.txt that fits them, expected",
        ),
        (&[], "found nothing known: 1 image alone, expected"),
    ] {
        let folder = Folder::new(files);
        folder.image("photos/x.jpg");
        let failed = folder.read(&[]);
        failed.check(2, &["format: ", said]);
        assert_eq!(failed.text.lines().count(), 1, "{}", failed.text);
    }
}
