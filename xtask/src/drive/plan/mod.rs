//! The steps of an experiment as a graph: data → baselines → guided runs → checkpoints chosen over a
//! configuration's runs and scored → report. `cost` has the cost of a step, `table` prints the plan,
//! `step` does the steps.

pub(crate) mod cost;
mod steps;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use steps::{Job, Plan, PlanFile, Step, StepKind, StepLine};
pub(crate) use table::{counted, duration};
