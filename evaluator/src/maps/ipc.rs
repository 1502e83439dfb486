//! Reads record batches of Arrow IPC streams and files, and checks each message before arrow decodes it. A
//! compressed buffer declares its size, and arrow allocates that much memory at once: a false size in a
//! broken file would end the program.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::reader::{FileDecoder, read_footer_length};
use arrow::ipc::{Block, CompressionType, Message, MessageHeader, root_as_footer, root_as_message};

/// The marker at the start of a message, before the length of its metadata.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// Bytes at the end of a file: the length of its footer, and the magic bytes.
const TAIL: usize = 10;
/// The most bytes that are allocated before that many have been read.
const RESERVED: usize = 64 << 20;

/// The record batches of a stream or file.
pub(super) struct Batches<S> {
    /// Where the messages come from: [`Stream`] or [`File`].
    source: S,
    schema: SchemaRef,
    decoder: FileDecoder,
}

/// The messages of a stream, one after the other.
pub(super) struct Stream<R>(R);

/// The messages of a file, at the offsets in its footer.
pub(super) struct File<R> {
    file: R,
    /// Positions of the messages that are still to be read: dictionaries, then record batches.
    blocks: std::vec::IntoIter<Block>,
}

/// Gives messages one after the other.
pub(super) trait Source {
    /// Returns the next message; `None` at the end.
    fn next(&mut self) -> Result<Option<Framed>, ArrowError>;
}

/// A message as it came: length, metadata and body.
pub(super) struct Framed {
    bytes: Vec<u8>,
    /// Offset of the metadata in `bytes`, after marker and length.
    metadata: usize,
    /// Offset of the body in `bytes`.
    body: usize,
}

impl<R: Read> Batches<Stream<R>> {
    /// Reads the schema, a stream's first message.
    pub(super) fn of_stream(bytes: R) -> Result<Self, ArrowError> {
        let mut source = Stream(bytes);
        let first = source.next()?.ok_or_else(|| broken("no message"))?;
        let message = first.message()?;
        let schema = message.header_as_schema();
        let schema = schema.ok_or_else(|| broken("no schema before the first batch"))?;
        let schema = Arc::new(try_fb_to_schema(schema)?);
        Ok(Self {
            decoder: FileDecoder::new(schema.clone(), message.version()),
            source,
            schema,
        })
    }
}

impl<R: Read + Seek> Batches<File<R>> {
    /// Reads the footer.
    pub(super) fn of_file(mut file: R) -> Result<Self, ArrowError> {
        let size = file.seek(SeekFrom::End(0))?;
        let start = size.checked_sub(TAIL as u64);
        file.seek(SeekFrom::Start(start.ok_or_else(|| broken("no footer"))?))?;
        let mut tail = [0; TAIL];
        file.read_exact(&mut tail)?;
        let length = read_footer_length(tail)?;
        let start = start.and_then(|start| start.checked_sub(length as u64));
        file.seek(SeekFrom::Start(start.ok_or_else(|| broken("no footer"))?))?;
        let mut footer = Vec::new();
        append(&mut file, &mut footer, length)?;
        let footer = root_as_footer(&footer).map_err(|error| broken(&error.to_string()))?;
        let schema = footer.schema().ok_or_else(|| broken("no schema"))?;
        let schema = Arc::new(try_fb_to_schema(schema)?);
        let dictionaries = footer.dictionaries().into_iter().flatten();
        let batches = footer.recordBatches().into_iter().flatten();
        let blocks: Vec<Block> = dictionaries.chain(batches).copied().collect();
        Ok(Self {
            decoder: FileDecoder::new(schema.clone(), footer.version()),
            source: File {
                file,
                blocks: blocks.into_iter(),
            },
            schema,
        })
    }
}

