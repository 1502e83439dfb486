//! Encodes a picture of the embedded data set as the files of a VOC devkit: JPEG, annotation XML, and the two palette
//! PNGs (objects and classes). `generate` decides which pictures there are.

use std::fmt::Write as _;
use std::io;

use super::objects::CLASSES;
use super::picture::Picture;
use crate::source::voc::palette;

/// JPEG quality of the images, out of 100. Chosen.
const QUALITY: u8 = 92;

/// The image as a JPEG file.
pub(crate) fn jpeg(picture: &Picture) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, QUALITY)
        .encode(
            &picture.rgb,
            picture.width as u16,
            picture.height as u16,
            jpeg_encoder::ColorType::Rgb,
        )
        .map_err(io::Error::other)?;
    Ok(bytes)
}

/// The annotation: VOC's elements, boxes 1-based with both ends inclusive.
pub(crate) fn annotation(image_id: &str, picture: &Picture) -> String {
    let (width, height) = (picture.width, picture.height);
    let mut objects = String::new();
    for object in &picture.objects {
        let [xmin, ymin, xmax, ymax] = object.bounds.map(|edge| edge + 1);
        let name = CLASSES[object.class];
        let truncated = u8::from(object.truncated(width, height));
        let occluded = u8::from(object.occluded);
        let _ = write!(
            objects,
            "
	<object>
		<name>{name}</name>
		<pose>Unspecified</pose>
		<truncated>{truncated}</truncated>
		<occluded>{occluded}</occluded>
		<difficult>0</difficult>
		<bndbox>
			<xmin>{xmin}</xmin>
			<ymin>{ymin}</ymin>
			<xmax>{xmax}</xmax>
			<ymax>{ymax}</ymax>
		</bndbox>
	</object>"
        );
    }
    format!(
        "<annotation>
	<folder>scenes</folder>
	<filename>{image_id}.jpg</filename>
	<source>
		<database>scenes</database>
		<annotation>scenes</annotation>
		<image>drawn</image>
	</source>
	<size>
		<width>{width}</width>
		<height>{height}</height>
		<depth>3</depth>
	</size>
	<segmented>1</segmented>{objects}
</annotation>
"
    )
}

/// The object segmentation: palette index = the object's number in the XML, from 1; 0 is the background.
pub(crate) fn object_png(picture: &Picture) -> io::Result<Vec<u8>> {
    palette_png(picture, |owner| owner)
}

/// The class segmentation: palette index = class id + 1; 0 is the background.
pub(crate) fn class_png(picture: &Picture) -> io::Result<Vec<u8>> {
    palette_png(picture, |owner| match usize::from(owner).checked_sub(1) {
        Some(index) => picture.objects[index].class as u8 + 1,
        None => 0,
    })
}

/// Encodes a PNG with VOC's palette; `index` gives the palette index for each value of [`Picture::owner`].
fn palette_png(picture: &Picture, index: impl Fn(u8) -> u8) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width as u32, picture.height as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette((0..=255).flat_map(palette::colour).collect::<Vec<u8>>());
    let cells: Vec<u8> = picture.owner.iter().map(|&owner| index(owner)).collect();
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(&cells).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    Ok(bytes)
}
