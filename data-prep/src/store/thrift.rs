//! Checks Parquet footers and page headers, and finds the length of page headers, without trusting the
//! declared sizes of their lists. The `parquet` crate skips an unknown list element by element, as many as
//! the list declares, even after the end of the file: a map file of 3 kB kept it busy for 42 seconds.
//!
//! In Thrift's compact protocol a struct is a sequence of fields (a byte of id step and type, 0 at the
//! end); numbers are variable-length; lists have a byte of size and type.

use std::fmt;

/// The deepest nesting of structs and lists; Parquet's own have 8 levels.
const DEPTH: u8 = 32;

/// The error for bytes that do not begin with a struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes end before the struct does.
    Short,
    /// A value that no Parquet file has.
    Wrong(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "the end of the file",
            Self::Wrong(what) => what,
        })
    }
}

type Result<T> = std::result::Result<T, Fault>;

/// A page's header: its length, and that of the page behind it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageHeader {
    pub(crate) len: usize,
    pub(crate) page_len: usize,
}

/// Checks that `bytes` begin with a whole struct.
pub(crate) fn check_struct(bytes: &[u8]) -> Result<()> {
    Reader { rest: bytes }.skip(STRUCT, DEPTH)
}

/// The page header that `bytes` begin with.
pub(crate) fn page_header(bytes: &[u8]) -> Result<PageHeader> {
    // The field's id in `PageHeader` of parquet.thrift.
    const COMPRESSED_PAGE_SIZE: i64 = 3;
    let mut reader = Reader { rest: bytes };
    let mut page_len = None;
    let mut id = 0;
    while let Some(kind) = reader.field(&mut id)? {
        match (id, kind) {
            (COMPRESSED_PAGE_SIZE, I32) => page_len = usize::try_from(reader.signed()?).ok(),
            _ => reader.skip(kind, DEPTH)?,
        }
    }
    Ok(PageHeader {
        len: bytes.len() - reader.rest.len(),
        page_len: page_len.ok_or(Fault::Wrong("a page header without the page's size"))?,
    })
}

// The types of the compact protocol.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const UUID: u8 = 13;

/// Reads values of the compact protocol from the beginning of `rest`.
struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8> {
        let (&first, rest) = self.rest.split_first().ok_or(Fault::Short)?;
        self.rest = rest;
        Ok(first)
    }

    /// Skips `n` bytes.
    fn pass(&mut self, n: u64) -> Result<()> {
        let n = usize::try_from(n).map_err(|_| Fault::Short)?;
        self.rest = self.rest.get(n..).ok_or(Fault::Short)?;
        Ok(())
    }

    /// A number of variable length: seven bits a byte, the lowest first; the top bit says that more follow.
    fn unsigned(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Fault::Wrong("a number of more than 64 bits"))
    }

    /// A signed number, which is stored as 0, −1, 1, −2, … counted by an unsigned one.
    fn signed(&mut self) -> Result<i64> {
        let zigzag = self.unsigned()?;
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    /// The type of a struct's next field, whose id goes to `id`; `None` at the end.
    fn field(&mut self, id: &mut i64) -> Result<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Ok(None);
        }
        *id = match byte >> 4 {
            0 => self.signed()?,
            step => id.saturating_add(step.into()),
        };
        Ok(Some(byte & 0xf))
    }

    /// Skips a value of the type `kind` with at most `depth` levels of nesting, itself included.
    fn skip(&mut self, kind: u8, depth: u8) -> Result<()> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Fault::Wrong("structs in structs without end"));
        };
        match kind {
            TRUE | FALSE => Ok(()), // the type is the value
            BYTE => self.pass(1),
            I16 | I32 | I64 => self.unsigned().map(drop),
            DOUBLE => self.pass(8),
            BINARY => {
                let len = self.unsigned()?;
                self.pass(len)
            }
            LIST | SET => {
                let byte = self.byte()?;
                let n = match byte >> 4 {
                    15 => self.unsigned()?,
                    n => n.into(),
                };
                self.elements(n, &[byte & 0xf], depth)
            }
            MAP => match self.unsigned()? {
                0 => Ok(()),
                n => {
                    let byte = self.byte()?;
                    self.elements(n, &[byte >> 4, byte & 0xf], depth)
                }
            },
            STRUCT => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth)?;
                }
                Ok(())
            }
            UUID => self.pass(16),
            _ => Err(Fault::Wrong("a value of an unknown type")),
        }
    }

    /// Skips `n` elements, each of one or two values of the types `kinds`. A value takes at least a byte, so
    /// that the loop ends with the bytes, whatever `n` is.
    fn elements(&mut self, n: u64, kinds: &[u8], depth: u8) -> Result<()> {
        if n > 0 && kinds.iter().any(|kind| matches!(*kind, TRUE | FALSE)) {
            // Readers disagree on whether such an element takes a byte.
            return Err(Fault::Wrong("a list of truth values"));
        }
        for _ in 0..n {
            for &kind in kinds {
                self.skip(kind, depth)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A page header: type 0, sizes 300 and 20, an unknown list of two numbers, a dictionary header of 7
    /// values in encoding 2.
    const HEADER: [u8; 18] = [
        0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x28, 0x19, 0x25, 0x02, 0x04, 0x3c, 0x15, 0x0e, 0x15,
        0x04, 0x00, 0x00,
    ];

    /// The header's own length is found, whatever bytes follow, and a part of it is too short.
    #[test]
    fn a_header_ends_where_it_ends() {
        let with_page = [&HEADER[..], &[0xff; 20]].concat();
        let expected = PageHeader {
            len: 18,
            page_len: 20,
        };
        assert_eq!(page_header(&with_page), Ok(expected));
        assert_eq!(check_struct(&with_page), Ok(()));
        for cut in 0..HEADER.len() {
            assert_eq!(page_header(&HEADER[..cut]), Err(Fault::Short), "{cut}");
        }
    }

    /// A first field that is a list (0x19: id 1, type list) declares two million elements; 64 bytes follow.
    #[test]
    fn lists_longer_than_the_file_are_not_gone_through() {
        let two_million = [0x80, 0x89, 0x7a];
        for kind in [BYTE, I32, DOUBLE, BINARY, LIST, STRUCT, UUID] {
            let bytes = [&[0x19, 0xf0 | kind][..], &two_million, &[0; 64]].concat();
            let result = page_header(&bytes);
            assert!(matches!(result, Err(Fault::Short)), "{kind}: {result:?}");
        }
        let bools = [&[0x19, 0xf0 | TRUE][..], &two_million, &[0; 64]].concat();
        let wrong = Fault::Wrong("a list of truth values");
        assert_eq!(page_header(&bools), Err(wrong));
        // A struct in a struct in a struct, a thousand deep.
        let nested = [0x1c; 1000];
        assert!(matches!(check_struct(&nested), Err(Fault::Wrong(_))));
    }
}
