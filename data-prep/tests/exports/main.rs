//! Runs `data-prep yolo`, `table` and `read` on small folders as annotation tools export them, and checks the
//! data folders that they make and the lines that they print. `yolo` and `yolo_broken` have YOLO's exports,
//! `table` and `table_found` CSV and Parquet tables, `arrange` splits and groups, `credit` licences and
//! citations, `same` one data set in three formats.
#![allow(clippy::unwrap_used)]

mod arrange;
mod credit;
mod folder;
mod same;
mod table;
mod table_found;
mod yolo;
mod yolo_broken;
