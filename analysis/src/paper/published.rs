//! Reads published numbers (docs/SPEC.md F) from the CSV files beside this file, which are part of the program.
//! Each number has its source: P is the paper, T a reproduction published in TMLR, F another reproduction
//! (`points.csv` has their addresses). The exhibit `published` in [`crate::exhibit`] puts our corresponding
//! results beside them.

use std::io::Cursor;
use std::path::Path;

use polars::prelude::*;

use crate::{Error, Result};

/// F1, EPG and IoU.
const POINTS: &str = include_str!("points.csv");
/// Accuracies on Waterbirds-100.
const WATERBIRDS: &str = include_str!("waterbirds.csv");
/// EPG by size of the boxes.
const SIZES: &str = include_str!("sizes.csv");

/// Which point of a configuration's Pareto front a published row gives. A configuration is all that decides a run
/// except λ (the weight of the localization loss) and seed; a point is a checkpoint's F1, EPG and IoU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    /// The baseline.
    Baseline,
    /// The point with the highest F1.
    HighestF1,
    /// Of the points whose F1 is at most 0.01 below the baseline's, the one with the highest EPG.
    WithinPoint,
    /// The point with the highest EPG.
    HighestEpg,
    /// The point with the highest IoU.
    HighestIou,
    /// The point at the published F1; of ours, the one nearest to it.
    AtF1,
    /// Gains over the baseline at the highest F1.
    GainHighestF1,
    /// Gains over the baseline at the point of [`Self::WithinPoint`].
    GainWithinPoint,
    /// Gains over the baseline at the highest IoU.
    GainHighestIou,
}

impl Statistic {
    /// Name in the CSV file, statistic, words for people.
    const ALL: [(&'static str, Self, &'static str); 9] = [
        ("baseline", Self::Baseline, "baseline"),
        ("highest_f1", Self::HighestF1, "highest F1"),
        (
            "within_point",
            Self::WithinPoint,
            "highest EPG within a point of the baseline's F1",
        ),
        ("highest_epg", Self::HighestEpg, "highest EPG"),
        ("highest_iou", Self::HighestIou, "highest IoU"),
        ("at_f1", Self::AtF1, "at that F1"),
        (
            "gain_highest_f1",
            Self::GainHighestF1,
            "gains at the highest F1",
        ),
        (
            "gain_within_point",
            Self::GainWithinPoint,
            "gains within a point of the baseline's F1",
        ),
        (
            "gain_highest_iou",
            Self::GainHighestIou,
            "gains at the highest IoU",
        ),
    ];

    /// What it is, in words.
    pub fn words(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(_, other, _)| *other == self)
            .map_or("", |(.., words)| words)
    }

    /// Whether its numbers are differences to the baseline.
    pub fn is_gain(self) -> bool {
        matches!(
            self,
            Self::GainHighestF1 | Self::GainWithinPoint | Self::GainHighestIou
        )
    }
}

/// A published point of F1, EPG and IoU.
#[derive(Debug, Clone)]
pub struct Point {
    /// P, T or F.
    pub source: String,
    /// Names in the tables: data set, backbone, attribution method, layer, loss (empty: baseline), annotation
    /// (`box` or `segmentation`).
    pub key: [String; 6],
    /// Share of the training images whose annotations were used; `None` for a baseline.
    pub annotated_fraction: Option<f64>,
    /// The share of its size by which a box grew to each side in training; `None` for a baseline.
    pub dilation: Option<f64>,
    /// Which point of the front it is.
    pub statistic: Statistic,
    /// F1, EPG and IoU: fractions, or differences of fractions if the statistic is a gain.
    pub values: [Option<f64>; 3],
}

/// A published accuracy on Waterbirds-100.
#[derive(Debug, Clone)]
pub struct Accuracy {
    /// P, T or F.
    pub source: String,
    /// Backbone, attribution method, task (`conventional` or `reversed`), loss (empty: baseline).
    pub key: [String; 4],
    /// Share of the training images whose boxes were used; `None` for a baseline.
    pub annotated_fraction: Option<f64>,
    /// Accuracy of the group waterbird on land, and overall: each a fraction, with its standard deviation over
    /// runs where there were several.
    pub values: [(Option<f64>, Option<f64>); 2],
}

/// A published EPG of the pairs (an image and a class on it) whose boxes are of one size.
#[derive(Debug, Clone)]
pub struct Size {
    /// P, T or F.
    pub source: String,
    /// Data set, backbone, attribution method, layer, loss.
    pub key: [String; 5],
    /// The size: the share of the image that the boxes cover, from and to.
    pub range: (f64, f64),
    /// Mean EPG.
    pub epg: Option<f64>,
}

/// Reads the published points of F1, EPG and IoU.
///
/// # Errors
/// A file that is not as it should be; the files are part of the program.
pub fn points() -> Result<Vec<Point>> {
    let rows = Rows::read("published/points.csv", POINTS)?;
    let statistic = |spelling: String| {
        let mut all = Statistic::ALL.iter();
        let found = all.find(|(known, ..)| *known == spelling);
        let unknown = || Error::table(rows.path(), "statistic", spelling.as_str(), "a known one");
        found
            .map(|(_, statistic, _)| *statistic)
            .ok_or_else(unknown)
    };
    let key = [
        "dataset",
        "backbone",
        "attribution",
        "layer",
        "loss",
        "annotation",
    ];
    rows.each(|i| {
        Ok(Point {
            source: rows.text("source", i)?,
            key: rows.texts(key, i)?,
            annotated_fraction: rows.number("annotated_fraction", i)?,
            dilation: rows.number("dilation", i)?,
            statistic: statistic(rows.text("statistic", i)?)?,
            values: [
                rows.number("f1", i)?,
                rows.number("epg", i)?,
                rows.number("iou", i)?,
            ],
        })
    })
}

