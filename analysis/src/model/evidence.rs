//! The data that exhibits, verdicts and the report are made from.

use crate::model::example::Example;
use crate::model::measure::Measure;
use crate::model::results::Results;
use crate::model::setting::{Row, Setting};

/// The results, their settings and their maps.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// All results that were read.
    pub results: &'a Results,
    /// Guided runs beside their baselines.
    pub settings: &'a [Setting],
    /// Maps of the selected checkpoints.
    pub examples: &'a [Example],
}

impl<'a> Evidence<'a> {
    /// The metric of that name.
    pub fn measure(&self, name: &str) -> Measure {
        self.results.measures.get(name)
    }

    /// The metrics with a column in tables of runs: those known here, and every other one with an
    /// interval.
    pub fn measures(&self) -> Vec<Measure> {
        let rows = self.settings.iter().flat_map(|setting| &setting.rows);
        let blocks = rows
            .filter_map(Row::selected)
            .flat_map(|checkpoint| checkpoint.blocks.values());
        let cells = blocks.flatten();
        let found = cells.filter(|(_, cell)| cell.interval.is_some());
        let found = found.map(|(name, _)| name.as_str());
        self.results.measures.columns(found)
    }

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
