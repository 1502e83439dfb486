//! Reads tables that users write, CSV (with comma, semicolon or tab) and Parquet, as cells of text. A problem with
//! a cell names the file, the line or row, and the column.

use std::io::Read;
use std::path::{Path, PathBuf};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};

use super::files;
use crate::error::{Problem, Result};
use crate::foreign;
use crate::words;

/// A table in memory.
#[derive(Debug)]
pub(super) struct Table {
    path: PathBuf,
    headers: Vec<String>,
    /// Rows of cells, each with its line number in a CSV file, or its row number in a Parquet file, from 1.
    rows: Vec<(u64, Vec<String>)>,
    /// What a row's number is called in messages: `line` (CSV) or `row` (Parquet).
    unit: &'static str,
    /// SHA-256 of the file. Not meaningful after [`Table::header`], which reads only a part.
    pub fingerprint: [u8; 32],
    /// Whether the file has no header, and the columns are [`HEADERLESS`].
    pub is_headerless: bool,
}

/// The columns of a CSV file without a header, as keras-retinanet writes it.
pub(super) const HEADERLESS: [&str; 6] = ["path", "x1", "y1", "x2", "y2", "class"];

/// A row of a [`Table`].
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    table: &'a Table,
    at: usize,
}

impl Table {
    /// Reads a CSV or Parquet file.
    ///
    /// # Errors
    /// When it cannot be read, has no header, or a line has too few or too many values.
    pub(super) fn open(path: &Path) -> Result<Self> {
        Self::of(path, fs_err::read(path)?)
    }

    /// Reads a CSV file's first line, or a Parquet file's columns, as a table without further rows.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(super) fn header(path: &Path) -> Result<Self> {
        const MOST: u64 = 1 << 16; // bytes; a longer first line is cut
        let mut bytes = Vec::new();
        let file = fs_err::File::open(path)?;
        file.take(MOST).read_to_end(&mut bytes)?;
        if bytes.starts_with(b"PAR1") {
            let broken = |found| Problem::new(path, "file", found, "a Parquet file").into();
            let headers = foreign::read(|| parquet_header(path), broken)?;
            return Ok(Self::with(path, (headers, Vec::new()), "row"));
        }
        let start = bytes.iter().position(|byte| !matches!(byte, b'\n' | b'\r'));
        let bytes = bytes.split_off(start.unwrap_or_default());
        let line = bytes.split(|byte| *byte == b'\n').next();
        Self::of(path, line.unwrap_or_default().to_owned())
    }

    /// Parses a file's bytes. A Parquet file begins with `PAR1`; all else is CSV.
    fn of(path: &Path, bytes: Vec<u8>) -> Result<Self> {
        let fingerprint = Sha256::digest(&bytes).into();
        let (cells, unit) = match bytes.starts_with(b"PAR1") {
            true => {
                let broken = |found| Problem::new(path, "file", found, "a Parquet file");
                (foreign::read(|| parquet(path, bytes), broken)?, "row")
            }
            false => (csv(path, &bytes)?, "line"),
        };
        Ok(Self {
            fingerprint,
            ..Self::with(path, cells, unit)
        })
    }

    /// Makes the table, with the names [`HEADERLESS`] where a CSV file's first row is data.
    fn with(path: &Path, (mut headers, mut rows): Cells, unit: &'static str) -> Self {
        let is_headerless = unit == "line" && is_box(&headers);
        if is_headerless {
            let columns = HEADERLESS.map(str::to_owned).to_vec();
            rows.insert(0, (1, std::mem::replace(&mut headers, columns)));
        }
        Self {
            path: path.to_owned(),
            headers,
            rows,
            unit,
            fingerprint: [0; 32],
            is_headerless,
        }
    }

    /// Returns the names of the columns.
    pub(super) fn columns(&self) -> &[String] {
        &self.headers
    }

    /// Returns the index of a column, whose name may be written in any case.
    ///
    /// # Errors
    /// When there is no such column, or two.
    pub(super) fn column(&self, name: &str) -> Result<usize, Problem> {
        self.any_column(&[name])
    }

    /// Returns the index of the first of `names` that is a column.
    ///
    /// # Errors
    /// When none of them is a column, or the one found is there twice.
    pub(super) fn any_column(&self, names: &[&str]) -> Result<usize, Problem> {
        let expected = || self.lacks(&format!("a column {}", names[0]));
        self.find_column(names)?.ok_or_else(expected)
    }

    /// Returns the problem that columns are missing.
    pub(super) fn lacks(&self, expected: &str) -> Problem {
        let found = match self.headers.as_slice() {
            [] => "nothing".to_owned(),
            headers => headers.join(", "),
        };
        Problem::new(&self.path, "columns", found, expected)
    }

    /// Returns the index of the first of `names` that is a column; `None` where none is.
    ///
    /// # Errors
    /// When the column is there twice.
    pub(super) fn find_column(&self, names: &[&str]) -> Result<Option<usize>, Problem> {
        for name in names {
            let mut columns = (0..self.headers.len())
                .filter(|&column| self.headers[column].eq_ignore_ascii_case(name));
            match (columns.next(), columns.next()) {
                (None, _) => {}
                (found, None) => return Ok(found),
                (Some(_), Some(_)) => {
                    let expected = format!("one column {name}");
                    let found = self.headers.join(", ");
                    return Err(Problem::new(&self.path, "columns", found, expected));
                }
            }
        }
        Ok(None)
    }

    /// Returns index and name of all columns except those at the indices `but`.
    pub(super) fn other_columns(&self, but: &[usize]) -> Vec<(usize, String)> {
        let columns = self.headers.iter().cloned().enumerate();
        columns
            .filter(|(column, _)| !but.contains(column))
            .collect()
    }

    /// Returns the rows, in the file's order.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows.len()).map(|at| Row { table: self, at })
    }
}

