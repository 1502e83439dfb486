//! Runs `data-prep voc` on small devkits (folders in VOC's layout) and checks the data folder that it makes, and
//! the one line that it prints for whatever is broken. `layouts` has other layouts of folders, `objects` what an
//! annotation may say, `segmentations` segmentation images, `cases` real exports.
#![allow(clippy::unwrap_used, missing_docs)]

mod cases;
mod devkit;
mod layouts;
mod objects;
mod segmentations;

use std::path::{Path, PathBuf};
use std::process::Output;

use data_prep::dataset::{Dataset, Split};
use data_prep::schema::{DATASET_KEY, IMAGES, SKIPPED};
use data_prep::source::{naming, voc};
use data_prep::table::{Provenance, column, read_table, write_table};

use devkit::{Devkit, annotation, assert_code, names, object, stderr};

#[test]
fn a_devkit_becomes_a_data_folder() {
    let devkit = Devkit::new();
    // Windows line ends, a byte order mark, blank lines.
    devkit.set("train", "\u{feff}a\r\n\r\n  b \r\n\n");
    let part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax>\
                <ymax>2</ymax></bndbox></part></object>";
    let person = object("person", "48.5 2.25 60 30", "1").replace("</object>", part);
    let cat = object(" cat ", "1 1 9 9", "0").replace("<difficult>0</difficult>", "");
    let objects = [person, cat, object("person", "3 4 5 6", "0")].concat();
    devkit.annotate(
        "b",
        &format!(
            "\u{feff}<?xml version=\"1.0\"?>\n{}",
            annotation(61, 33, &objects)
        ),
    );
    devkit.image("b", 61, 33);
    let output = devkit.run(&[]);
    assert_code(&output, 0);

    let dataset = Dataset::open(devkit.out()).unwrap();
    // Not "voc2007": the published data set has no images called a, b and c.
    assert_eq!(dataset.name(), "voc2007-own");
    assert_eq!(dataset.classes, voc::CLASSES);
    assert!(dataset.groups.is_empty());
    assert_eq!(
        Split::ALL.map(|split| dataset.indices(split)),
        [vec![0, 1], vec![], vec![2]]
    );
    let b = &dataset.images[1];
    assert_eq!((b.image_id.as_str(), b.file_name.as_str()), ("b", "b.jpg"));
    assert_eq!((b.width, b.height, b.group_id), (61, 33, None));
    assert_eq!(b.labels, [7, 14]);
    let objects: Vec<_> = b
        .objects
        .iter()
        .map(|o| {
            (
                o.instance_id,
                o.class_id,
                o.bbox,
                o.is_difficult,
                o.segmentation.is_some(),
            )
        })
        .collect();
    assert_eq!(
        objects,
        [
            (1, 14, [48.5, 2.25, 60.0, 30.0], true, false),
            (2, 7, [1.0, 1.0, 9.0, 9.0], false, false),
            (3, 14, [3.0, 4.0, 5.0, 6.0], false, false),
        ]
    );
    // Both persons, the difficult one too. On the grid of 16 × 16 they are 3 × 13 cells and one cell.
    assert_eq!(dataset.class_boxes(b, 14).len(), 2);
    assert_eq!(dataset.class_mask(b, 14, 0.0).area(), 3 * 13 + 1);
    assert_eq!(dataset.class_segmentation(b, 14), None);
    // The images are green.
    assert_eq!(dataset.pixels().len(), 3);
    assert_eq!(dataset.pixels().row(b.pixel_row).len(), 16 * 16 * 3);
    assert!(
        dataset
            .pixels()
            .row(1)
            .chunks(3)
            .all(|rgb| rgb[1] > 150 && rgb[2] < 40)
    );
}

