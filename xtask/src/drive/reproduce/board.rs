//! Shows on stderr how far the jobs are that `reproduce` runs on this machine; each job does one step of the plan,
//! which its key names (such as `guided/3`). On a terminal each running job has a line, and one more is for the
//! whole plan. Elsewhere every line that a job prints is printed, with the job's key before it.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use indicatif::{MultiProgress, ProgressBar};

use super::outcome::Outcome;
use crate::drive::plan::cost::{Rates, Speed};
use crate::drive::plan::{Job, Plan, duration};
use crate::system::progress;

/// The progress display.
pub(super) struct Board {
    /// The out folder, whose measured rates give the time left.
    out: PathBuf,
    /// The paces of training steps that were timed before the start.
    paces: Rates,
    /// The plan; steps are marked as done when their jobs end.
    plan: Mutex<Plan>,
    speed: Speed,
    /// All lines, and that of the whole plan; absent where stderr is no terminal.
    bars: Option<(MultiProgress, ProgressBar)>,
}

/// The line of one running job; dropping it removes it from the terminal.
pub(super) struct Line {
    key: String,
    bar: Option<ProgressBar>,
    /// Whether it is the report's: what the report prints is a summary that must stay on the terminal.
    is_report: bool,
}

impl Board {
    /// A board for `plan`, whose steps may be done in part.
    pub(super) fn new(out: PathBuf, plan: &Plan, speed: Speed, paces: Rates) -> Board {
        let bars = std::io::stderr().is_terminal().then(|| {
            let bars = MultiProgress::new();
            let all = bars.add(progress::plan(plan.steps.len() as u64));
            (bars, all)
        });
        let board = Board {
            out,
            paces,
            plan: Mutex::new(plan.clone()),
            speed,
            bars,
        };
        board.show_left();
        board
    }

    /// Shows that a job begins on `device`.
    pub(super) fn begin(&self, job: &Job, device: &str) -> Line {
        let key = &job.key;
        let title = {
            let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
            plan.step(key).map(|step| step.title()).unwrap_or_default()
        };
        let bar = match &self.bars {
            Some((bars, all)) => {
                let bar = bars.insert_before(all, progress::spinner(""));
                bar.set_prefix(format!("{key} {title}, {device}: "));
                Some(bar)
            }
            None => {
                eprintln!("{key}: {title}, {device}");
                None
            }
        };
        Line {
            key: key.clone(),
            bar,
            is_report: job.is_report(),
        }
    }

    /// Shows that the job of this key has ended.
    pub(super) fn end(&self, key: &str, outcome: &Outcome) {
        if *outcome == Outcome::Finished {
            let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
            for step in plan.steps.iter_mut().filter(|step| step.key == key) {
                step.is_done = true;
            }
        }
        self.show_left();
    }

    /// Shows how many steps are done and how much time is left.
    fn show_left(&self) {
        let plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let n_done = plan.steps.iter().filter(|step| step.is_done).count();
        // A warning about rates that cannot be read was printed before the start.
        let rates = Rates::read(&self.out).unwrap_or_default();
        let rates = rates.with_paces(self.paces.clone());
        let left = plan.seconds_left(&rates, self.speed);
        let text = match left > 0.0 {
            true => format!(", about {} left", duration(left)),
            false => String::new(),
        };
        match &self.bars {
            Some((_, all)) => {
                all.set_position(n_done as u64);
                all.set_message(text);
            }
            None => eprintln!("{n_done} of {} steps done{text}", plan.steps.len()),
        }
    }

    /// Clears the lines after the last job.
    pub(super) fn clear(&self) {
        if let Some((bars, _)) = &self.bars {
            // A terminal that is gone needs no clearing.
            bars.clear().ok();
        }
    }
}

impl Line {
    /// Shows a line that the job printed.
    pub(super) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) if self.is_report => bar.println(text),
            Some(bar) => bar.set_message(text.to_owned()),
            None => eprintln!("{}: {text}", self.key),
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
