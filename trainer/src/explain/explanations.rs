//! Computes the logits of images and a map for each (image, label) pair, in batches that fit into memory. A
//! label is a class that the image shows.
//!
//! Each batch has one forward pass, then one backward pass for the first labels of all its images, one for
//! the second labels, and so on. In evaluation mode the images of a batch do not depend on each other, so the
//! gradient of the sum of their logits consists of each image's own gradient. The result is therefore the
//! same as with one backward pass for each pair (docs/SPEC.md H.11).

use std::sync::Once;

use data_prep::dataset::{Dataset, Labels};
use data_prep::geometry::Grid;
use tch::{Kind, Tensor};

use crate::batches::{Batch, Resident};
use crate::error::Result;
use crate::explain::attribution::{Attribution, Explainable};
use crate::explain::gradients::Order;
use crate::explain::log_odds::log_odds;
use crate::machine::device;
use crate::names::Layer;
use crate::network::{Mode, Model};

/// The map of one (image, class) pair at the layer's own resolution.
#[derive(Clone, Debug)]
pub struct PairMap {
    /// Index into the data set's images.
    pub image: usize,
    /// The explained class, one of the image's labels.
    pub class_id: i32,
    /// The logit of this class; of a network trained with softmax the log-odds of its probability.
    pub logit: f32,
    /// The map: height · width values, row-major.
    pub map: Vec<f32>,
}

/// A batch's logits and maps.
#[derive(Debug)]
pub struct ExplainedBatch {
    /// Indices into the data set's images.
    pub images: Vec<usize>,
    /// The logits of all classes, (N, K) row-major; of a softmax their log-odds.
    pub logits: Vec<f32>,
    /// Height and width of the maps.
    pub size: (usize, usize),
    /// A map for each image and each of its labels, in the order of `images` and of their labels.
    pub pairs: Vec<PairMap>,
}

/// A non-finite value of a logit or map.
#[derive(Clone, Copy, Debug)]
pub struct NonFinite {
    /// Index into the data set's images.
    pub image: usize,
    /// The class.
    pub class_id: i32,
    /// `logit`, `attribution map`, or `weights` (of colours).
    pub what: &'static str,
    /// The value.
    pub value: f32,
}

impl ExplainedBatch {
    /// Returns the first non-finite value, logits before maps.
    pub fn first_non_finite(&self) -> Option<NonFinite> {
        let n_classes = self.logits.len() / self.images.len().max(1);
        let is_wrong = |value: &&f32| !value.is_finite();
        let logits = self.logits.iter().position(|value| !value.is_finite());
        let logit = logits.map(|at| NonFinite {
            image: self.images[at / n_classes],
            class_id: (at % n_classes) as i32,
            what: "logit",
            value: self.logits[at],
        });
        let of_map = |pair: &PairMap| {
            pair.map.iter().find(is_wrong).map(|&value| NonFinite {
                image: pair.image,
                class_id: pair.class_id,
                what: "attribution map",
                value,
            })
        };
        logit.or_else(|| self.pairs.iter().find_map(of_map))
    }
}

/// Divides `images` into batches. They are sorted by their number of labels, so that the backward pass for,
/// say, third labels runs on few images without a third label. The order does not depend on `batch_size`.
pub fn batches(dataset: &Dataset, images: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    let mut sorted = images.to_vec();
    sorted.sort_by_key(|&index| (dataset.images[index].labels.len(), index));
    sorted.chunks(batch_size).map(<[usize]>::to_vec).collect()
}

/// How large a batch of explanations may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Images at most.
    pub images: usize,
    /// Bytes of memory at most; absent: half of what is free, where that can be found out.
    pub memory: Option<u64>,
}

/// Returns the number of images of the size of `grid` in a batch, at least 1, with which explaining stays
/// within `bounds`. The memory that one image takes is measured by a pass through the network. A note is
/// printed, once, if memory allows fewer images than `bounds.images`.
///
/// # Errors
/// libtorch's.
pub fn batch_size(
    model: &Model,
    grid: Grid,
    (attribution, layer): (Attribution, Layer),
    bounds: Bounds,
) -> Result<usize> {
    let device = model.params.device();
    let budget = bounds
        .memory
        .or_else(|| device::free_memory(device).map(|free| free / 2));
    let Some(budget) = budget else {
        return Ok(bounds.images.max(1));
    };
    let size = [1, grid.height as i64, grid.width as i64, 3];
    let blank = Tensor::f_zeros(size, (Kind::Uint8, device))?;
    let an_image = tch::no_grad(|| model.footprint(&model.encode(&blank)?, layer))?;
    // The measured memory is that of a pass with our own vjps; libtorch's backward pass keeps more tensors.
    let an_image = match attribution.dynamic_weights.are_the_chains(model.backbone) {
        true => an_image,
        false => AUTOGRAD * an_image,
    };
    let fits = usize::try_from(budget / an_image.max(1)).unwrap_or(usize::MAX);
    let most = bounds.images.max(1);
    let images = fits.clamp(1, most);
    if images < most {
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            say!("note: maps are made of {images} image(s) at a time, not {most}: memory has no room for more");
        });
    }
    Ok(images)
}

