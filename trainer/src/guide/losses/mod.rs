//! The localization losses, a file each, and their list.

pub mod energy;
pub mod energy_area;
pub mod gradmask;
pub mod inside_outside;
pub mod l1;
pub mod list;
pub mod ppce;
pub mod rrr;
