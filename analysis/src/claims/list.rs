//! Lists the claims, which are statements of the paper, in the order in which the report shows them. A new claim
//! needs a line here.

use crate::claims::claim::Claim;

/// All claims.
pub const CLAIMS: &[Claim] = &[
    super::r1::CLAIM,
    super::r2::CLAIM,
    super::r3::CLAIM,
    super::r4::CLAIM,
    super::r5::CLAIM,
    super::r6::CLAIM,
    super::r7::CLAIM,
    super::r8::CLAIM,
    super::r9::CLAIM,
    super::r10::CLAIM,
    super::r11::CLAIM,
];
