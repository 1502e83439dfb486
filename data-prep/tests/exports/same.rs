//! One data set as VOC XML, as a YOLO export and as a table: the same boxes and labels.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use data_prep::source::{naming, voc};

use crate::folder::Folder;

/// Boxes with class names by the stem of the image, in order.
type Boxes = BTreeMap<String, Vec<(String, [i64; 4])>>;

/// Converts the blood cells to both formats and reads all three.
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
    let Ok(source) = voc::read(&root, &naming()) else {
        println!("skipped: bccd_is_the_same_in_three_formats: VOC's reader does not read it");
        return;
    };
    let mut table = "image,class,xmin,ymin,xmax,ymax,split\n".to_owned();
    let mut expected = Boxes::new();
    for image in &source.images {
        let stem = image
            .path
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let split = image.split;
        folder.write(
            &format!("{split}/images/{stem}.jpg"),
            fs_err::read(&image.path).unwrap(),
        );
        let (width, height) = image.size.map_or_else(
            || {
                let size = imagesize::size(&image.path).unwrap();
                (size.width as f64, size.height as f64)
            },
            |(width, height)| (f64::from(width), f64::from(height)),
        );
        let mut label = String::new();
        for object in &image.objects {
            let [left, top, right, bottom] = object.bbox;
            let class = &source.classes[object.class_id as usize];
            writeln!(
                table,
                "{stem},{class},{left},{top},{right},{bottom},{split}"
            )
            .unwrap();
            let (x, y) = ((left + right) / 2.0 / width, (top + bottom) / 2.0 / height);
            let (w, h) = ((right - left) / width, (bottom - top) / height);
            writeln!(label, "{} {x:.6} {y:.6} {w:.6} {h:.6}", object.class_id).unwrap();
            let bbox = object.bbox.map(|edge| edge.round() as i64);
            expected
                .entry(stem.clone())
                .or_default()
                .push((class.clone(), bbox));
        }
        folder.write(&format!("{split}/labels/{stem}.txt"), label);
    }
    let names = source.classes.join(", ");
    folder.write(
        "data.yaml",
        format!("train: train/images\nval: val/images\ntest: test/images\nnames: [{names}]\n"),
    );
    folder.write("boxes.csv", table);
    folder.run(&[
        "table",
        "--images",
        "{}",
        "--boxes",
        "{}/boxes.csv",
        "--on-error",
        "skip",
    ]);
    assert!(found(&folder) == expected, "as a table");
    folder.yolo(&["--on-error", "skip"]);
    assert!(found(&folder) == expected, "as a YOLO export");
}

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
            let bbox = object.bbox.map(|edge| edge.round() as i64);
            boxes
                .entry(stem.clone().into_owned())
                .or_default()
                .push((class, bbox));
        }
    }
    boxes
}
