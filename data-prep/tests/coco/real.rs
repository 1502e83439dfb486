//! Runs the program on data that is not part of the repository, in the folder `shared/` beside it, and skips what
//! is not there: `cases/`, small folders each with one oddity of a real export, and `data/own/`, data sets that
//! other people annotated.

use std::path::{Path, PathBuf};

use data_prep::dataset::Split;

use super::own::{read, run};

/// Returns a folder relative to `shared/data` (or to GUIDANCE_DATA); `None` where it is not there.
fn shared(name: &str) -> Option<PathBuf> {
    let data = std::env::var_os("GUIDANCE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let folder = data.join(name);
    if !folder.is_dir() {
        println!("skipped: no {name}");
    }
    folder.is_dir().then_some(folder)
}

#[test]
fn cases_from_the_wild_are_read() {
    let Some(cases) = shared("../cases") else {
        return;
    };
    // The case's folder, the fields listed in skipped.parquet (faults that cost no object), the labels of image 1,
    // and the numbers of its objects with a shape and of all its objects.
    type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a str], [usize; 2]);
    let dog = &["dog"][..];
    let cases_right: [Case; 13] = [
        ("30-coco-own-classes", &[], &["RBC"], [1, 1]),
        ("30b-coco-fiftyone-0based", &[], dog, [1, 1]),
        (
            "31b-coco-seg-nested-empty",
            &["annotations[0].segmentation[0]"],
            dog,
            [1, 2],
        ),
        (
            "31c-coco-seg-point",
            &["annotations[0].segmentation[0]"],
            dog,
            [1, 2],
        ),
        (
            "31d-coco-seg-point-beside-polygon",
            &["annotations[0].segmentation[1]"],
            dog,
            [1, 1],
        ),
        ("31f-coco-seg-flat", &[], dog, [1, 1]),
        (
            "31l-coco-seg-two-points",
            &["annotations[0].segmentation[0]"],
            dog,
            [1, 2],
        ),
        ("33b-coco-iscrowd-null", &[], dog, [1, 1]),
        ("34-coco-float-ids", &[], dog, [1, 1]),
        ("35-coco-width-minus-1", &[], dog, [1, 1]),
        ("35d-coco-exif6-upright", &[], dog, [1, 1]),
        ("36h-coco-area-nan", &["annotations[0].area"], dog, [2, 2]),
        ("38c-coco-dot-slash", &[], dog, [1, 1]),
    ];
    for (case, skipped, labels, shapes) in cases_right {
        let folder = cases.join(case).display().to_string();
        for arguments in [vec!["coco", "--root", &folder], vec!["read", &folder]] {
            let made = run(&arguments);
            assert_eq!(made.code, 0, "{case}: {}", made.stderr);
            assert_eq!(made.skipped, skipped, "{case}");
            assert_eq!(made.labels("1"), labels, "{case}");
            let image = &made.dataset().images[made.dataset().index_by_id()["1"]];
            let with_shape = image
                .objects
                .iter()
                .filter(|object| object.segmentation.is_some());
            assert_eq!([with_shape.count(), image.objects.len()], shapes, "{case}");
            // Image 1 of 35d is annotated at the size that it has once its EXIF orientation is applied.
            let upright = case.starts_with("35d");
            let size = if upright { (48, 64) } else { (64, 48) };
            assert_eq!((image.width, image.height), size, "{case}");
        }
    }
}

#[test]
fn cacao_and_facade_are_read_as_they_are() {
    // The data set, its images in train, val and test, its number of classes, and a line printed.
    for (name, images, classes, note) in [
        (
            "cacao",
            [217, 71, 30],
            4,
            "category cacao-diseases-pest is only the others' supercategory: left out",
        ),
        (
            "facade",
            [407, 84, 83],
            10,
            "several categories are called facade",
        ),
    ] {
        let Some(folder) = shared(&format!("own/{name}")) else {
            continue;
        };
        let made = read(&folder, &[]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        assert_eq!(
            Split::ALL.map(|split| made.ids(split).len()),
            images,
            "{name}"
        );
        assert_eq!(made.dataset().classes.len(), classes, "{name}");
        assert_eq!(made.dataset().name(), name);
        made.says(note);
    }
}
