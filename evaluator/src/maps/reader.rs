//! Reads a file of attribution maps in chunks of bounded size. An Arrow batch may hold one map or thousands, so
//! chunks do not follow the batches.
//!
//! Beside the documented types it accepts related ones (large, view and dictionary text and bytes, bytes of
//! fixed size, other integer widths, f64 logits), and files without the column `logit`, which no metric
//! needs.

use std::path::Path;
use std::sync::LazyLock;

use arrow::array::{Array, ArrayRef, AsArray, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use data_prep::Problem;
use data_prep::record::Fingerprint;
use data_prep::table::{TableSpec, column, conform};

use super::columnar::{Columnar, Source};
use super::row::{MAPS, MapRow};
use super::run_columns::RunColumns;
use crate::error::{Error, Result};

/// The columns that a file must have, beside `map`.
static KEYS: LazyLock<TableSpec> =
    LazyLock::new(|| MAPS.part(&["image_id", "class_id", "height", "width"]));
static LOGIT: LazyLock<TableSpec> = LazyLock::new(|| MAPS.part(&["logit"]));
static MAP: LazyLock<TableSpec> = LazyLock::new(|| MAPS.part(&["map"]));

/// A chunk of rows ends when its maps have this many bytes. Chosen: about 80 maps of 224 × 224 cells.
const READ_BYTES: usize = 16 << 20;
/// The most rows in a chunk. Chosen.
const READ_ROWS: usize = 512;

/// Reads maps in order, a chunk at a time.
pub struct MapReader {
    file: Columnar,
    /// The run, checkpoint and so on in the file's metadata.
    known: RunColumns,
    /// The batch that the next row is in, if it has rows left.
    batch: Option<Batch>,
    /// Rows returned so far, for messages.
    row: u64,
    /// Hash of the rows returned so far.
    fingerprint: Fingerprint,
}

/// A record batch of the file; some of its rows may have been returned already.
struct Batch {
    /// The columns [`KEYS`].
    keys: RecordBatch,
    /// All null where the file has no logits.
    logits: Float32Array,
    /// The column `map` in the file's own type; for a dictionary column, its distinct values. It may be too large
    /// for 32-bit offsets, so it is the only column that is not converted.
    maps: ArrayRef,
    /// For a dictionary column, the index in `maps` of each row's map; `None` if row i has map i.
    places: Option<Vec<usize>>,
    /// The next row to return.
    next: usize,
}

impl MapReader {
    /// Opens a map file or stream and checks its columns.
    ///
    /// # Errors
    /// When it is of an unknown kind, a column is missing or of another type, or its metadata names
    /// another table.
    pub fn open(source: &Source) -> Result<Self> {
        let file = Columnar::open(source)?;
        file.origin.check_if_present(&file.path, &MAPS)?;
        let empty = RecordBatch::new_empty(file.schema.clone());
        for spec in [&KEYS, &MAP] {
            conform(&file.path, spec, &empty)?;
        }
        if file.has_column("logit") {
            conform(&file.path, &LOGIT, &empty)?;
        }
        let known = RunColumns::from_metadata(&file.origin.metadata, &file.path)?;
        Ok(Self {
            file,
            known,
            batch: None,
            row: 0,
            fingerprint: Fingerprint::default(),
        })
    }

    /// Returns the run, checkpoint and so on in the file's metadata.
    pub fn run_columns(&self) -> &RunColumns {
        &self.known
    }

    /// Returns the SHA-256 of the rows read so far.
    pub fn fingerprint(&self) -> String {
        self.fingerprint.hex()
    }

    /// Returns the next chunk of rows; empty at the end.
    ///
    /// # Errors
    /// When the file is broken, or a row's map is not height × width finite values.
    pub fn next_rows(&mut self) -> Result<Vec<MapRow>> {
        let mut rows = Vec::new();
        let mut bytes = 0;
        while rows.len() < READ_ROWS && bytes < READ_BYTES {
            let Some(mut batch) = self.unread_batch()? else {
                break;
            };
            let row = self.parse(&batch)?;
            batch.next += 1;
            self.batch = Some(batch);
            bytes += row.map.len() * size_of::<f32>();
            rows.push(row);
            self.row += 1;
        }
        Ok(rows)
    }

    /// Returns the batch that the next row is in; `None` at the end.
    fn unread_batch(&mut self) -> Result<Option<Batch>> {
        if let Some(batch) = self.batch.take()
            && batch.next < batch.keys.num_rows()
        {
            return Ok(Some(batch));
        }
        // The batch before was dropped by `take`, so two are never in memory.
        while let Some(batch) = self.file.next_batch()? {
            if batch.num_rows() > 0 {
                return Ok(Some(Batch::of(&self.file.path, &batch)?));
            }
        }
        Ok(None)
    }

    /// Checks the batch's next row and returns it.
    fn parse(&mut self, batch: &Batch) -> Result<MapRow> {
        let (keys, at) = (&batch.keys, batch.next);
        let image_id = column::<StringArray>(keys, "image_id").value(at).to_owned();
        let class_id = column::<Int32Array>(keys, "class_id").value(at);
        let bytes = batch.map_bytes();
        let side = |name: &'static str| {
            let value = column::<Int32Array>(keys, name).value(at);
            usize::try_from(value)
                .ok()
                .filter(|&value| value > 0)
                .ok_or_else(|| self.wrong(name, value.to_string(), "at least 1".to_owned()))
        };
        let (height, width) = (side("height")?, side("width")?);
        if height
            .checked_mul(width)
            .and_then(|cells| cells.checked_mul(4))
            != Some(bytes.len())
        {
            let found = format!(
                "{} bytes for image {image_id} class {class_id}",
                bytes.len()
            );
            let expected = format!("4·{height}·{width}, f32 values of height × width");
            return Err(self.wrong("map", found, expected));
        }
        let map: Vec<f32> = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .collect();
        if let Some(i) = map.iter().position(|value| !value.is_finite()) {
            let (y, x) = (i / width, i % width);
            let found = format!(
                "{} at ({y}, {x}) of image {image_id} class {class_id}",
                map[i]
            );
            return Err(self.wrong("map", found, "finite values".to_owned()));
        }
        let logit = batch.logits.is_valid(at).then(|| batch.logits.value(at));
        if let Some(logit) = logit.filter(|logit| !logit.is_finite()) {
            let found = format!("{logit} for image {image_id} class {class_id}");
            return Err(self.wrong("logit", found, "a finite value".to_owned()));
        }
        let name = format!("{image_id} {class_id} {height}x{width}");
        self.fingerprint.add(&name, bytes);
        Ok(MapRow {
            image_id,
            class_id,
            logit,
            height,
            width,
            map,
        })
    }

    /// Returns the error for a field of the row being read.
    fn wrong(&self, field: &'static str, found: String, expected: String) -> Error {
        Error::Row {
            path: self.file.path.clone(),
            row: self.row,
            field,
            found,
            expected,
        }
    }
}

