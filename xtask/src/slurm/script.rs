//! The batch script of an array. It holds the command line of each task, rather than reading them from
//! a file: Slurm keeps a copy of a script, so that a task that comes back into the queue does what it
//! was submitted for, whatever was submitted since.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::plan::Job;

/// What is the same in all scripts: the step started, signals passed on, the requeue, the exit code.
const BODY: &str = include_str!("script.sh");

/// The script whose task i starts `program step` with the arguments of `jobs[i]`, in `folder`.
///
/// Slurm starts it in the folder that holds `slurm` and `logs`.
pub(super) fn script<'a>(
    program: &Path,
    folder: &Path,
    jobs: impl IntoIterator<Item = &'a Job>,
) -> Result<String> {
    let mut text =
        "#!/bin/bash\n# Submitted by cargo xtask reproduce --executor slurm.\n".to_owned();
    let _ = writeln!(text, "folder={}", quoted(utf8(folder)?));
    text += "case $SLURM_ARRAY_TASK_ID in\n";
    for (index, job) in jobs.into_iter().enumerate() {
        let _ = write!(text, "{index}) key={}; set -- ", quoted(&job.key));
        let _ = write!(text, "{} step", quoted(utf8(program)?));
        for argument in &job.args {
            let _ = write!(text, " {}", quoted(argument));
        }
        text += " ;;\n";
    }
    text += "esac\n";
    text += BODY;
    Ok(text)
}

/// `text` as one word of the shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// A path as text, which a script is.
pub(super) fn utf8(path: &Path) -> Result<&str> {
    let text = path.to_str();
    text.with_context(|| format!("{}: expected a path in UTF-8", path.display()))
}
