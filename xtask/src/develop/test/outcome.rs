//! Holds the result of a check: how many tests passed, and which failed or were skipped.

/// The outcome of a check. A check that is a single test counts as one.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) n_passed: usize,
    /// The names of failed tests, or what is wrong.
    pub(super) failed: Vec<String>,
    /// What was not tested, and why where that is known.
    pub(super) skipped: Vec<String>,
    /// Seconds and name of each test whose time is known.
    pub(super) times: Vec<(f64, String)>,
}

impl Outcome {
    /// One test that passed.
    pub(super) fn passed() -> Outcome {
        Outcome {
            n_passed: 1,
            ..Outcome::default()
        }
    }

    /// One test that failed.
    pub(super) fn failed(why: impl Into<String>) -> Outcome {
        Outcome {
            failed: vec![why.into()],
            ..Outcome::default()
        }
    }

    /// One test that passed where there are no faults; else a failure for each fault.
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
