//! Parses a condition of `analysis query --where`, such as `loss=energy,l1`, `lambda>=0.01` or
//! `loss!=none`, into a Polars expression that filters rows.

use polars::prelude::*;

use crate::query::known::{failed, known, values_of};
use crate::{Error, Result};

/// A condition that rows must meet.
#[derive(Debug)]
pub(super) struct Condition {
    /// The column it is about.
    pub column: String,
    /// The test that rows must pass.
    pub expression: Expr,
}

/// The operators, in the order in which an error lists them.
const OPERATORS: [&str; 6] = ["!=", "<=", ">=", "=", "<", ">"];

impl Condition {
    /// Parses `text` as a condition on `rows`.
    ///
    /// # Errors
    /// No operator, an unknown column, a value that does not suit it, or, after `=` and `!=`, a text that no row has.
    pub fn parse(text: &str, rows: &DataFrame) -> Result<Self> {
        let refused = |found: &str, expected: String| Error::Query {
            option: "--where".to_owned(),
            found: found.to_owned(),
            expected,
        };
        let offsets = OPERATORS
            .iter()
            .filter_map(|operator| Some((text.find(operator)?, operator)));
        // The leftmost operator; where two begin at one place, the longer.
        let first = offsets.min_by_key(|(offset, operator)| (*offset, usize::MAX - operator.len()));
        let Some((offset, operator)) = first else {
            let expected = format!("COLUMN, one of {}, and VALUE", OPERATORS.join(" "));
            return Err(refused(text, expected));
        };
        let (column, values) = (
            text[..offset].trim(),
            text[offset + operator.len()..].trim(),
        );
        let names = rows.get_column_names_owned();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        known("--where", column, &names)?;
        let there = rows.column(column).map_err(failed())?;
        // The texts in the column, if it has texts.
        let texts = there.str().ok().map(values_of);
        // The expression for one of the values between commas.
        let one = |value: &str| -> Result<Expr> {
            let left = col(column);
            if value == "none" {
                return match *operator {
                    "=" => Ok(left.is_null()),
                    "!=" => Ok(left.is_not_null()),
                    _ => Err(refused(text, "= or != before none".to_owned())),
                };
            }
            let right = match (there.dtype(), &texts) {
                (_, Some(texts)) => {
                    if ["=", "!="].contains(operator) {
                        known("--where", value, texts)?;
                    }
                    lit(value.to_owned())
                }
                (DataType::Boolean, _) => match value {
                    "true" => lit(true),
                    "false" => lit(false),
                    _ => return Err(refused(text, format!("true or false for {column}"))),
                },
                _ => match value.parse::<f64>() {
                    Ok(number) => lit(number),
                    Err(_) => return Err(refused(text, format!("a number for {column}"))),
                },
            };
            Ok(match *operator {
                "=" => left.eq(right),
                // A null is not equal to the value, so `!=` keeps it.
                "!=" => left.clone().neq(right).or(left.is_null()),
                "<" => left.lt(right),
                "<=" => left.lt_eq(right),
                ">" => left.gt(right),
                _ => left.gt_eq(right),
            })
        };
        let each: Vec<Expr> = values
            .split(',')
            .map(|value| one(value.trim()))
            .collect::<Result<_>>()?;
        // Of several values after `=` one must fit; after `!=` none may.
        let joined = match *operator {
            "!=" => each.into_iter().reduce(Expr::and),
            _ => each.into_iter().reduce(Expr::or),
        };
        Ok(Self {
            column: column.to_owned(),
            expression: joined.unwrap_or(lit(true)),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn conditions_keep_the_rows_they_say() {
        let frame = df!(
            "loss" => [None, Some("energy"), Some("l1"), Some("rrr")],
            "lambda" => [None, Some(0.1), Some(0.01), Some(1e-5)],
            "seed" => [0_i64, 1, 2, 3],
            "is_selected" => [true, false, true, false],
        )
        .unwrap();
        // A condition, and the seeds of the rows that it keeps.
        for (text, expected) in [
            ("loss=energy", &[1_i64][..]),
            ("loss = energy, l1", &[1, 2]),
            ("loss!=energy,l1", &[0, 3]),
            ("loss=none", &[0]),
            ("loss!=none", &[1, 2, 3]),
            ("lambda>=0.01", &[1, 2]),
            ("lambda<1e-4", &[3]),
            ("seed<=1", &[0, 1]),
            ("seed=2", &[2]),
            ("is_selected=true", &[0, 2]),
        ] {
            let condition = Condition::parse(text, &frame).unwrap();
            let kept = frame
                .clone()
                .lazy()
                .filter(condition.expression)
                .collect()
                .unwrap();
            let seeds: Vec<i64> = kept
                .column("seed")
                .unwrap()
                .i64()
                .unwrap()
                .iter()
                .flatten()
                .collect();
            assert_eq!(seeds, expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused_with_what_would_be() {
        let frame = df!("loss" => ["l1", "energy"], "lambda" => [0.1, 0.2]).unwrap();
        for (text, message) in [
            (
                "loss",
                "--where: found loss, expected COLUMN, one of != <= >= = < >, and VALUE",
            ),
            (
                "colour=red",
                "--where: found colour, expected one of loss, lambda",
            ),
            (
                "lambda=much",
                "--where: found lambda=much, expected a number for lambda",
            ),
            (
                "lambda<none",
                "--where: found lambda<none, expected = or != before none",
            ),
            (
                "loss=l1,L2",
                "--where: found L2, expected one of energy, l1",
            ),
        ] {
            let error = Condition::parse(text, &frame).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
