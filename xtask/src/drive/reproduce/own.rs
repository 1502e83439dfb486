//! Completes a recipe for own data: asks data-prep what the folder holds, and writes name, folder and numbers
//! of images into the recipe's text. A recipe with a table `[fit]` (minutes, training steps of a baseline, training
//! steps of a guided run) also gets its epochs. Where two CPU cores would take more than these minutes, it gets
//! smaller images, then no more images to validate and test with than to train with, then fewer training images, then
//! fewer steps.
//!
//! Steps read the completed text (`out/<recipe>/recipe/`), so they all work on the same data.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use toml::{Table, Value};

use crate::drive::device::Device;
use crate::drive::plan::Plan;
use crate::drive::plan::cost::{Rates, Speed};
use crate::drive::recipe::{self, Data, Experiment, File, Fit, PREPARED};
use crate::drive::step::workshop;
use crate::drive::survey::Survey;
use crate::system::process::BinDir;

/// Heights and widths of images, in pixels, that are tried after the recipe's own until the time is short enough.
const SIZES: [u32; 3] = [192, 160, 128];
/// How often the number of training steps is halved at most.
const FEWEST_STEPS: u32 = 2;
/// The fewest and the most epochs of a run. These bounds, as those above, are chosen.
const EPOCHS: [u32; 2] = [3, 30];

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
    rates: &Rates,
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
        let survey = Survey::of(&folder, &own.read_arguments(), programs)?;
        complete_data(&mut table, &folder, &survey)?;
        if let Some(fit) = experiment.fit {
            decided.extend(fit_to(&mut table, file, fit, &survey, (speed, rates))?);
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

/// Sets epochs, and size and limit of the images, so that the CPU takes no longer than `fit` says, by `rates` that
/// were measured on it. Returns what was decided, for people.
fn fit_to(
    table: &mut Table,
    file: &File,
    fit: Fit,
    survey: &Survey,
    (speed, rates): (Speed, &Rates),
) -> Result<Vec<String>> {
    table.remove("fit");
    let own_size = size_of(table)?;
    let choices = match speed.device {
        Device::Cpu => {
            // A finished folder's images stay as they are, and a network from a file takes one size.
            let sizes: &[u32] = match survey.prepared || has_network_file(table) {
                true => &[],
                false => &SIZES,
            };
            let batch_size = batch_size(table, "baseline")?;
            let seen = fit.baseline_steps.saturating_mul(batch_size); // images
            choices((own_size, sizes), seen, survey)
        }
        Device::Cuda => vec![Choice::whole(own_size)],
    };
    let one = Speed {
        device: Device::Cpu,
        n_devices: 1,
    };
    let mut chosen = None;
    for choice in choices {
        let mut tried = table.clone();
        let [n_train, _, _] = choice.n_images(survey);
        set_images(&mut tried, choice, survey)?;
        for (run, steps) in [
            ("baseline", fit.baseline_steps),
            ("guided", fit.guided_steps),
        ] {
            set_epochs(&mut tried, run, steps >> choice.fewer_steps, n_train)?;
        }
        let text = toml::to_string(&tried)?;
        let parsed = recipe::expand(vec![file.with_text(text)], None)?;
        let minutes = Plan::new(&parsed).seconds_left(rates, one) / 60.0;
        let is_short = minutes <= f64::from(fit.minutes);
        chosen = Some((tried, choice, minutes));
        if is_short {
            break;
        }
    }
    let (tried, choice, minutes) = chosen.context("[fit]: nothing to choose from")?;
    *table = tried;
    let size = choice.size;
    let mut said = Vec::new();
    let limit = format!("so that it takes about {minutes:.0} minutes on these CPU cores");
    if size < own_size {
        said.push(format!(
            "images at {size}×{size} instead of {own_size}×{own_size}, {limit}"
        ));
    }
    if choice.fewer_steps > 0 {
        let all = [fit.baseline_steps, fit.guided_steps];
        let [baseline, guided] = all.map(|steps| steps >> choice.fewer_steps);
        said.push(format!(
            "about {baseline} training steps of the baseline and {guided} of guided runs instead of {} and {}, {limit}",
            all[0], all[1]
        ));
    }
    let fewer = fewer_images(choice, survey);
    if !fewer.is_empty() {
        let fewer = fewer.join(", ");
        said.push(format!("{fewer}, {limit} (a GPU takes all of them)"));
    }
    Ok(said)
}

/// Says of which split only a part is taken: "781 of 20000 test images".
fn fewer_images(choice: Choice, survey: &Survey) -> Vec<String> {
    let splits = ["training", "validation", "test"];
    let taken = choice.n_images(survey).into_iter().zip(counts(survey));
    let parts = splits.into_iter().zip(taken);
    parts
        .filter(|(_, (n, all))| n < all)
        .map(|(split, (n, all))| format!("{n} of {all} {split} images"))
        .collect()
}

/// The numbers of images to train, validate and test with.
fn counts(survey: &Survey) -> [u32; 3] {
    [survey.train, survey.val, survey.test]
}

/// What may be made smaller or fewer, so that two cores take no longer than they should.
#[derive(Clone, Copy)]
struct Choice {
    /// Height and width of the images.
    size: u32,
    /// The fraction 1/2^`part` of the training images is taken.
    part: u32,
    /// Validation and test have at most 1/2^`scored_part` of the images that the larger of them has, or as many as
    /// there are to train with.
    scored_part: u32,
    /// The fraction 1/2^`fewer_steps` of the training steps is made.
    fewer_steps: u32,
}

impl Choice {
    /// All images of this size, and all steps.
    fn whole(size: u32) -> Self {
        Self {
            size,
            part: 0,
            scored_part: 0,
            fewer_steps: 0,
        }
    }

    /// The numbers of images to train, validate and test with. Where only a part of the training images is taken,
    /// validation and test have at most as many.
    fn n_images(self, survey: &Survey) -> [u32; 3] {
        let [train, val, test] = counts(survey);
        let n_train = (train >> self.part).max(1).min(train);
        let most = match self.part {
            0 => (val.max(test) >> self.scored_part).max(n_train),
            _ => n_train,
        };
        [n_train, val.min(most), test.min(most)]
    }
}

/// Returns what is tried, one after another: smaller images (`sizes`); then half as many to validate and test with, and
/// so on, until these are no more than those to train with; then half as many to train with, and so on, until the
/// fewest epochs see no more than `seen` images, which are those of a baseline's steps; then fewer steps. Of a folder
/// that data-prep has made, all images are taken.
fn choices((own_size, sizes): (u32, &[u32]), seen: u32, survey: &Survey) -> Vec<Choice> {
    let mut choices = vec![Choice::whole(own_size)];
    let smaller = sizes.iter().filter(|&&size| size < own_size);
    choices.extend(smaller.map(|&size| Choice::whole(size)));
    let mut last = choices[choices.len() - 1];
    if !survey.prepared {
        let n_scored = survey.val.max(survey.test);
        // One image is always left, however few are seen.
        while n_scored >> last.scored_part > survey.train.max(1) {
            last.scored_part += 1;
            choices.push(last);
        }
        while last.n_images(survey)[0] > (seen / EPOCHS[0]).max(1) {
            last.part += 1;
            choices.push(last);
        }
    }
    for fewer_steps in 1..=FEWEST_STEPS {
        choices.push(Choice {
            fewer_steps,
            ..last
        });
    }
    choices
}

/// Sets the size of the images, and, where not all of them are taken, the limit of each split.
fn set_images(table: &mut Table, choice: Choice, survey: &Survey) -> Result<()> {
    let data = data_of(table)?;
    data.insert("size".to_owned(), Value::from(i64::from(choice.size)));
    let taken = choice.n_images(survey);
    if taken == counts(survey) {
        return Ok(());
    }
    let limits = ["train", "val", "test"].into_iter().zip(taken);
    let limits = limits.map(|(split, n)| (split.to_owned(), Value::from(i64::from(n))));
    let limits: Table = limits.collect();
    data.insert("limit".to_owned(), Value::from(limits));
    Ok(())
}

/// Sets the number of epochs, from 3 to 30, so that `n_train` images make about `steps` training steps. `run` is
/// `baseline` or `guided`.
fn set_epochs(table: &mut Table, run: &str, steps: u32, n_train: u32) -> Result<()> {
    let steps_an_epoch = (f64::from(n_train) / f64::from(batch_size(table, run)?)).max(1.0);
    let [fewest, most] = EPOCHS.map(f64::from);
    let epochs = (f64::from(steps) / steps_an_epoch)
        .round()
        .clamp(fewest, most);
    run_of(table, run)?.insert("epochs".to_owned(), Value::from(epochs as i64));
    Ok(())
}

/// Whether one of the models takes its network from a file.
fn has_network_file(table: &Table) -> bool {
    let models = table.get("model").and_then(Value::as_array);
    let mut models = models.into_iter().flatten();
    models.any(|model| model.get("file").is_some())
}

fn batch_size(table: &mut Table, run: &str) -> Result<u32> {
    let size = run_of(table, run)?
        .get("batch_size")
        .and_then(Value::as_integer);
    let size = size.and_then(|size| u32::try_from(size).ok());
    size.with_context(|| format!("{run}.batch_size: found nothing, expected a number of images"))
}

fn run_of<'a>(table: &'a mut Table, run: &str) -> Result<&'a mut Table> {
    let found = table.get_mut(run).and_then(Value::as_table_mut);
    found.with_context(|| format!("[{run}]: found nothing"))
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

    /// Own data with these numbers of images to train, validate and test with.
    fn survey([train, val, test]: [u32; 3]) -> Survey {
        Survey {
            name: "cells".to_owned(),
            prepared: false,
            size: None,
            train,
            val,
            test,
            classes: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The recipe `text` for own data, with another `[fit]`, sized for a device; and what was said.
    fn table_of(
        text: &str,
        change: impl FnOnce(&mut Fit),
        survey: &Survey,
        device: Device,
    ) -> (Table, Vec<String>) {
        let mut table: Table = text.parse().unwrap();
        let file = File::new("own.toml".into(), text.to_owned());
        let mut fit: Fit = table["fit"].clone().try_into().unwrap();
        change(&mut fit);
        let speed = Speed {
            device,
            n_devices: 1,
        };
        complete_data(&mut table, Path::new("/cells"), survey).unwrap();
        let rates = Rates::default();
        let said = fit_to(&mut table, &file, fit, survey, (speed, &rates)).unwrap();
        (table, said)
    }

    /// The recipe of the repository.
    const OWN: &str = include_str!("../../../../recipes/own.toml");

    /// What the recipe `own` is sized to: epochs of baseline and guided runs, size, limits of training, validation and
    /// test images, and what was said.
    type Fitted = (i64, i64, i64, Option<[i64; 3]>, Vec<String>);

    /// Sizes the recipe `own` for so many images to train with, and a fifth of it to validate and to test with.
    fn sized(train: u32, device: Device) -> Fitted {
        sized_to(|_| (), &survey([train, train / 5, train / 5]), device)
    }

    /// Sizes it for these images, with another `[fit]`.
    fn sized_to(change: impl FnOnce(&mut Fit), survey: &Survey, device: Device) -> Fitted {
        let (table, said) = table_of(OWN, change, survey, device);
        let number = |table: &Table, key: &str| table[key].as_integer().unwrap();
        let of = |name: &str| table[name].as_table().unwrap();
        let limit = of("data").get("limit").and_then(Value::as_table);
        (
            number(of("baseline"), "epochs"),
            number(of("guided"), "epochs"),
            number(of("data"), "size"),
            limit.map(|limit| ["train", "val", "test"].map(|split| number(limit, split))),
            said,
        )
    }

    #[test]
    fn few_images_are_seen_more_often_and_many_are_made_smaller_then_fewer() {
        // [fit] of the recipe asks for 200 and 100 steps. 200 images in batches of 16 are 12.5 steps an epoch.
        let (baseline, guided, size, limit, said) = sized(200, Device::Cpu);
        assert_eq!((baseline, guided, size, limit), (16, 8, 224, None));
        assert!(said.is_empty(), "{said:?}");

        let (baseline, guided, size, limit, said) = sized(100_000, Device::Cpu);
        assert_eq!((baseline, guided, size), (4, 3, 128));
        // 100,000 halved seven times.
        assert_eq!(limit, Some([781; 3]));
        assert!(
            said[0].starts_with("images at 128×128 instead of 224×224"),
            "{said:?}"
        );
        let fewer = "781 of 100000 training images, 781 of 20000 validation images, 781 of 20000 test images, so ";
        assert!(said[1].starts_with(fewer), "{said:?}");

        // Three epochs of 200 images see fewer images than 200 steps of 16, so all are kept: steps are halved twice.
        let (baseline, guided, size, limit, said) =
            sized_to(|fit| fit.minutes = 10, &survey([200, 40, 40]), Device::Cpu);
        assert_eq!((baseline, guided, size, limit), (4, 3, 128, None));
        assert!(
            said[1].starts_with(
                "about 50 training steps of the baseline and 25 of guided runs instead of 200 and 100, so"
            ),
            "{said:?}"
        );

        let (_, _, size, limit, said) = sized(100_000, Device::Cuda);
        assert_eq!((size, limit, said), (224, None, Vec::new()));
    }

    #[test]
    fn any_number_of_steps_is_sized() {
        // 300,000,000 steps of 16 images see more images than a u32 holds; no step sees none.
        for (baseline_steps, epochs) in [(300_000_000, 30), (0, 3)] {
            let change = |fit: &mut Fit| fit.baseline_steps = baseline_steps;
            let (baseline, ..) = sized_to(change, &survey([200, 40, 40]), Device::Cpu);
            assert_eq!(baseline, epochs, "{baseline_steps}");
        }
    }

    /// 200 training images take less than an hour with as many to test with, 100,000 test images half a day.
    #[test]
    fn many_images_to_score_are_taken_fewer_before_those_to_train_with() {
        let cpu = |data: &Survey| sized_to(|_| (), data, Device::Cpu);
        let mut data = survey([200, 40, 100_000]);
        let (baseline, guided, size, limit, said) = cpu(&data);
        // 100,000 halved five times; all steps are made.
        assert_eq!((baseline, guided, size), (16, 8, 128));
        assert_eq!(limit, Some([200, 40, 3125]));
        let start = "3125 of 100000 test images, so that it takes about ";
        let minutes = said[1].strip_prefix(start).unwrap().split(' ').next();
        let minutes: u32 = minutes.unwrap().parse().unwrap();
        assert!((20..=60).contains(&minutes), "{said:?}");
        // Never fewer than there are to train with: then these are halved, too.
        let (.., limit, said) = cpu(&survey([3000, 200_000, 50]));
        let [train, val, test] = limit.unwrap();
        assert!(train < 3000 && val == train && test == 50, "{said:?}");
        // A folder that data-prep has made stays as it is.
        data.prepared = true;
        let (.., limit, _) = cpu(&data);
        assert_eq!(limit, None);
    }

    #[test]
    fn a_network_from_a_file_keeps_the_size_of_its_images() {
        let start = OWN.find("[[model]]").unwrap();
        let end = OWN.find("[baseline]").unwrap();
        let model = "[[model]]\nfile = \"net.pt2\"\nattribution = \"ixg\"\n\n";
        let text = format!("{}{model}{}", &OWN[..start], &OWN[end..]);
        let (table, said) = table_of(&text, |_| (), &survey([5000, 100, 100]), Device::Cpu);
        assert_eq!(table["data"]["size"].as_integer(), Some(224));
        assert!(
            said.iter().all(|line| !line.starts_with("images at")),
            "{said:?}"
        );
        assert!(!said.is_empty());
    }
}
