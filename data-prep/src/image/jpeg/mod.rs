//! JPEG to RGB, every sample as libjpeg-turbo (and so Pillow) decodes it.
//!
//! Own code because it has to be exact on a machine without an assembler: the decoder in Rust that was
//! measured (zune-jpeg 0.5) is up to seven levels off libjpeg, and libjpeg-turbo built without its
//! assembly, though exact, is C and slower than this. Baseline and progressive Huffman-coded files of
//! 8 bits, any sampling that libjpeg takes.
//!
//! One file per step: `header` (segments), `bits` (Huffman codes), `scan` (coefficients), `idct`
//! (blocks to samples), `upsample`, `color`; `decoder` goes through them. What libjpeg only warns about in the coded data (a wrong
//! code, data that ends early) is an error here: such an image is broken.

mod bits;
mod color;
mod decoder;
mod frame;
mod header;
mod idct;
mod scan;
mod upsample;

pub(super) use decoder::decode;
pub(super) use frame::Buffers;
