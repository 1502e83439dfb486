//! Makes the exhibit `robustness`: accuracy by groups of images as work on group robustness reports it (WILDS, Koh et
//! al. 2021), beside the plain numbers. The worst group is the one that is worst on validation, as the worst of the test
//! split is lower by chance alone; the mean is weighted by the groups' shares of the training images. Both are only
//! defined where training and validation have every group, which Waterbirds-100's do not.

use crate::exhibit::entry::{Entry, Made};
use crate::model::evidence::Evidence;
use crate::model::measure::ACCURACY;
use crate::model::results::Results;
use crate::model::run_sets::{by_seed, run_sets};
use crate::model::seeds::moments;
use crate::model::setting::{Row, Setting};
use crate::model::subject::{Part, Subject, VALIDATION};
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Spread, Table};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "robustness",
    title: "Group robustness",
    about: "Accuracy of groups of images as work on group robustness reports it (WILDS)",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// What stands in a cell whose number has no meaning on this data.
const UNDEFINED: &str = "not defined here";

/// A column.
struct Measured {
    name: &'static str,
    title: &'static str,
    /// The value of a run's chosen checkpoint; `None` where it is not defined.
    value: fn(&Results, &Setting, &Row) -> Option<f64>,
}

/// The columns in their order.
const MEASURED: [Measured; 4] = [
    Measured {
        name: "worst_validated",
        title: "Group worst on validation",
        value: worst_on_validation,
    },
    Measured {
        name: "adjusted",
        title: "Mean, groups weighted as in training",
        value: |_, _, row| row.cell(Part::All, "adjusted_accuracy")?.value,
    },
    Measured {
        name: "worst",
        title: "Group worst on test",
        value: |_, _, row| row.cell(Part::All, "worst_group")?.value,
    },
    Measured {
        name: "accuracy",
        title: "All images",
        value: |_, _, row| row.cell(Part::All, ACCURACY)?.value,
    },
];

/// Makes the table of the settings that have accuracy by group.
fn make(evidence: &Evidence) -> Made {
    let has_groups = |setting: &&Setting| {
        let groups = setting.groups.iter();
        let has = |(group, _): &(i32, String)| {
            let mut rows = setting.rows.iter();
            rows.any(|row| row.cell(Part::Group(*group), ACCURACY).is_some())
        };
        groups.filter(|group| has(group)).count() > 1
    };
    let settings: Vec<&Setting> = evidence.settings.iter().filter(has_groups).collect();
    if settings.is_empty() {
        return Err("no scored run has accuracy by groups of images".to_owned());
    }
    let mut columns = vec![Column::new("model", "Model", Kind::Text)];
    let of_metrics = MEASURED.iter();
    columns.extend(of_metrics.map(|of| Column::new(of.name, of.title, Kind::Seeds)));
    let section = |setting: &&Setting| {
        let baselines: Vec<&Row> = setting
            .rows
            .iter()
            .filter(|row| row.run.is_baseline())
            .collect();
        let guided = run_sets(setting, |_| true);
        let guided = guided
            .iter()
            .map(|run_set| (run_set.label(), run_set.rows.clone()));
        let models = std::iter::once(("Baseline".to_owned(), baselines)).chain(guided);
        let models = models.filter(|(_, rows)| !rows.is_empty());
        Section {
            heading: setting.title(),
            lines: models
                .map(|(label, rows)| line(evidence.results, setting, label, &rows))
                .collect(),
        }
    };
    let table = Table {
        name: "robustness",
        version: 1,
        columns,
        sections: settings.iter().map(section).collect(),
        caption: "Test accuracy in percent, mean (± standard deviation) over seeds, each at the \
                  checkpoint that validation prefers: of the group that is worst on validation; of all \
                  groups, weighted by their shares of the training images (WILDS' adjusted accuracy); \
                  of the group that is worst on test, run by run; of all test images. The first two are \
                  defined where training and validation have every group."
            .to_owned(),
    };
    Ok((Vec::new(), vec![table]))
}

/// The line of runs that differ in λ and seed alone.
fn line(results: &Results, setting: &Setting, label: String, rows: &[&Row]) -> Line {
    let rows = by_seed(rows);
    let mut cells = vec![Cell::text(label)];
    cells.extend(MEASURED.iter().map(|measured| {
        let values = rows
            .iter()
            .filter_map(|row| (measured.value)(results, setting, row));
        let found = moments(&values.collect::<Vec<f64>>());
        found.map_or(Cell::text(UNDEFINED), |found| {
            let spread = Spread::Seeds {
                std: found.std,
                n: found.n,
            };
            Cell::Share(found.mean, spread)
        })
    }));
    Line::new(cells)
}

/// The test accuracy of the group that has the lowest accuracy of the same checkpoint on validation. `None` where
/// training and validation do not have every group, or validation was not scored.
fn worst_on_validation(results: &Results, setting: &Setting, row: &Row) -> Option<f64> {
    // The evaluator has this number where training and validation have every group.
    row.cell(Part::All, "adjusted_accuracy")?.value?;
    let on_validation = |group: i32| {
        let subject = Subject {
            split: VALIDATION.to_owned(),
            ..setting.subject(&row.run, row.selection.epoch, Part::Group(group))
        };
        results.value(&subject, ACCURACY)
    };
    let groups = setting.groups.iter();
    let groups: Option<Vec<(f64, i32)>> = groups
        .map(|(group, _)| Some((on_validation(*group)?, *group)))
        .collect();
    let (_, worst) = groups?.into_iter().min_by(|a, b| a.0.total_cmp(&b.0))?;
    row.cell(Part::Group(worst), ACCURACY)?.value
}
