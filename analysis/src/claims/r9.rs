//! Claim R9: guidance at a deeper layer than the input helps the maps of the input and takes less time. Times can
//! only be compared where both are measured in turn on a machine that does nothing else. The seconds in
//! `epochs.parquet` are of runs that shared cores with others, and no table has such a measurement, so that the claim
//! is not tested; exhibit `deep_layers` shows the EPG of these maps.

use crate::claims::claim::{Claim, Trials};
use crate::model::evidence::Evidence;
use crate::statistics::rules::Reach;

/// The claim's entry in the list.
pub(super) const CLAIM: Claim = Claim {
    name: "R9",
    statement: "Guidance at deeper layers helps input maps and is faster",
    test: "EPG of input maps over the baseline's; seconds a step, measured in turn with guidance at the input",
    place: "§5.4, Fig. 8",
    reach: Reach::Everywhere,
    rule,
};

/// Says what is missing.
fn rule(_: &Evidence) -> Trials {
    Err(
        "missing: times of guidance at a deeper layer and at the input, measured in turn"
            .to_owned(),
    )
}
