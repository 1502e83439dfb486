//! The columns of a map file, and one of its rows.

use data_prep::table::{Kind, TableSpec, nullable, required};

/// The columns of a map file or stream.
pub const MAPS: TableSpec = TableSpec {
    name: "maps",
    version: 1,
    columns: &[
        required("image_id", Kind::Utf8),
        required("class_id", Kind::I32),
        nullable("logit", Kind::F32),
        required("height", Kind::I32),
        required("width", Kind::I32),
        required("map", Kind::Binary),
    ],
};

/// The map of one class on one image.
#[derive(Debug, Clone, PartialEq)]
pub struct MapRow {
    /// As in `images.parquet`.
    pub image_id: String,
    /// As in `classes.parquet`.
    pub class_id: i32,
    /// The class's logit; `None` where the file has none.
    pub logit: Option<f32>,
    /// Rows of the map.
    pub height: usize,
    /// Columns of the map.
    pub width: usize,
    /// The raw signed attribution, row-major, `height · width` values.
    pub map: Vec<f32>,
}
