//! The trainer's module `network`, with only the part for networks that are read from files.

pub mod graph;
