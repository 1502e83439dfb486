//! Runs `data-prep waterbirds` on small folders and checks the images, boxes and groups that it reads, the
//! filter of the validation split (`--val`), its messages for broken rows, and the reversed task (classify the
//! background instead of the bird).
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use data_prep::dataset::{Dataset, Split, Task};
use data_prep::source::naming;
use data_prep::source::waterbirds::{self, Validation};

const HEADER: &str = "img_id,img_filename,y,split,place,place_filename\n";

/// img_id, file, y (1 is a waterbird), split (0 train, 1 val, 2 test), place (1 is water).
const ROWS: [(u32, &str, u8, u8, u8); 6] = [
    (1, "001.Gull/a.jpg", 1, 2, 0),
    (2, "001.Gull/b.jpg", 1, 0, 1),
    (3, "002.Finch/c.jpg", 0, 1, 0),
    (4, "002.Finch/d.jpg", 0, 1, 1),
    (5, "001.Gull/e.jpg", 1, 1, 1),
    (7, "002.Finch/f.jpg", 0, 2, 1),
];

/// A temporary folder with the Waterbirds source in `source` and the data folder in `data`.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        let mut metadata = HEADER.to_owned();
        let mut boxes = String::new();
        for (img_id, file, y, split, place) in ROWS {
            metadata += &format!("{img_id},{file},{y},{split},{place},/o/ocean/1.jpg\n");
            boxes += &format!("{img_id} {img_id}.5 2.0 10.0 8.25\n");
            let mut bytes = Vec::new();
            jpeg_encoder::Encoder::new(&mut bytes, 90)
                .encode(&[80; 30 * 20 * 3], 30, 20, jpeg_encoder::ColorType::Rgb)
                .unwrap();
            folder.write(&format!("waterbird_1.0_forest2water2/{file}"), bytes);
        }
        folder.metadata(&metadata);
        folder.boxes(&boxes);
        folder
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("source")
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, bytes).unwrap();
    }

    fn metadata(&self, text: &str) {
        self.write("waterbird_1.0_forest2water2/metadata.csv", text);
    }

    fn boxes(&self, text: &str) {
        self.write("CUB_200_2011/bounding_boxes.txt", text);
    }

    #[must_use]
    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_data-prep"))
            .args(["waterbirds", "--size", "10", "--root"])
            .arg(self.root())
            .arg("--out")
            .arg(self.0.path().join("data"))
            .args(arguments)
            .output()
            .unwrap()
    }

    fn open(&self) -> Dataset {
        Dataset::open(self.0.path().join("data")).unwrap()
    }
}

