//! Completes a recipe for own data: asks data-prep what the folder holds, and writes name, folder and numbers
//! of images into the recipe's text. A recipe with a table `[fit]` also gets its epochs, and where two CPU
//! cores would take too long, smaller images and then fewer training images.
//!
//! Steps read the completed text (`out/<recipe>/recipe/`), so they all work on the same data.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use toml::{Table, Value};

use crate::drive::device::Device;
use crate::drive::plan::Plan;
use crate::drive::plan::cost::{Rates, Speed};
use crate::drive::recipe::{self, Data, Experiment, File, Fit, PREPARED};
use crate::drive::step::workshop;
use crate::system::process::{self, BinDir};

/// What `data-prep read --dry-run` prints.
#[derive(Debug, Deserialize)]
struct Survey {
    /// The data set's name.
    name: String,
    /// Whether the folder is one that data-prep has made.
    prepared: bool,
    /// Height and width of the pixels of a folder that data-prep has made.
    size: Option<u32>,
    /// Images in each split.
    train: u32,
    val: u32,
    test: u32,
}

/// The heights and widths that are tried, the recipe's own first, until the time is short enough.
const SIZES: [u32; 3] = [192, 160, 128];
/// The smallest part of the training images, as a power of two.
const SMALLEST_PART: u32 = 6;

/// Returns the recipe's files with those for own data completed, and what was decided, a line each. `data` is
/// `--data`.
///
/// # Errors
/// When data-prep cannot read a folder.
pub(super) fn complete(
    experiment: &Experiment,
    data: Option<&Path>,
    programs: &BinDir,
    speed: Speed,
) -> Result<(Vec<File>, Vec<String>)> {
    let mut files = experiment.files.clone();
    let mut decided = Vec::new();
    for file in &mut files {
        let Ok(mut table) = file.text.parse::<Table>() else {
            continue; // its reader says why
        };
        let Some(own) = own_data(&table) else {
            continue;
        };
        let Some(folder) = workshop::source(experiment, &own, data) else {
            continue; // a dry run without --data
        };
        let folder = std::path::absolute(folder)?;
        let survey = ask(&own, &folder, programs)?;
        complete_data(&mut table, &folder, &survey)?;
        if let Some(fit) = experiment.fit {
            decided.extend(fit_to(&mut table, file, fit, &survey, speed)?);
        }
        file.text = toml::to_string(&table)?;
    }
    Ok((files, decided))
}

/// The `[data]` of a recipe for own data.
fn own_data(table: &Table) -> Option<Data> {
    let data: Data = table.get("data")?.clone().try_into().ok()?;
    data.published().is_none().then_some(data)
}

/// Asks data-prep what the folder holds.
fn ask(data: &Data, folder: &Path, programs: &BinDir) -> Result<Survey> {
    let mut command = std::process::Command::new(programs.program("data-prep")?);
    command.arg("read").arg(folder).arg("--dry-run");
    command.args(data.read_arguments());
    let said = process::capture(&mut command, "reading the data's annotations")?;
    serde_json::from_str(&said).context("data-prep read --dry-run")
}

/// Sets name, folder and numbers of images.
fn complete_data(table: &mut Table, folder: &Path, survey: &Survey) -> Result<()> {
    let folder = folder
        .to_str()
        .context("--data: expected a path in UTF-8")?;
    let count = |count: u32| Value::from(i64::from(count));
    let images = [
        ("train", survey.train),
        ("val", survey.val),
        ("test", survey.test),
    ];
    let images: Table = images
        .map(|(split, n)| (split.to_owned(), count(n)))
        .into_iter()
        .collect();
    let data = data_of(table)?;
    data.insert("name".to_owned(), Value::from(survey.name.clone()));
    data.insert("root".to_owned(), Value::from(folder));
    data.insert("images".to_owned(), Value::from(images));
    if survey.prepared {
        data.insert("format".to_owned(), Value::from(PREPARED));
        if let Some(size) = survey.size {
            data.insert("size".to_owned(), count(size));
        }
    }
    Ok(())
}

/// Sets epochs, and size and limit of the images, so that two cores take no longer than `fit` says. Returns
/// what was decided, for people.
fn fit_to(
    table: &mut Table,
    file: &File,
    fit: Fit,
    survey: &Survey,
    speed: Speed,
) -> Result<Vec<String>> {
    table.remove("fit");
    let own_size = size_of(table)?;
    let mut choices = vec![(own_size, 0)];
    if speed.device == Device::Cpu && !survey.prepared {
        let smaller = SIZES.into_iter().filter(|&size| size < own_size);
        choices.extend(smaller.map(|size| (size, 0)));
        let smallest = choices.last().map_or(own_size, |(size, _)| *size);
        choices.extend((1..=SMALLEST_PART).map(|part| (smallest, part)));
    }
    let one = Speed {
        device: Device::Cpu,
        n_devices: 1,
    };
    let mut chosen = None;
    for (size, part) in choices {
        let mut tried = table.clone();
        let n_train = (survey.train >> part).max(1);
        set_images(&mut tried, size, survey, part)?;
        for (run, steps) in [
            ("baseline", fit.baseline_steps),
            ("guided", fit.guided_steps),
        ] {
            set_epochs(&mut tried, run, steps, n_train)?;
        }
        let text = toml::to_string(&tried)?;
        let parsed = recipe::expand(
            vec![File {
                path: file.path.clone(),
                text,
            }],
            None,
        )?;
        let minutes = Plan::new(&parsed).seconds_left(&Rates::default(), one) / 60.0;
        let is_short = minutes <= f64::from(fit.minutes);
        chosen = Some((tried, size, n_train, minutes));
        if is_short {
            break;
        }
    }
    let (tried, size, n_train, minutes) = chosen.context("[fit]: nothing to choose from")?;
    *table = tried;
    let mut said = Vec::new();
    let limit = format!("so that two idle CPU cores take about {minutes:.0} minutes");
    if size < own_size {
        said.push(format!(
            "images at {size}×{size} instead of {own_size}×{own_size}, {limit}"
        ));
    }
    if n_train < survey.train {
        let n = survey.train;
        said.push(format!(
            "{n_train} of {n} training images, {limit} (a GPU takes all of them)"
        ));
    }
    Ok(said)
}

