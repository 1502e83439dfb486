//! Reads how far a training is from the file that the trainer writes (`--progress`), and draws its curves as
//! lines of text.

use std::path::Path;

use serde::Deserialize;

use crate::drive::plan::duration;
use crate::drive::step::record;

/// How far a training is. The lists have a number for each finished epoch.
#[derive(Debug, Deserialize)]
pub(super) struct Progress {
    /// The epochs of the run.
    epochs: usize,
    /// Steps done in the epoch after the finished ones.
    step: usize,
    /// The steps of an epoch. Where all are done, the epoch is being validated.
    steps: usize,
    /// Expected seconds to the end.
    seconds_left: Option<f64>,
    /// Mean training loss.
    loss: Vec<f64>,
    /// F1 on validation images, 0 to 1.
    val_f1: Vec<f64>,
    /// EPG on validation images, 0 to 1.
    val_epg: Vec<f64>,
}

/// What stands before the lines.
const INDENT: &str = "    ";
/// The width of what a line of curves has besides the three curves: indent, labels and numbers.
const LABELS: usize = INDENT.len() + "loss  0.0000   val F1  100.0 %   EPG  100.0 %".len();

impl Progress {
    /// How far the training of the step `key` is; None before the trainer has said it.
    pub(super) fn read(out: &Path, key: &str) -> Option<Progress> {
        let text = std::fs::read(record::progress_file(out, key)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The number of finished epochs.
    pub(super) fn finished(&self) -> usize {
        self.loss.len()
    }

    /// A line with epoch, step and time left, and, after the first epoch, one with the curves, in at most
    /// `columns` characters where that is possible.
    pub(super) fn describe(&self, columns: usize) -> String {
        let epoch = (self.finished() + 1).min(self.epochs);
        let place = match self.step {
            _ if self.finished() >= self.epochs => "done".to_owned(),
            step if step == self.steps => "validation".to_owned(),
            step => format!("step {step} of {}", self.steps),
        };
        let left = self.seconds_left.filter(|seconds| *seconds > 0.0);
        let left = left.map(|seconds| format!(", about {} left", duration(seconds)));
        let left = left.unwrap_or_default();
        let epochs = self.epochs;
        let mut text = format!("{INDENT}epoch {epoch} of {epochs}, {place}{left}\n");
        let newest = |curve: &[f64]| curve.last().copied().unwrap_or_default();
        if self.finished() > 0 {
            let width = (columns.saturating_sub(LABELS) / 3).clamp(5, 60); // bounds chosen by eye
            let [loss, f1, epg] =
                [&self.loss, &self.val_f1, &self.val_epg].map(|c| sparkline(c, width));
            text += &format!(
                "{INDENT}loss {loss} {:.4}   val F1 {f1} {:.1} %   EPG {epg} {:.1} %\n",
                newest(&self.loss),
                100.0 * newest(&self.val_f1),
                100.0 * newest(&self.val_epg)
            );
        }
        text
    }
}

/// The curve in at most `width` characters, from its least value to its greatest. Where it has more values, a
/// character is the mean of several.
fn sparkline(curve: &[f64], width: usize) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let width = width.min(curve.len());
    let part = |n: usize| &curve[n * curve.len() / width..(n + 1) * curve.len() / width];
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let means: Vec<f64> = (0..width).map(|n| mean(part(n))).collect();
    let least = means.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let level = |value: &f64| match greatest > least {
        true => LEVELS[(7.0 * (value - least) / (greatest - least)).round() as usize],
        false => LEVELS[3], // a constant curve is drawn at half height
    };
    means.iter().map(level).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_curve_goes_from_its_least_to_its_greatest_value() {
        assert_eq!(sparkline(&[0.0, 1.0, 7.0], 9), "▁▂█");
        assert_eq!(sparkline(&[0.5, 0.5], 9), "▄▄");
        assert_eq!(sparkline(&[], 9), "");
        // Of six values in three characters each is the mean of two: 2, 1, 0.
        assert_eq!(sparkline(&[3.0, 1.0, 1.5, 0.5, 0.0, 0.0], 3), "█▅▁");
        assert_eq!(sparkline(&[1.0; 301], 60).chars().count(), 60);
    }

    #[test]
    fn lines_fit_the_terminal() {
        let curve: Vec<f64> = (0..300).map(|n| f64::from(n) / 300.0).collect();
        let progress = |finished: usize, step: usize, seconds_left: Option<f64>| Progress {
            epochs: 300,
            step,
            steps: 63,
            seconds_left,
            loss: curve[..finished].to_vec(),
            val_f1: curve[..finished].to_vec(),
            val_epg: curve[..finished].to_vec(),
        };
        let said = progress(0, 0, None).describe(80);
        assert_eq!(said, "    epoch 1 of 300, step 0 of 63\n");
        for columns in [80, 120, 200] {
            let said = progress(299, 63, Some(200.0)).describe(columns);
            let lines: Vec<&str> = said.lines().collect();
            let expected = "    epoch 300 of 300, validation, about 3 min left";
            assert_eq!(lines[0], expected);
            let width = lines[1].chars().count();
            assert!((columns - 6..=columns).contains(&width), "{width}: {said}");
            assert!(lines[1].contains("▁") && lines[1].contains("█ 0.9933   val F1 "));
            assert!(lines[1].ends_with("█ 99.3 %"), "{said}");
        }
        let said = progress(300, 0, Some(0.0)).describe(80);
        assert!(said.starts_with("    epoch 300 of 300, done\n"), "{said}");
    }
}
