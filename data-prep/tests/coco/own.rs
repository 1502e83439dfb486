//! Runs `data-prep read` and `coco` on COCO JSON as other tools export it, with other categories, folders, names
//! and ids than MS COCO's, and checks the data folder and what is printed.

use std::path::Path;
use std::process::Command;

use arrow::array::{AsArray, StringArray};
use data_prep::dataset::{Dataset, Split};
use data_prep::schema::SKIPPED;
use data_prep::table::read_table;
use tempfile::TempDir;

/// Width and height of the images drawn.
const SIZE: (u32, u32) = (16, 12);

/// What a run of the program made.
#[must_use]
pub struct Made {
    pub code: i32,
    pub stderr: String,
    dataset: Option<Dataset>,
    /// The column `field` of `skipped.parquet`: what was left out, and faults that cost nothing.
    pub skipped: Vec<String>,
    _out: TempDir,
}

impl Made {
    /// The ids of a split's images.
    pub fn ids(&self, split: Split) -> Vec<&str> {
        let images = self.dataset().images.iter();
        let images = images.filter(|image| image.split == split);
        images.map(|image| image.image_id.as_str()).collect()
    }

    pub fn dataset(&self) -> &Dataset {
        self.dataset
            .as_ref()
            .unwrap_or_else(|| panic!("{}", self.stderr))
    }

    /// The names of an image's labels.
    pub fn labels(&self, image_id: &str) -> Vec<&str> {
        let dataset = self.dataset();
        let image = &dataset.images[dataset.index_by_id()[image_id]];
        let labels = image.labels.iter();
        labels
            .map(|&label| dataset.classes[label as usize].as_str())
            .collect()
    }

    /// Checks that standard error has this text.
    #[track_caller]
    pub fn says(&self, text: &str) {
        assert!(self.stderr.contains(text), "{}\nnot: {text}", self.stderr);
    }
}

/// Runs the program with these arguments and opens what it made.
pub fn run<A: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = A>) -> Made {
    let temporary = TempDir::new().unwrap();
    let out = temporary.path().join("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_data-prep"));
    let command = command.args(arguments).args(["--size", "16", "--out"]);
    let output = command.arg(&out).output().unwrap();
    let skipped = read_table(out.join("skipped.parquet"), &SKIPPED);
    let fields = skipped.map_or_else(
        |_| Vec::new(),
        |(_, batch)| {
            let fields: &StringArray = batch.column_by_name("field").unwrap().as_string();
            fields
                .iter()
                .map(|field| field.unwrap().to_owned())
                .collect()
        },
    );
    Made {
        code: output.status.code().unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        dataset: Dataset::open(&out).ok(),
        skipped: fields,
        _out: temporary,
    }
}

pub fn read(folder: &Path, more: &[&str]) -> Made {
    run([&["read", folder.to_str().unwrap()], more].concat())
}

/// Writes a gray PNG of [`SIZE`]. The file's name may end otherwise: the content decides how it is decoded.
pub fn draw(path: &Path) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    let (width, height) = SIZE;
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let pixels: Vec<u8> = (0..width * height).map(|pixel| pixel as u8).collect();
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&pixels)
        .unwrap();
}

/// Makes a data set of JSON files (path, text) and images.
pub fn data(files: &[(&str, &str)], images: &[&str]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    for image in images {
        draw(&dir.path().join(image));
    }
    dir
}

/// The categories that most tests have. Their ids have gaps, one is below 0, one beyond 32 bits; no annotation is
/// of the third.
const CATEGORIES: &str = r#"{"id": 90000000000, "name": "pod"}, {"id": -3, "name": "leaf"},
    {"id": 7, "name": "unused"}"#;

/// Makes an instances file of images (id, file name) and annotations (image id, category id), each with a
/// box.
pub fn json(images: &[(i64, &str)], annotations: &[(i64, i64)]) -> String {
    json_with(CATEGORIES, images, annotations)
}

pub fn json_with(categories: &str, images: &[(i64, &str)], annotations: &[(i64, i64)]) -> String {
    let (width, height) = SIZE;
    let images = images.iter().map(|(id, name)| {
        format!(r#"{{"id": {id}, "file_name": "{name}", "width": {width}, "height": {height}}}"#)
    });
    let annotations = annotations
        .iter()
        .enumerate()
        .map(|(index, (image, category))| {
            format!(
                r#"{{"id": {index}, "image_id": {image}, "category_id": {category},
                "bbox": [2, 3, 6, 5], "iscrowd": 0, "segmentation": []}}"#
            )
        });
    let list = |list: Vec<String>| list.join(", ");
    format!(
        r#"{{"images": [{}], "annotations": [{}], "categories": [{categories}]}}"#,
        list(images.collect()),
        list(annotations.collect()),
    )
}

