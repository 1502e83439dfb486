//! Decodes JPEG to RGB, every sample as libjpeg-turbo (and so Pillow) does: the networks must see the
//! pixels that the paper's networks saw.
//!
//! This is our own decoder. To be built at full speed, libjpeg-turbo needs an assembler, which a bare machine
//! lacks; built without one it is exact, but slower than this. The decoder in Rust that was measured
//! (zune-jpeg 0.5) differs from libjpeg by up to seven levels of 255. The decoder reads baseline and
//! progressive Huffman-coded files of 8 bits, with any subsampling that libjpeg takes.
//!
//! Each step is a file: `header` (segments), `bits` (Huffman codes), `scan` (coefficients), `idct` (blocks
//! to samples), `upsample` (components to the image's resolution), `color` (components to RGB); `decoder`
//! calls them. Faults of the coded data that libjpeg only warns about (a wrong code, data that ends early)
//! are errors here: such an image is broken.

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
