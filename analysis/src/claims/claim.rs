//! What a claim consists of: its rule makes [`Trial`]s, comparisons whose outcome an interval decides.

use std::fmt;

use crate::model::evidence::Evidence;
use crate::model::intervals::Interval;

/// A claim of the paper.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// `R1`, `R2`, …
    pub name: &'static str,
    /// What is claimed.
    pub statement: &'static str,
    /// How it is put to the test, in a sentence.
    pub test: &'static str,
    /// Where the paper says it.
    pub place: &'static str,
    /// Whether it is claimed of all cases, or that there is one.
    pub reach: Reach,
    /// Makes the trials, or says which runs are missing.
    pub rule: fn(&Evidence) -> Trials,
}

/// How far a claim reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Claimed of all cases.
    Everywhere,
    /// Claimed that there is such a case.
    Somewhere,
}

/// The comparisons that decide a claim, or in a clause which runs are missing.
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
    /// What follows.
    pub outcome: Outcome,
}

/// What a comparison says of the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The interval is on the claim's side.
    For,
    /// It is on the other side.
    Against,
    /// It holds 0, or there is none.
    Open,
}

impl Outcome {
    /// Which side of 0 the interval is on; the claim's is above.
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
