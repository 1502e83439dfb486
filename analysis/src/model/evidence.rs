//! Defines [`Evidence`]: all that the exhibits (figures and tables), the verdicts on the paper's claims
//! and the report are made from.

use crate::model::example::{AT_RANDOM, Example, Pair};
use crate::model::extremes::Extremes;
use crate::model::measure::Measure;
use crate::model::results::Results;
use crate::model::setting::{Row, Setting};

/// The results of one folder, sorted into settings, and example maps.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// All results that were read.
    pub results: &'a Results,
    /// The runs in settings: groups of runs that are trained and scored alike, so that they can be compared.
    pub settings: &'a [Setting],
    /// Example images with maps by the selected checkpoints of the runs, by rank in the random order of pairs.
    pub examples: &'a [Example],
    /// The worst, median and best pairs (an image and a class on it) by EPG, for each setting that has them.
    pub extremes: &'a [Extremes<'a>],
}

impl<'a> Evidence<'a> {
    /// Returns the metric of that name, with its title.
    pub fn measure(&self, name: &str) -> Measure {
        self.results.measures.get(name)
    }

    /// Returns the metrics that have a column in tables of runs: those with a title in
    /// [`crate::model::measure`], and every other one for which the selected checkpoint of some run has an
    /// interval, except the shares of attribution outside the boxes, which have an exhibit of their own.
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

    /// Returns the maps of the random pairs (those of a rank below [`AT_RANDOM`]) by the run `row`, at its selected
    /// checkpoint and through the method and layer of `setting`, by rank.
    pub fn maps(
        &self,
        setting: &'a Setting,
        row: &'a Row,
    ) -> impl Iterator<Item = &'a Example> + use<'a> {
        let at_random = self
            .examples
            .iter()
            .filter(|example| example.kept.rank < AT_RANDOM);
        at_random.filter(move |example| example.kept.is_by(setting, row))
    }

    /// Returns the map of any `pair` by the run `row`, at the same checkpoint, method and layer as [`Self::maps`];
    /// `None` if it was not kept.
    pub fn map_of(&self, setting: &'a Setting, row: &'a Row, pair: &Pair) -> Option<&'a Example> {
        let mut examples = self.examples.iter();
        examples.find(|example| example.kept.pair == *pair && example.kept.is_by(setting, row))
    }
}
