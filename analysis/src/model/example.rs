//! Defines [`Example`]: a test image and one attribution map of it, by one checkpoint and for one class.
//! Figures of maps are made of these; they come from `examples.parquet`.

use crate::format::percent;

/// One image with one checkpoint's map for one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Position in figures: lower ranks are shown first.
    pub rank: i32,
    /// The run whose network explains the image.
    pub run_id: String,
    /// The image.
    pub image_id: String,
    /// The class that the map explains; it is on the image.
    pub class_id: i32,
    /// The name of that class.
    pub class_name: String,
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
    /// Pixels of image and map from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// The image: height × width × 3 bytes, row-major.
    pub rgb: Vec<u8>,
    /// The map: height × width signed attributions, row-major.
    pub map: Vec<f32>,
    /// x1, y1, x2, y2 of each box of the class, in pixels of the image.
    pub boxes: Vec<[i32; 4]>,
    /// EPG of the map; `None` where undefined.
    pub epg: Option<f64>,
}

impl Example {
    /// Returns the words under the map: its EPG in percent.
    pub fn epg_label(&self) -> String {
        match self.epg {
            Some(epg) => format!("EPG {} %", percent(epg)),
            None => "EPG undefined, 0".to_owned(),
        }
    }
}
