//! Defines the command-line options of `analysis query`, which filters, groups and compares the metrics of runs
//! (trainings). Their doc comments are its `--help`.

use std::path::PathBuf;

use clap::Args;

/// What is asked.
#[derive(Debug, Args)]
pub struct Query {
    /// Folder that holds runs/<run id>/
    #[arg(long, value_name = "DIR")]
    pub(super) results: PathBuf,
    /// Only rows with that: COLUMN=VALUE[,VALUE…], also != < <= > >=; "none" is null. Columns are those
    /// of run.parquet and metrics.parquet, and is_selected; attribution, layer, precision and task are the
    /// maps', guided_attribution, guided_layer, trained_precision and trained_task the run's. May be given
    /// several times
    #[arg(long = "where", value_name = "CONDITION")]
    pub(super) conditions: Vec<String>,
    /// Mean, standard deviation and number of the metrics of rows that are alike in these columns; with the
    /// metric iou_sweep in threshold, too
    #[arg(long, value_name = "COLUMN,…", value_delimiter = ',')]
    pub(super) group_by: Vec<String>,
    /// The metrics shown [default: those of f1, map, accuracy, epg, iou and iou_tuned that were measured]
    #[arg(long = "metric", value_name = "METRIC,…", value_delimiter = ',')]
    pub(super) metrics: Vec<String>,
    /// Differences between two runs on the same data, by id (or its beginning) or name: B − A, as
    /// `evaluator compare` tells them, with intervals. Several seeds of a run: A+A2,B+B2, or a name that they
    /// have in common
    #[arg(long, value_name = "A,B", conflicts_with = "group_by")]
    pub(super) compare: Option<String>,
    /// Every scored checkpoint, not only the one that validation chose (which is_selected tells; a query
    /// that names this column is over all, too)
    #[arg(long, conflicts_with = "compare")]
    pub(super) all: bool,
    /// Write what is printed as a Parquet file as well, in fractions
    #[arg(long, value_name = "FILE.parquet")]
    pub(super) out: Option<PathBuf>,
}
