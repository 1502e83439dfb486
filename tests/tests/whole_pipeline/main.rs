//! The four programs one after the other over a handful of drawn scenes: what they leave, that a
//! finished run is skipped and a broken one goes on as if nothing had happened, how they refuse, and
//! that other people's tools read everything.
#![allow(clippy::unwrap_used)]

mod looking;
mod made;
mod other_tools;
mod outputs;
mod refusals;
mod reproduced;
mod resuming;
