//! Decides the paper's claims (docs/SPEC.md F) from our results. Each claim has a file, `r1.rs` to `r11.rs`,
//! with its statement and its rule. The rule makes comparisons, called trials ([`claim`]); the verdict follows
//! from them by the rules of docs/statistics.md ([`verdict`]). A new claim needs a file and a line in [`list`].
//!
//! A *setting* holds runs that are trained and scored alike, so that they can be compared; a *row* is one
//! run in it. A *configuration* is everything that decides a run except λ (the weight of the localization loss)
//! and seed. Its *chosen* checkpoint of a seed is the one that did best on validation, and its *front* is made of
//! those that did best at several losses of F1 ([`crate::statistics::choice`]).

pub mod claim;
mod compare;
mod fronts;
mod kept;
pub mod list;
mod r1;
mod r10;
mod r11;
mod r2;
mod r3;
mod r4;
mod r5;
mod r6;
mod r7;
mod r8;
mod r9;
mod runs;
pub mod verdict;
