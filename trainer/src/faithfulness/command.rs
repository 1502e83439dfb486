//! Measures the pairs of a split: runs images, and what measures make of them, through the network in batches.

use std::collections::{BTreeMap, HashMap, HashSet};

use data_prep::dataset::{Dataset, Labels};
use tch::{Device, Kind, Tensor};

use crate::batches::Batch;
use crate::error::{Error, Result};
use crate::explain::explanations::{Explaining, NonFinite};
use crate::explain::log_odds::log_odds;
use crate::explain::stream::{self, Opened, Request, Subject};
use crate::faithfulness::arguments::Arguments;
use crate::faithfulness::baseline::{BASELINES, baselines};
use crate::faithfulness::list::MEASURES;
use crate::faithfulness::measure::{Answer, Measure, Taken};
use crate::faithfulness::pair::{self, Pair};
use crate::faithfulness::randomisation;
use crate::faithfulness::table::{Common, Table, Value};
use crate::machine::device;
use crate::names::Layer;
use crate::network::{Mode, Model};
use crate::progress::progress_bar;

/// Measures a network's maps of a split and writes the table; returns its rows.
///
/// # Errors
/// Those of [`stream::open`]; a split without a class on an image; a non-finite logit or map; the disk's.
pub fn measure(args: &Arguments, device: Device) -> Result<Vec<Value>> {
    let (subject, _) = args.network.subject()?;
    let dataset = Dataset::open(&args.data)?.with_task(args.task.unwrap_or(subject.task))?;
    let request = Request {
        split: args.split,
        attribution: args.network.attribution,
        layer: args.network.layer,
        bounds: args.network.bounds(),
    };
    let opened = stream::open(&subject, &dataset, &request, device)?;
    let chosen = pair::choose(&dataset, &opened.indices, args.pairs as usize);
    if chosen.is_empty() {
        let found = format!("no {} image with a class on it", args.split);
        return Err(Error::invalid(dataset.dir(), "labels", found, "at least 1"));
    }
    let (attribution, layer) = opened.method;
    let steps = usize::from(args.steps);
    let common = Common {
        run_id: subject.run_id.clone(),
        checkpoint: subject.checkpoint,
        split: args.split.to_string(),
        attribution: attribution.to_string(),
        layer: layer.to_string(),
        precision: opened.model.precision.to_string(),
        steps,
    };
    let table = Table::create(&args.out, &dataset, common)?;
    let randomised = subject.model(dataset.classes.len(), device)?;
    randomisation::randomise(&randomised)?;
    let work = Work {
        subject: &subject,
        dataset: &dataset,
        opened: &opened,
        randomised: &randomised,
        steps,
    };
    let values = work.values(&chosen)?;
    table.finish(&dataset, &values)?;
    Ok(values)
}

/// Returns a line for people for each measure and baseline: the mean, and over how many pairs.
pub fn summary(values: &[Value]) -> String {
    let key = |value: &Value| (value.measure, value.baseline);
    let mut keys: Vec<_> = values.iter().map(key).collect();
    let mut seen = HashSet::new();
    keys.retain(|key| seen.insert(*key));
    let line = |of: (&str, Option<&str>)| {
        let of_key = values.iter().filter(|value| key(value) == of);
        let found: Vec<f64> = of_key.map(|value| value.value).collect();
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        let (measure, baseline) = of;
        let baseline = baseline.map_or(String::new(), |baseline| format!(" ({baseline})"));
        format!(
            "{measure}{baseline}: mean {mean:.4} of {} pairs",
            found.len()
        )
    };
    keys.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What there is to do.
struct Work<'a> {
    subject: &'a Subject,
    dataset: &'a Dataset,
    opened: &'a Opened,
    /// The same network with random weights.
    randomised: &'a Model,
    steps: usize,
}

