//! Sums average precision, which metrics of logits and of maps use, as scikit-learn's
//! `average_precision_score`: Σ (Rₙ − Rₙ₋₁) Pₙ over distinct scores with recall R and precision P.

/// Average precision as it is summed, score by score from the highest down. Numbers are floats because their
/// conversion would take longer than all else; they are exact.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Precision {
    /// How many have been added.
    seen: f64,
    /// How many of them are positive.
    positives: f64,
    /// The sum over positives of the share of positives among those of their score or a higher one.
    sum: f64,
}

impl Precision {
    /// Adds `all`, at least one, that have the next lower score, `positives` of which are positive.
    pub(crate) fn add(&mut self, positives: f64, all: f64) {
        self.seen += all;
        self.positives += positives;
        self.sum += positives * (self.positives / self.seen);
    }

    /// Returns the average precision; `None` where nothing was positive.
    pub(crate) fn average(self) -> Option<f64> {
        (self.positives > 0.0).then(|| self.sum / self.positives)
    }
}
