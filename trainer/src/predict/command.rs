//! `trainer predict`: computes the logits and attribution maps of a folder's image files and writes them as tables
//! and pictures. While the network works on a batch, the next one is decoded and the one before is drawn
//! (`files.rs`); the threads wait for each other, so that no more than a few batches are in memory.

use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use data_prep::convert::{OnError, Prepared};
use data_prep::error::Problem;
use data_prep::source::photos::{self, Photo};
use data_prep::table::Provenance;
use evaluator::maps::{MapRow, MapTable, RunColumns};
use indicatif::ProgressBar;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::explain::attribution::Attribution;
use crate::explain::explanations::{self, Explaining};
use crate::explain::stream::Subject;
use crate::hex::hex;
use crate::machine::device;
use crate::machine::stop::Stop;
use crate::names::Layer;
use crate::network::Model;
use crate::predict::arguments::Arguments;
use crate::predict::files::{Batch, Drawn, Files};
use crate::predict::head::{Chosen, Head};
use crate::predict::output::Output;
use crate::predict::table::PredictedWriter;
use crate::progress::progress_bar;
use crate::run::schema::PROGRAM;

/// The most bytes of maps that are computed before they are written; one image may have more. Chosen.
const MOST_MAPS: usize = 256 << 20;

/// How a prediction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is written.
    Finished {
        /// Images that were left out because they cannot be read.
        skipped: usize,
    },
    /// The program was asked to stop, and has removed what it had written.
    Stopped,
}

/// Predicts the images of a folder and writes tables and overlays.
///
/// # Errors
/// A folder without images; an output folder that holds something else; an image that cannot be read, unless
/// those are left out; a class that the network does not have; a non-finite logit or map; the disk's and
/// libtorch's.
pub fn predict(args: &Arguments, device: Device, stop: &Stop) -> Result<Outcome> {
    let (subject, run) = args.network.subject()?;
    let head = Head::of(&subject, run.as_ref(), args)?;
    let explained = Chosen::of(args, &head, &subject)?;
    let method = subject.method(args.network.attribution, args.network.layer)?;
    Output::check(&args.out)?;
    let found = photos::below(&args.folder, &args.out)?;
    let mut problems = found.problems;
    refuse(args, &problems)?;
    let n_photos = found.photos.len();
    if n_photos == 0 {
        let found = format!("no image ({} other files)", found.others);
        let expected = "at least 1: JPEG, PNG, WebP, TIFF, BMP or GIF";
        return Err(Error::invalid(&args.folder, "images", found, expected));
    }
    let model = subject.model(head.classes.len(), device)?;
    let bounds = args.network.bounds();
    let work = Work {
        files: Files {
            args,
            photos: &found.photos,
            classes: &head.classes,
            grid: head.grid,
        },
        subject: &subject,
        explained: &explained,
        batch_size: explanations::batch_size(&model, head.grid, method, bounds)?,
        model: &model,
        method,
    };
    // Images whose path is not UTF-8: they are problems, but not among the photos.
    let n_unnamed = problems.len();
    let Some(n_maps) = work.write(&mut problems, stop)? else {
        say!("stopped: nothing is left in {}", args.out.display());
        return Ok(Outcome::Stopped);
    };
    let out = args.out.display();
    let n_images = n_photos - (problems.len() - n_unnamed);
    say!("{out}: {n_images} image(s), {n_maps} map(s) of classes on them");
    if found.others > 0 {
        let folder = args.folder.display();
        say!(
            "{folder}: {} other file(s), no images by their names",
            found.others
        );
    }
    if !problems.is_empty() {
        say!(
            "{out}: {} left out, listed in skipped.parquet",
            problems.len()
        );
    }
    Ok(Outcome::Finished {
        skipped: problems.len(),
    })
}

/// Ends the command at broken images, unless they are left out.
fn refuse(args: &Arguments, problems: &[Problem]) -> Result<()> {
    match (args.on_error, problems) {
        (OnError::Skip, _) | (_, []) => Ok(()),
        (OnError::Fail, many) => Err(data_prep::Error::Problems(many.to_vec()).into()),
    }
}

/// What there is to do.
struct Work<'a> {
    files: Files<'a>,
    /// The run and epoch, or the weight file, that the network is from.
    subject: &'a Subject,
    /// Which classes of an image are explained.
    explained: &'a Chosen,
    model: &'a Model,
    method: (Attribution, Layer),
    batch_size: usize,
}

/// Where the results go: the tables being written, and images to be drawn.
struct Sinks<'a> {
    predictions: PredictedWriter<'a>,
    maps: Option<MapTable>,
    overlays: Option<SyncSender<Vec<Drawn>>>,
}

