//! Trains a run: its steps and epochs, the validation after each epoch, and the files written then (paper
//! sections 3 and 4; docs/SPEC.md A.1, A.2, E). A run that was stopped or killed is resumed. A guided run has a second
//! loss, which compares the attribution maps of annotated images with masks and is weighted by λ; a baseline has none.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use data_prep::dataset::{Dataset, Split};
use data_prep::geometry::View;
use rayon::prelude::*;
use tch::{Device, Tensor};

use crate::batches::{Batch, Resident};
use crate::error::{Error, Result};
use crate::explain::explanations::Bounds;
use crate::finite::{self, Found};
use crate::guide::augmentation;
use crate::guide::objective::{self, LocalizationTerm, MaskTargets, Terms};
use crate::guide::targets::{self, MaskOptions, MaskTarget};
use crate::machine::device;
use crate::machine::stop::Stop;
use crate::names::{Augmentation, OnNonFinite};
use crate::network::Model;
use crate::progress::progress_bar;
use crate::random;
use crate::run::epochs::{self, EpochRow};
use crate::run::folder::RunFolder;
use crate::run::kept;
use crate::run::lock::Lock;
use crate::run::record::{self, RunFacts};
use crate::run::resolved::ResolvedRun;
use crate::run::resume::{EpochPart, Position, SavedStates};
use crate::run::schema::PROGRAM;
use crate::tensorboard::events::RunEvents;
use crate::train::adam::Adam;
use crate::train::micro_batch::{self, Sum};
use crate::train::progress_file::ProgressFile;
use crate::train::readings::{self, NonFinite, Unread};
use crate::train::schedule::LearningRates;
use crate::train::start;
use crate::train::stopping::EarlyStopping;
use crate::train::validation::{self, Validated};
use crate::weights::checkpoint::Metadata;
use crate::weights::origin;

/// How [`train`] ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done, or it ended early.
    Finished,
    /// Asked to stop; everything so far is saved.
    Stopped {
        /// The current epoch, from 1.
        epoch: i32,
        /// Finished steps of this epoch.
        steps: usize,
        /// All steps of this epoch.
        of: usize,
    },
}

/// A run that is being trained.
struct Training<'a> {
    run: &'a ResolvedRun,
    dataset: &'a Dataset,
    folder: &'a RunFolder,
    model: Model,
    /// The network that a distilled run begins from, and the weight of its features' distance.
    teacher: Option<(Model, f64)>,
    adam: Adam,
    rates: LearningRates,
    /// What its checkpoints say of where its first weights are from.
    origin: Metadata,
    saved: SavedStates,
    /// A row for each finished epoch.
    epochs: Vec<EpochRow>,
    /// The training images, as indices into the data set's images.
    images: Vec<usize>,
    /// Those of the training images whose annotation guides; `None` in a baseline.
    annotated: Option<HashSet<usize>>,
    /// The pixels that every epoch reads, held on the device; `None` where they do not fit.
    resident: Option<Resident>,
    events: RunEvents<'a>,
    progress: ProgressFile<'a>,
    stop: &'a Stop,
}

