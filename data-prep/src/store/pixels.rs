//! Writes `pixels.arrow`, the images at the network's input size (8-bit RGB, one row per image), row by
//! row, and reads it memory-mapped without a copy.
//!
//! The file is an Arrow IPC file with one column `rgb`, fixed-size binary of height · width · 3 bytes
//! (row-major, interleaved), uncompressed. `height` and `width` are in the schema's metadata. So pyarrow,
//! Polars and DuckDB open it, and the trainer gets a row as a slice of the page cache.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, FixedSizeBinaryArray, RecordBatch};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};
use arrow::ipc::root_as_footer;
use arrow::ipc::writer::FileWriter;
use memmap2::Mmap;

use crate::error::{Error, Problem, Result, unreadable};
use crate::foreign;
use crate::mask::geometry::Grid;
use crate::store::atomic::Pending;
use crate::store::table::INPUTS_KEY;

/// About the bytes of rows in a record batch, 4 MiB. Chosen: large enough for sequential reading, small enough
/// for writing with little memory.
const BATCH_BYTES: usize = 4 << 20;

/// Bytes at the file's end: the footer's length (4) and the magic `ARROW1` (6).
const TAIL: usize = 10;

/// Writes rows in order; the file appears at [`PixelWriter::finish`].
pub struct PixelWriter {
    path: PathBuf,
    schema: SchemaRef,
    row_bytes: usize,
    rows_per_batch: usize,
    /// Rows that are not written yet, less than a batch.
    rows: Vec<u8>,
    writer: FileWriter<Pending>,
}

impl PixelWriter {
    /// Begins a pixel file for images of `grid` size, with the hash of what they are made from.
    ///
    /// # Errors
    /// When no file can be created at `path`.
    pub fn create(path: &Path, grid: Grid, inputs: &str) -> Result<Self> {
        let row_bytes = grid.cells() * 3;
        let field = Field::new("rgb", DataType::FixedSizeBinary(row_bytes as i32), false);
        let metadata = HashMap::from([
            ("height".to_owned(), grid.height.to_string()),
            ("width".to_owned(), grid.width.to_string()),
            (INPUTS_KEY.to_owned(), inputs.to_owned()),
        ]);
        let schema = Arc::new(Schema::new_with_metadata(vec![field], metadata));
        let writer =
            FileWriter::try_new(Pending::create(path)?, &schema).map_err(Error::arrow(path))?;
        Ok(Self {
            path: path.to_owned(),
            schema,
            row_bytes,
            rows_per_batch: (BATCH_BYTES / row_bytes).max(1),
            rows: Vec::with_capacity(BATCH_BYTES.max(row_bytes)),
            writer,
        })
    }

    /// Adds the next row.
    ///
    /// # Errors
    /// When the disk is full.
    ///
    /// # Panics
    /// When `rgb` has not height · width · 3 bytes.
    pub fn push(&mut self, rgb: &[u8]) -> Result<()> {
        assert_eq!(rgb.len(), self.row_bytes, "a row of the pixel file's size");
        self.rows.extend_from_slice(rgb);
        if self.rows.len() == self.rows_per_batch * self.row_bytes {
            self.write_batch()?;
        }
        Ok(())
    }

    /// Writes the remaining rows and renames the file.
    ///
    /// # Errors
    /// When the disk is full or the rename is refused.
    pub fn finish(mut self) -> Result<()> {
        if !self.rows.is_empty() {
            self.write_batch()?;
        }
        let pending = self.writer.into_inner().map_err(Error::arrow(&self.path))?;
        Ok(pending.commit()?)
    }

    fn write_batch(&mut self) -> Result<()> {
        let values = Buffer::from_vec(std::mem::take(&mut self.rows));
        let mut write = || {
            let values = values.clone();
            let array = FixedSizeBinaryArray::try_new(self.row_bytes as i32, values, None)?;
            let batch =
                RecordBatch::try_new(self.schema.clone(), vec![Arc::new(array) as ArrayRef])?;
            self.writer.write(&batch)
        };
        write().map_err(Error::arrow(&self.path))?;
        // The next batch goes into the same memory.
        self.rows = values.into_vec().unwrap_or_default();
        self.rows.clear();
        Ok(())
    }
}

