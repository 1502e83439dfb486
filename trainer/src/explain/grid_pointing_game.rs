//! `trainer grid-pointing-game` (docs/SPEC.md K). n × n images of different classes are put together into one
//! image, the grid, which is explained for each of these classes. The score of a cell, the place of one
//! image, is the share of its class's positive attribution that lies in the cell. The crate `evaluator` has
//! the formula of the shares; this file chooses the images, puts them together, explains them and writes the
//! table of scores.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use arrow::array::{Float64Array, Int32Array, StringArray};
use data_prep::dataset::{Dataset, Labels};
use data_prep::geometry::Grid;
use data_prep::table::{Provenance, TableSpec, write_table};
use evaluator::maps::to_grid;
use evaluator::metrics::grid_pointing::{cell_shares, percentile, smoothed};
use tch::{Device, Tensor};

use crate::batches::Batch;
use crate::error::{Error, Result};
use crate::explain::attribution::Explainable;
use crate::explain::explanations::NonFinite;
use crate::explain::gradients::Order;
use crate::explain::log_odds::log_odds;
use crate::explain::predictions::probability;
use crate::explain::stream::{self, Opened, Request, Subject};
use crate::machine::device;
use crate::names::Layer;
use crate::network::Mode;
use crate::progress::progress_bar;
use crate::random;
use crate::run::schema::PROGRAM;

/// The table: one row for each cell of each grid.
pub static GRID_POINTING_GAME: LazyLock<TableSpec> =
    LazyLock::new(|| TableSpec::declared("grid_pointing_game"));

/// The options of a game.
#[derive(Clone, Copy, Debug)]
pub struct Game {
    /// Images on each side of a grid.
    pub n: usize,
    /// Grids at most, at least 1.
    pub grids: usize,
    /// Maps are averaged over squares of `smooth` × `smooth` pixels, an odd number; 1 leaves them as
    /// they are.
    pub smooth: usize,
    /// An image is used only if the network gives its class a greater probability than this, 0–1.
    pub confidence: f64,
    /// The seed by which the classes of each grid are drawn.
    pub seed: u64,
}

/// An image that may be put into a grid.
#[derive(Clone, Debug)]
struct Candidate {
    /// Index into the data set's images.
    image: usize,
    /// The image's only label.
    class_id: i32,
    /// The probability that the network gives this class.
    confidence: f64,
}

