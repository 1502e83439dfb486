//! Formats a benchmark's results as a Markdown table: for each quantity our value, that of the program
//! compared with (the reference), their ratio, and whether it meets the goal.

use std::fmt;

/// What is asked of the ratio reference / ours.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// The ratio should be at least this.
    Times(f64),
    /// The ratio is printed without a goal.
    None,
}

/// One measured quantity, such as the wall time.
#[derive(Debug)]
pub(super) struct Row {
    /// The quantity's name.
    what: String,
    unit: &'static str,
    ours: f64,
    reference: f64,
    goal: Goal,
}

impl Row {
    /// A row of two values in `unit`. The less, the better.
    pub(super) fn new(
        what: impl Into<String>,
        unit: &'static str,
        [ours, reference]: [f64; 2],
        goal: Goal,
    ) -> Row {
        Row {
            what: what.into(),
            unit,
            ours,
            reference,
            goal,
        }
    }
}

/// A table whose header names both programs.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) ours: &'static str,
    pub(super) reference: &'static str,
    pub(super) rows: Vec<Row>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ours, reference) = (self.ours, self.reference);
        writeln!(
            f,
            "| | {ours} | {reference} | {reference} / {ours} | goal |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---|")?;
        for row in &self.rows {
            let ratio = row.reference / row.ours;
            let goal = match row.goal {
                Goal::None => String::new(),
                Goal::Times(times) => {
                    let reached = if ratio >= times { "met" } else { "missed" };
                    format!("≥ {times}: {reached}")
                }
            };
            let (ours, reference) = (number(row.ours), number(row.reference));
            let ratio = number(ratio);
            let (what, unit) = (&row.what, row.unit);
            writeln!(
                f,
                "| {what} | {ours} {unit} | {reference} {unit} | {ratio} | {goal} |"
            )?;
        }
        Ok(())
    }
}

/// A number with three significant digits, or with all digits before the point where these are more.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Goal, Row, Table};

    #[test]
    fn a_missed_goal_reads_missed() {
        let table = Table {
            ours: "data-prep",
            reference: "Pillow",
            rows: vec![
                Row::new("wall", "s", [2.0, 6.0], Goal::Times(3.0)),
                Row::new("CPU", "s", [2.0, 5.9], Goal::Times(3.0)),
                Row::new("peak", "MiB", [123.4, 61.7], Goal::None),
            ],
        };
        let lines: Vec<String> = table.to_string().lines().map(str::to_owned).collect();
        assert_eq!(
            lines[2..],
            [
                "| wall | 2.00 s | 6.00 s | 3.00 | ≥ 3: met |",
                "| CPU | 2.00 s | 5.90 s | 2.95 | ≥ 3: missed |",
                "| peak | 123 MiB | 61.7 MiB | 0.50 |  |",
            ]
        );
    }
}
