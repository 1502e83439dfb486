//! Decodes the entropy-coded data of scans to coefficients, and these to samples. Blocks of a sequential
//! image become samples at once. A progressive image (`jdphuff.c`) has several scans, each of which makes
//! its coefficients more exact, so they are kept until the last scan.
//!
//! JPEG's terms: a block is 8 × 8 coefficients; the first is its DC coefficient, the other 63 are AC. A band is
//! a range of coefficients in zigzag order. An MCU is the blocks of all components of a scan that belong
//! together. The symbol of an AC code is run · 16 + size: `run` zeros come before a value of `size` bits. Size 0
//! means 16 zeros (run 15) or the end of the band; in progressive scans the run then tells for how many blocks.

use super::bits::{AcHuffman, Bits, Huffman};
use super::frame::{BLOCK, Buffers, Frame, Plane, WHOLE};
use super::header::{Header, Scan, ZIGZAG, broken, cut_short};
use super::idct;
use crate::image::raster::Undecodable;

/// What was decoded of a frame's components so far.
pub(super) struct Coefficients {
    frame: Frame,
    /// The samples of each component.
    planes: Vec<Plane>,
    /// Progressive only: the blocks of each component, row-major; their coefficients row-major, not in zigzag.
    blocks: Vec<Vec<[i16; 64]>>,
    /// By component: the quantisation table that was defined when its first scan began, `None` before. A
    /// table of the same number that comes later in the file is for later components.
    quantisation: Vec<Option<[u16; 64]>>,
    /// Progressive only: by component, for each coefficient in zigzag order, how many of its lowest
    /// bits no scan has coded; `None` where there was no scan at all.
    missing_bits: Vec<[Option<u32>; 64]>,
}

/// The AC coefficients (in zigzag order) that libjpeg guesses from the blocks around where they are incomplete.
/// Such a file is refused here.
const GUESSED: std::ops::RangeInclusive<usize> = 1..=9;

/// The most blocks that an MCU may have in a scan, by the JPEG standard.
const MOST_BLOCKS: usize = 10;

/// A component of a scan, with the tables it is read with.
struct Part<'t> {
    /// Its index in the frame.
    index: usize,
    /// Its blocks in an MCU, across and down.
    blocks: (usize, usize),
    dc: Option<&'t Huffman>,
    ac: Option<&'t AcHuffman>,
    quantisation: [u16; 64],
    /// The DC coefficient before, to which the next one is coded as a difference.
    last_dc: i32,
}

/// The error for a wrong code or value.
struct Broken;

impl Coefficients {
    /// Prepares for an image of this frame, in memory of `buffers`.
    pub fn new(frame: Frame, buffers: &mut Buffers) -> Self {
        let (across, down) = frame.mcus();
        let mut planes = Vec::with_capacity(frame.components.len());
        let mut blocks = Vec::new();
        for (index, component) in frame.components.iter().enumerate() {
            let stride = across * component.h * BLOCK;
            let mut samples = std::mem::take(&mut buffers.samples[index]);
            // Values of the former image are overwritten, or lie outside this image.
            samples.resize(stride * down * component.v * BLOCK, 0);
            if frame.is_progressive {
                let mut zeros = std::mem::take(&mut buffers.blocks[index]);
                zeros.clear();
                zeros.resize(samples.len() / 64, [0; 64]);
                blocks.push(zeros);
            }
            planes.push(Plane {
                samples,
                stride,
                width: (frame.width * component.h).div_ceil(frame.h_max),
                height: (frame.height * component.v).div_ceil(frame.v_max),
            });
        }
        let quantisation = vec![None; planes.len()];
        let missing_bits = vec![[None; 64]; blocks.len()];
        Self {
            frame,
            planes,
            blocks,
            quantisation,
            missing_bits,
        }
    }

    /// Returns the memory for the next image.
    pub fn give_back(self, buffers: &mut Buffers) {
        for (buffer, plane) in buffers.samples.iter_mut().zip(self.planes) {
            *buffer = plane.samples;
        }
        for (buffer, blocks) in buffers.blocks.iter_mut().zip(self.blocks) {
            *buffer = blocks;
        }
    }

