//! Reads annotations and images made to fill memory, overflow the stack or never end, and checks that each
//! is refused with its reason, or read where it breaks no rule, within a limit of memory. Files that are merely
//! broken are in the tests `voc`, `coco` (in `broken.rs`), `exports` and `pixels`.
#![allow(clippy::unwrap_used)]

#[path = "../../tests/src/peak.rs"]
mod peak;

use std::path::Path;
use std::process::Command;

use arrow::array::StringArray;
use data_prep::decode::decode;
use data_prep::schema::{IMAGES, SKIPPED};
use data_prep::source::coco::load_instances;
use data_prep::source::voc;
use data_prep::table::{column, read_table};
use peak::Peak;

/// Counts the memory that each thread holds; [`peak::of`] returns the most during a call.
#[global_allocator]
static MEMORY: Peak = Peak;

/// Levels of nesting, or digits of a number.
const DEEP: usize = 1_000_000;
const MIB: usize = 1 << 20;

/// Reads `json` as an instances file and returns the error, without the file's name, and the peak of memory
/// in bytes.
fn instances(json: &str) -> (String, usize) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs_err::write(file.path(), json).unwrap();
    let (read, peak) = peak::of(|| load_instances(file.path()));
    let error = match read {
        Err(error) => error.to_string(),
        // A wrong element is no error: it, or its shape, is left out and listed.
        Ok(instances) => {
            let problems = instances.problems().iter().map(|item| &item.problem);
            let mut all = problems.chain(instances.remarks());
            all.next().unwrap().to_string()
        }
    };
    let name = format!("{}: ", file.path().display());
    (error.strip_prefix(&name).unwrap().to_owned(), peak)
}

#[test]
fn deep_json_and_huge_shapes_are_refused() {
    let annotation = |segmentation: &str| {
        format!(
            "{{\"images\":[{{\"id\":1,\"file_name\":\"a\",\"width\":65535,\"height\":65535}}],\"categories\":[],\
             \"annotations\":[{{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[0,0,1,1],\"segmentation\":{segmentation}}}]}}"
        )
    };
    let nested = "at most 128 arrays and objects in one another";
    let zigzag = "-100000,0,100000,1,".repeat(100_000);
    // What the file has, the file, and the beginning of the error. Of nested values it names the column at which
    // the 129th level opens.
    let cases = [
        ("arrays nobody asks for", format!("{{\"info\":{}", "[".repeat(DEEP)), format!("line 1, column 136: found `[`, expected {nested}")),
        ("objects nobody asks for", format!("{{\"info\":{}", "{\"a\":".repeat(DEEP)), format!("line 1, column 644: found `{{`, expected {nested}")),
        ("arrays in an annotation", annotation(&"[".repeat(DEEP)), format!("line 1, column 292: found `[`, expected {nested}")),
        (
            "a polygon that crosses every column again and again",
            annotation(&format!("[[{zigzag}0,0]]")),
            "annotations[0].segmentation[0]: found an outline of 40000000000 pixels, expected at most 10000000".to_owned(),
        ),
        (
            "a number of a million digits",
            annotation(&format!("[[{},0,0,1,1,0]]", "9".repeat(DEEP))),
            format!("annotations[0].segmentation[0][0]: found {}…, expected a number within the range of doubles", "9".repeat(200)),
        ),
    ];
    for (name, json, expected) in cases {
        let (error, peak) = instances(&json);
        assert!(
            error.starts_with(&expected),
            "{name}: {}",
            &error[..error.len().min(300)]
        );
        assert!(
            error.len() < 400,
            "{name}: a message of {} bytes",
            error.len()
        );
        // A few times the file's size, chosen: what is refused at once needs little more than the file itself.
        assert!(
            peak < 4 * json.len() + MIB,
            "{name}: {peak} bytes for {}",
            json.len()
        );
    }
}

/// Text from a file is quoted in messages; its control characters must not reach the terminal.
#[test]
fn control_characters_are_shown_not_sent() {
    let xml = "<annotation><size><width>\u{9b}31mred</width><height>2</height></size></annotation>";
    let read = voc::read_annotation(Path::new("f"), xml.into()).unwrap();
    assert_eq!(
        read.problems[0].to_string(),
        "f: size/width: found \\u{9b}31mred, expected a positive number of pixels"
    );
}

