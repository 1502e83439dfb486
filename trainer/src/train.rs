//! Training: the guided step, the epoch around it, validation, and the files that an epoch leaves
//! (paper sections 3 and 4; SPEC A.1, A.2, E).

use std::collections::HashSet;
use std::time::Instant;

use data_prep::dataset::{Dataset, Split};
use data_prep::geometry::View;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use tch::{Device, Kind};

use crate::adam::Adam;
use crate::augmentation;
use crate::backbone::Model;
use crate::batches::Batch;
use crate::checkpoint::{self, Metadata};
use crate::config::ResolvedRun;
use crate::error::{Error, Result};
use crate::guidance::{self, Guided, Target};
use crate::objective::{self, Explained, Guide, Terms};
use crate::pareto;
use crate::random;
use crate::run::{RunFolder, State, candidates};
use crate::tables::{self, EpochRow, RunFacts};
use crate::validation;

/// Sums over an epoch, and how many terms each has.
#[derive(Clone, Copy, Debug, Default)]
struct EpochLoss {
    total: f64,
    class: f64,
    steps: f64,
    localization: f64,
    annotated: f64,
}

/// Trains `run` to its end: skips it when finished, continues it after its last whole epoch when
/// broken off.
///
/// # Errors
/// A data folder without training or validation images, weights that do not fit, a loss that is no
/// number, and the disk's.
pub fn train(
    run: &ResolvedRun,
    dataset: &Dataset,
    folder: &RunFolder,
    device: Device,
) -> Result<()> {
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
    let model = Model::new(
        config.backbone,
        dataset.classes.len(),
        config.seed,
        device,
        Kind::Float,
    );
    let (mut adam, mut epochs) = start(run, folder, &model)?;
    fs_err::create_dir_all(&folder.dir)?;
    write_config(run, folder)?;

    let annotated = config
        .guidance
        .as_ref()
        .map(|g| guidance::annotated(dataset, &train, g.annotated_fraction, config.seed));
    for epoch in epochs.len() as i32 + 1..=config.epochs {
        let started = Instant::now();
        let sums = train_epoch(
            run,
            dataset,
            &model,
            &mut adam,
            &train,
            annotated.as_ref(),
            epoch,
        )?;
        let images_per_second = train.len() as f64 / started.elapsed().as_secs_f64();
        let metrics = validation::validate(
            &model,
            dataset,
            &val,
            config.attribution,
            config.layer,
            config.batch_size,
        )?;
        epochs.push(EpochRow {
            epoch,
            loss: sums.total / sums.steps,
            loss_class: sums.class / sums.steps,
            loss_localization: if sums.annotated > 0.0 {
                sums.localization / sums.annotated
            } else {
                0.0
            },
            learning_rate: config.learning_rate,
            seconds: started.elapsed().as_secs_f64(),
            images_per_second,
            val_f1: metrics.f1,
            val_map: metrics.map,
            val_epg: metrics.epg,
            val_iou: metrics.iou,
            is_pareto: false,
        });
        keep(run, folder, &model, &mut epochs)?;
        save_resume(run, folder, &model, &adam, epoch)?;
        report(&epochs, config.epochs);
    }
    let facts = RunFacts {
        input: (dataset.grid().height, dataset.grid().width),
        n_train: train.len(),
        n_val: val.len(),
        device: crate::device::describe(device),
        threads: tch::get_num_threads(),
        seconds: epochs.iter().map(|row| row.seconds).sum(),
    };
    tables::write_run(&folder.run_table(), run, &facts)?;
    fs_err::remove_file(folder.resume_file())?;
    Ok(())
}

