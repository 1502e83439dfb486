//! A table of results, made once ([`parts`]) and written four ways: Markdown and LaTeX for reading, in
//! percent ([`markdown`], [`latex`]); CSV and Parquet for computing, in fractions ([`flat`]). The tables
//! of runs and of seeds are here ([`runs`], [`seeds`]); the others are in [`crate::exhibit`].

pub mod flat;
pub mod latex;
pub mod long;
pub mod markdown;
pub mod parts;
pub mod runs;
pub mod seeds;
