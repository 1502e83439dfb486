//! Computes explanations of B-cos networks in colour (docs/SPEC.md K), which `trainer explain --colour`
//! writes as an Arrow IPC stream of RGBA images. The dynamic weights W(x) of a class have six values for each
//! pixel, one for each input channel (r, g, b, 1 − r, 1 − g, 1 − b). Their proportions give the colour: which
//! colours of the pixel speak for the class. Their size gives the opacity: how much they do.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, BinaryArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::Schema;
use arrow::ipc::writer::StreamWriter;
use data_prep::dataset::Dataset;
use data_prep::table::{SCHEMA_KEY, TableSpec, VERSION_KEY};
use tch::{Device, TchError, Tensor};

use crate::batches::Batch;
use crate::error::{Error, Result};
use crate::explain::attribution::Explainable;
use crate::explain::explanations::{self, NonFinite};
use crate::explain::gradients::Order;
use crate::explain::methods::bcos::BCOS;
use crate::explain::stream::{self, Request, Subject};
use crate::finite;
use crate::machine::device;
use crate::names::Layer;
use crate::network::Mode;
use crate::progress::progress_bar;

/// The stream's table: one row for each explained (image, class) pair.
pub static COLOURS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("colours"));

/// Keeps divisors from being 0. Also the strength of a pixel that speaks against the class, as in the paper's
/// code.
const TINY: f64 = 1e-12;
/// The quantile of an image's strengths from which on a pixel is fully opaque; the B-cos authors' value.
const OPAQUE_AT: f64 = 0.995;

/// Returns 8-bit RGBA (N, H, W, 4) from an encoded input (N, 6, H, W) and its dynamic weights W(x) of the
/// same shape. A pixel's strength is the L2 norm of its six weights, or almost 0 where they speak against the
/// class (their sum times the input is negative). It is averaged over squares of `smooth` × `smooth` pixels, an
/// odd number (1 leaves it as it is), and gives the opacity.
///
/// # Errors
/// libtorch's.
pub fn rgba(input: &Tensor, weights: &Tensor, smooth: i64) -> Result<Tensor, TchError> {
    let channels = [1i64];
    let largest = weights.f_abs()?.f_amax(channels, true)?;
    let positive = weights
        .f_div(&largest.f_add_scalar(TINY)?)?
        .f_clamp_min(0.0)?;
    let (bright, dark) = (positive.f_narrow(1, 0, 3)?, positive.f_narrow(1, 3, 3)?);
    let rgb = bright.f_div(&bright.f_add(&dark)?.f_add_scalar(TINY)?)?;

    let contribution = input
        .f_mul(weights)?
        .f_sum_dim_intlist(channels.as_slice(), true, None)?;
    let mut alpha = weights
        .f_norm_scalaropt_dim(2, channels.as_slice(), true)?
        .f_masked_fill(&contribution.f_lt(0.0)?, TINY)?;
    if smooth > 1 {
        let padding = [(smooth - 1) / 2; 2];
        alpha = alpha.f_avg_pool2d([smooth; 2], [1, 1], padding, false, true, None)?;
    }
    let opaque = alpha
        .f_flatten(1, -1)?
        .f_quantile_scalar(OPAQUE_AT, 1, true, "linear")?
        .f_view([-1, 1, 1, 1])?
        .f_clamp_min(TINY)?;
    let alpha = alpha.f_div(&opaque)?.f_clamp(0.0, 1.0)?;
    Tensor::f_cat(&[&rgb, &alpha], 1)?
        .f_permute([0, 2, 3, 1])?
        .f_mul_scalar(255.0)?
        .f_round()?
        .f_to_kind(tch::Kind::Uint8)?
        .f_contiguous()
}

