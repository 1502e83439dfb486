//! The metric `pointing_game_quantus` (docs/SPEC.md B): the pointing game as Quantus has it, on the map's own
//! cells and without tolerance. It is 1, a hit, where a cell inside the mask has the maximum of the signed map,
//! else 0. Of several cells with the maximum one inside is enough; a flat map is a hit. It is undefined where
//! the mask is empty, and the mean leaves such pairs out.
//!
//! It is Quantus' `PointingGame`, not weighted, but for the empty mask: there Quantus means to return NaN, but
//! writes it into an array of booleans and returns True. `pointing_game` has TorchRay's rule instead.

use super::metric::{Mean, Over, PairMetric, Threshold};

/// The metric; [`PairMetric`] says what its fields mean.
pub(super) const METRIC: PairMetric = PairMetric {
    name: "pointing_game_quantus",
    title: "Pointing game, Quantus",
    over: Over::Pairs,
    threshold: Threshold::None,
    value: |pair| {
        let highest = pair.ranked().ties().first()?;
        Some(f64::from(u8::from(highest.above == 0)))
    },
    mean: Mean::OverDefined,
    interval: true,
    share: true,
    standard: false,
};
