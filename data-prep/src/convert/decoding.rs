//! Decodes and resizes image files and writes them as rows of the pixel file.
//!
//! One thread reads files, several decode and resize, and the calling thread writes rows in the order of
//! the images. The channels between them are bounded, so memory does not grow with the data set. When one
//! of the threads stops, by an error or a panic, the others end, too. `pipeline` decides what to do with a
//! broken image.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use crossbeam::channel::{Receiver, Sender, bounded};
use indicatif::{ProgressBar, ProgressStyle};

use super::options::{Exif, Options};
use crate::error::{Error, Problem, Result, unreadable};
use crate::foreign;
use crate::image::decode::Decoder;
use crate::image::orientation::Orientation;
use crate::image::resize::Resizer;
use crate::source::record::SourceImage;
use crate::store::pixels::PixelWriter;
use crate::store::tables::Row;

/// An image between reading and writing. Its memory is reused: after its row is written, the next file is
/// read into it.
#[derive(Default)]
struct UnderWay {
    /// Index into the source's images.
    index: usize,
    /// The file's bytes.
    file: Vec<u8>,
    /// Width and height in pixels after turning, before resizing.
    size: (u32, u32),
    /// The pixels at the network's input size: height · width · 3 bytes.
    rgb: Vec<u8>,
    /// The problem, if the image is broken.
    problem: Option<Problem>,
    /// Whether a camera turned it (EXIF), and it was not turned because the annotations do not tell whether they
    /// are of the turned image.
    perhaps_turned: bool,
}

/// What became of the images.
pub(crate) struct Written {
    /// For each row of the pixel file, its image's index and size before resizing.
    pub rows: Vec<Row>,
    /// The number of images with `UnderWay::perhaps_turned`.
    pub perhaps_turned: usize,
}

/// The functions that the threads call for an image; the tests replace them.
#[derive(Clone, Copy)]
struct Steps {
    /// Appends the file's bytes to the buffer.
    read: fn(&Path, &mut Vec<u8>) -> io::Result<()>,
    /// Decodes and resizes the bytes.
    prepare:
        fn(&mut UnderWay, &SourceImage, Exif, &mut Decoder, &mut Resizer) -> Result<(), Problem>,
}

/// For each decoding thread, the most images that are in memory: read, being decoded, or waiting for an
/// earlier one. The number is chosen.
const UNDER_WAY: usize = 8;

/// Adds a row to `pixels` for each of `images`, in their order, and returns which image each row is of. A
/// broken image gets no row and is added to `problems`.
///
/// # Errors
/// A disk that is full; a panic in one of the threads.
pub(crate) fn write_pixels(
    images: &[SourceImage],
    options: &Options,
    pixels: &mut PixelWriter,
    problems: &mut Vec<Problem>,
) -> Result<Written> {
    let steps = Steps {
        read: |path, bytes| fs_err::File::open(path)?.read_to_end(bytes).map(drop),
        prepare: UnderWay::prepare,
    };
    write_by(steps, images, options, pixels, problems)
}

/// Does what [`write_pixels`] says with the given `steps`.
fn write_by(
    steps: Steps,
    images: &[SourceImage],
    options: &Options,
    pixels: &mut PixelWriter,
    problems: &mut Vec<Problem>,
) -> Result<Written> {
    let bar = progress_bar(images.len());
    let threads = options.threads.max(1);
    let under_way = threads * UNDER_WAY;
    // Images go round: `free` → reading → `read` → decoding → `done` → writing → `give_back`. So no more
    // images than these are in memory, however long one takes.
    let (give_back, free) = bounded::<UnderWay>(under_way);
    let (read_send, read) = bounded::<UnderWay>(under_way);
    let (done_send, done) = bounded::<Result<UnderWay>>(under_way);
    for _ in 0..under_way {
        let _ = give_back.send(UnderWay::default()); // the receiver is alive, and there is room
    }
    std::thread::scope(move |scope| {
        let panicked = done_send.clone();
        scope.spawn(move || {
            tell_panic(images, &panicked, |in_hand| {
                read_files(steps, images, &free, &read_send, in_hand);
            });
        });
        for _ in 0..threads {
            let (read, done_send) = (read.clone(), done_send.clone());
            scope.spawn(move || {
                tell_panic(images, &done_send, |in_hand| {
                    prepare_files(steps, images, options, &read, &done_send, in_hand);
                });
            });
        }
        drop((read, done_send));

        let mut rows = Vec::with_capacity(images.len());
        let mut perhaps_turned = 0;
        // Images that are done, but not yet the next to be written.
        let mut waiting = BTreeMap::new();
        let mut next = 0;
        for image in &done {
            let image = image?;
            waiting.insert(image.index, image);
            while let Some(mut image) = waiting.remove(&next) {
                match image.problem.take() {
                    None => {
                        perhaps_turned += usize::from(image.perhaps_turned);
                        pixels.push(&image.rgb)?;
                        rows.push(Row {
                            image: next,
                            width: image.size.0,
                            height: image.size.1,
                        });
                    }
                    Some(problem) => problems.push(problem),
                }
                next += 1;
                bar.inc(1);
                let _ = give_back.send(image); // fails only when all files are read
            }
        }
        bar.finish_and_clear();
        Ok(Written {
            rows,
            perhaps_turned,
        })
    })
    // An early return drops the channels' ends here, and the threads end at their next send.
}

