//! Opens a file of columns (attribution maps or logits) of any kind that other tools write: an Arrow IPC stream
//! (also from stdin), an Arrow IPC file (Feather) or Parquet. Its first bytes decide the kind, not its name. The
//! readers built on it, `reader` (maps) and `predictions` (logits), check which columns it has.

use std::fmt;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use data_prep::error::unreadable;
use data_prep::foreign;
use data_prep::pages;
use data_prep::table::Origin;

use super::ipc;
use crate::error::{Error, Result};

/// Rows decoded at a time from a Parquet file with maps: 13 MB at 224 × 224 cells of 4 bytes. Chosen.
const MAPS_PER_BATCH: usize = 64;
/// Rows decoded at a time from a Parquet file without maps. Chosen.
const ROWS_PER_BATCH: usize = 8192;

/// Where a columnar file comes from; `-` on the command line is stdin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Standard input, an Arrow IPC stream.
    Stdin,
    /// A file, or a named pipe with an Arrow IPC stream.
    File(PathBuf),
}

impl Source {
    /// Returns the name used in messages.
    pub fn path(&self) -> &Path {
        match self {
            Self::Stdin => Path::new("stdin"),
            Self::File(path) => path,
        }
    }
}

impl FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "-" => Self::Stdin,
            path => Self::File(path.into()),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}

/// The record batches of a file, in order.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// An opened file: its schema, its metadata and its record batches.
pub(crate) struct Columnar {
    /// The file, or `stdin`.
    pub(crate) path: PathBuf,
    pub(crate) schema: SchemaRef,
    /// Its metadata.
    pub(crate) origin: Origin,
    batches: Batches,
}

impl Columnar {
    /// Opens a file and reads its schema.
    pub(crate) fn open(source: &Source) -> Result<Self> {
        match source {
            Source::Stdin => {
                let mut stdin = std::io::stdin();
                let head = read_head(&mut stdin)?;
                match Kind::of(&head, source)? {
                    Kind::Stream => Self::stream(source, Cursor::new(head).chain(stdin)),
                    Kind::File => Err(Error::NotAStream {
                        found: "an Arrow IPC file",
                    }),
                    Kind::Parquet => Err(Error::NotAStream {
                        found: "a Parquet file",
                    }),
                }
            }
            Source::File(path) => {
                let mut file = fs_err::File::open(path).map_err(|error| {
                    let expected = "an Arrow or Parquet file";
                    Error::problem(path, "file", unreadable(&error), expected)
                })?;
                let head = read_head(&mut file)?;
                match Kind::of(&head, source)? {
                    Kind::Stream => Self::stream(source, Cursor::new(head).chain(file)),
                    Kind::File => Self::file(source, file),
                    Kind::Parquet => Self::parquet(source, file),
                }
            }
        }
    }

    /// Opens an Arrow IPC stream.
    fn stream(source: &Source, bytes: impl Read + Send + 'static) -> Result<Self> {
        let bytes = BufReader::with_capacity(1 << 18, bytes);
        let reader = whole(|| ipc::Batches::of_stream(bytes));
        let reader = reader.map_err(Error::arrow(source.path()))?;
        Ok(Self::new(source, reader.schema(), Box::new(reader)))
    }

    /// Opens an Arrow IPC file.
    fn file(source: &Source, file: fs_err::File) -> Result<Self> {
        let reader = whole(|| ipc::Batches::of_file(BufReader::new(file)));
        let reader = reader.map_err(Error::arrow(source.path()))?;
        Ok(Self::new(source, reader.schema(), Box::new(reader)))
    }

    /// Opens a Parquet file. Its metadata may stand beside the Arrow schema.
    fn parquet(source: &Source, file: fs_err::File) -> Result<Self> {
        let file = file.into_parts().0;
        let builder = whole(|| Ok(pages::open(file)?));
        let builder = builder.map_err(Error::arrow(source.path()))?;
        let schema = builder.schema().clone();
        let builder = builder.with_batch_size(match schema.column_with_name("map") {
            Some(_) => MAPS_PER_BATCH,
            None => ROWS_PER_BATCH,
        });
        let pairs = builder.metadata().file_metadata().key_value_metadata();
        let pairs = pairs.cloned().unwrap_or_default();
        let reader = whole(|| Ok(builder.build()?)).map_err(Error::arrow(source.path()))?;
        let mut columnar = Self::new(source, schema, Box::new(reader));
        let metadata = &mut columnar.origin.metadata;
        metadata.extend(pairs.into_iter().filter_map(|p| Some((p.key, p.value?))));
        Ok(columnar)
    }

    fn new(source: &Source, schema: SchemaRef, batches: Batches) -> Self {
        let origin = Origin {
            metadata: schema.metadata().clone().into(),
        };
        Self {
            path: source.path().to_owned(),
            schema,
            origin,
            batches,
        }
    }

    /// Returns the next rows; `None` at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let batch = whole(|| self.batches.next().transpose());
        batch.map_err(Error::arrow(&self.path))
    }

    pub(crate) fn has_column(&self, name: &str) -> bool {
        self.schema.column_with_name(name).is_some()
    }
}

/// Calls a library that may panic on a broken file; a panic becomes an error.
fn whole<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    foreign::read(read, ArrowError::ParseError)
}

/// The kind of a file.
enum Kind {
    Stream,
    File,
    Parquet,
}

impl Kind {
    /// Tells the kind from the first bytes.
    fn of(head: &[u8], source: &Source) -> Result<Self> {
        if head.starts_with(b"ARROW1") {
            Ok(Self::File)
        } else if head.starts_with(b"PAR1") {
            Ok(Self::Parquet)
        } else if head.starts_with(&[0xff; 4]) {
            Ok(Self::Stream) // the continuation marker before the schema message
        } else {
            Err(Error::Format {
                path: source.path().to_owned(),
                found: match head {
                    [] => "an empty file".to_owned(),
                    _ => format!("{:?}", String::from_utf8_lossy(head)),
                },
            })
        }
    }
}

/// Reads the first 8 bytes, or fewer of a shorter file.
fn read_head(reader: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(8);
    reader.take(8).read_to_end(&mut head)?;
    Ok(head)
}