#[test]
fn xml_has_no_entities_and_any_depth_ends() {
    let mut laughs = "<!DOCTYPE annotation [<!ENTITY l0 \"laugh\">".to_owned();
    for i in 1..30 {
        let before = format!("&l{};", i - 1).repeat(10);
        laughs.push_str(&format!("<!ENTITY l{i} \"{before}\">"));
    }
    laughs.push_str("]><annotation>&l29;</annotation>");
    let external = "<!DOCTYPE annotation [<!ENTITY file SYSTEM \"file:///etc/passwd\">]>\
                    <annotation><folder>&file;</folder></annotation>";
    let undeclared = "<annotation><folder>&file;</folder></annotation>";
    let nested = format!(
        "<annotation>{}{}</annotation>",
        "<a>".repeat(DEEP),
        "</a>".repeat(DEEP)
    );
    let attributes: String = (0..20_000).map(|i| format!(" a{i}=\"\"")).collect();
    // What the file has, the file, and the beginning of the error, or that it is read.
    let cases = [
        (
            "entities of entities",
            laughs,
            "XML: found XML with DTD detected, expected well-formed XML",
        ),
        (
            "another file",
            external.to_owned(),
            "XML: found XML with DTD detected, expected well-formed XML",
        ),
        (
            "an entity of nowhere",
            undeclared.to_owned(),
            "XML: found unknown entity reference 'file' at 1:21",
        ),
        ("elements in elements", nested, "nothing wrong"),
        ("elements without end", "<a>".repeat(DEEP), "XML: found "),
        (
            "attributes",
            format!("<annotation{attributes}/>"),
            "nothing wrong",
        ),
    ];
    for (name, xml, expected) in cases {
        let length = xml.len();
        let (read, peak) = peak::of(|| voc::read_annotation(Path::new("f"), xml.into_bytes()));
        let error = match read {
            Err(error) => error.to_string(),
            Ok(read) => {
                assert!(
                    read.objects.is_empty() && read.problems.is_empty(),
                    "{name}"
                );
                "f: nothing wrong".to_owned()
            }
        };
        assert!(
            error.starts_with(&format!("f: {expected}")),
            "{name}: {error}"
        );
        // Chosen: a parsed document takes a few dozen bytes for each of the file's.
        assert!(
            peak < 80 * length + MIB,
            "{name}: {peak} bytes for {length}"
        );
    }
}

/// Makes a JPEG of three components that ends after its first scan's header. `marker` is 0xc0 (baseline) or
/// 0xc2 (progressive).
fn jpeg_without_data(marker: u8, width: u16, height: u16) -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xdb\x00\x43\x00".to_vec();
    bytes.extend([1; 64]);
    bytes.extend([0xff, marker, 0, 17, 8]);
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend(*b"\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00");
    for table in [0x00, 0x10] {
        bytes.extend([
            0xff, 0xc4, 0, 20, table, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ]);
    }
    let last = if marker == 0xc2 { 0 } else { 63 };
    bytes.extend(*b"\xff\xda\x00\x0c\x03\x01\x00\x02\x00\x03\x00\x00");
    bytes.extend([last, 0]);
    bytes
}

/// Makes a gray PNG of this size whose only data are the given chunks (kind, content).
fn png(width: u32, height: u32, chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    for (kind, data) in chunks {
        writer
            .write_chunk(png::chunk::ChunkType(**kind), data)
            .unwrap();
    }
    drop(writer);
    bytes
}

/// Returns a zlib stream of `n` million zeros.
fn zeros(n: usize) -> Vec<u8> {
    // A black PNG's data is such a stream: each row is a byte for the filter and 999 samples, all zero.
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 999, n as u32 * 1000);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&vec![0; n * 999_000]).unwrap();
    drop(writer);
    let mut stream = Vec::new();
    let mut rest = &bytes[8..];
    while let Some((length, content)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        if content.starts_with(b"IDAT") {
            stream.extend(&content[4..][..length]);
        }
        rest = &content[4 + length + 4..];
    }
    stream
}