#[test]
fn exports_of_many_tools_are_read() {
    let ab = json(
        &[(1, "a.png"), (2, "b.png")],
        &[(1, 90_000_000_000), (2, -3)],
    );
    let c = json(&[(3, "c.png")], &[(3, -3)]);
    let d = json(&[(4, "d.png")], &[]);
    let other = r#"{"images": [], "annotations": [{"caption": "a"}]}"#;
    // A name, JSON files, images, and the ids of the images in train, val and test. Where the data has no splits,
    // the first list has the ids of all images and the others are empty.
    type Layout<'a> = (
        &'a str,
        &'a [(&'a str, &'a str)],
        &'a [&'a str],
        [&'a [&'a str]; 3],
    );
    let own: [Layout; 10] = [
        (
            "Roboflow",
            &[
                ("train/_annotations.coco.json", &ab),
                ("valid/_annotations.coco.json", &c),
                ("test/_annotations.coco.json", &d),
            ],
            &["train/a.png", "train/b.png", "valid/c.png", "test/d.png"],
            [&["1", "2"], &["3"], &["4"]],
        ),
        (
            "names as MS COCO's, with a test set, and more files than instances",
            &[
                ("annotations/instances_train2017.json", &ab),
                ("annotations/instances_val2017.json", &c),
                ("annotations/instances_test2017.json", &d),
                ("annotations/person_keypoints_train2017.json", &ab),
                ("annotations/captions_val2017.json", other),
            ],
            &[
                "train2017/a.png",
                "train2017/b.png",
                "val2017/c.png",
                "test2017/d.png",
            ],
            [&["1", "2"], &["3"], &["4"]],
        ),
        (
            "image folders named for splits in images",
            &[
                ("train.json", &ab),
                ("validation.json", &c),
                ("test.json", &d),
            ],
            &[
                "images/training/a.png",
                "images/training/b.png",
                "images/val/c.png",
                "images/test/d.png",
            ],
            [&["1", "2"], &["3"], &["4"]],
        ),
        (
            "FiftyOne by split",
            &[
                ("train/labels.json", &ab),
                ("val/labels.json", &c),
                ("test/labels.json", &d),
            ],
            &[
                "train/data/a.png",
                "train/data/b.png",
                "val/data/c.png",
                "test/data/d.png",
            ],
            [&["1", "2"], &["3"], &["4"]],
        ),
        (
            "one folder of images for all",
            &[
                ("annotations/train.json", &ab),
                ("annotations/val.json", &c),
                ("annotations/test.json", &d),
            ],
            &[
                "JPEGImages/a.png",
                "JPEGImages/b.png",
                "JPEGImages/c.png",
                "JPEGImages/d.png",
            ],
            [&["1", "2"], &["3"], &["4"]],
        ),
        (
            "CVAT",
            &[("annotations/instances_default.json", &ab)],
            &["images/default/a.png", "images/default/b.png"],
            [&["1", "2"], &[], &[]],
        ),
        (
            "CVAT, images",
            &[("annotations/instances_default.json", &ab)],
            &["images/a.png", "images/b.png"],
            [&["1", "2"], &[], &[]],
        ),
        (
            "FiftyOne",
            &[("labels.json", &ab), ("more/info.json", "{}")],
            &["data/a.png", "data/b.png"],
            [&["1", "2"], &[], &[]],
        ),
        (
            "Label Studio",
            &[("result.json", &ab)],
            &["images/a.png", "images/b.png"],
            [&["1", "2"], &[], &[]],
        ),
        (
            "a file for validation alone",
            &[("annotations/val.json", &ab)],
            &["frames/a.png", "frames/b.png"],
            [&["1", "2"], &[], &[]],
        ),
    ];
    for (name, files, images, expected) in own {
        let dir = data(files, images);
        let made = read(dir.path(), &[]);
        assert_eq!(made.code, 0, "{name}: {}", made.stderr);
        made.says("recognised: COCO JSON");
        if expected[1].is_empty() {
            made.says("the data has no splits");
            let mut all = Split::ALL.map(|split| made.ids(split)).concat();
            all.sort_unstable();
            assert_eq!(all, expected[0], "{name}");
        } else {
            assert_eq!(Split::ALL.map(|split| made.ids(split)), expected, "{name}");
        }
        assert_eq!(made.dataset().classes, ["leaf", "unused", "pod"], "{name}");
        assert_eq!(
            (made.labels("1"), made.labels("2")),
            (vec!["pod"], vec!["leaf"]),
            "{name}"
        );
        made.says("no annotation is of unused: no image has the label");
    }
}

