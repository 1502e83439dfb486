//! The localization loss Energy* of a reproduction study of the paper (in TMLR): 1 − EPG / area^α. EPG is the
//! share of positive attribution inside the mask; area is the sum of the areas of the class's boxes, in cells of
//! the mask's grid; α is the option `exponent`. It counters Energy's preference for large boxes.

use tch::Tensor;

use crate::guide::loss::{LocalizationLoss, LossOption};
use crate::guide::losses::energy;
use crate::machine::device;

/// The loss.
pub const ENERGY_AREA: LocalizationLoss = LocalizationLoss {
    name: "energy_area",
    title: "Energy*",
    options: &[LossOption {
        name: "exponent",
        // The study did not record the value it used.
        default: None,
        low: 0.0,
        // Up to it, area^exponent is finite in 32 bits even for a billion cells (a thousand boxes over a
        // megapixel). If it overflowed, the loss would be the constant 1.
        high: 4.0,
    }],
    needs_areas: true,
    value: |given| {
        let epg = energy::value(given)?.f_neg()?.f_add_scalar(1.0)?;
        // An annotation without cells has area 1: it divides nothing by 0.
        let power = |area: &f64| area.max(1.0).powf(given.options[0]);
        let powers: Vec<f64> = given.areas.iter().map(power).collect();
        let powers = device::upload(&Tensor::f_from_slice(&powers)?, epg.device())?;
        let powers = powers.f_to_kind(epg.kind())?;
        epg.f_div(&powers)?.f_neg()?.f_add_scalar(1.0)
    },
};
