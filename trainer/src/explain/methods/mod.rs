//! The attribution methods, one file each, and their list.

pub mod bcos;
pub mod gradcam;
pub mod gradcam_pp;
pub mod intgrad;
pub mod ixg;
pub mod list;
pub mod smoothgrad;
