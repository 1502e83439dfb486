//! Makes the faults of a recipe, which are texts of the form "field: found …, expected …". A check returns None
//! where there is no fault.

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

/// The fault of a number that is not positive and finite.
pub(super) fn above_0(field: &str, value: f64) -> Option<String> {
    match value > 0.0 && value.is_finite() {
        true => None,
        false => wrong(field, value, "a number above 0"),
    }
}

/// The fault of a number that is negative or not finite.
pub(super) fn from_0(field: &str, value: f64) -> Option<String> {
    match value >= 0.0 && value.is_finite() {
        true => None,
        false => wrong(field, value, "0 or a number above it"),
    }
}

/// The fault of a name that is not among the `known` ones.
pub(super) fn spelled<T: AsRef<str>>(field: &str, value: &str, known: &[T]) -> Option<String> {
    let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    match known.contains(&value) {
        true => None,
        false => wrong(
            field,
            format!("{value:?}"),
            format!("one of {}", known.join(", ")),
        ),
    }
}
