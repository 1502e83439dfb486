//! Runs and evaluations, and what is derived from them before anything is shown: configurations, the
//! checkpoint that stands for a run, guided runs beside their baselines, intervals, fronts, seeds.

pub mod comparison;
pub mod configuration;
pub mod evidence;
pub mod example;
pub mod front;
pub mod intervals;
pub mod loss;
pub mod measure;
pub mod names;
pub mod results;
pub mod run;
pub mod run_sets;
pub mod seeds;
pub mod select;
pub mod setting;
pub mod subject;
pub mod training;
