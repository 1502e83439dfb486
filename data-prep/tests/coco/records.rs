//! Reads valid COCO folders and checks the records (images with their objects, in memory) that the reader makes:
//! boxes, run lengths, classes and splits.

use std::path::{Path, PathBuf};

use data_prep::dataset::Split;
use data_prep::record::{MaskKind, SourceObject};
use data_prep::source::coco::{self, categories};
use data_prep::source::naming;
use tempfile::TempDir;

use super::{by_id, fixture_root, ids, root};

#[test]
fn every_form_of_annotation_becomes_a_record() {
    let dir = fixture_root();
    let source = coco::read(dir.path(), &naming()).unwrap();
    assert_eq!(source.problems, []);
    // The fixture has too few images and categories to be recognised as COCO 2014.
    assert_ne!(source.name, "coco2014");
    assert_eq!(source.classes.len(), 80);
    assert_eq!(ids(&source, Split::Train), ["3", "42"]);
    assert_eq!(ids(&source, Split::Val), ["9"]);
    assert_eq!(ids(&source, Split::Test), ["100"]);

    let image = by_id(&source, "42");
    assert_eq!(image.file_name, "COCO_train2014_000000000042.jpg");
    assert_eq!(
        image.path,
        dir.path().join("train2014").join(&image.file_name)
    );
    assert_eq!(image.size, Some((8, 6)));
    assert_eq!(image.labels().into_iter().collect::<Vec<_>>(), [0, 79]);
    let plain = |instance_id, class_id, bbox| SourceObject {
        instance_id,
        class_id,
        bbox,
        is_difficult: false,
        is_crowd: false,
        area: None,
        mask_kind: MaskKind::Box,
        segmentation: None,
    };
    let shapes: Vec<Option<String>> = image
        .objects
        .iter()
        .map(|object| {
            let rle = object.segmentation.as_ref()?;
            assert_eq!((rle.height, rle.width), (6, 8));
            Some(String::from_utf8(rle.counts.to_vec()).unwrap())
        })
        .collect();
    // COCO's compressed run lengths of the four objects' shapes; the third has none.
    let expected = [Some("733000005OL00"), Some("7330m0"), None, Some("\\14")];
    assert_eq!(shapes, expected.map(|shape| shape.map(str::to_owned)));
    let without_shapes: Vec<SourceObject> = image
        .objects
        .iter()
        .map(|object| SourceObject {
            segmentation: None,
            ..object.clone()
        })
        .collect();
    assert_eq!(
        without_shapes,
        [
            SourceObject {
                // As Python reads it, to the last bit.
                area: Some(16.000_000_000_000_004),
                mask_kind: MaskKind::Polygon,
                ..plain(501, 0, [1.0, 1.0, 8.0, 4.5])
            },
            SourceObject {
                area: Some(6.0),
                is_crowd: true,
                mask_kind: MaskKind::Rle,
                ..plain(503, 79, [1.0, 1.0, 3.0, 4.0])
            },
            plain(504, 0, [2.5, 2.5, 2.5, 2.5]),
            SourceObject {
                mask_kind: MaskKind::Rle,
                ..plain(505, 79, [-1.5, 0.0, 8.5, 6.0])
            },
        ]
    );

    let crowd = &by_id(&source, "3").objects[0];
    assert!(crowd.is_crowd);
    assert_eq!((crowd.class_id, crowd.mask_kind), (11, MaskKind::Rle));
    let shape = crowd.segmentation.as_ref().unwrap().decompressed().unwrap();
    assert_eq!(shape.counts, [7, 3, 3, 3, 32]);

    let empty = by_id(&source, "9");
    assert_eq!(empty.file_name, "nothing on it.jpg");
    assert!(empty.objects.is_empty() && empty.labels().is_empty());
}

/// COCO numbers 91 categories from 1; eleven of them have no objects. Class ids number the other 80 from 0.
#[test]
fn category_ids_lose_the_eleven_without_objects() {
    for (category, class) in [
        (1, Some((0, "person"))),
        (11, Some((10, "fire hydrant"))),
        (13, Some((11, "stop sign"))),
        (62, Some((56, "chair"))),
        (67, Some((60, "dining table"))),
        (90, Some((79, "toothbrush"))),
        (0, None),
        (12, None),
        (83, None),
        (91, None),
        (-1, None),
        (i64::MIN, None),
    ] {
        let found = categories::class_id(category);
        let found = found.map(|class| (class, categories::NAMES[class as usize]));
        assert_eq!(found, class, "category {category}");
    }
    let classes: Vec<i32> = (0..=90).filter_map(categories::class_id).collect();
    assert_eq!(classes, (0..80).collect::<Vec<_>>());
}

/// Where there are no split files, a tenth of the training images is for validation, by a hash of the id. The
/// expected ids are those for which this line of Python holds:
/// `int(hashlib.sha256(str(image_id).encode()).hexdigest()[:16], 16) % 10 == 0`.
#[test]
fn the_validation_rule_is_the_documented_line_of_python() {
    let ids: Vec<i64> = (1..160).filter(|&id| coco::is_validation(id)).collect();
    assert_eq!(
        ids,
        [
            7, 9, 10, 33, 40, 44, 51, 57, 59, 70, 71, 74, 90, 108, 110, 140, 154, 155, 159
        ]
    );
}

