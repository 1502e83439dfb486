//! Makes the progress bars of all commands, which are shown on stderr. Indicatif hides them where stderr is
//! no terminal, so everything that a log needs is also printed as a line.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `total` bytes, with rate and time left.
pub(crate) fn bytes(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(total).with_message(what.to_owned());
    bar.set_style(style(
        "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left",
    ));
    bar
}

/// A bar over `total` things that take about the same time, with rate and time left.
pub(crate) fn steps(total: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(total).with_message(what.to_owned());
    bar.set_style(style("{msg} [{bar:30}] {pos}/{len} {per_sec}, {eta} left"));
    bar
}

/// A bar over the steps of a plan, whose times differ, so that the caller gives the time left as a message.
pub(crate) fn plan(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    bar.set_style(style("[{bar:30}] {pos}/{len} steps{msg}"));
    bar
}

/// A spinner, for work of unknown length.
pub(crate) fn spinner(what: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_message(what.to_owned());
    bar.set_style(style("{spinner} {elapsed} {prefix}{wide_msg}"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The style of this template.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A number of bytes for people: "530 MB".
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
