//! Checks that the data, networks and weights that a user must provide for a recipe are there, before anything
//! is built or written.

use std::path::Path;

use anyhow::{Result, bail};
use rustix::fs::{Access, access};

use crate::drive::recipe::{Experiment, NetworkFile};
use crate::drive::step::workshop::source;
use crate::install::weights;
use crate::system::paths;

/// Fails if the folder `out` could not be made or written in.
pub(super) fn check_out(out: &Path) -> Result<()> {
    let there = out.ancestors().find(|folder| folder.exists());
    let is_usable = |folder: &Path| folder.is_dir() && access(folder, Access::WRITE_OK).is_ok();
    if !there.is_some_and(is_usable) {
        bail!("--out: {}: expected a folder to write in", out.display());
    }
    Ok(())
}

/// Fails if `--data` (`given`) is needed and missing, names no folder, or is given and not needed.
pub(super) fn check_data(experiment: &Experiment, given: Option<&Path>) -> Result<()> {
    // All but the synthetic scenes, which data-prep draws itself.
    let all = experiment.data.iter();
    let needed: Vec<_> = all.filter(|data| !data.is_embedded()).collect();
    if let (true, Some(dir)) = (needed.is_empty(), given) {
        bail!(
            "--data: found {}, expected none: the recipe's synthetic scenes are built in",
            dir.display()
        );
    }
    if let (2.., None) = (needed.len(), given) {
        let folders: Vec<&str> = needed.iter().map(|data| data.folder()).collect();
        let folders = folders.join(", ");
        bail!("--data: found nothing, expected a folder that contains {folders}");
    }
    for data in needed {
        let name = data.published().unwrap_or("your data");
        let Some(folder) = source(experiment, data, given) else {
            bail!(
                "--data: found nothing, expected the folder of {name}\nhint: {}",
                match name {
                    "waterbirds-100" =>
                        "the folder that holds waterbird_1.0_forest2water2 and CUB_200_2011"
                            .to_owned(),
                    "voc2007" | "coco2014" => format!("cargo xtask download {name}"),
                    _ => "data.root in the recipe, or --data, names it".to_owned(),
                }
            );
        };
        if !folder.is_dir() {
            bail!(
                "--data: found no folder {}, expected the folder of {name}",
                folder.display()
            );
        }
    }
    Ok(())
}

/// Fails if a file is missing that a model of the recipe takes its network from.
pub(super) fn check_networks(experiment: &Experiment) -> Result<()> {
    let mut networks = experiment.networks.iter();
    networks.try_for_each(NetworkFile::check_there)
}

/// The backbones of the recipe whose ImageNet weights are neither in `dir` (`--weights`) nor can be
/// downloaded by `cargo xtask weights`.
pub(super) fn missing_weights<'a>(experiment: &'a Experiment, dir: Option<&Path>) -> Vec<&'a str> {
    let mut names = experiment.weights();
    names.retain(|name| weights::find(name, dir).is_none() && !weights::names().contains(name));
    names
}

/// Fails if weights of [`missing_weights`] are missing; one message names all of them. `dir` is `--weights`.
pub(super) fn check_weights(experiment: &Experiment, dir: Option<&Path>) -> Result<()> {
    let names = missing_weights(experiment, dir);
    let Some(first) = names.first() else {
        return Ok(());
    };
    let files: Vec<String> = names
        .iter()
        .map(|name| format!("{name}.safetensors"))
        .collect();
    bail!(
        "--weights: found {}, expected a folder with {}\nhint: from the file that its authors \
         publish: trainer import FILE --backbone {first} --out DIR/{first}.safetensors",
        dir.map_or("nothing".to_owned(), paths::shown),
        files.join(", ")
    )
}