/// Annotation files (name, text), image folders, and the image ids of train, val and test (one or none each), or
/// how the error ends.
type Layout<'a> = (
    &'a [(&'a str, &'a str)],
    &'a [&'a str],
    Result<[&'a str; 3], &'a str>,
);

#[test]
fn layouts_are_found_by_their_names() {
    let image = |id: i64| {
        format!(
            r#"{{"images": [{{"id": {id}, "width": 4, "height": 4, "file_name": "{id}.jpg"}}],
                "annotations": [], "categories": []}}"#
        )
    };
    let (one, two, nine) = (image(1), image(2), image(9));
    let cases: [Layout; 8] = [
        (
            &[
                ("instances_train2014.json", &nine),
                ("train2014_train_split.json", &nine),
                ("train2014_val_split.json", &one),
                ("instances_val2014.json", &two),
            ],
            &["train2014", "val2014"],
            Ok(["9", "1", "2"]),
        ),
        (
            &[
                ("instances_train2017.json", &one),
                ("instances_val2017.json", &nine),
            ],
            &["images/train2017", "images/val2017"],
            Ok(["1", "", "9"]),
        ),
        (
            &[
                ("instances_train.json", &nine),
                ("instances_val.json", &one),
            ],
            &["train", "val"],
            Ok(["", "9", "1"]),
        ),
        (
            &[],
            &["train2014", "val2014"],
            Err(
                "annotation files: found no *.json, expected COCO JSON, such as \
                 annotations/instances_train.json or train/_annotations.coco.json",
            ),
        ),
        (
            &[("instances_train2014.json", &one)],
            &["train2014", "val2014"],
            Err("instances_val2014.json: annotation file: found nothing, expected a JSON file"),
        ),
        (
            &[
                ("instances_val2014.json", &one),
                ("train2014_train_split.json", &two),
            ],
            &["train2014", "val2014"],
            Err("train2014_val_split.json: annotation file: found nothing, expected a JSON file"),
        ),
        (
            &[
                ("instances_train2014.json", &one),
                ("instances_val2014.json", &two),
            ],
            &["train2014"],
            Err("image folder: found no val2014, expected val2014 or images/val2014"),
        ),
        (
            &[
                ("instances_train2014.json", &one),
                ("instances_val2014.json", ""),
            ],
            &["train2014", "val2014"],
            Err("instances_val2014.json: file: found nothing, expected a JSON object"),
        ),
    ];
    for (files, folders, expected) in cases {
        let dir = root(files, folders);
        match (coco::read(dir.path(), &naming()), expected) {
            (Ok(source), Ok(splits)) => {
                let found = Split::ALL.map(|split| ids(&source, split).join(" "));
                assert_eq!(found, splits, "{files:?}");
                assert!(by_id(&source, "1").path.starts_with(dir.path()));
            }
            (Err(error), Err(expected)) => {
                let message = error.to_string();
                assert!(message.ends_with(expected), "{message}\nnot: {expected}");
            }
            (found, expected) => panic!("found {found:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn the_same_files_give_the_same_fingerprint() {
    let (a, b) = (fixture_root(), fixture_root());
    let hash = |dir: &TempDir| coco::read(dir.path(), &naming()).unwrap().annotations.hex();
    assert_eq!(hash(&a), hash(&b));
    let path = b.path().join("annotations/instances_val2014.json");
    let changed = fs_err::read_to_string(&path).unwrap() + "\n";
    fs_err::write(&path, changed).unwrap();
    assert_ne!(hash(&a), hash(&b));
}

/// Reads a part of the real COCO 2014 (110 images), where it is there, and compares each object's shape with its
/// annotated box.
#[test]
fn real_annotations_fit_their_boxes() {
    let data = std::env::var_os("GUIDANCE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let root = data.join("coco2014");
    if !root.is_dir() {
        println!("skipped: real_annotations_fit_their_boxes: no real data");
        return;
    }
    let source = coco::read(&root, &naming()).unwrap();
    assert_eq!(source.name, "coco2014");
    assert_eq!(source.problems, []);
    let objects = || source.images.iter().flat_map(|image| &image.objects);
    assert_eq!(source.images.len(), 110);
    assert_eq!(objects().count(), 1790);
    assert_eq!(objects().filter(|object| object.is_crowd).count(), 50);
    assert!(source.images.iter().all(|image| image.path.is_file()));
    // An annotated box goes around the outline, and a mask loses spikes thinner than a pixel. So a mask
    // stays in its box, and nearly always reaches all four sides.
    let mut filled = 0;
    for object in objects() {
        let [x, y, w, h] = object
            .segmentation
            .as_ref()
            .unwrap()
            .decompressed()
            .unwrap()
            .bounding_box()
            .unwrap();
        let mask = [x, y, x + w, y + h].map(f64::from);
        let [left, top, right, bottom] = [0, 1, 2, 3].map(|side| mask[side] - object.bbox[side]);
        let beyond = (-left).max(-top).max(right).max(bottom);
        assert!(beyond <= 1.0, "{beyond} pixels beyond the box: {object:?}");
        filled += usize::from(
            [left, top, right, bottom]
                .iter()
                .all(|gap| gap.abs() <= 1.5),
        );
    }
    assert!(filled >= 1740, "{filled} of 1790");
}
