//! `trainer step-times`: how long a training step of several runs takes on this machine, measured in turn. In each
//! round every run makes a step, each round begins with another run, and the first round does not count. Whatever else
//! the machine does then meets all runs alike, so that their times can be compared (docs/SPEC.md F, R9). The steps are
//! those of the runs' configurations, with new weights and random images, on which their time does not depend.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use arrow::array::{Float64Array, Int32Array, StringArray};
use data_prep::table::{Provenance, TableSpec, TableWriter};
use tch::{Cuda, Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::guide::objective::{self, LocalizationTerm, MaskTargets};
use crate::machine::device;
use crate::network::Model;
use crate::run::config::RunConfig;
use crate::run::finished::FinishedRun;
use crate::run::schema::PROGRAM;
use crate::train::adam::Adam;
use crate::train::start;

/// The table: a row for each run and round.
pub static STEP_TIMES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("step_times"));

/// Classes of the network's head; their number does not matter.
const CLASSES: i64 = 20;

/// A step of one run, measured.
#[derive(Clone, Debug, PartialEq)]
pub struct StepTime {
    /// The run's id.
    pub run_id: String,
    /// The round, from 1.
    pub round: i32,
    /// Seconds for each image.
    pub seconds: f64,
}

/// Times steps of the finished runs in `folders` for so many `rounds`, and writes the table `out`.
///
/// # Errors
/// A folder that is no finished run, a run given twice, runs on different data, libtorch's, and the disk's.
pub fn measure(
    folders: &[PathBuf],
    rounds: u16,
    device: Device,
    out: &Path,
) -> Result<Vec<StepTime>> {
    let runs: Vec<FinishedRun> = folders
        .iter()
        .map(|folder| FinishedRun::open(folder))
        .collect::<Result<_>>()?;
    let first = &runs[0];
    for (index, run) in runs.iter().enumerate().skip(1) {
        if runs[..index].iter().any(|other| other.run_id == run.run_id) {
            let folder = &run.folder.dir;
            return Err(Error::invalid(
                folder,
                "run",
                "the same run again",
                "each run once",
            ));
        }
        if run.data_inputs != first.data_inputs {
            let expected = format!("{}, the data of {}", first.data_inputs, first.run_id);
            let table = run.folder.run_table();
            return Err(Error::invalid(
                table,
                "data_inputs",
                &run.data_inputs,
                expected,
            ));
        }
    }
    let provenance = Provenance::new(PROGRAM, &first.data_inputs);
    let mut writer = TableWriter::create(out, &STEP_TIMES, &provenance)?;
    let mut steppers: Vec<Stepper> = runs
        .iter()
        .map(|run| Stepper::new(run, device))
        .collect::<Result<_>>()?;
    let n = steppers.len();
    let mut times = Vec::new();
    for round in 0..=rounds {
        for place in 0..n {
            let index = (usize::from(round) + place) % n;
            let seconds = steppers[index].timed()?;
            if round > 0 {
                times.push(StepTime {
                    run_id: runs[index].run_id.clone(),
                    round: round.into(),
                    seconds,
                });
            }
        }
    }
    let device = device::describe(device);
    let batch = STEP_TIMES.batch(vec![
        Arc::new(StringArray::from_iter_values(
            times.iter().map(|time| &time.run_id),
        )),
        Arc::new(Int32Array::from_iter_values(
            times.iter().map(|time| time.round),
        )),
        Arc::new(Float64Array::from_iter_values(
            times.iter().map(|time| time.seconds),
        )),
        Arc::new(StringArray::from_iter_values(times.iter().map(|_| &device))),
    ])?;
    writer.write(&batch)?;
    writer.finish()?;
    Ok(times)
}

/// What makes steps of one run, always on the same batch.
struct Stepper {
    model: Model,
    adam: Adam,
    learning_rate: f64,
    /// (images, height, width, 3), 0 to 1.
    images: Tensor,
    /// (images, classes): each image shows the first class.
    targets: Tensor,
    /// The localization term, and masks over the middle of every image; `None` for a baseline.
    guidance: Option<(LocalizationTerm, MaskTargets)>,
    /// Images in a step: a micro-batch, where the run has these.
    n_images: i64,
}

impl Stepper {
    fn new(run: &FinishedRun, device: Device) -> Result<Self> {
        let config = RunConfig {
            backbone: run.backbone, // its checkpoints', whatever the network's file holds now
            ..RunConfig::read(&run.folder.config_file())?
        };
        let model = start::model(&config, CLASSES as usize, device)?;
        if model.bcosification()?.is_some() {
            model.bcosify(1.0)?;
        }
        let n_images = config.micro_batch.unwrap_or(config.batch_size) as i64;
        let (height, width) = (run.input.height as i64, run.input.width as i64);
        let number = (Kind::Float, device);
        let targets = Tensor::f_zeros([n_images, CLASSES], number)?;
        let _ = targets.f_narrow(1, 0, 1)?.f_fill_(1.0)?;
        let guidance = match &config.guidance {
            None => None,
            Some(guidance) => {
                let masks = Tensor::f_zeros([n_images, height, width], number)?;
                let middle = masks.f_narrow(1, height / 4, height / 2)?;
                let _ = middle.f_narrow(2, width / 4, width / 2)?.f_fill_(1.0)?;
                let area = (height / 2 * (width / 2)) as f64;
                let areas = match guidance.loss.loss().needs_areas {
                    true => vec![area; n_images as usize],
                    false => Vec::new(),
                };
                let term = LocalizationTerm {
                    attribution: config.attribution,
                    layer: config.layer,
                    loss: guidance.loss.clone(),
                    lambda: guidance.lambda,
                };
                let targets = MaskTargets {
                    pairs: (0..n_images).map(|row| (row, 0)).collect(),
                    annotated: (0..n_images).collect(),
                    masks,
                    areas,
                };
                Some((term, targets))
            }
        };
        Ok(Self {
            adam: Adam::new(model.params.trained(), config.decay())?,
            learning_rate: config.learning_rate,
            images: Tensor::f_rand([n_images, height, width, 3], number)?,
            targets,
            guidance,
            n_images,
            model,
        })
    }

    /// Makes a step; returns its seconds for each image.
    fn timed(&mut self) -> Result<f64> {
        let started = Instant::now();
        let input = self.model.encode_scaled(&self.images)?;
        let terms = match &self.guidance {
            None => objective::plain(&self.model, &input, &self.targets)?,
            Some((term, targets)) => {
                objective::guided(&self.model, &input, &self.targets, term, targets)?
            }
        };
        let gradient = self.adam.gradient(&terms.total)?;
        self.adam.apply(&gradient, self.learning_rate)?;
        if let Device::Cuda(index) = self.images.device() {
            Cuda::synchronize(index as i64);
        }
        Ok(started.elapsed().as_secs_f64() / self.n_images as f64)
    }
}
