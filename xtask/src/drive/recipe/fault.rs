//! Makes the faults of a recipe, which are texts of the form "field: found …, expected …".

use std::fmt::Display;

/// The first fault of several checks.
pub(super) fn first<const N: usize>(checks: [Option<String>; N]) -> Option<String> {
    checks.into_iter().flatten().next()
}

/// A fault, in the form of all of them.
pub(super) fn wrong(field: &str, found: impl Display, expected: impl Display) -> Option<String> {
    Some(format!("{field}: found {found}, expected {expected}"))
}

/// The fault of a number that is 0.
pub(super) fn whole(field: &str, value: u32) -> Option<String> {
    match value {
        0 => wrong(field, 0, "1 at least"),
        _ => None,
    }
}