    /// Decodes a scan's data and returns the offset of its end in the file.
    pub fn read_scan(&mut self, scan: &Scan, header: &Header) -> Result<usize, Undecodable> {
        let mut parts = self.parts(scan, header)?;
        let mut bits = Bits::new(header.bytes, scan.start);
        let (across, down) = match parts.as_slice() {
            // A component alone in a scan is coded without the blocks that pad it to whole MCUs.
            [part] => {
                let plane = &self.planes[part.index];
                (plane.width.div_ceil(BLOCK), plane.height.div_ceil(BLOCK))
            }
            _ => self.frame.mcus(),
        };
        // Progressive: the blocks still to come that have no new coefficient in this band.
        let mut end_of_band_run = 0;
        let mut restarts = 0_u8;
        for mcu in 0..across * down {
            if header.restart_interval > 0 && mcu > 0 && mcu % header.restart_interval == 0 {
                if !bits.restart(restarts % 8) {
                    return Err(broken("restart marker"));
                }
                restarts = restarts.wrapping_add(1);
                end_of_band_run = 0;
                parts.iter_mut().for_each(|part| part.last_dc = 0);
            }
            let (mcu_x, mcu_y) = (mcu % across, mcu / across);
            for part in &mut parts {
                let (h, v) = part.blocks;
                for block in 0..h * v {
                    let (x, y) = (mcu_x * h + block % h, mcu_y * v + block / h);
                    let read = if self.frame.is_progressive {
                        let stride = self.planes[part.index].stride / BLOCK;
                        let block = &mut self.blocks[part.index][y * stride + x];
                        read_progressive(&mut bits, part, scan, block, &mut end_of_band_run)
                    } else {
                        read_sequential(&mut bits, part, &mut self.planes[part.index], x, y)
                    };
                    read.map_err(|Broken| broken("Huffman code"))?;
                }
            }
            if bits.is_overrun() {
                return Err(if bits.is_at_file_end() {
                    cut_short(header.bytes)
                } else {
                    Undecodable::new("image data that ends early", WHOLE)
                });
            }
        }
        Ok(bits.position())
    }