/// Runs a thread's `work`; where it panics, sends the writer an error, which ends everything. Otherwise the
/// writer would wait for ever for the image that the thread was working on. The thread keeps that image's
/// index in the cell that `work` is given.
fn tell_panic(
    images: &[SourceImage],
    done: &Sender<Result<UnderWay>>,
    work: impl FnOnce(&Cell<usize>),
) {
    let in_hand = Cell::new(0);
    let run = || {
        work(&in_hand);
        Ok(())
    };
    let fault = |words| Error::Panic {
        path: images[in_hand.get()].path.clone(),
        words,
    };
    if let Err(error) = foreign::read(run, fault) {
        let _ = done.send(Err(error)); // fails only when the writer has stopped
    }
}

/// Reads the files one after the other (the reading thread).
fn read_files(
    steps: Steps,
    images: &[SourceImage],
    free: &Receiver<UnderWay>,
    read: &Sender<UnderWay>,
    in_hand: &Cell<usize>,
) {
    for (index, source) in images.iter().enumerate() {
        let Ok(mut image) = free.recv() else {
            return;
        };
        in_hand.set(index);
        image.index = index;
        image.file.clear();
        if let Err(error) = (steps.read)(&source.path, &mut image.file) {
            let found = unreadable(&error);
            image.problem = Some(Problem::new(&source.path, "file", found, "an image"));
        }
        if read.send(image).is_err() {
            return;
        }
    }
}

/// Decodes and resizes images until no more come (a decoding thread).
fn prepare_files(
    steps: Steps,
    images: &[SourceImage],
    options: &Options,
    read: &Receiver<UnderWay>,
    done: &Sender<Result<UnderWay>>,
    in_hand: &Cell<usize>,
) {
    let mut decoder = Decoder::default();
    let mut resizer = Resizer::new(options.grid);
    for mut image in read {
        in_hand.set(image.index);
        if image.problem.is_none() {
            let source = &images[image.index];
            let prepared =
                (steps.prepare)(&mut image, source, options.exif, &mut decoder, &mut resizer);
            image.problem = prepared.err();
        }
        if done.send(Ok(image)).is_err() {
            return;
        }
    }
}

impl UnderWay {
    /// Decodes the file, turns it where that is asked for, and resizes it.
    fn prepare(
        &mut self,
        source: &SourceImage,
        exif: Exif,
        decoder: &mut Decoder,
        resizer: &mut Resizer,
    ) -> Result<(), Problem> {
        let mut decoded = decoder
            .decode(&self.file)
            .map_err(|error| Problem::new(&source.path, "image", error.found, error.expected))?;
        let size = (decoded.width as u32, decoded.height as u32);
        let turned;
        self.perhaps_turned = false;
        let orientation = match exif {
            Exif::Ignore => Orientation::default(),
            _ => Orientation::of(&self.file),
        };
        if orientation != Orientation::default() {
            let after = orientation.size(size);
            // Only if turning changes the size does the annotated size tell which of the two was annotated.
            let is_told = source.size.is_some() && after != size;
            if exif == Exif::Apply || (is_told && source.size == Some(after)) {
                turned = orientation.apply(decoded);
                decoded = &turned;
            } else {
                self.perhaps_turned = !is_told;
            }
        }
        self.size = (decoded.width as u32, decoded.height as u32);
        if let Some((width, height)) = source.size.filter(|&size| size != self.size) {
            let found = format!("{}x{}", self.size.0, self.size.1);
            let mut expected = format!("{width}x{height} as annotated");
            if orientation.size((width, height)) == self.size && size != self.size {
                expected +=
                    " (the file says that a camera turned it; --exif ignore leaves it as it is)";
            } else if exif == Exif::Ignore
                && Orientation::of(&self.file).size(self.size) == (width, height)
            {
                expected +=
                    ", which it has once it is turned as its EXIF orientation says (--exif apply)";
            }
            return Err(Problem::new(&source.path, "size", found, expected));
        }
        let shapes = source.objects.iter();
        let mut shapes = shapes.filter_map(|object| object.segmentation.as_ref());
        if let Some(shape) = shapes.find(|shape| (shape.width, shape.height) != self.size) {
            let found = format!("{}x{}", self.size.0, self.size.1);
            let expected = format!("{}x{} as its outlines", shape.width, shape.height);
            return Err(Problem::new(&source.path, "size", found, expected));
        }
        resizer.resize_into(decoded, &mut self.rgb);
        Ok(())
    }
}

