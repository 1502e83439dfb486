//! Has data-prep read images of 100 megapixels. It must accept them and stay below a given peak memory. The images have
//! a single colour, so that their files are small.

use std::io::Write;
use std::process::{Child, Stdio};
use std::time::Duration;

use tests::programs::program;

use crate::change::replace;
use crate::sandbox::{Sandbox, Valid, fixtures};

/// Width and height in pixels.
const SIDE: usize = 10_000;

/// Returns a gray JPEG, made from the header and tables of a small one with the size replaced. Every unit of 16 × 16
/// pixels (four blocks of brightness, two of colour) consists of the Huffman codes for "same mean as the block
/// before" and "no other coefficient", 32 bits in all.
fn jpeg() -> Vec<u8> {
    let small = fs_err::read(fixtures().join("valid/voc/JPEGImages/000001.jpg")).unwrap();
    let at = |marker: u8| {
        let found = small.windows(2).position(|pair| pair == [0xff, marker]);
        found.unwrap()
    };
    // The markers of the frame header, which has height and width from its byte 5 on, and of the scan header.
    let (frame, scan) = (at(0xc0), at(0xda));
    let scan_length = usize::from(u16::from_be_bytes([small[scan + 2], small[scan + 3]]));
    let mut large = small[..scan + 2 + scan_length].to_vec();
    let side = (SIDE as u16).to_be_bytes();
    large[frame + 5..frame + 9].copy_from_slice(&[side, side].concat());
    let units = SIDE.div_ceil(16).pow(2);
    large.extend([0x28, 0xa2, 0x8a, 0x00].repeat(units));
    large.extend([0xff, 0xd9]);
    large
}

/// Returns a black PNG of the colour type `colour`, whose rows have `row_bytes` bytes.
fn png(colour: png::ColorType, row_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE as u32, SIDE as u32);
    encoder.set_color(colour);
    encoder.set_compression(png::Compression::Fastest);
    if colour == png::ColorType::Indexed {
        encoder.set_palette(vec![0; 9]);
    }
    let mut writer = encoder.write_header().unwrap();
    let mut stream = writer.stream_writer().unwrap();
    let row = vec![0; row_bytes];
    for _ in 0..SIDE {
        stream.write_all(&row).unwrap();
    }
    stream.finish().unwrap();
    drop(writer);
    bytes
}

/// Waits for a program to end; returns its peak memory in MiB, from `/proc`, and its exit code.
fn peak(mut child: Child) -> (u64, Option<i32>) {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // Read before asking whether the program has ended, because after its end `/proc` no longer has its file.
        let text = fs_err::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) / 1024);
        if let Some(ended) = child.try_wait().unwrap() {
            return (peak, ended.code());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Has data-prep read a devkit whose image 000004 is replaced by `image`, with `segmentation`, if given, as its
/// segmentation image. Returns the peak memory in MiB.
fn read(name: &str, image: &[u8], segmentation: Option<&[u8]>) -> u64 {
    let copy = Sandbox::new(&format!("large-{name}"), Valid::Voc).copy("large");
    let annotation = copy.input.join("Annotations/000004.xml");
    let text = fs_err::read_to_string(&annotation).unwrap();
    // The image was 40 pixels wide and 24 high.
    let text = text.replace(">40<", ">10000<").replace(">24<", ">10000<");
    replace(&annotation, text.as_bytes());
    replace(&copy.input.join("JPEGImages/000004.jpg"), image);
    if let Some(segmentation) = segmentation {
        let path = copy.input.join("SegmentationObject/000004.png");
        fs_err::write(path, segmentation).unwrap();
    }
    let mut command = program("data-prep");
    command.args(["voc", "--size", "32", "--threads", "1", "--root"]);
    command.arg(&copy.input).arg("--out").arg(&copy.out);
    let child = command.stderr(Stdio::inherit()).spawn().unwrap();
    let (mib, code) = peak(child);
    assert_eq!(code, Some(0), "{name}");
    let rows = tests::tables::read(&copy.out.join("images.parquet"))
        .unwrap()
        .rows;
    assert_eq!(rows.num_rows(), 4, "{name}");
    mib
}

/// The bounds in MiB are what was measured (726, 582, 677 and 726; docs/reliability.md) with 10 to 20 % of room.
#[test]
fn images_of_100_megapixels() {
    let images = [
        ("jpeg", jpeg(), None, 800),
        ("png", png(png::ColorType::Rgb, 3 * SIDE), None, 700),
        ("png-rgba", png(png::ColorType::Rgba, 4 * SIDE), None, 800),
        (
            "segmentation",
            jpeg(),
            Some(png(png::ColorType::Indexed, SIDE)),
            800,
        ),
    ];
    for (name, image, segmentation, most) in images {
        let mib = read(name, &image, segmentation.as_deref());
        println!("{name}: {mib} MiB");
        assert!(mib <= most, "{name}: {mib} MiB, expected at most {most}");
    }
}
