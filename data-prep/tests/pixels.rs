//! Decodes JPEG and PNG fixtures, resizes them, and checks that every value equals Pillow's; checks that broken
//! image files are errors; writes, reads and damages pixel files (`pixels.arrow` of a data folder).
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use data_prep::decode::{Decoder, decode};
use data_prep::geometry::Grid;
use data_prep::pixels::{PixelFile, PixelWriter};
use data_prep::raster::Rgb;
use data_prep::resize::Resizer;
use sha2::{Digest, Sha256};

/// The size to which images are resized, in pixels.
const GRID: Grid = Grid::square(32);

/// The images of the fixtures' folder. A name says what is odd about the image; `make.py` makes them.
const FIXTURES: [&str; 31] = [
    "as_large_as_the_grid.jpg",
    "cmyk_adobe.jpg",
    "coarse_tables.jpg",
    "coarse_tables_progressive.jpg",
    "exif_rotated.jpg",
    "five_wide_420.jpg",
    "gray.jpg",
    "gray.png",
    "gray_alpha.png",
    "kept_rgb.jpg",
    "low_quality.jpg",
    "one_bit.png",
    "one_high.jpg",
    "one_pixel.jpg",
    "one_wide.jpg",
    "optimised_huffman.jpg",
    "palette.png",
    "palette_4bit.png",
    "progressive.jpg",
    "progressive_gray.jpg",
    "progressive_tall.jpg",
    "restart_markers.jpg",
    "rgb.png",
    "rgba.png",
    "sampled_411.jpg",
    "sampled_420.jpg",
    "sampled_422.jpg",
    "sampled_440.jpg",
    "sampled_444.jpg",
    "smaller_than_the_grid.jpg",
    "two_wide.jpg",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pixels")
}

fn fixture(name: &str) -> Vec<u8> {
    fs_err::read(folder().join(name)).unwrap()
}

#[test]
fn every_fixture_has_a_case() {
    let there: BTreeSet<String> = fs_err::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".jpg") || name.ends_with(".png"))
        .collect();
    assert_eq!(there, BTreeSet::from(FIXTURES.map(str::to_owned)));
}

