//! Sums of values from which means are taken: over all pairs (an image and a class on it), those of a group, class or
//! size, and those of a bootstrap resample.

/// A sum of values and their number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sum {
    /// The sum of the values.
    pub total: f64,
    /// The number of the values.
    pub n: u64,
}

impl Sum {
    /// Adds a value, where there is one.
    pub fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.total += value;
            self.n += 1;
        }
    }

    /// Adds `weight` times another sum.
    pub fn add_weighted(&mut self, other: &Self, weight: u32) {
        self.total += f64::from(weight) * other.total;
        self.n += u64::from(weight) * other.n;
    }

    /// The mean; `None` where nothing was added.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.total / self.n as f64)
    }
}