/// Plays the game, writes the table `out`, and returns the scores, one for each cell of each grid.
///
/// # Errors
/// A network that takes no images as large as a grid, a non-finite logit or map, fewer than n² classes with a
/// confident image, and those of [`stream::open`].
pub fn play(
    subject: &Subject,
    dataset: &Dataset,
    request: &Request,
    game: Game,
    device: Device,
    out: &Path,
) -> Result<Vec<f64>> {
    let whole = Grid {
        height: dataset.grid().height * game.n,
        width: dataset.grid().width * game.n,
    };
    subject
        .backbone
        .check_size([whole.height, whole.width])
        .map_err(|expected| {
            let found = format!("{}×{}", whole.height, whole.width);
            Error::invalid(&subject.weights, "size of the grids", found, expected)
        })?;
    let opened = stream::open(subject, dataset, request, device)?;
    let model = &opened.model;
    let by_class = candidates(subject, &opened, dataset, game.confidence)?;
    let n_found = by_class.iter().filter(|found| !found.is_empty()).count();
    let n_needed = game.n * game.n;
    if n_found < n_needed {
        return Err(Error::invalid(
            dataset.dir(),
            "images",
            format!(
                "{n_found} classes with a {} image that has no other label and is recognised with a confidence above {}",
                request.split, game.confidence
            ),
            format!("at least {n_needed}, one for each cell of a grid"),
        ));
    }
    let grids = draw(dataset, by_class, game);
    let (attribution, layer) = opened.method;
    let mut scores = Vec::with_capacity(grids.len() * game.n * game.n);
    let bar = progress_bar(grids.len() as u64, "pointing");
    for cells in &grids {
        let image = composite(dataset, cells, game.n, whole)?;
        let features = tch::no_grad(|| model.features(&model.encode(&image)?, layer, Mode::Eval))?
            .f_detach()?;
        let image_id = |cell: &Candidate| dataset.images[cell.image].image_id.as_str();
        let image_ids: Vec<&str> = cells.iter().map(image_id).collect();
        let image_ids = image_ids.join(" ");
        let explainable = Explainable::new(
            model,
            attribution,
            layer,
            &features,
            Mode::Eval,
            Order::First,
        )?
        // The grid is one image to methods that draw random numbers for each image; this is its id.
        .of_images(&[&image_ids]);
        let spoilt = |class: usize, what: &str, value: f32| {
            let image = format!("{image_ids} (one grid)");
            subject.not_finite((&image, &dataset.classes[class]), what, value)
        };
        let logits = device::download(explainable.logits())?;
        if let Some(class) = logits.iter().position(|logit| !logit.is_finite()) {
            return Err(spoilt(class, "logit", logits[class]));
        }
        let shape = explainable.size();
        for (cell, candidate) in cells.iter().enumerate() {
            let map = explainable.maps(&[(0, i64::from(candidate.class_id))])?;
            let map = device::download(&map)?;
            if let Some(&value) = map.iter().find(|value| !value.is_finite()) {
                let class = candidate.class_id as usize;
                return Err(spoilt(class, "attribution map", value));
            }
            let map = smoothed(&to_grid(&map, shape, whole), whole, game.smooth);
            scores.push(cell_shares(&map, whole, game.n)[cell]);
        }
        bar.inc(1);
    }
    bar.finish_and_clear();

    let flat: Vec<(usize, usize, &Candidate)> = grids
        .iter()
        .enumerate()
        .flat_map(|(grid, cells)| (0..).zip(cells).map(move |(cell, c)| (grid, cell, c)))
        .collect();
    let same = |text: String| Arc::new(StringArray::from(vec![text; flat.len()]));
    let batch = GRID_POINTING_GAME.batch(vec![
        same(subject.run_id.clone()),
        Arc::new(Int32Array::from(vec![subject.checkpoint; flat.len()])),
        same(request.split.to_string()),
        same(attribution.to_string()),
        same(layer.to_string()),
        Arc::new(Int32Array::from_iter_values(
            flat.iter().map(|row| row.0 as i32),
        )),
        Arc::new(Int32Array::from_iter_values(
            flat.iter().map(|row| row.1 as i32),
        )),
        Arc::new(StringArray::from_iter_values(
            flat.iter().map(|row| &dataset.images[row.2.image].image_id),
        )),
        Arc::new(Int32Array::from_iter_values(
            flat.iter().map(|row| row.2.class_id),
        )),
        Arc::new(Float64Array::from_iter_values(
            flat.iter().map(|row| row.2.confidence),
        )),
        Arc::new(Float64Array::from(scores.clone())),
    ])?;
    let provenance = Provenance::new(PROGRAM, dataset.inputs())
        .with("guidance.seed", game.seed.to_string())
        .with("guidance.smooth", game.smooth.to_string())
        .with("guidance.confidence", game.confidence.to_string())
        .with("guidance.precision", model.precision.to_string());
    write_table(out, &GRID_POINTING_GAME, &provenance, &batch)?;
    Ok(scores)
}

/// Returns the number of scores, their mean, quartiles and maximum in one line for people.
pub fn summary(scores: &[f64]) -> String {
    let mean = scores.iter().sum::<f64>() / scores.len().max(1) as f64;
    let of = |percent| percentile(scores, percent).unwrap_or(0.0);
    format!(
        "{} scores, mean {mean:.4}, percentiles 25 {:.4}, 50 {:.4}, 75 {:.4}, 100 {:.4}",
        scores.len(),
        of(25.0),
        of(50.0),
        of(75.0),
        of(100.0)
    )
}

