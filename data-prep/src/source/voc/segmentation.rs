//! Reads VOC's segmentation images: an object's pixels from `SegmentationObject`, checked against its
//! class in `SegmentationClass`.
//!
//! VOC's own are PNGs with a palette. In the first folder index k is the k-th object of the XML; in the second an index
//! is the class id plus one. In both 0 is background and 255 the void along outlines, which belongs to no object.
//! Gray images have these indices as gray values. RGB images of other tools are read, too: their colours are those of
//! VOC's palette or, for classes, those of CVAT's `labelmap.txt`.

use std::io::Cursor;
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Transformations};

use super::classes::Classes;
use super::palette;
use crate::error::{Problem, unreadable};
use crate::image::png::fault;
use crate::image::raster::check_size;
use crate::mask::rle::{CompressedRle, Rle};
use crate::source::record::{Fingerprint, MaskKind, SourceObject};

const BACKGROUND: u8 = 0;
const VOID: u8 = 255;

/// The indices of a segmentation image, row-major.
struct Indices {
    pixels: Vec<u8>,
    /// Whether the image has a palette, so that its indices are certain to be meant as indices.
    has_palette: bool,
}

/// Gives the objects of an image of `size` (width, height) their shapes, if `folder` has its `SegmentationObject`
/// image. `elements` is the number of objects in the XML, of which broken ones are not in `objects`. The bytes read are
/// added to `inputs`, for the hash. An object without any pixel keeps only its box.
///
/// # Errors
/// When a segmentation image cannot be read or is of another size; when it has a colour that stands for no index, or
/// an index that is no object of the XML; or when the most frequent class index among an object's pixels is not the
/// object's class. Then no object gets a shape.
pub(super) fn add(
    folder: &Path,
    image_id: &str,
    size: (u32, u32),
    elements: usize,
    objects: &mut [SourceObject],
    classes: &Classes,
    inputs: &mut Fingerprint,
) -> Result<(), Problem> {
    let path = |name: &str| folder.join(name).join(format!("{image_id}.png"));
    let object_path = path("SegmentationObject");
    let Some(indices) = read(&object_path, size, palette::index, inputs)? else {
        return Ok(());
    };
    let Indices {
        pixels,
        has_palette,
    } = indices;
    let is_object = |index: u8| index != BACKGROUND && index != VOID;
    if let Some(index) = pixels
        .iter()
        .find(|&&index| is_object(index) && usize::from(index) > elements)
    {
        let expected = format!("at most {elements}, the number of objects in the XML");
        let found = index.to_string();
        return Err(Problem::new(object_path, "index", found, expected));
    }
    // Such an image is probably a mask of black and white, in which 255 is meant as the object.
    if !has_palette && pixels.contains(&VOID) && !pixels.iter().any(|&index| is_object(index)) {
        let expected = "k, or the k-th colour of VOC's palette, for the k-th object of the XML";
        return Err(Problem::new(object_path, "index", "only 255", expected));
    }
    let class_path = path("SegmentationClass");
    let index = |colour| class_index(colour, classes);
    let class_indices = read(&class_path, size, index, inputs)?.map(|found| found.pixels);
    let mut shapes = Vec::with_capacity(objects.len());
    for object in objects.iter() {
        // From the 255th on objects have no index of their own, and so no pixels.
        let index = u8::try_from(object.instance_id).unwrap_or(VOID);
        let inside: Vec<bool> = match index {
            VOID => Vec::new(),
            index => pixels.iter().map(|&pixel| pixel == index).collect(),
        };
        if !inside.contains(&true) {
            shapes.push(None);
            continue;
        }
        if let Some(class_indices) = &class_indices {
            let found = most_frequent(class_indices, &inside);
            if i32::from(found) != object.class_id + 1 {
                let field = format!("index inside object {index}");
                let expected = format!("{}, the class in the XML", object.class_id + 1);
                return Err(Problem::new(class_path, field, found.to_string(), expected));
            }
        }
        let (width, height) = size;
        let rle = Rle::from_bitmap(height, width, &inside)
            .map_err(|malformed| malformed.at(&object_path, "pixels"))?;
        shapes.push(Some(CompressedRle::from(&rle)));
    }
    for (object, shape) in objects.iter_mut().zip(shapes) {
        if shape.is_some() {
            object.segmentation = shape;
            object.mask_kind = MaskKind::Png;
        }
    }
    Ok(())
}

/// Returns the index of a colour in a class image: the class id plus one, 0 for background, 255 for void; `None` for a
/// colour that means nothing. With a `labelmap.txt` only its colours name classes, else VOC's palette does.
fn class_index(colour: [u8; 3], classes: &Classes) -> Option<u8> {
    match classes.colours.get(&colour) {
        Some(Some(id)) => u8::try_from(id + 1).ok(),
        Some(None) => Some(BACKGROUND), // labelmap.txt names it so
        None => palette::index(colour)
            .filter(|index| classes.colours.is_empty() || matches!(*index, BACKGROUND | VOID)),
    }
}

