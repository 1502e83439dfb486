//! `trainer explain`: computes a checkpoint's attribution maps for every (image, label) pair of a split and
//! writes them as an Arrow IPC stream, which `evaluator score` or any other program reads. The logits are
//! written as a table. The checkpoint is an epoch of a finished run, or a weight file taken by itself, without its run.

use std::io::Write;
use std::path::{Path, PathBuf};

use data_prep::dataset::{Dataset, Labels, Split, Task};
use evaluator::maps::{MapRow, MapWriter, RunColumns};
use sha2::{Digest, Sha256};
use tch::{Device, Kind};

use crate::error::{Error, Result};
use crate::explain::attribution::Attribution;
use crate::explain::explanations::{self, Bounds, NonFinite, PairMap};
use crate::explain::gradients::Order;
use crate::explain::predictions::{Predicted, PredictionsWriter};
use crate::machine::device;
use crate::names::{Explained, Layer, Precision};
use crate::network::{Backbone, Model};
use crate::progress::progress_bar;
use crate::run::finished::FinishedRun;
use crate::weights::{checkpoint, described};

/// The network to explain: its weights, how it is explained by default, and how the tables name it.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The run's id; for a weight file `weights-` and the first 12 hex digits of its SHA-256.
    pub(crate) run_id: String,
    /// The epoch; 0 for a weight file.
    pub(crate) checkpoint: i32,
    /// The file of the weights.
    pub(crate) weights: PathBuf,
    pub(crate) backbone: Backbone,
    /// The attribution method, unless the request names another.
    attribution: Attribution,
    /// The layer, unless the request names another.
    layer: Layer,
    /// The hash of the data that the run was trained on; `None` for a weight file.
    data_inputs: Option<String>,
    /// The task the run was trained for: the annotated classes, or (reversed, of Waterbirds) the backgrounds.
    pub task: Task,
    /// Whether an image shows any number of classes or exactly one.
    pub(crate) labels: Labels,
    /// What its maps explain: a class's logit, or its contrast to the other classes' logits.
    explained: Explained,
    /// The precision to compute in, where the device has it.
    pub precision: Precision,
}

impl Subject {
    /// Returns the subject for `epoch` of `run`; without an epoch, for the one with the highest validation
    /// F1.
    ///
    /// # Errors
    /// An epoch that was not kept.
    pub fn of_run(run: &FinishedRun, epoch: Option<i32>) -> Result<Self> {
        let checkpoint = epoch.unwrap_or(run.best_f1_epoch);
        Ok(Subject {
            run_id: run.run_id.clone(),
            checkpoint,
            weights: run.checkpoint_file(checkpoint)?,
            backbone: run.backbone,
            attribution: run.attribution,
            layer: run.layer,
            data_inputs: Some(run.data_inputs.clone()),
            task: run.task,
            labels: run.labels,
            explained: run.explained,
            precision: run.precision,
        })
    }

    /// Returns the subject for the weights in `file`, a safetensors file of the trainer, which names the backbone. The
    /// default method and layer are the paper's (docs/SPEC.md): B-cos networks are explained at their input, others
    /// at the final layer.
    ///
    /// # Errors
    /// A file that cannot be read or does not say its backbone.
    pub fn of_weights(file: &Path) -> Result<Self> {
        let (_, metadata) = checkpoint::load(file)?;
        let backbone = described::of_metadata(&metadata, file)?;
        let (labels, explained) = described::task_of(&metadata, file)?;
        // 6 bytes are 12 hex digits.
        let digest: String = Sha256::digest(fs_err::read(file)?)
            .iter()
            .take(6)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let layer = match backbone.has_dynamic_weights {
            true => Layer::Input,
            false => Layer::Final,
        };
        Ok(Subject {
            run_id: format!("weights-{digest}"),
            checkpoint: 0,
            weights: file.to_owned(),
            backbone,
            attribution: Attribution::usual(backbone),
            layer,
            data_inputs: None,
            task: Task::Conventional,
            labels,
            explained,
            precision: Precision::F32,
        })
    }

    /// Returns the error for a non-finite value, which names image, class and weight file.
    pub(crate) fn non_finite(&self, dataset: &Dataset, found: NonFinite) -> Error {
        let image = &dataset.images[found.image].image_id;
        let class = &dataset.classes[found.class_id as usize];
        self.not_finite((image, class), found.what, found.value)
    }

    /// Returns the error for a non-finite `value` of an image and class.
    pub(crate) fn not_finite(&self, (image, class): (&str, &str), what: &str, value: f32) -> Error {
        let field = format!("image {image}, class {class}, {what}");
        Error::invalid(&self.weights, field, value.to_string(), "finite numbers")
    }

