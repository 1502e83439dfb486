//! Declares the table of attribution maps, and the type of its rows.

use std::sync::LazyLock;

use data_prep::table::TableSpec;

/// A file or stream of maps: one row per pair (an image and a class on it).
pub static MAPS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("maps"));

/// The map of one class on one image.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRow {
    /// The image, as in `images.parquet`.
    pub image_id: String,
    /// The class explained, as in `classes.parquet`.
    pub class_id: i32,
    /// The class's logit; `None` where the file has none.
    pub logit: Option<f32>,
    /// Rows of the map.
    pub height: usize,
    /// Columns of the map.
    pub width: usize,
    /// The signed attribution at the layer's own resolution, not scaled: `height · width` values, row-major.
    pub map: Vec<f32>,
}
