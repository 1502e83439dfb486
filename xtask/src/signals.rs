//! Ctrl-C and the signals of a cluster. Programs that this one started get Ctrl-C and SIGTERM too,
//! being of the same process group, and end in good order: here it is only noted, so that this program
//! outlives them and can say what became of them. SIGUSR2, by which a cluster announces the end of a
//! job's time, comes to this program alone and is passed on to whoever can save its work.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR2};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Exit code of what was stopped and goes on when it is started again.
pub(crate) const STOPPED: u8 = 75;

/// A program ended with [`STOPPED`].
#[derive(Debug)]
pub(crate) struct Stopped;

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped; the same command goes on from there")
    }
}

impl std::error::Error for Stopped {}

/// Whether to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop {
    asked: Arc<AtomicBool>,
    /// The process id of the program that SIGUSR2 is passed on to.
    saving: Arc<Mutex<Option<u32>>>,
}

impl Stop {
    /// From now on signals are noted. The second Ctrl-C ends this program at once.
    pub(crate) fn listen() -> Result<Stop> {
        let stop = Stop::default();
        flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&stop.asked))?;
        for signal in [SIGINT, SIGTERM] {
            flag::register(signal, Arc::clone(&stop.asked))?;
        }
        let (mut signals, also) = (Signals::new([SIGUSR2])?, stop.clone());
        std::thread::spawn(move || {
            for _ in signals.forever() {
                also.asked.store(true, Ordering::Relaxed);
                also.pass_on();
            }
        });
        Ok(stop)
    }

    /// Whether a signal came.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// SIGUSR2 goes to the process `id` as well, until what this gives is dropped: when it has ended.
    pub(crate) fn pass_to(&self, id: u32) -> PassedOn<'_> {
        *self.saving() = Some(id);
        // One that came just before.
        if self.is_asked() {
            self.pass_on();
        }
        PassedOn(self)
    }

    fn pass_on(&self) {
        if let Some(id) = *self.saving() {
            // Every shell has it; the program `kill` is not everywhere. A process that has ended needs
            // no signal.
            let kill = format!("kill -USR2 {id}");
            Command::new("sh").args(["-c", &kill]).status().ok();
        }
    }

    fn saving(&self) -> MutexGuard<'_, Option<u32>> {
        self.saving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives, signals are passed on.
#[derive(Debug)]
pub(crate) struct PassedOn<'a>(&'a Stop);

impl Drop for PassedOn<'_> {
    fn drop(&mut self) {
        *self.0.saving() = None;
    }
}