/// Trains `run` to its end. Skips a finished run. A run that was asked to stop is resumed at its next step, a run
/// that was killed after its last finished epoch. Writes to the file `progress`, if there is a path for it, how far
/// the run is.
///
/// # Errors
/// A data folder without training or validation images, another program that trains the run, weights
/// that do not fit, a non-finite loss, gradient or map, and the disk's.
pub fn train(
    run: &ResolvedRun,
    dataset: &Dataset,
    folder: &RunFolder,
    device: Device,
    progress: Option<&Path>,
    stop: &Stop,
) -> Result<Outcome> {
    let config = &run.config;
    let (train, val) = (dataset.indices(Split::Train), dataset.indices(Split::Val));
    for (split, images) in [("train", &train), ("val", &val)] {
        if images.is_empty() {
            return Err(Error::invalid(
                dataset.dir(),
                "images",
                format!("no {split} image"),
                "at least 1",
            ));
        }
    }
    let model = start::model(config, dataset.classes.len(), device)?;
    // The weights are loaded before the folder is made: if they do not fit, no folder is left behind.
    let fresh = match folder.dir.exists() {
        true => None,
        false => Some(begin(run, &model)?),
    };
    let _lock = Lock::take(folder)?;
    if folder.run_table().exists() {
        kept::tidy(folder)?; // another program finished it just now
        return Ok(Outcome::Finished);
    }
    folder.remove_leftovers(config.epochs)?;
    let mut saved = SavedStates::of(folder);
    let (adam, position) = match (saved.load(&model, config.decay())?, fresh) {
        (Some(found), _) => found,
        (None, Some(adam)) => (adam, Position::default()),
        (None, None) => (begin(run, &model)?, Position::default()),
    };
    let Position { epochs, mut part } = position;
    write_config(run, folder)?;
    if !epochs.is_empty() {
        // The table may be damaged, or one epoch ahead of the state.
        epochs::write(
            &folder.epochs_table(),
            &run.run_id,
            &run.data_inputs,
            &epochs,
        )?;
    }
    let annotated = config
        .guidance
        .as_ref()
        .map(|g| targets::annotated(dataset, &train, g.annotated_fraction, config.seed));
    if let Some((guidance, annotated)) = config.guidance.as_ref().zip(annotated.as_ref())
        && !targets::has_any_mask_target(dataset, annotated, guidance.into())
    {
        say!(
            "warning: run {}: none of the {} annotated training images has a {}: nothing guides it",
            run.run_id,
            annotated.len(),
            guidance.annotation,
        );
    }
    // Augmentation cuts parts of images from the file, so pixels on the device would not be used.
    let read_again = match config.augmentation {
        Augmentation::None => [&train[..], &val[..]].concat(),
        Augmentation::CropFlip => val.clone(),
    };
    let teacher = match config.distillation {
        Some(weight) => {
            let teacher = start::model(config, dataset.classes.len(), device)?;
            start::load(run, &teacher)?;
            Some((teacher, weight))
        }
        None => None,
    };
    let mut training = Training {
        run,
        dataset,
        folder,
        model,
        teacher,
        adam,
        rates: LearningRates::new(config, train.len()),
        origin: origin::of(run.weights.as_deref())?,
        saved,
        epochs,
        images: train,
        annotated,
        resident: Resident::load_if_fits(dataset, &read_again, device)?,
        events: RunEvents::new(run, dataset, folder, &val),
        progress: ProgressFile::new(progress, config.epochs),
        stop,
    };
    for epoch in training.epochs.len() as i32 + 1..=config.epochs {
        // Before the epoch and not after it, so that it also holds for a run that was killed just after the epoch
        // that would have ended it.
        if let Some(stopping) = training.is_to_end() {
            say!("run {}: ends early ({stopping})", run.run_id);
            break;
        }
        let done = training.epoch(epoch, &val, &mut part)?;
        if !done {
            training.save(part)?;
            let of = training.images.len().div_ceil(config.batch_size);
            let steps = part.steps;
            return Ok(Outcome::Stopped { epoch, steps, of });
        }
        training.save(EpochPart::default())?;
        kept::remove_beaten(run, folder, &training.epochs)?;
        report(&training.epochs, config.epochs, &part);
        part = EpochPart::default();
    }
    let facts = RunFacts {
        precision: training.model.precision,
        input: (dataset.grid().height, dataset.grid().width),
        n_train: training.images.len(),
        n_val: val.len(),
        device: device::describe(device),
        threads: tch::get_num_threads(),
        seconds: training.epochs.iter().map(|row| row.seconds).sum(),
        warmup_steps: training.rates.warmup(),
        epochs: training.epochs.len(),
    };
    record::write(&folder.run_table(), run, &facts)?;
    kept::tidy(folder)?;
    Ok(Outcome::Finished)
}

/// Loads the weights that the run begins from, if it does not begin from random ones; returns a new
/// optimizer.
fn begin(run: &ResolvedRun, model: &Model) -> Result<Adam> {
    start::load(run, model)?;
    Ok(Adam::new(model.params.trained(), run.config.decay())?)
}