/// Streams the colours of every (image, label) pair that `request` asks for to `sink`.
///
/// # Errors
/// A network that is not B-cos; a non-finite logit, map or weight; those of [`stream::open`] and the
/// disk's.
pub fn explain(
    subject: &Subject,
    dataset: &Dataset,
    request: &Request,
    device: Device,
    smooth: i64,
    sink: impl Write,
) -> Result<()> {
    if !subject.backbone.has_dynamic_weights {
        return Err(Error::invalid(
            &subject.weights,
            "backbone",
            subject.backbone.to_string(),
            "a B-cos network: no other explains in colour",
        ));
    }
    let opened = stream::open(subject, dataset, request, device)?;
    let model = &opened.model;
    let mut metadata = HashMap::from([
        (SCHEMA_KEY.to_owned(), COLOURS.name.to_owned()),
        (VERSION_KEY.to_owned(), COLOURS.version.to_string()),
        ("run_id".to_owned(), subject.run_id.clone()),
        ("checkpoint".to_owned(), subject.checkpoint.to_string()),
        ("split".to_owned(), request.split.to_string()),
        ("smooth".to_owned(), smooth.to_string()),
        ("precision".to_owned(), model.precision.to_string()),
        ("batch_size".to_owned(), opened.batch_size.to_string()),
    ]);
    if !dataset.task().is_conventional() {
        metadata.insert("task".to_owned(), dataset.task().to_string());
    }
    let fields = COLOURS.schema().fields().clone();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let writing = |source| Error::from(evaluator::error::Error::MapStream { source });
    let mut writer = StreamWriter::try_new(sink, &schema).map_err(writing)?;
    let bar = progress_bar(opened.indices.len() as u64, "colouring");
    for images in explanations::batches(dataset, &opened.indices, opened.batch_size) {
        let (device, kind) = (model.params.device(), model.params.kind());
        let batch = Batch::load(dataset, &images, None, device, kind)?;
        let input = tch::no_grad(|| model.encode(&batch.images))?;
        let explainable =
            Explainable::new(model, BCOS, Layer::Input, &input, Mode::Eval, Order::First)?;
        let labels = |row: usize| dataset.images[images[row]].labels.as_slice();
        // One backward pass for the first labels of all images, one for their second labels, and so on.
        let ranks = (0..images.len()).map(|row| labels(row).len()).max();
        for rank in 0..ranks.unwrap_or(0) {
            let pairs: Vec<(i64, i64)> = (0..images.len())
                .filter_map(|row| Some((row as i64, i64::from(*labels(row).get(rank)?))))
                .collect();
            let weights = explainable.weights(&pairs)?;
            let made = (explainable.logits(), &input, &weights);
            if let Some(found) = first_non_finite(made, smooth, &images, &pairs)? {
                return Err(subject.non_finite(dataset, found));
            }
            let colours = tch::no_grad(|| rgba(&input, &weights, smooth))?;
            let rows = batch_of(dataset, &images, &pairs, &colours)?;
            let rows = RecordBatch::try_new(schema.clone(), rows).map_err(writing)?;
            writer.write(&rows).map_err(writing)?;
        }
        bar.inc(images.len() as u64);
    }
    bar.finish_and_clear();
    writer.finish().map_err(writing)
}

/// Returns the first non-finite value of the images in `pairs`: a logit of any class, else a value of the pair's
/// attribution map (Σ_c W_c x_c), else a strength of its pixels. A strength counts as non-finite if it would
/// overflow when summed over a square of `smooth` × `smooth` pixels. `images` are indices into the data set.
fn first_non_finite(
    (logits, input, weights): (&Tensor, &Tensor, &Tensor),
    smooth: i64,
    images: &[usize],
    pairs: &[(i64, i64)],
) -> Result<Option<NonFinite>> {
    let channels = [1i64];
    let maps = input
        .f_mul(weights)?
        .f_sum_dim_intlist(channels.as_slice(), false, None)?;
    let strengths = weights
        .f_norm_scalaropt_dim(2, channels.as_slice(), false)?
        .f_mul_scalar((smooth * smooth) as f64)?;
    let n_classes = logits.size()[1] as usize;
    let logits = device::download(logits)?;
    let [maps, strengths] = [
        finite::largest_of_rows(&maps)?,
        finite::largest_of_rows(&strengths)?,
    ];
    Ok(pairs.iter().find_map(|&(row, class)| {
        let row = row as usize;
        let of_image = &logits[row * n_classes..][..n_classes];
        // A logit may be another class's than the pair's.
        let logits = of_image.iter().enumerate();
        let mut values = logits
            .map(|(class, &logit)| (class, "logit", logit))
            .chain([
                (class as usize, "attribution map", maps[row]),
                (class as usize, "weights", strengths[row]),
            ]);
        let (class, what, value) = values.find(|(.., value)| !value.is_finite())?;
        Some(NonFinite {
            image: images[row],
            class_id: class as i32,
            what,
            value,
        })
    }))
}

