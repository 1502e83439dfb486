//! The steps of an experiment as a graph: data → baselines → guided runs → checkpoints chosen over a
//! configuration's runs and scored → report. What a step costs is `cost`'s affair, how it is shown
//! `table`'s, how it is done `step`'s.

pub(crate) mod cost;
mod steps;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use steps::{Job, Plan, PlanFile, Step, StepKind, StepLine};
pub(crate) use table::{counted, duration};
