//! Damages files mechanically, by cutting them short or flipping bits of a byte at many offsets, and gives each damaged
//! version to a program. No exact message is expected here: the program must end by itself, without a panic; if it
//! refuses the file, it must do so in one line that names a file.

use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::{Array, AsArray};
use tests::programs::{program, run};

use crate::case::start;
use crate::change::replace;
use crate::copy::Copy;
use crate::sandbox::{Sandbox, Valid, fixtures};

/// Returns damaged versions of `bytes` with their names. At every `step`-th byte there are three: cut before it, all
/// its bits flipped, and its lowest bit flipped.
fn damaged(bytes: &[u8], step: usize) -> Vec<(String, Vec<u8>)> {
    let offsets = || (0..bytes.len()).step_by(step);
    let cut = offsets().map(|at| (format!("cut-{at}"), bytes[..at].to_vec()));
    let turned = [0xff, 0x01].into_iter().flat_map(|bits| {
        offsets().map(move |at| {
            let mut turned = bytes.to_vec();
            turned[at] ^= bits;
            (format!("turned-{bits}-{at}"), turned)
        })
    });
    cut.chain(turned).collect()
}

/// Makes a VOC devkit with one image for each damaged version of `file`, a file of image `image_id` whose path has
/// `#` in the place of the id; the image's other files are intact. Runs data-prep on it with `--on-error skip`, and
/// returns the ids in `skipped.parquet`. Each image must be kept or listed there. It may be both only with
/// `may_be_both`, for files in which a fault may cost less than the image, such as an object's shape.
fn read_damaged(name: &str, file: &str, image_id: &str, may_be_both: bool) -> BTreeSet<String> {
    let Copy { input, out } = Sandbox::new(&format!("damaged-{name}"), Valid::Voc).copy("damaged");
    let parts = [
        "Annotations/#.xml",
        "JPEGImages/#.jpg",
        "SegmentationObject/#.png",
        "SegmentationClass/#.png",
    ];
    // The path of the intact file.
    let whole = |part: &str| input.join(part.replace('#', image_id));
    let mut set = String::new();
    let copies = damaged(&fs_err::read(whole(file)).unwrap(), 1);
    for (id, bytes) in &copies {
        for part in parts.iter().filter(|part| whole(part).exists()) {
            let path = input.join(part.replace('#', id));
            match *part == file {
                true => fs_err::write(path, bytes).unwrap(),
                false => fs_err::hard_link(whole(part), path).unwrap(),
            }
        }
        set.push_str(&format!("{id}\n"));
    }
    replace(&input.join("ImageSets/Main/train.txt"), set.as_bytes());
    let mut command = program("data-prep");
    command.args(["voc", "--size", "8", "--on-error", "skip", "--root"]);
    let done = run(command.arg(&input).arg("--out").arg(&out));
    let is_any_left_out = done.code == Some(1);
    assert!(
        is_any_left_out || (may_be_both && done.code == Some(0)),
        "{file}: {}",
        done.stderr
    );

    let kept = column(&out.join("images.parquet"), "image_id");
    let skipped: BTreeSet<String> = column(&out.join("skipped.parquet"), "file")
        .iter()
        .map(|path| {
            Path::new(path)
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    // If the damage makes an annotation's `<filename>` name another image, the problem is listed under that image's
    // file.
    let other = |id: &str| match file {
        "Annotations/#.xml" => fs_err::read(input.join(file.replace('#', id))).unwrap(),
        _ => Vec::new(),
    };
    let is_elsewhere = |id: &str| {
        let text = String::from_utf8_lossy(&other(id)).into_owned();
        skipped
            .iter()
            .any(|stem| text.contains(&format!("<filename>{stem}.")))
    };
    for (id, _) in &copies {
        let (kept, skipped) = (kept.contains(id), skipped.contains(id));
        assert!(kept || skipped || is_elsewhere(id), "{file}: {id}");
        assert!(may_be_both || !(kept && skipped), "{file}: {id}");
    }
    skipped
}

/// Returns a text column of a table.
fn column(path: &Path, name: &str) -> Vec<String> {
    let rows = tests::tables::read(path).unwrap().rows;
    let cells = rows[name].as_string::<i32>();
    (0..cells.len())
        .map(|row| cells.value(row).to_owned())
        .collect()
}

/// Asserts that each version cut short is skipped, except those that lack at most the last `spare` bytes of the file.
fn check_cut(skipped: &BTreeSet<String>, file: &str, spare: usize) {
    let length = fs_err::read(fixtures().join("valid/voc").join(file))
        .unwrap()
        .len();
    for at in 0..length {
        let is_skipped = skipped.contains(&format!("cut-{at}"));
        assert_eq!(
            is_skipped,
            at < length - spare,
            "{file} cut at {at} of {length}"
        );
    }
}

#[test]
fn an_image() {
    for (name, image_id) in [("baseline", "000001"), ("progressive", "000003")] {
        let skipped = read_damaged(name, "JPEGImages/#.jpg", image_id, false);
        check_cut(&skipped, &format!("JPEGImages/{image_id}.jpg"), 0);
    }
}

#[test]
fn a_segmentation() {
    for folder in ["SegmentationObject", "SegmentationClass"] {
        let skipped = read_damaged(folder, &format!("{folder}/#.png"), "000001", true);
        // The last 4 bytes of a PNG are the checksum of its end marker, which has no content.
        check_cut(&skipped, &format!("{folder}/000001.png"), 4);
    }
}

#[test]
fn an_annotation() {
    let skipped = read_damaged("annotation", "Annotations/#.xml", "000003", true);
    // The last byte is the newline after the root element.
    check_cut(&skipped, "Annotations/000003.xml", 1);
}

/// Damages one file of the input [`Valid::Made`] at every `step`-th byte and runs `command` on each version. It must be
/// accepted (some bytes do not matter) or refused in one line that names a file; a version cut short must be refused,
/// unless the file is a stream. The steps were chosen so that a file takes seconds.
fn check_damaged(file: &str, command: &str, part: Part, step: usize) {
    let name = format!("damaged-{}", file.replace('/', "-"));
    let copy = Sandbox::new(&name, Valid::Made).copy("damaged");
    let path = copy.input.join(file);
    let bytes = fs_err::read(&path).unwrap();
    let mut n_refused = 0;
    for (id, bytes) in damaged(&bytes, step) {
        replace(&path, &bytes);
        let done = start(command, None, &copy);
        let stderr = copy.shown(&done.stderr);
        match done.code {
            Some(0) => assert!(
                part == Part::Stream || !id.starts_with("cut-"),
                "{file}, {id}"
            ),
            Some(2) => {
                n_refused += 1;
                let errors: Vec<&str> = stderr
                    .lines()
                    .filter(|l| l.starts_with("error: "))
                    .collect();
                let names_a_file = errors.len() == 1 && errors[0].contains("<IN>/");
                assert!(names_a_file, "{file}, {id}: {stderr}");
            }
            code => panic!("{file}, {id}: exit code {code:?}\n{stderr}"),
        }
        if copy.out.exists() {
            fs_err::remove_dir_all(&copy.out).unwrap();
        }
    }
    assert!(n_refused > 0, "{file}");
}

/// What kind of file is damaged.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    /// A file whose end is marked, so that a cut can be noticed.
    Whole,
    /// An Arrow stream, which may end after any batch, so that not every cut can be noticed.
    Stream,
}

const SCORE: &str = "evaluator score --maps <IN>/maps.arrow --data <IN>/data/voc --replicates 2 \
                     --examples 0 --predictions <IN>/predictions.parquet --out <OUT>";
const QUERY: &str = "analysis query --results <IN> --metric epg --out <OUT>/query.parquet";

#[test]
fn tables() {
    for (file, step) in [
        ("data/voc/images.parquet", 67),
        ("data/voc/masks.parquet", 131),
        ("predictions.parquet", 67),
    ] {
        check_damaged(file, SCORE, Part::Whole, step);
    }
    check_damaged("runs/r/epochs.parquet", QUERY, Part::Whole, 45);
    check_damaged("runs/r/run.parquet", QUERY, Part::Whole, 83);
}

#[test]
fn maps_and_pixels() {
    check_damaged("maps.arrow", SCORE, Part::Stream, 31);
    check_damaged("data/voc/pixels.arrow", SCORE, Part::Whole, 311);
}
