//! `trainer explain`: a checkpoint's attribution maps for every (image, label) pair of a split, as a
//! stream for the evaluator or any other program, and its logits as a table.

use std::io::Write;
use std::path::Path;

use data_prep::dataset::{Dataset, Split};
use evaluator::maps::{MapRow, MapWriter, RunColumns};
use tch::{Device, Kind};

use crate::backbone::Model;
use crate::checkpoint;
use crate::error::{Error, Result};
use crate::explanations::{self, PairMap};
use crate::names::{Attribution, Layer};
use crate::run::FinishedRun;
use crate::tables::PredictionsWriter;
use crate::train::progress_bar;

/// What to explain.
#[derive(Clone, Debug)]
pub struct Request {
    /// Epoch of the checkpoint; absent: the one with the highest validation F1.
    pub checkpoint: Option<i32>,
    /// Which images.
    pub split: Split,
    /// Absent: the run's own.
    pub attribution: Option<Attribution>,
    /// Absent: the run's own.
    pub layer: Option<Layer>,
    /// Images a batch.
    pub batch_size: usize,
}

/// A checkpoint, and the images it is to explain.
pub struct Opened {
    /// The network with the checkpoint's weights.
    pub model: Model,
    /// The checkpoint's epoch.
    pub epoch: i32,
    /// The split's images.
    pub indices: Vec<usize>,
    /// What was asked for, else the run's own.
    pub setting: (Attribution, Layer),
}

/// Reads what `request` asks for.
///
/// # Errors
/// An epoch that was not kept, a data folder other than the run's, a split without images, an
/// attribution the network does not have.
pub fn open(
    run: &FinishedRun,
    dataset: &Dataset,
    request: &Request,
    device: Device,
) -> Result<Opened> {
    if run.data_inputs != dataset.inputs() {
        return Err(Error::invalid(
            dataset.dir(),
            "inputs",
            dataset.inputs(),
            format!("{}, the data the run was trained on", run.data_inputs),
        ));
    }
    let indices = dataset.indices(request.split);
    if indices.is_empty() {
        return Err(Error::invalid(
            dataset.dir(),
            "images",
            format!("no {} image", request.split),
            "at least 1",
        ));
    }
    let epoch = request.checkpoint.unwrap_or(run.best_f1_epoch);
    let file = run.checkpoint_file(epoch)?;
    let model = Model::new(run.backbone, dataset.classes.len(), 0, device, Kind::Float);
    model.params.load(
        &checkpoint::load(&file)?.0,
        &[],
        &file.display().to_string(),
    )?;

    let setting = (
        request.attribution.unwrap_or(run.attribution),
        request.layer.unwrap_or(run.layer),
    );
    Ok(Opened {
        model,
        epoch,
        indices,
        setting,
    })
}

/// Streams the maps of `run` to `maps` and writes its logits to `predictions`.
///
/// # Errors
/// Those of [`open`], the disk and the pipe.
pub fn explain(
    run: &FinishedRun,
    dataset: &Dataset,
    request: &Request,
    device: Device,
    maps: impl Write,
    predictions: Option<&Path>,
) -> Result<()> {
    let Opened {
        model,
        epoch,
        indices,
        setting: (attribution, layer),
    } = open(run, dataset, request, device)?;
    let columns = RunColumns {
        run_id: Some(run.run_id.clone()),
        checkpoint: Some(epoch),
        split: Some(request.split),
        task: Some(dataset.task()).filter(|task| !task.is_conventional()),
        attribution: Some(attribution.to_string()),
        layer: Some(layer.to_string()),
    };
    let mut writer = MapWriter::new(maps, &columns)?;
    let mut table = match predictions {
        Some(path) => Some(PredictionsWriter::create(
            path,
            dataset.inputs(),
            &run.run_id,
            epoch,
            &request.split.to_string(),
        )?),
        None => None,
    };
    let bar = progress_bar(indices.len() as u64, "explaining");
    for batch in explanations::batches(dataset, &indices, request.batch_size) {
        let explained = explanations::explain(&model, dataset, &batch, attribution, layer)?;
        let row = |pair: PairMap| MapRow {
            image_id: dataset.images[pair.image].image_id.clone(),
            class_id: pair.class_id,
            logit: Some(pair.logit),
            height: explained.size.0,
            width: explained.size.1,
            map: pair.map,
        };
        let rows: Vec<MapRow> = explained.pairs.into_iter().map(row).collect();
        writer.write(&rows)?;
        if let Some(table) = &mut table {
            let images: Vec<(&str, &[i32])> = explained
                .images
                .iter()
                .map(|&index| {
                    (
                        dataset.images[index].image_id.as_str(),
                        dataset.images[index].labels.as_slice(),
                    )
                })
                .collect();
            table.write(&images, &explained.logits)?;
        }
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    // The table first: whoever reads the end of the stream finds it whole.
    if let Some(table) = table {
        table.finish()?;
    }
    writer.finish()?;
    Ok(())
}
