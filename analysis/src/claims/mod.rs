//! The paper's claims (SPEC F), each decided from our results. A claim's file has its statement and its
//! rule; the rule makes comparisons ([`claim`]), from which the verdict follows ([`verdict`]). A new
//! claim needs a file and a line in [`list`].

pub mod claim;
mod compare;
mod fronts;
mod kept;
pub mod list;
mod r1;
mod r10;
mod r11;
mod r2;
mod r3;
mod r4;
mod r5;
mod r6;
mod r7;
mod r8;
mod r9;
mod runs;
pub mod verdict;
