//! Formats what `cargo xtask status` prints: the steps with their states, the curves of those that train, and a
//! summary.

use std::path::Path;

use super::curves::Progress;
use super::standing::Standing;
use crate::drive::plan::{PlanFile, duration};
use crate::drive::step::record;
use crate::system::paths;

/// The text for people: a line for each step, then a summary. Steps that are done or wait have a line
/// only with `all`. A step that trains has two more lines, of at most `columns` characters.
pub(super) fn describe(
    out: &Path,
    plan: &PlanFile,
    standings: &[Standing],
    all: bool,
    columns: usize,
) -> String {
    let width = plan.step.iter().map(|step| step.title.chars().count());
    let width = width.max().unwrap_or(0);
    let keys = plan.step.iter().map(|step| step.key.len());
    let keys = keys.max().unwrap_or(0);
    let mut text = String::new();
    for (step, standing) in plan.step.iter().zip(standings) {
        let (key, title) = (&step.key, &step.title);
        let state = match standing {
            Standing::Done if all => "done".to_owned(),
            Standing::Waiting if all => "to do".to_owned(),
            Standing::Queued(reason) if all => format!("in Slurm's queue ({reason})"),
            Standing::Done | Standing::Waiting | Standing::Queued(_) => continue,
            Standing::Running(device, seconds) => {
                let (so_far, expected) = (duration(*seconds), duration(60.0 * step.minutes));
                format!("running for {so_far} of about {expected} on {device}")
            }
            Standing::Failed(error) => {
                let log = paths::shown(&record::log_file(out, &step.key));
                format!("FAILED: {error} (log: {log})")
            }
            Standing::Stopped => "stopped".to_owned(),
            Standing::Unknown(why) => {
                format!("running or broken off, its lock does not tell: {why}")
            }
        };
        text += &format!("{key:<keys$}  {title:<width$}  {state}\n");
        if matches!(standing, Standing::Running(..))
            && let Some(progress) = Progress::read(out, key)
        {
            text += &progress.describe(columns);
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let count = |is_of: fn(&Standing) -> bool| standings.iter().filter(|s| is_of(s)).count();
    let left = plan.step.iter().zip(standings);
    let left = left.filter(|(_, standing)| !matches!(standing, Standing::Done));
    let minutes: f64 = left.map(|(step, _)| step.minutes).sum();
    text += &format!(
        "{}: {} of {} steps done, {} running, {} failed, {} stopped, {} to do",
        plan.recipe,
        count(|standing| *standing == Standing::Done),
        standings.len(),
        count(|standing| matches!(standing, Standing::Running(..))),
        count(|standing| matches!(standing, Standing::Failed(_))),
        count(|standing| *standing == Standing::Stopped),
        count(|standing| matches!(standing, Standing::Waiting | Standing::Queued(_)))
    );
    match count(|standing| matches!(standing, Standing::Unknown(_))) {
        0 => {}
        n => text += &format!(", {n} not known"),
    }
    if minutes > 0.0 {
        text += &format!("; about {} of work left", duration(60.0 * minutes));
    }
    text.push('\n');
    text
}
