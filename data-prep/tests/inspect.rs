//! Runs `data-prep inspect` on the data folder of a devkit small enough to count by hand, and checks its
//! counts and contact sheets; a folder that is no data folder is refused.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;
use std::process::{Command, Output};

use data_prep::inspect::inspect;

/// Image id, its list, and its objects: class, difficult, xmin, ymin, xmax, ymax.
type Annotated = (
    &'static str,
    &'static str,
    &'static [(&'static str, u8, [u32; 4])],
);

/// Images of 100 × 80 pixels, so that shares of the area are plain to see.
const IMAGES: [Annotated; 4] = [
    // 4000, 36 and 700 of 8000 pixels: in the bins 50-75 % (which begins with 50), < 1 % and 5-10 %.
    (
        "a",
        "train",
        &[
            ("cat", 0, [10, 10, 90, 60]),
            ("dog", 1, [20, 20, 26, 26]),
            ("cat", 0, [30, 5, 100, 15]),
        ],
    ),
    ("b", "train", &[]),
    // Exactly 25 %, which is in the bin 25-50 %.
    ("c", "val", &[("person", 0, [1, 1, 51, 41])]),
    // Thinner than a cell of the grid in height: a pair whose mask is empty.
    ("d", "val", &[("sofa", 0, [10, 40, 90, 41])]),
];

/// Writes [`IMAGES`] as a VOC devkit of gray JPEGs.
fn write_devkit(root: &Path) {
    for folder in ["Annotations", "JPEGImages", "ImageSets/Main"] {
        fs_err::create_dir_all(root.join(folder)).unwrap();
    }
    for split in ["train", "val"] {
        let ids = IMAGES
            .iter()
            .filter(|image| image.1 == split)
            .map(|image| image.0);
        let list = ids.collect::<Vec<_>>().join("\n");
        fs_err::write(root.join(format!("ImageSets/Main/{split}.txt")), list).unwrap();
    }
    for (id, _, objects) in IMAGES {
        let objects: String = objects
            .iter()
            .map(|(name, difficult, [xmin, ymin, xmax, ymax])| {
                format!(
                    "<object><name>{name}</name><difficult>{difficult}</difficult><bndbox>\
                     <xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>\
                     </bndbox></object>"
                )
            })
            .collect();
        let xml = format!(
            "<annotation><filename>{id}.jpg</filename><size><width>100</width>\
             <height>80</height><depth>3</depth></size>{objects}</annotation>"
        );
        fs_err::write(root.join(format!("Annotations/{id}.xml")), xml).unwrap();
        let mut jpeg = Vec::new();
        jpeg_encoder::Encoder::new(&mut jpeg, 90)
            .encode(&[128; 100 * 80 * 3], 100, 80, jpeg_encoder::ColorType::Rgb)
            .unwrap();
        fs_err::write(root.join(format!("JPEGImages/{id}.jpg")), jpeg).unwrap();
    }
}

#[must_use]
fn data_prep(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_data-prep"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Returns width, height and RGB of a PNG.
fn decoded(path: &Path) -> (usize, usize, Vec<u8>) {
    let file = std::io::BufReader::new(fs_err::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut rgb).unwrap();
    assert_eq!(frame.color_type, png::ColorType::Rgb);
    (frame.width as usize, frame.height as usize, rgb)
}

#[test]
fn counts_and_sheets_of_a_devkit_counted_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let (devkit, data) = (folder.path().join("devkit"), folder.path().join("data"));
    write_devkit(&devkit);
    let [root, out] = [&devkit, &data].map(|path| path.to_str().unwrap());
    let made = data_prep(&["voc", "--root", root, "--out", out, "--size", "32"]);
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );

    let sheets = folder.path().join("sheets");
    let inspection = inspect(&data, &sheets).unwrap();
    let [train, val, test] = &inspection.summary.splits;
    assert_eq!((train.images, train.unlabelled, train.pairs), (2, 1, 2));
    assert_eq!(
        (train.objects, train.difficult, train.crowd, train.segmented),
        (3, 1, 0, 0)
    );
    assert_eq!(train.box_areas, [1, 0, 1, 0, 0, 1, 0]);
    assert_eq!(
        (
            val.images,
            val.pairs,
            val.pairs_off_grid,
            val.pairs_without_box
        ),
        (2, 2, 1, 0)
    );
    assert_eq!(val.box_areas, [0, 1, 0, 0, 1, 0, 0]);
    // The mask of image c: columns int(1 · 0.32)..int(51 · 0.32), rows int(1 · 0.4)..int(41 · 0.4), of 32 × 32.
    assert_eq!(val.mean_mask_share, Some(16.0 * 16.0 / 1024.0));
    assert_eq!(
        (test.images, test.mean_mask_share, test.source_sizes),
        (0, None, None)
    );
    // All four images have the same pixels; the first of each split is named.
    let doubt = "1 picture is in more than one split, so that the test is not of new images: a in train = c in val";
    let doubts = &inspection.summary.doubts;
    assert!(doubts.iter().any(|found| found == doubt), "{doubts:?}");
    let cat = inspection
        .summary
        .classes
        .iter()
        .position(|name| name == "cat")
        .unwrap();
    assert_eq!(
        (train.classes[cat].images, train.classes[cat].objects),
        (1, 2)
    );
    let found: Vec<_> = inspection
        .sheets
        .iter()
        .map(|sheet| sheet.file_name().unwrap())
        .collect();
    assert_eq!(found, ["train.png", "val.png"]);

    // The first image begins at the margin of 12 pixels. It is enlarged six times and gray but for its
    // boxes. The first cat's left edge is at column 3 of the grid, from row 4 on.
    let (width, _, rgb) = decoded(&sheets.join("train.png"));
    let at = |x: usize, y: usize| rgb[3 * (y * width + x)..][..3].to_vec();
    let top = (0..).find(|&y| at(12, y) == [128, 128, 128]).unwrap();
    let edge = at(12 + 3 * 6, top + 20 * 6);
    assert_ne!(edge, [128, 128, 128]);
    assert_eq!(edge, at(12 + 3 * 6, top + 4 * 6), "one color all along");
    assert_eq!(at(12 + 3 * 6 - 1, top + 20 * 6), [128, 128, 128]);
    assert_eq!(at(12 + 3 * 6, top + 4 * 6 - 1), [128, 128, 128]);

    let printed = data_prep(&["inspect", out]);
    assert!(printed.status.success());
    let text = String::from_utf8(printed.stdout).unwrap();
    assert!(
        text.starts_with("devkit: 4 images, 20 classes\nnetwork input 32 x 32"),
        "{text}"
    );
    assert!(text.contains(&inspection.summary.to_string()), "{text}");
    for sheet in ["train.png", "val.png"] {
        let again = fs_err::read(data.join("inspect").join(sheet)).unwrap();
        assert_eq!(
            again,
            fs_err::read(sheets.join(sheet)).unwrap(),
            "{sheet} differs"
        );
    }
}

#[test]
fn a_folder_that_is_no_data_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let output = data_prep(&["inspect", path]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains(path) && message.contains("no images.parquet"),
        "{message}"
    );
    assert!(!folder.path().join("inspect").exists());
}