#[test]
fn images_take_memory_for_their_pixels_only() {
    // The side of the largest square with at most 178,956,970 pixels, which is Pillow's limit.
    const SIDE: u16 = 13_377;
    let pixels = usize::from(SIDE) * usize::from(SIDE);
    let too_many = "65535x65535 pixels, expected 1 to 178956970 pixels, as Pillow";
    // 100 million zeros, compressed: the content of a colour profile or of a text chunk.
    let large = [b"name\0\0".to_vec(), zeros(100)].concat();
    // What the file has, the file, the beginning of what was found, and a limit of memory in bytes, to which the
    // test adds 1 MiB. A baseline JPEG takes 3 bytes of samples a pixel, a progressive one 6 more of
    // coefficients, a gray PNG 1; the rest is room.
    let cases = [
        (
            "baseline, too large",
            jpeg_without_data(0xc0, 65535, 65535),
            too_many,
            MIB,
        ),
        (
            "progressive, too large",
            jpeg_without_data(0xc2, 65535, 65535),
            too_many,
            MIB,
        ),
        (
            "baseline without data",
            jpeg_without_data(0xc0, SIDE, SIDE),
            "an end after 148 bytes, expected a whole JPEG image",
            4 * pixels,
        ),
        (
            "progressive without data",
            jpeg_without_data(0xc2, SIDE, SIDE),
            "an end after 148 bytes, expected a whole JPEG image",
            11 * pixels,
        ),
        (
            "png, too large",
            png(65535, 65535, &[(b"IDAT", b"x")]),
            too_many,
            MIB,
        ),
        (
            "png without data",
            png(SIDE.into(), SIDE.into(), &[(b"IDAT", b"x")]),
            "",
            2 * pixels,
        ),
        (
            "png with fewer rows than it says",
            png(SIDE.into(), SIDE.into(), &[(b"IDAT", &zeros(10))]),
            "",
            2 * pixels,
        ),
        // The crate `png` inflates a profile up to 64 MiB, in a buffer that doubles: when it grows for the last
        // time, the old one of 33 MiB and the new one of 66 are both there.
        (
            "png with a large profile",
            png(1, 1, &[(b"iCCP", &large), (b"IDAT", b"x")]),
            "",
            99 * MIB,
        ),
        // It keeps a text as it is, compressed.
        (
            "png with a large text",
            png(1, 1, &[(b"zTXt", &large), (b"IDAT", b"x")]),
            "",
            MIB,
        ),
    ];
    for (name, bytes, expected, limit) in cases {
        let (decoded, peak) = peak::of(|| decode(&bytes));
        let error = decoded.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("found {expected}")),
            "{name}: {error}"
        );
        assert!(
            peak < limit + MIB,
            "{name}: {peak} bytes, {} a pixel",
            peak / pixels
        );
    }
}

/// Image a, its XML and its segmentation image all say that it has billions of pixels (65,535 × 65,535); both
/// image files end after their headers. Both are listed as left out; image b is read. The program may have 2 GB
/// of address space (`ulimit -v`, in KiB).
#[test]
fn a_segmentation_of_billions_of_pixels_is_refused_before_memory_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, bytes: &[u8]| {
        let path = folder.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    };
    write("ImageSets/Main/train.txt", b"a\nb\n");
    write("JPEGImages/a.jpg", &jpeg_without_data(0xc0, 65535, 65535));
    let mut small = Vec::new();
    jpeg_encoder::Encoder::new(&mut small, 90)
        .encode(&[9; 8 * 8 * 3], 8, 8, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    write("JPEGImages/b.jpg", &small);
    write("Annotations/b.xml", b"<annotation/>");
    write(
        "Annotations/a.xml",
        b"<annotation><size><width>65535</width><height>65535</height></size></annotation>",
    );
    let mut palette = Vec::new();
    let mut encoder = png::Encoder::new(&mut palette, 65535, 65535);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(vec![0; 768]);
    encoder
        .write_header()
        .unwrap()
        .write_chunk(png::chunk::IDAT, b"x")
        .unwrap();
    write("SegmentationObject/a.png", &palette);
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -v 2000000 && exec \"$0\" voc --root . --out data --on-error skip",
        ])
        .arg(env!("CARGO_BIN_EXE_data-prep"))
        .current_dir(folder.path())
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    // Exit code 1: done, and something was left out.
    assert_eq!(output.status.code(), Some(1), "{error}");
    let (_, images) = read_table(folder.path().join("data/images.parquet"), &IMAGES).unwrap();
    let ids = column::<StringArray>(&images, "image_id").iter();
    assert_eq!(ids.collect::<Vec<_>>(), [Some("b")]);
    let (_, skipped) = read_table(folder.path().join("data/skipped.parquet"), &SKIPPED).unwrap();
    let cells = |name| column::<StringArray>(&skipped, name);
    let rows = cells("file").iter().zip(cells("field")).zip(cells("found"));
    let rows: Vec<String> = rows
        .map(|((file, field), found)| [file, field, found].map(Option::unwrap).join(" "))
        .collect();
    let pixels = "65535x65535 pixels";
    assert_eq!(
        rows,
        [
            format!("./JPEGImages/a.jpg image {pixels}"),
            format!("./SegmentationObject/a.png size {pixels}")
        ]
    );
}
