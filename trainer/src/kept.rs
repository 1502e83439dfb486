//! The files of a run's epochs: weights of those that are kept, and the table of all.
//!
//! In this order, so that a program killed between any two of them loses nothing: the newest weights,
//! the table, the state to go on from (see [`crate::resume`]), and only then are weights removed that
//! neither of the two saved states has among the kept ones.

use crate::backbone::Model;
use crate::checkpoint::{self, Metadata};
use crate::config::ResolvedRun;
use crate::error::Result;
use crate::pareto;
use crate::run::{RunFolder, candidates, remove_if_there};
use crate::tables::{self, EpochRow};

/// The epochs to keep of `epochs`: the Pareto set, of a baseline the one with the highest F1.
fn kept(run: &ResolvedRun, epochs: &[EpochRow]) -> Vec<i32> {
    match run.config.guidance {
        Some(_) => pareto::front(&candidates(epochs)),
        None => pareto::best_f1(&candidates(epochs)).into_iter().collect(),
    }
}

/// Marks the epochs to keep, writes the newest if it is one, then the table: at every moment the
/// table's checkpoints are there.
///
/// # Errors
/// The disk's, and libtorch's.
pub fn write(
    run: &ResolvedRun,
    folder: &RunFolder,
    model: &Model,
    epochs: &mut [EpochRow],
) -> Result<()> {
    let kept = kept(run, epochs);
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
        checkpoint::save_with_hash(
            &folder.checkpoint_file(newest),
            &model.params.named(),
            &metadata,
        )?;
    }
    tables::write_epochs(&folder.epochs_table(), run, epochs)
}

/// Removes the weights of epochs that are kept neither after the newest epoch nor after the one
/// before, which a damaged state makes the newest again.
///
/// # Errors
/// The disk's.
pub fn remove_beaten(run: &ResolvedRun, folder: &RunFolder, epochs: &[EpochRow]) -> Result<()> {
    let before = kept(run, &epochs[..epochs.len().saturating_sub(1)]);
    for row in epochs {
        if !row.is_pareto && !before.contains(&row.epoch) {
            remove_if_there(&folder.checkpoint_file(row.epoch))?;
        }
    }
    Ok(())
}