    /// Returns the method and the layer that the subject is explained with: those given, else its own.
    ///
    /// # Errors
    /// A method that is not defined for the network, a layer that it does not have.
    pub(crate) fn method(
        &self,
        attribution: Option<Attribution>,
        layer: Option<Layer>,
    ) -> Result<(Attribution, Layer)> {
        let attribution = attribution.unwrap_or(self.attribution);
        attribution
            .check(self.backbone, Order::First) // maps are read here, not differentiated
            .map_err(|expected| {
                let found = attribution.to_string();
                Error::invalid(&self.weights, "attribution", found, expected)
            })?;
        let layer = layer.unwrap_or(self.layer);
        self.backbone.check_layer(layer).map_err(|expected| {
            Error::invalid(&self.weights, "layer", layer.to_string(), expected)
        })?;
        Ok((attribution, layer))
    }

    /// Loads the network, with `n_classes` classes.
    ///
    /// # Errors
    /// A file that cannot be read, weights for another number of classes, libtorch's.
    pub(crate) fn model(&self, n_classes: usize, device: Device) -> Result<Model> {
        let any_seed = 0; // all weights come from the file
        let mut model = Model::new(self.backbone, n_classes, any_seed, device, Kind::Float)?;
        model.precision = device::allow(self.precision, device)?;
        model.labels = self.labels;
        model.explained = self.explained;
        let (tensors, _) = checkpoint::load(&self.weights)?;
        let file = self.weights.display().to_string();
        model.params.load(&tensors, &[], &file)?;
        Ok(model)
    }
}

/// Which images to explain, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The split whose images are explained.
    pub split: Split,
    /// The attribution method; absent: the subject's.
    pub attribution: Option<Attribution>,
    /// The layer; absent: the subject's.
    pub layer: Option<Layer>,
    /// How large a batch may be.
    pub bounds: Bounds,
}

/// A loaded network, and the images to explain.
pub struct Opened {
    /// The network with the subject's weights.
    pub model: Model,
    /// The split's images, as indices into the data set's images.
    pub indices: Vec<usize>,
    /// Attribution method and layer: the request's, else the subject's.
    pub method: (Attribution, Layer),
    /// Images in a batch, within the request's bounds.
    pub batch_size: usize,
}

/// Loads the network of `subject` and finds the images that `request` asks for.
///
/// # Errors
/// A data folder other than the one the run was trained on, or with images of another size than the network takes;
/// weights for another number of classes, an attribution method that is not defined for the network, a split without
/// images.
pub fn open(
    subject: &Subject,
    dataset: &Dataset,
    request: &Request,
    device: Device,
) -> Result<Opened> {
    if let Some(inputs) = &subject.data_inputs
        && inputs != dataset.inputs()
    {
        return Err(Error::invalid(
            dataset.dir(),
            "inputs",
            dataset.inputs(),
            format!("{inputs}, the data the run was trained on"),
        ));
    }
    subject.backbone.check_images(dataset)?;
    let method = subject.method(request.attribution, request.layer)?;
    let indices = dataset.indices(request.split);
    if indices.is_empty() {
        return Err(Error::invalid(
            dataset.dir(),
            "images",
            format!("no {} image", request.split),
            "at least 1",
        ));
    }
    let model = subject.model(dataset.classes.len(), device)?;
    let batch_size = explanations::batch_size(&model, dataset.grid(), method, request.bounds)?;
    Ok(Opened {
        model,
        indices,
        method,
        batch_size,
    })
}

/// Streams the maps of `subject` to `maps` and writes its logits to the table `predictions`, if there is a
/// path for it.
///
/// # Errors
/// A non-finite logit or map, those of [`open`], of the disk and the pipe.
pub fn explain(
    subject: &Subject,
    dataset: &Dataset,
    request: &Request,
    device: Device,
    maps: impl Write,
    predictions: Option<&Path>,
) -> Result<()> {
    let Opened {
        model,
        indices,
        method: (attribution, layer),
        batch_size,
    } = open(subject, dataset, request, device)?;
    let columns = RunColumns {
        run_id: Some(subject.run_id.clone()),
        checkpoint: Some(subject.checkpoint),
        split: Some(request.split),
        task: Some(dataset.task()).filter(|task| !task.is_conventional()),
        attribution: Some(attribution.to_string()),
        layer: Some(layer.to_string()),
        precision: Some(model.precision.to_string()),
        batch_size: u32::try_from(batch_size).ok(),
    };
    let mut writer = MapWriter::new(maps, &columns)?;
    let mut table = match predictions {
        Some(path) => {
            let of = Predicted {
                run_id: subject.run_id.clone(),
                checkpoint: subject.checkpoint,
                split: request.split,
                precision: model.precision,
                labels: model.labels,
                batch_size,
            };
            Some(PredictionsWriter::create(path, dataset.inputs(), of)?)
        }
        None => None,
    };
    let bar = progress_bar(indices.len() as u64, "explaining");
    for batch in explanations::batches(dataset, &indices, batch_size) {
        let explained = explanations::explain(&model, dataset, (&batch, None), attribution, layer)?;
        if let Some(found) = explained.first_non_finite() {
            return Err(subject.non_finite(dataset, found));
        }
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
    // The table is finished first: a program that has read the stream to its end finds the table there.
    if let Some(table) = table {
        table.finish()?;
    }
    writer.finish()?;
    Ok(())
}
