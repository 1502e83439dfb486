//! Tests `data-prep table`, which reads tables of boxes and of labels (CSV or Parquet). Images have 40 × 20 pixels.

use data_prep::dataset::Split;

use crate::folder::{Folder, by_id, ids};

/// Runs `data-prep table` on `images`, `boxes.csv` and, where it is there, `labels.csv`.
fn table(folder: &Folder, more: &[&str]) -> crate::folder::Said {
    let mut arguments = vec!["table", "--images", "{}/images", "--boxes", "{}/boxes.csv"];
    if folder.root().join("labels.csv").is_file() {
        arguments.extend(["--labels", "{}/labels.csv"]);
    }
    folder.run(&[&arguments, more].concat())
}

/// A folder with three images and `boxes` as boxes.csv.
fn with_boxes(boxes: &str) -> Folder {
    let folder = Folder::new(&[("boxes.csv", boxes)]);
    folder.images(&["images/a.jpg", "images/b.JPG", "images/sub/c.png"]);
    folder
}

#[test]
fn boxes_labels_splits_and_groups_are_read() {
    let folder = with_boxes(
        "image,class,xmin,ymin,xmax,ymax,split,group\n\
         a.jpg,dog,1,2,10.5,12,train,north\n\
         ./a.jpg,cat,0,0,40,20,train,north\n\
         b,dog,1,1,5,5,valid,south\n",
    );
    folder.write(
        "labels.csv",
        "filename;label;split\nA.JPG;horse;training\nsub/c.jpg;;test\nsub/c.jpg;dog;test\n",
    );
    table(&folder, &[]).check(
        0,
        &[
            "boxes of the columns xmin, ymin, xmax, ymax in pixels",
            "1 image is in no group",
        ],
    );
    let dataset = folder.open();
    assert_eq!(dataset.classes, ["cat", "dog", "horse"]);
    assert_eq!(
        dataset.groups,
        [(0, "north".to_owned()), (1, "south".to_owned())]
    );
    let a = by_id(&dataset, "a");
    assert_eq!(
        (&*a.file_name, &*a.labels, a.group_id),
        ("a.jpg", &[0, 1, 2][..], Some(0))
    );
    assert_eq!(a.objects[0].bbox, [1.0, 2.0, 10.5, 12.0]);
    assert_eq!(a.objects.len(), 2);
    assert_eq!(ids(&dataset, Split::Val), ["b"]);
    let c = by_id(&dataset, "sub/c");
    assert_eq!(
        (c.split, &*c.labels, c.group_id),
        (Split::Test, &[1][..], None)
    );
    assert_eq!(dataset.name(), "source");
}

/// Four tables have the same box in different columns, of image a. The other two images are in no table.
#[test]
fn spellings_of_boxes_are_recognised_and_said() {
    for (boxes, said) in [
        (
            "path,x,y,width,height,label\n/old/images/a.jpg,2,4,10,8,cat\n",
            "x, y, width, height in pixels",
        ),
        (
            "file_name,x1,y1,x2,y2,category\na.jpg,2,4,12,12,cat\n",
            "x1, y1, x2, y2 in pixels",
        ),
        // TensorFlow's and Roboflow's: width and height are the image's.
        (
            "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,40,20,cat,2,4,12,12\n",
            "xmin, ymin, xmax, ymax in pixels",
        ),
        (
            "\u{feff}Image\tXMin\tYMin\tXMax\tYMax\tName\na.jpg\t0.05\t0.2\t0.3\t0.6\tcat\n",
            "fractions of the image",
        ),
    ] {
        let folder = with_boxes(boxes);
        table(&folder, &[]).check(0, &[said, "2 images of ", "are in no table: left out"]);
        let bbox = folder.open().images[0].objects[0].bbox;
        let expected = [2.0, 4.0, 12.0, 12.0];
        assert!(
            bbox.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9),
            "{said}: {bbox:?}"
        );
    }
}

