//! Ctrl-C and the signals of a cluster: programs that this one started get them too, being of the
//! same process group, and end in good order. Here it is only noted, so that this program outlives
//! them and can say what became of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR2};
use signal_hook::flag;

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
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on signals are noted. The second Ctrl-C ends this program at once.
    pub(crate) fn listen() -> Result<Stop> {
        let stop = Stop::default();
        flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&stop.0))?;
        for signal in [SIGINT, SIGTERM, SIGUSR2] {
            flag::register(signal, Arc::clone(&stop.0))?;
        }
        Ok(stop)
    }

    /// Whether a signal came.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
