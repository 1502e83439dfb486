//! Reads broken instances files and checks that the message names the element, what was found and what was
//! expected, and that an image with a broken element is left out.

use data_prep::dataset::Split;
use data_prep::source::coco::{self, load_instances};
use data_prep::source::naming;

use super::{fixture, ids, root};

/// Makes an instances file with one image (id 1, 8 × 6 pixels) and one annotation. `change` has JSON members,
/// separated by `;`, that replace those of a good annotation; a key without a value removes the member.
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
fn a_broken_annotation_takes_its_image_out_and_is_named() {
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
            r#""bbox": [1, 2, "3", 4]"#,
            r#"bbox[2]: found "3", expected a number"#,
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
        (r#""iscrowd": 2"#, "iscrowd: found 2, expected 0 or 1"),
        (r#""area": "7""#, r#"area: found "7", expected a number"#),
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
            r#""segmentation": [1, 1, 5, 1, 5, 5]"#,
            "segmentation[0]: found 1, expected an array",
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
    ] {
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
        let problems: Vec<String> = source.problems.iter().map(ToString::to_string).collect();
        let expected = format!("{}: annotations[0].{expected}", path.display());
        assert_eq!(problems, [expected], "{change}");
        assert_eq!(source.images.len(), 1, "{change}");
        assert_eq!(source.images[0].image_id, "100", "{change}");
    }
    let good = with_annotation("");
    let dir = root(&[("good.json", &good)], &[]);
    let instances = load_instances(dir.path().join("annotations/good.json")).unwrap();
    assert_eq!(instances.problems(), []);
}

#[test]
fn images_and_ids_that_do_not_fit_are_named() {
    let image = |id: i64, size: &str| format!(r#"{{{size}"file_name": "a.jpg", "id": {id}}}"#);
    let sized = r#""width": 8, "height": 6, "#;
    let object = |id: i64, image_id: i64| {
        format!(r#"{{"id": {id}, "image_id": {image_id}, "category_id": 1, "bbox": [0, 0, 1, 1]}}"#)
    };
    let good = image(1, sized);
    // Elements of `images`, elements of `annotations`, the problems, the ids of the images that remain.
    let cases: [(&str, &str, &[&str], &[&str]); 7] = [
        (
            &format!("{good}, {}", image(2, r#""width": 0, "height": 6, "#)),
            &format!("{}, {}", object(1, 2), object(2, 2)),
            &["images[1].width: found 0, expected at least one pixel"],
            &["1"],
        ),
        (
            &format!("{good}, {}", image(2, r#""width": 7, "#)),
            "",
            &["images[1].height: found nothing, expected a whole number"],
            &["1"],
        ),
        (
            &format!("7, {good}"),
            "",
            &["images[0]: found 7, expected an object"],
            &["1"],
        ),
        (
            &format!("{good}, {good}, {}", image(2, sized)),
            "",
            &["images[id=1]: found the id again for a.jpg, expected one image with the id (a.jpg)"],
            &["2"],
        ),
        (
            &good,
            &format!("{}, {}, {}", object(1, 1), object(2, 77), object(3, 77)),
            &["annotations[1].image_id: found 77, expected the id of one of the images"],
            &["1"],
        ),
        (
            &format!("{good}, {}", image(2, sized)),
            &format!("{}, {}, {}", object(4, 1), object(4, 2), object(4, 1)),
            &["annotations[2].id: found 4 again on image 1, expected another id for each object"],
            &["2"],
        ),
        (
            r#"{"id": 3, "file_name": "../a.jpg", "width": 8, "height": 6}"#,
            "",
            &[
                r#"images[id=3].file_name: found "../a.jpg", expected a file inside the image folder"#,
            ],
            &[],
        ),
    ];
    for (images, annotations, expected, remaining) in cases {
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
        let problems: Vec<String> = source.problems.iter().map(ToString::to_string).collect();
        let expected: Vec<String> = expected
            .iter()
            .map(|problem| format!("{}: {problem}", path.display()))
            .collect();
        assert_eq!(problems, expected);
        assert_eq!(ids(&source, Split::Train), remaining);
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
            r#"{"info": NaN}"#,
            "line 1, column 10: found `N`, expected a value",
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

#[test]
fn categories_must_be_cocos() {
    for (categories, expected) in [
        (
            r#"{"id": 1, "name": "cat"}"#,
            "categories[0].name: found cat, expected person",
        ),
        (
            r#"{"id": 1, "name": "person"}, {"id": 12, "name": "street sign"}"#,
            "categories[1].id: found 12, expected one of COCO's 80 category ids (1 to 90)",
        ),
    ] {
        let text = format!(r#"{{"images": [], "annotations": [], "categories": [{categories}]}}"#);
        let dir = root(
            &[
                ("instances_train2014.json", &text),
                ("instances_val2014.json", &text),
            ],
            &["train2014", "val2014"],
        );
        let message = coco::read(dir.path(), &naming()).unwrap_err().to_string();
        assert!(message.ends_with(expected), "{message}");
    }
}
