//! Makes a small data folder, damages its files, and checks that `Dataset::open` refuses it with a message
//! that names the file, the column, what was found and what was expected. Also checks which tables of other tools
//! are read.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, Float64Array, Int32Array, Int64Array, LargeStringArray, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use data_prep::convert::{self, Exif, Existing, OnError, Options};
use data_prep::dataset::{Dataset, Task};
use data_prep::geometry::Grid;
use data_prep::record::{MaskKind, Source, SourceImage, SourceObject};
use data_prep::rle::Rle;
use data_prep::schema::{CLASSES, DATASET_KEY, IMAGES, LABELS, MASKS};
use data_prep::table::{Provenance, TableSpec, read_any_table, read_table, write_table};

/// Makes a data folder of two images of 8 × 4 pixels, on a grid of the same size. Each image has the classes
/// 0 (without an object) and 1 (a box and a segmentation); only the second has a group.
fn data_folder(folder: &Path) -> PathBuf {
    let out = folder.join("data");
    let objects = vec![SourceObject {
        instance_id: 9,
        class_id: 1,
        bbox: [0.0, 0.0, 6.0, 4.0],
        is_difficult: false,
        is_crowd: true,
        area: Some(12.5),
        mask_kind: MaskKind::Rle,
        segmentation: Some((&Rle::from_counts(4, 8, vec![0, 16, 16]).unwrap()).into()),
    }];
    let images = ["a", "b"].map(|image_id| {
        let path = folder.join(format!("{image_id}.png"));
        let mut encoder = png::Encoder::new(std::fs::File::create(&path).unwrap(), 8, 4);
        encoder.set_color(png::ColorType::Rgb);
        encoder
            .write_header()
            .unwrap()
            .write_image_data(&[200; 96])
            .unwrap();
        SourceImage {
            image_id: image_id.to_owned(),
            file_name: format!("{image_id}.png"),
            path,
            split: "val".parse().unwrap(),
            size: None,
            group_id: (image_id == "b").then_some(5),
            extra_labels: vec![0],
            objects: objects.clone(),
        }
    });
    let source = Source {
        name: "scenes".to_owned(),
        groups: vec![(5, "five".to_owned())],
        images: images.into(),
        ..Source::new(vec!["cat".to_owned(), "dog".to_owned()])
    };
    let options = Options {
        out: out.clone(),
        grid: Grid {
            height: 4,
            width: 8,
        },
        limits: Vec::new(),
        on_error: OnError::Fail,
        exif: Exif::Auto,
        threads: 2,
        existing: Existing::Keep,
    };
    let outcome = convert::run(source, &options).unwrap();
    assert_eq!(
        (outcome.images, outcome.skipped, outcome.was_complete),
        (2, 0, false)
    );
    out
}

/// Replaces a column of a table and keeps the table's provenance, so that only the column is wrong.
fn replace(out: &Path, spec: &TableSpec, name: &str, column: ArrayRef) {
    let path = out.join(format!("{}.parquet", spec.name));
    let (origin, batch) = read_table(&path, spec).unwrap();
    let mut columns = batch.columns().to_vec();
    columns[batch.schema().index_of(name).unwrap()] = column;
    let provenance = Provenance::new("test", origin.inputs().unwrap())
        .with(DATASET_KEY, origin.get(DATASET_KEY).unwrap());
    write_table(&path, spec, &provenance, &spec.batch(columns).unwrap()).unwrap();
}

#[test]
fn what_the_pipeline_wrote_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = Dataset::open(data_folder(folder.path())).unwrap();
    assert_eq!(dataset.groups, [(5, "five".to_owned())]);
    assert_eq!(
        dataset
            .images
            .iter()
            .map(|i| i.group_id)
            .collect::<Vec<_>>(),
        [None, Some(5)]
    );
    let image = &dataset.images[1];
    assert_eq!(image.labels, [0, 1]);
    assert_eq!(
        (image.objects[0].instance_id, image.objects[0].is_crowd),
        (9, true)
    );
    assert_eq!(image.objects[0].area, Some(12.5));
    // The box's 6 columns and its rows 0 to 2: the last row is never inside. The segmentation is 4 × 4.
    assert_eq!(dataset.class_mask(image, 1, 0.0).area(), 6 * 3);
    assert_eq!(dataset.class_segmentation(image, 1).unwrap().area(), 4 * 4);
    assert_eq!(dataset.class_segmentation(image, 0), None);
    assert_eq!(dataset.pixels().row(1), [200; 96]);
    assert_eq!(dataset.inputs().len(), 64);
}

