//! What a run writes for TensorBoard after each epoch: its losses, learning rate, speed and validation metrics (the
//! row of `epochs.parquet`), and the attribution maps of eight validation images, each for one class on it. Images
//! and classes are drawn by the run's seed and are the same in every epoch.
//!
//! An epoch's events are on the disk before the state from which the run would resume. So every epoch that a
//! resumed run counts as done has its events. If a program is killed between both, the epoch is repeated, and the
//! next event file replaces what was written of it.

use std::path::PathBuf;

use data_prep::dataset::Dataset;

use super::file::EventFile;
use super::message::{Event, Summary, Value};
use super::picture;
use crate::error::{Error, Result};
use crate::explain::explanations::PairMap;
use crate::guide::targets;
use crate::random;
use crate::run::epochs::EpochRow;
use crate::run::folder::RunFolder;
use crate::run::resolved::ResolvedRun;

/// The number of images whose maps are shown, at most. Chosen.
const IMAGES: usize = 8;
/// The number of epochs that have pictures, at most: TensorBoard keeps ten pictures of each tag by default.
const PICTURED: i32 = 10;

/// A number of each epoch: its tag in TensorBoard, and the field of the epoch's row that has it.
type Number = (&'static str, fn(&EpochRow) -> f64);

/// The numbers of every run.
const NUMBERS: [Number; 8] = [
    ("train/loss", |row| row.loss),
    ("train/loss_class", |row| row.loss_class),
    ("train/learning_rate", |row| row.learning_rate),
    ("train/images_per_second", |row| row.images_per_second),
    ("val/f1", |row| row.val_f1),
    ("val/map", |row| row.val_map),
    ("val/epg", |row| row.val_epg),
    ("val/iou", |row| row.val_iou),
];
/// The number that guided runs have besides.
const GUIDED: Number = ("train/loss_localization", |row| row.loss_localization);

/// The event file of a run.
#[derive(Debug)]
pub struct RunEvents<'a> {
    run: &'a ResolvedRun,
    dataset: &'a Dataset,
    folder: &'a RunFolder,
    /// The pairs whose maps are shown: index into the data set's images, and class.
    pairs: Vec<(usize, i32)>,
    /// Made with the first epoch.
    file: Option<EventFile>,
}

impl<'a> RunEvents<'a> {
    /// The events of `run`, which is validated on the images `val`. Nothing is written yet.
    pub fn new(
        run: &'a ResolvedRun,
        dataset: &'a Dataset,
        folder: &'a RunFolder,
        val: &[usize],
    ) -> Self {
        let seed = run.config.seed;
        let id = |index: usize| dataset.images[index].image_id.as_str();
        let pair = |index| Some((index, targets::drawn_class(dataset, index, 0, seed)?));
        let order = random::shuffled(val, id, seed, "tensorboard", 0);
        RunEvents {
            run,
            dataset,
            folder,
            pairs: order.into_iter().filter_map(pair).take(IMAGES).collect(),
            file: None,
        }
    }

    /// The pairs whose maps [`RunEvents::write`] wants of `epoch`: none in most epochs of a long run.
    pub fn pairs(&self, epoch: i32) -> &[(usize, i32)] {
        match is_pictured(epoch, self.run.config.epochs) {
            true => &self.pairs,
            false => &[],
        }
    }

    /// Writes the events of an epoch: its row, and the maps of the pairs of [`RunEvents::pairs`], which are of
    /// `size` = (height, width) cells.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, row: &EpochRow, maps: &[PairMap], size: (usize, usize)) -> Result<()> {
        let step = i64::from(row.epoch);
        let mut events = Vec::new();
        if self.file.is_none() {
            self.file = Some(EventFile::create(&self.tensorboard(), step)?);
            events.push(event(step, vec![self.configuration()?]));
        }
        let guided = self.run.config.guidance.as_ref().map(|_| GUIDED);
        let numbers = NUMBERS.into_iter().chain(guided);
        let numbers = numbers.map(|(tag, get)| Value::number(tag, get(row)));
        events.push(event(step, numbers.collect()));
        for map in maps {
            events.push(event(step, vec![self.picture(map, size)?]));
        }
        match &mut self.file {
            Some(file) => file.append(events),
            None => Ok(()),
        }
    }

    /// The folder of the event files.
    fn tensorboard(&self) -> PathBuf {
        self.folder.tensorboard()
    }

    /// The run's name and `run.toml`, because TensorBoard calls runs by their folders, which are ids.
    fn configuration(&self) -> Result<Value> {
        let toml = fs_err::read_to_string(self.folder.config_file())?;
        let text = format!("**{}**\n\n```\n{toml}```\n", self.run.config.name);
        Ok(Value::text("configuration", text))
    }

    /// The picture of a pair: its image, and its map.
    fn picture(&self, map: &PairMap, size: (usize, usize)) -> Result<Value> {
        let (dataset, grid) = (self.dataset, self.dataset.grid());
        let image = &dataset.images[map.image];
        let drawn = picture::draw(
            dataset.pixels().row(image.pixel_row),
            &evaluator::maps::to_grid(&map.map, size, grid),
            &dataset.class_boxes(image, map.class_id),
            grid,
        );
        let class = &dataset.classes[map.class_id as usize];
        let tag = format!("maps/{} {class}", image.image_id);
        let png = picture::png(&drawn, picture::size(grid)).map_err(|error| {
            let expected = "a size that a PNG can have";
            Error::invalid(self.tensorboard(), &tag, error.to_string(), expected)
        })?;
        Ok(Value::png(tag, picture::size(grid), png))
    }
}

/// An event with these values.
fn event(step: i64, value: Vec<Value>) -> Event {
    Event {
        step,
        summary: Some(Summary { value }),
        ..Event::default()
    }
}

/// Whether `epoch` of `epochs` has pictures: the first and the last, and the others evenly between.
fn is_pictured(epoch: i32, epochs: i32) -> bool {
    let gaps = i64::from(PICTURED) - 1;
    let (epoch, last) = (i64::from(epoch) - 1, i64::from(epochs) - 1);
    (0..=gaps).any(|k| k * last / gaps == epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_has_pictures_of_every_epoch_and_a_long_one_of_ten() {
        for epochs in [1, 2, 9, 10, 11, 50, 300] {
            let pictured: Vec<i32> = (1..=epochs).filter(|&e| is_pictured(e, epochs)).collect();
            assert_eq!(pictured.len() as i32, epochs.min(PICTURED), "{pictured:?}");
            assert_eq!((pictured[0], pictured.last()), (1, Some(&epochs)));
        }
    }
}
