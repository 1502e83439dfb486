//! The numbers of values that a Parquet file's dictionaries say they have. The `parquet` crate takes memory
//! by them: a map file of 3 kB was made to take 7.5 GB.

use std::fs::File;
use std::sync::Arc;

use parquet::column::page::{Page, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::serialized_reader::SerializedPageReader;

/// Reads the dictionaries of `file`, whose footer is `metadata`, and of the other pages the headers.
///
/// # Errors
/// A page whose header cannot be read, a dictionary that cannot be unpacked or has more values than
/// bytes.
pub fn check(file: File, metadata: &ParquetMetaData) -> Result<()> {
    let file = Arc::new(file);
    for group in metadata.row_groups() {
        let rows = usize::try_from(group.num_rows())?;
        for column in group.columns() {
            let mut pages = SerializedPageReader::new(file.clone(), column, rows, None)?;
            while let Some(page) = pages.peek_next_page()? {
                if !page.is_dict {
                    pages.skip_next_page()?;
                    continue;
                }
                // No value of a dictionary takes less than a byte.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    /// Every byte of a table turned: the numbers of its dictionaries are among them.
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
            let again = file.try_clone().unwrap();
            crate::foreign::read(
                || {
                    check(
                        file,
                        ParquetRecordBatchReaderBuilder::try_new(again)?.metadata(),
                    )
                },
                ParquetError::General,
            )
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
