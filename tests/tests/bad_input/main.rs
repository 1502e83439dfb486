//! Bad input: valid files changed in one place each, and exactly what the programs say of them.
//!
//! The cases are in `tests/fixtures/bad_input/<kind>.toml`, the valid inputs they change in `valid/`
//! beside them; the README there says how a case is written. A case that says nothing of what must
//! come of it cannot be read, and a file of cases that is not listed below fails.
#![allow(clippy::unwrap_used)]

mod case;
mod change;
mod columns;
mod copy;
mod damage;
mod large;
mod place;
mod table;

/// One test for each file of cases.
macro_rules! kinds {
    ($($kind:ident),+ $(,)?) => {
        $(#[test]
        fn $kind() {
            case::check_all(stringify!($kind));
        })+

        #[test]
        fn every_file_of_cases_is_a_test() {
            let mut known = vec![$(stringify!($kind)),+];
            known.sort_unstable();
            assert_eq!(case::kinds(), known);
        }
    };
}

kinds!(
    coco,
    data,
    evaluations,
    maps,
    recipes,
    results,
    runs,
    voc,
    waterbirds,
    weights,
);