#[test]
fn only_waterbirds_have_a_reversed_task() {
    let folder = tempfile::tempdir().unwrap();
    let data = data_folder(folder.path());
    let open = || Dataset::open(&data).unwrap();
    assert!(open().with_task(Task::Conventional).is_ok());
    let error = open().with_task(Task::Reversed).unwrap_err().to_string();
    let expected = "task: found reversed for scenes (conventional), expected conventional, or \
                    reversed for Waterbirds' classes and groups";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_folder_that_does_not_hold_together_is_refused() {
    type Damage = fn(&Path);
    // A table, one of its columns, what replaces that column, and a part of the error.
    let text = |values: &[&str]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let numbers = |values: &[i32]| -> ArrayRef { Arc::new(Int32Array::from(values.to_vec())) };
    let columns: [(&TableSpec, &str, ArrayRef, &str); 9] = [
        (
            &IMAGES,
            "image_id",
            text(&["a", "a"]),
            "image_id: found a twice, expected each id once",
        ),
        (
            &IMAGES,
            "split",
            text(&["val", "dev"]),
            "split: found dev on image b, expected train, val",
        ),
        (
            &IMAGES,
            "width",
            numbers(&[8, 0]),
            "width: found 0 on image b, expected a positive",
        ),
        (
            &IMAGES,
            "group_id",
            numbers(&[5, 6]),
            "group_id: found 6 on image b, expected a group_id",
        ),
        (
            &IMAGES,
            "pixel_row",
            Arc::new(Int64Array::from(vec![0, 2])),
            "pixel_row: found 2 on image b, expected a row of pixels.arrow, which has 2",
        ),
        (
            &LABELS,
            "image_id",
            text(&["a", "a", "b", "z"]),
            "image_id: found z, expected an image_id",
        ),
        (
            &LABELS,
            "class_id",
            numbers(&[0, 1, 0, 2]),
            "class_id: found 2 on image b, expected 0 to 1",
        ),
        (
            &MASKS,
            "rle_width",
            numbers(&[8, 9]),
            "rle_width, rle_height: found 9×4 on image b, exp",
        ),
        (
            &MASKS,
            "xmin",
            Arc::new(Float64Array::from(vec![0.0, f64::NAN])),
            "box: found [NaN, 0.0, 6.0, 4.0] on image b, expected finite numbers",
        ),
    ];
    for (spec, name, column, expected) in columns {
        let folder = tempfile::tempdir().unwrap();
        let out = data_folder(folder.path());
        replace(&out, spec, name, column);
        let error = Dataset::open(&out).unwrap_err().to_string();
        let file = out.join(format!("{}.parquet", spec.name));
        assert!(
            error.starts_with(&format!("{}: ", file.display())),
            "{error}"
        );
        assert!(error.contains(expected), "{error}, not {expected}");
    }

    let files: [(Damage, &str); 5] = [
        (
            |out| fs_err::remove_file(out.join("images.parquet")).unwrap(),
            "data folder: found no images.parquet, expected a folder that data-prep has finished",
        ),
        (
            |out| {
                let _ =
                    fs_err::copy(out.join("labels.parquet"), out.join("masks.parquet")).unwrap();
            },
            "masks.parquet: guidance.schema: found labels, expected masks",
        ),
        (
            |out| {
                let spec = TableSpec {
                    version: 2,
                    ..CLASSES.clone()
                };
                let (_, batch) = read_table(out.join("classes.parquet"), &CLASSES).unwrap();
                let provenance = Provenance::new("test", "0");
                write_table(out.join("classes.parquet"), &spec, &provenance, &batch).unwrap();
            },
            "classes.parquet: guidance.version: found 2, expected 1\nhint: it is of another version of \
             the programs; make it again by `data-prep read` (voc, coco, yolo, table, waterbirds, scenes) \
             with --overwrite",
        ),
        (
            |out| {
                let (_, batch) = read_table(out.join("classes.parquet"), &CLASSES).unwrap();
                let provenance = Provenance::new("test", "0");
                write_table(out.join("classes.parquet"), &CLASSES, &provenance, &batch).unwrap();
            },
            "classes.parquet: guidance.inputs: found 0, expected ",
        ),
        (
            |out| {
                let bytes = fs_err::read(out.join("labels.parquet")).unwrap();
                fs_err::write(out.join("labels.parquet"), &bytes[..bytes.len() / 2]).unwrap();
            },
            "labels.parquet: ",
        ),
    ];
    for (damage, expected) in files {
        let folder = tempfile::tempdir().unwrap();
        let out = data_folder(folder.path());
        damage(&out);
        let error = Dataset::open(&out).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}, not {expected}");
        assert_eq!(error.lines().count(), expected.lines().count(), "{error}");
    }
}

/// A table of two columns, one of text and one of 32-bit integers, to see conversions.
static PAIR: LazyLock<TableSpec> = LazyLock::new(|| TableSpec {
    name: "pair",
    ..LABELS.part(&["image_id", "class_id"])
});

#[test]
fn a_table_of_another_tool_is_taken_when_its_columns_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pair.parquet");
    let write = |columns: Vec<(&str, ArrayRef)>| {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
            .collect();
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    };
    let ids: ArrayRef = Arc::new(LargeStringArray::from(vec!["a", "b"]));
    let classes: ArrayRef = Arc::new(Int64Array::from(vec![3, 4]));
    write(vec![
        ("class_id", classes.clone()),
        ("more", ids.clone()),
        ("image_id", ids.clone()),
    ]);
    let (_, batch) = read_any_table(&path, &PAIR).unwrap();
    assert_eq!(batch.schema(), PAIR.schema());
    assert_eq!(
        batch.column(1).as_ref(),
        &Int32Array::from(vec![3, 4]) as &dyn arrow::array::Array
    );
    let error = read_table(&path, &PAIR).unwrap_err().to_string();
    assert!(
        error.contains("guidance.schema: found nothing, expected pair"),
        "{error}"
    );

    let cases: [(Vec<(&str, ArrayRef)>, &str); 4] = [
        (
            vec![("image_id", ids.clone())],
            "class_id: found no such column, expected a column of",
        ),
        (
            vec![("image_id", ids.clone()), ("class_id", ids.clone())],
            "class_id: found LargeUtf8, expected a column of type Int32",
        ),
        (
            vec![
                ("image_id", ids.clone()),
                ("class_id", Arc::new(Int64Array::from(vec![1, 1 << 40]))),
            ],
            "class_id: found 1099511627776 in row 1, expected -2147483648 to 2147483647",
        ),
        (
            vec![
                ("image_id", ids),
                ("class_id", Arc::new(Int32Array::from(vec![Some(1), None]))),
            ],
            "class_id: found 1 nulls, expected no nulls",
        ),
    ];
    for (columns, expected) in cases {
        write(columns);
        let error = read_any_table(&path, &PAIR).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}, not {expected}");
    }
    assert_eq!(DataType::Utf8, *PAIR.schema().field(0).data_type());
}
