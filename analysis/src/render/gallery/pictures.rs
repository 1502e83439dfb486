//! Encodes the test images of the gallery (the page of all test images beside the report) as JPEG files, one for
//! each image of a data folder.

use std::collections::{BTreeMap, BTreeSet};

use jpeg_encoder::{ColorType, Encoder};
use rayon::prelude::*;

use crate::load::pictures::{Named, each};
use crate::model::gallery::Collection;
use crate::model::results::Results;
use crate::render::gallery::place::FOLDER;
use crate::render::output::File;
use crate::{Error, Result};

/// JPEG's quality, 1 to 100; chosen.
const QUALITY: u8 = 80;

/// The file names of images in the gallery's folder: by the data folder's provenance hash, then by image.
pub(super) type Pictures = BTreeMap<String, BTreeMap<String, String>>;

/// Makes the files of all images of `collections`, and returns their names, the files, and notes on data folders
/// that were not found. Images of these have no name and no file.
///
/// # Errors
/// Pixels that cannot be read, or a picture that cannot be encoded.
pub(super) fn files(
    results: &Results,
    collections: &[Collection],
) -> Result<(Pictures, Vec<File>, Vec<String>)> {
    let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for collection in collections {
        let ids = collection.pairs.iter().map(|pair| pair.key.0.as_str());
        wanted.entry(&collection.data).or_default().extend(ids);
    }
    let (mut names, mut files, mut notes) = (Pictures::new(), Vec::new(), Vec::new());
    for (number, (data, wanted)) in wanted.iter().enumerate() {
        let folder = results.data.get(*data);
        let Some(folder) = folder.filter(|folder| folder.join("pixels.arrow").is_file()) else {
            notes.push(format!(
                "gallery: no images of the data with sha256 {:.12}…: it is in no folder of {}; --data says \
                 where it is",
                data,
                results.root.join("data").display()
            ));
            continue;
        };
        let numbers: BTreeMap<&str, usize> = wanted.iter().copied().zip(0..).collect();
        let of_data = names.entry((*data).to_owned()).or_default();
        each(folder, wanted, |images, size| {
            let encoded: Vec<File> = images
                .par_iter()
                .map(|(id, rgb)| {
                    let name = format!("{FOLDER}/{number}-{:05}.jpg", numbers[id]);
                    Ok(File::new(name, jpeg(rgb, size)?))
                })
                .collect::<Result<_>>()?;
            let named = images.iter().zip(&encoded);
            of_data.extend(named.map(|((id, _), file): (&Named, &File)| {
                let name = file.name.rsplit('/').next().unwrap_or_default();
                ((*id).to_owned(), name.to_owned())
            }));
            files.extend(encoded);
            Ok(())
        })?;
    }
    Ok((names, files, notes))
}

/// Encodes an image of (height, width) pixels.
fn jpeg(rgb: &[u8], (height, width): (usize, usize)) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::Raster {
        figure: "an image of the gallery".to_owned(),
        reason,
    };
    let side = |side: usize| u16::try_from(side).map_err(|_| failed(format!("{side} pixels")));
    let (height, width) = (side(height)?, side(width)?);
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, QUALITY)
        .encode(rgb, width, height, ColorType::Rgb)
        .map_err(|error| failed(error.to_string()))?;
    Ok(bytes)
}
