//! The table of a benchmark: ours, the reference, their ratio, and the goal, in Markdown.

use std::fmt;

/// Which way a ratio is better, and how far it should go.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// The reference's value should be at least this many times ours.
    Times(f64),
    /// Told, without a goal.
    None,
}

/// One measured quantity.
#[derive(Debug)]
pub(super) struct Row {
    what: String,
    unit: &'static str,
    ours: f64,
    reference: f64,
    goal: Goal,
}

impl Row {
    /// `ours` and `reference` are in `unit`, and less is better.
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

/// Rows over a line that says which program the reference is.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) reference: &'static str,
    pub(super) rows: Vec<Row>,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| | data-prep | {} | {} / data-prep | goal |",
            self.reference, self.reference
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

/// Three figures, or all before the point.
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
