//! Reads the segments of a JPEG file: quantisation and Huffman tables, frame, scan headers, and the markers
//! that tell the colour model. The entropy-coded data after a scan header is read by `scan`.

use super::bits::{AcHuffman, Huffman};
use super::frame::{ColorModel, Component, Frame, WHOLE};
use crate::image::raster::{Undecodable, check_size};

/// The k-th entry is the row-major position in a block of the k-th coefficient in zigzag order.
pub(super) const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The header of a scan.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    /// For each component of the scan: its id, and the numbers of its DC and AC Huffman table.
    pub components: Vec<(u8, usize, usize)>,
    /// First and last coefficient in the scan, in zigzag order.
    pub band: (usize, usize),
    /// Successive approximation: the bit position of the scan before this one, 0 in the first.
    pub high: u32,
    /// Successive approximation: the lowest bit that this scan codes.
    pub low: u32,
    /// Offset in the file at which the coded data begins.
    pub start: usize,
}

/// A segment that the decoder has to act upon.
pub(super) enum Segment {
    /// Size and components; at most one in a file.
    Frame(Frame),
    /// A scan header, followed by coded data.
    Scan(Scan),
    /// The end of the image.
    End,
}

/// Reads a file's segments, and keeps the tables that they define by their numbers 0 to 3.
pub(super) struct Header<'a> {
    pub bytes: &'a [u8],
    /// The next byte to read.
    position: usize,
    /// Quantisation steps, row-major.
    pub quantisation: [Option<[u16; 64]>; 4],
    /// Huffman tables of DC coefficients.
    pub dc: [Option<Huffman>; 4],
    /// Huffman tables of AC coefficients.
    pub ac: [Option<AcHuffman>; 4],
    /// MCUs (minimum coded units, see [`Frame::mcus`]) between restart markers; 0 for none.
    pub restart_interval: usize,
    /// Whether there was a JFIF segment, which means YCbCr.
    is_jfif: bool,
    /// The colour transform in Adobe's segment, if there was one: 0 for none, 1 for YCbCr, 2 for YCCK.
    adobe_transform: Option<u8>,
}

