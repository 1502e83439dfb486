//! Handles signals that ask this program to stop: Ctrl-C, `kill`, a closed terminal, and the signals of a
//! cluster. The program notes the signal and does not end, so that it outlives the programs it started and
//! can report how they ended.
//!
//! It passes each signal on, as SIGUSR2, to those running programs that the caller names (`pass_to`). A training,
//! or a step that has one, saves its work at it; programs without work to save are ended by it. This is needed
//! because a terminal sends Ctrl-C, and SIGHUP when it is closed, to all programs, but `kill`, and a cluster that
//! announces the end of a job's time, signal this program alone.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use fs_err as fs;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// The exit code of a program that was stopped by a signal and resumes when it is started again. (75 is EX_TEMPFAIL
/// of sysexits.h; the trainer uses the same.)
pub(crate) const STOPPED: u8 = 75;

/// The error of a program that this one started: it ended with the exit code [`STOPPED`].
#[derive(Debug)]
pub(crate) struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped; the same command goes on from there")
    }
}

impl std::error::Error for Stopped {}

/// Whether a signal asked this program to stop; clones share the answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    /// A signal came.
    asked: Arc<AtomicBool>,
    /// The signal was SIGUSR2.
    out_of_time: Arc<AtomicBool>,
    /// The process ids of the programs that signals are passed on to.
    saving: Arc<Mutex<BTreeSet<u32>>>,
}

impl Stop {
    /// Notes signals from now on. The second Ctrl-C ends this program at once.
    pub(crate) fn listen() -> Result<Stop> {
        let stop = Stop::default();
        // The order matters: at the first Ctrl-C the shutdown finds the flag not set, and then the flag is
        // set. `asked` cannot be that flag: the program that started this one may pass the same Ctrl-C on as
        // SIGUSR2, which would count as the first.
        let interrupted = Arc::new(AtomicBool::new(false));
        flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&interrupted))?;
        flag::register(SIGINT, interrupted)?;
        let mut noted = vec![SIGINT, SIGTERM, SIGUSR2];
        // SIGHUP is ignored where nohup started this program, which then is to outlive the terminal.
        if !is_ignored(SIGHUP) {
            noted.push(SIGHUP);
        }
        flag::register(SIGUSR2, Arc::clone(&stop.out_of_time))?;
        // The thread below sets `asked` too, but may do so late.
        for &signal in &noted {
            flag::register(signal, Arc::clone(&stop.asked))?;
        }
        let (mut signals, also) = (Signals::new(noted)?, stop.clone());
        std::thread::spawn(move || {
            for _ in signals.forever() {
                also.asked.store(true, Ordering::Relaxed);
                for id in also.saving().iter() {
                    pass_on(*id);
                }
            }
        });
        Ok(stop)
    }

    /// Whether a signal came.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether SIGUSR2 came, which a cluster sends ahead of a job's time limit.
    pub(crate) fn is_out_of_time(&self) -> bool {
        self.out_of_time.load(Ordering::Relaxed)
    }

    /// Passes signals on to the process `id` until the result is dropped, which the caller does when
    /// the process has ended.
    pub(crate) fn pass_to(&self, id: u32) -> PassedOn<'_> {
        self.saving().insert(id);
        // A signal that came before the process was in the list.
        if self.is_asked() {
            pass_on(id);
        }
        PassedOn(self, id)
    }

    /// The list of process ids, locked.
    fn saving(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.saving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As long as it lives, signals are passed on to the process.
#[derive(Debug)]
pub(crate) struct PassedOn<'a>(&'a Stop, u32);

impl Drop for PassedOn<'_> {
    fn drop(&mut self) {
        self.0.saving().remove(&self.1);
    }
}

/// Whether this program was started with `signal` ignored. Where the system does not tell, it was not.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.unwrap_or(0) >> (signal - 1) & 1 == 1
}

/// Sends SIGUSR2 to the process `id`.
fn pass_on(id: u32) {
    // The shell's own `kill`, because the program `kill` is not everywhere. An error is ignored: the process
    // has ended.
    let kill = format!("kill -USR2 {id}");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &kill])
        .stderr(Stdio::null())
        .status()
        .ok();
}
