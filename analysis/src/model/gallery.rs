//! Defines what the report's gallery shows. The gallery is a page of all test images beside the report. A
//! [`Collection`] has the test images of one data folder and task, each with a class on it ([`Pair`]), and, for
//! each setting (runs trained and scored alike), a [`Wall`] with the maps by the chosen runs, a [`Column`] for
//! each run. [`crate::load::gallery`] reads them.

use std::collections::BTreeSet;

use crate::model::run_sets::{RunSet, each_loss, run_sets};
use crate::model::setting::{Row, Setting};

/// A pair's identity: the id of an image and of a class on it.
pub type Key = (String, i32);

/// The pairs of a test split, and their maps.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// The data set's name in the tables.
    pub dataset: String,
    /// Provenance hash of the data folder.
    pub data: String,
    /// `conventional` or `reversed`: the task that the classes are of.
    pub task: String,
    /// The pairs, worst first ([`Collection::sort`]).
    pub pairs: Vec<Pair>,
    /// The settings that have scores of these pairs.
    pub walls: Vec<Wall>,
}

/// An image and a class on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Image and class.
    pub key: Key,
    /// The image's group, if it has one.
    pub group_id: Option<i32>,
    /// What is annotated of the class; `None` if no `gallery.parquet` has the pair.
    pub annotation: Option<Annotation>,
}

/// Boxes and segmentation of a class on an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// Height and width in cells of the grid that both are on, which is that of the data folder's images.
    pub grid: (usize, usize),
    /// x1, y1, x2, y2 of each box, in cells of the grid; x2 and y2 are the first outside.
    pub boxes: Vec<[i32; 4]>,
    /// A run-length encoding of the mask, row by row: numbers of cells outside and inside the class, in turn,
    /// beginning with outside. `None` without a segmentation.
    pub segmentation: Option<Vec<u32>>,
}

/// The chosen runs of one setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Wall {
    /// Words for network and maps.
    pub title: String,
    /// The runs, baselines first.
    pub columns: Vec<Column>,
}

/// One run's values and maps of a collection's pairs, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its label among the runs of the setting.
    pub label: String,
    /// The title of its localization loss; `None` for a baseline.
    pub loss: Option<String>,
    /// The run.
    pub run_id: String,
    /// The epoch of the checkpoint.
    pub epoch: i32,
    /// The index of the wall's column that is its baseline; `None` for a baseline, or if it is not shown.
    pub baseline: Option<usize>,
    /// EPG of each pair; `None` where the pair was not scored.
    pub values: Vec<Option<Value>>,
    /// The map of each pair; `None` where it was not kept.
    pub maps: Vec<Option<SmallMap>>,
}

/// EPG of a pair.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A fraction in [0, 1].
    Of(f64),
    /// Undefined, which counts as 0.
    Undefined,
}

impl Value {
    /// The number it counts as.
    pub fn counted(self) -> f64 {
        match self {
            Self::Of(value) => value,
            Self::Undefined => 0.0,
        }
    }
}

/// A small copy of an attribution map, of at most 32 × 32 cells (docs/SPEC.md F, Gallery).
#[derive(Debug, Clone, PartialEq)]
pub struct SmallMap {
    /// Cells down.
    pub height: usize,
    /// Cells across.
    pub width: usize,
    /// The attribution of a cell is this times its byte.
    pub scale: f32,
    /// height × width signed bytes, row-major.
    pub cells: Vec<i8>,
}

/// Returns the runs of a setting that the gallery shows: first the baselines, then for each loss the guided run
/// that did best on validation. If no run was guided through the setting's own method and layer, it shows the
/// best run of each configuration that was guided through others. Without guided runs it is the first baseline.
pub fn chosen(setting: &Setting) -> Vec<&Row> {
    let mut guided = each_loss(setting);
    guided.retain(|row| !row.run.is_baseline());
    if guided.is_empty() {
        let elsewhere = run_sets(setting, |_| true);
        guided = elsewhere.iter().filter_map(RunSet::chosen).collect();
    }
    if guided.is_empty() {
        return setting.baseline().into_iter().collect();
    }
    let mut seen = BTreeSet::new();
    let baselines = guided.iter().filter_map(|row| setting.baseline_of(row));
    let baselines = baselines.filter(|row| seen.insert(&row.run.run_id));
    baselines.chain(guided.iter().copied()).collect()
}

impl Collection {
    /// Sorts the pairs by their mean EPG over the guided runs of the first wall, the lowest first. If that wall has
    /// no guided run, its baselines count instead. Pairs without a value come last, equal ones by image and class.
    pub fn sort(&mut self) {
        let key = |index: usize| {
            let columns = self.walls.first().map_or(&[][..], |wall| &wall.columns);
            let is_guided = columns.iter().any(|column| column.loss.is_some());
            let counted = columns
                .iter()
                .filter(|column| column.loss.is_some() == is_guided);
            let values: Vec<f64> = counted
                .filter_map(|column| Some(column.values[index]?.counted()))
                .collect();
            match values.is_empty() {
                true => f64::INFINITY,
                false => values.iter().sum::<f64>() / values.len() as f64,
            }
        };
        let mut order: Vec<(f64, usize)> = (0..self.pairs.len())
            .map(|index| (key(index), index))
            .collect();
        order.sort_by(|a, b| {
            let by_name = || self.pairs[a.1].key.cmp(&self.pairs[b.1].key);
            a.0.total_cmp(&b.0).then_with(by_name)
        });
        let order: Vec<usize> = order.into_iter().map(|(_, index)| index).collect();
        self.pairs = order.iter().map(|&i| self.pairs[i].clone()).collect();
        for column in self.walls.iter_mut().flat_map(|wall| &mut wall.columns) {
            column.values = order.iter().map(|&i| column.values[i]).collect();
            column.maps = order.iter().map(|&i| column.maps[i].take()).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_pair_of_the_guided_runs_is_first() {
        let column = |loss: Option<&str>, values: [Option<Value>; 4]| Column {
            label: String::new(),
            loss: loss.map(str::to_owned),
            run_id: String::new(),
            epoch: 1,
            baseline: None,
            values: values.to_vec(),
            maps: vec![None; 4],
        };
        let of = |value| Some(Value::Of(value));
        let pair = |id: &str| Pair {
            key: (id.to_owned(), 0),
            group_id: None,
            annotation: None,
        };
        let mut collection = Collection {
            dataset: String::new(),
            data: String::new(),
            task: String::new(),
            pairs: ["a", "b", "c", "d"].map(pair).to_vec(),
            walls: vec![Wall {
                title: String::new(),
                columns: vec![
                    column(None, [of(0.0), of(0.9), of(0.9), of(0.9)]),
                    column(Some("Energy"), [of(0.9), of(0.3), None, None]),
                    column(Some("L1"), [of(0.9), of(0.3), Some(Value::Undefined), None]),
                ],
            }],
        };
        collection.sort();
        let ids: Vec<&str> = (collection.pairs.iter())
            .map(|pair| pair.key.0.as_str())
            .collect();
        // Means of the guided runs: a 0.9, b 0.3, c 0 (undefined in one, not scored in the other), d none.
        assert_eq!(ids, ["c", "b", "a", "d"]);
        let baseline = &collection.walls[0].columns[0];
        assert_eq!(baseline.values, [of(0.9), of(0.9), of(0.0), of(0.9)]);
    }
}
