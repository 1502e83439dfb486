//! Validation after an epoch: explains the validation images with the model as it is now and computes
//! F1, mAP, EPG and IoU, with the formulas of the crate `evaluator`. EPG (the share of a map's positive attribution
//! inside the boxes) and IoU are of (image, class) pairs: an image and a class on it. The maps of some pairs are
//! returned, for TensorBoard.

use data_prep::dataset::Dataset;
use rayon::prelude::*;

use crate::batches::Resident;
use crate::error::{Error, Result};
use crate::explain::attribution::Attribution;
use crate::explain::explanations::{self, Bounds, ExplainedBatch, PairMap};
use crate::machine::stop::Stop;
use crate::names::Layer;
use crate::network::Model;
use crate::progress::progress_bar;

/// The value, in a map scaled to 0–1, above which a pixel counts as attributed for IoU (docs/SPEC.md B).
/// It is the only threshold of the official code.
const IOU_THRESHOLD: f64 = 0.5;

/// The metrics of a split, each 0–1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// Micro F1. A class is predicted at logit 0 and above; where images show exactly one class, it is the one with
    /// the greatest logit.
    pub f1: f64,
    /// Macro mean average precision.
    pub map: f64,
    /// Mean EPG over (image, label) pairs; undefined counts as 0.
    pub epg: f64,
    /// Mean IoU over the same pairs.
    pub iou: f64,
}

/// The result of a validation.
#[derive(Clone, Debug)]
pub struct Validated {
    /// The metrics of all images.
    pub metrics: Metrics,
    /// The maps of the pairs that were asked for.
    pub maps: Vec<PairMap>,
    /// Height and width of the maps.
    pub size: (usize, usize),
}

/// Evaluates `model` after `epoch` on the images `indices`, whose pixels come from `resident` if it has
/// all of them, and keeps the maps of the (image, class) pairs `shown`. Returns `None` if the program was
/// asked to stop before the end. The metrics are summed in the order of the images whatever the batches were. So
/// the batch size, which depends on free memory, changes nothing but the rounding of maps.
///
/// # Errors
/// A non-finite logit or map, and libtorch's.
pub fn validate(
    (model, epoch): (&Model, i32),
    dataset: &Dataset,
    (indices, resident): (&[usize], Option<&Resident>),
    (attribution, layer): (Attribution, Layer),
    (bounds, stop): (Bounds, &Stop),
    shown: &[(usize, i32)],
) -> Result<Option<Validated>> {
    let bar = progress_bar(indices.len() as u64, "validation");
    let n_classes = dataset.classes.len();
    let mut images = Vec::with_capacity(indices.len());
    let (mut maps, mut size) = (Vec::new(), (0, 0));
    let batch_size = explanations::batch_size(model, dataset.grid(), (attribution, layer), bounds)?;
    for batch in explanations::batches(dataset, indices, batch_size) {
        if stop.is_asked() {
            bar.finish_and_clear();
            return Ok(None);
        }
        let explained =
            explanations::explain(model, dataset, (&batch, resident), attribution, layer)?;
        check(&explained, dataset, epoch)?;
        let scores: Vec<(f64, f64)> = explained
            .pairs
            .par_iter()
            .map(|pair| {
                let mask = dataset.class_mask(&dataset.images[pair.image], pair.class_id, 0.0);
                let score = evaluator::score_pair(&pair.map, explained.size, &mask, IOU_THRESHOLD);
                (score.epg.unwrap_or(0.0), score.iou)
            })
            .collect();
        let mut scores = scores.into_iter();
        for (&index, logits) in explained
            .images
            .iter()
            .zip(explained.logits.chunks(n_classes))
        {
            let n_labels = dataset.images[index].labels.len();
            let pairs: Vec<(f64, f64)> = scores.by_ref().take(n_labels).collect();
            images.push((index, logits.to_vec(), pairs));
        }
        size = explained.size;
        let is_shown = |pair: &PairMap| shown.contains(&(pair.image, pair.class_id));
        maps.extend(explained.pairs.into_iter().filter(is_shown));
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    images.sort_by_key(|(index, ..)| *index);
    let (mut logits, mut decisions, mut targets) = (Vec::new(), Vec::new(), Vec::new());
    let (mut epg, mut iou, mut n_pairs) = (0.0, 0.0, 0usize);
    for (index, of_image, pairs) in images {
        let labels = &dataset.images[index].labels;
        targets.extend((0..n_classes as i32).map(|class_id| labels.contains(&class_id)));
        decisions.extend_from_slice(&evaluator::metrics::pooled::decided(
            &of_image,
            model.labels,
        ));
        logits.extend(of_image);
        for (pair_epg, pair_iou) in pairs {
            epg += pair_epg;
            iou += pair_iou;
            n_pairs += 1;
        }
    }
    let n_pairs = n_pairs.max(1) as f64;
    let metrics = Metrics {
        f1: evaluator::metrics::pooled::f1_micro(&decisions, &targets).unwrap_or(0.0),
        map: evaluator::metrics::pooled::mean_average_precision(&logits, &targets, n_classes)
            .unwrap_or(0.0),
        epg: epg / n_pairs,
        iou: iou / n_pairs,
    };
    Ok(Some(Validated {
        metrics,
        maps,
        size,
    }))
}

/// Refuses non-finite logits and maps. The loss of a training step is computed before its update, so
/// validation is the first forward pass with the weights after the epoch's last step.
fn check(explained: &ExplainedBatch, dataset: &Dataset, epoch: i32) -> Result<()> {
    let Some(found) = explained.first_non_finite() else {
        return Ok(());
    };
    let ids = explained.images.iter();
    let ids: Vec<&str> = ids
        .map(|&index| dataset.images[index].image_id.as_str())
        .collect();
    Err(Error::NonFinite {
        epoch,
        step: "validation".to_owned(),
        term: format!("{}s", found.what),
        images: ids.join(" "),
    })
}