/// Returns the table's columns, with a row for each of `pairs` (row of the batch, class); `colours` are
/// (N, H, W, 4).
fn batch_of(
    dataset: &Dataset,
    images: &[usize],
    pairs: &[(i64, i64)],
    colours: &Tensor,
) -> Result<Vec<ArrayRef>> {
    let (height, width) = (colours.size()[1], colours.size()[2]);
    let colours = colours.f_to_device(Device::Cpu)?;
    let mut bytes = vec![0u8; colours.numel()];
    let count = bytes.len();
    colours.f_copy_data_u8(&mut bytes, count)?;
    let size = (height * width * 4) as usize;
    let side = |side: i64| Arc::new(Int32Array::from(vec![side as i32; pairs.len()]));
    let id = |row: i64| dataset.images[images[row as usize]].image_id.as_str();
    Ok(vec![
        Arc::new(StringArray::from_iter_values(
            pairs.iter().map(|&(row, _)| id(row)),
        )),
        Arc::new(Int32Array::from_iter_values(
            pairs.iter().map(|&(_, class)| class as i32),
        )),
        side(height),
        side(width),
        Arc::new(BinaryArray::from_iter_values(
            pairs
                .iter()
                .map(|&(row, _)| &bytes[row as usize * size..][..size]),
        )),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Four pixels: one with its weight on red, one on the complement of red, one with a negative weight
    /// (against the class) and one without weight. They must come out red and opaque, black and half as opaque,
    /// and the last two transparent. `weights` are (channel, pixel): number 4 · channel + pixel.
    #[test]
    fn colours_of_four_pixels() {
        let mut weights = vec![0f64; 24];
        (weights[0], weights[3 * 4 + 1], weights[2]) = (2.0, 1.0, -4.0);
        let weights = Tensor::from_slice(&weights).view([1, 6, 1, 4]);
        let input = weights.ones_like() * 0.5;
        let found = rgba(&input, &weights, 1).unwrap();
        assert_eq!(found.size(), [1, 1, 4, 4]);
        let found = Vec::<u8>::try_from(found.flatten(0, -1)).unwrap();
        // Strengths 2, 1, 0, 0; their 99.5th percentile is 1.985.
        assert_eq!(
            found,
            [255, 0, 0, 255, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    /// In the second of two images (indices 7 and 9) the logit of class 2 is NaN, a weight infinite, or a weight
    /// so large that its square overflows. Each must be found, with its class, if the image is in one of the
    /// pairs, and only then. The pair's own class is 0.
    #[test]
    fn what_is_not_finite_is_named_before_it_is_coloured() {
        let input = Tensor::ones([2, 6, 1, 4], (tch::Kind::Float, Device::Cpu)) * 0.5;
        let found = |logit: f64, weight: f64| {
            let logits = Tensor::zeros([2, 3], (tch::Kind::Float, Device::Cpu));
            let weights = input.ones_like();
            let _ = (
                logits.get(1).get(2).fill_(logit),
                weights.get(1).get(0).fill_(weight),
            );
            let made = (&logits, &input, &weights);
            assert!(
                first_non_finite(made, 1, &[7, 9], &[(0, 1)])
                    .unwrap()
                    .is_none()
            );
            let found = first_non_finite(made, 1, &[7, 9], &[(0, 1), (1, 0)]).unwrap();
            found.map(|found| (found.image, found.class_id, found.what))
        };
        assert_eq!(found(1.0, 2.0), None);
        assert_eq!(found(f64::NAN, 2.0), Some((9, 2, "logit")));
        assert_eq!(found(1.0, f64::INFINITY), Some((9, 0, "attribution map")));
        assert_eq!(found(1.0, 1e30), Some((9, 0, "weights")));
    }
}
