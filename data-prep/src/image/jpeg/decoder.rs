//! Decodes a JPEG file: reads its segments and scans one after the other, and makes the image.

use super::color;
use super::frame::{Buffers, WHOLE};
use super::header::{Header, Segment};
use super::scan::Coefficients;
use crate::image::raster::{Rgb, Undecodable};

/// Decodes a JPEG file into `image`. Gray is repeated, CMYK converted as Pillow does it.
///
/// # Errors
/// When the file is cut short or broken, or of a kind that is not read here: arithmetic coding, 12 bits, lossless
/// and hierarchical files, which no camera writes and some of which Pillow cannot read either. `image` is then
/// not to be used.
pub(crate) fn decode(
    bytes: &[u8],
    buffers: &mut Buffers,
    image: &mut Rgb,
) -> Result<(), Undecodable> {
    let mut header = Header::new(bytes);
    let mut coefficients: Option<Coefficients> = None;
    loop {
        match header.next_segment()? {
            Segment::Frame(frame) => {
                if coefficients.is_some() {
                    return Err(Undecodable::new("a second frame", WHOLE));
                }
                coefficients = Some(Coefficients::new(frame, buffers));
            }
            Segment::Scan(scan) => {
                let Some(coefficients) = &mut coefficients else {
                    return Err(Undecodable::new("a scan before the frame", WHOLE));
                };
                let end = coefficients.read_scan(&scan, &header)?;
                header.continue_at(end);
            }
            Segment::End => break,
        }
    }
    let mut coefficients = coefficients.ok_or_else(|| Undecodable::new("no frame", WHOLE))?;
    coefficients.finish()?;
    let (frame, planes) = coefficients.parts_of_image();
    image.width = frame.width;
    image.height = frame.height;
    color::to_rgb(frame, planes, header.color_model(frame)?, &mut image.data);
    coefficients.give_back(buffers);
    Ok(())
}