impl<'a> Header<'a> {
    /// Starts after the marker SOI, with which the file must begin.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            position: 2,
            quantisation: [None; 4],
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            restart_interval: 0,
            is_jfif: false,
            adobe_transform: None,
        }
    }

    /// Continues at this offset, after a scan's data.
    pub fn continue_at(&mut self, position: usize) {
        self.position = position;
    }

    /// Reads tables up to the next frame, scan or the image's end.
    pub fn next_segment(&mut self) -> Result<Segment, Undecodable> {
        loop {
            let marker = self.marker()?;
            match marker {
                0xd9 => return Ok(Segment::End),
                0x01 | 0xd0..=0xd7 => continue, // TEM, RST0 to RST7: without content
                0x02..=0xbf | 0xd8 | 0xde | 0xdf | 0xf0..=0xfd => return Err(broken("marker")),
                _ => {}
            }
            let content = self.content()?;
            match marker {
                0xc0..=0xc2 => return Ok(Segment::Frame(frame(content, marker == 0xc2)?)),
                0xc4 => self.huffman_tables(content)?,
                0xc3 | 0xc5..=0xcf => {
                    let kind = match marker {
                        0xc9..=0xcb | 0xcd..=0xcf => "arithmetic-coded",
                        0xc3 => "lossless",
                        _ => "hierarchical",
                    };
                    let expected = "a baseline or progressive JPEG";
                    return Err(Undecodable::new(format!("a JPEG that is {kind}"), expected));
                }
                0xda => return Ok(Segment::Scan(self.scan(content)?)),
                0xdb => self.quantisation_tables(content)?,
                0xdd => match content {
                    &[high, low] => {
                        self.restart_interval = usize::from(u16::from_be_bytes([high, low]));
                    }
                    _ => return Err(broken("restart interval")),
                },
                // Pillow fails on such a segment, too: it takes the version from bytes 5 and 6.
                0xe0 if content.starts_with(b"JFIF") && content.len() < 7 => {
                    return Err(broken("JFIF segment"));
                }
                // libjpeg ignores a JFIF segment of fewer than 14 bytes, and Adobe's of fewer than 12.
                0xe0 => self.is_jfif |= content.starts_with(b"JFIF\0") && content.len() >= 14,
                0xee if content.starts_with(b"Adobe") && content.len() >= 12 => {
                    self.adobe_transform = Some(content[11]);
                }
                _ => {} // comments, EXIF, profiles
            }
        }
    }

    /// Returns the colour model of the components, by libjpeg's rules.
    pub fn color_model(&self, frame: &Frame) -> Result<ColorModel, Undecodable> {
        let ids: Vec<u8> = frame
            .components
            .iter()
            .map(|component| component.id)
            .collect();
        Ok(match (ids.as_slice(), self.adobe_transform) {
            ([_], _) => ColorModel::Gray,
            ([_, _, _], _) if self.is_jfif => ColorModel::YCbCr,
            ([_, _, _], Some(0)) => ColorModel::Rgb,
            ([_, _, _], Some(_)) => ColorModel::YCbCr,
            ([b'R', b'G', b'B'], None) => ColorModel::Rgb,
            ([_, _, _], None) => ColorModel::YCbCr,
            ([_, _, _, _], None | Some(0)) => ColorModel::Cmyk,
            ([_, _, _, _], Some(_)) => ColorModel::Ycck,
            _ => {
                let found = format!("a JPEG of {} components", ids.len());
                return Err(Undecodable::new(found, "1, 3 or 4 components"));
            }
        })
    }

    /// Reads the next marker; skips bytes before it, which some programs write.
    fn marker(&mut self) -> Result<u8, Undecodable> {
        let mut rest = self.bytes.get(self.position..).unwrap_or_default();
        while let Some(at) = rest.iter().position(|&byte| byte == 0xff) {
            rest = &rest[at + 1..];
            match rest.first() {
                Some(0x00 | 0xff) | None => {}
                Some(&marker) => {
                    self.position = self.bytes.len() - rest.len() + 1;
                    return Ok(marker);
                }
            }
        }
        Err(cut_short(self.bytes))
    }

    /// Returns the content of the segment whose marker was just read.
    fn content(&mut self) -> Result<&'a [u8], Undecodable> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let &[high, low, ..] = rest else {
            return Err(cut_short(self.bytes));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length < 2 {
            return Err(broken("segment length"));
        }
        let content = rest.get(2..length).ok_or_else(|| cut_short(self.bytes))?;
        self.position += length;
        Ok(content)
    }

    /// Reads a segment DQT: quantisation tables.
    fn quantisation_tables(&mut self, mut content: &[u8]) -> Result<(), Undecodable> {
        while let [info, rest @ ..] = content {
            let slot = usize::from(info & 15);
            let bytes = if info >> 4 == 0 { 1 } else { 2 };
            if slot > 3 || rest.len() < 64 * bytes {
                return Err(broken("quantisation table"));
            }
            let mut table = [0; 64];
            for (value, &natural) in rest.chunks_exact(bytes).zip(&ZIGZAG) {
                table[usize::from(natural)] = value
                    .iter()
                    .fold(0, |value, &byte| value << 8 | u16::from(byte));
            }
            self.quantisation[slot] = Some(table);
            content = &rest[64 * bytes..];
        }
        Ok(())
    }

    /// Reads a segment DHT: Huffman tables.
    fn huffman_tables(&mut self, mut content: &[u8]) -> Result<(), Undecodable> {
        while let [info, rest @ ..] = content {
            let slot = usize::from(info & 15);
            let Some((lengths, rest)) = rest.split_first_chunk::<16>() else {
                return Err(broken("Huffman table"));
            };
            let n_symbols: usize = lengths.iter().map(|&n| usize::from(n)).sum();
            if slot > 3 || info >> 4 > 1 || n_symbols > 256 || rest.len() < n_symbols {
                return Err(broken("Huffman table"));
            }
            let (symbols, rest) = rest.split_at(n_symbols);
            let made = match info >> 4 {
                0 => {
                    self.dc[slot] = Huffman::new(lengths, symbols);
                    self.dc[slot].is_some()
                }
                _ => {
                    self.ac[slot] = AcHuffman::new(lengths, symbols);
                    self.ac[slot].is_some()
                }
            };
            if !made {
                return Err(broken("Huffman table"));
            }
            content = rest;
        }
        Ok(())
    }

    /// Reads a scan header, a segment SOS.
    fn scan(&self, content: &[u8]) -> Result<Scan, Undecodable> {
        let n_components = content.first().map_or(0, |&n| usize::from(n));
        if !(1..=4).contains(&n_components) || content.len() != 4 + 2 * n_components {
            return Err(broken("scan header"));
        }
        let (components, rest) = content[1..].split_at(2 * n_components);
        let components: Vec<(u8, usize, usize)> = components
            .chunks_exact(2)
            .map(|pair| {
                (
                    pair[0],
                    usize::from(pair[1] >> 4),
                    usize::from(pair[1] & 15),
                )
            })
            .collect();
        let band = (usize::from(rest[0]), usize::from(rest[1]));
        // 13 is the standard's largest bit position.
        let in_range = components.iter().all(|&(_, dc, ac)| dc < 4 && ac < 4);
        if !in_range || band.0 > band.1 || band.1 > 63 || rest[2] & 15 > 13 {
            return Err(broken("scan header"));
        }
        Ok(Scan {
            components,
            band,
            high: u32::from(rest[2] >> 4),
            low: u32::from(rest[2] & 15),
            start: self.position,
        })
    }
}

