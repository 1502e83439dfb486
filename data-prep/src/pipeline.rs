//! From a source's records to a finished data folder.
//!
//! One thread reads files, several decode and resize, and the calling thread writes rows in the
//! source's order, with bounded channels between them, so memory does not grow with the data set.
//! Which images there are is the reader's decision (`voc`, `coco`, `waterbirds`); how tables are laid
//! out is `schema`'s and `tables`'.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::io::Read;
use std::path::PathBuf;

use crossbeam::channel::{Receiver, Sender, bounded};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::atomic;
use crate::dataset::Split;
use crate::decode::Decoder;
use crate::error::{Error, Problem, Result, unreadable};
use crate::geometry::Grid;
use crate::pixels::PixelWriter;
use crate::record::{Source, SourceImage};
use crate::resize::Resizer;
use crate::schema::PIXELS_FILE;
use crate::tables::{self, Former, Row};

/// What one broken image or annotation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OnError {
    /// Stop; the output folder stays without a data set.
    #[default]
    Fail,
    /// Leave the item out and list it in `skipped.parquet`.
    Skip,
}

impl fmt::Display for OnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Fail => "fail",
            Self::Skip => "skip",
        })
    }
}

/// At most `count` images of a split: those with the smallest SHA-256 of `0:<image id>`, so the
/// choice depends on nothing but the ids (seed 0), and a smaller limit takes a part of a larger one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The split.
    pub split: Split,
    /// Images kept.
    pub count: usize,
}

/// What to make.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder.
    pub out: PathBuf,
    /// The images' size.
    pub grid: Grid,
    /// Images per split, where not all.
    pub limits: Vec<Limit>,
    /// What a broken item does.
    pub on_error: OnError,
    /// Threads that decode and resize.
    pub threads: usize,
    /// What happens to a data folder made from other inputs.
    pub former: Former,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Images in the data folder.
    pub images: usize,
    /// Items left out.
    pub skipped: usize,
    /// Whether the folder was there already, made from the same inputs.
    pub was_complete: bool,
}

/// Makes the data folder, or finds it made.
///
/// # Errors
/// With [`OnError::Fail`], the first broken item in the source's order; then the folder holds no
/// data set. Also when no image is left, or the folder holds a data set made from other inputs.
pub fn run(mut source: Source, options: &Options) -> Result<Outcome> {
    apply_limits(&mut source.images, &options.limits);
    let mut problems = std::mem::take(&mut source.problems);
    let sizes = leave_out_missing(&mut source.images, &mut problems);
    stop_at_first(options.on_error, &problems)?;

    let inputs = inputs_hash(&source, &sizes, &problems, options);
    if let Some((images, skipped)) = tables::find_former(&options.out, &inputs, options.former)? {
        return Ok(Outcome {
            images,
            skipped,
            was_complete: true,
        });
    }
    let pixels_path = options.out.join(PIXELS_FILE);
    atomic::remove_leftovers(&pixels_path)?;
    let mut pixels = PixelWriter::create(&pixels_path, options.grid, &inputs)?;
    let rows = write_pixels(&source.images, options, &mut pixels, &mut problems)?;
    if rows.is_empty() {
        return Err(Error::layout(
            &options.out,
            "data set",
            format!("no image left ({} left out)", problems.len()),
            "at least one",
        ));
    }
    pixels.finish()?;
    tables::write(&options.out, &source, &rows, &problems, &inputs)?;
    Ok(Outcome {
        images: rows.len(),
        skipped: problems.len(),
        was_complete: false,
    })
}

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

/// Sizes in bytes of the images' files. Images whose file is not there, or whose id was there
/// before, become problems.
fn leave_out_missing(images: &mut Vec<SourceImage>, problems: &mut Vec<Problem>) -> Vec<u64> {
    let found: Vec<Result<u64, Problem>> = images
        .par_iter()
        .map(|image| match fs_err::metadata(&image.path) {
            Ok(metadata) if metadata.is_file() => Ok(metadata.len()),
            Ok(_) => Err("something that is no file".to_owned()),
            Err(error) => Err(unreadable(&error)),
        })
        .zip(images.par_iter())
        .map(|(found, image)| {
            found.map_err(|found| Problem::new(&image.path, "file", found, "an image"))
        })
        .collect();
    let mut seen = HashSet::new();
    let mut sizes = Vec::with_capacity(images.len());
    let mut found = found.into_iter();
    images.retain(|image| {
        let size = match found.next() {
            Some(_) if !seen.insert(image.image_id.clone()) => {
                let found = format!("{} a second time, in {}", image.image_id, image.split);
                Err(Problem::new(&image.path, "image_id", found, "each id once"))
            }
            Some(found) => found,
            None => return false,
        };
        match size {
            Ok(size) => sizes.push(size),
            Err(ref problem) => problems.push(problem.clone()),
        }
        size.is_ok()
    });
    sizes
}

fn stop_at_first(on_error: OnError, problems: &[Problem]) -> Result<()> {
    match (on_error, problems) {
        (OnError::Fail, [first, ..]) => Err(first.clone().into()),
        _ => Ok(()),
    }
}