/// Reads the published accuracies on Waterbirds-100.
///
/// # Errors
/// A file that is not as it should be.
pub fn accuracies() -> Result<Vec<Accuracy>> {
    let rows = Rows::read("published/waterbirds.csv", WATERBIRDS)?;
    rows.each(|i| {
        Ok(Accuracy {
            source: rows.text("source", i)?,
            key: rows.texts(["backbone", "attribution", "task", "loss"], i)?,
            annotated_fraction: rows.number("annotated_fraction", i)?,
            values: [
                (rows.number("worst", i)?, rows.number("worst_std", i)?),
                (rows.number("overall", i)?, rows.number("overall_std", i)?),
            ],
        })
    })
}

/// Reads the published EPG by size of the boxes.
///
/// # Errors
/// A file that is not as it should be.
pub fn sizes() -> Result<Vec<Size>> {
    let rows = Rows::read("published/sizes.csv", SIZES)?;
    let key = ["dataset", "backbone", "attribution", "layer", "loss"];
    rows.each(|i| {
        let end = |name| Ok::<f64, Error>(rows.number(name, i)?.unwrap_or(f64::NAN));
        Ok(Size {
            source: rows.text("source", i)?,
            key: rows.texts(key, i)?,
            range: (end("size_low")?, end("size_high")?),
            epg: rows.number("epg", i)?,
        })
    })
}

/// A CSV file, all columns as text.
struct Rows {
    /// Its path, for messages.
    name: &'static str,
    frame: DataFrame,
}

impl Rows {
    fn read(name: &'static str, text: &'static str) -> Result<Self> {
        let options = CsvReadOptions::default()
            .with_infer_schema_length(Some(0))
            .map_parse_options(|options| options.with_comment_prefix(Some("#")));
        let reader = options.into_reader_with_file_handle(Cursor::new(text.as_bytes()));
        let frame = reader.finish().map_err(Error::polars(Path::new(name)))?;
        Ok(Self { name, frame })
    }

    fn path(&self) -> &Path {
        Path::new(self.name)
    }

    /// Calls `row` with the index of each row.
    fn each<T>(&self, row: impl Fn(usize) -> Result<T>) -> Result<Vec<T>> {
        (0..self.frame.height()).map(row).collect()
    }

    /// The text in a column of a row; empty where the file has nothing.
    fn text(&self, column: &str, row: usize) -> Result<String> {
        let failed = Error::polars(self.path());
        let value = self.frame.column(column).and_then(|column| column.str());
        Ok(value
            .map_err(failed)?
            .get(row)
            .unwrap_or_default()
            .to_owned())
    }

    fn texts<const N: usize>(&self, columns: [&str; N], row: usize) -> Result<[String; N]> {
        let mut texts = std::array::from_fn(|_| String::new());
        for (text, column) in texts.iter_mut().zip(columns) {
            *text = self.text(column, row)?;
        }
        Ok(texts)
    }

    /// The number in a column of a row; `None` where the file has nothing.
    fn number(&self, column: &str, row: usize) -> Result<Option<f64>> {
        let text = self.text(column, row)?;
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse();
        let refused = |_| Error::table(self.path(), column, text.as_str(), "a number");
        number.map(Some).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares some rows with numbers that were typed from the publications a second time.
    #[test]
    fn the_files_hold_what_was_published() {
        let points = points().expect("points");
        // F1, EPG and IoU of the one row with undilated boxes that fits, in thousandths.
        let find = |source: &str, key: [&str; 6], fraction, statistic| {
            let mut found = points.iter().filter(|point| {
                point.source == source
                    && point.key == key
                    && point.annotated_fraction == fraction
                    && point.dilation.unwrap_or(0.0) == 0.0
                    && point.statistic == statistic
            });
            let point = found.next().expect("a row");
            assert!(found.next().is_none(), "{key:?}");
            point
                .values
                .map(|value| value.map(|value| (value * 1000.0).round() as i64))
        };
        let bcos_input = |loss| ["voc2007", "bcos_resnet50", "bcos", "input", loss, "box"];
        let energy = bcos_input("energy");
        assert_eq!(
            find("F", energy, Some(1.0), Statistic::WithinPoint),
            [Some(796), Some(666), Some(9)]
        );
        assert_eq!(
            find("P", energy, Some(1.0), Statistic::AtF1),
            [Some(794), Some(717), None]
        );
        assert_eq!(
            find("P", energy, Some(0.01), Statistic::GainWithinPoint),
            [Some(-3), Some(230), None]
        );
        let coco = ["coco2014", "xdnn_resnet50", "intgrad", "final", "l1", "box"];
        assert_eq!(
            find("T", coco, Some(1.0), Statistic::HighestIou),
            [Some(661), Some(419), Some(249)]
        );
        // The second row: Energy with boxes for 1 % of the images, from the paper's Table 1.
        let accuracies = accuracies().expect("accuracies");
        let first = &accuracies[1];
        assert_eq!(
            first.key,
            ["bcos_resnet50", "bcos", "conventional", "energy"]
        );
        assert_eq!(
            first.values,
            [(Some(0.561), Some(0.040)), (Some(0.712), Some(0.001))]
        );
        let sizes = sizes().expect("sizes");
        assert_eq!(sizes.len(), 7);
        assert!(
            sizes
                .iter()
                .any(|size| size.range == (0.1, 0.25) && size.epg == Some(0.525))
        );
    }
}
