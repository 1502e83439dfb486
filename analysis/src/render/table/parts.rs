//! Defines the parts of a table of results: columns, and lines of cells in sections. It also formats cells
//! for people; [`super::flat`] turns them into numbers for computing.

use crate::format::{MISSING, change, minus, number, percent, plain, points};
use crate::model::intervals::Interval;
use crate::model::measure::Measure;

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    /// File name without extension; the schema's name.
    pub name: &'static str,
    /// The version of its columns in CSV and Parquet.
    pub version: u32,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its parts.
    pub sections: Vec<Section>,
    /// Its caption, in all formats.
    pub caption: String,
}

/// A column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in CSV and Parquet; if it has a `series`, the text in the column [`Series::key`].
    pub name: String,
    /// Its heading where people read it.
    pub title: String,
    /// The kind of its cells.
    pub kind: Kind,
    /// Set for a column that is one of several alike (one for each metric or loss): the names of the two columns
    /// that they become in CSV and Parquet.
    pub series: Option<Series>,
}

/// The names of the two columns that columns alike become in CSV and Parquet. There, a line of the table becomes
/// several rows, one for each of the columns alike: the column's name is in `key`, its cell in `value`. So the
/// columns of the files do not depend on which metrics or losses the results have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// The name of the column for their names.
    pub key: &'static str,
    /// The name of the column for their cells.
    pub value: &'static str,
}

/// The kind of a column's cells, which decides its number of columns in CSV and Parquet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Text,
    /// A whole number.
    Count,
    /// A plain number, or a fraction without an interval.
    Value,
    /// A fraction or a difference with the ends of its interval: `x`, `x_low`, `x_high`.
    Interval,
    /// A mean over runs, with their standard deviation and number: `x`, `x_std`, `x_n`.
    Seeds,
}

impl Column {
    /// A column of that name, heading and kind.
    pub fn new(name: impl Into<String>, title: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            kind,
            series: None,
        }
    }

    /// The same column as one of many alike.
    pub fn of(mut self, series: Series) -> Self {
        self.series = Some(series);
        self
    }
}

/// A part of a table.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its heading, e.g. `Scenes · resnet18 · IxG at Final`.
    pub heading: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A line: a cell for each column.
#[derive(Debug, Clone)]
pub struct Line {
    /// The cells.
    pub cells: Vec<Cell>,
    /// Whether it belongs to the line above.
    pub kind: LineKind,
}

impl Line {
    /// A line that stands alone.
    pub fn new(cells: Vec<Cell>) -> Self {
        let kind = LineKind::Own;
        Self { cells, kind }
    }
}

/// Whether a line stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// It stands alone.
    Own,
    /// It belongs to the one above, e.g. a run's differences to its baseline.
    Below,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Undefined, or not measured.
    Missing,
    /// Words.
    Text(String),
    /// A whole number.
    Count(i64),
    /// A plain number.
    Number(f64),
    /// A fraction, shown as percent.
    Share(f64, Spread),
    /// A difference of fractions, shown as points with its sign.
    Points(f64, Spread),
    /// The value of a metric that is no share, as it is.
    Plain(f64, Spread),
    /// A difference of such values, with its sign.
    Change(f64, Spread),
}

/// How certain a number is: its interval, or its deviation over runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spread {
    /// Not known.
    Unknown,
    /// 95 % bootstrap interval over images.
    Interval(Interval),
    /// 95 % interval over seeds and images.
    OverSeeds(Interval),
    /// Standard deviation over `n` runs; `None` for a single one.
    Seeds {
        /// Sample standard deviation.
        std: Option<f64>,
        /// Runs.
        n: usize,
    },
}

/// A cell as people read it.
pub(crate) struct Shown {
    /// e.g. `62.1`, `+5.2`, `–`.
    pub value: String,
    /// e.g. `[60.3, 63.9]`, `(± 1.2)`.
    pub spread: Option<String>,
    /// The two-sided p-value of a difference by its interval over images; `None` for all other cells.
    pub p_value: Option<f64>,
}

impl Cell {
    /// Words; an empty text leaves the cell empty.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Words; `None` makes a missing cell, shown as a dash.
    pub fn maybe_text(text: Option<String>) -> Self {
        text.map_or(Self::Missing, Self::Text)
    }

    /// A whole number.
    pub fn count(count: usize) -> Self {
        Self::Count(count as i64)
    }

    /// A fraction with its interval, if there is one; a missing cell without a value.
    pub fn share(value: Option<f64>, interval: Option<Interval>) -> Self {
        let spread = interval.map_or(Spread::Unknown, Spread::Interval);
        value.map_or(Self::Missing, |value| Self::Share(value, spread))
    }

    /// A mean difference over seeds with its interval, if there is one; of one seed the interval is over images.
    pub fn mean_points(value: f64, interval: Option<Interval>) -> Self {
        Self::Points(value, interval.map_or(Spread::Unknown, Spread::OverSeeds))
    }

