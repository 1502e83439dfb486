//! Reads bits of a JPEG's entropy-coded data, and Huffman codes from them.
//!
//! The data alternates codes and values. A code's symbol says how many bits the value behind it has (its size),
//! and for AC coefficients, all but the first of a block, how many zero coefficients come before it (its run).

/// Codes up to this many bits are found with one look-up in a table of 2¹⁰ entries. Longer ones are rare.
const FAST_BITS: u32 = 10;

/// A Huffman table, prepared for reading.
#[derive(Clone)]
pub(super) struct Huffman {
    /// By the next `FAST_BITS` bits: length · 256 + symbol, 0 where the code is longer.
    fast: Box<[u16; 1 << FAST_BITS]>,
    /// For each length from 1: the first code after the last of that length, left-aligned to 16 bits.
    ends: [u32; 16],
    /// For each length from 1: what to add to a code of that length to get its symbol's index.
    offsets: [i32; 16],
    /// The symbols in the order of their codes.
    symbols: Vec<u8>,
}

impl Huffman {
    /// Makes a table from the number of codes of each length and the symbols in order; `None` when no
    /// prefix code has such lengths.
    pub fn new(lengths: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut fast = Box::new([0; 1 << FAST_BITS]);
        let mut ends = [0; 16];
        let mut offsets = [0; 16];
        let (mut code, mut index) = (0_u32, 0);
        for (length, &n_codes) in (1..=16_u32).zip(lengths) {
            let slot = length as usize - 1;
            offsets[slot] = index as i32 - code as i32;
            for _ in 0..n_codes {
                if length <= FAST_BITS {
                    let entry = (length as u16) << 8 | u16::from(*symbols.get(index)?);
                    let first = (code << (FAST_BITS - length)) as usize;
                    fast.get_mut(first..first + (1 << (FAST_BITS - length)))?
                        .fill(entry);
                }
                code += 1;
                index += 1;
            }
            // No code consists of ones alone.
            if n_codes > 0 && code >= 1 << length {
                return None;
            }
            ends[slot] = code << (16 - length);
            code <<= 1;
        }
        Some(Self {
            fast,
            ends,
            offsets,
            symbols: symbols.to_vec(),
        })
    }

    /// Returns the largest symbol; 0 in an empty table.
    pub fn largest(&self) -> u8 {
        self.symbols.iter().copied().max().unwrap_or_default()
    }
}

/// A Huffman table of AC coefficients. Most codes are so short that the bits of the coefficient's value fit
/// into the same look-up, which then gives both.
#[derive(Clone)]
pub(super) struct AcHuffman {
    /// The codes alone.
    pub codes: Huffman,
    /// By the next `FAST_BITS` bits; 0 where code and value together are longer.
    values: Box<[AcValue; 1 << FAST_BITS]>,
}

/// A coefficient packed as value · 256 + zeros before it · 16 + bits taken.
type AcValue = i16;

impl AcHuffman {
    /// Makes a table as [`Huffman::new`] does.
    pub fn new(lengths: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let codes = Huffman::new(lengths, symbols)?;
        let mut values = Box::new([0; 1 << FAST_BITS]);
        for (bits, (value, &entry)) in (0_u32..).zip(values.iter_mut().zip(codes.fast.iter())) {
            let (length, symbol) = (u32::from(entry >> 8), u32::from(entry & 0xff));
            let (run, size) = (symbol >> 4, symbol & 15);
            let taken = length + size;
            // Up to 7 bits a value fits beside run and length.
            if entry == 0 || size == 0 || size > 7 || taken > FAST_BITS {
                continue;
            }
            let coded = bits >> (FAST_BITS - taken) & ((1 << size) - 1);
            *value = (signed(coded, size) << 8) as i16 | (run << 4 | taken) as i16;
        }
        Some(Self { codes, values })
    }
}

/// Returns the number that `size` bits mean in JPEG's signed code: a leading 1 is a positive number as it is, a
/// leading 0 a negative one, `coded` − (2^size − 1).
#[inline(always)]
fn signed(coded: u32, size: u32) -> i32 {
    let value = coded as i32;
    let half = (1 << size) >> 1;
    if value < half {
        value.wrapping_sub((1 << size) - 1)
    } else {
        value
    }
}

/// Reads bits of entropy-coded data, in which a byte 0xff is written as 0xff 0x00.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// The next byte to read.
    position: usize,
    /// The next bits, the first as the most significant.
    buffer: u64,
    /// Bits in the buffer.
    count: u32,
    /// Zero bits put into the buffer after the data's end.
    padding: u32,
}