    /// Checks a scan header against the frame and returns its components.
    fn parts<'t>(&mut self, scan: &Scan, header: &'t Header) -> Result<Vec<Part<'t>>, Undecodable> {
        let mut parts: Vec<Part> = Vec::with_capacity(scan.components.len());
        for &(id, dc, ac) in &scan.components {
            let mut components = self.frame.components.iter();
            let index = components
                .position(|component| component.id == id)
                .ok_or_else(|| broken("scan header"))?;
            if parts.iter().any(|part| part.index == index) {
                return Err(broken("scan header"));
            }
            // In a sequential image a second scan would be mixed with the first.
            if !self.frame.is_progressive && self.quantisation[index].is_some() {
                return Err(Undecodable::new("a second scan of a component", WHOLE));
            }
            let component = self.frame.components[index];
            let is_progressive = self.frame.is_progressive;
            let is_dc_scan = !is_progressive || scan.band.0 == 0;
            let is_ac_scan = !is_progressive || scan.band.0 > 0;
            let missing = || Undecodable::new("a scan without its table", WHOLE);
            if is_dc_scan && header.dc[dc].is_none() && scan.high == 0
                || is_ac_scan && header.ac[ac].is_none()
            {
                return Err(missing());
            }
            let dc_table = header.dc[dc].as_ref();
            if is_dc_scan && scan.high == 0 && dc_table.is_some_and(|table| table.largest() > 15) {
                return Err(broken("Huffman table"));
            }
            let in_force = header.quantisation[component.quantisation];
            let quantisation = self.quantisation[index].or(in_force);
            self.quantisation[index] = quantisation;
            parts.push(Part {
                index,
                blocks: if scan.components.len() == 1 {
                    (1, 1)
                } else {
                    (component.h, component.v)
                },
                dc: dc_table,
                ac: header.ac[ac].as_ref(),
                quantisation: quantisation.ok_or_else(missing)?,
                last_dc: 0,
            });
        }
        let blocks: usize = parts.iter().map(|part| part.blocks.0 * part.blocks.1).sum();
        if blocks > MOST_BLOCKS {
            return Err(broken("scan header"));
        }
        if self.frame.is_progressive {
            self.progress(scan, &parts)?;
        }
        Ok(parts)
    }

    /// Checks that a progressive scan begins at the bit at which the scans before it ended, and notes the
    /// bits that it codes. libjpeg only warns of some of what is refused here, and then guesses.
    fn progress(&mut self, scan: &Scan, parts: &[Part]) -> Result<(), Undecodable> {
        let (first, last) = scan.band;
        let is_valid = match first {
            0 => last == 0,
            _ => parts.len() == 1,
        };
        if !is_valid || scan.high > 0 && scan.low + 1 != scan.high {
            return Err(broken("scan header"));
        }
        for part in parts {
            let missing = &mut self.missing_bits[part.index];
            let goes_on = |bits: &Option<u32>| bits.unwrap_or(0) == scan.high;
            if first > 0 && missing[0].is_none() || !missing[first..=last].iter().all(goes_on) {
                return Err(Undecodable::new("scans out of their order", WHOLE));
            }
            missing[first..=last].fill(Some(scan.low));
        }
        Ok(())
    }

    /// Makes the samples of a progressive image; a sequential one has them already.
    ///
    /// # Errors
    /// When last scans are missing, so that the image would be a coarse preview, or a component has no scan.
    pub fn finish(&mut self) -> Result<(), Undecodable> {
        let is_whole = |missing: &[Option<u32>; 64]| missing[GUESSED].iter().all(|&m| m == Some(0));
        if !self.missing_bits.iter().all(is_whole) {
            return Err(Undecodable::new(
                "a progressive JPEG without its last scans",
                WHOLE,
            ));
        }
        let mut blocks = self.blocks.iter();
        for (plane, table) in self.planes.iter_mut().zip(&self.quantisation) {
            let Some(table) = table else {
                return Err(Undecodable::new("a component without data", WHOLE));
            };
            let Some(blocks) = blocks.next() else {
                continue;
            };
            let stride = plane.stride;
            let rows = plane.samples.chunks_exact_mut(stride * BLOCK);
            for (samples, blocks) in rows.zip(blocks.chunks_exact(stride / BLOCK)) {
                for (x, block) in blocks.iter().enumerate() {
                    idct::block(block, table, &mut samples[x * BLOCK..], stride);
                }
            }
        }
        Ok(())
    }

    /// Returns the frame, and the samples of its components.
    pub fn parts_of_image(&self) -> (&Frame, &[Plane]) {
        (&self.frame, &self.planes)
    }
}

/// Reads one block of a sequential scan and writes its samples into `plane`; x and y count blocks.
#[inline(always)]
fn read_sequential(
    bits: &mut Bits,
    part: &mut Part,
    plane: &mut Plane,
    x: usize,
    y: usize,
) -> Result<(), Broken> {
    let (Some(dc), Some(ac)) = (part.dc, part.ac) else {
        return Err(Broken);
    };
    bits.refill();
    let size = bits.symbol(dc).ok_or(Broken)?;
    part.last_dc = part.last_dc.wrapping_add(bits.take_signed(u32::from(size)));

    let out = &mut plane.samples[y * BLOCK * plane.stride + x * BLOCK..];
    let mut block = [0_i16; 64];
    block[0] = part.last_dc as i16;
    let mut is_flat = true;
    let mut k = 1;
    while k < 64 {
        bits.refill();
        let (run, value) = match bits.ac_value(ac) {
            Some(found) => found,
            None => {
                let symbol = bits.symbol(&ac.codes).ok_or(Broken)?;
                let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
                if size == 0 {
                    if run < 15 {
                        break;
                    }
                    k += 16;
                    continue;
                }
                (run, bits.take_signed(size) as i16)
            }
        };
        k += run;
        let &natural = ZIGZAG.get(k).ok_or(Broken)?;
        block[usize::from(natural & 63)] = value;
        is_flat = false;
        k += 1;
    }
    if is_flat {
        idct::flat_block(block[0], part.quantisation[0], out, plane.stride);
    } else {
        idct::block(&block, &part.quantisation, out, plane.stride);
    }
    Ok(())
}