impl Work<'_> {
    /// Returns the values of `pairs` (index of the image, class), in their order.
    fn values(&self, pairs: &[(usize, i32)]) -> Result<Vec<Value>> {
        let mut of_images: BTreeMap<usize, Vec<i32>> = BTreeMap::new();
        for &(image, class_id) in pairs {
            of_images.entry(image).or_default().push(class_id);
        }
        let of_images: Vec<(usize, Vec<i32>)> = of_images.into_iter().collect();
        let bar = progress_bar(of_images.len() as u64, "measuring");
        let mut values = Vec::new();
        for batch in of_images.chunks(self.opened.batch_size) {
            let indices: Vec<usize> = batch.iter().map(|(image, _)| *image).collect();
            let (device, kind) = (self.opened.model.params.device(), Kind::Float);
            let images = Batch::load(self.dataset, &indices, None, device, kind)?.images;
            let own = self.maps(&self.opened.model, &images, batch)?;
            self.check(&own, batch)?;
            let randomised = self.maps(self.randomised, &images, batch)?;
            let scaled = self.opened.model.scaled(&images)?;
            for (row, (image, classes)) in batch.iter().enumerate() {
                let shown = scaled.f_get(row as i64)?;
                for (at, &class_id) in classes.iter().enumerate() {
                    let map = &own.maps[row][at];
                    let images = &self.dataset.images;
                    let pair = Pair::new(
                        self.dataset,
                        (&images[*image], class_id),
                        (map, own.size),
                        self.steps,
                    );
                    let found = self.altered(&pair, (*image, class_id), &shown)?;
                    let similarity = randomisation::similarity(map, &randomised.maps[row][at]);
                    let value = |(measure, baseline, value)| Value {
                        image: *image,
                        class_id,
                        measure,
                        baseline,
                        value,
                    };
                    values.extend(found.into_iter().map(value));
                    let similarity = similarity.map(|found| (randomisation::NAME, None, found));
                    values.extend(similarity.map(value));
                }
                bar.inc(1);
            }
        }
        bar.finish_and_clear();
        Ok(values)
    }

    /// Returns the logits and maps of `model` for the classes of each image of a batch. Those of random weights may
    /// be non-finite.
    fn maps(&self, model: &Model, images: &Tensor, batch: &[(usize, Vec<i32>)]) -> Result<Maps> {
        let (attribution, layer) = self.opened.method;
        let images_of = &self.dataset.images;
        let image_ids = batch.iter().map(|(image, _)| &images_of[*image].image_id);
        let image_ids: Vec<&str> = image_ids.map(String::as_str).collect();
        let classes: Vec<&[i32]> = batch.iter().map(|(_, classes)| &classes[..]).collect();
        let explaining = Explaining::new(model, (images, &image_ids), attribution, layer)?;
        Ok(Maps {
            maps: explaining.maps(&classes)?,
            size: explaining.size,
            logits: explaining.logits,
        })
    }

    /// Refuses non-finite logits and maps.
    fn check(&self, found: &Maps, batch: &[(usize, Vec<i32>)]) -> Result<()> {
        let is_wrong = |value: &&f32| !value.is_finite();
        let n_classes = self.dataset.classes.len();
        for (row, (image, classes)) in batch.iter().enumerate() {
            let logits = &found.logits[row * n_classes..][..n_classes];
            if let Some(class) = logits.iter().position(|logit| !logit.is_finite()) {
                return Err(self.non_finite((*image, class as i32), "logit", logits[class]));
            }
            for (&class_id, map) in classes.iter().zip(&found.maps[row]) {
                if let Some(&value) = map.iter().find(is_wrong) {
                    return Err(self.non_finite((*image, class_id), "attribution map", value));
                }
            }
        }
        Ok(())
    }

    /// Returns (measure, baseline, value) of all measures that alter the image `shown` (H, W, 3), with values in 0–1.
    fn altered(
        &self,
        pair: &Pair,
        key: (usize, i32),
        shown: &Tensor,
    ) -> Result<Vec<(&'static str, Option<&'static str>, f64)>> {
        let asked = MEASURES.iter();
        let asked = asked.filter_map(|measure| Some((measure, (measure.images)(pair)?)));
        let asked: Vec<(&Measure, Vec<Taken>)> = asked.collect();
        // Measures have images in common, such as the whole one.
        let mut places: HashMap<&Taken, usize> = HashMap::new();
        let mut taken: Vec<&Taken> = Vec::new();
        for cells in asked.iter().flat_map(|(_, images)| images) {
            places.entry(cells).or_insert_with(|| {
                taken.push(cells);
                taken.len() - 1
            });
        }
        let answers = self.answers(key, shown, &taken)?;
        let mut values = Vec::new();
        for (measure, images) in &asked {
            for (baseline, answers) in BASELINES.iter().zip(&answers) {
                let answers: Vec<Answer> = images.iter().map(|i| answers[places[i]]).collect();
                let value = (measure.value)(pair, &answers);
                values.push((measure.name, Some(baseline.name), value));
            }
        }
        Ok(values)
    }

    /// Asks the network for the class of an image that shows each baseline in each of the lists of cells `taken`:
    /// for each baseline an answer for each list. The encoding of a pixel depends on that pixel alone, so image and
    /// baselines are encoded once.
    fn answers(
        &self,
        key: (usize, i32),
        shown: &Tensor,
        taken: &[&Taken],
    ) -> Result<Vec<Vec<Answer>>> {
        let model = &self.opened.model;
        let (height, width) = (shown.size()[0], shown.size()[1]);
        // Batches of equal size: a small last one would take longer for each image.
        let n_batches = taken.len().div_ceil(self.opened.batch_size).max(1);
        let a_batch = taken.len().div_ceil(n_batches).max(1);
        let image = model.encode_scaled(&shown.f_unsqueeze(0)?)?;
        let replaced = model.encode_scaled(&baselines(shown)?)?;
        let mut answers = vec![Vec::new(); BASELINES.len()];
        for part in taken.chunks(a_batch) {
            let cells: Vec<bool> = part
                .iter()
                .flat_map(|cells| cells.iter().copied())
                .collect();
            let cells = Tensor::f_from_slice(&cells)?;
            let cells = cells.f_view([part.len() as i64, 1, height, width])?;
            let cells = device::upload(&cells, model.params.device())?;
            for (at, answers) in (0..).zip(&mut answers) {
                let replaced = replaced.f_narrow(0, at, 1)?;
                let input = model.in_memory_format(replaced.f_where_self(&cells, &image)?)?;
                answers.extend(self.asked(key, &input)?);
            }
        }
        Ok(answers)
    }

    /// Asks the network for the class of encoded images.
    fn asked(&self, (image, class_id): (usize, i32), input: &Tensor) -> Result<Vec<Answer>> {
        let model = &self.opened.model;
        let logits = tch::no_grad(|| {
            let features = model.features(input, Layer::Final, Mode::Eval)?;
            model.logits(&features, Layer::Final, Mode::Eval)
        })?;
        let mut logits = device::download(&logits)?;
        let n_classes = self.dataset.classes.len();
        let mut answers = Vec::with_capacity(logits.len() / n_classes);
        for logits in logits.chunks_mut(n_classes) {
            if model.labels == Labels::Single {
                log_odds(logits);
            }
            let logit = logits[class_id as usize];
            if !logit.is_finite() {
                return Err(self.non_finite((image, class_id), "logit of an altered image", logit));
            }
            answers.push(Answer { logit });
        }
        Ok(answers)
    }

    /// Returns the error for a non-finite value of a pair.
    fn non_finite(&self, (image, class_id): (usize, i32), what: &'static str, value: f32) -> Error {
        let found = NonFinite {
            image,
            class_id,
            what,
            value,
        };
        self.subject.non_finite(self.dataset, found)
    }
}

/// The logits and maps of a batch.
struct Maps {
    /// The logits of all classes of each image; of a softmax their log-odds.
    logits: Vec<f32>,
    /// For each image a map for each of its classes, row-major.
    maps: Vec<Vec<Vec<f32>>>,
    /// Their height and width.
    size: (usize, usize),
}
