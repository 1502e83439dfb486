//! Reads VOC's segmentation images: an object's pixels from `SegmentationObject`, checked against its
//! class in `SegmentationClass`.
//!
//! Both are palette PNGs. In the first, index k is the k-th object of the XML; in the second, the
//! class id plus one; in both 0 is background and 255 the void along outlines, which belongs to no
//! object.

use std::io::Cursor;
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Transformations};

use crate::error::{Problem, unreadable};
use crate::image::png::fault;
use crate::image::raster::check_size;
use crate::mask::rle::{CompressedRle, Rle};
use crate::source::record::{Fingerprint, MaskKind, SourceObject};

const BACKGROUND: u8 = 0;
const VOID: u8 = 255;

/// Gives the objects of an image their shapes, if it has a `SegmentationObject` image. The bytes read
/// are added to `inputs`, for the hash. An object without any pixel keeps only its box.
///
/// # Errors
/// When an image cannot be read, is of another size than the annotation says, or has an index that is
/// no object of the XML; or when the most frequent class index among an object's pixels is not its class.
pub(super) fn add(
    devkit: &Path,
    image_id: &str,
    size: (u32, u32),
    objects: &mut [SourceObject],
    inputs: &mut Fingerprint,
) -> Result<(), Problem> {
    let path = |folder: &str| devkit.join(folder).join(format!("{image_id}.png"));
    let object_path = path("SegmentationObject");
    let Some(indices) = read(&object_path, size, inputs)? else {
        return Ok(());
    };
    let n_objects = objects.len();
    if let Some(index) = indices
        .iter()
        .find(|&&index| index != BACKGROUND && index != VOID && usize::from(index) > n_objects)
    {
        let expected = format!("at most {n_objects}, the number of objects in the XML");
        return Err(Problem::new(
            object_path,
            "index",
            index.to_string(),
            expected,
        ));
    }
    let class_path = path("SegmentationClass");
    let class_indices = read(&class_path, size, inputs)?;
    for (object, index) in objects.iter_mut().zip(1..VOID) {
        let inside: Vec<bool> = indices.iter().map(|&pixel| pixel == index).collect();
        if !inside.contains(&true) {
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
        object.segmentation = Some(CompressedRle::from(&rle));
        object.mask_kind = MaskKind::Png;
    }
    Ok(())
}

fn most_frequent(indices: &[u8], inside: &[bool]) -> u8 {
    let mut counts = [0_u32; 256];
    for (&index, _) in indices.iter().zip(inside).filter(|(_, inside)| **inside) {
        counts[usize::from(index)] += 1;
    }
    let most = (0..=255_u8).max_by_key(|&index| counts[usize::from(index)]);
    most.unwrap_or(BACKGROUND)
}

/// The palette indices of an image, row-major; `None` when there is no such file.
fn read(
    path: &Path,
    (width, height): (u32, u32),
    inputs: &mut Fingerprint,
) -> Result<Option<Vec<u8>>, Problem> {
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
    if info.color_type != ColorType::Indexed || info.bit_depth == BitDepth::Sixteen {
        let found = format!("{:?}", info.color_type);
        return Err(problem("colours", found, "a palette"));
    }
    if (info.width, info.height) != (width, height) {
        let found = format!("{}x{}", info.width, info.height);
        return Err(problem(
            "size",
            found,
            &format!("{width}x{height} as in the XML"),
        ));
    }
    check_size(width as usize, height as usize)
        .map_err(|fault| problem("size", fault.found, fault.expected))?;
    let bits = usize::from(info.bit_depth as u8);
    let mut packed = vec![0; reader.output_buffer_size().unwrap_or(0)];
    let frame = reader.next_frame(&mut packed).map_err(not_png)?;
    let mask = (u16::MAX >> (16 - bits)) as u8;
    let mut indices = Vec::with_capacity(width as usize * height as usize);
    for row in packed.chunks_exact(frame.line_size) {
        indices.extend((0..width as usize).map(|x| {
            let shift = 8 - bits - (x * bits) % 8;
            (row[x * bits / 8] >> shift) & mask
        }));
    }
    Ok(Some(indices))
}
