//! Defines [`Claim`]: a statement of the paper, and the rule that tests it on our results. The rule makes
//! [`Trial`]s. A trial is one comparison over seeds, e.g. of two losses on one network.

use crate::model::evidence::Evidence;
use crate::statistics::effect::Effect;
use crate::statistics::rules::{Outcome, Reach, Weighed};

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

/// The comparisons that decide a claim; `Err` is a clause that says which runs are missing.
pub type Trials = Result<Vec<Trial>, String>;

/// A comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Data set, network, method and layer.
    pub place: String,
    /// What was compared, in words.
    pub compared: String,
    /// What must hold: that each difference is above its bound, a fraction. The first is the one that the report
    /// shows, and its bound is 0.
    pub conditions: Vec<(Effect, f64)>,
    /// Differences that must be above 0 for the comparison to be made at all. One that is not decides nothing.
    pub premises: Vec<Effect>,
    /// All of these, weighed.
    pub weighed: Weighed,
}

impl Trial {
    /// The trial of the claim that a difference is above 0.
    pub fn new(place: String, compared: String, effect: Effect) -> Self {
        Self {
            place,
            compared,
            weighed: effect.above(0.0),
            conditions: vec![(effect, 0.0)],
            premises: Vec::new(),
        }
    }

    /// The trial of the claim that, besides, another difference is above `bound`.
    pub fn and(mut self, effect: Effect, bound: f64) -> Self {
        self.weighed = self.weighed.and(&effect.above(bound));
        self.conditions.push((effect, bound));
        self
    }

    /// The same trial where it can only be made if another difference is above 0.
    pub fn given(mut self, effect: &Effect) -> Self {
        self.weighed = self.weighed.given(&effect.above(0.0));
        self.premises.push(*effect);
        self
    }

    /// The difference that the report shows.
    pub fn effect(&self) -> &Effect {
        &self.conditions[0].0
    }

    /// The outcome by itself.
    pub fn outcome(&self) -> Outcome {
        self.weighed.outcome()
    }
}
