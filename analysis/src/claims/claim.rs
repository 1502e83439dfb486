//! Defines [`Claim`]: a statement of the paper, and the rule that tests it on our results. The rule makes
//! [`Trial`]s. A trial is one comparison, e.g. of two losses on one network; its interval decides whether it
//! is for or against the claim. In three rules a second condition can change this outcome: the interval of F1's
//! change (R5), the interval of EPG's change (R6), the quartiles of the seconds an epoch takes (R9).

use std::fmt;

use crate::model::evidence::Evidence;
use crate::model::intervals::Interval;

/// A claim of the paper.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// `R1`, `R2`, …
    pub name: &'static str,
    /// The statement, as the report prints it.
    pub statement: &'static str,
    /// How it is tested, in a sentence.
    pub test: &'static str,
    /// The section or figure of the paper.
    pub place: &'static str,
    /// Whether it is claimed of every case, or only that there is such a case.
    pub reach: Reach,
    /// Makes the trials from our results, or tells which runs are missing.
    pub rule: fn(&Evidence) -> Trials,
}

/// How much a claim says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Claimed of all cases.
    Everywhere,
    /// Claimed that there is such a case.
    Somewhere,
}

/// The comparisons that decide a claim; `Err` is a clause that says which runs are missing.
pub type Trials = Result<Vec<Trial>, String>;

/// A comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Data set, network, method and layer.
    pub place: String,
    /// What was compared, in words.
    pub compared: String,
    /// The difference, a fraction; above 0 it is in favour of the claim. `None` where it is unknown.
    pub value: Option<f64>,
    /// The confidence interval of the difference: 95 %, unless the claim's rule says otherwise.
    pub interval: Option<Interval>,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The whole interval is above 0, on the claim's side.
    For,
    /// The whole interval is below 0; or the rule's second condition is against the claim.
    Against,
    /// The interval contains 0, or there is none; or a second condition of the claim is not met.
    Open,
}

impl Outcome {
    /// Returns the outcome by the side of 0 that the interval is on; the claim's side is above.
    pub fn of(interval: Option<Interval>) -> Self {
        match interval {
            Some(i) if i.low > 0.0 => Self::For,
            Some(i) if i.high < 0.0 => Self::Against,
            _ => Self::Open,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::For => "for",
            Self::Against => "against",
            Self::Open => "open",
        })
    }
}
