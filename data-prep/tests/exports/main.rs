//! Runs `data-prep yolo`, `table` and `read` on small folders as people have them, and checks the data
//! folders and the lines that they print: `yolo` and `yolo_broken`, `table` and `table_found`, `arrange` (splits and groups), `credit` (licences and citations),
//! and `same` (one data set in three formats).
#![allow(clippy::unwrap_used)]

mod arrange;
mod credit;
mod folder;
mod same;
mod table;
mod table_found;
mod yolo;
mod yolo_broken;
