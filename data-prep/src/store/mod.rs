//! Files written and read back: tables (`table`: any of the programs'; `schema` and `tables`: a data
//! folder's), the pixel file (`pixels`), and what keeps them whole (`atomic`) and harmless to read
//! (`pages`, `thrift`).

pub mod atomic;
pub mod pages;
pub mod pixels;
pub mod schema;
pub mod table;
pub mod tables;
mod thrift;