impl<S: Source> Batches<S> {
    pub(super) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Returns the next record batch; `None` at the end.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        while let Some(framed) = self.source.next()? {
            let message = framed.message()?;
            framed.check_sizes(&message)?;
            let is_dictionary = message.header_type() == MessageHeader::DictionaryBatch;
            let block = Block::new(0, framed.body as i32, message.bodyLength());
            let bytes = Buffer::from_vec(framed.bytes);
            if is_dictionary {
                self.decoder.read_dictionary(&block, &bytes)?;
            } else if let Some(batch) = self.decoder.read_record_batch(&block, &bytes)? {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }
}

impl<S: Source> Iterator for Batches<S> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

impl<R: Read> Source for Stream<R> {
    /// A stream ends with an end marker, or with its bytes.
    fn next(&mut self) -> Result<Option<Framed>, ArrowError> {
        let mut bytes = Vec::new();
        if append(&mut self.0, &mut bytes, 4)? == 0 {
            return Ok(None);
        }
        // In streams of before 2019 a message begins with its length, without a marker.
        if bytes == CONTINUATION {
            append(&mut self.0, &mut bytes, 4)?;
        }
        let metadata = bytes.len();
        let length = bytes.last_chunk().copied().map(u32::from_le_bytes);
        let length = length.ok_or_else(|| broken("the end inside a message"))?;
        if length == 0 {
            return Ok(None);
        }
        append_whole(&mut self.0, &mut bytes, length.into())?;
        let mut framed = Framed {
            body: bytes.len(),
            bytes,
            metadata,
        };
        let length = framed.message()?.bodyLength();
        append_whole(&mut self.0, &mut framed.bytes, length)?;
        Ok(Some(framed))
    }
}

impl<R: Read + Seek> Source for File<R> {
    fn next(&mut self) -> Result<Option<Framed>, ArrowError> {
        let Some(block) = self.blocks.next() else {
            return Ok(None);
        };
        let start = u64::try_from(block.offset()).map_err(|_| broken("a negative position"))?;
        self.file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        append_whole(&mut self.file, &mut bytes, block.metaDataLength().into())?;
        let body = bytes.len();
        append_whole(&mut self.file, &mut bytes, block.bodyLength())?;
        let metadata = if bytes.starts_with(&CONTINUATION) {
            8
        } else {
            4
        };
        if body < metadata {
            return Err(broken("a message without metadata"));
        }
        Ok(Some(Framed {
            bytes,
            metadata,
            body,
        }))
    }
}

impl Framed {
    /// Parses the metadata.
    fn message(&self) -> Result<Message<'_>, ArrowError> {
        let metadata = &self.bytes[self.metadata..self.body];
        root_as_message(metadata).map_err(|error| broken(&error.to_string()))
    }

    /// Refuses a compressed buffer whose declared size no codec could have compressed into its bytes. A
    /// compressed buffer begins with its uncompressed size.
    fn check_sizes(&self, message: &Message) -> Result<(), ArrowError> {
        let dictionary = message.header_as_dictionary_batch();
        let batch = dictionary.and_then(|dictionary| dictionary.data());
        let Some(batch) = batch.or(message.header_as_record_batch()) else {
            return Ok(());
        };
        let Some(compression) = batch.compression() else {
            return Ok(());
        };
        // The greatest factor by which the codec can compress.
        let most = match compression.codec() {
            CompressionType::LZ4_FRAME => 256,
            _ => 1 << 15, // zstd: a block of 128 KiB in four bytes
        };
        let body = &self.bytes[self.body..];
        for buffer in batch.buffers().into_iter().flatten() {
            let bytes = usize::try_from(buffer.offset()).ok().and_then(|start| {
                let length = usize::try_from(buffer.length()).ok()?;
                body.get(start..)?.get(..length)
            });
            let bytes = bytes.ok_or_else(|| broken("a buffer outside its message"))?;
            let Some((size, content)) = bytes.split_first_chunk() else {
                continue; // an empty buffer
            };
            // -1 stands for bytes that are not compressed.
            let size = i64::from_le_bytes(*size);
            if size > most * content.len() as i64 {
                let content = content.len();
                return Err(broken(&format!("{size} bytes compressed to {content}")));
            }
        }
        Ok(())
    }
}

/// Appends up to `length` bytes of `source` to `bytes`, and returns how many there were.
fn append(source: &mut impl Read, bytes: &mut Vec<u8>, length: usize) -> std::io::Result<usize> {
    bytes.reserve_exact(length.min(RESERVED));
    source.take(length as u64).read_to_end(bytes)
}

/// Does the same as [`append`], and fails if there are fewer than `length` bytes.
fn append_whole(
    source: &mut impl Read,
    bytes: &mut Vec<u8>,
    length: i64,
) -> Result<(), ArrowError> {
    let length = usize::try_from(length).map_err(|_| broken("a negative length"))?;
    match append(source, bytes, length)? {
        found if found == length => Ok(()),
        found => Err(broken(&format!("{found} of {length} bytes of a message"))),
    }
}

/// Returns the error for a broken file.
fn broken(found: &str) -> ArrowError {
    ArrowError::IpcError(found.to_owned())
}
