//! The errors of reading an exported network (a file of `torch.export.save`) and of checking its graph, one
//! variant for each way in which it can be wrong.

use std::path::PathBuf;

/// Why an exported network could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The file could not be opened or read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: std::io::Error,
    },
    /// The file was read, but is not what it should be.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with an exported network.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file is of another kind, or was written by an older PyTorch.
    #[error("found {found}, expected a network saved by torch.export.save: {advice}")]
    OtherKind {
        /// What kind of file it is.
        found: String,
        /// What the user can do.
        advice: &'static str,
    },
    /// An entry of the zip archive, or its directory, is damaged, missing or not what it should be.
    #[error("{entry}: found {found}, expected {expected}")]
    Entry {
        /// The entry.
        entry: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// One tensor's type, size or bytes are wrong.
    #[error("tensor {name}: found {found}, expected {expected}")]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What the file has.
        found: String,
        /// What is possible.
        expected: String,
    },
    /// The network's inputs or outputs are not those of an image classifier.
    #[error("found {found}, expected {expected}")]
    Signature {
        /// The inputs or outputs it has.
        found: String,
        /// Those it should have.
        expected: &'static str,
    },
    /// The network was exported for one number of images.
    #[error(
        "found a network for exactly {found} images, expected one for any number\n\
         hint: torch.export.export(model, (images,), dynamic_shapes=({{0: torch.export.Dim(\"batch\", min=1, \
         max=1024)}},)) with two images or more"
    )]
    FixedBatch {
        /// This number of images.
        found: i64,
    },
    /// The graph calls an operator that the trainer does not run.
    #[error("found operator {operator} in {module}, expected {expected}")]
    Operator {
        /// The operator's name.
        operator: String,
        /// The module that calls it.
        module: String,
        /// What is possible instead.
        expected: &'static str,
    },
    /// A node's arguments do not fit its operator, or a value is used before it is made.
    #[error("{part}: found {found}, expected {expected}")]
    Graph {
        /// Where in the graph.
        part: String,
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
    /// An operator overwrites a value that shares memory with another value which is still used.
    #[error(
        "{module}: found {operator}, which overwrites a part of what is used later, expected an \
         operator without \"_\" at its end (for instance `x = x + y` for `x += y`)"
    )]
    Overwritten {
        /// The operator that overwrites.
        operator: String,
        /// The module that calls it.
        module: String,
    },
    /// The network cannot be explained at the layer that the user names.
    #[error(
        "layer {name}: found {found}, expected a module that all of the network passes through{nearest}"
    )]
    Layer {
        /// The name that the user gave.
        name: String,
        /// What stands under this name.
        found: String,
        /// The layers before and after it that can be explained, as the end of the sentence.
        nearest: String,
    },
    /// The head, which is the layer that makes the logits, is not found.
    #[error("head: found {found}, expected {expected}")]
    Head {
        /// What is there.
        found: String,
        /// What should be.
        expected: String,
    },
}

/// The most characters of a name from a file that a message repeats.
const QUOTED: usize = 80;

/// Returns `name`, which comes from a file, in quotes, on one line and cut after [`QUOTED`] characters.
pub(crate) fn quote(name: &str) -> String {
    match name.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{:?}…", &name[..end]),
        None => format!("{name:?}"),
    }
}

/// Returns the message of `error` on one line, cut after twice [`QUOTED`] characters: it may repeat text of the
/// file.
pub(crate) fn line(error: &impl ToString) -> String {
    let said: String = error
        .to_string()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(2 * QUOTED)
        .collect();
    said
}

/// Returns the name of a module for a message; the empty path is the model itself.
pub(crate) fn place(module: &str) -> String {
    match module.is_empty() {
        true => "the model itself".into(),
        false => quote(module),
    }
}
