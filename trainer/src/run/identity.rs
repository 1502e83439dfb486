//! Computes the two hashes that name a run (one training). The run id is a hash of everything that decides the
//! result. The configuration hash leaves out the seed and λ, the weight of the loss on attribution maps, so it is the
//! same for runs that differ only in these two; `trainer select` chooses their checkpoints together.

use data_prep::dataset::Labels;
use sha2::{Digest, Sha256};

use crate::guide::loss::Loss;
use crate::hex::hex;
use crate::names::{Precision, Schedule};
use crate::run::config::RunConfig;
use crate::train::adam::WeightDecay;

/// Returns the configuration hash, for the column `configuration` and for run ids: the first 12 hex digits
/// of a SHA-256 over everything that decides a result except λ and the seed. If a run begins from another
/// run, `origin` holds that run's configuration hash instead of its id and epoch. So runs of several seeds,
/// each of which begins from the baseline of its seed, have the same configuration hash. The run's name,
/// the device and the number of threads are left out: a name changes nothing, device and threads change
/// only rounding. The program's version is in it, because a formula changes only with the version.
pub(super) fn configuration(
    config: &RunConfig,
    precision: Precision,
    data_inputs: &str,
    origin: &str,
) -> String {
    let guidance = match &config.guidance {
        None => "none".to_owned(),
        Some(g) => format!(
            "{}\narea_exponent {}\nannotation {}\nannotated_fraction {:e}\ndilation {:e}",
            g.loss,
            loss_options(&g.loss),
            g.annotation,
            g.annotated_fraction,
            g.dilation
        ),
    };
    let micro_batch = config.micro_batch;
    short_hash(&format!(
        "version {}\ndata {data_inputs}\ntask {}\naugmentation {}\nbackbone {}\nattribution {}\nlayer {}\n\
         epochs {}\nlearning_rate {:e}\nbatch_size {}\nmicro_batch {}\nprecision {precision}\n\
         on_non_finite {}\ninit {origin}\nguidance {guidance}\n{}",
        env!("CARGO_PKG_VERSION"),
        config.task,
        config.augmentation,
        config.backbone,
        config.attribution,
        config.layer,
        config.epochs,
        config.learning_rate,
        config.batch_size,
        micro_batch.map_or("none".to_owned(), |images| images.to_string()),
        config.on_non_finite,
        variation(config),
    ))
}

/// Returns a line for each option that was added later and does not have its default value. The default does what
/// the program did before it had the option, so earlier configurations keep their hashes.
fn variation(config: &RunConfig) -> String {
    let mut lines = String::new();
    if config.decay() != WeightDecay::NONE {
        let (WeightDecay::L2(rate) | WeightDecay::Decoupled(rate)) = config.decay();
        lines += &format!("optimizer {}\nweight_decay {rate:e}\n", config.optimizer);
    }
    if config.schedule != Schedule::Constant {
        lines += &format!("schedule {}\n", config.schedule);
    }
    if let Some(steps) = config.warmup_steps {
        lines += &format!("warmup_steps {steps}\n");
    }
    if let Some(epochs) = config.warmup_epochs {
        lines += &format!("warmup_epochs {epochs}\n");
    }
    if config.backbone.is_bcosified {
        lines += &format!("bcosify_epochs {}\n", config.epochs_to_bcosify());
    }
    if let Some(weight) = config.distillation {
        lines += &format!("distillation {weight:e}\n");
    }
    if let Some(stopping) = &config.early_stopping {
        lines += &format!("early_stopping {stopping}\n");
    }
    if config.labels == Labels::Single {
        lines += &format!("labels single\nexplained {}\n", config.explained);
    }
    if let Some(description) = config.backbone.description {
        lines += &format!("network {}\n", hex(&Sha256::digest(description)));
    }
    if let Some(jitter) = &config.color_jitter {
        lines += &format!("color_jitter {jitter}\n");
    }
    lines
}

/// Returns the run id: a hash of the configuration (with the precision asked for; the device may compute in
/// another), λ, the seed, and exactly which weights the run begins from (`init`: a file's hash, or a run and epoch).
pub(super) fn run_id(config: &RunConfig, data_inputs: &str, init: &str, origin: &str) -> String {
    let configuration = configuration(config, config.precision, data_inputs, origin);
    let lambda = config.guidance.as_ref().map(|g| g.lambda);
    let lambda = lambda.map_or("none".to_owned(), |lambda| format!("{lambda:e}"));
    short_hash(&format!(
        "configuration {configuration}\nlambda {lambda}\nseed {}\ninit {init}\n",
        config.seed
    ))
}

/// Returns the values of the loss's options, sorted by the options' names, or `none`. The hashed text
/// labels them `area_exponent`, the only option there was at first; another label would change all ids.
fn loss_options(loss: &Loss) -> String {
    let values: Vec<String> = loss
        .options()
        .map(|(_, value)| format!("{value:e}"))
        .collect();
    match values.is_empty() {
        true => "none".to_owned(),
        false => values.join(", "),
    }
}

/// Returns the first 12 hex digits of the SHA-256 of `text`.
fn short_hash(text: &str) -> String {
    hex(&Sha256::digest(text))[..12].to_owned()
}
