//! Early stopping (docs/SPEC.md E.1): a run ends before its last epoch when a validation metric has not
//! risen for some epochs. That is a function of the finished epochs, so that a resumed run needs no state
//! for it.

use serde::{Deserialize, Serialize};

use crate::names::ValidationMetric;
use crate::run::epochs::EpochRow;

/// When a run ends early; the table `[early_stopping]` of `run.toml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// The validation metric that has to rise.
    pub metric: ValidationMetric,
    /// The run ends after this number of epochs in a row without a new highest value, 1 at least.
    pub patience: u32,
}

impl EarlyStopping {
    /// Whether a run with these finished `epochs` ends; those before epoch `first` do not count.
    pub fn is_due(&self, epochs: &[EpochRow], first: i32) -> bool {
        let mut best = f64::NEG_INFINITY;
        let mut without = 0;
        for row in epochs.iter().filter(|row| row.epoch >= first) {
            let value = match self.metric {
                ValidationMetric::F1 => row.val_f1,
                ValidationMetric::Map => row.val_map,
                ValidationMetric::Epg => row.val_epg,
                ValidationMetric::Iou => row.val_iou,
            };
            match value > best {
                true => (best, without) = (value, 0),
                false => without += 1,
            }
        }
        without >= self.patience
    }
}

impl std::fmt::Display for EarlyStopping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "metric={}, patience={}", self.metric, self.patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a run with patience 2 ends after epochs with these values in number `field` of their rows, all
    /// other numbers being 0.
    fn is_due(metric: ValidationMetric, field: usize, values: &[f64]) -> bool {
        let rows: Vec<EpochRow> = values
            .iter()
            .map(|&value| {
                let mut numbers = [0.0; EpochRow::WIDTH];
                numbers[field] = value;
                EpochRow::from_numbers(numbers)
            })
            .collect();
        let stopping = EarlyStopping {
            metric,
            patience: 2,
        };
        stopping.is_due(&rows, 0)
    }

    #[test]
    fn a_run_ends_after_patience_epochs_without_a_new_highest_value() {
        use ValidationMetric::{Epg, F1, Iou, Map};
        // The places of val_f1, val_map, val_epg and val_iou in a row.
        for (metric, field) in [(F1, 7), (Map, 8), (Epg, 9), (Iou, 10)] {
            for (values, expected) in [
                (&[][..], false),
                (&[0.5], false),
                (&[0.5, 0.4], false),
                (&[0.5, 0.4, 0.5], true), // the same value again is no rise
                (&[0.5, 0.4, 0.6], false),
                (&[0.5, 0.4, 0.6, 0.55], false),
                (&[0.5, 0.4, 0.6, 0.55, 0.58], true),
                (&[0.0, 0.0, 0.0], true),
            ] {
                assert_eq!(is_due(metric, field, values), expected, "{values:?}");
            }
            // A metric that is not the chosen one rises; the chosen one stays 0.
            let other = if metric == F1 { Map } else { F1 };
            assert!(is_due(other, field, &[0.1, 0.2, 0.3]));
        }
    }
}
