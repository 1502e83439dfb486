//! The claims, in the order of the report.

use crate::claims::claim::Claim;
use crate::claims::{r1, r2, r3, r4, r5, r6, r7, r8, r9, r10};

/// All claims.
pub const CLAIMS: &[Claim] = &[
    r1::CLAIM,
    r2::CLAIM,
    r3::CLAIM,
    r4::CLAIM,
    r5::CLAIM,
    r6::CLAIM,
    r7::CLAIM,
    r8::CLAIM,
    r9::CLAIM,
    r10::CLAIM,
];
