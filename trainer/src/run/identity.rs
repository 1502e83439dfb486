//! The two hashes that name a run. The configuration is shared by runs that differ in λ and seed alone;
//! the run id is a hash of everything that decides the result.

use sha2::{Digest, Sha256};

use crate::guide::loss::Loss;
use crate::hex::hex;
use crate::names::Precision;
use crate::run::config::RunConfig;

/// The configuration, for the column of that name and for run ids: the first 12 hex digits of a SHA-256
/// over everything that decides a result except λ and the seed. Where a run begins from another run,
/// `origin` holds that run's configuration, not its id and epoch; so the runs of several seeds, each of
/// which begins from its seed's baseline, share one configuration. Name, device and number of threads
/// are not in it: the latter two change the rounding, not the experiment. The program's version is in
/// it, because no formula changes without it.
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
         on_non_finite {}\ninit {origin}\nguidance {guidance}\n",
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
    ))
}

/// The run id: a hash of the configuration as asked for, λ, the seed, and exactly which weights the run
/// begins from.
pub(super) fn run_id(config: &RunConfig, data_inputs: &str, init: &str, origin: &str) -> String {
    let configuration = configuration(config, config.precision, data_inputs, origin);
    let lambda = config.guidance.as_ref().map(|g| g.lambda);
    let lambda = lambda.map_or("none".to_owned(), |lambda| format!("{lambda:e}"));
    short_hash(&format!(
        "configuration {configuration}\nlambda {lambda}\nseed {}\ninit {init}\n",
        config.seed
    ))
}

/// The options' values by name, or `none`. Their label in the hashed text, `area_exponent`, dates from
/// when one loss had an option; with another label every run would have another id.
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

fn short_hash(text: &str) -> String {
    hex(&Sha256::digest(text))[..12].to_owned()
}
