//! Writes maps as a Parquet file, as `trainer predict` does, for people who look at single maps.

use std::path::Path;

use data_prep::table::{Provenance, TableWriter};

use super::row::{MAPS, MapRow};
use super::run_columns::RunColumns;
use super::writer::arrays;
use crate::error::Result;

/// Writes maps as Parquet, batch by batch; the file appears at [`MapTable::finish`].
pub struct MapTable(TableWriter);

impl MapTable {
    /// Begins the table at `path`, with `columns` in its metadata.
    ///
    /// # Errors
    /// When no file can be created there.
    pub fn create(path: &Path, columns: &RunColumns, mut provenance: Provenance) -> Result<Self> {
        provenance.extra.extend(columns.metadata());
        Ok(Self(TableWriter::create(path, &MAPS, &provenance)?))
    }

    /// Adds rows.
    ///
    /// # Errors
    /// When the disk is full.
    ///
    /// # Panics
    /// When a map does not have height × width values.
    pub fn write(&mut self, rows: &[MapRow]) -> Result<()> {
        Ok(self.0.write(&MAPS.batch(arrays(rows))?)?)
    }

    /// Ends the table and gives the file its name.
    ///
    /// # Errors
    /// When the disk is full or the rename is refused.
    pub fn finish(self) -> Result<()> {
        Ok(self.0.finish()?)
    }
}