impl Work<'_> {
    /// Writes everything; returns the number of maps, or `None` if it was asked to stop. Images that are left
    /// out are added to `problems`.
    fn write(&self, problems: &mut Vec<Problem>, stop: &Stop) -> Result<Option<usize>> {
        let (files, args, batch_size) = (self.files, self.files.args, self.batch_size);
        let n_unnamed = problems.len();
        let output = Output::begin(&args.out)?; // declared first: the tables are dropped before it
        let provenance = self.provenance()?;
        let predictions = PredictedWriter::create(
            &output.predictions(),
            files.classes,
            self.model.labels,
            &provenance,
        )?;
        let maps = match args.no_maps {
            true => None,
            false => {
                let provenance = provenance.clone();
                Some(MapTable::create(
                    &output.maps(),
                    &self.columns(),
                    provenance,
                )?)
            }
        };
        let mut sinks = Sinks {
            predictions,
            maps,
            overlays: None,
        };
        let bar = progress_bar(files.photos.len() as u64, "predicting");
        let n_maps = std::thread::scope(|scope| {
            // At most one decoded batch waits; a batch to be drawn is handed over when the last one is done.
            let (send, batches) = sync_channel(1);
            scope.spawn(move || files.prepare(batch_size, &send));
            let drawing = (!args.no_overlays).then(|| {
                let (send, drawn) = sync_channel(0);
                sinks.overlays = Some(send);
                let folder = output.overlays();
                scope.spawn(move || files.draw(&folder, &drawn))
            });
            let n_maps = self.predict(&batches, &mut sinks, problems, (stop, &bar));
            drop((batches, sinks.overlays.take())); // both threads end when the other end of their channel is gone
            if let Some(drawing) = drawing {
                let drawn = drawing.join();
                drawn.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            n_maps
        });
        bar.finish_and_clear();
        let Some(n_maps) = n_maps? else {
            return Ok(None);
        };
        if problems.len() - n_unnamed == files.photos.len() {
            let found = format!("no image left ({} left out)", problems.len());
            return Err(Error::invalid(&args.folder, "images", found, "at least 1"));
        }
        if let Some(maps) = sinks.maps {
            maps.finish()?;
        }
        if !problems.is_empty() {
            let problems: Vec<&Problem> = problems.iter().collect();
            data_prep::write_skipped(&output.skipped(), &problems, &provenance)?;
        }
        sinks.predictions.finish()?;
        output.finish();
        Ok(Some(n_maps))
    }

    /// Runs the network on the batches; returns the number of maps, or `None` if it was asked to stop or if
    /// drawing has ended by an error, which the drawing thread returns.
    fn predict(
        &self,
        batches: &Receiver<Batch>,
        sinks: &mut Sinks,
        problems: &mut Vec<Problem>,
        (stop, bar): (&Stop, &ProgressBar),
    ) -> Result<Option<usize>> {
        let mut n_maps = 0;
        for batch in batches {
            if stop.is_asked() {
                return Ok(None);
            }
            let n_files = batch.len();
            let (mut photos, mut prepared) = (Vec::new(), Vec::new());
            let mut broken = Vec::new();
            for (index, result) in batch {
                match result {
                    Ok(made) => {
                        photos.push(index);
                        prepared.push(made);
                    }
                    Err(problem) => broken.push(problem),
                }
            }
            refuse(self.files.args, &broken)?;
            problems.extend(broken);
            if !photos.is_empty() {
                match self.batch(&photos, prepared, sinks)? {
                    Some(n) => n_maps += n,
                    None => return Ok(None),
                }
            }
            bar.inc(n_files as u64);
        }
        Ok(Some(n_maps))
    }

    /// Runs the network on the images `indices` (into the folder's images), whose decoded pixels are `prepared`;
    /// returns the number of maps, or `None` if drawing has ended.
    fn batch(
        &self,
        indices: &[usize],
        mut prepared: Vec<Prepared>,
        sinks: &mut Sinks,
    ) -> Result<Option<usize>> {
        let (grid, classes) = (self.files.grid, self.files.classes);
        let photos: Vec<&Photo> = indices.iter().map(|&i| &self.files.photos[i]).collect();
        let ids: Vec<&str> = photos.iter().map(|photo| photo.image_id.as_str()).collect();
        let inputs: Vec<&[u8]> = prepared.iter().map(|made| made.input.as_slice()).collect();
        let size = [photos.len(), grid.height, grid.width, 3].map(|n| n as i64);
        let images = Tensor::f_from_data_size(&inputs.concat(), &size, Kind::Uint8)?;
        let images = device::upload(&images, self.model.params.device())?;
        let (attribution, layer) = self.method;
        let explaining = Explaining::new(self.model, (&images, &ids), attribution, layer)?;

        let (logits, k) = (&explaining.logits, classes.len());
        let wrong = |row: usize, class: usize, what, value| {
            let names = (photos[row].name.as_str(), classes[class].as_str());
            self.subject.not_finite(names, what, value)
        };
        if let Some(at) = logits.iter().position(|logit| !logit.is_finite()) {
            return Err(wrong(at / k, at % k, "logit", logits[at]));
        }
        sinks.predictions.write(&photos, logits)?;
        if sinks.maps.is_none() && sinks.overlays.is_none() {
            return Ok(Some(0));
        }
        let chosen: Vec<Vec<i32>> = logits
            .chunks(k)
            .map(|logits| self.explained.on(logits))
            .collect();
        let map_bytes = explaining.size.0 * explaining.size.1 * size_of::<f32>();
        for rows in parts(&chosen, map_bytes) {
            let in_part = |row: usize| match rows.contains(&row) {
                true => chosen[row].as_slice(),
                false => &[],
            };
            let asked: Vec<&[i32]> = (0..chosen.len()).map(in_part).collect();
            let mut drawn = Vec::new();
            for (row, maps) in explaining.maps(&asked)?.into_iter().enumerate() {
                let maps: Vec<(i32, Vec<f32>)> = asked[row].iter().copied().zip(maps).collect();
                for (class_id, map) in &maps {
                    if let Some(&value) = map.iter().find(|value| !value.is_finite()) {
                        return Err(wrong(row, *class_id as usize, "attribution map", value));
                    }
                }
                if maps.is_empty() {
                    continue;
                }
                if let Some(table) = &mut sinks.maps {
                    let row_of = |(class_id, map): &(i32, Vec<f32>)| MapRow {
                        image_id: photos[row].image_id.clone(),
                        class_id: *class_id,
                        logit: Some(logits[row * k + *class_id as usize]),
                        height: explaining.size.0,
                        width: explaining.size.1,
                        map: map.clone(),
                    };
                    table.write(&maps.iter().map(row_of).collect::<Vec<_>>())?;
                }
                if let Some(image) = prepared[row].shown.take() {
                    drawn.push(Drawn {
                        index: indices[row],
                        image,
                        maps,
                        size: explaining.size,
                    });
                }
            }
            if let Some(overlays) = &sinks.overlays
                && overlays.send(drawn).is_err()
            {
                return Ok(None);
            }
        }
        Ok(Some(chosen.iter().map(Vec::len).sum()))
    }

    /// Returns what the maps are of.
    fn columns(&self) -> RunColumns {
        let (attribution, layer) = self.method;
        RunColumns {
            run_id: Some(self.subject.run_id.clone()),
            checkpoint: Some(self.subject.checkpoint),
            split: None,
            task: Some(self.subject.task).filter(|task| !task.is_conventional()),
            attribution: Some(attribution.to_string()),
            layer: Some(layer.to_string()),
            precision: Some(self.model.precision.to_string()),
            batch_size: u32::try_from(self.batch_size).ok(),
        }
    }

    /// Returns the tables' provenance. Its hash is of the weights' file, the input size and EXIF option, and the
    /// images' names and sizes in bytes. Method and layer are columns of the maps.
    fn provenance(&self) -> Result<Provenance> {
        let mut hasher = Sha256::new();
        hasher.update(fs_err::read(&self.subject.weights)?);
        hasher.update(format!("{:?} {:?}", self.files.grid, self.files.args.exif));
        for photo in self.files.photos {
            let n_bytes = fs_err::metadata(&photo.path).map_or(0, |file| file.len());
            hasher.update(format!("{}\0{n_bytes}\0", photo.name));
        }
        let provenance = Provenance::new(PROGRAM, hex(&hasher.finalize()))
            .with("run_id", &self.subject.run_id)
            .with("checkpoint", self.subject.checkpoint.to_string())
            .with("guidance.precision", self.model.precision.to_string())
            .with("guidance.batch_size", self.batch_size.to_string());
        Ok(provenance)
    }
}

