//! Makes a data folder from a source's records (a source is a data set as it comes, images and annotation
//! files, published or the user's own).
//!
//! It leaves out images beyond the limits and broken ones, computes a hash of all that the folder is made
//! from, and does nothing if a folder with this hash is there already. The source's reader has decided
//! which images there are; `decoding` turns files into pixels; `store` writes tables.

use std::collections::HashSet;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::decoding;
use super::options::{Exif, Limit, Options, stop_at};
use super::stretched;
use crate::error::{Error, Problem, Result, unreadable};
use crate::mask::geometry::Grid;
use crate::source;
use crate::source::record::{Source, SourceImage};
use crate::store::pixels::PixelWriter;
use crate::store::schema::PIXELS_FILE;
use crate::store::{atomic, tables};

/// The result of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The number of images in the data folder.
    pub images: usize,
    /// The number of items left out.
    pub skipped: usize,
    /// The number of faults that cost no item, which are listed with those left out.
    pub remarks: usize,
    /// Images that a camera turned (EXIF) and that were not turned, because the annotations do not tell whether
    /// they are of the turned image; 0 where the folder was there already.
    pub perhaps_turned: usize,
    /// Whether the folder was there already, made from the same inputs.
    pub was_complete: bool,
}

/// Makes the data folder, unless it is there already.
///
/// # Errors
/// With `OnError::Fail`, the broken items. First those that are found without decoding (annotations, missing
/// files, repeated ids): the folder is then untouched, and a data set in it stays. If there are none, the
/// images that cannot be decoded: the folder then holds no data set.
/// Also when no image is left; and with `Existing::Keep`, when the folder holds a data set made from other
/// inputs or by another version of this program.
pub fn run(mut source: Source, options: &Options) -> Result<Outcome> {
    let mut options = options.clone();
    if options.exif == Exif::Auto && source::datasets().contains(&&*source.name) {
        options.exif = Exif::Ignore; // published results are of images as Pillow opens them
    }
    let options = &options;
    apply_limits(&mut source.images, &options.limits);
    let mut problems = std::mem::take(&mut source.problems);
    leave_out_missing(&mut source.images, &mut problems);
    stop_at(options.on_error, &problems)?;

    let inputs = inputs_hash(&source, &problems, options);
    if let Some((images, skipped)) = tables::find_existing(&options.out, &inputs, options.existing)?
    {
        // skipped.parquet lists the remarks, too.
        return Ok(Outcome {
            images,
            skipped: skipped - source.remarks.len().min(skipped),
            remarks: source.remarks.len(),
            perhaps_turned: 0,
            was_complete: true,
        });
    }
    if options.exif == Exif::Apply && source.is_relative {
        stretched::stretch(&mut source.images);
    }
    let pixels_path = options.out.join(PIXELS_FILE);
    atomic::remove_leftovers(&pixels_path)?;
    let mut pixels = PixelWriter::create(&pixels_path, options.grid, &inputs)?;
    let written = decoding::write_pixels(&source.images, options, &mut pixels, &mut problems)?;
    let rows = written.rows;
    stop_at(options.on_error, &problems)?;
    if rows.is_empty() {
        return Err(Error::layout(
            &options.out,
            "data set",
            format!("no image left ({} left out)", problems.len()),
            "at least one",
        ));
    }
    pixels.finish()?;
    let listed: Vec<&Problem> = problems.iter().chain(&source.remarks).collect();
    tables::write(&options.out, &source, &rows, &listed, &inputs)?;
    Ok(Outcome {
        images: rows.len(),
        skipped: problems.len(),
        remarks: source.remarks.len(),
        perhaps_turned: written.perhaps_turned,
        was_complete: false,
    })
}

/// Drops the images beyond the limit of their split; [`Limit`] says which ones stay.
fn apply_limits(images: &mut Vec<SourceImage>, limits: &[Limit]) {
    for limit in limits {
        let rank = |image: &SourceImage| Sha256::digest(format!("0:{}", image.image_id)).to_vec();
        let mut ranks: Vec<(Vec<u8>, &str)> = images
            .iter()
            .filter(|image| image.split == limit.split)
            .map(|image| (rank(image), image.image_id.as_str()))
            .collect();
        ranks.sort_unstable();
        let kept: HashSet<String> = ranks
            .iter()
            .take(limit.count)
            .map(|(_, image_id)| (*image_id).to_owned())
            .collect();
        images.retain(|image| image.split != limit.split || kept.contains(&image.image_id));
    }
}

/// Takes out images whose file is missing, or whose id occurred before, and adds a problem for each. Whether
/// the files are there is asked first, in parallel.
fn leave_out_missing(images: &mut Vec<SourceImage>, problems: &mut Vec<Problem>) {
    let found: Vec<Result<(), Problem>> = images
        .par_iter()
        .map(|image| {
            let found = match fs_err::metadata(&image.path) {
                Ok(metadata) if metadata.is_file() => return Ok(()),
                Ok(_) => "something that is no file".to_owned(),
                Err(error) => unreadable(&error),
            };
            Err(Problem::new(&image.path, "file", found, "an image"))
        })
        .collect();
    let mut seen = HashSet::new();
    let mut found = found.into_iter();
    images.retain(|image| {
        let fault = match found.next() {
            Some(_) if !seen.insert(image.image_id.clone()) => {
                let found = format!("{} a second time, in {}", image.image_id, image.split);
                Some(Problem::new(&image.path, "image_id", found, "each id once"))
            }
            Some(found) => found.err(),
            None => return false,
        };
        let is_kept = fault.is_none();
        problems.extend(fault);
        is_kept
    });
}

/// Returns the hash of the annotations, of the names and contents of the image files, and of the options
/// that change the result. It reads every image file in addition to decoding, which costs little beside it
/// and finds an image that was replaced by another of the same size.
fn inputs_hash(source: &Source, problems: &[Problem], options: &Options) -> String {
    let mut inputs = source.annotations.clone();
    inputs.add("dataset", source.name.as_bytes());
    let Grid { height, width } = options.grid;
    inputs.add("grid", format!("{height}x{width}").as_bytes());
    for limit in &options.limits {
        inputs.add(
            "limit",
            format!("{}={}", limit.split, limit.count).as_bytes(),
        );
    }
    let contents: Vec<[u8; 32]> = source
        .images
        .par_iter()
        .map(|image| match fs_err::read(&image.path) {
            Ok(bytes) => Sha256::digest(bytes).into(),
            Err(_) => [0; 32], // decoding reports the error
        })
        .collect();
    for (image, contents) in source.images.iter().zip(&contents) {
        inputs.add(&image.file_name, contents);
    }
    // Published data read with `Ignore`, its default, adds nothing here, so that its hash is still the one that
    // it had before the option was introduced.
    if options.exif == Exif::Apply || !source::datasets().contains(&&*source.name) {
        inputs.add("exif", format!("{:?}", options.exif).as_bytes());
    }
    for problem in problems.iter().chain(&source.remarks) {
        inputs.add(
            "problem",
            format!("{} {}", problem.field, problem.found).as_bytes(),
        );
    }
    inputs.hex()
}
