//! Names the tables of an evaluation (one checkpoint's maps of one split, scored) and of a comparison of two. Their
//! columns are declared in `data-prep/schemas.toml`.

use std::sync::LazyLock;

use data_prep::table::TableSpec;

/// One row per (image, class) pair and metric that the pair has; pairs in the order of images and classes,
/// metrics in that of [`crate::metrics::pair::PAIR_METRICS`].
pub static SCORES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("scores"));

/// One row per pair and threshold of the sweep (20 thresholds of IoU, 0.00 to 0.95): the numbers of cells in the
/// intersection and in the union of map and mask.
pub static IOU: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("iou"));

/// One row for each metric and set of images or pairs: all, a group, a class, or a size of mask.
pub static METRICS: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("metrics"));

/// One row per bootstrap resample, group (or all images) and metric.
pub static REPLICATES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("replicates"));

/// One row per example pair of the report, with its pixels, map and boxes.
pub static EXAMPLES: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("examples"));

/// One row per pair of a test split, with a small copy of its map, for the report's gallery.
pub static GALLERY: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("gallery"));

/// One row per metric and group (or all images) of a comparison of two evaluations.
pub static PAIRED: LazyLock<TableSpec> = LazyLock::new(|| TableSpec::declared("paired"));
