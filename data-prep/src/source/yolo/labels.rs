//! Reads a YOLO label file: a line for each object, `class x y w h` (centre and size of its box) or `class x1 y1 x2 y2
//! x3 y3 …` (a polygon). All numbers but the class are fractions of the image's width and height (as documented by
//! Ultralytics).

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use crate::error::Problem;
use crate::mask::rle::{CompressedRle, Rle};
use crate::source::record::{MaskKind, SourceObject};

/// How far below 0 or above 1 a value may lie, for rounding. Chosen: tools write four digits or more.
const ROUNDING: f64 = 1e-3;

/// How label files are read.
pub(super) struct Format<'a> {
    /// The class id in our tables for each class number in the file.
    pub class_of: &'a BTreeMap<i64, i32>,
    /// How many numbers of keypoints may follow a box, which are not read; `None` without keypoints.
    pub keypoints: Option<usize>,
}

/// The content of a label file.
#[derive(Debug, Default)]
pub(super) struct Labels {
    pub objects: Vec<SourceObject>,
    /// Classes of objects that are left out because their box is unusable.
    pub extra_labels: Vec<i32>,
    /// Why objects are left out.
    pub problems: Vec<Problem>,
    /// Why the polygons of objects that are kept with a box are left out.
    pub remarks: Vec<Problem>,
    /// How many boxes were cut at the image's edge.
    pub clipped: usize,
    /// How many lines repeat an earlier one; they are left out.
    pub repeated: usize,
    /// Whether the class of an object is unknown, so that the image's labels are incomplete.
    pub has_unknown: bool,
}

/// Why an object is left out.
struct Fault {
    found: String,
    expected: String,
    /// Its class; `None` where that is not known.
    class_id: Option<i32>,
}

/// Parses the label file of an image of `size`, width and height in pixels. An object's instance id is its line number.
pub(super) fn parse(path: &Path, text: &str, format: &Format, size: (u32, u32)) -> Labels {
    let mut labels = Labels::default();
    let mut seen: HashSet<Vec<&str>> = HashSet::new();
    let lines = (1..).zip(text.trim_start_matches('\u{feff}').lines());
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if seen.contains(&words) {
            labels.repeated += 1;
            continue;
        }
        let mut remark = |found: String, expected: String| {
            labels.remarks.push(Problem::new(
                path,
                format!("line {number}"),
                found,
                expected,
            ));
        };
        match object(line, &words, format, size, &mut remark) {
            Ok((object, is_clipped)) => {
                seen.insert(words);
                labels.clipped += usize::from(is_clipped);
                labels.objects.push(SourceObject {
                    instance_id: number,
                    ..object
                });
            }
            Err(fault) => {
                labels.has_unknown |= fault.class_id.is_none();
                labels.extra_labels.extend(fault.class_id);
                let field = format!("line {number}");
                labels
                    .problems
                    .push(Problem::new(path, field, fault.found, fault.expected));
            }
        }
    }
    labels
}