/// Hash of the annotations, the image files by name and size, and the options that show in the
/// result.
fn inputs_hash(source: &Source, sizes: &[u64], problems: &[Problem], options: &Options) -> String {
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
    for (image, size) in source.images.iter().zip(sizes) {
        inputs.add(&image.file_name, &size.to_le_bytes());
    }
    for problem in problems {
        inputs.add(
            "problem",
            format!("{} {}", problem.field, problem.found).as_bytes(),
        );
    }
    inputs.hex()
}

/// An image under way. Its memory goes round: when its row is written, the next file is read into it.
struct UnderWay {
    /// Index into the source's images.
    index: usize,
    /// The file's bytes.
    file: Vec<u8>,
    /// Width and height in source pixels.
    size: (u32, u32),
    /// The image at network size.
    rgb: Vec<u8>,
    /// Why there is no such image.
    problem: Option<Problem>,
}

/// Images under way for each decoding thread: read, in work, or waiting for an earlier one.
const UNDER_WAY: usize = 8;

fn write_pixels(
    images: &[SourceImage],
    options: &Options,
    pixels: &mut PixelWriter,
    problems: &mut Vec<Problem>,
) -> Result<Vec<Row>> {
    let bar = progress_bar(images.len());
    let threads = options.threads.max(1);
    let under_way = threads * UNDER_WAY;
    // However long one image takes, no more than these are in memory.
    let (give_back, free) = bounded::<UnderWay>(under_way);
    let (read_send, read) = bounded::<UnderWay>(under_way);
    let (done_send, done) = bounded::<UnderWay>(under_way);
    for _ in 0..under_way {
        let _ = give_back.send(UnderWay::new()); // the receiver is alive, and there is room
    }
    std::thread::scope(move |scope| {
        scope.spawn(move || read_files(images, &free, &read_send));
        for _ in 0..threads {
            let (read, done_send) = (read.clone(), done_send.clone());
            scope.spawn(move || prepare_files(images, options.grid, &read, &done_send));
        }
        drop((read, done_send));

        let mut rows = Vec::with_capacity(images.len());
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for image in &done {
            waiting.insert(image.index, image);
            while let Some(mut image) = waiting.remove(&next) {
                match image.problem.take() {
                    None => {
                        pixels.push(&image.rgb)?;
                        rows.push(Row {
                            image: next,
                            width: image.size.0,
                            height: image.size.1,
                        });
                    }
                    Some(problem) => {
                        stop_at_first(options.on_error, std::slice::from_ref(&problem))?;
                        problems.push(problem);
                    }
                }
                next += 1;
                bar.inc(1);
                let _ = give_back.send(image); // fails only when all files are read
            }
        }
        bar.finish_and_clear();
        Ok(rows)
    })
    // An early return drops the channels' ends here, and the threads end at their next send.
}

fn read_files(images: &[SourceImage], free: &Receiver<UnderWay>, read: &Sender<UnderWay>) {
    for (index, source) in images.iter().enumerate() {
        let Ok(mut image) = free.recv() else {
            return;
        };
        image.index = index;
        image.file.clear();
        let file = fs_err::File::open(&source.path);
        if let Err(error) = file.and_then(|mut file| file.read_to_end(&mut image.file)) {
            let found = unreadable(&error);
            image.problem = Some(Problem::new(&source.path, "file", found, "an image"));
        }
        if read.send(image).is_err() {
            return;
        }
    }
}

fn prepare_files(
    images: &[SourceImage],
    grid: Grid,
    read: &Receiver<UnderWay>,
    done: &Sender<UnderWay>,
) {
    let mut decoder = Decoder::default();
    let mut resizer = Resizer::new(grid);
    for mut image in read {
        if image.problem.is_none() {
            image.problem = image
                .prepare(&images[image.index], &mut decoder, &mut resizer)
                .err();
        }
        if done.send(image).is_err() {
            return;
        }
    }
}

impl UnderWay {
    fn new() -> Self {
        Self {
            index: 0,
            file: Vec::new(),
            size: (0, 0),
            rgb: Vec::new(),
            problem: None,
        }
    }

    /// Decodes and resizes the file.
    fn prepare(
        &mut self,
        source: &SourceImage,
        decoder: &mut Decoder,
        resizer: &mut Resizer,
    ) -> Result<(), Problem> {
        let decoded = decoder
            .decode(&self.file)
            .map_err(|error| Problem::new(&source.path, "image", error.found, error.expected))?;
        self.size = (decoded.width as u32, decoded.height as u32);
        if let Some((width, height)) = source.size.filter(|&size| size != self.size) {
            let found = format!("{}x{}", self.size.0, self.size.1);
            let expected = format!("{width}x{height} as annotated");
            return Err(Problem::new(&source.path, "size", found, expected));
        }
        resizer.resize_into(decoded, &mut self.rgb);
        Ok(())
    }
}

/// On stderr, hidden when that is no terminal.
fn progress_bar(images: usize) -> ProgressBar {
    let template = "{bar:30} {pos}/{len} images  {per_sec}  {eta} left";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(images as u64).with_style(style)
}