/// Returns the index that most of the pixels `inside` have.
fn most_frequent(indices: &[u8], inside: &[bool]) -> u8 {
    let mut counts = [0_u32; 256];
    for (&index, _) in indices.iter().zip(inside).filter(|(_, inside)| **inside) {
        counts[usize::from(index)] += 1;
    }
    let most = (0..=255_u8).max_by_key(|&index| counts[usize::from(index)]);
    most.unwrap_or(BACKGROUND)
}

/// Reads the indices of a segmentation image, which must be of (width, height); `None` when there is no such file.
/// `index_of` returns the index of a colour of an RGB image.
fn read(
    path: &Path,
    (width, height): (u32, u32),
    index_of: impl Fn([u8; 3]) -> Option<u8>,
    inputs: &mut Fingerprint,
) -> Result<Option<Indices>, Problem> {
    let problem =
        |field: &str, found: String, expected: &str| Problem::new(path, field, found, expected);
    let bytes = match fs_err::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(problem("file", unreadable(&error), "a PNG image")),
    };
    inputs.add("png", &bytes);
    let not_png = |error: png::DecodingError| problem("file", fault(&error), "a PNG image");
    let mut decoder = Decoder::new(Cursor::new(&bytes));
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(not_png)?;
    let info = reader.info();
    if (info.width, info.height) != (width, height) {
        let found = format!("{}x{}", info.width, info.height);
        let expected = format!("{width}x{height}, the size of the image");
        return Err(problem("size", found, &expected));
    }
    check_size(width as usize, height as usize)
        .map_err(|fault| problem("size", fault.found, fault.expected))?;
    let (colours, depth) = (info.color_type, info.bit_depth);
    let channels = match (colours, depth) {
        (ColorType::Indexed | ColorType::Grayscale, BitDepth::Sixteen) => None,
        (ColorType::Indexed | ColorType::Grayscale, _) => Some(1),
        (ColorType::Rgb, BitDepth::Eight) => Some(3),
        (ColorType::Rgba, BitDepth::Eight) => Some(4),
        _ => None,
    };
    let Some(channels) = channels else {
        let found = format!("{colours:?} of {} bits", depth as u8);
        let expected = "a palette, gray or RGB of at most 8 bits";
        return Err(problem("colours", found, expected));
    };
    let mut data = vec![0; reader.output_buffer_size().unwrap_or(0)];
    let frame = reader.next_frame(&mut data).map_err(not_png)?;
    let rows = data.chunks_exact(frame.line_size);
    let pixels = match channels {
        1 => unpacked(rows, width as usize, usize::from(depth as u8)),
        channels => {
            let colours = rows.flat_map(|row| row.chunks_exact(channels));
            looked_up(colours, index_of).map_err(|[r, g, b]| {
                let expected = "a colour of VOC's palette, or of labelmap.txt";
                problem("colours", format!("{r},{g},{b}"), expected)
            })?
        }
    };
    Ok(Some(Indices {
        pixels,
        has_palette: colours == ColorType::Indexed,
    }))
}

/// Returns the values of pixels packed into rows of bytes, each of `bits` bits (1, 2, 4 or 8).
fn unpacked<'a>(rows: impl Iterator<Item = &'a [u8]>, width: usize, bits: usize) -> Vec<u8> {
    let mask = (u16::MAX >> (16 - bits)) as u8;
    let pixels = rows.flat_map(|row| {
        (0..width).map(move |x| {
            let shift = 8 - bits - (x * bits) % 8;
            (row[x * bits / 8] >> shift) & mask
        })
    });
    pixels.collect()
}

/// Returns the indices of pixels, whose first three bytes are red, green and blue.
///
/// # Errors
/// The first colour that has no index.
fn looked_up<'a>(
    pixels: impl Iterator<Item = &'a [u8]>,
    index_of: impl Fn([u8; 3]) -> Option<u8>,
) -> Result<Vec<u8>, [u8; 3]> {
    // Most pixels have the colour of the one before, which then need not be looked up.
    let mut last = None;
    let indices = pixels.map(|pixel| -> Result<u8, [u8; 3]> {
        let colour = [pixel[0], pixel[1], pixel[2]];
        match last {
            Some((known, index)) if known == colour => Ok(index),
            _ => {
                let index = index_of(colour).ok_or(colour)?;
                last = Some((colour, index));
                Ok(index)
            }
        }
    });
    indices.collect()
}