/// Reads a segment SOF, the frame: the image's size and components.
fn frame(content: &[u8], is_progressive: bool) -> Result<Frame, Undecodable> {
    let (&[bits, h1, h0, w1, w0, n_components], rest) = content
        .split_first_chunk::<6>()
        .ok_or_else(|| broken("frame"))?;
    if bits != 8 {
        return Err(Undecodable::new(
            format!("a JPEG of {bits} bits"),
            "8 bits a sample",
        ));
    }
    let (width, height) = (
        usize::from(u16::from_be_bytes([w1, w0])),
        usize::from(u16::from_be_bytes([h1, h0])),
    );
    check_size(width, height)?;
    if rest.len() != 3 * usize::from(n_components) || ![1, 3, 4].contains(&n_components) {
        let found = format!("a JPEG of {n_components} components");
        return Err(Undecodable::new(found, "1, 3 or 4 components"));
    }
    let components: Vec<Component> = rest
        .chunks_exact(3)
        .map(|c| Component {
            id: c[0],
            h: usize::from(c[1] >> 4),
            v: usize::from(c[1] & 15),
            quantisation: usize::from(c[2]),
        })
        .collect();
    let (mut h_max, mut v_max) = (1, 1);
    for component in &components {
        let Component { h, v, .. } = *component;
        if !(1..=4).contains(&h) || !(1..=4).contains(&v) || component.quantisation > 3 {
            return Err(broken("frame"));
        }
        (h_max, v_max) = (h_max.max(h), v_max.max(v));
    }
    let divides = |c: &Component| h_max % c.h == 0 && v_max % c.v == 0;
    if !components.iter().all(divides) {
        return Err(Undecodable::new(
            "fractional sampling",
            "sampling in whole steps",
        ));
    }
    Ok(Frame {
        width,
        height,
        is_progressive,
        components,
        h_max,
        v_max,
    })
}

/// Returns the error for a part of the file that is wrong.
pub(super) fn broken(what: &str) -> Undecodable {
    Undecodable::new(format!("a broken {what}"), WHOLE)
}

/// Returns the error for a file that ends too early.
pub(super) fn cut_short(bytes: &[u8]) -> Undecodable {
    Undecodable::new(format!("an end after {} bytes", bytes.len()), WHOLE)
}
