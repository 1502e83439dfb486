//! Decides which epochs' weights (checkpoints) a run (one training) keeps, writes them and removes the others. After
//! each epoch the files are written in this order, so that a program killed between any two steps loses nothing:
//!
//! 1. [`write`] writes the weights of the newest epoch, if they are to be kept.
//! 2. [`write`] writes the table `epochs.parquet`. Every checkpoint that it marks as kept is then there.
//! 3. [`SavedStates::save`](crate::run::resume::SavedStates::save) writes `resume.safetensors`; the state
//!    before it stays as `resume.previous.safetensors`.
//! 4. [`remove_beaten`] removes the weights that are to be kept neither after the newest epoch nor after the
//!    epoch before. If the newest state turns out damaged, the run resumes from the previous one and repeats
//!    the newest epoch. On another GPU or CPU the repetition may differ in its last bits and be a worse
//!    epoch; then the weights that were to be kept before it are still needed.

use crate::error::Result;
use crate::network::Model;
use crate::run::epochs::{self, EpochRow, candidates};
use crate::run::folder::{RunFolder, remove_if_there};
use crate::run::pareto;
use crate::run::resolved::ResolvedRun;
use crate::weights::checkpoint::{self, Metadata};
use crate::weights::{classes, described};

/// Returns the epochs to keep: of a guided run the Pareto front on validation (F1, EPG, IoU; see
/// [`pareto`]), of a baseline (a run without guidance) the one with the highest F1. Epochs in which a network
/// is not yet B-cosified are never kept.
fn kept(run: &ResolvedRun, epochs: &[EpochRow]) -> Vec<i32> {
    let mut candidates = candidates(epochs);
    candidates.retain(|candidate| candidate.epoch >= run.config.epochs_to_bcosify());
    match run.config.guidance {
        Some(_) => pareto::front(&candidates),
        None => pareto::best_f1(&candidates).into_iter().collect(),
    }
}

/// Marks the epochs to keep, writes the newest one's weights if it is among them, then the table. `origin` says
/// where the weights that the run began from come from ([`weights::origin`](crate::weights::origin)).
///
/// # Errors
/// The disk's, and libtorch's.
pub fn write(
    run: &ResolvedRun,
    folder: &RunFolder,
    model: &Model,
    epochs: &mut [EpochRow],
    origin: &Metadata,
) -> Result<()> {
    let kept = kept(run, epochs);
    let newest = epochs.len() as i32;
    for row in epochs.iter_mut() {
        row.is_kept = kept.contains(&row.epoch);
    }
    if kept.contains(&newest) {
        let mut metadata = Metadata::from([
            ("run_id".to_owned(), run.run_id.clone()),
            ("epoch".to_owned(), newest.to_string()),
            (classes::KEY.to_owned(), classes::in_a_line(&run.classes)),
        ]);
        metadata.extend(described::metadata(run.config.backbone));
        metadata.extend(described::task_metadata(
            run.config.labels,
            run.config.explained,
        ));
        metadata.extend(origin.clone());
        checkpoint::save_with_hash(
            &folder.checkpoint_file(newest),
            &model.params.named(),
            &metadata,
        )?;
    }
    epochs::write(
        &folder.epochs_table(),
        &run.run_id,
        &run.data_inputs,
        epochs,
    )
}

/// Removes the weights of epochs that are to be kept neither among all `epochs` nor among all but the
/// newest.
///
/// # Errors
/// The disk's.
pub fn remove_beaten(run: &ResolvedRun, folder: &RunFolder, epochs: &[EpochRow]) -> Result<()> {
    let before = kept(run, &epochs[..epochs.len().saturating_sub(1)]);
    for row in epochs {
        if !row.is_kept && !before.contains(&row.epoch) {
            remove_if_there(&folder.checkpoint_file(row.epoch))?;
        }
    }
    Ok(())
}

/// Removes the files that only an unfinished run needs from the folder of a finished one.
///
/// # Errors
/// The disk's.
pub fn tidy(folder: &RunFolder) -> Result<()> {
    // The lock file is removed last, so that a folder without one is known to be tidy.
    if !folder.lock_file().exists() {
        return Ok(());
    }
    for row in epochs::read(&folder.epochs_table())? {
        if !row.is_kept {
            remove_if_there(&folder.checkpoint_file(row.epoch))?;
        }
    }
    remove_if_there(&folder.resume_file())?;
    remove_if_there(&folder.previous_resume_file())?;
    remove_if_there(&folder.lock_file())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const CONFIG: &str = "name = \"run\"\nbackbone = \"resnet18\"\nattribution = \"ixg\"\nlayer = \"final\"\n\
                          epochs = 4\n[init]\nfrom = \"scratch\"\n";

    /// The run is a baseline, and each epoch has a higher F1 than the one before, so the newest is the only one to
    /// keep. The weights of the epoch before must stay, too, because the previous saved state needs them.
    #[test]
    fn what_the_state_before_needs_is_kept() {
        let runs = tempfile::tempdir().unwrap();
        let run = ResolvedRun {
            config: toml::from_str(CONFIG).unwrap(),
            run_id: "run".to_owned(),
            dataset: "scenes".to_owned(),
            data_inputs: String::new(),
            init: "scratch".to_owned(),
            origin: "scratch".to_owned(),
            classes: Vec::new(),
            baseline: None,
            weights: None,
        };
        let folder = RunFolder::new(runs.path(), &run.run_id);
        let mut epochs = Vec::new();
        for epoch in 1..=4 {
            let mut numbers = [0.5; EpochRow::WIDTH];
            numbers[0] = f64::from(epoch); // the field `epoch`
            let mut row = EpochRow::from_numbers(numbers);
            row.val_f1 = 0.1 * f64::from(epoch);
            epochs.push(row);
            for row in &mut epochs {
                row.is_kept = row.epoch == epoch;
            }
            let file = folder.checkpoint_file(epoch);
            fs_err::create_dir_all(file.parent().unwrap()).unwrap();
            fs_err::write(&file, b"weights").unwrap();
            remove_beaten(&run, &folder, &epochs).unwrap();
            let is_there = |epoch: &i32| folder.checkpoint_file(*epoch).exists();
            let there: Vec<i32> = (1..=4).filter(is_there).collect();
            let expected: Vec<i32> = ((epoch - 1).max(1)..=epoch).collect();
            assert_eq!(there, expected);
        }
    }
}
