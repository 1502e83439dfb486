//! Reads record batches of Arrow IPC streams and files, and checks each message before arrow decodes it. A
//! compressed buffer declares its size, and arrow allocates that much memory at once: a false size in a
//! broken file would end the program. What a message can ask for is bounded before anything is decoded:
//!
//! - for its metadata and body at most 64 MiB are allocated before a byte was read, then about twice what was;
//! - a compressed buffer is no larger than its codec can have compressed into its bytes, and all buffers of a
//!   compressed message together than [`LARGEST`];
//! - its rows are no more than the bytes of its buffers, since each of our tables has a column without nulls.
//!
//! One message is in memory at a time, and with it the dictionaries that came before.

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
/// Bytes at the end of a file: the length of its footer (4), and the magic bytes `ARROW1`.
const TAIL: usize = 10;
/// The most bytes that are allocated before that many have been read. Chosen.
const RESERVED: usize = 64 << 20;
/// The most bytes that the buffers of a compressed message may hold in all, uncompressed: 21,000 maps of 224×224.
/// Chosen.
const LARGEST: i64 = 4 << 30;

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
    /// A stream ends with an end marker, or where its bytes end. Streams of before 2019, whose messages have no
    /// marker, are not read: `columnar` recognises a stream by the marker of its first message.
    fn next(&mut self) -> Result<Option<Framed>, ArrowError> {
        let mut bytes = Vec::new();
        if append(&mut self.0, &mut bytes, 8)? == 0 {
            return Ok(None);
        }
        let cut = || broken("the end inside a message");
        let (marker, length) = bytes.split_first_chunk::<4>().ok_or_else(cut)?;
        if *marker != CONTINUATION {
            return Err(broken("a message without its marker"));
        }
        let length = u32::from_le_bytes(*length.first_chunk::<4>().ok_or_else(cut)?);
        if length == 0 {
            return Ok(None);
        }
        let metadata = bytes.len();
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
        // In files of before 2019 a message begins with its length, without a marker.
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

    /// Refuses a compressed buffer whose declared size its codec could not have compressed into its bytes,
    /// compressed buffers larger than [`LARGEST`] together, and more rows than bytes. A compressed buffer
    /// begins with its uncompressed size.
    fn check_sizes(&self, message: &Message) -> Result<(), ArrowError> {
        let dictionary = message.header_as_dictionary_batch();
        let batch = dictionary.and_then(|dictionary| dictionary.data());
        let Some(batch) = batch.or(message.header_as_record_batch()) else {
            return Ok(());
        };
        // The greatest factor by which the codec can compress: with lz4 a byte of a match's length stands for at most
        // 255 bytes, with zstd four bytes for a block of 128 KiB.
        let most = batch
            .compression()
            .map(|compression| match compression.codec() {
                CompressionType::LZ4_FRAME => 256,
                _ => 1 << 15, // zstd
            });
        let body = &self.bytes[self.body..];
        let mut whole = 0_i64;
        for buffer in batch.buffers().into_iter().flatten() {
            let bytes = usize::try_from(buffer.offset()).ok().and_then(|start| {
                let length = usize::try_from(buffer.length()).ok()?;
                body.get(start..)?.get(..length)
            });
            let bytes = bytes.ok_or_else(|| broken("a buffer outside its message"))?;
            let size = match (most, bytes.split_first_chunk()) {
                (Some(most), Some((size, content))) => {
                    let (size, content) = (i64::from_le_bytes(*size), content.len() as i64);
                    if size > most * content {
                        return Err(broken(&format!("{size} bytes compressed to {content}")));
                    }
                    // -1 stands for bytes that are not compressed.
                    if size < 0 { content } else { size }
                }
                _ => bytes.len() as i64,
            };
            whole = whole.saturating_add(size);
        }
        if most.is_some() && whole > LARGEST {
            let found = format!("{whole} bytes in a compressed record batch, more than {LARGEST}");
            return Err(broken(&found));
        }
        if batch.length() > whole {
            let rows = batch.length();
            return Err(broken(&format!("{rows} rows in {whole} bytes")));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use arrow::array::{ArrayRef, BinaryArray, NullArray};
    use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};

    use super::*;

    /// Returns a stream of one batch with this column, and where the batch's message begins.
    fn stream(column: ArrayRef, compression: Option<CompressionType>) -> (Vec<u8>, usize) {
        let batch = RecordBatch::try_from_iter([("map", column)]).unwrap();
        let options = IpcWriteOptions::default();
        let options = options.try_with_compression(compression).unwrap();
        let schema = batch.schema();
        let mut writer = StreamWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
        let start = writer.get_ref().len();
        writer.write(&batch).unwrap();
        (writer.into_inner().unwrap(), start)
    }

    /// Returns the number of rows of each batch, or the error's words.
    fn read(bytes: &[u8]) -> Result<Vec<usize>, String> {
        let words = |error: ArrowError| error.to_string();
        let batches = Batches::of_stream(bytes).map_err(words)?;
        let rows = batches.map(|batch| batch.map(|batch| batch.num_rows()).map_err(words));
        rows.collect()
    }

    fn map(bytes: &[u8]) -> ArrayRef {
        Arc::new(BinaryArray::from_iter_values([bytes]))
    }

    #[test]
    fn a_stream_may_end_between_messages_only() {
        let (bytes, start) = stream(map(b"abcd"), None);
        assert_eq!(read(&bytes), Ok(vec![1]));
        assert_eq!(
            read(&bytes[..bytes.len() - 8]),
            Ok(vec![1]),
            "no end marker"
        );
        assert_eq!(read(&bytes[..start]), Ok(Vec::new()));
        // Inside the marker, and between marker and length.
        for more in 1..8 {
            let error = read(&bytes[..start + more]).unwrap_err();
            assert_eq!(error, "Ipc error: the end inside a message", "{more}");
        }
        let error = read(&bytes[..start + 9]).unwrap_err();
        assert!(error.contains(" bytes of a message"), "{error}");
        let without = [&bytes[..start], &bytes[start + 4..]].concat();
        let error = read(&without).unwrap_err();
        assert_eq!(error, "Ipc error: a message without its marker");
    }

    #[test]
    fn what_a_message_may_hold_is_bounded() {
        // Four of each byte's eight bits are random, so that zstd compresses it to about half. The generator is
        // the linear congruential one of Numerical Recipes.
        let mut state = 1_u32;
        let random = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 28) as u8
        });
        let values: Vec<u8> = random.take(400_000).collect();
        let (mut bytes, _) = stream(map(&values), Some(CompressionType::ZSTD));
        assert_eq!(read(&bytes), Ok(vec![1]));
        let size = 400_000_i64.to_le_bytes();
        // The last place: the map's bytes are the last buffer.
        let at = bytes.windows(8).rposition(|window| window == size).unwrap();
        // 5 GiB: as much as the codec may have compressed into these bytes, but more than `LARGEST`.
        bytes[at..at + 8].copy_from_slice(&(5_i64 << 30).to_le_bytes());
        let error = read(&bytes).unwrap_err();
        let expected = " bytes in a compressed record batch, more than 4294967296";
        assert!(error.ends_with(expected), "{error}");

        let (bytes, _) = stream(Arc::new(NullArray::new(1 << 40)), None);
        let error = read(&bytes).unwrap_err();
        assert_eq!(error, "Ipc error: 1099511627776 rows in 0 bytes");
    }
}