/// Divides a batch into parts of consecutive images, so that the maps of a part take at most [`MOST_MAPS`] bytes,
/// unless it is a single image. `chosen` has the classes to explain of each image; a map takes `map_bytes`.
fn parts(chosen: &[Vec<i32>], map_bytes: usize) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (row, classes) in chosen.iter().enumerate() {
        let more = classes.len() * map_bytes;
        if row > start && bytes + more > MOST_MAPS {
            parts.push(start..row);
            (start, bytes) = (row, 0);
        }
        bytes += more;
    }
    parts.push(start..chosen.len());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five images with 3, 0, 1, 9 and 1 maps. If [`MOST_MAPS`] is 4 maps, the first three images make a part of
    /// 4, and the image with 9 is a part of its own.
    #[test]
    fn maps_are_made_of_parts_of_a_batch() {
        let chosen = [3, 0, 1, 9, 1].map(|count| vec![0; count]);
        let parts = |chosen: &[Vec<i32>], cells| -> Vec<(usize, usize)> {
            let parts = parts(chosen, cells).into_iter();
            parts.map(|part| (part.start, part.end)).collect()
        };
        assert_eq!(parts(&chosen, 1), [(0, 5)]);
        assert_eq!(parts(&chosen, MOST_MAPS / 4), [(0, 3), (3, 4), (4, 5)]);
        assert_eq!(parts(&[], 1), [(0, 0)]);
    }
}
