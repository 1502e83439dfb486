//! What a recipe needs of its user: data and weights. Asked for before anything is built or written.

use std::path::Path;

use anyhow::{Result, bail};

use crate::drive::recipe::Experiment;
use crate::drive::step::workshop::source;
use crate::install::weights;
use crate::system::paths;

/// Refuses a folder of data that is missing, or is not asked for.
pub(super) fn check_data(experiment: &Experiment, given: Option<&Path>) -> Result<()> {
    let needing = || {
        experiment
            .data
            .iter()
            .filter(|data| !data.dataset.is_embedded())
    };
    if let (0, Some(dir)) = (needing().count(), given) {
        bail!(
            "--data: found {}, expected none: the recipe's scenes are embedded",
            dir.display()
        );
    }
    for data in needing() {
        let (name, several) = (data.dataset.name(), needing().count() > 1);
        let Some(folder) = source(experiment, data, given) else {
            bail!(
                "--data: found nothing, expected the folder of {name}\nhint: {}",
                match (several, name) {
                    (true, _) =>
                        "the folder that holds VOCdevkit, coco2014, waterbirds-100".to_owned(),
                    (false, "waterbirds-100") =>
                        "the folder that holds waterbird_1.0_forest2water2 and CUB_200_2011"
                            .to_owned(),
                    (false, "voc2007" | "coco2014") => format!("cargo xtask download {name}"),
                    (false, _) => "data-prep help says what each source reads".to_owned(),
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

/// The backbones whose ImageNet weights are neither there nor published as a package.
pub(super) fn missing_weights<'a>(experiment: &'a Experiment, dir: Option<&Path>) -> Vec<&'a str> {
    let mut names = experiment.weights();
    names.retain(|name| weights::find(name, dir).is_none() && !weights::names().contains(name));
    names
}

/// Refuses a recipe whose weights are missing, all of them at once.
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
