//! Formats numbers for people: percent with one decimal, differences with their sign, a true minus sign,
//! a dash for what is undefined, and numbers of things.

/// The text for a value that is undefined or was not measured.
pub const MISSING: &str = "–";

/// A fraction as percent with one decimal, e.g. `62.1`.
pub fn percent(fraction: f64) -> String {
    minus(format!("{:.1}", tidy(fraction * 100.0)))
}

/// A difference of fractions in percentage points with its sign, e.g. `+5.2`.
pub fn points(difference: f64) -> String {
    minus(format!("{:+.1}", tidy(difference * 100.0)))
}

/// A number that is not shown in percent, with three decimals at most, e.g. `0.125`. −0 becomes 0.
pub fn plain(value: f64) -> String {
    minus(number((value * 1e3).round() / 1e3 + 0.0))
}

/// A difference of numbers that are not shown in percent, with its sign, e.g. `+0.123`.
pub fn change(difference: f64) -> String {
    let shown = plain(difference);
    match shown.starts_with('−') {
        true => shown,
        false => format!("+{shown}"),
    }
}

/// A configuration value with at most ten decimals, without trailing zeros, e.g. `0.005`; in scientific notation
/// below 1e-4, e.g. `1e-7`.
pub fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-4 {
        format!("{value:e}")
    } else {
        let text = format!("{value:.10}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// A duration in the two largest fitting units, e.g. `1 h 05 min`, `2 min 10 s`, `4.2 s`. The spaces are no-break
/// spaces (U+00A0).
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..60 => format!("{seconds:.1}\u{a0}s"),
        60..3600 => format!("{}\u{a0}min\u{a0}{:02}\u{a0}s", whole / 60, whole % 60),
        _ => format!(
            "{}\u{a0}h\u{a0}{:02}\u{a0}min",
            whole / 3600,
            whole % 3600 / 60
        ),
    }
}

/// A number of things, e.g. `1 run`, `3 runs`.
pub fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Rounds to the shown decimal and turns −0 into 0, so that no `-0.0` is printed.
fn tidy(value: f64) -> f64 {
    (value * 10.0).round() / 10.0 + 0.0
}

/// `text` with a true minus sign in place of each hyphen.
pub(crate) fn minus(text: String) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (value, shown) in [
            (0.6214, "62.1"),
            (-0.0001, "0.0"),
            (1.0, "100.0"),
            (-0.052, "−5.2"),
        ] {
            assert_eq!(percent(value), shown);
        }
        for (value, shown) in [(0.052, "+5.2"), (-0.0349, "−3.5"), (-0.0001, "+0.0")] {
            assert_eq!(points(value), shown);
        }
        for (value, shown) in [(0.12345, "+0.123"), (-2.0, "−2"), (-0.0001, "+0")] {
            assert_eq!(change(value), shown);
        }
        for (value, shown) in [
            (0.005, "0.005"),
            (1.0, "1"),
            (1e-7, "1e-7"),
            (0.0, "0"),
            (0.30000000000000004, "0.3"),
        ] {
            assert_eq!(number(value), shown);
        }
        for (value, shown) in [
            (4.24, "4.2 s"),
            (130.2, "2 min 10 s"),
            (3900.0, "1 h 05 min"),
        ] {
            assert_eq!(duration(value).replace('\u{a0}', " "), shown);
        }
        for (n, shown) in [(0, "0 runs"), (1, "1 run"), (2, "2 runs")] {
            assert_eq!(counted(n, "run"), shown);
        }
    }
}
