//! The part of the trainer's networks that is read from files.

pub mod graph;
