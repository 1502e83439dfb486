//! Makes an experiment's plan, a graph of steps: data → baselines (runs without guidance) → guided runs →
//! checkpoints chosen among the guided runs that differ in λ alone, and scored → report.
//!
//! `steps` has the graph, `cost` the expected time of a step, and `table` prints the plan. The module
//! `drive::step` does the steps.

pub(crate) mod cost;
mod steps;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use steps::{Job, Plan, PlanFile, Step, StepKind, StepLine};
pub(crate) use table::{counted, duration};