#[test]
fn each_broken_row_is_a_problem_and_its_class_stays() {
    const HEADER: &str = "image,class,xmin,ymin,xmax,ymax,split,group\n";
    // Line 3 of the table, the message, and the labels of image a when the line is left out. Line 2 is a dog on
    // image a. Classes are numbered by their names: dog is 0 where no cat is read, else cat is 0 and dog 1.
    for (row, said, labels) in [
        (
            "none.jpg,cat,1,2,3,4,train,x",
            "line 3, image: found none.jpg, expected an image in the folder",
            &[1][..],
        ),
        (
            "../../etc,cat,1,2,3,4,train,x",
            "line 3, image: found ../../etc, expected an image in",
            &[1],
        ),
        (
            ",cat,1,2,3,4,train,x",
            "line 3, image: found nothing, expected an image in",
            &[1],
        ),
        (
            "a,cat,1,2,w,4,train,x",
            "line 3, xmax: found w, expected a number",
            &[0, 1],
        ),
        (
            "a,cat,1,2,,4,train,x",
            "line 3, xmax: found nothing, expected a number",
            &[0, 1],
        ),
        (
            "a,cat,5,2,5,4,train,x",
            "line 3, xmax: found 5, expected more than xmin 5",
            &[0, 1],
        ),
        (
            "a,cat,41,2,50,4,train,x",
            "line 3, xmin: found 41, expected a box inside the image of 40x20",
            &[0, 1],
        ),
        (
            "a,,1,2,3,4,train,x",
            "line 3, class: found nothing, expected a class",
            &[0],
        ),
        (
            "a,cat,1,2,3,4,fold1,x",
            "line 3, split: found fold1, expected train, val or test",
            &[0, 1],
        ),
        (
            "a,cat,1,2,3,4,val,x",
            "line 3, split: found val, expected train, in which this image is",
            &[0, 1],
        ),
        (
            "a,cat,1,2,3,4,train,y",
            "line 3, group: found y, expected x, the group that",
            &[0, 1],
        ),
    ] {
        let folder = with_boxes(&format!("{HEADER}a.jpg,dog,1,2,3,4,train,x\n{row}\n"));
        let failed = table(&folder, &[]);
        failed.check(2, &[said]);
        assert_eq!(failed.text.lines().count(), 1, "{}", failed.text);
        table(&folder, &["--on-error", "skip"]).check(1, &["1 left out"]);
        let dataset = folder.open();
        assert_eq!(
            (&*dataset.images[0].labels, dataset.images.len()),
            (labels, 1),
            "{row}"
        );
        assert_eq!(dataset.images[0].objects.len(), 1);
    }
}

#[test]
fn rows_without_box_are_labels_or_images_without_classes() {
    let folder =
        with_boxes("image,class,xmin,ymin,xmax,ymax\na,cat,,,,\nb,,,,,\nsub/c,dog,1,1,9,9\n");
    table(&folder, &[]).check(0, &["1 row has a class and no box"]);
    let dataset = folder.open();
    let labels: Vec<_> = dataset
        .images
        .iter()
        .map(|image| (&*image.labels, image.objects.len()))
        .collect();
    assert_eq!(labels, [(&[0][..], 0), (&[], 0), (&[1], 1)]);
}

#[test]
fn masks_give_shapes_and_missing_boxes() {
    // A mask's path may be relative to the table's folder or to the images' folder.
    let folder = with_boxes(
        "image,class,xmin,ymin,xmax,ymax,mask\na,cat,0,0,40,20,masks/a.png\n\
         b,cat,,,,,masks/b.png\nsub/c,cat,1,1,9,9,masks/none.png\nsub/c,cat,1,1,9,9,masks/black.png\n",
    );
    folder.mask("masks/a.png", |x, _| x < 3);
    folder.mask("images/masks/b.png", |x, y| (4..9).contains(&x) && y == 7);
    folder.mask("masks/black.png", |_, _| false);
    let said = table(&folder, &[]);
    said.check(0, &["faults that cost no image and no object: 2,"]);
    assert!(!said.text.contains("are in no table"), "{}", said.text);
    assert_eq!(folder.skipped(), ["masks/none.png", "black only"]);
    let dataset = folder.open();
    let area = |id: &str| {
        by_id(&dataset, id).objects[0]
            .segmentation
            .as_ref()
            .map(data_prep::rle::Rle::area)
    };
    assert_eq!(
        (area("a"), area("b"), area("sub/c")),
        (Some(60), Some(5), None)
    );
    assert_eq!(by_id(&dataset, "b").objects[0].bbox, [4.0, 7.0, 9.0, 8.0]);

    folder.write(
        "boxes.csv",
        "image,class,xmin,ymin,xmax,ymax,mask\na,cat,,,,,images/sub/c.png\n",
    );
    table(&folder, &[]).check(2, &["c.png: image: found a JPEG, expected a PNG"]);
}

