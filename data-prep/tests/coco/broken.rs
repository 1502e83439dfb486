//! Reads broken instances files and checks that the message names the element, what was found and what was
//! expected, and that nothing is left out but the broken element or value.

use data_prep::dataset::Split;
use data_prep::record::{MaskKind, Source};
use data_prep::source::coco::{self, load_instances};
use data_prep::source::naming;
use tempfile::TempDir;

use super::{by_id, fixture, ids, root};

/// Makes an instances file with one image (id 1, 8 × 6 pixels) and one annotation. `change` has JSON
/// members, separated by `;`, that replace those of a good annotation; a key without a value removes the
/// member.
fn with_annotation(change: &str) -> String {
    let changed: Vec<&str> = change
        .split(';')
        .map(|member| member.split(':').next().unwrap().trim())
        .collect();
    let good = [
        r#""id": 5"#,
        r#""image_id": 1"#,
        r#""category_id": 1"#,
        r#""bbox": [1, 2, 3, 4]"#,
    ];
    let kept = good
        .iter()
        .filter(|member| !changed.contains(&member.split(':').next().unwrap()));
    // The changed members come before the ids, as in COCO's own files: the image's id must be found after
    // a broken value.
    let members: Vec<&str> = change
        .split(';')
        .filter(|member| member.contains(':'))
        .chain(kept.copied())
        .collect();
    format!(
        r#"{{"images": [{{"id": 1, "width": 8, "height": 6, "file_name": "a.jpg"}}],
            "annotations": [{{{}}}], "categories": [{{"id": 1, "name": "person"}}]}}"#,
        members.join(", ")
    )
}

