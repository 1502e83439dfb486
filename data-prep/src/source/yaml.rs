//! Reads a small YAML file into a tree of texts, lists and maps. Numbers and booleans stay texts, as they are
//! written, so that a class called `no` or `1.0` keeps its name.

use std::collections::HashSet;
use std::path::Path;

use saphyr_parser::{Event, Parser};

use crate::error::Problem;
use crate::foreign;

/// The deepest nesting of lists and maps that is read. Chosen.
const DEEPEST: usize = 32;

/// The spellings of null in YAML 1.2's core schema.
const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];

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
    /// Returns the value at `key`; `None` where this is no map or lacks the key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else {
            return None;
        };
        entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Returns the text of a scalar; `None` for anything else, and for YAML's null, even a quoted one.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) if !NULLS.contains(&text.as_str()) => Some(text),
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

/// A list or map whose end has not come yet.
enum Open {
    List(Vec<Value>),
    Map {
        entries: Vec<(String, Value)>,
        /// The keys so far, as a set, so that a repeated key is found quickly in a long map.
        keys: HashSet<String>,
        /// The key whose value has not come yet, if there is one.
        key: Option<String>,
    },
}

/// Parses the first document of a file.
///
/// # Errors
/// When it is not YAML, or the parser panics on it; when it has an alias, more than [`DEEPEST`] lists and maps
/// in one another, or a map with a key that is no scalar or that is there twice.
pub(super) fn parse(path: &Path, text: &str) -> Result<Value, Problem> {
    let text = text.trim_start_matches('\u{feff}');
    let broken = |found| Problem::new(path, "file", found, "YAML");
    foreign::read(|| tree(path, text), broken)
}

/// Parses the first document of `text`, the content of `path`; an empty text where there is none. Panics where
/// the parser does.
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
                let found = format!("more than {DEEPEST} lists and maps in one another");
                return Err(wrong(&found, &format!("at most {DEEPEST}")));
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map {
                    entries: Vec::new(),
                    keys: HashSet::new(),
                    key: None,
                });
                continue;
            }
            Event::Scalar(text, ..) => Value::Text(text.into_owned()),
            Event::Alias(_) => return Err(wrong("an alias (*)", "values written out")),
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(values)) => Value::List(values),
                Some(Open::Map { entries, .. }) => Value::Map(entries),
                None => continue,
            },
            _ => continue,
        };
        match (open.last_mut(), value) {
            (None, value) => return Ok(value),
            (Some(Open::List(values)), value) => values.push(value),
            (
                Some(Open::Map {
                    key: key @ None,
                    keys,
                    ..
                }),
                Value::Text(text),
            ) => {
                if !keys.insert(text.clone()) {
                    let found = format!("the key {text} a second time");
                    return Err(wrong(&found, "each key once"));
                }
                *key = Some(text);
            }
            (Some(Open::Map { key: None, .. }), _) => {
                return Err(wrong("a key that is no text", "a text"));
            }
            (Some(Open::Map { entries, key, .. }), value) => {
                entries.push((key.take().unwrap_or_default(), value));
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
        for null in ["", "~", "null", "Null", "NULL"] {
            let value = read(&format!("test: {null}\n")).unwrap();
            assert_eq!(value.get("test").unwrap().texts(), None, "{null}");
        }
    }

    #[test]
    fn what_is_no_plain_configuration_is_refused_in_a_line() {
        // `deepest` is already too deep for the parser, `deep` only for our limit.
        let (deepest, deep) = ("[".repeat(100_000), "- ".repeat(DEEPEST + 1) + "a");
        assert!(read(&("- ".repeat(DEEPEST) + "a")).is_ok());
        // So many keys that comparing each with every other would take minutes.
        let keys: String = (0..300_000).map(|key| format!("{key}: a\n")).collect();
        let many = format!("{keys}0: b\n");
        for (text, expected) in [
            ("a: [1, 2", "a.yaml: line "),
            (
                "a: &x 1\nb: *x\n",
                "a.yaml: line 2: found an alias (*), expected values written out",
            ),
            ("? [a]\n: b\n", "found a key that is no text"),
            (
                "a: 1\na: 2\n",
                "a.yaml: line 2: found the key a a second time, expected each key once",
            ),
            (
                &many,
                "a.yaml: line 300001: found the key 0 a second time, expected each key once",
            ),
            (&deepest, "a.yaml: line 1: found recursion limit exceeded"),
            (
                &deep,
                "a.yaml: line 1: found more than 32 lists and maps in one another, expected at most 32",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(
                error.contains(expected) && error.lines().count() == 1,
                "{error}"
            );
        }
    }
}
