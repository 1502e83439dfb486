//! Gives `evaluator score` map files that must be refused, each with its exact message: rows that do not fit
//! the data folder, wrong columns, files of another kind, files whose sizes lie.
#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryArray, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::{FileWriter, StreamWriter};
use evaluator::maps::{MapRow, RunColumns};
use support::{Sandbox, formula_rows, stream};

#[test]
fn rows_that_do_not_fit_the_data() {
    let sandbox = Sandbox::new();
    type Change = fn(&mut Vec<MapRow>);
    let cases: [(Change, &str); 7] = [
        (
            |rows| rows[1].image_id = "zz".into(),
            "row 1, image_id: found \"zz\", expected an image_id of data",
        ),
        (
            |rows| rows[2].image_id = "f".into(),
            "row 2, image_id: found \"f\" of split val, expected an image of split test",
        ),
        (
            |rows| rows[0].class_id = 2,
            "row 0, class_id: found 2 on image a, expected one of its labels [0, 1]",
        ),
        (
            |rows| rows.push(rows[3].clone()),
            "row 5, class_id: found image c class 2 again, expected each pair once",
        ),
        (
            |rows| rows[4].map[9] = f32::NAN,
            "row 4, map: found NaN at (1, 1) of image d class 0, expected finite values",
        ),
        (
            |rows| rows[3].logit = Some(f32::INFINITY),
            "row 3, logit: found inf for image c class 2, expected a finite value",
        ),
        (
            |rows| rows.clear(),
            "rows: found none, expected at least one map",
        ),
    ];
    for (change, message) in cases {
        let mut rows = formula_rows();
        change(&mut rows);
        let bytes = stream(&rows, &RunColumns::default());
        let maps = sandbox.file("maps.arrow", &bytes);
        let errors = sandbox.refused(&["--maps", "maps.arrow"], &[]);
        assert!(
            errors.contains(&format!("error: maps.arrow: {message}")),
            "{maps}: {errors}"
        );
    }
    let bytes = stream(&formula_rows(), &RunColumns::default());
    // A file without a row is refused even with --partial, which allows missing pairs.
    let none = stream(&[], &RunColumns::default());
    let errors = sandbox.refused(&["--maps", "-", "--split", "test", "--partial"], &none);
    assert!(errors.contains("stdin: rows: found none"), "{errors}");
    let errors = sandbox.refused(&["--maps", "-", "--split", "val"], &bytes);
    let message =
        "stdin: row 0, image_id: found \"a\" of split test, expected an image of split val";
    assert!(errors.contains(message), "{errors}");
}

