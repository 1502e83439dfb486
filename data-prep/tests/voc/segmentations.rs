//! Tests VOC's segmentation images, in which objects' shapes are painted: with palettes, grays and colours. In
//! `SegmentationObject` the k-th object of the XML has the index k, in `SegmentationClass` an object has its
//! class's number, from 1. Where a shape cannot be read, the object keeps its box.

use data_prep::dataset::Dataset;
use png::ColorType;

use crate::devkit::{Devkit, annotation, assert_code, object, stderr};
use crate::objects::skipped;

/// A devkit whose image a, of 4 × 3 pixels, has two dogs.
fn two_dogs() -> Devkit {
    let devkit = Devkit::new();
    let objects = [object("dog", "1 1 2 2", "0"), object("dog", "3 1 4 2", "0")].concat();
    devkit.annotate("a", &annotation(4, 3, &objects));
    devkit.image("a", 4, 3);
    devkit
}

/// Indices of 4 × 3 pixels, row-major: object 1 at the left, object 2 at the right, the void (255) beside each.
const OBJECTS: [u8; 12] = [1, 1, 255, 2, 1, 0, 255, 2, 0, 0, 0, 0];

/// Returns RGB pixels: the `colour` of each index.
fn painted(indices: &[u8], colour: impl Fn(u8) -> [u8; 3]) -> Vec<u8> {
    indices.iter().flat_map(|&index| colour(index)).collect()
}

/// The colours of VOC's palette for the indices 0 to 2, for 12 (a dog) and for 255 (the void).
fn voc(index: u8) -> [u8; 3] {
    match index {
        0 => [0, 0, 0],
        1 => [128, 0, 0],
        2 => [0, 128, 0],
        12 => [64, 0, 128],
        255 => [224, 224, 192],
        other => panic!("{other}"),
    }
}

/// The row-major numbers of the pixels in each object's shape (none without a shape), and the lines of
/// [`skipped`].
fn shapes(devkit: &Devkit) -> (Vec<Vec<usize>>, Vec<String>) {
    let output = devkit.run(&["--overwrite"]);
    assert_code(&output, 0);
    let dataset = Dataset::open(devkit.out()).unwrap();
    let objects = &dataset.images[0].objects;
    assert_eq!(objects.len(), 2);
    let pixels = objects.iter().map(|object| match &object.segmentation {
        Some(shape) => (0..12).filter(|index| shape.to_bitmap()[*index]).collect(),
        None => Vec::new(),
    });
    let remarks = skipped(&devkit.out());
    let said = stderr(&output).contains("faults that cost no image and no object");
    assert_eq!(said, !remarks.is_empty());
    (pixels.collect(), remarks)
}

#[test]
fn shapes_are_painted_in_indices_grays_and_colours() {
    // 12 is the dog's number among VOC's classes.
    let classes = OBJECTS.map(|index| {
        if index == 0 || index == 255 {
            index
        } else {
            12
        }
    });
    let rgba: Vec<u8> = painted(&OBJECTS, voc)
        .chunks(3)
        .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255])
        .collect();
    for (colours, objects) in [
        (ColorType::Indexed, OBJECTS.to_vec()),
        (ColorType::Grayscale, OBJECTS.to_vec()),
        (ColorType::Rgb, painted(&OBJECTS, voc)),
        (ColorType::Rgba, rgba),
    ] {
        let devkit = two_dogs();
        devkit.png("SegmentationObject/a.png", 4, colours, &objects);
        let expected = (vec![vec![0, 1, 4], vec![3, 7]], Vec::new());
        assert_eq!(shapes(&devkit), expected, "{colours:?}");
        for (colours, classes) in [
            (ColorType::Grayscale, classes.to_vec()),
            (ColorType::Rgb, painted(&classes, voc)),
        ] {
            devkit.png("SegmentationClass/a.png", 4, colours, &classes);
            assert_eq!(shapes(&devkit), expected, "{colours:?}");
        }
    }
}

#[test]
fn classes_are_painted_in_the_colours_of_labelmap() {
    let devkit = two_dogs();
    let map = "# label:color_rgb:parts:actions\n\
               background:0,0,0::\ncat:10,20,30::\ndog:1,2,3:head,tail:run\n";
    devkit.write("labelmap.txt", map);
    devkit.png(
        "SegmentationObject/a.png",
        4,
        ColorType::Rgb,
        &painted(&OBJECTS, voc),
    );
    let class = |colour: [u8; 3]| {
        painted(&OBJECTS, |index| {
            if index == 1 || index == 2 {
                colour
            } else {
                [0; 3]
            }
        })
    };
    devkit.png(
        "SegmentationClass/a.png",
        4,
        ColorType::Rgb,
        &class([1, 2, 3]),
    );
    assert_eq!(shapes(&devkit).0, [vec![0, 1, 4], vec![3, 7]]);
    assert_eq!(Dataset::open(devkit.out()).unwrap().classes, ["cat", "dog"]);
    devkit.png(
        "SegmentationClass/a.png",
        4,
        ColorType::Rgb,
        &class([10, 20, 30]),
    );
    let (pixels, remarks) = shapes(&devkit);
    assert_eq!(pixels, [vec![0; 0], vec![]]);
    assert_eq!(
        remarks,
        ["index inside object 1: found 1, expected 2, the class in the XML"]
    );
}

#[test]
fn a_shape_that_cannot_be_read_is_listed_and_the_box_kept() {
    let mut many = OBJECTS;
    many[11] = 3;
    let whites = OBJECTS.map(|index| if index == 0 { 0 } else { 255 });
    // The image's kind of colours, its bytes, its width (4 would be right), and what is noted.
    let cases: [(ColorType, Vec<u8>, u32, &str); 5] = [
        (
            ColorType::Indexed,
            many.to_vec(),
            4,
            "index: found 3, expected at most 2, the number of objects in the XML",
        ),
        (
            ColorType::Indexed,
            OBJECTS.to_vec(),
            3,
            "size: found 3x4, expected 4x3, the size of the image",
        ),
        (
            ColorType::Rgb,
            painted(&OBJECTS, |index| [index, 7, 7]),
            4,
            "colours: found 1,7,7, expected a colour of VOC's palette, or of labelmap.txt",
        ),
        (
            ColorType::Grayscale,
            whites.to_vec(),
            4,
            "index: found only 255, expected k, or the k-th colour of VOC's palette, for the k-th \
             object of the XML",
        ),
        (
            ColorType::GrayscaleAlpha,
            [0; 24].to_vec(),
            4,
            "colours: found GrayscaleAlpha of 8 bits, expected a palette, gray or RGB of at most 8 bits",
        ),
    ];
    for (colours, pixels, width, remark) in cases {
        let devkit = two_dogs();
        devkit.png("SegmentationObject/a.png", width, colours, &pixels);
        let (pixels, remarks) = shapes(&devkit);
        assert_eq!(pixels, [vec![0; 0], vec![]]);
        assert_eq!(remarks, [remark]);
    }
    let devkit = two_dogs();
    devkit.palette("SegmentationObject/a.png", 4, &OBJECTS);
    devkit.palette("SegmentationClass/a.png", 4, &[8; 12]);
    let (_, remarks) = shapes(&devkit);
    assert_eq!(
        remarks,
        ["index inside object 1: found 8, expected 12, the class in the XML"]
    );
}