impl Batch {
    /// Converts the columns of a record batch, except the bytes of maps.
    fn of(path: &Path, batch: &RecordBatch) -> Result<Self> {
        let keys = conform(path, &KEYS, batch)?;
        let logits = match batch.column_by_name("logit") {
            Some(_) => column::<Float32Array>(&conform(path, &LOGIT, batch)?, "logit").clone(),
            None => Float32Array::new_null(batch.num_rows()),
        };
        let maps = &batch["map"]; // there, and binary: checked on opening
        let nulls = maps.logical_null_count();
        if nulls > 0 {
            let found = format!("{nulls} nulls");
            let problem = Problem::new(path, "map", found, "no nulls");
            return Err(Error::Data(problem.into()));
        }
        // A dictionary is not expanded: one large map may stand in any number of rows.
        let (maps, places) = match maps.as_any_dictionary_opt() {
            Some(dictionary) => (dictionary.values(), Some(dictionary.normalized_keys())),
            None => (maps, None),
        };
        Ok(Self {
            keys,
            logits,
            maps: maps.clone(),
            places,
            next: 0,
        })
    }

    /// Returns the bytes of the next row's map.
    fn map_bytes(&self) -> &[u8] {
        let places = self.places.as_ref();
        let at = places.map_or(self.next, |places| places[self.next]);
        match self.maps.data_type() {
            DataType::LargeBinary => self.maps.as_binary::<i64>().value(at),
            DataType::BinaryView => self.maps.as_binary_view().value(at),
            DataType::FixedSizeBinary(_) => self.maps.as_fixed_size_binary().value(at),
            _ => self.maps.as_binary::<i32>().value(at),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use arrow::array::{BinaryArray, LargeBinaryArray};
    use arrow::buffer::{Buffer, MutableBuffer, OffsetBuffer};
    use arrow::compute::cast;

    use super::*;

    /// Returns a batch with these maps and any keys.
    fn batch_of(maps: ArrayRef) -> Result<Batch> {
        let n = maps.len();
        let sides: ArrayRef = Arc::new(Int32Array::from(vec![1; n]));
        let ids: ArrayRef = Arc::new(StringArray::from(vec!["a"; n]));
        let columns = [
            ("image_id", ids),
            ("class_id", sides.clone()),
            ("height", sides.clone()),
            ("width", sides),
            ("map", maps),
        ];
        Batch::of(
            Path::new("f"),
            &RecordBatch::try_from_iter(columns).unwrap(),
        )
    }

    #[test]
    fn bytes_of_any_layout() {
        let rows: [&[u8]; 3] = [b"abcd", b"efgh", b"abcd"];
        let plain: ArrayRef = Arc::new(BinaryArray::from_iter_values(rows));
        let words = |kind| DataType::Dictionary(Box::new(DataType::Int8), Box::new(kind));
        for kind in [
            DataType::Binary,
            DataType::LargeBinary,
            DataType::BinaryView,
            DataType::FixedSizeBinary(4),
            words(DataType::Binary),
            words(DataType::LargeBinary),
        ] {
            let mut batch = batch_of(cast(&plain, &kind).unwrap()).unwrap();
            for row in rows {
                assert_eq!(batch.map_bytes(), row, "{kind}");
                batch.next += 1;
            }
        }
    }

    #[test]
    fn bytes_beyond_32_bit_offsets() {
        const FAR: usize = 1 << 31;
        // Zeroed pages that are never touched take no memory.
        let bytes = Buffer::from(MutableBuffer::from_len_zeroed(FAR + 4));
        let offsets = OffsetBuffer::new(vec![0, FAR as i64, FAR as i64 + 4].into());
        let mut batch = batch_of(Arc::new(LargeBinaryArray::new(offsets, bytes, None))).unwrap();
        batch.next = 1;
        assert_eq!(batch.map_bytes(), [0; 4]);
    }
}
