//! Changes each column of each table that a program reads in up to three ways: removes it, gives it another type, and,
//! if the schema allows no null, puts a null into it. Each time the program must refuse the table with an
//! exact message that names the column. The columns are those of `data-prep/schemas.toml`.

use tests::tables::{Column, schemas};

use crate::case::{refused, start};
use crate::change::replace;
use crate::sandbox::{Sandbox, Valid};
use crate::table::Table;

/// A program and the tables that it reads.
struct Reader {
    command: &'static str,
    /// The folder in the valid input, and the table's name.
    tables: &'static [(&'static str, &'static str)],
    /// How its messages are worded.
    words: Words,
}

/// How messages are worded: two crates have code of their own that reads tables.
#[derive(Clone, Copy)]
enum Words {
    /// data-prep's, which every program but analysis uses.
    Arrow,
    /// analysis's own.
    Polars,
}

impl Words {
    /// Returns a schema's column type as messages name it.
    fn kind(self, kind: &str) -> &'static str {
        match (self, kind) {
            (Self::Arrow, "utf8") => "Utf8",
            (Self::Arrow, "i32") => "Int32",
            (Self::Arrow, "i64") => "Int64",
            (Self::Arrow, "f64") => "Float64",
            (Self::Arrow, "bool") => "Boolean",
            (Self::Arrow, "binary") => "Binary",
            (Self::Polars, "utf8") => "str",
            (Self::Polars, "i32") => "i32",
            (Self::Polars, "i64") => "i64",
            (Self::Polars, "f32") => "f32",
            (Self::Polars, "f64") => "f64",
            (Self::Polars, "bool") => "bool",
            (Self::Polars, "binary") => "binary",
            (_, other) => panic!("no words for {other}"),
        }
    }

    /// Returns the message for a column that is `found` instead of being of type `kind`.
    fn wrong(self, found: &str, kind: &str) -> String {
        let kind = self.kind(kind);
        match self {
            Self::Arrow => format!("found {found}, expected a column of type {kind}"),
            Self::Polars => format!("found {found}, expected {kind}"),
        }
    }

    /// Returns the message for a null that is not allowed.
    fn null(self) -> &'static str {
        match self {
            Self::Arrow => "found 1 nulls, expected no nulls",
            Self::Polars => "found 1 null values, expected none",
        }
    }
}

/// Makes every change to every table of `reader`, each in a fresh copy of the input, and checks the message.
/// Returns the number of changes. The tests compare it with the number counted when the tables last changed, so that no
/// column is left out unnoticed.
fn check_all(name: &str, reader: &Reader) -> usize {
    let (sandbox, schemas) = (Sandbox::new(name, Valid::Made), schemas().unwrap());
    let mut failures = Vec::new();
    let mut checked = 0;
    for (folder, table) in reader.tables {
        for column in &schemas[*table].columns {
            let file = format!("{folder}/{table}.parquet");
            for (change, words) in changes(column, reader.words) {
                let copy = sandbox.copy("changed");
                let path = copy.input.join(&file);
                let mut table = Table::read(&path);
                if change(&mut table).is_err() {
                    // The table has no row to put a null into.
                    continue;
                }
                replace(&path, &table.bytes());
                let message = format!("<IN>/{file}: {}: {words}", column.name);
                let done = start(reader.command, None, &copy);
                checked += 1;
                failures.extend(refused(&done, 2, &message, &copy).err());
            }
        }
    }
    assert!(failures.is_empty(), "{name}: {}", failures.join("\n\n"));
    checked
}

/// A change of a table; fails where the table has no such column or row.
type Change = Box<dyn Fn(&mut Table) -> Result<(), String>>;

/// Returns the changes of a column, each with the message that it must cause.
fn changes(column: &Column, words: Words) -> Vec<(Change, String)> {
    let name = || column.name.clone();
    let other = if column.kind == "utf8" { "f64" } else { "utf8" };
    let (dropped, retyped, nulled) = (name(), name(), name());
    let mut changes: Vec<(Change, String)> = vec![
        (
            Box::new(move |table| table.drop(&dropped)),
            words.wrong("no such column", &column.kind),
        ),
        (
            Box::new(move |table| table.retype(&retyped, other)),
            words.wrong(words.kind(other), &column.kind),
        ),
    ];
    if !column.is_nullable {
        changes.push((
            Box::new(move |table| table.set(&nulled, 0, None)),
            words.null().to_owned(),
        ));
    }
    changes
}

#[test]
fn columns_of_a_data_folder() {
    let reader = Reader {
        command: "evaluator score --maps <IN>/maps.arrow --data <IN>/data/voc --out <OUT>",
        tables: &[
            ("data/voc", "classes"),
            ("data/voc", "groups"),
            ("data/voc", "labels"),
            ("data/voc", "masks"),
            ("data/voc", "images"),
        ],
        words: Words::Arrow,
    };
    assert_eq!(check_all("columns-data", &reader), 74);
}

#[test]
fn columns_of_what_was_skipped() {
    let reader = Reader {
        command: "data-prep voc --root <IN>/devkit --out <IN>/data/voc --size 32",
        tables: &[("data/voc", "skipped")],
        words: Words::Arrow,
    };
    assert_eq!(check_all("columns-skipped", &reader), 8);
}

#[test]
fn columns_of_an_evaluation() {
    let reader = Reader {
        command: "evaluator compare --a <IN>/runs/r/evaluations/a --b <IN>/runs/r/evaluations/b --out <OUT>",
        tables: &[
            ("runs/r/evaluations/b", "scores"),
            ("runs/r/evaluations/b", "metrics"),
            ("runs/r/evaluations/b", "replicates"),
        ],
        words: Words::Arrow,
    };
    assert_eq!(check_all("columns-evaluation", &reader), 92);
}

#[test]
fn columns_of_a_report() {
    let reader = Reader {
        command: "analysis report --results <IN> --out <OUT>",
        tables: &[
            ("runs/r", "run"),
            ("runs/r", "epochs"),
            ("runs/r/evaluations/a", "metrics"),
            ("runs/r/evaluations/a", "replicates"),
            ("runs/r/evaluations/a", "examples"),
            ("runs/r/evaluations/a", "scores"),
            ("runs/r/evaluations/a", "gallery"),
            ("data/voc", "classes"),
            ("data/voc", "groups"),
            ("data/voc", "images"),
        ],
        words: Words::Polars,
    };
    assert_eq!(check_all("columns-report", &reader), 368);
}
