//! Reads JSON files of hundreds of megabytes from front to back, without a tree in memory. It knows JSON alone;
//! `elements` knows COCO's fields.
//!
//! Why not serde_json (docs/decisions.md has the numbers)? Its errors are sentences: the field
//! (`annotations[123].bbox[2]`), what was found and what was expected would have to be cut out of them. To continue
//! after a wrong element it must read every element twice. And to read numbers exactly as Python does (17 digits
//! are common in COCO files) it needs the feature `float_roundtrip`, with which cargo would build the whole workspace.

use std::borrow::Cow;

/// Arrays and objects nested deeper than this are refused, because [`Cursor::skip`] is recursive and would overflow
/// the stack. Chosen; COCO needs 5.
const DEEPEST: u32 = 128;

/// The error that stopped reading.
#[derive(Debug)]
pub(super) enum Fault {
    /// From the byte at offset `at` on the text is not JSON.
    Structure {
        at: usize,
        found: String,
        expected: &'static str,
    },
    /// The JSON is correct, but a value is not what the field must hold. Each array and object around the value
    /// puts its own step in front of `field`, until this is the whole path.
    Value {
        field: String,
        found: String,
        expected: String,
    },
}

impl Fault {
    /// Returns the fault of a value, whose path is still empty.
    pub(super) fn value(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Value {
            field: String::new(),
            found: found.into(),
            expected: expected.into(),
        }
    }

    /// Returns the fault with `step` (a key, or an index as `[2]`) put before its field. A fault of the
    /// structure stays as it is.
    pub(super) fn within(self, step: &str) -> Self {
        match self {
            Self::Value {
                field,
                found,
                expected,
            } => {
                let dot = if field.is_empty() || field.starts_with('[') {
                    ""
                } else {
                    "."
                };
                Self::Value {
                    field: format!("{step}{dot}{field}"),
                    found,
                    expected,
                }
            }
            structure => structure,
        }
    }
}

/// A position in JSON text.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
}

impl<'a> Cursor<'a> {
    /// Returns the position at the beginning of a text, after its byte order mark if it has one.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let mark = b"\xef\xbb\xbf";
        Self {
            bytes,
            at: if bytes.starts_with(mark) {
                mark.len()
            } else {
                0
            },
            depth: 0,
        }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Calls `read` on the next value. If that is wrong, returns to the value's beginning and gives the fault as
    /// the inner error, so that the caller can read the value in another way or skip it. The outer error is a fault
    /// of the structure, after which nothing can be read.
    pub(super) fn attempt<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<Result<T, Fault>, Fault> {
        let (start, depth) = (self.at, self.depth);
        match read(self) {
            Err(fault @ Fault::Value { .. }) => {
                self.at = start;
                self.depth = depth;
                Ok(Err(fault))
            }
            other => other.map(Ok),
        }
    }

