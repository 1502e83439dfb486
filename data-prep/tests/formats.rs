//! Decodes the fixtures in `fixtures/formats` (WebP, TIFF, BMP and GIF, and a 16-bit PNG), and checks that every
//! value equals Pillow's; of lossy WebP, that no value differs by more than a few levels.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use data_prep::decode::decode;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats")
}

/// The most levels of 255 that a value of lossy WebP may differ from Pillow's: the decoders interpolate colours
/// in different ways.
const LOSSY: u8 = 8;

/// Compares each image with the bytes that Pillow decoded, which lie beside it as `NAME.rgb`. For 16-bit gray
/// these have the upper byte of each value, because Pillow itself would make values above 255 white.
#[test]
fn pixels_of_every_format_are_pillows() {
    let mut names: Vec<String> = fs_err::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".rgb") && !name.ends_with(".py"))
        .collect();
    names.sort();
    assert_eq!(names.len(), 13, "{names:?}");
    for name in names {
        let read = |name: &str| fs_err::read(folder().join(name)).unwrap();
        let image = decode(&read(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((image.width, image.height), (24, 18), "{name}");
        let expected = read(&format!("{name}.rgb"));
        let pairs = image.data.iter().zip(&expected);
        let most = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        let allowed = if name == "lossy.webp" { LOSSY } else { 0 };
        assert!(most <= allowed, "{name}: a value is {most} off");
    }
}

#[test]
fn a_file_that_is_cut_short_is_an_error_and_no_panic() {
    for name in [
        "rgb.bmp",
        "lzw.tiff",
        "lossless.webp",
        "lossy.webp",
        "two_frames.gif",
        "gray16.png",
    ] {
        let bytes = fs_err::read(folder().join(name)).unwrap();
        for length in [13, bytes.len() / 2] {
            assert!(decode(&bytes[..length]).is_err(), "{name} cut to {length}");
        }
    }
}
