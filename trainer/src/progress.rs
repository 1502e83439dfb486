//! Makes the bar that shows people how far a command is.

use indicatif::{ProgressBar, ProgressStyle};

/// Returns a progress bar over `length` images on stderr; it is hidden if stderr is no terminal.
pub(crate) fn progress_bar(length: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix} [{bar:30}] {pos}/{len} images  {per_sec}  {eta} left  {msg}",
    );
    ProgressBar::new(length)
        .with_prefix(what.to_owned())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
