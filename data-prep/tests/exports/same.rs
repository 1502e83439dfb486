//! Reads one data set as VOC XML, as a YOLO export and as a table, and checks that boxes and classes are the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::folder::Folder;

/// Boxes with class names by the stem of the image, in order.
type Boxes = BTreeMap<String, Vec<(String, [f64; 4])>>;

/// Converts the blood cells of BCCD, a data set in VOC's format, to both other formats and reads all three. It is
/// skipped where the data is not there.
#[test]
fn bccd_is_the_same_in_three_formats() {
    let data = std::env::var_os("GUIDANCE_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let root = data.join("own/bccd");
    if !root.is_dir() {
        println!("skipped: bccd_is_the_same_in_three_formats: no real data");
        return;
    }
    let folder = Folder::new(&[]);
    let expected = convert(&root, &folder);
    assert!(expected.len() > 300, "{} images", expected.len());
    folder
        .run(&["table", "--images", "{}", "--boxes", "{}/boxes.csv"])
        .check(0, &["xmin, ymin, xmax, ymax in pixels"]);
    compare(&found(&folder), &expected);
    folder.yolo(&[]).check(0, &[]);
    compare(&found(&folder), &expected);
    let root = root.display().to_string();
    // Its XML has boxes without a width or height, which `convert` has left out of the other two formats.
    folder
        .run(&["voc", "--root", &root, "--on-error", "skip"])
        .check(0, &[]);
    compare(&found(&folder), &expected);
}

/// Writes the objects of the XML files whose box has a width and a height, into `folder` as a YOLO export and as
/// a table, and returns them.
fn convert(root: &Path, folder: &Folder) -> Boxes {
    let classes = ["Platelets", "RBC", "WBC"];
    let mut table = "image,class,xmin,ymin,xmax,ymax,split\n".to_owned();
    let mut boxes = Boxes::new();
    for split in ["train", "val", "test"] {
        let list =
            fs_err::read_to_string(root.join(format!("ImageSets/Main/{split}.txt"))).unwrap();
        for stem in list.split_whitespace() {
            let image = fs_err::read(root.join(format!("JPEGImages/{stem}.jpg"))).unwrap();
            let size = imagesize::blob_size(&image).unwrap();
            folder.write(&format!("{split}/images/{stem}.jpg"), image);
            let (width, height) = (size.width as f64, size.height as f64);
            let xml = fs_err::read_to_string(root.join(format!("Annotations/{stem}.xml"))).unwrap();
            let mut label = String::new();
            for (class, bbox) in objects(&xml) {
                let [left, top, right, bottom] = bbox;
                if left >= right || top >= bottom {
                    continue;
                }
                writeln!(
                    table,
                    "{stem},{class},{left},{top},{right},{bottom},{split}"
                )
                .unwrap();
                let number = classes.iter().position(|name| *name == class).unwrap();
                let (x, y) = ((left + right) / 2.0 / width, (top + bottom) / 2.0 / height);
                let (w, h) = ((right - left) / width, (bottom - top) / height);
                writeln!(label, "{number} {x:.6} {y:.6} {w:.6} {h:.6}").unwrap();
                boxes
                    .entry(stem.to_owned())
                    .or_default()
                    .push((class, bbox));
            }
            folder.write(&format!("{split}/labels/{stem}.txt"), label);
        }
    }
    let names = classes.join(", ");
    let yaml =
        format!("train: train/images\nval: val/images\ntest: test/images\nnames: [{names}]\n");
    folder.write("data.yaml", yaml);
    folder.write("boxes.csv", table);
    boxes
}

/// Reads the class and the box (xmin, ymin, xmax, ymax in pixels) of each object of an XML file.
fn objects(xml: &str) -> Vec<(String, [f64; 4])> {
    let document = roxmltree::Document::parse(xml).unwrap();
    let text = |node: roxmltree::Node, name: &str| -> String {
        let mut inside = node.descendants();
        let found = inside.find(|node| node.has_tag_name(name)).unwrap();
        found.text().unwrap().trim().to_owned()
    };
    let objects = document
        .descendants()
        .filter(|node| node.has_tag_name("object"));
    objects
        .map(|object| {
            let edge = |name| text(object, name).parse().unwrap();
            (
                text(object, "name"),
                ["xmin", "ymin", "xmax", "ymax"].map(edge),
            )
        })
        .collect()
}

/// Returns the boxes that have a width and a height.
fn found(folder: &Folder) -> Boxes {
    let dataset = folder.open();
    let mut boxes = Boxes::new();
    for image in &dataset.images {
        let stem = Path::new(&image.image_id)
            .file_name()
            .unwrap()
            .to_string_lossy();
        for object in &image.objects {
            let class = dataset.classes[object.class_id as usize].clone();
            let [left, top, right, bottom] = object.bbox;
            if left < right && top < bottom {
                boxes
                    .entry(stem.clone().into_owned())
                    .or_default()
                    .push((class, object.bbox));
            }
        }
    }
    boxes
}

/// Checks that both have the same images and, on each, the same classes and boxes in order. Corners may differ by
/// 0.01 pixels, since YOLO's fractions are written with six decimals.
#[track_caller]
fn compare(found: &Boxes, expected: &Boxes) {
    assert!(found.keys().eq(expected.keys()));
    for (stem, expected) in expected {
        let found = &found[stem];
        assert_eq!(found.len(), expected.len(), "{stem}");
        for ((class, bbox), (name, of_xml)) in found.iter().zip(expected) {
            let is_near = bbox.iter().zip(of_xml).all(|(a, b)| (a - b).abs() < 0.01);
            assert!(
                class == name && is_near,
                "{stem}: {class} {bbox:?}, {name} {of_xml:?}"
            );
        }
    }
}
