//! Draws small versions of the embedded data set `scenes` (images that the program itself paints from a seed) and
//! checks them: the same bytes for the same seed, boxes that are the bounds of the segmentations, and a data
//! folder with two groups of test images: in-distribution, and shifted, where the things that lie beside a
//! class's objects in training no longer do so.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use data_prep::dataset::{Dataset, Split};
use data_prep::source::scenes::{Generated, ScenesConfig, class_names, generate};
use sha2::{Digest, Sha256};

/// The numbers of images drawn; `test` and `shifted` both go into the test split.
const SMALL: ScenesConfig = ScenesConfig {
    seed: 7,
    train: 20,
    val: 5,
    test: 6,
    shifted: 8,
};

/// Returns the SHA-256 of each file below a folder, by relative path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs_err::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let hash = Sha256::digest(fs_err::read(&path).unwrap()).to_vec();
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), hash);
            }
        }
    }
    found
}

/// Draws a data set with so many threads and returns its [`files`].
fn drawn_with(threads: usize, config: &ScenesConfig) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .unwrap();
    pool.install(|| generate(&folder.path().join("devkit"), config, || ()))
        .unwrap();
    files(&folder.path().join("devkit"))
}

#[test]
fn same_seed_same_bytes_whatever_the_threads() {
    let one = drawn_with(1, &SMALL);
    // Four files an image, four lists, `classes.txt` and `scenes.json`.
    assert_eq!(one.len(), 4 * (20 + 5 + 6 + 8) + 4 + 2);
    assert_eq!(one, drawn_with(4, &SMALL));

    let other = drawn_with(2, &ScenesConfig { seed: 8, ..SMALL });
    for (path, hash) in one
        .iter()
        .filter(|(path, _)| path.starts_with("JPEGImages"))
    {
        assert_ne!(
            hash,
            &other[path],
            "{} is the same under another seed",
            path.display()
        );
    }
}

#[test]
fn an_image_does_not_depend_on_how_many_are_drawn() {
    let few = drawn_with(2, &SMALL);
    let more = drawn_with(
        2,
        &ScenesConfig {
            train: 23,
            val: 9,
            ..SMALL
        },
    );
    for (path, hash) in few
        .iter()
        .filter(|(path, _)| path.starts_with("JPEGImages"))
    {
        assert_eq!(hash, &more[path], "{}", path.display());
    }
}

/// Returns width, height and palette indices of a palette PNG.
fn indices(path: &Path) -> (usize, usize, Vec<u8>) {
    let mut decoder = png::Decoder::new(std::io::BufReader::new(fs_err::File::open(path).unwrap()));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().unwrap();
    assert_eq!(reader.info().color_type, png::ColorType::Indexed);
    // VOC's first colours: black, maroon, green, olive.
    let palette = reader.info().palette.as_ref().unwrap();
    assert_eq!(palette[..12], [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]);
    let mut cells = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut cells).unwrap();
    (frame.width as usize, frame.height as usize, cells)
}

#[test]
fn boxes_are_the_bounds_of_the_visible_objects() {
    let folder = tempfile::tempdir().unwrap();
    let devkit = folder.path().join("devkit");
    generate(&devkit, &SMALL, || ()).unwrap();
    let classes = fs_err::read_to_string(devkit.join("classes.txt")).unwrap();
    assert_eq!(classes.lines().collect::<Vec<_>>(), class_names());

    let mut n_objects = 0;
    for entry in fs_err::read_dir(devkit.join("Annotations")).unwrap() {
        let path = entry.unwrap().path();
        let id = path.file_stem().unwrap().to_str().unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        let xml = roxmltree::Document::parse(&text).unwrap();
        let number = |node: roxmltree::Node<'_, '_>, name: &str| -> usize {
            let found = node.descendants().find(|child| child.has_tag_name(name));
            found.unwrap().text().unwrap().parse().unwrap()
        };
        let png = format!("{id}.png");
        let (width, height, owners) = indices(&devkit.join("SegmentationObject").join(&png));
        let (_, _, kinds) = indices(&devkit.join("SegmentationClass").join(&png));
        assert_eq!(width, number(xml.root(), "width"));
        assert_eq!(height, number(xml.root(), "height"));

        let objects: Vec<_> = xml
            .descendants()
            .filter(|n| n.has_tag_name("object"))
            .collect();
        assert!((1..=3).contains(&objects.len()), "{id}");
        let highest = owners.iter().max().copied().unwrap();
        assert_eq!(usize::from(highest), objects.len(), "{id}");
        for (index, object) in objects.into_iter().enumerate() {
            let name = object.children().find(|n| n.has_tag_name("name")).unwrap();
            let class = class_names()
                .iter()
                .position(|c| Some(*c) == name.text())
                .unwrap();
            let own: Vec<usize> = (0..owners.len())
                .filter(|&cell| usize::from(owners[cell]) == index + 1)
                .collect();
            assert!(
                own.iter()
                    .all(|&cell| usize::from(kinds[cell]) == class + 1),
                "{id}"
            );
            let columns = || own.iter().map(|cell| cell % width + 1);
            let rows = || own.iter().map(|cell| cell / width + 1);
            let expected = [columns().min(), rows().min(), columns().max(), rows().max()];
            let found = ["xmin", "ymin", "xmax", "ymax"].map(|edge| Some(number(object, edge)));
            assert_eq!(found, expected, "{id}, object {index}");
            n_objects += 1;
        }
        let background = |cells: &[u8]| cells.iter().filter(|&&cell| cell == 0).count();
        assert_eq!(background(&owners), background(&kinds), "{id}");
    }
    assert!(n_objects > 39, "{n_objects} objects on 39 images");
}