impl Training<'_> {
    /// Trains the rest of `epoch` (`part` says what is done of it) and validates; returns false if the program
    /// was asked to stop before the end.
    fn epoch(&mut self, epoch: i32, val: &[usize], part: &mut EpochPart) -> Result<bool> {
        let started = Instant::now();
        let trained = self.steps(epoch, part)?;
        part.seconds += started.elapsed().as_secs_f64();
        if !trained {
            return Ok(false);
        }
        let config = &self.run.config;
        let n_steps = part.counted() as f64;
        if n_steps == 0.0 {
            return Err(Error::invalid(
                &self.folder.dir,
                format!("epoch {epoch}"),
                "every step left out for a non-finite value",
                "one at least to learn from",
            ));
        }
        let bounds = Bounds {
            images: config.batch_size,
            memory: None,
        };
        let started = Instant::now();
        let validated = validation::validate(
            (&self.model, epoch),
            self.dataset,
            (val, self.resident.as_ref()),
            (config.attribution, config.layer),
            (bounds, self.stop),
            self.events.pairs(epoch),
        )?;
        let Some(Validated {
            metrics,
            maps,
            size,
        }) = validated
        else {
            return Ok(false);
        };
        self.epochs.push(EpochRow {
            epoch,
            loss: part.total / n_steps,
            loss_class: part.class / n_steps,
            loss_localization: match part.annotated {
                0 => 0.0,
                n_annotated => part.localization / n_annotated as f64,
            },
            learning_rate: self.rates.at_end_of(epoch),
            seconds: part.seconds + started.elapsed().as_secs_f64(),
            images_per_second: self.images.len() as f64 / part.seconds,
            val_f1: metrics.f1,
            val_map: metrics.map,
            val_epg: metrics.epg,
            val_iou: metrics.iou,
            is_kept: false,
        });
        let (run, folder) = (self.run, self.folder);
        kept::write(run, folder, &self.model, &mut self.epochs, &self.origin)?;
        if let Some(row) = self.epochs.last() {
            self.events.write(row, &maps, size)?;
        }
        self.progress.tell(
            &self.epochs,
            (0, self.images.len().div_ceil(config.batch_size)),
        );
        Ok(true)
    }

    /// Returns the early stopping that ends the run after its finished epochs; `None` if the run goes on.
    fn is_to_end(&self) -> Option<EarlyStopping> {
        let stopping = self.run.config.early_stopping;
        let first = self.run.config.epochs_to_bcosify();
        stopping.filter(|stopping| stopping.is_due(&self.epochs, first))
    }

    fn save(&mut self, part: EpochPart) -> Result<()> {
        self.saved.save(&self.model, &self.adam, &self.epochs, part)
    }

    fn id(&self, index: usize) -> &str {
        &self.dataset.images[index].image_id
    }

    /// Trains the steps of `epoch` after those in `part`, to which it adds their losses; returns false
    /// if the program was asked to stop before the last step. All losses are read before it returns.
    fn steps(&mut self, epoch: i32, part: &mut EpochPart) -> Result<bool> {
        let config = &self.run.config;
        let order = random::shuffled(
            &self.images,
            |index| self.id(index),
            config.seed,
            "order",
            epoch as u64,
        );
        let bar = progress_bar(
            order.len() as u64,
            &format!("epoch {epoch}/{}", config.epochs),
        );
        bar.inc((part.steps * config.batch_size).min(order.len()) as u64);
        let is_skipping = config.on_non_finite == OnNonFinite::Skip;
        let every = readings::steps_between(self.model.params.device(), config.on_non_finite);
        let lambda = config.guidance.as_ref().map_or(0.0, |g| g.lambda);
        let mut unread = Vec::new();
        let batches: Vec<&[usize]> = order.chunks(config.batch_size).collect();
        for &images in &batches[part.steps..] {
            self.progress
                .tell(&self.epochs, (part.steps, batches.len()));
            // A forward pass in training updates the running statistics of batch norms. They are copied
            // to be put back if the batch is skipped.
            let buffers = match is_skipping {
                true => self.model.params.copy_buffers()?,
                false => Vec::new(),
            };
            if let Some(progress) = self.rates.bcosification(epoch, part.steps + 1) {
                let so_far = self.model.bcosification()?.unwrap_or(1.0);
                self.model.bcosify(progress.max(so_far))?;
            }
            let (Sum { gradient, values }, n_annotated) = self.step(images, epoch)?;
            part.steps += 1;
            unread.push(Unread {
                step: part.steps,
                images,
                n_annotated,
                values,
            });
            let is_asked = self.stop.is_asked();
            let mut found = None;
            if unread.len() == every || is_asked || part.steps == batches.len() {
                found = readings::read(&mut unread, lambda, part)?;
                let mean = part.total / part.counted().max(1) as f64;
                bar.set_message(format!("loss {mean:.3}"));
            }
            match found {
                None => {
                    let rate = self.rates.in_epoch(epoch, part.steps);
                    self.adam.apply(&gradient, rate)?;
                }
                Some(found) => {
                    let error = self.error(epoch, found, (part.steps, &gradient))?;
                    if !is_skipping {
                        return Err(error);
                    }
                    say!("skipped: {error}");
                    part.skipped += 1;
                    self.model.params.restore_buffers(&buffers)?;
                }
            }
            bar.inc(images.len() as u64);
            if is_asked {
                break;
            }
        }
        bar.finish_and_clear();
        self.progress
            .tell(&self.epochs, (part.steps, batches.len()));
        self.check(epoch, part.steps)?;
        Ok(part.steps == batches.len())
    }

    /// Refuses non-finite weights, statistics of batch norms and moments of the optimizer. They may be non-finite
    /// although all losses are finite: on feature maps smaller than a kernel, the kernel's outer weights meet only
    /// padding; dividing by the root of an infinite variance gives 0; an infinite second moment only keeps its
    /// weight from changing.
    fn check(&self, epoch: i32, step: usize) -> Result<()> {
        let params = &self.model.params;
        let spoilt = |name: &str, found: Found| Error::Spoilt {
            epoch,
            step,
            tensor: format!("{name}{:?}", found.index),
            found: found.to_string(),
        };
        if let Some((name, found)) = params.first_spoilt()? {
            return Err(spoilt(name, found));
        }
        let ([first, second], _) = self.adam.state();
        for (which, moments) in [("first", first), ("second", second)] {
            if let Some(found) = finite::first_non_finite(&moments, params.kind())? {
                let name = params.first_non_finite(&moments)?.unwrap_or_default();
                let name = format!("the optimizer's {which} moment of {name}, ");
                return Err(spoilt(&name, found));
            }
        }
        Ok(())
    }

    /// Returns the error for `found`. `newest` is the number of the newest step and its gradient: if
    /// `found` is in this gradient, the error names the parameter.
    fn error(&self, epoch: i32, found: NonFinite<'_>, newest: (usize, &Tensor)) -> Result<Error> {
        let mut term = found.term.to_owned();
        let (step, gradient) = newest;
        if found.term == readings::GRADIENT
            && found.step == step
            && let Some(name) = self.model.params.first_non_finite(gradient)?
        {
            term = format!("gradient of {name}");
        }
        let ids: Vec<&str> = found.images.iter().map(|&index| self.id(index)).collect();
        Ok(Error::NonFinite {
            epoch,
            step: format!("step {}", found.step),
            term,
            images: ids.join(" "),
        })
    }

    /// Returns the network's input for `batch`, after colour jitter where there is any.
    fn input(&self, batch: &Batch, epoch: i32) -> Result<Tensor> {
        let config = &self.run.config;
        let mut images = self.model.scaled(&batch.images)?;
        if let Some(jitter) = &config.color_jitter {
            let ids = batch.indices.iter().map(|&index| self.id(index));
            images = jitter.show(&images, ids, config.seed, epoch)?;
        }
        Ok(self.model.encode_scaled(&images)?)
    }

    /// Loads the batch of `images`, with augmentation also the view (crop and flip) of each image.
    fn batch(&self, images: &[usize], epoch: i32) -> Result<(Batch, Option<Vec<View>>)> {
        let (device, kind) = (self.model.params.device(), self.model.params.kind());
        let config = &self.run.config;
        let (grid, seed) = (self.dataset.grid(), config.seed);
        let view = |&index: &usize| {
            augmentation::view(config.augmentation, grid, seed, epoch, self.id(index))
        };
        let views: Option<Vec<View>> = images.iter().map(view).collect();
        let (dataset, resident) = (self.dataset, self.resident.as_ref());
        let batch = match &views {
            Some(views) => Batch::load_views(dataset, images, views, device, kind)?,
            None => Batch::load(dataset, images, resident, device, kind)?,
        };
        Ok((batch, views))
    }

    /// Computes the loss values and the gradient of the batch `images`, in passes of `micro_batch` images,
    /// and the number of annotated images, whose maps are in the localization loss.
    fn step(&self, images: &[usize], epoch: i32) -> Result<(Sum, usize)> {
        let n_pass = self.run.config.micro_batch.unwrap_or(images.len());
        let mut n_annotated = 0;
        let sum = micro_batch::sum(images, n_pass, |pass, factor| {
            let (terms, n) = self.objective(pass, factor, epoch)?;
            n_annotated += n;
            let gradient = self.adam.gradient(&terms.total)?;
            Ok::<_, Error>((terms, gradient))
        })?;
        Ok((sum, n_annotated))
    }

    /// Computes the objective of `images` with `factor` · λ in place of λ, and the number of annotated images. For
    /// each image a class on it is drawn and the map of this (image, class) pair computed; the maps of annotated
    /// images are compared with the class's mask.
    fn objective(&self, images: &[usize], factor: f64, epoch: i32) -> Result<(Terms, usize)> {
        let (batch, views) = self.batch(images, epoch)?;
        let (model, dataset, config) = (&self.model, self.dataset, &self.run.config);
        let input = self.input(&batch, epoch)?;
        let Some((guidance, annotated)) = config.guidance.as_ref().zip(self.annotated.as_ref())
        else {
            let terms = match &self.teacher {
                Some((teacher, weight)) => {
                    objective::distilled(model, (teacher, *weight), &input, &batch.targets)?
                }
                None => objective::plain(model, &input, &batch.targets)?,
            };
            return Ok((terms, 0));
        };
        let options = MaskOptions::from(guidance);
        // A row is an image's place in the batch.
        let (mut pairs, mut rows, mut drawn) = (Vec::new(), Vec::new(), Vec::new());
        for (row, &index) in batch.indices.iter().enumerate() {
            let Some(class_id) = targets::drawn_class(dataset, index, epoch, config.seed) else {
                continue;
            };
            pairs.push((row as i64, i64::from(class_id)));
            if annotated.contains(&index) {
                drawn.push((row, (index, class_id)));
            }
        }
        let found: Vec<Option<MaskTarget>> = drawn
            .par_iter()
            .map(|&(row, pair)| {
                targets::mask_target(
                    dataset,
                    pair,
                    options,
                    views.as_ref().map(|views| views[row]),
                )
            })
            .collect();
        let mut found_targets = Vec::with_capacity(found.len());
        for ((row, _), target) in drawn.into_iter().zip(found) {
            if let Some(target) = target {
                rows.push(row as i64);
                found_targets.push(target);
            }
        }
        let term = LocalizationTerm {
            attribution: config.attribution,
            layer: config.layer,
            loss: guidance.loss.clone(),
            lambda: factor * guidance.lambda,
        };
        let mask_targets = MaskTargets {
            pairs,
            annotated: rows,
            masks: targets::masks(&found_targets, dataset.grid(), &input)?,
            areas: targets::areas(&found_targets),
        };
        Ok((
            objective::guided(model, &input, &batch.targets, &term, &mask_targets)?,
            found_targets.len(),
        ))
    }
}

