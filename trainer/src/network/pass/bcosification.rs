//! Defines [`Bcosification`], how far a B-cosified network is on its way (docs/SPEC.md D).

/// How far a network is on its way from an ordinary one to a B-cos network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bcosification {
    progress: f64,
}

/// 8 (B − 1) of a B-cos network.
pub(super) const EIGHTHS: i64 = 8;
/// What the norms of a B-cos network add to the variance.
const NORM_EPS: f64 = 1e-5;

impl Bcosification {
    /// `progress` is 0 for the ordinary network, with B = 1, all biases and means, and 1 for the B-cos network,
    /// with B = 2 and none of them.
    pub fn at(progress: f64) -> Self {
        Bcosification { progress }
    }

    /// How far it is, from 0 to 1.
    pub(super) fn progress(self) -> f64 {
        self.progress
    }

    /// 8 (B − 1): B grows in eighths, so that the power is a product of square roots.
    pub(super) fn eighths(self) -> i64 {
        (EIGHTHS as f64 * self.progress).ceil() as i64
    }

    /// The share of biases and means that is left.
    pub(crate) fn kept(self) -> f64 {
        1.0 - self.progress
    }

    /// What a norm adds to the variance, where the ordinary one adds `eps`.
    pub(super) fn eps(self, eps: f64) -> f64 {
        self.kept() * eps + self.progress * NORM_EPS
    }
}