#[test]
fn folders_of_tables_are_recognised() {
    let text = "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,40,20,cat,1,1,9,9\n";
    let folder = Folder::new(&[
        ("train/_annotations.csv", text),
        ("valid/_annotations.csv", text),
    ]);
    folder.images(&["train/a.jpg", "valid/a.jpg"]);
    folder.read(&[]).check(
        0,
        &[
            "recognised: tables, ",
            "the data has no test: cut from train",
        ],
    );
    assert_eq!(ids(&folder.open(), Split::Val), ["valid/a"]);

    let folder = with_boxes("image,class,xmin,ymin,xmax,ymax\na,7,1,1,9,9\nb,10,1,1,9,9\n");
    folder.read(&[]).check(
        0,
        &["recognised: tables, ", "the data has no splits: divided"],
    );
    assert_eq!(folder.open().classes, ["7", "10"]);
    folder
        .run(&["read", "--images", "{}/images", "--boxes", "{}/boxes.csv"])
        .check(0, &["divided"]);
    folder
        .run(&["read", "{}/images", "--boxes", "{}/boxes.csv"])
        .check(0, &["divided"]);
    folder
        .run(&["read", "--boxes", "{}/boxes.csv"])
        .check(2, &["required", "FOLDER"]);
    folder
        .run(&["table", "--boxes", "{}/boxes.csv"])
        .check(2, &["--images: found nothing, expected the folder"]);
}

#[test]
fn a_table_of_other_columns_is_one_line() {
    for (boxes, said) in [
        (
            "a,cat,1,1,9,9\n",
            "boxes.csv: columns: found a, cat, 1, 1, 9, 9, expected a column image",
        ),
        (
            "image,class,xmin,ymin,xmax\n",
            "found image, class, xmin, ymin, xmax, expected columns xmin, ymin, xmax, ymax",
        ),
        (
            "image,class,class,xmin,ymin,xmax,ymax\n",
            "expected one column class",
        ),
        (
            "image,class,xmin,ymin,xmax,ymax\na,cat,1,1\n",
            "line 2: found 4 values, expected 6, as in line 1",
        ),
        (
            "image,class,xmin,ymin,xmax,ymax\n",
            "boxes.csv: rows: found nothing, expected an image and its class",
        ),
        (
            "",
            "boxes.csv: columns: found nothing, expected a column image",
        ),
    ] {
        let folder = with_boxes(boxes);
        let failed = table(&folder, &[]);
        failed.check(2, &[said]);
        assert_eq!(failed.text.lines().count(), 1, "{}", failed.text);
    }
}

#[test]
fn names_that_could_mean_two_images_are_refused() {
    let folder = Folder::new(&[(
        "boxes.csv",
        "image,class,xmin,ymin,xmax,ymax\na.jpg,cat,1,1,9,9\n",
    )]);
    folder.images(&["images/x/a.jpg", "images/y/a.jpg", "images/b.jpg"]);
    table(&folder, &[]).check(
        2,
        &["found a.jpg, expected a path, because images in several folders are called so"],
    );
    folder.write(
        "boxes.csv",
        "image,class,xmin,ymin,xmax,ymax\np/b.jpg,cat,1,1,9,9\nq/b.jpg,cat,1,1,9,9\n",
    );
    table(&folder, &[]).check(
        2,
        &["line 3, image: found q/b.jpg, expected a file of its own: p/… means"],
    );
}

/// A Parquet file of another tool. Image b has nulls for its box, which is a label without a box.
#[test]
fn parquet_is_read_as_csv_is() {
    use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
    use std::sync::Arc;

    let folder = with_boxes("");
    let corner = |value| -> ArrayRef { Arc::new(Float64Array::from(vec![Some(value), None])) };
    let batch = RecordBatch::try_from_iter([
        (
            "image",
            Arc::new(StringArray::from(vec!["a.jpg", "b.jpg"])) as ArrayRef,
        ),
        ("class", Arc::new(StringArray::from(vec!["cat", "dog"]))),
        ("xmin", corner(1.0)),
        ("ymin", corner(2.0)),
        ("xmax", corner(30.5)),
        ("ymax", corner(12.0)),
    ])
    .unwrap();
    let path = folder.root().join("boxes.parquet");
    let file = fs_err::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    folder
        .run(&[
            "table",
            "--images",
            "{}/images",
            "--boxes",
            "{}/boxes.parquet",
        ])
        .check(0, &["1 row has a class"]);
    let dataset = folder.open();
    assert_eq!(dataset.images[0].objects[0].bbox, [1.0, 2.0, 30.5, 12.0]);
    assert_eq!(
        (&*dataset.images[1].labels, dataset.images[1].objects.len()),
        (&[1][..], 0)
    );
}