/// Each fixture, decoded and resized, is compared with `NAME.rgb`, the bytes that Pillow gave.
#[test]
fn pixels_equal_pillows() {
    let mut resizer = Resizer::new(GRID);
    let (mut differing, mut total) = (0, 0);
    for name in FIXTURES {
        let expected = fixture(&format!("{name}.rgb"));
        let image = decode(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let pixels = resizer.resize(&image);
        assert_eq!(pixels.len(), expected.len(), "{name}");
        let differences: Vec<u8> = pixels
            .iter()
            .zip(&expected)
            .map(|(a, b)| a.abs_diff(*b))
            .collect();
        let most = *differences.iter().max().unwrap();
        assert!(most <= 1, "{name}: a value is {most} off");
        differing += differences
            .iter()
            .filter(|&&difference| difference > 0)
            .count();
        total += differences.len();
    }
    println!("{differing} of {total} values differ from Pillow's");
    assert_eq!(differing, 0);
}

/// A decoder that has decoded other images, and broken ones, gives the same pixels as a new one.
#[test]
fn a_decoder_owes_nothing_to_the_images_before() {
    let mut decoder = Decoder::default();
    for name in FIXTURES.iter().chain(FIXTURES.iter().rev()) {
        let bytes = fixture(name);
        assert!(decoder.decode(&bytes[..bytes.len() / 2]).is_err(), "{name}");
        assert_eq!(
            decoder.decode(&bytes).unwrap(),
            &decode(&bytes).unwrap(),
            "{name}"
        );
    }
}

/// Returns the positions of the JPEG markers 0xff `kind`.
fn markers(bytes: &[u8], kind: u8) -> Vec<usize> {
    (0..bytes.len() - 1)
        .filter(|&at| bytes[at..at + 2] == [0xff, kind])
        .collect()
}

#[test]
fn a_progressive_image_without_its_last_scans_is_an_error() {
    // Pillow would show a preview, smoothed over the edges of blocks.
    let whole = fixture("progressive.jpg");
    let scans = markers(&whole, 0xda);
    assert!(scans.len() > 4);
    for &scan in &scans[1..] {
        let bytes = [&whole[..scan], &[0xff, 0xd9]].concat();
        let error = decode(&bytes).unwrap_err().to_string();
        assert!(
            error.contains("without its last scans") || error.contains("a component without data"),
            "{error}"
        );
    }
}

/// A table of ones is put before the last scan; the pixels stay as they were.
#[test]
fn a_quantisation_table_after_a_components_first_scan_is_not_for_it() {
    let whole = fixture("progressive.jpg");
    let scan = *markers(&whole, 0xda).last().unwrap();
    let mut table = vec![0xff, 0xdb, 0, 67, 0];
    table.extend([1; 64]);
    let bytes = [&whole[..scan], &table, &whole[scan..]].concat();
    assert_eq!(decode(&bytes).unwrap(), decode(&whole).unwrap());
}

/// Each line of `flipped.txt` (made by `flip.py`) names a fixture, a byte and a bit to be flipped, and the
/// first digits of the SHA-256 of the pixels that Pillow then reads. Our decoder may refuse such a
/// file; one that it reads must have Pillow's pixels.
#[test]
fn a_turned_bit_gives_pillows_pixels_or_an_error() {
    let list = fs_err::read_to_string(folder().join("flipped.txt")).unwrap();
    let mut n_read = 0;
    for line in list.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, byte, bit, expected] = words[..] else {
            panic!("{line}");
        };
        let mut bytes = fixture(name);
        bytes[byte.parse::<usize>().unwrap()] ^= 1 << bit.parse::<u8>().unwrap();
        if let Ok(image) = decode(&bytes) {
            let found: String = Sha256::digest(&image.data)[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(found, expected, "{line}");
            n_read += 1;
        }
    }
    // If nearly all of them were refused, the test would check nothing. The number 40 is chosen.
    assert!(n_read >= 40, "{n_read} of {}", list.lines().count());
}

#[test]
fn restart_markers_out_of_their_order_are_an_error() {
    let whole = fixture("restart_markers.jpg");
    let offsets: Vec<usize> = (0..8).flat_map(|n| markers(&whole, 0xd0 + n)).collect();
    assert!(offsets.len() > 2);
    for &offset in &offsets {
        for number in 0xd0..=0xd7 {
            let mut bytes = whole.clone();
            bytes[offset + 1] = number;
            assert_eq!(
                decode(&bytes).is_ok(),
                bytes == whole,
                "{offset} {number:x}"
            );
        }
        let without = [&whole[..offset], &whole[offset + 2..]].concat();
        assert!(decode(&without).is_err(), "{offset}");
        let twice = [
            &whole[..offset],
            &whole[offset..offset + 2],
            &whole[offset..],
        ]
        .concat();
        assert!(decode(&twice).is_err(), "{offset}");
    }
}

/// The last byte of a progressive scan's header has the bit at which the scans before it ended (upper half)
/// and the bit that it codes (lower half). Any other value than the right one is an error.
#[test]
fn a_scan_that_goes_on_where_none_ended_is_an_error() {
    let whole = fixture("progressive.jpg");
    for &scan in &markers(&whole, 0xda) {
        let last = scan + 2 + 2 + usize::from(whole[scan + 4]) * 2 + 1 + 2;
        for position in [0x00, 0x10, 0x21, 0x32, 0x20, 0x02] {
            let mut bytes = whole.clone();
            bytes[last] = position;
            let is_same = bytes == whole;
            assert_eq!(decode(&bytes).is_ok(), is_same, "{scan} {position:x}");
        }
    }
}

#[test]
fn an_image_of_too_many_pixels_is_refused_before_memory_is_asked_for() {
    let mut png = Vec::new();
    let encoder = png::Encoder::new(&mut png, 200_000, 200_000);
    let mut writer = encoder.write_header().unwrap();
    writer.write_chunk(png::chunk::IDAT, b"data").unwrap();
    drop(writer);
    let mut jpeg = fixture("gray.jpg");
    let frame = markers(&jpeg, 0xc0)[0];
    jpeg[frame + 5..frame + 9].fill(0xff);
    let expected = "pixels, expected 1 to 178956970 pixels, as Pillow";
    for (bytes, size) in [(png, "200000x200000"), (jpeg, "65535x65535")] {
        let error = decode(&bytes).unwrap_err().to_string();
        assert_eq!(error, format!("found {size} {expected}"));
    }
}