/// Writes `run.toml`: the configuration as given, with comments of what it was resolved to.
fn write_config(run: &ResolvedRun, folder: &RunFolder) -> Result<()> {
    use std::io::Write;
    let config = toml::to_string(&run.config).map_err(|error| {
        Error::invalid(
            folder.config_file(),
            "configuration",
            error.to_string(),
            "a configuration that TOML can hold",
        )
    })?;
    let text = format!(
        "# run {}\n# dataset {} ({})\n# weights {}\n# written by {}\n\n{config}",
        run.run_id, run.dataset, run.data_inputs, run.init, PROGRAM
    );
    data_prep::atomic::write(folder.config_file(), |writer| {
        writer.write_all(text.as_bytes()).map_err(Error::from)
    })
}

/// Prints a line about the newest epoch on stderr.
fn report(epochs: &[EpochRow], total: i32, part: &EpochPart) {
    let Some(row) = epochs.last() else { return };
    let said = |n: usize, one: &str, several: &str| match n {
        0 => String::new(),
        1 => format!("  1 {one}"),
        n => format!("  {n} {several}"),
    };
    let undefined = said(part.undefined, "map without EPG", "maps without EPG");
    let skipped = said(part.skipped, "batch skipped", "batches skipped");
    let left = row.seconds * f64::from(total - row.epoch);
    say!(
        "epoch {:>3}/{total}  loss {:.4} (class {:.4}, localization {:.4})  val F1 {:.1} % mAP {:.1} % EPG {:.1} % IoU {:.1} %  {:.1} images/s{undefined}{skipped}  {} left",
        row.epoch,
        row.loss,
        row.loss_class,
        row.loss_localization,
        100.0 * row.val_f1,
        100.0 * row.val_map,
        100.0 * row.val_epg,
        100.0 * row.val_iou,
        row.images_per_second,
        indicatif::HumanDuration(std::time::Duration::from_secs_f64(left)),
    );
}
