//! Reads a small YAML file into a tree of texts, lists and maps. Numbers and booleans stay the text that is
//! written, so that a class called `no` or `1.0` keeps its name.

use std::path::Path;

use saphyr_parser::{Event, Parser};

use crate::error::Problem;
use crate::foreign;

/// The most levels of lists and maps inside each other.
const DEEPEST: usize = 32;

/// A value of a YAML file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A scalar, as written.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A map, in the file's order.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// Returns the value of a map's key, if this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else {
            return None;
        };
        entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Returns the text of a scalar; `None` for anything else, and for YAML's null.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !matches!(&**text, "" | "~" | "null") => Some(text),
            _ => None,
        }
    }

    /// Returns the texts of a list of scalars, or of one scalar; `None` for anything else.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        match self {
            Self::List(values) => values
                .iter()
                .map(|value| Some(value.text()?.to_owned()))
                .collect(),
            value => Some(vec![value.text()?.to_owned()]),
        }
    }
}

/// A list or map whose end has not come yet; a map with the key that waits for its value.
enum Open {
    List(Vec<Value>),
    Map(Vec<(String, Value)>, Option<String>),
}

/// Parses the first document of a file.
///
/// # Errors
/// When it is not YAML, has an alias, or has keys that are no scalars.
pub(super) fn parse(path: &Path, text: &str) -> Result<Value, Problem> {
    let text = text.trim_start_matches('\u{feff}');
    let broken = |found| Problem::new(path, "file", found, "YAML");
    foreign::read(|| tree(path, text), broken)
}

fn tree(path: &Path, text: &str) -> Result<Value, Problem> {
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let field = format!("line {}", error.marker().line());
            Problem::new(path, field, error.info(), "YAML")
        })?;
        let wrong = |found: &str, expected: &str| {
            Problem::new(path, format!("line {}", span.start.line()), found, expected)
        };
        let value = match event {
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() == DEEPEST => {
                return Err(wrong("lists in lists in lists", "a plain configuration"));
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Vec::new(), None));
                continue;
            }
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::Alias(_) => return Err(wrong("an alias (*)", "values written out")),
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(values)) => Value::List(values),
                Some(Open::Map(entries, _)) => Value::Map(entries),
                None => continue,
            },
            _ => continue,
        };
        match (open.last_mut(), value) {
            (None, value) => return Ok(value),
            (Some(Open::List(values)), value) => values.push(value),
            (Some(Open::Map(_, key @ None)), Value::Text(text)) => *key = Some(text),
            (Some(Open::Map(_, None)), _) => return Err(wrong("a key that is no text", "a text")),
            (Some(Open::Map(entries, key)), value) => {
                let key = key.take().unwrap_or_default();
                if entries.iter().any(|(name, _)| *name == key) {
                    return Err(wrong(&format!("{key} again"), "each key once"));
                }
                entries.push((key, value));
            }
        }
    }
    Ok(Value::Text(String::new()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(text: &str) -> Result<Value, String> {
        parse(Path::new("a.yaml"), text).map_err(|problem| problem.to_string())
    }

    #[test]
    fn lists_and_maps_are_read_in_all_spellings() {
        let block = "names:\n  0: no\n  2: 'a: b'\ntrain: [a, b]\ndownload: |\n  x = [\n";
        let value = read(block).unwrap();
        assert_eq!(value.get("train").unwrap().texts().unwrap(), ["a", "b"]);
        let names = Value::Map(vec![
            ("0".to_owned(), Value::Text("no".to_owned())),
            ("2".to_owned(), Value::Text("a: b".to_owned())),
        ]);
        assert_eq!(value.get("names"), Some(&names));
        assert_eq!(
            read("\u{feff}names: {0: x}\n")
                .unwrap()
                .get("names")
                .unwrap()
                .get("0")
                .unwrap()
                .text(),
            Some("x")
        );
        assert_eq!(read("").unwrap().text(), None);
        assert_eq!(
            read("test: null\n").unwrap().get("test").unwrap().texts(),
            None
        );
    }

    #[test]
    fn what_is_no_plain_configuration_is_refused_in_a_line() {
        let deep = "[".repeat(100_000);
        for (text, expected) in [
            ("a: [1, 2", "a.yaml: line "),
            (
                "a: &x 1\nb: *x\n",
                "a.yaml: line 2: found an alias (*), expected values written out",
            ),
            ("? [a]\n: b\n", "found a key that is no text"),
            (
                "a: 1\na: 2\n",
                "a.yaml: line 2: found a again, expected each key once",
            ),
            (&deep, "a.yaml: "),
        ] {
            let error = read(text).unwrap_err();
            assert!(
                error.contains(expected) && error.lines().count() == 1,
                "{error}"
            );
        }
    }
}