#[test]
fn segmentation_images_become_run_lengths() {
    let devkit = Devkit::new();
    let objects = [object("dog", "1 1 2 2", "0"), object("dog", "3 1 4 2", "0")].concat();
    devkit.annotate("a", &annotation(4, 3, &objects));
    devkit.image("a", 4, 3);
    devkit.palette(
        "SegmentationObject/a.png",
        4,
        &[1, 1, 255, 2, 1, 0, 255, 2, 0, 0, 0, 0],
    );
    devkit.palette(
        "SegmentationClass/a.png",
        4,
        &[12, 12, 255, 12, 12, 0, 255, 12, 0, 0, 0, 0],
    );
    assert_code(&devkit.run(&[]), 0);
    let dataset = Dataset::open(devkit.out()).unwrap();
    let a = &dataset.images[0];
    let bitmaps: Vec<Vec<bool>> = a
        .objects
        .iter()
        .map(|o| o.segmentation.as_ref().unwrap().to_bitmap())
        .collect();
    let inside = |indices: [usize; 12]| indices.map(|index| index == 1).to_vec();
    assert_eq!(bitmaps[0], inside([1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(bitmaps[1], inside([0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]));
    // Bitmaps have the image's 4 × 3 pixels, the union has the grid's 16 × 16: its column 15 is a dog, its column
    // 9 is the void (index 255, not annotated).
    let union = dataset.class_segmentation(a, 11).unwrap();
    assert!(union.get(0, 0) && union.get(0, 15) && !union.get(15, 0) && !union.get(0, 9));
    assert_eq!(dataset.class_segmentation(&dataset.images[1], 11), None);
}

#[test]
fn each_broken_item_is_one_line_naming_file_field_found_and_expected() {
    type Damage = fn(&Devkit);
    let cases: [(Damage, &str); 13] = [
        (
            |d| fs_err::remove_file(d.root().join("JPEGImages/b.jpg")).unwrap(),
            "JPEGImages/b.jpg: file: found no such file, expected an image",
        ),
        (
            |d| fs_err::remove_file(d.root().join("Annotations/b.xml")).unwrap(),
            "Annotations/b.xml: file: found no such file, expected an annotation file",
        ),
        (
            |d| {
                let path = d.root().join("JPEGImages/b.jpg");
                let bytes = fs_err::read(&path).unwrap();
                fs_err::write(&path, &bytes[..bytes.len() - 9]).unwrap();
            },
            "JPEGImages/b.jpg: image: found an end after",
        ),
        (
            |d| drop(d.write("JPEGImages/b.jpg", "no image")),
            "JPEGImages/b.jpg: image: found a file that begins [6e, 6f, 20, 69], expected a JPEG",
        ),
        (
            |d| d.image("b", 20, 40),
            "JPEGImages/b.jpg: size: found 20x40, expected 40x20 as annotated",
        ),
        (
            |d| d.annotate("b", "<annotation>\n<size>"),
            "Annotations/b.xml: XML: found ",
        ),
        (
            |d| d.annotate("b", "<html/>"),
            "Annotations/b.xml: root element: found <html>, expected <annotation>",
        ),
        (
            |d| {
                d.annotate(
                    "b",
                    &annotation(40, 20, "").replace("<width>40", "<width>4O"),
                )
            },
            "Annotations/b.xml: size/width: found 4O, expected a positive number of pixels",
        ),
        (
            |d| {
                d.write("classes.txt", "cat\ndog\n");
                d.annotate("b", &annotation(40, 20, &object("unicorn", "1 1 2 2", "0")));
            },
            "Annotations/b.xml: object[1]/name: found unicorn, expected one of cat, dog",
        ),
        (
            |d| d.annotate("b", &annotation(40, 20, &object("dog", "1 x 2 2", "0"))),
            "Annotations/b.xml: object[1]/bndbox/ymin: found x, expected a number",
        ),
        (
            |d| d.annotate("b", &annotation(40, 20, &object("dog", "1 NaN 2 2", "0"))),
            "Annotations/b.xml: object[1]/bndbox/ymin: found NaN, expected a number",
        ),
        (
            |d| d.annotate("b", &annotation(40, 20, &object("dog", "9 1 2 2", "0"))),
            "Annotations/b.xml: object[1]/bndbox: found xmin 9, ymin 1, xmax 2, ymax 2, expected",
        ),
        (
            |d| d.set("test", "c\na\n"),
            "JPEGImages/a.jpg: image_id: found a a second time, in test, expected each id once",
        ),
    ];
    for (damage, expected) in cases {
        let devkit = Devkit::new();
        damage(&devkit);

        let output = devkit.run(&[]);
        assert_code(&output, 2);
        let message = stderr(&output);
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.contains(expected), "{message}, not {expected}");
        assert!(
            names(&devkit.out()).is_empty(),
            "{:?} after {message}",
            names(&devkit.out())
        );

        let output = devkit.run(&["--on-error", "skip"]);
        assert_code(&output, 1);
        let path = devkit.out().join("skipped.parquet");
        let (_, skipped) = read_table(path, &SKIPPED).unwrap();
        assert_eq!(skipped.num_rows(), 1, "{expected}");
        let cell = |name| {
            column::<arrow::array::StringArray>(&skipped, name)
                .value(0)
                .to_owned()
        };
        let [file, field, found, right] = ["file", "field", "found", "expected"].map(cell);
        let line = format!("{file}: {field}: found {found}, expected {right}");
        assert!(message.contains(&line), "{line} is not in {message}");
        let dataset = Dataset::open(devkit.out()).unwrap();
        assert!(dataset.images.len() >= 2);
        // The second run finds the folder finished and makes nothing; 1 still says that an item was skipped.
        assert_code(&devkit.run(&["--on-error", "skip"]), 1);
    }
}

#[test]
fn a_folder_that_is_no_devkit_is_said() {
    let devkit = Devkit::new();
    for list in ["train", "test"] {
        fs_err::remove_file(devkit.root().join(format!("ImageSets/Main/{list}.txt"))).unwrap();
    }
    let message = stderr(&devkit.run(&[]));
    assert!(
        message.contains("found no image in train.txt, val.txt or test.txt"),
        "{message}"
    );
    fs_err::remove_dir_all(devkit.root()).unwrap();
    let output = devkit.run(&[]);
    assert_code(&output, 2);
    assert!(
        stderr(&output).contains("VOC devkit: found no ImageSets/Main"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_same_command_again_does_nothing_and_another_is_refused() {
    let devkit = Devkit::new();
    assert_code(&devkit.run(&[]), 0);
    let path = devkit.out().join("pixels.arrow");
    let written = fs_err::metadata(&path).unwrap().modified().unwrap();

    let again = devkit.run(&[]);
    assert_code(&again, 0);
    assert!(
        stderr(&again).contains("voc2007-own, 3 images, complete already"),
        "{}",
        stderr(&again)
    );
    assert_eq!(
        fs_err::metadata(&path).unwrap().modified().unwrap(),
        written
    );

    devkit.annotate("a", &annotation(40, 20, &object("cat", "1 2 30 18", "0")));
    let refused = devkit.run(&[]);
    assert_code(&refused, 2);
    assert!(
        stderr(&refused).contains("hint: choose another --out"),
        "{}",
        stderr(&refused)
    );
    assert_eq!(Dataset::open(devkit.out()).unwrap().images[0].labels, [11]);

    assert_code(&devkit.run(&["--overwrite"]), 0);
    assert_eq!(Dataset::open(devkit.out()).unwrap().images[0].labels, [7]);
    assert_eq!(
        names(&devkit.out()),
        [
            "classes.parquet",
            "groups.parquet",
            "images.parquet",
            "labels.parquet",
            "masks.parquet",
            "pixels.arrow",
            "skipped.parquet"
        ]
    );
}

#[test]
fn an_image_of_other_contents_and_the_same_size_is_other_data() {
    let devkit = Devkit::new();
    assert_code(&devkit.run(&[]), 0);
    let before = Dataset::open(devkit.out()).unwrap();
    let path = devkit.root().join("JPEGImages/a.jpg");
    let mut bytes = fs_err::read(&path).unwrap();
    let table = bytes
        .windows(2)
        .position(|pair| pair == [0xff, 0xdb])
        .unwrap();
    bytes[table + 5] ^= 0x10; // the quantization step of each block's mean (DC): another brightness
    fs_err::write(&path, bytes).unwrap();
    let refused = devkit.run(&[]);
    assert_code(&refused, 2);
    assert!(
        stderr(&refused).contains("inputs: found a data folder made from "),
        "{}",
        stderr(&refused)
    );
    assert_code(&devkit.run(&["--overwrite"]), 0);
    let after = Dataset::open(devkit.out()).unwrap();
    assert_ne!(after.inputs(), before.inputs());
    assert_ne!(after.pixels().row(0), before.pixels().row(0));
}

#[test]
fn a_folder_of_another_version_is_refused_and_made_again_with_overwrite() {
    for (program, version, expected) in [
        (
            "data-prep 0.0.9",
            2,
            "data: guidance.program: found data-prep 0.0.9, expected data-prep ",
        ),
        (
            "data-prep 0.0.9",
            1,
            "images.parquet: guidance.version: found 1, expected 2\nhint: ",
        ),
    ] {
        let devkit = Devkit::new();
        assert_code(&devkit.run(&[]), 0);
        let path = devkit.out().join("images.parquet");
        let (origin, batch) = read_table(&path, &IMAGES).unwrap();
        let inputs = origin.inputs().unwrap().to_owned();
        let provenance = Provenance::new(program, inputs.as_str())
            .with(DATASET_KEY, origin.get(DATASET_KEY).unwrap());
        let mut spec = IMAGES.clone();
        spec.version = version;
        write_table(&path, &spec, &provenance, &batch).unwrap();
        let former = fs_err::read(&path).unwrap();
        let refused = devkit.run(&[]);
        assert_code(&refused, 2);
        let said = stderr(&refused);
        assert!(
            said.contains(expected) && said.contains("--overwrite"),
            "{said}"
        );
        assert_eq!(fs_err::read(&path).unwrap(), former);

        let again = devkit.run(&["--overwrite"]);
        assert_code(&again, 0);
        assert!(stderr(&again).contains("written"), "{}", stderr(&again));
        let (origin, _) = read_table(&path, &IMAGES).unwrap();
        assert_eq!(origin.inputs(), Some(&*inputs));
        assert_ne!(origin.program(), Some(program));
        // Made by this version from these inputs, it is left alone.
        let again = devkit.run(&["--overwrite"]);
        assert!(
            stderr(&again).contains("complete already"),
            "{}",
            stderr(&again)
        );
    }
}

#[test]
fn data_is_called_by_its_folder_or_as_the_user_says() {
    let devkit = Devkit::new();
    let name = |output: &Output| {
        assert_code(output, 0);
        Dataset::open(devkit.out()).unwrap().name().to_owned()
    };
    let output = devkit.run(&[]);
    assert_eq!(name(&output), "voc2007-own");
    let why = "called voc2007-own, since voc2007 has no image a in train";
    assert!(stderr(&output).contains(why), "{}", stderr(&output));
    let output = devkit.run(&["--overwrite", "--name", "pets"]);
    assert_eq!(name(&output), "pets");
    assert_code(&devkit.run(&["--overwrite", "--name", "voc2007"]), 2);
    fs_err::rename(devkit.root(), devkit.folder.path().join("Our pets")).unwrap();
    let output = devkit.run_in("Our pets", &["--overwrite"]);
    assert_eq!(name(&output), "our-pets");
    assert!(!stderr(&output).contains("called"), "{}", stderr(&output));
}

#[test]
fn the_result_does_not_depend_on_threads() {
    let devkit = Devkit::new();
    let folders: Vec<Vec<u8>> = ["1", "5"]
        .into_iter()
        .map(|threads| {
            assert_code(&devkit.run(&["--threads", threads, "--overwrite"]), 0);
            let files = names(&devkit.out());
            let all = files
                .iter()
                .flat_map(|name| fs_err::read(devkit.out().join(name)).unwrap());
            let bytes = all.collect();
            fs_err::remove_dir_all(devkit.out()).unwrap();
            bytes
        })
        .collect();
    assert_eq!(folders[0], folders[1]);
}

/// Of 30 training images the limits keep 12, 5, and all. The 5 are among the 12.
#[test]
fn a_limit_keeps_a_fixed_part_and_a_smaller_one_a_part_of_it() {
    let devkit = Devkit::new();
    let ids: Vec<String> = (0..30).map(|number| format!("{number:06}")).collect();
    devkit.set("train", &ids.join("\n"));
    for image_id in &ids {
        devkit.image(image_id, 40, 20);
        devkit.annotate(image_id, &annotation(40, 20, ""));
    }
    let kept: Vec<Vec<String>> = ["train=12", "train=5", "train=500"]
        .into_iter()
        .map(|limit| {
            assert_code(
                &devkit.run(&["--overwrite", "--limit", limit, "--limit", "test=1"]),
                0,
            );
            let dataset = Dataset::open(devkit.out()).unwrap();
            assert_eq!(dataset.indices(Split::Test).len(), 1);
            let train = dataset.indices(Split::Train).into_iter();
            train
                .map(|index| dataset.images[index].image_id.clone())
                .collect()
        })
        .collect();
    assert_eq!(kept.iter().map(Vec::len).collect::<Vec<_>>(), [12, 5, 30]);
    assert!(kept[1].iter().all(|image_id| kept[0].contains(image_id)));
    // Python: sorted(ids, key=lambda i: hashlib.sha256(f"0:{i}".encode()).digest())[:5]
    assert_eq!(kept[1], ["000002", "000011", "000013", "000015", "000019"]);
}

#[test]
fn real_voc_is_read_whole() {
    let data = std::env::var_os("GUIDANCE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let root = data.join("VOCdevkit");
    if !root.is_dir() {
        println!("skipped: real_voc_is_read_whole: no real data");
        return;
    }
    let source = voc::read(&root, &naming()).unwrap();
    assert_eq!((&*source.name, &*source.notes), ("voc2007", &[][..]));
    assert_eq!(source.problems, []);
    let pairs = |split: Split| {
        let images = source.images.iter().filter(|image| image.split == split);
        images.map(|image| image.labels().len()).sum::<usize>()
    };
    let counts = Split::ALL.map(|split| {
        (
            source
                .images
                .iter()
                .filter(|image| image.split == split)
                .count(),
            pairs(split),
        )
    });
    // Images and (image, class) pairs of train, val and test in the copy that the test is written for, which lacks
    // some of VOC's images.
    assert_eq!(counts, [(2500, 4016), (2508, 3892), (965, 1427)]);
}
