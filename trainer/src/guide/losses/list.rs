//! Lists the localization losses, and reads one as a configuration names it: by its name, or as a table of
//! its name and options.

use std::str::FromStr;

use crate::guide::loss::{LocalizationLoss, Loss, Written};
use crate::guide::losses::energy::ENERGY;
use crate::guide::losses::energy_area::ENERGY_AREA;
use crate::guide::losses::gradmask::GRADMASK;
use crate::guide::losses::inside_outside::INSIDE_OUTSIDE;
use crate::guide::losses::l1::L1;
use crate::guide::losses::ppce::PPCE;
use crate::guide::losses::rrr::RRR;
use crate::names;

impl LocalizationLoss {
    /// Every loss, in the order of the documentation.
    pub const ALL: &'static [LocalizationLoss] =
        &[ENERGY, L1, PPCE, RRR, ENERGY_AREA, GRADMASK, INSIDE_OUTSIDE];
}

impl FromStr for LocalizationLoss {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        names::find(Self::ALL, text)
    }
}

impl TryFrom<Written> for Loss {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        match written {
            Written::Name(name) => Loss::new(name.parse()?, &[]),
            Written::Table { name, options } => {
                let options: Vec<(&str, f64)> = options
                    .iter()
                    .map(|(name, &value)| (name.as_str(), value))
                    .collect();
                Loss::new(name.parse()?, &options)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde::{Deserialize, Serialize};

    use super::*;

    /// A table of a configuration.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Table {
        loss: Loss,
        lambda: f64,
    }

    /// Reads a configuration table with `loss` as the value of the key `loss`.
    fn read(loss: &str) -> Result<Table, String> {
        toml::from_str(&format!("loss = {loss}\nlambda = 1.0\n"))
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_loss_is_a_name_or_a_table_and_is_written_as_it_is_read() {
        let exponent = r#"{ name = "energy_area", exponent = 0.5 }"#;
        for (text, of, options) in [
            (r#""l1""#, L1, vec![]),
            (r#"{ name = "l1" }"#, L1, vec![]),
            (exponent, ENERGY_AREA, vec![("exponent", 0.5)]),
        ] {
            let table = read(text).unwrap();
            assert_eq!(table.loss, Loss::new(of, &options).unwrap());
            assert_eq!(table.loss.options().collect::<Vec<_>>(), options);
            let written = toml::to_string(&table).unwrap();
            assert_eq!(
                toml::from_str::<Table>(&written).unwrap(),
                table,
                "{written}"
            );
        }
    }

    #[test]
    fn wrong_options_are_named() {
        let number = "expected a number above 0, at most 4, with loss energy_area";
        for (text, expected) in [
            (
                r#""energy_area""#,
                format!("loss.exponent: found nothing, {number}"),
            ),
            (
                r#"{ name = "energy_area", exponent = 0 }"#,
                format!("loss.exponent: found 0, {number}"),
            ),
            (
                r#"{ name = "energy_area", exponent = nan }"#,
                format!("loss.exponent: found NaN, {number}"),
            ),
            (
                r#"{ name = "energy", exponent = 0.5 }"#,
                "loss.exponent: found 0.5, expected none: energy has no option".to_owned(),
            ),
            (
                r#"{ name = "energie" }"#,
                "found 'energie', expected one of energy, l1".to_owned(),
            ),
            ("3", "expected a loss's name, or a table".to_owned()),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.starts_with(&expected), "{text}: {found}");
        }
    }

    /// Tables and run ids have the options of a loss in the order of its entry, which must be that of the
    /// names.
    #[test]
    fn options_are_sorted_by_name() {
        for loss in LocalizationLoss::ALL {
            assert!(loss.options.is_sorted_by(|a, b| a.name < b.name), "{loss}");
        }
    }
}