#[test]
fn the_image_is_not_turned_by_its_exif_orientation() {
    let image = decode(&fixture("exif_rotated.jpg")).unwrap();
    assert_eq!((image.width, image.height), (61, 45));
}

#[test]
fn a_file_cut_short_is_an_error_wherever_it_is_cut() {
    for name in FIXTURES {
        let bytes = fixture(name);
        // A PNG's last chunk, IEND, is 12 bytes without content, and the decoder need not read it.
        let tail = if name.ends_with(".png") { 12 } else { 0 };
        for length in 0..bytes.len() - tail {
            assert!(
                decode(&bytes[..length]).is_err(),
                "{name} cut to {length} bytes"
            );
        }
    }
}

#[test]
fn broken_bytes_never_panic() {
    for name in [
        "progressive.jpg",
        "restart_markers.jpg",
        "sampled_420.jpg",
        "palette.png",
    ] {
        let whole = fixture(name);
        for at in 0..whole.len() {
            for value in [0x00, 0xff, whole[at] ^ 0x10] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                // Pixels or an error, but no panic: a changed byte may leave a valid image.
                if let Ok(image) = decode(&bytes) {
                    assert_eq!(image.data.len(), image.width * image.height * 3);
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_decoded_is_said() {
    let mut arithmetic = fixture("sampled_444.jpg");
    let frame = arithmetic
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    arithmetic[frame + 1] = 0xc9;
    let cases: [(&[u8], &str); 4] = [
        (
            b"",
            "found an empty file, expected a JPEG, PNG, WebP, TIFF, BMP or GIF image",
        ),
        (
            b"%PDF-1.7",
            "found a file that begins [25, 50, 44, 46], expected a JPEG, PNG, WebP, TIFF, BMP or GIF image",
        ),
        (
            &arithmetic,
            "found a JPEG that is arithmetic-coded, expected a baseline or progressive JPEG",
        ),
        (
            &fixture("gray.jpg")[..700],
            "found an end after 700 bytes, expected a whole JPEG image",
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode(bytes).unwrap_err().to_string(), expected);
    }
}

#[test]
fn resizing_a_constant_keeps_it_and_enlarging_interpolates() {
    let mut resizer = Resizer::new(Grid {
        height: 3,
        width: 4,
    });
    for (width, height) in [(1, 1), (2, 900), (701, 5), (4, 3)] {
        let image = Rgb {
            width,
            height,
            data: [7, 255, 0].repeat(width * height),
        };
        assert_eq!(
            resizer.resize(&image),
            [7, 255, 0].repeat(12),
            "{width}x{height}"
        );
    }
    // Pillow: Image.new("L", (2, 1)) with 0 and 200, resized to (4, 1): 0 50 150 200.
    let image = Rgb {
        width: 2,
        height: 1,
        data: vec![0, 0, 0, 200, 200, 200],
    };
    let row: Vec<u8> = [0, 50, 150, 200]
        .iter()
        .flat_map(|&value| [value; 3])
        .collect();
    assert_eq!(resizer.resize(&image), row.repeat(3));
}

/// Writes a pixel file in which all bytes of row i are i.
fn write_rows(path: &Path, n_rows: u8) {
    let mut writer = PixelWriter::create(path, GRID, "abc").unwrap();
    for row in 0..n_rows {
        writer.push(&vec![row; GRID.cells() * 3]).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn rows_come_back_from_the_mapped_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pixels.arrow");
    for n_rows in [0, 1, 200] {
        write_rows(&path, n_rows);
        let pixels = PixelFile::open(&path).unwrap();
        assert_eq!(
            (pixels.len(), pixels.height, pixels.width),
            (usize::from(n_rows), 32, 32)
        );
        assert_eq!(pixels.inputs(), Some("abc"));
        for row in 0..n_rows {
            assert_eq!(pixels.row(usize::from(row)), vec![row; GRID.cells() * 3]);
        }
    }
    let several_batches = 1500 * GRID.cells() * 3;
    let mut writer = PixelWriter::create(&path, GRID, "abc").unwrap();
    let data: Vec<u8> = (0..several_batches)
        .map(|at| (at / 3072 * 7 + at) as u8)
        .collect();
    data.chunks(GRID.cells() * 3)
        .for_each(|row| writer.push(row).unwrap());
    writer.finish().unwrap();
    let pixels = PixelFile::open(&path).unwrap();
    // A row has 3072 bytes, a batch of 4 MiB 1365 rows: the rows around the first batch's end.
    for row in [0, 1364, 1365, 1366, 1499] {
        assert_eq!(pixels.row(row), &data[row * 3072..][..3072], "row {row}");
    }
}

#[test]
fn a_long_pixel_file_that_is_flushed_on_the_way_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pixels.arrow");
    let grid = Grid::square(1024);
    let row = |index: usize| -> Vec<u8> {
        (0..grid.cells() * 3)
            .map(|at| (at / 4096 * 7 + at + index) as u8)
            .collect()
    };
    // 75 MB, so that 32 MiB, after which a file is flushed, are reached twice. A batch has one row of 3 MiB.
    let mut writer = PixelWriter::create(&path, grid, "abc").unwrap();
    (0..24).for_each(|index| writer.push(&row(index)).unwrap());
    writer.finish().unwrap();
    let pixels = PixelFile::open(&path).unwrap();
    assert_eq!(pixels.len(), 24);
    (0..24).for_each(|index| assert!(pixels.row(index) == row(index), "row {index}"));
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_unfinished_pixel_file_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = PixelWriter::create(&folder.path().join("p.arrow"), GRID, "").unwrap();
    writer.push(&vec![0; GRID.cells() * 3]).unwrap();
    drop(writer);
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_pixel_file_cut_short_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pixels.arrow");
    write_rows(&path, 3);
    let whole = fs_err::read(&path).unwrap();
    for length in [
        0,
        5,
        30,
        500,
        4000,
        whole.len() / 2,
        whole.len() - 10,
        whole.len() - 1,
    ] {
        fs_err::write(&path, &whole[..length]).unwrap();
        let error = PixelFile::open(&path).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{}: ", path.display())),
            "{error}"
        );
        assert!(error.contains(", expected "), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn a_pixel_file_of_another_shape_is_refused() {
    use arrow::array::{ArrayRef, FixedSizeBinaryArray, RecordBatch, UInt8Array};
    use arrow::datatypes::Schema;
    use std::sync::Arc;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pixels.arrow");
    let rows = |bytes: usize| -> ArrayRef {
        Arc::new(FixedSizeBinaryArray::try_from_iter([vec![0; bytes]].into_iter()).unwrap())
    };
    // The column's name, its only row, the width in the metadata, and a part of the error. Right would be `rgb`,
    // 24 bytes and 2.
    let cases: [(&str, ArrayRef, &str, &str); 4] = [
        (
            "rgb",
            rows(12),
            "2",
            "columns: found rgb FixedSizeBinary(12), expected rgb",
        ),
        ("pixels", rows(24), "2", "columns: found pixels"),
        (
            "rgb",
            rows(24),
            "two",
            "width: found two, expected a positive number",
        ),
        (
            "rgb",
            Arc::new(UInt8Array::from(vec![1])),
            "2",
            "columns: found rgb UInt8",
        ),
    ];
    for (name, column, width, expected) in cases {
        let batch = RecordBatch::try_from_iter([(name, column)]).unwrap();
        let metadata = [("height", "4"), ("width", width)];
        let metadata: HashMap<String, String> = metadata
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        let schema = Schema::clone(&batch.schema()).with_metadata(metadata);
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = arrow::ipc::writer::FileWriter::try_new(file, &schema).unwrap();
        let batch = batch.with_schema(Arc::new(schema)).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let error = PixelFile::open(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
