//! The statistics that verdicts, findings and tables rest on (docs/statistics.md): which checkpoint validation
//! chooses ([`choice`]), a mean over seeds with its two sources of variance ([`effect`]), and what several
//! comparisons together decide ([`rules`]). It knows neither runs nor tables, so that a simulation can go
//! through the same functions as the report (`analysis/tests/calibration.rs`).

pub mod choice;
pub mod effect;
pub mod rules;
