//! Builds the network of a run, and loads the weights that it begins from: another run's checkpoint, or a weight
//! file. They must fit the network. Only the head (the last, classifying layer) may be for other classes than the data's: then the
//! run's head stays randomly initialised, and a note is printed. A warning is printed if the other run was trained
//! on other data or for another task, because it is then no baseline (unguided run to compare with) of this run.

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::machine::device;
use crate::network::Model;
use crate::run::config::RunConfig;
use crate::run::finished::FinishedRun;
use crate::run::resolved::ResolvedRun;
use crate::weights::checkpoint::{self, Metadata};
use crate::weights::classes;

/// Returns the network of `config` for `n_classes` classes, with random weights of its seed, and with the precision,
/// labels and maps of its training on `device`.
///
/// # Errors
/// libtorch's.
pub(crate) fn model(config: &RunConfig, n_classes: usize, device: Device) -> Result<Model> {
    let mut model = Model::new(config.backbone, n_classes, config.seed, device, Kind::Float)?;
    model.precision = device::allow(config.precision, device)?;
    model.labels = config.labels;
    model.explained = config.explained;
    Ok(model)
}

/// Loads the weights that `run` begins from into `model`; does nothing for random weights.
///
/// # Errors
/// A file that cannot be read, or whose weights, the head aside, do not fit.
pub(crate) fn load(run: &ResolvedRun, model: &Model) -> Result<()> {
    let Some(path) = &run.weights else {
        return Ok(());
    };
    let file = path.display().to_string();
    let (mut tensors, metadata) = checkpoint::load(path)?;
    let head = run.config.backbone.head;
    let is_head = |name: &str| head.contains(&name);
    // A head of the right size may be for other classes, so its tensors are taken out by their names.
    if let Some(found) = other_head(run, model, &tensors, &metadata) {
        let (id, own) = (
            &run.run_id,
            classes::listed(&classes::in_a_line(&run.classes)),
        );
        say!("note: run {id}: the head is new, for {own}: {file} has {found}");
        tensors.retain(|(name, _)| !is_head(name));
    }
    model.params.load(&tensors, head, &file)?;
    if let Some(warning) = run
        .baseline
        .as_ref()
        .and_then(|other| no_baseline(run, other))
    {
        say!("warning: {warning}");
    }
    Ok(())
}

/// Describes the head in a weight file if it is not one for the classes of `run`, else returns `None`.
/// `tensors` and `metadata` are the file's. In a file that does not name its classes, a head of the
/// right size counts as one for the classes of `run`.
fn other_head(
    run: &ResolvedRun,
    model: &Model,
    tensors: &[(String, Tensor)],
    metadata: &Metadata,
) -> Option<String> {
    let named = metadata.get(classes::KEY);
    let mut n_classes = None;
    let mut fits = true;
    for param in model.params.entries() {
        let given = tensors.iter().find(|(name, _)| *name == param.name);
        let is_head = run.config.backbone.head.contains(&param.name.as_str());
        if let (true, Some((_, given))) = (is_head, given) {
            n_classes = n_classes.or(given.size().first().copied());
            fits &= given.size() == param.tensor.size();
        }
    }
    match (n_classes, named) {
        (None, _) => Some("none".to_owned()),
        (_, Some(named)) if *named != classes::in_a_line(&run.classes) => {
            Some(format!("one for {}", classes::listed(named)))
        }
        (Some(n), _) if !fits => Some(format!("one for {n} classes")),
        _ => None,
    }
}

/// Returns the warning that `other`, from which `run` begins, is not its baseline, with the reasons;
/// `None` if it is its baseline.
fn no_baseline(run: &ResolvedRun, other: &FinishedRun) -> Option<String> {
    let mut reasons = Vec::new();
    if other.data_inputs != run.data_inputs {
        let data = |name: &str, inputs: &str| {
            format!("{name}, inputs {}", inputs.get(..12).unwrap_or(inputs))
        };
        reasons.push(format!(
            "was trained on other data ({}; here {})",
            data(&other.dataset, &other.data_inputs),
            data(&run.dataset, &run.data_inputs)
        ));
    }
    if other.task != run.config.task {
        let (theirs, own) = (other.task, run.config.task);
        reasons.push(format!("was trained for the {theirs} task (here {own})"));
    }
    if reasons.is_empty() {
        return None;
    }
    let end = match run.config.guidance {
        Some(_) => ": no baseline to compare this guided run with",
        None => "",
    };
    let (id, other, reasons) = (&run.run_id, &other.run_id, reasons.join(" and "));
    Some(format!(
        "run {id} begins from run {other}, which {reasons}{end}"
    ))
}