/// Sets the size, and the part of the images that is taken: the fraction 1/2^`part`, of validation and test
/// images no more than as many as there are training images.
fn set_images(table: &mut Table, size: u32, survey: &Survey, part: u32) -> Result<()> {
    let data = data_of(table)?;
    data.insert("size".to_owned(), Value::from(i64::from(size)));
    if part == 0 {
        return Ok(());
    }
    let n_train = (survey.train >> part).max(1);
    let limits = [
        ("train", n_train),
        ("val", survey.val.min(n_train)),
        ("test", survey.test.min(n_train)),
    ];
    let limits = limits.map(|(split, n)| (split.to_owned(), Value::from(i64::from(n))));
    let limits: Table = limits.into_iter().collect();
    data.insert("limit".to_owned(), Value::from(limits));
    Ok(())
}

/// Sets the epochs in which `n_train` images make about so many steps: from 3 to 30.
fn set_epochs(table: &mut Table, run: &str, steps: u32, n_train: u32) -> Result<()> {
    let run_table = table.get_mut(run).and_then(Value::as_table_mut);
    let run_table = run_table.with_context(|| format!("[{run}]: found nothing"))?;
    let batch_size = run_table.get("batch_size").and_then(Value::as_integer);
    let batch_size = batch_size.with_context(|| format!("{run}.batch_size: found nothing"))?;
    let steps_an_epoch = (f64::from(n_train) / batch_size as f64).max(1.0);
    let epochs = (f64::from(steps) / steps_an_epoch).round().clamp(3.0, 30.0);
    run_table.insert("epochs".to_owned(), Value::from(epochs as i64));
    Ok(())
}

fn data_of(table: &mut Table) -> Result<&mut Table> {
    let data = table.get_mut("data").and_then(Value::as_table_mut);
    data.ok_or_else(|| anyhow!("[data]: found nothing, expected a table"))
}

fn size_of(table: &mut Table) -> Result<u32> {
    let size = data_of(table)?.get("size").and_then(Value::as_integer);
    let size = size.and_then(|size| u32::try_from(size).ok());
    size.context("data.size: found nothing, expected a number of pixels")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The recipe `own` for so many images, sized for a device; returns epochs of baseline and guided runs,
    /// size, limit of training images, and what was said.
    fn sized(train: u32, device: Device) -> (i64, i64, i64, Option<i64>, Vec<String>) {
        let text = include_str!("../../../../recipes/own.toml").to_owned();
        let mut table: Table = text.parse().unwrap();
        let survey = Survey {
            name: "cells".to_owned(),
            prepared: false,
            size: None,
            train,
            val: train / 5,
            test: train / 5,
        };
        let file = File {
            path: "own.toml".into(),
            text,
        };
        let fit: Fit = table["fit"].clone().try_into().unwrap();
        let speed = Speed {
            device,
            n_devices: 1,
        };
        complete_data(&mut table, Path::new("/cells"), &survey).unwrap();
        let said = fit_to(&mut table, &file, fit, &survey, speed).unwrap();
        let number = |table: &Table, key: &str| table[key].as_integer().unwrap();
        let of = |name: &str| table[name].as_table().unwrap();
        let limit = of("data").get("limit").and_then(Value::as_table);
        (
            number(of("baseline"), "epochs"),
            number(of("guided"), "epochs"),
            number(of("data"), "size"),
            limit.map(|limit| number(limit, "train")),
            said,
        )
    }

    #[test]
    fn few_images_are_seen_more_often_and_many_are_made_smaller_then_fewer() {
        // 200 and 100 steps of 16 images.
        let (baseline, guided, size, limit, said) = sized(200, Device::Cpu);
        assert_eq!((baseline, guided, size, limit), (16, 8, 224, None));
        assert!(said.is_empty(), "{said:?}");

        let (baseline, guided, size, limit, said) = sized(100_000, Device::Cpu);
        assert_eq!((baseline, guided, size), (3, 3, 128));
        assert!(limit.is_some_and(|limit| limit < 10_000), "{limit:?}");
        assert!(
            said[0].starts_with("images at 128×128 instead of 224×224"),
            "{said:?}"
        );
        assert!(said[1].contains("of 100000 training images"), "{said:?}");

        let (_, _, size, limit, said) = sized(100_000, Device::Cuda);
        assert_eq!((size, limit, said), (224, None, Vec::new()));
    }
}
