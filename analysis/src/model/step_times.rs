//! Defines [`StepTimes`], the seconds of training steps of several runs that were measured in turn (`trainer
//! step-times`). Only steps of the same round are compared, as these met the machine in the same state.

use std::collections::BTreeMap;

/// Seconds for each image: by run id, then by round.
#[derive(Debug, Clone, Default)]
pub struct StepTimes(BTreeMap<String, BTreeMap<i32, f64>>);

impl StepTimes {
    /// Adds a step of a run.
    pub fn add(&mut self, run_id: String, round: i32, seconds: f64) {
        self.0.entry(run_id).or_default().insert(round, seconds);
    }

    /// Returns of each round how many times as long a step of `slow` takes as one of `fast`; empty where one of them
    /// was not measured. Both are the ids of runs whose steps are alike; the first one that was measured stands for
    /// them.
    pub fn ratios(&self, slow: &[String], fast: &[String]) -> Vec<f64> {
        let of = |ids: &[String]| ids.iter().find_map(|id| self.0.get(id));
        let (Some(slow), Some(fast)) = (of(slow), of(fast)) else {
            return Vec::new();
        };
        let both = slow
            .iter()
            .filter_map(|(round, slow)| Some((slow, fast.get(round)?)));
        both.map(|(slow, fast)| slow / fast).collect()
    }
}
