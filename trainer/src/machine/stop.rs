//! Turns signals into a flag that asks `trainer train` or `trainer predict` to stop: SIGINT (Ctrl-C), SIGTERM,
//! SIGHUP (a closed terminal, a lost connection) and SIGUSR2, which Slurm is told to send before a job's time ends. A
//! SIGHUP that was ignored when the program began, as under `nohup`, stays ignored.
//!
//! Training looks at the flag after each step: it finishes the step, saves and ends. A prediction looks at it
//! after each batch and removes what it wrote. Further signals change nothing, because a terminal and a parent
//! process may both send one. Only a second SIGINT ends the program at once. That harms no file either, as files
//! appear whole or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2};
use signal_hook::flag;

/// Exit code of a program that was asked to stop (EX_TEMPFAIL of sysexits.h). The same command then resumes the
/// run, or begins the prediction anew.
pub const EXIT_CODE: u8 = 75;

/// A flag, shared by its clones: whether the program has been asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Returns a flag that the signals raise from now on.
    ///
    /// # Errors
    /// The system's, where it takes no handler.
    pub fn on_signals() -> std::io::Result<Self> {
        let stop = Stop::default();
        // Handlers run in the order of registration: at the first SIGINT `interrupted` is still false when
        // the conditional shutdown looks at it, so the program goes on.
        let interrupted = Arc::new(AtomicBool::new(false));
        flag::register_conditional_shutdown(SIGINT, EXIT_CODE.into(), interrupted.clone())?;
        flag::register(SIGINT, interrupted)?;
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGUSR2] {
            if signal == SIGHUP && is_ignored(signal) {
                continue;
            }
            flag::register(signal, stop.0.clone())?;
        }
        Ok(stop)
    }

    /// Whether the program was asked to stop.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks the program to stop, as a signal does.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether this program ignores `signal`, as far as the system tells.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
