//! Reads the pixels of images from a data folder. `images.parquet` says in which row of `pixels.arrow` an image's
//! pixels are. That is an Arrow IPC file (docs/schemas.md) of record batches; only those with wanted rows are read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::Path;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::ipc::reader::FileReader;

use crate::load::guarded::guarded;
use crate::load::rows::Rows;
use crate::load::schema::{self, IMAGES};
use crate::{Error, Result};

/// The words for what was expected, in an error about a file of pixels.
const WHOLE: &str = "a whole Arrow file of pixels";

/// An image's id, and its pixels: height × width × 3 bytes, row-major RGB.
pub type Named<'a> = (&'a str, Vec<u8>);

/// Calls `take` once for each batch that has images of `wanted` (image ids), with these images and their (height,
/// width), which is the same for all. For the first batch it is called even without such images. Images that the
/// folder does not have are left out.
///
/// # Errors
/// A table that does not fit its schema, a file of pixels that is damaged or has too few rows, or an error of
/// `take`.
pub fn each<'a>(
    folder: &Path,
    wanted: &BTreeSet<&'a str>,
    mut take: impl FnMut(Vec<Named<'a>>, (usize, usize)) -> Result<()>,
) -> Result<()> {
    let path = folder.join("images.parquet");
    let (frame, _) = schema::read(&path, &IMAGES)?;
    let rows = Rows::new(&frame);
    let ids = rows.text("image_id").map_err(Error::polars(&path))?;
    let places = rows.long("pixel_row").map_err(Error::polars(&path))?;
    // The wanted images, by row of the file of pixels.
    let by_row: BTreeMap<i64, &'a str> = ids
        .iter()
        .zip(places)
        .filter_map(|(id, row)| Some((row, *wanted.get(id.as_str())?)))
        .collect();
    let path = folder.join("pixels.arrow");
    let broken = |found: String| Error::table(&path, "contents", found, WHOLE);
    let mut file = Pixels::open(&path)?;
    let mut by_row = by_row.into_iter().peekable();
    // The number of rows in a batch, known once the first was read: all batches but the last have as many.
    let mut n_rows = 1;
    let mut index = 0;
    while let Some((row, _)) = by_row.peek() {
        // The first batch is read in any case, as its number of rows tells in which batch every row is.
        if index > 0 {
            index = usize::try_from(*row / n_rows).map_err(|_| broken(format!("no row {row}")))?;
        }
        if index >= file.reader.num_batches() {
            return Err(broken(format!("no row {row}")));
        }
        let batch = file.batch(index).map_err(broken)?;
        if index == 0 {
            n_rows = batch.num_rows().max(1) as i64;
        }
        let first = index as i64 * n_rows;
        let mut pictures = Vec::new();
        while let Some((row, id)) = by_row.next_if(|(row, _)| *row < first + n_rows) {
            let at = usize::try_from(row - first).unwrap_or(usize::MAX);
            let pixels = file.pixels(&batch, at);
            pictures.push((id, pixels.ok_or_else(|| broken(format!("no row {row}")))?));
        }
        take(pictures, (file.height, file.width))?;
        index += 1;
    }
    Ok(())
}

/// An open file of pixels.
struct Pixels {
    reader: FileReader<BufReader<std::fs::File>>,
    height: usize,
    width: usize,
}

impl Pixels {
    fn open(path: &Path) -> Result<Self> {
        let broken = |found: String| Error::table(path, "contents", found, WHOLE);
        let file = fs_err::File::open(path)?.into_file();
        let reader = guarded(|| FileReader::try_new(BufReader::new(file), None)).map_err(broken)?;
        let schema = reader.schema();
        let side = |field: &str| {
            let said = schema.metadata().get(field);
            let size = said.and_then(|said| said.parse::<u16>().ok());
            let size = size.filter(|size| *size > 0);
            let found = said.map_or("nothing", String::as_str);
            size.map(usize::from)
                .ok_or_else(|| Error::table(path, field, found, "1 to 65535 pixels"))
        };
        let (height, width) = (side("height")?, side("width")?);
        Ok(Self {
            reader,
            height,
            width,
        })
    }

    /// Reads a batch.
    fn batch(&mut self, index: usize) -> Result<RecordBatch, String> {
        let reader = &mut self.reader;
        guarded(|| {
            reader.set_index(index)?;
            reader.next().transpose()
        })?
        .ok_or_else(|| format!("no batch {index}"))
    }

    /// The pixels in row `at` of a batch; `None` where there is no such row, or not of this size.
    fn pixels(&self, batch: &RecordBatch, at: usize) -> Option<Vec<u8>> {
        let column = batch.column_by_name("rgb")?.as_fixed_size_binary_opt()?;
        let rgb = (at < column.len()).then(|| column.value(at).to_vec())?;
        (rgb.len() == self.height * self.width * 3).then_some(rgb)
    }
}
