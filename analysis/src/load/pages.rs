//! Checks the number of values that each page of a Parquet file declares, before Polars reads the file.
//! Polars allocates memory by that number, so a damaged number would end the program for lack of memory. The
//! numbers of a column's data pages must add up to the number in the file's footer. A dictionary page must
//! not declare more values than it has bytes.

use std::fs::File;

use parquet::column::page::Page;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader, SerializedFileReader};

/// Reads every page of `file`, and checks its number of values; the values themselves are not
/// decoded.
///
/// # Errors
/// A page that cannot be read or decompressed, or whose number of values is impossible.
pub(crate) fn check(file: File) -> Result<()> {
    let file = SerializedFileReader::new(file)?;
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group)?;
        for (index, column) in group.metadata().columns().iter().enumerate() {
            let name = column.column_path().string();
            // The values in all pages of this column chunk.
            let mut n_values = 0;
            for page in group.get_column_page_reader(index)? {
                let page = page?;
                match &page {
                    // Each value of a dictionary takes at least a byte.
                    Page::DictionaryPage {
                        buf, num_values, ..
                    } => {
                        if *num_values as usize > buf.len() {
                            return Err(ParquetError::General(format!(
                                "{name}: a dictionary of {num_values} values in {} bytes",
                                buf.len()
                            )));
                        }
                    }
                    _ => n_values += i64::from(page.num_values()),
                }
            }
            if n_values != column.num_values() {
                return Err(ParquetError::General(format!(
                    "{name}: pages with {n_values} values, {} in the footer",
                    column.num_values()
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::File;

    use polars::prelude::*;

    use super::check;
    use crate::load::guarded::guarded;

    /// Writes a small table, inverts some bits of each of its bytes in turn, and reads each damaged file. Reading
    /// must succeed or return an error. Without [`check`] some of these files end the program, and this test with
    /// it.
    #[test]
    fn no_damaged_page_is_believed() {
        let mut frame = df!(
            "name" => ["energy", "l1", "energy"],
            "epoch" => [1i64, 2, 2],
            "epg" => [Some(0.5), None, Some(0.5)],
        )
        .unwrap();
        let mut bytes = Vec::new();
        ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.parquet");
        let open = || File::open(&path).unwrap();
        let mut refused = Vec::new();
        for at in 0..bytes.len() {
            // Numbers of values are stored as varints: a byte whose highest bit is set is followed by another one.
            // The first two patterns leave that bit as it is, so that only the number changes.
            for bits in [0x7c, 0x7f, 0xff] {
                let mut turned = bytes.clone();
                turned[at] ^= bits;
                fs_err::write(&path, turned).unwrap();
                if let Err(error) = guarded(|| check(open())) {
                    refused.push(error);
                    continue;
                }
                let _read_or_refused = guarded(|| ParquetReader::new(open()).finish());
            }
        }
        // Each of these refusals must occur; the first is the parquet crate's own.
        for words in ["Integer overflow", "a dictionary of", "in the footer"] {
            assert!(refused.iter().any(|error| error.contains(words)), "{words}");
        }
    }
}