#[test]
fn a_broken_annotation_is_left_out_alone_and_named() {
    for (change, expected) in [
        (r#""id": "x""#, r#"id: found "x", expected a whole number"#),
        (r#""id""#, "id: found nothing, expected a whole number"),
        (
            r#""id": 1.5"#,
            "id: found 1.5, expected a whole number of 64 bits",
        ),
        (
            r#""id": 9223372036854775808"#,
            "id: found 9223372036854775808, expected a whole number of 64 bits",
        ),
        (
            r#""category_id": 12"#,
            "category_id: found 12, expected the id of one of the categories",
        ),
        (
            r#""category_id": 2"#,
            "category_id: found 2, expected the id of one of the categories",
        ),
        (
            r#""bbox""#,
            "bbox: found nothing, expected [x, y, width, height]",
        ),
        (
            r#""bbox": [1, 2, 3]"#,
            "bbox: found 3 numbers, expected [x, y, width, height]",
        ),
        (
            r#""bbox": [1, 2, 3, 4, 5]"#,
            "bbox: found 5 numbers, expected [x, y, width, height]",
        ),
        (
            r#""bbox": [1, 2, "3 px", 4]"#,
            r#"bbox[2]: found "3 px", expected a number"#,
        ),
        (
            r#""bbox": [1, 2, "NaN", 4]"#,
            r#"bbox[2]: found "NaN", expected a number"#,
        ),
        (
            r#""bbox": [1, 2, "1e999", 4]"#,
            r#"bbox[2]: found "1e999", expected a number"#,
        ),
        (
            r#""bbox": [1, 2, "-3", 4]"#,
            "bbox[2]: found -3, expected a width or height from 0",
        ),
        (
            r#""category_id": "1.5""#,
            "category_id: found 1.5, expected a whole number of 64 bits",
        ),
        (
            r#""bbox": [1, 2, -3, 4]"#,
            "bbox[2]: found -3, expected a width or height from 0",
        ),
        (
            r#""bbox": [1, 2, 3, 1e999]"#,
            "bbox[3]: found 1e999, expected a number within the range of doubles",
        ),
        (
            r#""bbox": {"x": 1}"#,
            r#"bbox: found {"x": 1, expected an array"#,
        ),
        (
            r#""bbox": null"#,
            "bbox: found nothing, expected [x, y, width, height]",
        ),
        (
            r#""bbox": []; "segmentation": []"#,
            "bbox: found nothing, expected [x, y, width, height]",
        ),
        (
            r#""bbox": null; "segmentation": {"size": [6, 8], "counts": [48]}"#,
            "bbox: found nothing, and a mask without pixels, expected [x, y, width, height]",
        ),
        (
            r#""bbox": null; "segmentation": {"size": [8, 6], "counts": [48]}"#,
            "segmentation.size: found [8, 6], expected the image's [6, 8]",
        ),
        (
            r#""bbox": [1, 2, NaN, 4]"#,
            "bbox[2]: found NaN, expected a number",
        ),
        (
            r#""bbox": [-Infinity, 2, 3, 4]"#,
            "bbox[0]: found -Infinity, expected a number",
        ),
        (
            r#""image_id": 1e400"#,
            "image_id: found 1e400, expected a whole number of 64 bits",
        ),
    ] {
        let (source, path, _dir) = read_with(change);
        let problems: Vec<String> = source.problems.iter().map(ToString::to_string).collect();
        let expected = format!("{path}: annotations[0].{expected}");
        assert_eq!(problems, [expected], "{change}");
        assert_eq!(source.remarks, [], "{change}");
        // An image with an object of unknown class is left out, because its labels would be incomplete.
        if change.contains("category_id") {
            let mut images = source.images.iter();
            assert!(images.all(|image| image.image_id != "1"), "{change}");
            continue;
        }
        let image = by_id(&source, "1");
        assert_eq!(image.objects, [], "{change}");
        // The broken object's class (0) stays a label of the image, unless its image_id is what is broken.
        let labels: &[i32] = if change.contains("image_id") {
            &[]
        } else {
            &[0]
        };
        assert_eq!(image.extra_labels, labels, "{change}");
    }
    let good = with_annotation("");
    let dir = root(&[("good.json", &good)], &[]);
    let instances = load_instances(dir.path().join("annotations/good.json")).unwrap();
    assert_eq!(instances.problems(), []);
    assert_eq!(instances.remarks(), []);
}

#[test]
fn a_value_that_an_object_can_do_without_costs_nothing_else() {
    for (change, expected) in [
        (r#""iscrowd": 2"#, "iscrowd: found 2, expected 0 or 1"),
        (r#""area": "7x""#, r#"area: found "7x", expected a number"#),
        (
            r#""segmentation": 7"#,
            "segmentation: found 7, expected polygons or run lengths",
        ),
        (
            r#""segmentation": [[1, 1, 5, 1, 5, 5, 1]]"#,
            "segmentation[0]: found a polygon of 7 coordinates, expected an even number",
        ),
        (
            r#""segmentation": [[1, 1, 5, 1, 5, 5], [1, 1, 5, 1]]"#,
            "segmentation[1]: found a polygon of 2 points, expected at least 3 points",
        ),
        (
            r#""segmentation": [[1, 1, null, 1, 5, 5]]"#,
            "segmentation[0][2]: found null, expected a number",
        ),
        (
            r#""segmentation": {"counts": [48]}"#,
            "segmentation.size: found 0 numbers, expected height and width",
        ),
        (
            r#""segmentation": {"size": [6, 8]}"#,
            "segmentation.counts: found nothing, expected run lengths",
        ),
        (
            r#""segmentation": {"size": [6, 8], "counts": [4, -4, 48]}"#,
            "segmentation.counts[1]: found -4, expected a whole number from 0 to 4294967295",
        ),
        (
            r#""segmentation": {"size": [6, 8], "counts": [47]}"#,
            "segmentation: found counts that sum to 47, expected 6 x 8 = 48 pixels",
        ),
        (
            r#""segmentation": {"size": [8, 6], "counts": [48]}"#,
            "segmentation.size: found [8, 6], expected the image's [6, 8]",
        ),
        (
            r#""segmentation": {"size": [6, 8], "counts": "1P"}"#,
            "segmentation: found counts that end inside the number at byte 1, expected complete \
             compressed counts",
        ),
        (
            r#""iscrowd": NaN"#,
            "iscrowd: found NaN, expected a whole number",
        ),
        (r#""area": NaN"#, "area: found NaN, expected a number"),
        (
            r#""area": -Infinity"#,
            "area: found -Infinity, expected a number",
        ),
        (
            r#""area": -7.5"#,
            "area: found -7.5, expected an area from 0",
        ),
        (
            r#""segmentation": [[]]"#,
            "segmentation[0]: found a polygon of 0 points, expected at least 3 points",
        ),
        (
            r#""segmentation": [[3.0, 4.0]]"#,
            "segmentation[0]: found a polygon of 1 point, expected at least 3 points",
        ),
        (
            r#""segmentation": [1, 1, 5, 1]"#,
            "segmentation: found a polygon of 2 points, expected at least 3 points",
        ),
        (
            r#""segmentation": [1, 1, 5, NaN, 5, 5]"#,
            "segmentation[3]: found NaN, expected a number",
        ),
        (
            r#""segmentation": [[1, 1, 5, Infinity, 5, 5]]"#,
            "segmentation[0][3]: found Infinity, expected a number",
        ),
    ] {
        let (source, path, _dir) = read_with(change);
        let remarks: Vec<String> = source.remarks.iter().map(ToString::to_string).collect();
        let expected = format!("{path}: annotations[0].{expected}");
        assert_eq!(remarks, [expected], "{change}");
        assert_eq!(source.problems, [], "{change}");
        let [object] = by_id(&source, "1").objects.as_slice() else {
            panic!("{change}: not one object");
        };
        assert_eq!(object.bbox, [1.0, 2.0, 4.0, 6.0], "{change}");
        assert_eq!((object.area, object.is_crowd), (None, false), "{change}");
        // If only one of two polygons is broken, the other is used.
        let has_shape = change.contains("[[1, 1, 5, 1, 5, 5], ");
        assert_eq!(object.segmentation.is_some(), has_shape, "{change}");
        let is_box = object.mask_kind == MaskKind::Box;
        assert_eq!(is_box, !has_shape, "{change}");
    }
}

/// Each change is read without a problem; the object then has this box and perhaps a shape.
#[test]
fn values_that_tools_write_in_other_ways_are_read() {
    let shape = r#""segmentation": [[1, 1, 5, 1, 5, 5]]"#;
    for (change, bbox, has_shape) in [
        (r#""iscrowd": null"#, [1.0, 2.0, 4.0, 6.0], false),
        (r#""area": null"#, [1.0, 2.0, 4.0, 6.0], false),
        (r#""segmentation": null"#, [1.0, 2.0, 4.0, 6.0], false),
        (
            r#""id": 5.0; "image_id": 1.0; "category_id": 1e0"#,
            [1.0, 2.0, 4.0, 6.0],
            false,
        ),
        (
            r#""id": "5"; "image_id": "1.0"; "category_id": " 01 "; "bbox": [1, "2.0000", "3", "4e0"]"#,
            [1.0, 2.0, 4.0, 6.0],
            false,
        ),
        (
            r#""area": "7.5"; "segmentation": [["1", "1.0", 5, 1, "5", 5]]"#,
            [1.0, 2.0, 4.0, 6.0],
            true,
        ),
        (
            r#""segmentation": ["1", 1, 5, 1, "5.0", 5]"#,
            [1.0, 2.0, 4.0, 6.0],
            true,
        ),
        (
            r#""segmentation": [1, 1, 5, 1, 5, 5]"#,
            [1.0, 2.0, 4.0, 6.0],
            true,
        ),
        (
            r#""segmentation": {"size": [6.0, 8], "counts": [8.0, 40]}"#,
            [1.0, 2.0, 4.0, 6.0],
            true,
        ),
        (&format!("\"bbox\"; {shape}"), [1.0, 1.0, 5.0, 5.0], true),
        (
            &format!("\"bbox\": []; {shape}"),
            [1.0, 1.0, 5.0, 5.0],
            true,
        ),
        (
            r#""bbox": null; "segmentation": {"size": [6, 8], "counts": [7, 2, 39]}"#,
            [1.0, 1.0, 2.0, 3.0],
            true,
        ),
    ] {
        let (source, _, _dir) = read_with(change);
        assert_eq!(source.problems, [], "{change}");
        assert_eq!(source.remarks, [], "{change}");
        let object = &by_id(&source, "1").objects[0];
        assert_eq!((object.instance_id, object.class_id), (5, 0), "{change}");
        assert_eq!(object.bbox, bbox, "{change}");
        assert_eq!(object.segmentation.is_some(), has_shape, "{change}");
    }
}

/// Reads a data set whose training file is [`with_annotation`]; returns that file's path, too.
fn read_with(change: &str) -> (Source, String, TempDir) {
    let text = with_annotation(change);
    let val = fixture("instances_val2014.json");
    let dir = root(
        &[
            ("instances_train2014.json", &text),
            ("instances_val2014.json", &val),
        ],
        &["train2014", "val2014"],
    );
    let source = coco::read(dir.path(), &naming()).unwrap();
    let path = dir.path().join("annotations/instances_train2014.json");
    (source, path.display().to_string(), dir)
}

#[test]
fn images_and_ids_that_do_not_fit_are_named() {
    let image = |id: i64, size: &str| format!(r#"{{{size}"file_name": "a.jpg", "id": {id}}}"#);
    let sized = r#""width": 8, "height": 6, "#;
    let object = |id: i64, image_id: i64| {
        format!(r#"{{"id": {id}, "image_id": {image_id}, "category_id": 1, "bbox": [0, 0, 1, 1]}}"#)
    };
    let good = image(1, sized);
    let other = good.replace("a.jpg", "b.jpg");
    // Elements of `images`, elements of `annotations`, the problems, the remarks, the ids of the images
    // that remain.
    type Case<'a> = (
        &'a str,
        &'a str,
        &'a [&'a str],
        &'a [&'a str],
        &'a [&'a str],
    );
    let cases: [Case; 8] = [
        (
            &format!("{good}, {}", image(2, r#""width": -1, "height": 0, "#)),
            &format!("{}, {}", object(1, 2), object(2, 2)),
            &[],
            &[],
            &["1", "2"],
        ),
        (
            &format!("{good}, {}", image(2, r#""width": "x", "height": 6.5, "#)),
            "",
            &[],
            &[
                r#"images[1].width: found "x", expected a whole number"#,
                "images[1].height: found 6.5, expected a whole number of 64 bits",
            ],
            &["1", "2"],
        ),
        (
            &format!("7, {good}"),
            "",
            &["images[0]: found 7, expected an object"],
            &[],
            &["1"],
        ),
        (
            &format!("{good}, {good}, {}", image(2, sized)),
            "",
            &[],
            &["images[id=1]: found the id again for a.jpg, expected one image with the id (a.jpg)"],
            &["1", "2"],
        ),
        (
            &format!("{good}, {other}, {}", image(2, sized)),
            "",
            &["images[id=1]: found the id again for b.jpg, expected one image with the id (a.jpg)"],
            &[],
            &["2"],
        ),
        (
            &good,
            &format!("{}, {}, {}", object(1, 1), object(2, 77), object(3, 77)),
            &["annotations[1].image_id: found 77, expected the id of one of the images"],
            &[],
            &["1"],
        ),
        (
            &format!("{good}, {}", image(2, sized)),
            &format!("{}, {}, {}", object(4, 1), object(4, 2), object(4, 1)),
            &[],
            &[],
            &["1", "2"],
        ),
        (
            r#"{"id": 3, "file_name": "..", "width": 8, "height": 6}"#,
            "",
            &[r#"images[id=3].file_name: found "..", expected a file inside the image folder"#],
            &[],
            &[],
        ),
    ];
    for (images, annotations, problems, remarks, remaining) in cases {
        let train = format!(
            r#"{{"images": [{images}], "annotations": [{annotations}],
                "categories": [{{"id": 1, "name": "person"}}]}}"#
        );
        let val = fixture("instances_val2014.json");
        let dir = root(
            &[
                ("instances_train2014.json", &train),
                ("instances_val2014.json", &val),
            ],
            &["train2014", "val2014"],
        );
        let source = coco::read(dir.path(), &naming()).unwrap();
        let path = dir.path().join("annotations/instances_train2014.json");
        for (found, expected) in [(&source.problems, problems), (&source.remarks, remarks)] {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            let expected: Vec<String> = expected
                .iter()
                .map(|problem| format!("{}: {problem}", path.display()))
                .collect();
            assert_eq!(found, expected);
        }
        assert_eq!(ids(&source, Split::Train), remaining);
        let objects = source.images.iter().map(|image| &image.objects);
        for objects in objects.filter(|objects| objects.len() > 1) {
            assert_ne!(objects[0].instance_id, objects[1].instance_id);
        }
    }
}

#[test]
fn an_image_in_two_files_is_in_the_first_split_only() {
    let val = fixture("instances_val2014.json");
    let dir = root(
        &[
            ("instances_train2014.json", &val),
            ("instances_val2014.json", &val),
        ],
        &["train2014", "val2014"],
    );
    let source = coco::read(dir.path(), &naming()).unwrap();
    assert_eq!(source.images.len(), 1);
    assert_eq!(source.images[0].split, Split::Train);
    let problem = source.problems[0].to_string();
    assert!(
        problem.ends_with(
            "instances_val2014.json: images[id=100]: found an id that another annotation file has \
             too, expected an image in one split only"
        ),
        "{problem}"
    );
}

#[test]
fn a_file_that_is_not_instances_ends_with_one_line() {
    for (text, expected) in [
        ("", "file: found nothing, expected a JSON object"),
        ("[]", "file: found [], expected an object"),
        ("{}", "images: found nothing, expected an array"),
        (
            r#"{"images": [], "categories": []}"#,
            "annotations: found nothing, expected an array",
        ),
        (
            r#"{"images": [], "annotations": []}"#,
            "categories: found nothing, expected an array",
        ),
        (r#"{"images": {}}"#, "images: found {, expected an array"),
        (
            "{\"images\": [],\n  \"annotations\": [}",
            "line 2, column 19: found `}`, expected an object",
        ),
        (
            "{\"images\": [],\n\n",
            "line 3, column 1: found the end of the file, expected a key in quotes",
        ),
        (
            r#"{"images": [] "annotations": []}"#,
            "line 1, column 15: found `\"`, expected `,` or `}`",
        ),
        (
            r#"{"images" []}"#,
            "line 1, column 11: found `[`, expected `:`",
        ),
        (
            r#"{"info": [NaN, Infinity, -Infinity]}"#,
            "images: found nothing, expected an array",
        ),
        (
            r#"{"info": Nan}"#,
            "line 1, column 10: found `N`, expected a value",
        ),
        (
            r#"{"info": -Inf}"#,
            "line 1, column 11: found `I`, expected a digit",
        ),
        (
            r#"{"info": nul}"#,
            "line 1, column 10: found `n`, expected null",
        ),
        (
            r#"{"info": [1, 02]}"#,
            "line 1, column 15: found `2`, expected a number without leading zeros",
        ),
        (
            r#"{"info": -}"#,
            "line 1, column 11: found `}`, expected a digit",
        ),
        (
            r#"{"info": 1.}"#,
            "line 1, column 12: found `}`, expected a digit",
        ),
        (
            r#"{"info": "never closed}"#,
            "line 1, column 24: found the end of the file, expected the end of the string, `\"`",
        ),
        (
            r#"{"\ud800": 1}"#,
            r#"line 1, column 2: found "\ud800", expected a string in UTF-8 with valid escapes"#,
        ),
        (
            r#"{"images": [], "annotations": [], "categories": []} x"#,
            "line 1, column 53: found `x`, expected the end of the file",
        ),
        (
            r#"{"images": [], "annotations": [], "categories": [{"id": 1}]}"#,
            "categories[0].name: found nothing, expected a string",
        ),
    ] {
        let dir = root(&[("a.json", text)], &[]);
        let path = dir.path().join("annotations/a.json");
        let message = load_instances(&path).unwrap_err().to_string();
        assert_eq!(message, format!("{}: {expected}", path.display()), "{text}");
    }
    let deep = format!(r#"{{"info": {}"#, "[".repeat(100_000));
    let dir = root(&[("deep.json", &deep)], &[]);
    let message = load_instances(dir.path().join("annotations/deep.json")).unwrap_err();
    assert!(message.to_string().contains("at most 128"), "{message}");
}

#[test]
fn a_file_cut_or_damaged_anywhere_is_an_error_or_a_problem() {
    let good = fixture("instances_train2014.json");
    let dir = root(&[], &[]);
    // A new file each time, because overwriting one would wait for the disk.
    let file = |name: String, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs_err::write(&path, bytes).unwrap();
        path
    };
    for length in 0..good.trim_end().len() {
        let path = file(format!("cut{length}"), &good.as_bytes()[..length]);
        assert!(load_instances(path).is_err(), "cut to {length} bytes");
    }
    let mut accepted = 0;
    for at in 0..good.len() {
        // Another byte: one that means something in JSON, a letter, or 0xff, which is not UTF-8.
        let mut damaged = good.clone().into_bytes();
        damaged[at] = b"\"{}[],:0-.e\\x\xff"[at % 14];
        if let Ok(instances) = load_instances(file(format!("damaged{at}"), &damaged)) {
            accepted += 1;
            for (index, image) in instances.images().iter().enumerate() {
                for annotation in instances.annotations_of(index) {
                    let _ = instances.segmentation(annotation, image);
                }
            }
        }
    }
    assert!(accepted > 0 && accepted < good.len());
}