#[test]
fn rows_become_images_with_box_class_and_group() {
    let folder = Folder::new();
    let output = folder.run(&[]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let dataset = folder.open();
    // The data set is called after its folder, because these are not the images of Waterbirds-100. One image of
    // val is left out, and a note says so.
    assert_eq!(dataset.name(), "source");
    let said = String::from_utf8_lossy(&output.stderr);
    let left_out = "validation images left out by --val majority: 1 landbird on water (--val all";
    assert!(said.contains(left_out), "{said}");
    assert_eq!(dataset.classes, ["landbird", "waterbird"]);
    assert_eq!(dataset.groups[1], (1, "landbird on water".to_owned()));
    let images: Vec<_> = dataset
        .images
        .iter()
        .map(|i| {
            (
                i.image_id.as_str(),
                i.split,
                i.group_id,
                i.labels.clone(),
                i.width,
                i.height,
            )
        })
        .collect();
    // By split, and in validation only the groups where bird and place agree.
    assert_eq!(
        images,
        [
            ("2", Split::Train, Some(3), vec![1], 30, 20),
            ("3", Split::Val, Some(0), vec![0], 30, 20),
            ("5", Split::Val, Some(3), vec![1], 30, 20),
            ("1", Split::Test, Some(2), vec![1], 30, 20),
            ("7", Split::Test, Some(1), vec![0], 30, 20),
        ]
    );
    assert_eq!(dataset.images[0].objects[0].bbox, [2.5, 2.0, 12.5, 10.25]);
    // On the grid of 10 × 10: columns 0 to 3 (from 2.5/3 to 12.5/3), rows 1 to 4 (from 2/2 to 10.25/2).
    assert_eq!(dataset.class_mask(&dataset.images[0], 1, 0.0).area(), 4 * 4);

    let output = folder.run(&["--val", "all", "--overwrite"]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(folder.open().indices(Split::Val).len(), 3);
}

#[test]
fn each_broken_row_is_one_line() {
    // The only row of metadata.csv, the lines of bounding_boxes.txt, and a part of the message.
    let ways: [(&str, &str, &str); 10] = [
        (
            "2,001.Gull/b.jpg,1,0,1,x",
            "2 1 1 5 5",
            "metadata.csv: nothing wrong here",
        ),
        (
            "2,001.Gull/b.jpg,3,0,1,x",
            "2 1 1 5 5",
            "metadata.csv: line 2, y: found 3, expected 0 to 1",
        ),
        (
            "\n\r\n2,001.Gull/b.jpg,3,0,1,x",
            "2 1 1 5 5",
            "metadata.csv: line 4, y: found 3, expected 0 to 1",
        ),
        (
            "2,001.Gull/b.jpg,1,,1,x",
            "2 1 1 5 5",
            "metadata.csv: line 2, split: found , expected 0 to 2",
        ),
        (
            "2,001.Gull/b.jpg,1,0,w,x",
            "2 1 1 5 5",
            "metadata.csv: line 2, place: found w, expected 0 to 1",
        ),
        (
            "2,../../secret.jpg,1,0,1,x",
            "2 1 1 5 5",
            "line 2, img_filename: found ../../secret.jpg, expected a path inside the image folder",
        ),
        (
            "2,001.Gull/b.jpg,1,0",
            "2 1 1 5 5",
            "metadata.csv: line 2: found 4 values, expected 6, as on the lines before",
        ),
        (
            "2,001.Gull/b.jpg,1,0,1,x",
            "9 1 1 5 5",
            "bounding_boxes.txt: image id 2: found no line, expected a bounding box",
        ),
        (
            "2,001.Gull/b.jpg,1,0,1,x",
            "2 1 1 5 5\n3 1 1 nan 5",
            "bounding_boxes.txt: line 2: found 3 1 1 nan 5, expected image id, x, y, width and height",
        ),
        (
            "2,001.Gull/none.jpg,1,0,1,x",
            "2 1 1 5 5",
            "001.Gull/none.jpg: file: found no such file, expected an image",
        ),
    ];
    for (row, line, expected) in ways {
        let folder = Folder::new();
        folder.metadata(&format!("{HEADER}{row}\n"));
        folder.boxes(&format!("{line}\n"));
        let output = folder.run(&[]);
        let message = String::from_utf8_lossy(&output.stderr);
        if expected.ends_with("nothing wrong here") {
            assert_eq!(output.status.code(), Some(0), "{message}");
        } else {
            assert_eq!(output.status.code(), Some(2), "{message}");
            assert!(message.contains(expected), "{message}, not {expected}");
            assert_eq!(message.lines().count(), 1, "{message}");
        }
    }
}

#[test]
fn missing_files_and_columns_are_said() {
    let folder = Folder::new();
    folder.metadata("img_id,img_filename,y,split\n");
    let error = waterbirds::read(&folder.root(), &naming(), Validation::All)
        .unwrap_err()
        .to_string();
    let expected = "line 1: found img_id,img_filename,y,split, expected a column place";
    assert!(error.ends_with(expected), "{error}");

    fs_err::remove_file(folder.root().join("CUB_200_2011/bounding_boxes.txt")).unwrap();
    let error = waterbirds::read(&folder.root(), &naming(), Validation::All)
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("expected CUB_200_2011/bounding_boxes.txt"),
        "{error}"
    );
}

#[test]
fn real_waterbirds_has_the_published_groups() {
    let data = std::env::var_os("GUIDANCE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let root = data.join("waterbirds-100");
    if !root.is_dir() {
        println!("skipped: real_waterbirds_has_the_published_groups: no real data");
        return;
    }
    let source = waterbirds::read(&root, &naming(), Validation::All).unwrap();
    assert_eq!((&*source.name, &*source.notes), ("waterbirds-100", &[][..]));
    assert_eq!(source.problems, []);
    let count = |split: Split, group_id: i32| {
        let images = source.images.iter();
        images
            .filter(|i| i.split == split && i.group_id == Some(group_id))
            .count()
    };
    // The numbers of images of the published data set, by group.
    assert_eq!(
        [0, 1, 2, 3].map(|group| count(Split::Train, group)),
        [3694, 0, 0, 1101]
    );
    assert_eq!(
        [0, 1, 2, 3].map(|group| count(Split::Val, group)),
        [461, 460, 139, 139]
    );
    let source = waterbirds::read(&root, &naming(), Validation::Majority).unwrap();
    let val = source
        .images
        .iter()
        .filter(|image| image.split == Split::Val)
        .count();
    assert_eq!(val, 600);
    let left_out = "460 landbird on water, 139 waterbird on land";
    assert!(source.notes[0].contains(left_out), "{:?}", source.notes);
}

/// In Waterbirds-95, training images are in all four groups, so it is other data and needs another name.
#[test]
fn data_with_birds_away_from_their_place_in_train_is_not_waterbirds_100() {
    let folder = Folder::new();
    let path = folder
        .root()
        .join("waterbird_1.0_forest2water2/metadata.csv");
    let rows = fs_err::read_to_string(&path).unwrap();
    folder.metadata(&rows.replace("b.jpg,1,0,1", "b.jpg,1,0,0"));
    let output = folder.run(&["--name", "waterbirds-100"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    let why = "waterbirds-100 has no waterbird on land in train, as image 2 is";
    assert!(said.contains(why), "{said}");
    assert_eq!(
        folder.run(&["--name", "waterbirds-95"]).status.code(),
        Some(0)
    );
    let dataset = folder.open();
    assert_eq!(dataset.name(), "waterbirds-95");
    // Its groups have places, too, so the reversed task is defined.
    assert!(dataset.with_task(Task::Reversed).is_ok());
}

#[test]
fn the_reversed_task_asks_for_the_place_outside_the_box() {
    let folder = Folder::new();
    let output = folder.run(&["--val", "all"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let (birds, places) = (
        folder.open(),
        folder.open().with_task(Task::Reversed).unwrap(),
    );
    assert_eq!(
        (birds.task(), places.task()),
        (Task::Conventional, Task::Reversed)
    );
    assert_eq!(places.classes, ["land", "water"]);
    assert_eq!(places.inputs(), birds.inputs());
    for (bird, place) in birds.images.iter().zip(&places.images) {
        let group_id = bird.group_id.unwrap();
        let (class, other) = (group_id % 2, 1 - group_id % 2);
        assert_eq!(
            (place.group_id, &place.labels),
            (Some(group_id), &vec![class])
        );
        for dilation in [0.0, 0.5] {
            let mask = birds.class_mask(bird, bird.labels[0], dilation);
            assert_eq!(places.class_mask(place, class, dilation), mask.inverted());
            assert_eq!(
                places.class_box_area(place, class, dilation, None),
                100 - birds.class_box_area(bird, bird.labels[0], dilation, None)
            );
        }
        assert_eq!(places.class_mask(place, other, 0.0).area(), 0);
        assert_eq!(places.class_segmentation(place, class), None);
    }
    let error = places.with_task(Task::Reversed).unwrap_err().to_string();
    assert!(
        error.contains("task: found reversed for source (reversed)"),
        "{error}"
    );
}
