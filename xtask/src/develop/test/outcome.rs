//! The result of a check.

/// The outcome of a check.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) n_passed: usize,
    pub(super) failed: Vec<String>,
    pub(super) skipped: Vec<String>,
    /// Seconds and name of each test whose time is known.
    pub(super) times: Vec<(f64, String)>,
}

impl Outcome {
    pub(super) fn passed() -> Outcome {
        Outcome {
            n_passed: 1,
            ..Outcome::default()
        }
    }

    pub(super) fn failed(why: impl Into<String>) -> Outcome {
        Outcome {
            failed: vec![why.into()],
            ..Outcome::default()
        }
    }

    /// One thing checked, with every fault that was found.
    pub(super) fn of(faults: Vec<String>) -> Outcome {
        match faults.is_empty() {
            true => Outcome::passed(),
            false => Outcome {
                failed: faults,
                ..Outcome::default()
            },
        }
    }
}
