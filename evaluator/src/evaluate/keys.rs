//! Metadata keys of the tables of an evaluation (what `evaluator score` writes), besides those of every table.

/// Metadata key of the hash that identifies the data folder whose masks were used: its `inputs`, the hash of what
/// it was made from.
pub const DATA_INPUTS_KEY: &str = "guidance.data_inputs";
/// Metadata key of the version of the formulas, [`crate::FORMULAS`].
pub const FORMULAS_KEY: &str = "guidance.formulas";
/// Metadata key of the hash of the logits that were scored; absent if none were.
pub const PREDICTIONS_KEY: &str = "guidance.predictions";
/// Metadata key with the value `file`, present where the run is unknown, so that `run_id` is the map
/// file's name.
pub const RUN_ID_FROM_KEY: &str = "guidance.run_id_from";
/// Metadata key of the number of images in a pass that made the maps; absent where the map file does
/// not say it.
pub const BATCH_SIZE_KEY: &str = "guidance.batch_size";
/// Metadata key of the number of permutations behind the p-values of `paired.parquet`.
pub const PERMUTATIONS_KEY: &str = "guidance.permutations";
/// Metadata key of the seed of the bootstrap resamples; in `paired.parquet` that of the permutation tests.
pub const SEED_KEY: &str = "guidance.seed";
/// Metadata key of the task; absent where it is the conventional one (classes as annotated, not Waterbirds'
/// backgrounds).
pub const TASK_KEY: &str = "guidance.task";
/// Metadata key of a table of logits, with the value `single` where an image shows exactly one class; absent where
/// it may show any number.
pub const LABELS_KEY: &str = "guidance.labels";
/// Metadata key of the metrics' names for people: a JSON object from the name in tables to the one for
/// people.
pub const TITLES_KEY: &str = "guidance.titles";
/// Metadata key of the classes that can say nothing about guidance: a JSON object from the id to a sentence
/// that says why; absent where all classes can.
pub const UNINFORMATIVE_KEY: &str = "guidance.uninformative";
/// Metadata key of the metrics that are shares, which people read in percent: a JSON list.
pub const SHARES_KEY: &str = "guidance.shares";