/// `data-prep coco`, which is for MS COCO's layout, reads data in this layout with other classes, too.
#[test]
fn the_old_command_reads_own_classes_too() {
    let train = json(&[(1, "a.png")], &[(1, -3)]);
    let val = json(&[(2, "b.png")], &[]);
    let dir = data(
        &[
            ("annotations/instances_train2014.json", &train),
            ("annotations/instances_val2014.json", &val),
        ],
        &["train2014/a.png", "val2014/b.png"],
    );
    let made = run(["coco", "--root", dir.path().to_str().unwrap()]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(
        Split::ALL.map(|split| made.ids(split)),
        [vec!["1"], vec!["2"], vec![]]
    );
    made.says("COCO has no category pod with the id 90000000000: read as own data");
    assert_eq!(made.labels("1"), ["leaf"]);
}

/// The same class may have another id in each annotation file, and two categories of one name are one class.
#[test]
fn classes_are_known_by_name() {
    let train = json_with(
        r#"{"id": 0, "name": "facade"}, {"id": 1, "name": "door"}, {"id": 3, "name": "facade"}"#,
        &[(0, "a.png")],
        &[(0, 3), (0, 1)],
    );
    let val = json_with(
        r#"{"id": 1, "name": "window"}, {"id": 2, "name": "door"}"#,
        &[(0, "a.png")],
        &[(0, 1), (0, 2)],
    );
    let dir = data(
        &[
            ("train/_annotations.coco.json", &train),
            ("valid/_annotations.coco.json", &val),
        ],
        &["train/a.png", "valid/a.png"],
    );
    let made = read(dir.path(), &["--split", "100,0,0"]);
    assert_eq!(made.dataset().classes, ["facade", "door", "window"]);
    made.says("several categories are called facade: they are one class");
    assert!(
        !made.stderr.contains("no annotation is of"),
        "{}",
        made.stderr
    );
    // Ids restart in each file.
    made.says("image ids restart in each annotation file: written as train/0");
    assert_eq!(made.labels("train/0"), ["facade", "door"]);
    assert_eq!(made.labels("val/0"), ["door", "window"]);

    let twice = r#"{"id": 1, "name": "door"}, {"id": 1, "name": "window"}"#;
    let dir = data(
        &[("a.json", &json_with(twice, &[(1, "a.png")], &[]))],
        &["a.png"],
    );
    let made = read(dir.path(), &[]);
    assert_eq!(made.code, 2);
    made.says("a.json: categories[1].id: found 1 again, for window, expected each id for one name");
}

#[test]
fn a_file_is_found_by_what_its_name_says() {
    let name = |name: &str| json(&[(1, name)], &[(1, -3)]);
    // The JSON's file_name, the file that is taken, and whether the program says that it was found elsewhere.
    for (given, file_name, is_renamed) in [
        ("./a b.png", "a b.png", false),
        (r".\\sub\\c.png", "sub/c.png", false),
        ("sub/c.png", "sub/c.png", false),
        ("/home/someone/data/a b.png", "a b.png", true),
        (r"C:\\Users\\x\\a b.png", "a b.png", true),
        ("https://example.org/up/a b.png?token=1", "a b.png", true),
        ("other/a b.png", "a b.png", true),
        ("A B.PNG", "a b.png", true),
        ("a b.jpg", "a b.png", true),
        ("../../label-studio/upload/1/a b.png", "a b.png", true),
        (r"..\\..\\upload\\1\\a b.png", "a b.png", true),
        ("../other/sub/c.png", "sub/c.png", true),
    ] {
        let dir = data(
            &[("x.json", &name(given))],
            &["images/a b.png", "images/sub/c.png"],
        );
        let made = read(dir.path(), &[]);
        assert_eq!(made.code, 0, "{given}: {}", made.stderr);
        assert_eq!(made.dataset().images[0].file_name, file_name, "{given}");
        let says = made.stderr.contains(
            "images found under another name or in another folder than their file_name says: 1",
        );
        assert_eq!(says, is_renamed, "{given}: {}", made.stderr);
    }
    // Nothing outside of the folder is read.
    let dir = data(&[("x/x.json", &name("../a.png"))], &["a.png", "x/b.png"]);
    let made = read(&dir.path().join("x"), &[]);
    assert_eq!(made.code, 2);
    made.says("x.json: image folder: found no ../a.png in any folder looked in (.), expected");
    let dir = data(&[("x.json", &name("sub/.."))], &["a.png"]);
    let made = read(dir.path(), &[]);
    assert_eq!(made.code, 2);
    made.says(r#"images[id=1].file_name: found "sub/..", expected a file inside the image folder"#);

    let dir = data(&[("x.json", &name("z.png"))], &["images/a.png"]);
    let made = read(dir.path(), &[]);
    assert_eq!(made.code, 2);
    made.says("x.json: image folder: found no z.png in any folder looked in (., images), expected");
    // One of two images is missing: only this image is left out.
    let two = json(&[(1, "a.png"), (2, "z.png")], &[]);
    let dir = data(&[("x.json", &two)], &["images/a.png"]);
    let made = read(dir.path(), &["--on-error", "skip"]);
    assert_eq!(
        (made.code, made.skipped.as_slice()),
        (1, &["file".to_owned()][..])
    );
}

#[test]
fn faults_of_one_annotation_leave_the_others() {
    let text = json(
        &[(1, "a.png"), (2, "a2.png")],
        &[(1, -3), (1, 90_000_000_000)],
    );
    let text = text.replacen("[2, 3, 6, 5]", "[2, 3, -6, 5]", 1);
    let text = text.replacen(r#""iscrowd": 0"#, r#""iscrowd": null, "area": NaN"#, 2);
    let dir = data(&[("x.json", &text)], &["a.png", "a2.png"]);
    let made = read(dir.path(), &[]);
    assert_eq!(made.code, 2);
    made.says("annotations[0].bbox[2]: found -6, expected a width or height from 0");
    let made = read(dir.path(), &["--on-error", "skip"]);
    assert_eq!(made.code, 1, "{}", made.stderr);
    // The leaf with the broken box is left out as an object, and stays as a label.
    assert_eq!(made.labels("1"), ["leaf", "pod"]);
    assert_eq!(
        made.skipped,
        ["annotations[0].bbox[2]", "annotations[1].area"]
    );
    let image = &made.dataset().images[made.dataset().index_by_id()["1"]];
    assert_eq!(image.objects.len(), 1);
    assert_eq!(image.objects[0].area, None);
}

/// The JSON has a width of −1, no boxes, polygons that are not in a list, and two objects with one id.
#[test]
fn what_the_annotations_do_not_say_comes_from_the_file_and_the_outline() {
    let text = json(&[(1, "a.png")], &[(1, -3), (1, 7)]);
    let text = text.replace(r#""width": 16"#, r#""width": -1"#);
    let text = text.replace(r#""bbox": [2, 3, 6, 5]"#, r#""bbox": null"#);
    let text = text.replace(
        r#""segmentation": []"#,
        r#""segmentation": [2, 3, 8, 3, 8, 7]"#,
    );
    let text = text.replace(r#""id": 1, "image_id""#, r#""id": 0, "image_id""#);
    let dir = data(&[("x.json", &text)], &["a.png"]);
    let made = read(dir.path(), &[]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    made.says(
        "images without width and height in the annotations, read with those of their files: 1",
    );
    made.says("objects without bbox, read with the box around their outline: 2");
    made.says("outlines that are a list of numbers, not of polygons, read as one polygon each: 2");
    made.says("objects with the id of another object of their image, given other ids: 1");
    let image = &made.dataset().images[0];
    assert_eq!((image.width, image.height), SIZE);
    let ids: Vec<i64> = image
        .objects
        .iter()
        .map(|object| object.instance_id)
        .collect();
    assert_eq!(ids, [0, 1]);
    for object in &image.objects {
        assert_eq!(object.bbox, [2.0, 3.0, 8.0, 7.0]);
        assert!(object.segmentation.as_ref().unwrap().area() > 0);
    }
}

#[test]
fn an_image_listed_again_is_one_image() {
    let twice = json(&[(1, "a.png"), (2, "./a.png")], &[(1, -3), (2, 7)]);
    let again = json(&[(3, "a.png"), (4, "b.png")], &[(3, -3)]);
    let dir = data(
        &[("train.json", &twice), ("val.json", &again)],
        &["images/a.png", "images/b.png"],
    );
    let made = read(dir.path(), &[]);
    assert_eq!(made.code, 2);
    made.says(
        "val.json: images[id=3].file_name: found a.png, which train.json has too, expected an image in one \
         annotation file only",
    );
    let made = read(dir.path(), &["--on-error", "skip"]);
    assert_eq!(made.code, 1, "{}", made.stderr);
    made.says(
        "entries of `images` for a file that is listed before, whose objects were put together: 1",
    );
    assert_eq!(made.labels("1"), ["leaf", "unused"]);
    assert_eq!(made.dataset().images.len(), 2);
    assert_eq!(made.skipped, ["images[id=3].file_name"]);
}

#[test]
fn ids_of_images_may_be_strings() {
    let text = json(&[(1, "a.png"), (2, "b.png")], &[(1, -3), (2, 7)]);
    let text = text_with(&text_with(&text, 1, "a.png"), 2, "b 2");
    let dir = data(&[("x.json", &text)], &["a.png", "b.png"]);
    let made = read(dir.path(), &[]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    assert_eq!(made.labels("a.png"), ["leaf"]);
    assert_eq!(made.labels("b 2"), ["unused"]);
    let text = text.replace(r#""image_id": "b 2""#, r#""image_id": "c""#);
    let dir = data(&[("x.json", &text)], &["a.png", "b.png"]);
    let made = read(dir.path(), &[]);
    made.says("annotations[1].image_id: found c, expected the id of one of the images");
}

/// Replaces the number of an image by a string, in the JSON's images and annotations.
fn text_with(text: &str, number: i64, id: &str) -> String {
    let text = text.replace(
        &format!(r#"{{"id": {number}, "file_name""#),
        &format!(r#"{{"id": "{id}", "file_name""#),
    );
    text.replace(
        &format!(r#""image_id": {number},"#),
        &format!(r#""image_id": "{id}","#),
    )
}

#[test]
fn files_and_folders_can_be_named() {
    let train = json(&[(1, "a.png")], &[(1, -3)]);
    let test = json(&[(1, "b.png")], &[(1, 7)]);
    let dir = data(
        &[("x/one.json", &train), ("y/two.json", &test)],
        &["p/a.png", "y/images/b.png"],
    );
    let path = |name: &str| dir.path().join(name).display().to_string();
    let train = format!("--train={}={}", path("x/one.json"), path("p"));
    let test = format!("--test={}", path("y/two.json"));
    for command in ["read", "coco"] {
        let made = run([command, &train, &test, "--name", "mine"]);
        assert_eq!(made.code, 0, "{}", made.stderr);
        assert_eq!(made.ids(Split::Train), ["train/1"]);
        assert_eq!(made.ids(Split::Test), ["test/1"]);
        assert_eq!(made.dataset().name(), "mine");
    }
    // Paths may also be relative to the data's folder.
    let folder = dir.path().display().to_string();
    let made = run(["read", &folder, "--train", "x/one.json=p"]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    for (arguments, expected) in [
        (
            ["--train", "no.json"],
            "no.json: --train: found nothing there, expected a COCO JSON file",
        ),
        (
            ["--val", "x/one.json=q"],
            "q: --val: found nothing there, expected a folder of images",
        ),
    ] {
        let made = run([&["read", &folder][..], &arguments].concat());
        assert_eq!(made.code, 2);
        made.says(expected);
    }
    let made = run(["read", &folder, "--format", "voc", "--train", "x/one.json"]);
    assert_eq!(made.code, 2);
    made.says("--format: found voc, expected coco");
    let made = run(["coco"]);
    made.says("--root");
}

#[test]
fn a_folder_without_instances_is_refused() {
    let broken = &json(&[(1, "a.png")], &[])[..60];
    for (files, expected) in [
        (
            &[("a.json", "{}"), ("b/c.json", "[1]")][..],
            "found 2 *.json, none with images, annotations and",
        ),
        (&[("a.txt", "")][..], "found no *.json, expected COCO JSON"),
        (
            &[("a.json", broken)][..],
            "a.json: line 1, column 61: found the end of the file",
        ),
    ] {
        let dir = data(files, &["a.png"]);
        let made = run(["coco", "--root", dir.path().to_str().unwrap()]);
        assert_eq!(made.code, 2);
        made.says(expected);
    }
}