/// A memory-mapped pixel file. Cheap to share between threads.
///
/// The file must not be cut short while it is open: the operating system then ends the process.
/// Files written here are only ever replaced whole, which leaves an open one intact.
#[derive(Debug)]
pub struct PixelFile {
    /// Image height in pixels.
    pub height: usize,
    /// Image width in pixels.
    pub width: usize,
    inputs: Option<String>,
    batches: Vec<FixedSizeBinaryArray>,
    /// First row of each batch.
    starts: Vec<usize>,
    len: usize,
}

impl PixelFile {
    /// Maps the file and checks everything except the pixels.
    ///
    /// # Errors
    /// When it cannot be opened, is cut short, or is not a pixel file; the message says which part.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = fs_err::File::open(path).map_err(|error| {
            Problem::new(
                path,
                "file",
                unreadable(&error),
                "the pixels of a data folder",
            )
        })?;
        let file = file.into_parts().0;
        let bytes = map(&file, path)?;
        foreign::read(
            || Self::of(path, &bytes),
            |found| Problem::new(path, "contents", found, "a whole Arrow file").into(),
        )
    }

    /// [`PixelFile::open`] of the mapped `bytes`.
    fn of(path: &Path, bytes: &Buffer) -> Result<Self> {
        let (schema, blocks) = read_footer(path, bytes)?;
        let (grid, row_bytes) = check_schema(path, &schema)?;

        let decoder = FileDecoder::new(schema.clone(), blocks.version);
        let mut batches = Vec::with_capacity(blocks.ranges.len());
        let mut starts = Vec::with_capacity(blocks.ranges.len());
        let mut len = 0;
        for (number, (block, range)) in blocks.ranges.iter().enumerate() {
            let what = || format!("record batch {number}");
            if range.end > bytes.len() {
                let found = format!("bytes {range:?} of a file of {}", bytes.len());
                return Err(Problem::new(path, what(), found, "bytes within the file").into());
            }
            let data = bytes.slice_with_length(range.start, range.len());
            let batch = decoder
                .read_record_batch(block, &data)
                .map_err(|error| {
                    Problem::new(path, what(), error.to_string(), "a whole record batch")
                })?
                .ok_or_else(|| Problem::new(path, what(), "no rows", "a record batch"))?;
            let rows = batch
                .column(0)
                .as_any()
                .downcast_ref::<FixedSizeBinaryArray>()
                .filter(|rows| rows.null_count() == 0 && rows.value_length() == row_bytes)
                .ok_or_else(|| Problem::new(path, what(), "nulls", "pixels in every row"))?;
            starts.push(len);
            len += rows.len();
            batches.push(rows.clone());
        }
        Ok(Self {
            height: grid.height,
            width: grid.width,
            inputs: schema.metadata().get(INPUTS_KEY).cloned(),
            batches,
            starts,
            len,
        })
    }

    /// The images' size.
    pub fn grid(&self) -> Grid {
        Grid {
            height: self.height,
            width: self.width,
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Hash of what the pixels were made from, where the file says it.
    pub fn inputs(&self) -> Option<&str> {
        self.inputs.as_deref()
    }

    /// Row `i`: height · width · 3 bytes, row-major, interleaved RGB, straight from the mapped file.
    ///
    /// # Panics
    /// When `i` is not less than [`PixelFile::len`].
    pub fn row(&self, i: usize) -> &[u8] {
        assert!(i < self.len, "row {i} of {}", self.len);
        let batch = self.starts.partition_point(|&start| start <= i) - 1;
        self.batches[batch].value(i - self.starts[batch])
    }
}

/// The whole file as a buffer that keeps the mapping alive.
fn map(file: &File, path: &Path) -> Result<Buffer> {
    let size = file.metadata()?.len();
    // Before the tail there are at least the magic at the file's beginning and a footer.
    if size < 2 * TAIL as u64 {
        let found = format!("{size} bytes");
        return Err(Problem::new(path, "file", found, "a whole Arrow file").into());
    }
    // SAFETY: read-only mapping; see the note on `PixelFile` about files changed by others.
    let mapped = unsafe { Mmap::map(file) }.map_err(|error| {
        std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    })?;
    let Some(start) = std::ptr::NonNull::new(mapped.as_ptr().cast_mut()) else {
        return Err(Problem::new(path, "file", "an empty mapping", "a whole Arrow file").into());
    };
    let length = mapped.len();
    // SAFETY: `start` and `length` are those of the mapping, which the buffer owns through the Arc.
    Ok(unsafe { Buffer::from_custom_allocation(start, length, Arc::new(mapped)) })
}

/// The record batches that the footer lists: for each the footer's entry and the bytes in the file.
struct Blocks {
    version: arrow::ipc::MetadataVersion,
    ranges: Vec<(arrow::ipc::Block, std::ops::Range<usize>)>,
}

/// Reads the footer at the file's end: the schema, and where the record batches are.
fn read_footer(path: &Path, bytes: &Buffer) -> Result<(SchemaRef, Blocks)> {
    let cut_short = |found: String| {
        Error::from(Problem::new(
            path,
            "footer",
            found,
            "an Arrow file's end (is the file cut short?)",
        ))
    };
    let tail_start = bytes.len() - TAIL;
    let mut tail = [0; TAIL];
    tail.copy_from_slice(&bytes[tail_start..]);
    let footer_length = read_footer_length(tail).map_err(|error| cut_short(error.to_string()))?;
    let footer_start = tail_start
        .checked_sub(footer_length)
        .ok_or_else(|| cut_short(format!("a footer of {footer_length} bytes")))?;
    let footer = root_as_footer(&bytes[footer_start..tail_start])
        .map_err(|error| cut_short(error.to_string()))?;
    let schema = footer
        .schema()
        .ok_or_else(|| cut_short("no schema".to_owned()))?;
    let schema = try_fb_to_schema(schema).map_err(|error| cut_short(error.to_string()))?;
    let schema = Arc::new(schema);
    let mut ranges = Vec::new();
    for block in footer.recordBatches().into_iter().flatten() {
        let (Ok(start), Ok(metadata), Ok(body)) = (
            usize::try_from(block.offset()),
            usize::try_from(block.metaDataLength()),
            usize::try_from(block.bodyLength()),
        ) else {
            return Err(cut_short(
                "a record batch at a negative position".to_owned(),
            ));
        };
        let end = start.saturating_add(metadata).saturating_add(body);
        ranges.push((*block, start..end));
    }
    Ok((
        schema,
        Blocks {
            version: footer.version(),
            ranges,
        },
    ))
}

/// Returns the images' size in the metadata and the bytes of a row, after checking the column's type
/// against them.
fn check_schema(path: &Path, schema: &Schema) -> Result<(Grid, i32)> {
    let number = |key: &str| {
        let found = schema.metadata().get(key).map(String::as_str);
        found
            .and_then(|text| text.parse::<usize>().ok())
            .filter(|&number| number > 0)
            .ok_or_else(|| {
                let found = found.unwrap_or("nothing");
                Problem::new(path, key, found, "a positive number of pixels")
            })
    };
    let grid = Grid {
        height: number("height")?,
        width: number("width")?,
    };
    let columns: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| format!("{} {}", field.name(), field.data_type()))
        .collect();
    let expected = grid
        .height
        .checked_mul(grid.width)
        .and_then(|cells| cells.checked_mul(3))
        .and_then(|row_bytes| i32::try_from(row_bytes).ok());
    match (schema.fields().as_ref(), expected) {
        ([field], Some(row_bytes))
            if field.name() == "rgb"
                && field.data_type() == &DataType::FixedSizeBinary(row_bytes) =>
        {
            Ok((grid, row_bytes))
        }
        _ => Err(Problem::new(
            path,
            "columns",
            columns.join(", "),
            format!("rgb FixedSizeBinary({} × {} × 3)", grid.height, grid.width),
        )
        .into()),
    }
}
