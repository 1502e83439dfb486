//! The boxes that a map gives when it is cut at a threshold, and whether they are right, as weakly supervised
//! localization is evaluated (Choe et al. 2020, docs/SPEC.md B): what the metrics `max_box_acc` and
//! `max_box_acc_v2` count.
//!
//! `levels` has the map's values in 255 steps, `regions` finds the connected cells above each threshold and the
//! holes in them, `outline` measures a region, and `hits` compares their boxes with the annotated ones.

mod hits;
mod levels;
mod outline;
mod regions;

pub(crate) use hits::{BoxHits, IOUS};
pub(crate) use levels::N_THRESHOLDS;
