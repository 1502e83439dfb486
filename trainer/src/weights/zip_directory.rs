//! Reads the directory of a zip archive that PyTorch wrote: which bytes of the file are which entry.
//!
//! A general zip reader guesses where the directory starts, because other data may precede or follow an archive.
//! PyTorch's archives hold weights, which may be any bytes, and a `.pt2` file even holds a second archive
//! (`data/sample_inputs/model.pt`): such guesses then go wrong. So this reader takes the offsets that the file
//! states and refuses a file where they do not fit exactly. It allocates nothing by a size that the file declares.
//!
//! The zip specification (APPNOTE.TXT) describes the records and their fields; numbers are little-endian.

use std::ops::Range;

/// The most characters of an entry's name that a message repeats.
const QUOTED: usize = 80;

// The first bytes of the records: the end of the directory, the same for 64 bits, what locates the latter, an
// entry's header in the directory, and the header in front of an entry's bytes.
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const HEADER: &[u8] = b"PK\x01\x02";
const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
// The lengths of the records in bytes, without their parts of varying length (names, extra fields, comments).
const END_BYTES: usize = 22;
const LOCATOR_64_BYTES: usize = 20;
const HEADER_BYTES: usize = 46;
const LOCAL_HEADER_BYTES: usize = 30;
/// The kind of extra field that holds sizes and offsets of 64 bits.
const EXTRA_64: u16 = 1;

/// An entry of the archive.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its path in the archive.
    pub name: String,
    /// Its bytes as they are in the file.
    pub bytes: &'a [u8],
    /// How the bytes are packed.
    pub packing: Packing,
    /// The number of bytes after unpacking, as the file says.
    pub size: usize,
    /// The checksum of the bytes after unpacking, as the file says.
    pub crc32: u32,
}

/// How the bytes of an entry are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    Stored,
    /// Compressed with deflate.
    Deflated,
    /// Compressed in another way.
    Compressed,
    /// Encrypted.
    Encrypted,
}

/// Lists the entries of the archive that `file` is.
///
/// # Errors
/// What is found instead of a whole archive, on one line.
pub fn read(file: &[u8]) -> Result<Vec<Entry<'_>>, String> {
    let (directory, n_entries) = find(file)?;
    let mut rest = Reader::new(&file[directory.clone()]);
    let mut entries = Vec::new();
    let mut ranges = Vec::new();
    while !rest.bytes.is_empty() {
        let (entry, range) = entry(file, &mut rest)?;
        ranges.push(range);
        entries.push(entry);
    }
    if entries.len() as u64 != n_entries {
        return Err(format!("{} entries of {n_entries}", entries.len()));
    }
    refuse_overlap(&ranges, &entries, directory.start)?;
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(format!("entry {} twice", quote(pair[0])));
    }
    Ok(entries)
}

/// Finds the directory: the range of its bytes, and the number of its entries.
fn find(file: &[u8]) -> Result<(Range<usize>, u64), String> {
    let cut = || "no end of the directory: the file is cut, or no zip archive".to_owned();
    let at = |start: usize| file.get(start..).map(Reader::new).ok_or_else(cut);
    // The end record is the last but for a comment of at most 2^16 bytes, whose length is the record's last field.
    let last = file.len().checked_sub(END_BYTES).ok_or_else(cut)?;
    let end = (last.saturating_sub(1 << 16)..=last)
        .rev()
        .find(|&start| {
            let length = file[start + END_BYTES - 2..].first_chunk().copied();
            file[start..].starts_with(END)
                && length.map(u16::from_le_bytes).map(usize::from) == Some(last - start)
        })
        .ok_or_else(cut)?;

    let mut record = at(end + END.len())?;
    // This disk, the directory's disk, entries on this disk, entries, the directory's length, its offset.
    let words = |record: &mut Reader| -> Option<(u64, u64, u64, u64, u64, u64)> {
        Some((
            record.u16()?.into(),
            record.u16()?.into(),
            record.u16()?.into(),
            record.u16()?.into(),
            record.u32()?.into(),
            record.u32()?.into(),
        ))
    };
    let mut found = words(&mut record).ok_or_else(cut)?;
    let mut stop = end;
    if let Some(locator) = end.checked_sub(LOCATOR_64_BYTES)
        && file[locator..].starts_with(LOCATOR_64)
    {
        let mut record = at(locator + LOCATOR_64.len() + 4)?;
        let start = record.u64().and_then(|start| usize::try_from(start).ok());
        stop = start.ok_or_else(cut)?;
        if !file
            .get(stop..locator)
            .is_some_and(|record| record.starts_with(END_64))
        {
            return Err("no 64-bit end record where its locator says".into());
        }
        // The fields after the record's length (8 bytes) and two versions (2 each) are the same six, wider.
        let mut record = at(stop + END_64.len() + 12)?;
        let words = |record: &mut Reader| -> Option<(u64, u64, u64, u64, u64, u64)> {
            Some((
                record.u32()?.into(),
                record.u32()?.into(),
                record.u64()?,
                record.u64()?,
                record.u64()?,
                record.u64()?,
            ))
        };
        found = words(&mut record).ok_or_else(cut)?;
    }
    let (disk, first_disk, n_here, n_entries, length, start) = found;
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if (disk, first_disk, n_here) != (0, 0, n_entries) {
        return Err("an archive of several parts".into());
    }
    if start.checked_add(length) != Some(stop) {
        return Err(format!(
            "{length} bytes of directory from {start}, but its end at {stop}"
        ));
    }
    Ok((start..stop, n_entries))
}