/// Fresh or given weights and a new optimizer, or both as the last finished epoch left them.
fn start(run: &ResolvedRun, folder: &RunFolder, model: &Model) -> Result<(Adam, Vec<EpochRow>)> {
    let rate = run.config.learning_rate;
    if let State::Partial(_) = folder.state()? {
        let path = folder.resume_file();
        let (tensors, metadata) = checkpoint::load(&path)?;
        let number = |key: &str| {
            metadata
                .get(key)
                .and_then(|value| value.parse::<i64>().ok())
                .ok_or_else(|| Error::invalid(&path, key, "nothing", "a number"))
        };
        let (epoch, steps) = (number("epoch")?, number("steps")?);
        let (moments, weights): (Vec<_>, Vec<_>) = tensors
            .into_iter()
            .partition(|(name, _)| name.starts_with("adam."));
        model
            .params
            .load(&weights, &[], &path.display().to_string())?;
        let mut adam = Adam::new(model.params.trained(), rate)?;
        let moment = |name: &str| {
            let found = moments
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, tensor)| tensor.shallow_clone());
            found.ok_or_else(|| Error::invalid(&path, name, "nothing", "the optimizer's moments"))
        };
        adam.restore(&[moment("adam.first")?, moment("adam.second")?], steps)?;
        let mut epochs = tables::read_epochs(&folder.epochs_table())?;
        // A run broken off between the two files repeats its last epoch.
        epochs.truncate(epoch as usize);
        return Ok((adam, epochs));
    }
    if let Some(weights) = &run.weights {
        let (tensors, _) = checkpoint::load(weights)?;
        let may_differ = Model::head_names(run.config.backbone);
        model
            .params
            .load(&tensors, may_differ, &weights.display().to_string())?;
    }
    Ok((Adam::new(model.params.trained(), rate)?, Vec::new()))
}

fn train_epoch(
    run: &ResolvedRun,
    dataset: &Dataset,
    model: &Model,
    adam: &mut Adam,
    train: &[usize],
    annotated: Option<&HashSet<usize>>,
    epoch: i32,
) -> Result<EpochLoss> {
    let config = &run.config;
    let id = |index: usize| dataset.images[index].image_id.as_str();
    let order = random::shuffled(train, id, config.seed, "order", epoch as u64);
    let bar = progress_bar(
        order.len() as u64,
        &format!("epoch {epoch}/{}", config.epochs),
    );
    let mut sums = EpochLoss::default();
    for (step, indices) in order.chunks(config.batch_size).enumerate() {
        let views: Option<Vec<View>> = indices
            .iter()
            .map(|&index| {
                augmentation::view(
                    config.augmentation,
                    dataset.grid(),
                    config.seed,
                    epoch,
                    id(index),
                )
            })
            .collect();
        let (device, kind) = (model.params.device(), model.params.kind());
        let batch = match &views {
            Some(views) => Batch::load_views(dataset, indices, views, device, kind)?,
            None => Batch::load(dataset, indices, device, kind)?,
        };
        let (terms, n_annotated) = objective(
            run,
            dataset,
            model,
            (&batch, views.as_deref()),
            annotated,
            epoch,
        )?;
        let class = terms.class.f_double_value(&[])?;
        let localization = terms
            .localization
            .as_ref()
            .map_or(Ok(0.0), |sum| sum.f_double_value(&[]))?;
        for (term, value) in [
            ("classification loss", class),
            ("localization loss", localization),
        ] {
            if !value.is_finite() {
                let images = indices
                    .iter()
                    .map(|&index| id(index))
                    .collect::<Vec<_>>()
                    .join(" ");
                return Err(Error::NonFinite {
                    epoch,
                    step: step + 1,
                    term,
                    images,
                });
            }
        }
        adam.step(&terms.total)?;
        sums.annotated += n_annotated as f64;
        sums.steps += 1.0;
        sums.class += class;
        sums.localization += localization;
        sums.total += class + config.guidance.as_ref().map_or(0.0, |g| g.lambda) * localization;
        bar.inc(indices.len() as u64);
        bar.set_message(format!("loss {:.3}", sums.total / sums.steps));
    }
    bar.finish_and_clear();
    Ok(sums)
}

