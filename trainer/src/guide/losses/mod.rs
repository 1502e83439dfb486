//! The localization losses, one file each, and their list. In the formulas, A is the attribution map of one
//! image, A⁺ the map clamped at 0, Â the map divided by its largest absolute value (Â⁺: clamped first), and M
//! the mask, 1 where attribution belongs and 0 elsewhere. Sums are over pixels.

pub mod energy;
pub mod energy_area;
pub mod gradmask;
pub mod inside_outside;
pub mod l1;
pub mod list;
pub mod ppce;
pub mod rrr;
