//! The weights that a run begins from: another run's, or a file's. They must fit the network but for the
//! head, which is new where it is for other classes than the data's. That is said, and where the other
//! run was trained on other data or for another task, which makes it no baseline of this one.

use tch::Tensor;

use crate::backbone::Model;
use crate::checkpoint::{self, Metadata};
use crate::config::ResolvedRun;
use crate::error::Result;
use crate::run::FinishedRun;

/// The line of a checkpoint's metadata with the classes that its head is for, in order.
pub(crate) const CLASSES_KEY: &str = "classes";

/// Class names as one line: tabs between them, escapes for what would end a name or the line.
pub(crate) fn in_a_line(classes: &[String]) -> String {
    let names = classes.iter().map(|name| {
        let escaped = name.chars().map(|c| match c.is_control() || c == '\\' {
            true => c.escape_default().to_string(),
            false => c.to_string(),
        });
        escaped.collect::<String>()
    });
    names.collect::<Vec<_>>().join("\t")
}

/// Loads the weights that `run` begins from, if there are any, into `model`.
///
/// # Errors
/// A file that cannot be read, or whose weights, the head aside, do not fit.
pub(crate) fn load(run: &ResolvedRun, model: &Model) -> Result<()> {
    let Some(path) = &run.weights else {
        return Ok(());
    };
    let file = path.display().to_string();
    let (mut tensors, metadata) = checkpoint::load(path)?;
    let head = Model::head_names(run.config.backbone);
    let is_head = |name: &str| head.contains(&name);
    if let Some(found) = other_head(run, model, &tensors, &metadata) {
        let (id, own) = (&run.run_id, listed(&in_a_line(&run.classes)));
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

/// What head a file has whose `tensors` and `metadata` these are, where it is none for the classes of
/// `run`. A file that does not name its classes is believed if it has as many.
fn other_head(
    run: &ResolvedRun,
    model: &Model,
    tensors: &[(String, Tensor)],
    metadata: &Metadata,
) -> Option<String> {
    let named = metadata.get(CLASSES_KEY);
    let mut n_classes = None;
    let mut fits = true;
    for param in model.params.entries() {
        let given = tensors.iter().find(|(name, _)| *name == param.name);
        let is_head = Model::head_names(run.config.backbone).contains(&param.name.as_str());
        if let (true, Some((_, given))) = (is_head, given) {
            n_classes = n_classes.or(given.size().first().copied());
            fits &= given.size() == param.tensor.size();
        }
    }
    match (n_classes, named) {
        (None, _) => Some("none".to_owned()),
        (_, Some(named)) if *named != in_a_line(&run.classes) => {
            Some(format!("one for {}", listed(named)))
        }
        (Some(n), _) if !fits => Some(format!("one for {n} classes")),
        _ => None,
    }
}

/// The first of the class names in a line, and how many there are.
fn listed(classes: &str) -> String {
    const SHOWN: usize = 5;
    let names: Vec<&str> = classes.split('\t').collect();
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len() {
        n if n > SHOWN => format!("{n} classes ({shown}, …)"),
        1 => format!("1 class ({shown})"),
        n => format!("{n} classes ({shown})"),
    }
}

/// What keeps `other`, which `run` begins from, from being its baseline.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_names_stay_in_their_line() {
        let names = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            in_a_line(&names)
        };
        assert_eq!(names(&["cat", "dog"]), "cat\tdog");
        assert_eq!(names(&["a\tb\n=c"]), "a\\tb\\n=c");
        assert_ne!(names(&["a", "b"]), names(&["a\tb"]));
        assert_ne!(names(&["a\tb"]), names(&["a\\tb"]));
        assert_eq!(names(&["bird's", "naïve"]), "bird's\tnaïve");
        assert_eq!(listed("cat"), "1 class (cat)");
        assert_eq!(listed("1\t2\t3\t4\t5\t6"), "6 classes (1, 2, 3, 4, 5, …)");
    }
}
