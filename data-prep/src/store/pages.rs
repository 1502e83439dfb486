//! Opens Parquet files that may be broken or hostile. The `parquet` crate trusts some declarations of a
//! file: it allocates memory by the declared number of values of a dictionary (a map file of 3 kB was made
//! to take 7.5 GB), and reads lists of the declared length ([`crate::store::thrift`]). Both are checked
//! here first.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use crate::store::thrift::{self, Fault, PageHeader};

/// The longest page header that is read: 16 MiB, the limit of Arrow C++.
const LONGEST_HEADER: u64 = 16 << 20;

/// Returns a reader of `file`, after checking the declared lengths in its footer, page headers and
/// dictionaries. For that it reads the footer, the dictionaries and the headers of all pages.
///
/// # Errors
/// When the footer or a page header cannot be read, or a dictionary cannot be decompressed or declares
/// more values than it has bytes.
pub fn open(file: File) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let len = file.metadata()?.len();
    check_footer(&file, len)?;
    let again = Arc::new(file.try_clone()?);
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    check_pages(&again, len, builder.metadata())?;
    Ok(builder)
}

/// Checks the lists in the footer. A file too short for a footer, or with another magic, passes, because
/// the `parquet` crate refuses it.
fn check_footer(file: &File, len: u64) -> Result<()> {
    let Some(end) = len.checked_sub(8) else {
        return Ok(());
    };
    let mut tail = [0; 8];
    file.read_exact_at(&mut tail, end)?;
    let [a, b, c, d, magic @ ..] = tail;
    let Some(start) = end.checked_sub(u32::from_le_bytes([a, b, c, d]).into()) else {
        return Ok(());
    };
    if magic != *b"PAR1" {
        return Ok(());
    }
    let mut footer = vec![0; (end - start) as usize];
    file.read_exact_at(&mut footer, start)?;
    thrift::check_struct(&footer)
        .map_err(|fault| ParquetError::General(format!("a footer with {fault} in it")))
}

/// Checks the headers of all pages, and that no dictionary declares more values than it has bytes.
fn check_pages(file: &Arc<File>, len: u64, metadata: &ParquetMetaData) -> Result<()> {
    for group in metadata.row_groups() {
        let rows = usize::try_from(group.num_rows())?;
        for column in group.columns() {
            check_headers(file, len, column)?;
            let mut pages = SerializedPageReader::new(file.clone(), column, rows, None)?;
            while let Some(page) = pages.peek_next_page()? {
                if !page.is_dict {
                    pages.skip_next_page()?;
                    continue;
                }
                // Each value of a dictionary takes at least a byte.
                if let Some(Page::DictionaryPage {
                    buf, num_values, ..
                }) = pages.get_next_page()?
                    && num_values as usize > buf.len()
                {
                    return Err(ParquetError::General(format!(
                        "{}: a dictionary of {num_values} values in {} bytes",
                        column.column_path().string(),
                        buf.len()
                    )));
                }
            }
        }
    }
    Ok(())
}

/// Checks that the page headers of a column chunk can be read, from its first page to its last.
fn check_headers(file: &File, len: u64, column: &ColumnChunkMetaData) -> Result<()> {
    let (mut at, n_bytes) = column.byte_range();
    let end = at.saturating_add(n_bytes);
    while at < end {
        let header = read_header(file, len, at).map_err(|error| {
            ParquetError::General(format!("{}: {error}", column.column_path().string()))
        })?;
        at = at.saturating_add((header.len + header.page_len) as u64);
    }
    Ok(())
}

/// The header of the page at byte `at` of a file of `len` bytes. How long a header is shows only when it is
/// read, so 1 kB is tried first, and eight times as much as long as the header does not end in it.
fn read_header(file: &File, len: u64, at: u64) -> Result<PageHeader> {
    let there = len.saturating_sub(at).min(LONGEST_HEADER);
    let mut window = there.min(1 << 10);
    loop {
        let mut bytes = vec![0; window as usize];
        file.read_exact_at(&mut bytes, at)?;
        match thrift::page_header(&bytes) {
            Ok(header) => return Ok(header),
            Err(Fault::Short) if window < there => window = there.min(window * 8),
            Err(fault) => {
                return Err(ParquetError::General(format!(
                    "a page header with {fault} in it"
                )));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    /// Changes each byte of a file with two columns in turn. Two of the bytes declare how many values the
    /// columns' dictionaries have; the files with these changed are refused with a message about the dictionary.
    #[test]
    fn a_dictionary_with_more_values_than_bytes_is_refused() {
        let names: ArrayRef = Arc::new(StringArray::from(vec!["energy", "l1", "energy"]));
        let epochs: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 2]));
        let table = RecordBatch::try_from_iter([("name", names), ("epoch", epochs)]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, table.schema(), None).unwrap();
        writer.write(&table).unwrap();
        writer.close().unwrap();
        let checked = |bytes: &[u8]| {
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, bytes).unwrap();
            crate::foreign::read(|| open(file).map(drop), ParquetError::General)
        };
        checked(&bytes).unwrap();
        let mut refused = Vec::new();
        for at in 0..bytes.len() {
            bytes[at] ^= 0x7c;
            refused.extend(checked(&bytes).err().map(|error| error.to_string()));
            bytes[at] ^= 0x7c;
        }
        for name in ["name", "epoch"] {
            let words = format!("{name}: a dictionary of ");
            assert!(refused.iter().any(|e| e.contains(&words)), "{words}");
        }
    }
}
