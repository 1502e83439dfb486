//! An image with the map of one checkpoint for one class, for figures of maps.

use crate::format::percent;

/// One image with one checkpoint's map for one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Rank in the panel.
    pub rank: i32,
    /// Run.
    pub run_id: String,
    /// Image.
    pub image_id: String,
    /// Explained class.
    pub class_id: i32,
    /// Its name.
    pub class_name: String,
    /// Epoch.
    pub checkpoint: i32,
    /// The task it is of.
    pub task: String,
    /// Attribution method.
    pub attribution: String,
    /// Layer.
    pub layer: String,
    /// The precision that the map was computed in, if it is known.
    pub precision: Option<String>,
    /// Pixels down.
    pub height: usize,
    /// Pixels across.
    pub width: usize,
    /// height × width × 3, row-major.
    pub rgb: Vec<u8>,
    /// height × width, the signed attribution.
    pub map: Vec<f32>,
    /// x1, y1, x2, y2 of each box of the class, in pixels of the image.
    pub boxes: Vec<[i32; 4]>,
    /// EPG of the map; `None` where undefined.
    pub epg: Option<f64>,
}

impl Example {
    /// The caption of its map.
    pub fn epg_label(&self) -> String {
        match self.epg {
            Some(epg) => format!("EPG {} %", percent(epg)),
            None => "EPG undefined, 0".to_owned(),
        }
    }
}
