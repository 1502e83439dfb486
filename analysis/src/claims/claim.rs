//! [`Claim`]: a statement and a rule. The rule makes [`Trial`]s, comparisons whose outcome an interval
//! decides.

use std::fmt;

use crate::model::evidence::Evidence;
use crate::model::intervals::Interval;

/// A claim of the paper.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// `R1`, `R2`, …
    pub name: &'static str,
    /// The statement.
    pub statement: &'static str,
    /// How it is tested, in a sentence.
    pub test: &'static str,
    /// The section or figure of the paper.
    pub place: &'static str,
    /// Whether it is a claim about all cases, or that there is a case.
    pub reach: Reach,
    /// The rule: makes the trials, or tells which runs are missing.
    pub rule: fn(&Evidence) -> Trials,
}

/// The quantifier of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Claimed of all cases.
    Everywhere,
    /// Claimed that there is such a case.
    Somewhere,
}

/// The comparisons that decide a claim, or, in a clause, the runs that are missing.
pub type Trials = Result<Vec<Trial>, String>;

/// A comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Data set, network, method and layer.
    pub place: String,
    /// What was compared.
    pub compared: String,
    /// The difference in favour of the claim, as a fraction.
    pub value: Option<f64>,
    /// Its interval.
    pub interval: Option<Interval>,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The interval is on the claim's side.
    For,
    /// It is on the other side.
    Against,
    /// The interval contains 0, or there is none.
    Open,
}

impl Outcome {
    /// The outcome by the side of 0 that the interval is on; the claim's side is above.
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
