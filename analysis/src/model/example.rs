//! Defines [`Example`]: a test image and one attribution map of it, by one checkpoint and for one class.
//! Figures of maps are made of these. They come from `examples.parquet`, where the evaluator keeps the maps of
//! some random pairs (an image and a class on it) in full size.

use crate::format::percent;
use crate::model::setting::{Row, Setting};

/// The number of pairs that are shown whatever their EPG: those of ranks 0 to 7 in the random order. Chosen so
/// that a figure with one column for each fits a page.
pub const AT_RANDOM: i32 = 8;

/// A pair, an image and a class on it: the image's id and the class's id.
pub type Pair = (String, i32);

/// What is known of a kept map without its pixels: which pair it explains, which checkpoint and method made it,
/// and its EPG.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Position, from 0, in the random order of pairs; the same in every run. Lower ranks are shown first.
    pub rank: i32,
    /// The run whose network explains the image.
    pub run_id: String,
    /// The image and the class that the map explains, which is on the image.
    pub pair: Pair,
    /// The epoch of the checkpoint.
    pub checkpoint: i32,
    /// `conventional` or `reversed`: the task whose class it is.
    pub task: String,
    /// Attribution method of the map.
    pub attribution: String,
    /// Layer of the map.
    pub layer: String,
    /// The precision that the map was computed in, if it is known.
    pub precision: Option<String>,
    /// EPG of the map, a fraction; `None` where undefined, because the map has no positive attribution.
    pub epg: Option<f64>,
}

/// One image with one checkpoint's map for one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The pair, the map's origin and its EPG.
    pub kept: Kept,
    /// The name of the class.
    pub class_name: String,
    /// Height of image and map, pixels.
    pub height: usize,
    /// Width of image and map, pixels.
    pub width: usize,
    /// The image: height × width × 3 bytes, row-major.
    pub rgb: Vec<u8>,
    /// The map: height × width signed attributions, row-major.
    pub map: Vec<f32>,
    /// x1, y1, x2, y2 of each box of the class, in pixels of the image; x2 and y2 are the first outside.
    pub boxes: Vec<[i32; 4]>,
}

impl Kept {
    /// Whether the map is by the run `row`, at its selected checkpoint and through the method and layer of
    /// `setting`.
    pub fn is_by(&self, setting: &Setting, row: &Row) -> bool {
        self.run_id == row.run.run_id
            && self.checkpoint == row.selection.epoch
            && self.task == setting.task
            && (self.attribution.as_str(), self.layer.as_str()) == setting.method()
            && self.precision == setting.precision
    }
}

impl Example {
    /// Returns the words under the map: its EPG in percent. An undefined one counts as 0 in means.
    pub fn epg_label(&self) -> String {
        match self.kept.epg {
            Some(epg) => format!("EPG {} %", percent(epg)),
            None => "EPG undefined, 0".to_owned(),
        }
    }
}