/// Returns the object of a line, which was split into `words`, and whether its box was cut at the image's edge. An
/// unusable polygon goes to `remark` as what was found and what was expected; its box is kept.
fn object(
    line: &str,
    words: &[&str],
    format: &Format,
    size: (u32, u32),
    remark: &mut impl FnMut(String, String),
) -> Result<(SourceObject, bool), Fault> {
    let class_id = class(words[0], format.class_of)?;
    let fault = |found: String, expected: &str| Fault {
        found,
        expected: expected.to_owned(),
        class_id: Some(class_id),
    };
    let values: Vec<f64> = words[1..]
        .iter()
        .map(|word| {
            let value: Option<f64> = word.parse().ok();
            value
                .filter(|value| value.is_finite())
                .ok_or_else(|| fault((*word).to_owned(), "a number"))
        })
        .collect::<Result<_, _>>()?;
    let values = match format.keypoints {
        Some(keypoints) if values.len() == 4 + keypoints => &values[..4],
        _ => &values[..],
    };
    let is_box = match values.len() {
        4 => true,
        5 => {
            let expected =
                "class, x, y, width and height; a sixth is a confidence, as of predictions";
            return Err(fault(format!("6 numbers ({line})"), expected));
        }
        n if n >= 6 && n.is_multiple_of(2) => false,
        n => {
            let expected = "class, x, y, width and height, or class and at least three points";
            return Err(fault(format!("{} numbers ({line})", n + 1), expected));
        }
    };
    if let Some(value) = values
        .iter()
        .find(|value| !(-ROUNDING..=1.0 + ROUNDING).contains(*value))
    {
        return Err(fault(
            value.to_string(),
            "fractions of the image's width and height, from 0 to 1",
        ));
    }
    let (width, height) = (f64::from(size.0), f64::from(size.1));
    let [left, top, right, bottom] = match is_box {
        true => {
            let [x, y, w, h] = [values[0], values[1], values[2], values[3]];
            [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]
        }
        false => around(values),
    };
    let is_clipped =
        left < -ROUNDING || top < -ROUNDING || right > 1.0 + ROUNDING || bottom > 1.0 + ROUNDING;
    let [left, top, right, bottom] = [left, top, right, bottom].map(|edge| edge.clamp(0.0, 1.0));
    if left >= right || top >= bottom {
        return Err(fault(
            line.to_owned(),
            "a box with a width and a height inside the image",
        ));
    }
    let mut object = SourceObject {
        instance_id: 0,
        class_id,
        bbox: [left * width, top * height, right * width, bottom * height],
        is_difficult: false,
        is_crowd: false,
        area: None,
        mask_kind: MaskKind::Box,
        segmentation: None,
    };
    if !is_box {
        let (points, _) = values.as_chunks::<2>();
        let pixels: Vec<f64> = points
            .iter()
            .flat_map(|[x, y]| [x * width, y * height])
            .collect();
        match Rle::from_polygons(&[pixels], size.1, size.0) {
            Ok(rle) if rle.area() > 0 => {
                object.segmentation = Some(CompressedRle::from(&rle));
                object.mask_kind = MaskKind::Polygon;
            }
            Ok(_) => remark(
                "a polygon that covers no pixel".to_owned(),
                "an area (the box is kept)".to_owned(),
            ),
            Err(malformed) => remark(
                malformed.found,
                format!("{} (the box is kept)", malformed.expected),
            ),
        }
    }
    Ok((object, is_clipped))
}

/// Returns the class id for the class number `word`, which some tools write as `0.0`.
fn class(word: &str, class_of: &BTreeMap<i64, i32>) -> Result<i32, Fault> {
    let unknown = |expected: String| Fault {
        found: format!("class {word}"),
        expected,
        class_id: None,
    };
    let number: f64 = word
        .parse()
        .map_err(|_| unknown("a class number".to_owned()))?;
    if number.fract() != 0.0 || !number.is_finite() {
        return Err(unknown("a class number".to_owned()));
    }
    class_of.get(&(number as i64)).copied().ok_or_else(|| {
        let (least, most) = (class_of.keys().next(), class_of.keys().next_back());
        let (least, most) = (least.copied().unwrap_or(0), most.copied().unwrap_or(0));
        match class_of.len() as i64 == most - least + 1 {
            true => unknown(format!("{least} to {most}, the numbers of the names")),
            false => unknown(format!(
                "one of the {} numbers that have a name",
                class_of.len()
            )),
        }
    })
}

/// Returns the box (left, top, right, bottom) around points x, y, x, y, …
fn around(points: &[f64]) -> [f64; 4] {
    let (points, _) = points.as_chunks::<2>();
    let start = [
        f64::INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NEG_INFINITY,
    ];
    points
        .iter()
        .fold(start, |[left, top, right, bottom], [x, y]| {
            [left.min(*x), top.min(*y), right.max(*x), bottom.max(*y)]
        })
}