/// Reads what a progressive scan says of one block into its coefficients. `end_of_band_run` is the number of
/// blocks to come that have no new coefficient in this scan.
fn read_progressive(
    bits: &mut Bits,
    part: &mut Part,
    scan: &Scan,
    block: &mut [i16; 64],
    end_of_band_run: &mut u32,
) -> Result<(), Broken> {
    match (scan.band.0, scan.high) {
        (0, 0) => {
            bits.refill();
            let table = part.dc.ok_or(Broken)?;
            let size = bits.symbol(table).ok_or(Broken)?;
            part.last_dc = part.last_dc.wrapping_add(bits.take_signed(u32::from(size)));
            block[0] = (part.last_dc << scan.low) as i16;
            Ok(())
        }
        (0, _) => {
            bits.refill();
            if bits.take(1) == 1 {
                block[0] |= 1 << scan.low;
            }
            Ok(())
        }
        (_, high) => {
            let table = &part.ac.ok_or(Broken)?.codes;
            let read = if high == 0 { read_band } else { refine_band };
            read(bits, table, scan, block, end_of_band_run)
        }
    }
}

/// Reads a block in the first scan of a band of AC coefficients.
fn read_band(
    bits: &mut Bits,
    table: &Huffman,
    scan: &Scan,
    block: &mut [i16; 64],
    end_of_band_run: &mut u32,
) -> Result<(), Broken> {
    if *end_of_band_run > 0 {
        *end_of_band_run -= 1;
        return Ok(());
    }
    let (mut k, last) = scan.band;
    while k <= last {
        bits.refill();
        let symbol = bits.symbol(table).ok_or(Broken)?;
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        match (run, size) {
            (15, 0) => k += 16,
            (_, 0) => {
                *end_of_band_run = (1 << run) + bits.take(run) - 1;
                return Ok(());
            }
            _ => {
                k += run as usize;
                let &natural = ZIGZAG.get(k).ok_or(Broken)?;
                block[usize::from(natural)] = (bits.take_signed(size) << scan.low) as i16;
                k += 1;
            }
        }
    }
    Ok(())
}

/// Reads a block in a later scan of a band: one more bit of the coefficients that are not zero, and new
/// ones of ±1 in this bit.
fn refine_band(
    bits: &mut Bits,
    table: &Huffman,
    scan: &Scan,
    block: &mut [i16; 64],
    end_of_band_run: &mut u32,
) -> Result<(), Broken> {
    let bit = 1_i16 << scan.low;
    let (mut k, last) = scan.band;
    if *end_of_band_run == 0 {
        while k <= last {
            bits.refill();
            let symbol = bits.symbol(table).ok_or(Broken)?;
            let (mut run, size) = (u32::from(symbol >> 4), symbol & 15);
            let new = match size {
                0 if run < 15 => {
                    *end_of_band_run = (1 << run) + bits.take(run);
                    break;
                }
                0 => 0,
                1 => {
                    if bits.take(1) == 1 {
                        bit
                    } else {
                        -bit
                    }
                }
                _ => return Err(Broken),
            };
            // Skips `run` zeros and refines the coefficients in between; the next zero becomes the new one.
            let mut is_placed = new == 0;
            while k <= last {
                let coefficient = &mut block[usize::from(ZIGZAG[k])];
                if *coefficient != 0 {
                    refine(bits, coefficient, bit);
                } else if run == 0 {
                    *coefficient = new;
                    is_placed = true;
                    k += 1;
                    break;
                } else {
                    run -= 1;
                }
                k += 1;
            }
            // A coefficient beyond the band's end, which libjpeg would write there.
            if !is_placed {
                return Err(Broken);
            }
        }
    }
    if *end_of_band_run > 0 {
        for natural in &ZIGZAG[k..=last.max(k).min(63)] {
            let coefficient = &mut block[usize::from(*natural)];
            if *coefficient != 0 {
                refine(bits, coefficient, bit);
            }
        }
        *end_of_band_run -= 1;
    }
    Ok(())
}

/// Reads one more bit of a coefficient.
fn refine(bits: &mut Bits, coefficient: &mut i16, bit: i16) {
    bits.refill();
    if bits.take(1) == 1 && *coefficient & bit == 0 {
        *coefficient = coefficient.wrapping_add(if *coefficient >= 0 { bit } else { -bit });
    }
}
