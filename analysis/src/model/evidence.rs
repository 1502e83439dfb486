//! All that exhibits, verdicts and the report are made from.

use crate::model::example::Example;
use crate::model::results::Results;
use crate::model::setting::{Row, Setting};

/// Results, put in order.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// Everything read.
    pub results: &'a Results,
    /// Guided runs beside their baselines.
    pub settings: &'a [Setting],
    /// Maps of the selected checkpoints.
    pub examples: &'a [Example],
}

impl<'a> Evidence<'a> {
    /// The examples of the selected checkpoint of `row` in `setting`, by rank.
    pub fn maps(
        &self,
        setting: &'a Setting,
        row: &'a Row,
    ) -> impl Iterator<Item = &'a Example> + use<'a> {
        self.examples.iter().filter(move |example| {
            example.run_id == row.run.run_id
                && example.checkpoint == row.selection.epoch
                && example.task == setting.task
                && (example.attribution.as_str(), example.layer.as_str()) == setting.method()
                && example.precision == setting.precision
        })
    }
}
