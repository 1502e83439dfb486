//! Writes tables of results. A table is made once, of [`parts`], and written in four formats: Markdown and
//! LaTeX for reading, in percent ([`markdown`], [`latex`]); CSV and Parquet for computing, in fractions
//! ([`flat`]). The tables of runs and of seeds are here ([`runs`], [`seeds`]); all others are in
//! [`crate::exhibit`]. For computing the table of runs has a form of its own ([`long`]).

pub mod flat;
pub mod latex;
pub mod long;
pub mod markdown;
pub mod parts;
pub mod runs;
pub mod seeds;