/// Reads the next header of the directory (`rest`) and finds its entry in `file`. Also returns the range of bytes
/// that the entry takes in the file, its own header included.
fn entry<'a>(file: &'a [u8], rest: &mut Reader) -> Result<(Entry<'a>, Range<usize>), String> {
    let cut = || "a header that the directory's end cuts".to_owned();
    let header = rest.take(HEADER_BYTES).ok_or_else(cut)?;
    if !header.starts_with(HEADER) {
        return Err("something else where an entry's header should be".into());
    }
    let mut fields = Reader::new(&header[8..]);
    let read = |fields: &mut Reader| -> Option<_> {
        let (flags, method, _time) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let (crc32, packed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let lengths = [fields.u16()?, fields.u16()?, fields.u16()?];
        fields.take(8)?;
        Some((flags, method, crc32, packed, size, lengths, fields.u32()?))
    };
    let (flags, method, crc32, packed, size, lengths, offset) =
        read(&mut fields).ok_or_else(cut)?;
    let [name_length, extra_length, comment_length] = lengths.map(usize::from);
    let raw_name = rest.take(name_length).ok_or_else(cut)?;
    let extra = rest.take(extra_length).ok_or_else(cut)?;
    rest.take(comment_length).ok_or_else(cut)?;
    let name = String::from_utf8_lossy(raw_name).into_owned();
    let said = |what: &str| format!("entry {} {what}", quote(&name));

    // A number that does not fit in 32 bits is 2^32 − 1 here and stands in an extra field, in this order.
    let mut wide = Reader::new(extra_64(extra));
    let mut widen = |value: u32| match value {
        u32::MAX => wide.u64(),
        value => Some(value.into()),
    };
    let (size, packed, offset) = (widen(size), widen(packed), widen(offset));
    let place = |value: Option<u64>| value.and_then(|value| usize::try_from(value).ok());
    let (Some(size), Some(packed), Some(offset)) = (place(size), place(packed), place(offset))
    else {
        return Err(said("of unknown size or place"));
    };

    let local = file.get(offset..).unwrap_or(&[]);
    let mut lengths = Reader::new(local.get(26..).unwrap_or(&[]));
    let lengths = (lengths.u16(), lengths.u16());
    let (Some(name_length), Some(extra_length)) = lengths else {
        return Err(said("behind the end of the file"));
    };
    let name_end = LOCAL_HEADER_BYTES + usize::from(name_length);
    if !local.starts_with(LOCAL_HEADER) || local.get(LOCAL_HEADER_BYTES..name_end) != Some(raw_name)
    {
        return Err(said("without its header at its place"));
    }
    let start = offset + name_end + usize::from(extra_length);
    let end = start.checked_add(packed);
    let Some(bytes) = end.and_then(|end| file.get(start..end)) else {
        return Err(said("that ends behind the end of the file"));
    };
    let packing = match (flags & 1, method) {
        (1, _) => Packing::Encrypted,
        (_, 0) if size == packed => Packing::Stored,
        (_, 0) => return Err(said("of two sizes")),
        (_, 8) => Packing::Deflated,
        _ => Packing::Compressed,
    };
    let entry = Entry {
        name,
        bytes,
        packing,
        size,
        crc32,
    };
    Ok((entry, offset..start + packed))
}

/// Returns the content of the extra field that holds sizes and offsets of 64 bits; nothing if there is none.
fn extra_64(extra: &[u8]) -> &[u8] {
    let mut rest = Reader::new(extra);
    while let (Some(kind), Some(length)) = (rest.u16(), rest.u16()) {
        match rest.take(length.into()) {
            Some(content) if kind == EXTRA_64 => return content,
            Some(_) => {}
            None => break,
        }
    }
    &[]
}

/// Refuses entries that share bytes with each other or with the directory, which begins at byte `directory`.
fn refuse_overlap(
    ranges: &[Range<usize>],
    entries: &[Entry],
    directory: usize,
) -> Result<(), String> {
    let mut sorted: Vec<(&Range<usize>, &Entry)> = ranges.iter().zip(entries).collect();
    sorted.sort_by_key(|(range, _)| (range.start, range.end));
    let next = sorted.iter().skip(1).map(|(range, _)| range.start);
    for ((range, entry), next) in sorted.iter().zip(next.chain([directory])) {
        if range.end > next {
            let name = quote(&entry.name);
            return Err(format!(
                "entry {name} in bytes {range:?}, another from {next}"
            ));
        }
    }
    Ok(())
}

/// Returns the name of an entry in quotes, on one line and cut after [`QUOTED`] characters.
fn quote(name: &str) -> String {
    match name.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    }
}

/// Reads little-endian numbers from the front of `bytes`; all methods return `None` at the end.
struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes }
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        Some(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.chunk().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.chunk().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.chunk().map(u64::from_le_bytes)
    }
}