impl<'a> Row<'a> {
    /// Returns a cell's text, without spaces around it.
    pub(super) fn cell(self, column: usize) -> &'a str {
        self.table.rows[self.at].1[column].trim()
    }

    /// Returns the problem that the row's cell in this column is not what was expected.
    pub(super) fn problem(self, column: usize, expected: impl Into<String>) -> Problem {
        let number = self.table.rows[self.at].0;
        let field = format!(
            "{} {number}, {}",
            self.table.unit, self.table.headers[column]
        );
        let found = match self.cell(column) {
            "" => "nothing",
            found => found,
        };
        Problem::new(&self.table.path, field, found, expected)
    }
}

/// Whether the first row of a CSV file is data instead of a header: an image file, four numbers (or four empty
/// cells), and a class.
fn is_box(first: &[String]) -> bool {
    let [path, corners @ .., _] = first else {
        return false;
    };
    let is_number = |cell: &String| cell.parse::<f64>().is_ok();
    first.len() == HEADERLESS.len()
        && files::is_image(Path::new(path))
        && (corners.iter().all(is_number) || corners.iter().all(String::is_empty))
}

/// The column names, and the rows with their line or row numbers.
type Cells = (Vec<String>, Vec<(u64, Vec<String>)>);

fn csv(path: &Path, bytes: &[u8]) -> Result<Cells, Problem> {
    // Without UTF-8's byte order mark.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |of: u8| first.iter().filter(|byte| **byte == of).count();
    // The separator that occurs most often in the header; where they are equal, the last of the list, a comma.
    let delimiter = [b'\t', b';', b',']
        .into_iter()
        .max_by_key(|&of| count(of))
        .unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .from_reader(text);
    let fault = |error: csv::Error| {
        let line = error
            .position()
            .map_or(1, |position| line_of(position, text));
        let (found, expected) = match error.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => (
                words::counted(*len as usize, "value", "values"),
                format!("{expected_len}, as in line 1"),
            ),
            csv::ErrorKind::Utf8 { err, .. } => (err.to_string(), "UTF-8".to_owned()),
            _ => (
                error.to_string(),
                "values with commas between them".to_owned(),
            ),
        };
        Problem::new(path, format!("line {line}"), found, expected)
    };
    let headers: Vec<String> = reader
        .headers()
        .map_err(fault)?
        .iter()
        .map(|header| header.trim().to_owned())
        .collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(fault)?;
        let line = record
            .position()
            .map_or(0, |position| line_of(position, text));
        rows.push((line, record.iter().map(str::to_owned).collect()));
    }
    Ok((headers, rows))
}

/// Returns the line number of a record. The library's position is that before the empty lines it skips, so these
/// are added.
fn line_of(position: &csv::Position, text: &[u8]) -> u64 {
    let rest = text.get(position.byte() as usize..).unwrap_or_default();
    let skipped = rest.iter().take_while(|byte| matches!(byte, b'\n' | b'\r'));
    position.line() + skipped.filter(|byte| **byte == b'\n').count() as u64
}

/// Reads the names of a Parquet file's columns.
fn parquet_header(path: &Path) -> Result<Vec<String>> {
    let (file, _) = fs_err::File::open(path)?.into_parts();
    let fault = |error: parquet::errors::ParquetError| {
        Problem::new(path, "file", error.to_string(), "a Parquet file")
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(fault)?;
    Ok(names(builder.schema()))
}

fn names(schema: &arrow::datatypes::Schema) -> Vec<String> {
    let fields = schema.fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

fn parquet(path: &Path, bytes: Vec<u8>) -> Result<Cells, Problem> {
    let fault = |error: &dyn std::fmt::Display| {
        Problem::new(path, "file", error.to_string(), "a Parquet file")
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes))
        .map_err(|error| fault(&error))?;
    let headers = names(builder.schema());
    let mut rows = Vec::new();
    for batch in builder.build().map_err(|error| fault(&error))? {
        let batch = batch.map_err(|error| fault(&error))?;
        let options = FormatOptions::default();
        let columns = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| fault(&error))?;
        for row in 0..batch.num_rows() {
            let cells = columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect();
            rows.push((rows.len() as u64 + 1, cells));
        }
    }
    Ok((headers, rows))
}