/// Returns a map stream of one batch: the maps of `formula_rows` with the columns that `change` makes of
/// them.
fn changed(change: impl Fn(&RecordBatch) -> Vec<(&'static str, ArrayRef)>) -> Vec<u8> {
    let bytes = stream(&formula_rows(), &RunColumns::default());
    let reader = StreamReader::try_new(&bytes[..], None).unwrap();
    let schema = reader.schema();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let batch = arrow::compute::concat_batches(&schema, &batches).unwrap();
    let batch = RecordBatch::try_from_iter_with_nullable(
        change(&batch)
            .into_iter()
            .map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Returns the columns of a batch with their names.
fn all(batch: &RecordBatch) -> Vec<(&'static str, ArrayRef)> {
    let names = ["image_id", "class_id", "logit", "height", "width", "map"];
    names
        .into_iter()
        .zip(batch.columns().iter().cloned())
        .collect()
}

#[test]
fn columns_that_are_wrong() {
    let sandbox = Sandbox::new();
    type Change = fn(&mut Vec<(&'static str, ArrayRef)>);
    let cases: [(Change, &str); 6] = [
        (
            |columns| drop(columns.remove(5)),
            "stdin: map: found no such column, expected a column of type Binary",
        ),
        (
            |columns| columns[1].1 = Arc::new(StringArray::from(vec!["cat"; 5])),
            "stdin: class_id: found Utf8, expected a column of type Int32",
        ),
        (
            |columns| columns[5].1 = Arc::new(StringArray::from(vec!["1 2 3"; 5])),
            "stdin: map: found Utf8, expected a column of type Binary",
        ),
        (
            |columns| {
                let ids = [Some("a"), Some("a"), None, Some("c"), Some("d")];
                columns[0].1 = Arc::new(StringArray::from_iter(ids));
            },
            "stdin: image_id: found 1 nulls, expected no nulls",
        ),
        (
            |columns| {
                let mut maps: Vec<Vec<u8>> = formula_rows()
                    .iter()
                    .map(|r| vec![0; r.map.len() * 4])
                    .collect();
                maps[1].pop();
                columns[5].1 = Arc::new(BinaryArray::from_iter_values(maps));
            },
            "stdin: row 1, map: found 63 bytes for image a class 1, expected 4·4·4, f32 values of height × width",
        ),
        (
            |columns| columns[3].1 = support::i32s([8, 0, 8, 2, 8]),
            "stdin: row 1, height: found 0, expected at least 1",
        ),
    ];
    for (change, message) in cases {
        let bytes = changed(|batch| {
            let mut columns = all(batch);
            change(&mut columns);
            columns
        });
        let errors = sandbox.refused(&["--maps", "-"], &bytes);
        assert!(errors.contains(message), "{errors}");
    }
    // A class id that no i32 can hold is refused, not wrapped around.
    let bytes = changed(|batch| {
        let mut columns = all(batch);
        let ids = arrow::array::Int64Array::from(vec![0, 1, 1 + (1 << 32), 2, 0]);
        assert_eq!(ids.data_type(), &DataType::Int64);
        columns[1].1 = Arc::new(ids);
        columns
    });
    let errors = sandbox.refused(&["--maps", "-"], &bytes);
    let message = "stdin: class_id: found 4294967297 in row 2 of its record batch, expected -2147483648 to \
                   2147483647";
    assert!(errors.contains(message), "{errors}");
}

#[test]
fn files_of_another_kind() {
    let sandbox = Sandbox::new();
    sandbox.file("notes.txt", b"not a map file");
    let errors = sandbox.refused(&["--maps", "notes.txt"], &[]);
    let message = "notes.txt: first bytes: found \"not a ma\", expected an Arrow IPC stream";
    assert!(errors.contains(message), "{errors}");
    let errors = sandbox.refused(&["--maps", "-"], &[]);
    assert!(
        errors.contains("stdin: first bytes: found an empty file"),
        "{errors}"
    );
    let errors = sandbox.refused(&["--maps", "absent.arrow"], &[]);
    assert!(errors.contains("absent.arrow"), "{errors}");
    // One of our tables, but not one of maps.
    let errors = sandbox.refused(&["--maps", "data/images.parquet"], &[]);
    assert!(
        errors.contains("images.parquet: guidance.schema: found images, expected maps"),
        "{errors}"
    );

    let bytes = stream(&formula_rows(), &RunColumns::default());
    let reader = StreamReader::try_new(&bytes[..], None).unwrap();
    let mut file = FileWriter::try_new(Vec::new(), &reader.schema()).unwrap();
    for batch in reader {
        file.write(&batch.unwrap()).unwrap();
    }
    let file = file.into_inner().unwrap();
    let errors = sandbox.refused(&["--maps", "-"], &file);
    assert!(
        errors.contains(
            "stdin: first bytes: found an Arrow IPC file, expected an Arrow IPC stream\nhint: "
        ),
        "{errors}"
    );
    // Cut off in the middle of a batch.
    let errors = sandbox.refused(&["--maps", "-"], &bytes[..bytes.len() - 700]);
    assert!(
        errors.starts_with("error: stdin: contents: found ")
            && errors.ends_with(", expected a whole Arrow or Parquet file\n"),
        "{errors}"
    );
}

/// Two files that the fuzzer found, whose inner sizes are wrong. Unchecked, arrow would panic over the first
/// and ask for so much memory over the second that the program would end.
#[test]
fn sizes_that_lie_inside_a_file() {
    let sandbox = Sandbox::new();
    let mended = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/mended/maps/");
    for (name, found) in [
        (
            "a_buffer_far_outside_its_message",
            "Ipc error: a buffer outside its message",
        ),
        (
            "a_compressed_buffer_of_petabytes",
            "Ipc error: 40532396646334464 bytes compressed to ",
        ),
    ] {
        let maps = format!("{mended}{name}");
        let errors = sandbox.refused(&["--maps", &maps], &[]);
        let start = format!("error: {maps}: contents: found {found}");
        assert!(errors.starts_with(&start), "{errors}");
        assert!(
            errors.ends_with(", expected a whole Arrow or Parquet file\n"),
            "{errors}"
        );
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}