impl<'a> Bits<'a> {
    /// Starts at the byte `position` of `data`.
    pub fn new(data: &'a [u8], position: usize) -> Self {
        Self {
            data,
            position,
            buffer: 0,
            count: 0,
            padding: 0,
        }
    }

    /// Makes sure that the buffer has 32 bits, more than a code and its value take.
    #[inline(always)]
    pub fn refill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(next) = self.data[self.position..].first_chunk::<4>() {
            let word = u32::from_be_bytes(*next);
            // No byte is 0xff: the usual test that no byte of a word, here the complement, is zero.
            let complement = !word;
            if complement.wrapping_sub(0x0101_0101) & !complement & 0x8080_8080 == 0 {
                self.buffer |= u64::from(word) << (32 - self.count);
                self.count += 32;
                self.position += 4;
                return;
            }
        }
        self.refill_bytewise();
    }

    /// Refills byte by byte, where a byte may be 0xff or the data ends.
    #[cold]
    fn refill_bytewise(&mut self) {
        while self.count <= 56 {
            let byte = match self.data[self.position..] {
                [0xff, 0x00, ..] => {
                    self.position += 2;
                    0xff
                }
                [0xff, ..] | [] => {
                    self.padding += 8;
                    0
                }
                [byte, ..] => {
                    self.position += 1;
                    byte
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// Whether more bits were taken than the data has.
    pub fn is_overrun(&self) -> bool {
        self.padding > self.count
    }

    /// Whether the data ends where the file does, not at a marker.
    pub fn is_at_file_end(&self) -> bool {
        self.data.len() - self.position < 2
    }

    /// Returns the offset from which to look for the marker after the data.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Skips the restart marker of this number (0 to 7) if it comes next, and returns whether it did.
    pub fn restart(&mut self, number: u8) -> bool {
        (self.buffer, self.count, self.padding) = (0, 0, 0);
        // The bits read ahead are dropped: a refill does not go past a marker, so all of them are before it.
        let rest = &self.data[self.position..];
        let Some(at) = rest
            .windows(2)
            .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff))
        else {
            return false;
        };
        if rest[at + 1] != 0xd0 + number {
            return false;
        }
        self.position += at + 2;
        true
    }

    /// Takes the next symbol; `None` when the bits are no code. It takes at most 16 of the refilled bits.
    #[inline(always)]
    pub fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        let entry = table.fast[(self.buffer >> (64 - FAST_BITS)) as usize];
        if entry != 0 {
            self.skip(u32::from(entry >> 8));
            return Some(entry as u8);
        }
        self.long_symbol(table)
    }

    /// Takes a symbol whose code is longer than `FAST_BITS`.
    #[cold]
    fn long_symbol(&mut self, table: &Huffman) -> Option<u8> {
        let next = (self.buffer >> 48) as u32;
        let slot = (0..16).find(|&slot| next < table.ends[slot])?;
        let length = slot as u32 + 1;
        let code = next >> (16 - length);
        self.skip(length);
        let index = code as i32 + table.offsets[slot];
        table.symbols.get(usize::try_from(index).ok()?).copied()
    }

    /// Takes the next `n` bits, at most 16, as a number. A refill must have come before.
    #[inline(always)]
    pub fn take(&mut self, n: u32) -> u32 {
        // Shifted twice, since n may be 0.
        let value = (self.buffer >> 1 >> (63 - n)) as u32;
        self.skip(n);
        value
    }

    /// Takes the next `n` bits, at most 16, as a number in JPEG's signed code.
    #[inline(always)]
    pub fn take_signed(&mut self, n: u32) -> i32 {
        signed(self.take(n), n)
    }

    /// Takes the next AC coefficient and returns (zeros before it, value), if one look-up is enough.
    #[inline(always)]
    pub fn ac_value(&mut self, table: &AcHuffman) -> Option<(usize, i16)> {
        let entry = table.values[(self.buffer >> (64 - FAST_BITS)) as usize];
        if entry == 0 {
            return None;
        }
        self.skip(entry as u32 & 15);
        Some((usize::from(entry as u8 >> 4), entry >> 8))
    }

    /// Drops `n` bits of the buffer.
    #[inline(always)]
    fn skip(&mut self, n: u32) {
        self.buffer <<= n;
        self.count = self.count.wrapping_sub(n);
    }
}