    /// A difference of fractions with its interval, if there is one; a missing cell without a value.
    pub fn points(value: Option<f64>, interval: Option<Interval>) -> Self {
        let spread = interval.map_or(Spread::Unknown, Spread::Interval);
        value.map_or(Self::Missing, |value| Self::Points(value, spread))
    }

    /// The value of a metric with its interval, if there is one; a missing cell without a value.
    pub fn value(measure: &Measure, value: Option<f64>, interval: Option<Interval>) -> Self {
        let spread = interval.map_or(Spread::Unknown, Spread::Interval);
        value.map_or(Self::Missing, |value| Self::of(measure, value, spread))
    }

    /// The value of a metric, and how certain it is.
    pub fn of(measure: &Measure, value: f64, spread: Spread) -> Self {
        match measure.is_share() {
            true => Self::Share(value, spread),
            false => Self::Plain(value, spread),
        }
    }

    /// A difference between two values of a metric with its interval, if there is one; a missing cell without
    /// a value.
    pub fn difference(measure: &Measure, value: Option<f64>, interval: Option<Interval>) -> Self {
        let spread = interval.map_or(Spread::Unknown, Spread::Interval);
        match (value, measure.is_share()) {
            (None, _) => Self::Missing,
            (Some(value), true) => Self::Points(value, spread),
            (Some(value), false) => Self::Change(value, spread),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Missing => true,
            Self::Text(text) => text.is_empty(),
            _ => false,
        }
    }

    /// The cell as people read it.
    pub(crate) fn shown(&self) -> Shown {
        let (value, spread) = match self {
            Self::Missing => (MISSING.to_owned(), None),
            Self::Text(text) => (text.clone(), None),
            Self::Count(count) => (minus(count.to_string()), None),
            Self::Number(value) => (minus(number(*value)), None),
            Self::Share(value, spread) => (percent(*value), spread.shown(percent, percent)),
            Self::Points(value, spread) => (points(*value), spread.shown(points, percent)),
            Self::Plain(value, spread) => (plain(*value), spread.shown(plain, plain)),
            Self::Change(value, spread) => (change(*value), spread.shown(change, plain)),
        };
        let p_value = match self {
            Self::Points(value, Spread::Interval(i)) | Self::Change(value, Spread::Interval(i)) => {
                Some(p_value(*value, *i))
            }
            _ => None,
        };
        Shown {
            value,
            spread,
            p_value,
        }
    }
}

/// Returns the two-sided p-value of a difference from 0 by its 95 % interval over many images: that of a normal
/// distribution whose interval has the end that is nearer to 0. It is 0.05 where that end is 0.
fn p_value(difference: f64, interval: Interval) -> f64 {
    // The 97.5 % quantile of the normal distribution.
    const Z: f64 = 1.959_963_984_540_054;
    let half = match difference >= 0.0 {
        true => difference - interval.low,
        false => interval.high - difference,
    };
    let distance = difference.abs();
    match (half > 0.0, distance > 0.0) {
        // The complementary error function of x/√2 is 2 · Φ(−x).
        (true, _) => statrs::function::erf::erfc(distance / half * Z / std::f64::consts::SQRT_2),
        (false, true) => 0.0,
        (false, false) => 1.0,
    }
}

impl Spread {
    /// The text behind a number, e.g. `[60.3, 63.9]`, or `None`. `ends` formats the ends of an interval,
    /// `width` a deviation.
    fn shown(self, ends: fn(f64) -> String, width: fn(f64) -> String) -> Option<String> {
        match self {
            Self::Unknown | Self::Seeds { std: None, .. } => None,
            Self::Interval(i) | Self::OverSeeds(i) => {
                Some(format!("[{}, {}]", ends(i.low), ends(i.high)))
            }
            Self::Seeds { std: Some(std), .. } => Some(format!("(± {})", width(std))),
        }
    }
}

impl Table {
    /// The columns that are printed, with their indices: those in which not every cell is missing or empty.
    pub(crate) fn printed(&self) -> Vec<(usize, &Column)> {
        let lines = || self.sections.iter().flat_map(|section| &section.lines);
        let has_any =
            |(index, _): &(usize, &Column)| lines().any(|line| !line.cells[*index].is_empty());
        self.columns.iter().enumerate().filter(has_any).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_are_those_of_a_normal_distribution() {
        // 2 · scipy.stats.norm.sf(1.959963984540054 · d / half)
        for (difference, low, high, expected) in [
            (0.5, 0.0, 1.0, 0.05),
            (0.5, 0.25, 3.0, 0.000088575438),
            (-0.5, -9.0, -0.25, 0.000088575438),
            (0.0, -0.1, 0.1, 1.0),
            (0.2, 0.2, 0.2, 0.0),
            (0.0, 0.0, 0.0, 1.0),
        ] {
            let found = p_value(difference, Interval { low, high });
            assert!((found - expected).abs() < 1e-9, "{difference}: {found}");
        }
    }
}
