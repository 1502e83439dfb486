//! Attribution maps as files: writes them as an Arrow IPC stream or Parquet, reads them from a stream, an Arrow file
//! or Parquet of our trainer or any other tool, and brings them to the grid, the data folder's raster of
//! masks.
//!
//! A file has one row per (image, class): image_id utf8, class_id i32, logit f32, height i32, width i32,
//! map binary (f32 little-endian, row-major, any resolution). `reader` says what is accepted beyond that;
//! whether a row belongs to the data set is checked by [`crate::evaluate`].

mod columnar;
mod ipc;
mod reader;
mod regrid;
mod row;
mod run_columns;
mod small;
mod table;
mod writer;

pub(crate) use columnar::Columnar;
pub use columnar::Source;
pub use reader::MapReader;
pub use regrid::to_grid;
pub use row::{MAPS, MapRow};
pub use run_columns::RunColumns;
pub use small::SmallMap;
pub use table::MapTable;
pub use writer::MapWriter;