/// The objective of one batch, of which `views` say what its images show, and how many of them are
/// annotated.
fn objective(
    run: &ResolvedRun,
    dataset: &Dataset,
    model: &Model,
    (batch, views): (&Batch, Option<&[View]>),
    annotated: Option<&HashSet<usize>>,
    epoch: i32,
) -> Result<(Terms, usize)> {
    let config = &run.config;
    let input = model.encode(&batch.images)?;
    let Some((guidance, annotated)) = config.guidance.as_ref().zip(annotated) else {
        return Ok((objective::plain(model, &input, &batch.targets)?, 0));
    };
    let target = Target {
        annotation: guidance.annotation,
        dilation: guidance.dilation,
        area_exponent: guidance.area_exponent,
    };
    let (mut pairs, mut rows, mut drawn) = (Vec::new(), Vec::new(), Vec::new());
    for (row, &index) in batch.indices.iter().enumerate() {
        let Some(class_id) = guidance::drawn_class(dataset, index, epoch, config.seed) else {
            continue;
        };
        pairs.push((row as i64, i64::from(class_id)));
        if annotated.contains(&index) {
            drawn.push((row, (index, class_id)));
        }
    }
    let targets: Vec<Option<Guided>> = drawn
        .par_iter()
        .map(|&(row, pair)| guidance::guided(dataset, pair, target, views.map(|views| views[row])))
        .collect();
    let mut guided = Vec::with_capacity(targets.len());
    for ((row, _), target) in drawn.into_iter().zip(targets) {
        if let Some(target) = target {
            rows.push(row as i64);
            guided.push(target);
        }
    }
    let guide = Guide {
        attribution: config.attribution,
        layer: config.layer,
        loss: guidance.loss,
        lambda: guidance.lambda,
    };
    let explained = Explained {
        pairs,
        annotated: rows,
        masks: guidance::masks(&guided, dataset.grid(), &input)?,
        area_powers: guidance::area_powers(&guided, &input)?,
    };
    Ok((
        objective::guided(model, &input, &batch.targets, guide, &explained)?,
        guided.len(),
    ))
}

/// Marks the epochs to keep, writes the newest if it is one, then the table, then removes those
/// that are beaten: at every moment the table's checkpoints are there.
fn keep(
    run: &ResolvedRun,
    folder: &RunFolder,
    model: &Model,
    epochs: &mut [EpochRow],
) -> Result<()> {
    let kept = match run.config.guidance {
        Some(_) => pareto::front(&candidates(epochs)),
        None => pareto::best_f1(&candidates(epochs)).into_iter().collect(),
    };
    let newest = epochs.len() as i32;
    for row in epochs.iter_mut() {
        row.is_pareto = kept.contains(&row.epoch);
    }
    if kept.contains(&newest) {
        let metadata = Metadata::from([
            ("run_id".to_owned(), run.run_id.clone()),
            ("epoch".to_owned(), newest.to_string()),
            ("backbone".to_owned(), run.config.backbone.to_string()),
        ]);
        checkpoint::save(
            &folder.checkpoint_file(newest),
            &model.params.named(),
            &metadata,
        )?;
    }
    tables::write_epochs(&folder.epochs_table(), run, epochs)?;
    for row in epochs.iter().filter(|row| !row.is_pareto) {
        let file = folder.checkpoint_file(row.epoch);
        if file.exists() {
            fs_err::remove_file(file)?;
        }
    }
    Ok(())
}

fn save_resume(
    run: &ResolvedRun,
    folder: &RunFolder,
    model: &Model,
    adam: &Adam,
    epoch: i32,
) -> Result<()> {
    let mut tensors = model.params.named();
    let ([first, second], steps) = adam.state();
    tensors.push(("adam.first".to_owned(), first));
    tensors.push(("adam.second".to_owned(), second));
    let metadata = Metadata::from([
        ("run_id".to_owned(), run.run_id.clone()),
        ("epoch".to_owned(), epoch.to_string()),
        ("steps".to_owned(), steps.to_string()),
    ]);
    checkpoint::save(&folder.resume_file(), &tensors, &metadata)
}

/// `run.toml`: the configuration as given, and what it was resolved to.
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
        run.run_id,
        run.dataset,
        run.data_inputs,
        run.init,
        tables::PROGRAM
    );
    data_prep::atomic::write(folder.config_file(), |writer| {
        writer.write_all(text.as_bytes()).map_err(Error::from)
    })
}

/// One line an epoch on stderr.
fn report(epochs: &[EpochRow], total: i32) {
    let Some(row) = epochs.last() else { return };
    let left = row.seconds * f64::from(total - row.epoch);
    eprintln!(
        "epoch {:>3}/{total}  loss {:.4} (class {:.4}, localization {:.4})  val F1 {:.1} % mAP {:.1} % EPG {:.1} % IoU {:.1} %  {:.1} images/s  {} left",
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

/// A bar over images on stderr; hidden when stderr is no terminal.
pub(crate) fn progress_bar(length: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix} [{bar:30}] {pos}/{len} images  {per_sec}  {eta} left  {msg}",
    );
    ProgressBar::new(length)
        .with_prefix(what.to_owned())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