/// Returns a progress bar on standard error, hidden where that is no terminal.
fn progress_bar(images: usize) -> ProgressBar {
    let template = "{bar:30} {pos}/{len} images  {per_sec}  {eta} left";
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(images as u64).with_style(style)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::convert::options::OnError;
    use crate::mask::geometry::Grid;
    use crate::store::tables::Existing;

    const GRID: Grid = Grid {
        height: 2,
        width: 2,
    };

    /// Returns more images than can be in memory at once.
    fn images() -> Vec<SourceImage> {
        (0..200)
            .map(|number| SourceImage {
                image_id: number.to_string(),
                file_name: format!("{number}.jpg"),
                path: format!("{number}.jpg").into(),
                split: crate::source::split::Split::Train,
                size: None,
                group_id: None,
                extra_labels: Vec::new(),
                objects: Vec::new(),
            })
            .collect()
    }

    /// Takes the place of decoding: makes a gray image, or a problem for image 3.
    fn paint(
        image: &mut UnderWay,
        source: &SourceImage,
        _: Exif,
        _: &mut Decoder,
        _: &mut Resizer,
    ) -> Result<(), Problem> {
        if source.image_id == "3" {
            return Err(Problem::new(&source.path, "image", "rubbish", "an image"));
        }
        image.rgb = vec![image.index as u8; GRID.cells() * 3];
        Ok(())
    }

    /// Runs `steps` on all images; returns the number of rows written, and the problems.
    fn run(steps: Steps, threads: usize) -> Result<(usize, Vec<Problem>)> {
        let folder = tempfile::tempdir().unwrap();
        let mut pixels = PixelWriter::create(&folder.path().join("p"), GRID, "").unwrap();
        let options = Options {
            out: folder.path().to_owned(),
            grid: GRID,
            limits: Vec::new(),
            on_error: OnError::Skip,
            exif: Exif::Auto,
            threads,
            existing: Existing::Keep,
        };
        let mut problems = Vec::new();
        let written = write_by(steps, &images(), &options, &mut pixels, &mut problems)?;
        Ok((written.rows.len(), problems))
    }

    /// Reading does nothing, decoding is [`paint`].
    const GOOD: Steps = Steps {
        read: |_, _| Ok(()),
        prepare: paint,
    };

    #[test]
    fn a_broken_image_is_left_out() {
        for threads in [1, 3] {
            let broken = Problem::new("3.jpg", "image", "rubbish", "an image");
            assert_eq!(run(GOOD, threads).unwrap(), (199, vec![broken]));
        }
    }

    #[test]
    fn a_panic_in_any_thread_ends_the_work_with_an_error() {
        let decoding = Steps {
            prepare: |image, source, exif, decoder, resizer| {
                assert_ne!(source.image_id, "40", "a test's panic");
                paint(image, source, exif, decoder, resizer)
            },
            ..GOOD
        };
        let all_decoding = Steps {
            prepare: |_, _, _, _, _| panic!("a test's panic"),
            ..GOOD
        };
        let reading = Steps {
            read: |path, _| {
                assert_ne!(path, Path::new("40.jpg"), "a test's panic");
                Ok(())
            },
            ..GOOD
        };
        for (steps, image) in [
            (decoding, "40.jpg"),
            (all_decoding, ""), // whichever image comes first
            (reading, "40.jpg"),
        ] {
            for threads in [1, 3] {
                let error = run(steps, threads).unwrap_err().to_string();
                assert!(error.starts_with(image), "{error}");
                assert!(error.contains("found a fault of this program"), "{error}");
                assert!(error.contains("a test's panic"), "{error}");
            }
        }
    }

    /// A row of another size makes the writer panic, which must not leave the threads waiting.
    #[test]
    fn a_panic_of_the_writer_ends_the_threads() {
        let steps = Steps {
            prepare: |image, _, _, _, _| {
                image.rgb = vec![0; 1];
                Ok(())
            },
            ..GOOD
        };
        let ended = foreign::read(
            || run(steps, 3).map(drop),
            |words| Error::Panic {
                path: "".into(),
                words,
            },
        );
        assert!(matches!(ended, Err(Error::Panic { .. })), "{ended:?}");
    }
}
