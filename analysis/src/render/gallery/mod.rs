//! Makes the report's gallery, the folder `gallery/`: a page of all test pairs (an image and a class on it)
//! with the maps of the chosen runs. The page is opened from a file, where a script cannot fetch other files, so
//! its data are scripts, too ([`data`]). `index.js` has everything by which the page filters and orders pairs. Maps
//! and outlines of segmentations lie in shards, scripts with those of some pairs, which the page loads when one of
//! these pairs is shown. Each image is a JPEG file ([`pictures`]). Names of files are made of numbers alone, never of
//! names in the data.

mod data;
mod page;
mod pictures;
mod place;

use crate::Result;
use crate::model::gallery::Collection;
use crate::model::results::Results;
use crate::render::output::File;

pub use place::{FOLDER, PAGE};

/// Makes the files of the gallery, none where there is no pair to show, and notes on what is missing.
///
/// # Errors
/// Pixels that cannot be read, or a picture that cannot be encoded.
pub fn files(results: &Results, collections: &[Collection]) -> Result<(Vec<File>, Vec<String>)> {
    if collections.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let (pictures, mut files, notes) = pictures::files(results, collections)?;
    files.extend(data::files(results, collections, &pictures)?);
    files.push(File::new(PAGE, page::render(collections)));
    Ok((files, notes))
}