    /// Reads an object. `member` is called with each key and must read the key's value.
    pub(super) fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.expect_kind(b'{', "an object")?;
        self.enter()?;
        if self.next_is(b'}') {
            self.depth -= 1;
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.structure("a key in quotes"));
            }
            let key = self.text()?;
            if !self.next_is(b':') {
                return Err(self.structure("`:`"));
            }
            member(self, &key).map_err(|fault| fault.within(&key))?;
            if self.next_is(b'}') {
                self.depth -= 1;
                return Ok(());
            }
            if !self.next_is(b',') {
                return Err(self.structure("`,` or `}`"));
            }
        }
    }

    /// Reads an array. `element` is called with each index and must read the value.
    pub(super) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self, usize) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.expect_kind(b'[', "an array")?;
        self.enter()?;
        if self.next_is(b']') {
            self.depth -= 1;
            return Ok(());
        }
        let mut index = 0;
        loop {
            element(self, index).map_err(|fault| fault.within(&format!("[{index}]")))?;
            index += 1;
            if self.next_is(b',') {
                continue;
            }
            if self.next_is(b']') {
                self.depth -= 1;
                return Ok(());
            }
            return Err(self.structure("`,` or `]`"));
        }
    }

    /// Reads a finite number, rounded to the nearest double. A string that contains a number is accepted, too.
    pub(super) fn number(&mut self) -> Result<f64, Fault> {
        let number = self.numeral("a number")?;
        // A number of at most 15 digits is below 2^53, and powers of ten are exact up to 10^22. With both operands
        // exact, the quotient is correctly rounded.
        if number.digits <= 15
            && let Some(&power) = POWERS_OF_TEN.get(number.decimals)
            && !number.has_exponent
        {
            let value = number.mantissa as f64 / power;
            return Ok(if number.negative { -value } else { value });
        }
        match number.text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(Fault::value(
                number.text,
                "a number within the range of doubles",
            )),
        }
    }

    /// Reads a whole number of 64 bits. The spellings 1.0, 1e3 and "1" of other programs are accepted; 1.5 is not.
    pub(super) fn integer(&mut self) -> Result<i64, Fault> {
        let number = self.numeral("a whole number")?;
        if number.decimals == 0 && !number.has_exponent && number.digits <= 18 {
            let value = number.mantissa as i64;
            return Ok(if number.negative { -value } else { value });
        }
        let text = number.text;
        let whole = text.parse().ok().or_else(|| whole(text.parse().ok()?));
        whole.ok_or_else(|| Fault::value(text, "a whole number of 64 bits"))
    }

    /// Reads a string.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.expect_kind(b'"', "a string")?;
        self.text()
    }

    /// Whether the next value is `null`; if so, it is read.
    pub(super) fn null(&mut self) -> Result<bool, Fault> {
        let is_null = self.peek() == Some(b'n');
        if is_null {
            self.literal("null")?;
        }
        Ok(is_null)
    }

    /// Reads `true` or `false`; `None` where the next value is neither, and then nothing is read.
    pub(super) fn boolean(&mut self) -> Result<Option<bool>, Fault> {
        match self.peek() {
            Some(b't') => self.literal("true").map(|()| Some(true)),
            Some(b'f') => self.literal("false").map(|()| Some(false)),
            _ => Ok(None),
        }
    }

    /// Skips white space and returns the next byte, without reading it; `None` at the end of the text.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Reads and drops any value.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'{') => self.object(|cursor, _| cursor.skip()),
            Some(b'[') => self.array(|cursor, _| cursor.skip()),
            Some(b'"') => self.raw_text().map(drop),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            _ if self.non_finite().is_some() => {
                self.at += self.non_finite().unwrap_or_default().len();
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => self.numeral("a number").map(drop),
            _ => Err(self.structure("a value")),
        }
    }

    /// Makes sure that nothing but white space follows.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.structure("the end of the file")),
        }
    }

    /// A fault of the value that comes next, quoting its beginning.
    pub(super) fn unexpected(&mut self, expected: impl Into<String>) -> Fault {
        self.peek();
        if let Some(word) = self.non_finite() {
            return Fault::value(word, expected);
        }
        let rest = &self.bytes[self.at..];
        let excerpt = String::from_utf8_lossy(&rest[..rest.len().min(40)]).into_owned();
        let end = excerpt.find([',', '}', '\n']).unwrap_or(excerpt.len());
        Fault::value(excerpt[..end].to_owned(), expected)
    }

    /// Returns the next value if it is NaN or infinite, which Python's `json` writes although JSON has no such
    /// numbers.
    fn non_finite(&self) -> Option<&'static str> {
        let words = ["NaN", "Infinity", "-Infinity"].into_iter();
        let mut next = words.filter(|word| self.bytes[self.at..].starts_with(word.as_bytes()));
        next.next()
    }

    /// Returns the fault that the text is not JSON at this position.
    fn structure(&mut self, expected: &'static str) -> Fault {
        let found = match self.peek() {
            None => "the end of the file".to_owned(),
            Some(byte @ 0x21..=0x7e) => format!("`{}`", byte as char),
            Some(byte) => format!("byte {byte}"),
        };
        Fault::Structure {
            at: self.at,
            found,
            expected,
        }
    }

    /// Counts one more level of nesting; its opening bracket has just been read. A fault is reported at the bracket.
    fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            self.at -= 1;
            return Err(self.structure("at most 128 arrays and objects in one another"));
        }
        Ok(())
    }

    fn next_is(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Reads the first byte, `opening`, of the kind of value that is expected. A value of another kind is a fault of
    /// the value; text that begins no value is a fault of the structure.
    fn expect_kind(&mut self, opening: u8, expected: &'static str) -> Result<(), Fault> {
        match self.peek() {
            Some(byte) if byte == opening => {
                // A string's quote is left for `raw_text`.
                self.at += usize::from(opening != b'"');
                Ok(())
            }
            Some(b'{' | b'[' | b'"' | b't' | b'f' | b'n' | b'-' | b'0'..=b'9') => {
                Err(self.unexpected(expected))
            }
            _ if self.non_finite().is_some() => Err(self.unexpected(expected)),
            _ => Err(self.structure(expected)),
        }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), Fault> {
        if !self.bytes[self.at..].starts_with(word.as_bytes()) {
            return Err(self.structure(word));
        }
        self.at += word.len();
        Ok(())
    }

    /// Reads a string, whose opening quote is the next byte. Returns it with its quotes, and whether it
    /// has escapes.
    fn raw_text(&mut self) -> Result<(&'a [u8], bool), Fault> {
        let start = self.at;
        let mut escapes = false;
        self.at += 1;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok((&self.bytes[start..self.at], escapes));
                }
                Some(b'\\') if self.at + 1 < self.bytes.len() => {
                    escapes = true;
                    self.at += 2;
                }
                Some(0x20..) => self.at += 1,
                _ => return Err(self.structure("the end of the string, `\"`")),
            }
        }
    }

    fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.at;
        let (quoted, escapes) = self.raw_text()?;
        let decoded = if escapes {
            serde_json::from_slice(quoted).ok().map(Cow::Owned)
        } else {
            let inner = &quoted[1..quoted.len() - 1];
            std::str::from_utf8(inner).ok().map(Cow::Borrowed)
        };
        decoded.ok_or_else(|| Fault::Structure {
            at: start,
            found: String::from_utf8_lossy(&quoted[..quoted.len().min(40)]).into_owned(),
            expected: "a string in UTF-8 with valid escapes",
        })
    }

    /// Reads a number in quotes, as some tools write it.
    fn quoted_numeral(&mut self, expected: &'static str) -> Result<Numeral<'a>, Fault> {
        let start = self.at;
        let (quoted, _) = self.raw_text()?;
        let text = std::str::from_utf8(&quoted[1..quoted.len() - 1]).unwrap_or_default();
        let text = text.trim();
        if !text.parse().is_ok_and(f64::is_finite) {
            self.at = start;
            return Err(self.unexpected(expected));
        }
        Ok(Numeral {
            text,
            negative: false,
            mantissa: 0,
            digits: 0,
            decimals: 0,
            has_exponent: true, // so that `text` is read
        })
    }

    fn numeral(&mut self, expected: &'static str) -> Result<Numeral<'a>, Fault> {
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(match self.peek() {
                Some(b'"') => return self.quoted_numeral(expected),
                Some(b'{' | b'[' | b't' | b'f' | b'n') => self.unexpected(expected),
                _ if self.non_finite().is_some() => self.unexpected(expected),
                _ => self.structure(expected),
            });
        }
        let start = self.at;
        let negative = self.bytes[self.at] == b'-';
        if negative && self.non_finite().is_some() {
            return Err(self.unexpected(expected));
        }
        self.at += usize::from(negative);
        let first = self.at;
        let mut mantissa = self.digits(0)?;
        let mut digits = self.at - first;
        if digits > 1 && self.bytes[first] == b'0' {
            self.at = first + 1;
            return Err(self.structure("a number without leading zeros"));
        }
        let mut decimals = 0;
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            let first = self.at;
            mantissa = self.digits(mantissa)?;
            decimals = self.at - first;
            digits += decimals;
        }
        let has_exponent = matches!(self.bytes.get(self.at), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits(0)?;
        }
        let text = std::str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        Ok(Numeral {
            text,
            negative,
            mantissa,
            digits,
            decimals,
            has_exponent,
        })
    }

    /// Reads one or more decimal digits and appends them to `mantissa`, which wraps after more than 19 digits.
    fn digits(&mut self, mut mantissa: u64) -> Result<u64, Fault> {
        let first = self.at;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            mantissa = mantissa
                .wrapping_mul(10)
                .wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        if self.at == first {
            return Err(self.structure("a digit"));
        }
        Ok(mantissa)
    }
}

/// Returns the value as an integer if it is whole and at most 2⁵³, up to which doubles hold every integer exactly.
fn whole(value: f64) -> Option<i64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0; // 2^53
    (value.fract() == 0.0 && value.abs() <= LARGEST).then_some(value as i64)
}

/// A number as it is written.
struct Numeral<'a> {
    text: &'a str,
    negative: bool,
    /// All digits, without the point, as one whole number; correct for up to 19 digits.
    mantissa: u64,
    /// The number of digits, before and after the point.
    digits: usize,
    /// How many of the digits are after the point.
    decimals: usize,
    has_exponent: bool,
}

/// 10⁰ to 10²², the powers of ten that doubles hold exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];
