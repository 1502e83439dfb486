//! Holds runs (trainings) and evaluations (a checkpoint's maps, scored) as structs, and derives from them what
//! figures and tables need: the checkpoint that is reported of a run ([`select`]), settings, which put guided runs
//! beside their baselines ([`setting`], [`comparison`]), the pairs (an image and a class on it) whose maps are
//! shown ([`extremes`]), configurations (all of a run but λ and seed), intervals, Pareto fronts, and means over
//! seeds.

pub mod aligned;
pub mod comparison;
pub mod configuration;
pub mod credit;
pub mod evidence;
pub mod example;
pub mod extremes;
pub mod faithfulness;
pub mod front;
pub mod gallery;
pub mod informative;
pub mod intervals;
pub mod loss;
pub mod measure;
pub mod names;
pub mod over_seeds;
pub mod results;
pub mod run;
pub mod run_sets;
pub mod same_pairs;
pub mod seeds;
pub mod select;
pub mod setting;
pub mod step_times;
pub mod subject;
pub mod training;