/// Returns for each class the images that have it as their only label and are recognised: its logit is the
/// highest (or one of equals), with a confidence above `least`. The most confident come first.
fn candidates(
    subject: &Subject,
    opened: &Opened,
    dataset: &Dataset,
    least: f64,
) -> Result<Vec<Vec<Candidate>>> {
    let model = &opened.model;
    let n_classes = dataset.classes.len();
    let mut by_class = vec![Vec::new(); n_classes];
    let single: Vec<usize> = opened
        .indices
        .iter()
        .copied()
        .filter(|&index| dataset.images[index].labels.len() == 1)
        .collect();
    for images in single.chunks(opened.batch_size) {
        let (device, kind) = (model.params.device(), model.params.kind());
        let batch = Batch::load(dataset, images, None, device, kind)?;
        let logits =
            tch::no_grad(|| model.logits(&model.encode(&batch.images)?, Layer::Input, Mode::Eval))?;
        for (&image, logits) in images
            .iter()
            .zip(device::download(&logits)?.chunks(n_classes))
        {
            if let Some(class) = logits.iter().position(|logit| !logit.is_finite()) {
                let found = NonFinite {
                    image,
                    class_id: class as i32,
                    what: "logit",
                    value: logits[class],
                };
                return Err(subject.non_finite(dataset, found));
            }
            let class_id = dataset.images[image].labels[0];
            let class = class_id as usize;
            let confidence = confidence(logits, class, model.labels);
            if confidence > least && logits.iter().all(|&other| other <= logits[class]) {
                by_class[class].push(Candidate {
                    image,
                    class_id,
                    confidence,
                });
            }
        }
    }
    for candidates in &mut by_class {
        candidates.sort_by(|a, b| {
            let confidence = b.confidence.total_cmp(&a.confidence);
            confidence.then(a.image.cmp(&b.image))
        });
    }
    Ok(by_class)
}

/// Returns the probability, 0–1, that the network gives `class`, from its logits of one image: the sigmoid of
/// the class's logit, or with [`Labels::Single`] the softmax of all.
fn confidence(logits: &[f32], class: usize, labels: Labels) -> f64 {
    match labels {
        Labels::Multi => probability(logits[class]),
        Labels::Single => {
            let mut logits = logits.to_vec();
            log_odds(&mut logits);
            probability(logits[class])
        }
    }
}

/// Returns the cells of each grid, row by row. For each grid, n² classes are drawn among those that still
/// have an unused image; each class gives its most confident unused image.
fn draw(dataset: &Dataset, by_class: Vec<Vec<Candidate>>, game: Game) -> Vec<Vec<Candidate>> {
    let mut left: Vec<_> = by_class.into_iter().map(Vec::into_iter).collect();
    let mut grids = Vec::new();
    while grids.len() < game.grids {
        let classes: Vec<usize> = (0..left.len()).filter(|&c| left[c].len() > 0).collect();
        // `shuffled` expects images and an epoch; here they are classes and the number of the grid.
        let name = |class: usize| dataset.classes[class].as_str();
        let grid = grids.len() as u64;
        let drawn = random::shuffled(&classes, name, game.seed, "grid pointing game", grid);
        if drawn.len() < game.n * game.n {
            break;
        }
        let cells = drawn.into_iter().take(game.n * game.n);
        grids.push(cells.filter_map(|class| left[class].next()).collect());
    }
    grids
}

/// Puts the images of `cells` together in an n × n grid: (1, n·H, n·W, 3), 8 bit. `whole` is its size.
fn composite(dataset: &Dataset, cells: &[Candidate], n: usize, whole: Grid) -> Result<Tensor> {
    let cell = dataset.grid();
    let row_bytes = cell.width * 3;
    let mut bytes = Vec::with_capacity(whole.cells() * 3);
    for band in cells.chunks(n) {
        for y in 0..cell.height {
            for candidate in band {
                let pixels = dataset.pixels();
                let rgb = pixels.row(dataset.images[candidate.image].pixel_row);
                bytes.extend_from_slice(&rgb[y * row_bytes..][..row_bytes]);
            }
        }
    }
    let size = [1, whole.height as i64, whole.width as i64, 3];
    Ok(Tensor::f_from_data_size(&bytes, &size, tch::Kind::Uint8)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three logits of 3 and one of 0: each sigmoid of 3 is 0.9526, but the softmax shares 1 among the classes.
    #[test]
    fn confidence_is_what_the_network_was_trained_to_say() {
        let logits = [3.0, 3.0, 3.0, 0.0];
        let three = 3f64.exp();
        for (labels, expected) in [
            (Labels::Multi, three / (1.0 + three)),
            (Labels::Single, three / (3.0 * three + 1.0)),
        ] {
            let found = confidence(&logits, 1, labels);
            assert!((found - expected).abs() < 1e-7, "{labels}: {found}");
        }
    }
}