#[test]
fn a_folder_is_kept_replaced_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let devkit = folder.path().join("deep/devkit");
    let tiny = ScenesConfig {
        seed: 0,
        train: 1,
        val: 1,
        test: 0,
        shifted: 1,
    };
    assert_eq!(generate(&devkit, &tiny, || ()).unwrap(), Generated::Drawn);
    assert_eq!(
        generate(&devkit, &tiny, || ()).unwrap(),
        Generated::AlreadyThere
    );
    let other = ScenesConfig {
        train: 2,
        ..tiny.clone()
    };
    // While the new images are drawn, the former folder is whole; afterwards nothing is beside the new one.
    let former = files(&devkit);
    let is_whole = || assert_eq!(files(&devkit), former);
    assert_eq!(
        generate(&devkit, &other, is_whole).unwrap(),
        Generated::Drawn
    );
    assert_eq!(
        fs_err::read_dir(folder.path().join("deep"))
            .unwrap()
            .count(),
        1
    );
    let train = fs_err::read_to_string(devkit.join("ImageSets/Main/train.txt")).unwrap();
    assert_eq!(train, "train-00001\ntrain-00002\n");

    let foreign = folder.path().join("foreign");
    fs_err::create_dir(&foreign).unwrap();
    fs_err::write(foreign.join("thesis.txt"), "mine").unwrap();
    let refused = generate(&foreign, &tiny, || ()).unwrap_err().to_string();
    assert!(
        refused.contains("foreign: scenes.json: found none"),
        "{refused}"
    );
    assert_eq!(files(&foreign).len(), 1);

    for empty in [
        ScenesConfig {
            train: 0,
            ..tiny.clone()
        },
        ScenesConfig {
            val: 0,
            ..tiny.clone()
        },
        ScenesConfig { shifted: 0, ..tiny },
    ] {
        let refused = generate(&folder.path().join("none"), &empty, || ()).unwrap_err();
        assert!(
            refused.to_string().contains("expected at least 1"),
            "{refused}"
        );
        assert!(!folder.path().join("none").exists());
    }
}

#[test]
fn the_command_makes_a_data_folder_with_two_test_groups() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("data");
    let output = Command::new(env!("CARGO_BIN_EXE_data-prep"))
        .args(["scenes", "--size", "64", "--seed", "7"])
        .args([
            "--train",
            "20",
            "--val",
            "5",
            "--test",
            "6",
            "--shifted",
            "8",
        ])
        .arg("--root")
        .arg(folder.path().join("devkit"))
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    let dataset = Dataset::open(&out).unwrap();
    assert_eq!(dataset.name(), "scenes");
    assert_eq!(dataset.classes, class_names());
    assert_eq!(
        Split::ALL.map(|split| dataset.indices(split).len()),
        [20, 5, 14]
    );
    for image in &dataset.images {
        let group = i32::from(image.image_id.starts_with("shifted-"));
        assert_eq!(image.group_id, Some(group), "{}", image.image_id);
        let classes: BTreeSet<i32> = image.objects.iter().map(|o| o.class_id).collect();
        assert_eq!(image.labels, Vec::from_iter(classes), "{}", image.image_id);
        for &class_id in &image.labels {
            // On the grid a shape may reach a little beyond its boxes, whose last row and column are left out.
            let boxes = dataset.class_mask(image, class_id, 0.0);
            let shape = dataset.class_segmentation(image, class_id).unwrap();
            assert!(
                shape.area() > 0 && shape.area() < boxes.area() * 5 / 4,
                "{}",
                image.image_id
            );
        }
    }
}