/// Memory that libtorch's backward pass keeps, as a multiple of what the vjps (vector–Jacobian products) written
/// in `network/pass` keep: an estimate.
const AUTOGRAD: u64 = 3;

/// A batch that has gone through the network: its logits, and the maps that are asked for.
pub struct Explaining<'a> {
    explainable: Explainable<'a>,
    /// The logits of all classes, (N, K) row-major; of a softmax their log-odds.
    pub logits: Vec<f32>,
    /// Height and width of the maps.
    pub size: (usize, usize),
}

impl<'a> Explaining<'a> {
    /// Runs the network, in evaluation mode, on `images` (N, H, W, 3), 8-bit RGB on the network's device.
    /// `image_ids` are theirs, for methods that draw random numbers.
    ///
    /// # Errors
    /// libtorch's.
    pub fn new(
        model: &'a Model,
        (images, image_ids): (&Tensor, &[&str]),
        attribution: Attribution,
        layer: Layer,
    ) -> Result<Self> {
        // Only the part after the layer is differentiated.
        let features = tch::no_grad(|| model.features(&model.encode(images)?, layer, Mode::Eval))?
            .f_detach()?;
        let explainable = Explainable::new(
            model,
            attribution,
            layer,
            &features,
            Mode::Eval,
            Order::First,
        )?
        .of_images(image_ids);
        let mut logits = device::download(explainable.logits())?;
        if model.labels == Labels::Single {
            let n_classes = logits.len() / image_ids.len().max(1);
            logits.chunks_mut(n_classes.max(1)).for_each(log_odds);
        }
        let size = explainable.size();
        Ok(Explaining {
            explainable,
            logits,
            size,
        })
    }

    /// Computes the maps of each image's `classes`: for each image, in the batch's order, a map for each of its
    /// classes in their order, height · width values row-major.
    ///
    /// # Errors
    /// libtorch's.
    pub fn maps(&self, classes: &[&[i32]]) -> Result<Vec<Vec<Vec<f32>>>> {
        let cells = self.size.0 * self.size.1;
        let ranks = classes.iter().map(|classes| classes.len()).max();
        let mut of_images: Vec<Vec<Vec<f32>>> = classes.iter().map(|_| Vec::new()).collect();
        // The first classes of all images together, then the second ones, and so on.
        for rank in 0..ranks.unwrap_or(0) {
            let chosen: Vec<(i64, i64)> = classes
                .iter()
                .enumerate()
                .filter_map(|(row, classes)| Some((row as i64, i64::from(*classes.get(rank)?))))
                .collect();
            let maps = device::download(&self.explainable.maps(&chosen)?)?;
            for (row, _) in chosen {
                let row = row as usize;
                of_images[row].push(maps[row * cells..(row + 1) * cells].to_vec());
            }
        }
        Ok(of_images)
    }
}

/// Computes the logits of the images `indices`, one batch, and the maps of all their labels, in evaluation
/// mode. Pixels come from `resident` if it has all of them.
///
/// # Errors
/// libtorch's.
pub fn explain(
    model: &Model,
    dataset: &Dataset,
    (indices, resident): (&[usize], Option<&Resident>),
    attribution: Attribution,
    layer: Layer,
) -> Result<ExplainedBatch> {
    let (device, kind) = (model.params.device(), model.params.kind());
    let batch = Batch::load(dataset, indices, resident, device, kind)?;
    let image = |&index: &usize| &dataset.images[index];
    let image_ids: Vec<&str> = indices.iter().map(|i| image(i).image_id.as_str()).collect();
    let labels: Vec<&[i32]> = indices.iter().map(|i| image(i).labels.as_slice()).collect();
    let explaining = Explaining::new(model, (&batch.images, &image_ids), attribution, layer)?;
    let maps = explaining.maps(&labels)?;
    let Explaining { logits, size, .. } = explaining;
    let mut pairs = Vec::new();
    for (row, maps) in maps.into_iter().enumerate() {
        for (&class_id, map) in labels[row].iter().zip(maps) {
            pairs.push(PairMap {
                image: indices[row],
                class_id,
                logit: logits[row * dataset.classes.len() + class_id as usize],
                map,
            });
        }
    }
    Ok(ExplainedBatch {
        images: indices.to_vec(),
        logits,
        size,
        pairs,
    })
}
