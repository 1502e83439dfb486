//! Reads the mask files that a table of boxes may name: images in which the object's pixels are not black.

use std::path::{Path, PathBuf};

use crate::error::{Problem, unreadable};
use crate::image::decode;
use crate::mask::rle::Rle;
use crate::source::files;

/// Finds a mask file by its name, an absolute path or one relative to one of `folders`.
///
/// # Errors
/// The second half of a message: what was expected.
pub(super) fn find(folders: &[PathBuf], name: &str) -> Result<PathBuf, &'static str> {
    let written = Path::new(name);
    if written.is_absolute() && written.is_file() {
        return Ok(written.to_owned());
    }
    let name =
        files::relative(name).ok_or("a path inside the folder of the table or of the images")?;
    let mut paths = folders.iter().map(|folder| folder.join(&name));
    paths
        .find(|path| path.is_file())
        .ok_or("a file beside the table or in the folder of images")
}

/// Returns the shape that the pixels of a mask file other than black form, and the file's bytes, for the hash. `size`
/// is the width and height of its image in pixels.
///
/// # Errors
/// When the mask cannot be read, is a JPEG, is of another size than its image, or is all black.
pub(super) fn read(path: &Path, size: (u32, u32)) -> Result<(Rle, Vec<u8>), Problem> {
    let wrong =
        |field: &str, found: String, expected: String| Problem::new(path, field, found, expected);
    let bytes = fs_err::read(path)
        .map_err(|error| wrong("file", unreadable(&error), "a mask".to_owned()))?;
    // The first two bytes of a JPEG.
    if bytes.starts_with(b"\xff\xd8") {
        let expected = "a PNG, since JPEG changes black pixels";
        return Err(wrong("image", "a JPEG".to_owned(), expected.to_owned()));
    }
    let image = decode::decode(&bytes)
        .map_err(|error| wrong("image", error.found, error.expected.to_owned()))?;
    let found = (image.width as u32, image.height as u32);
    if found != size {
        let expected = format!("{}x{} as its image", size.0, size.1);
        return Err(wrong("size", format!("{}x{}", found.0, found.1), expected));
    }
    let (pixels, _) = image.data.as_chunks::<3>();
    let inside: Vec<bool> = pixels.iter().map(|pixel| *pixel != [0; 3]).collect();
    let rle = Rle::from_bitmap(found.1, found.0, &inside)
        .map_err(|malformed| malformed.at(path, "pixels"))?;
    match rle.area() {
        0 => Err(wrong(
            "pixels",
            "black only".to_owned(),
            "the object in another colour".to_owned(),
        )),
        _ => Ok((rle, bytes)),
    }
}
