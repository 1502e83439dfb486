//! Tests the event files for TensorBoard: their bytes are those that TensorBoard's own writer makes, and the file of
//! a later start of the program comes after those before it. (`tests/tests/reliability/watched.rs` lets TensorBoard
//! read such files.)
#![allow(clippy::unwrap_used)]

use std::path::Path;

use prost::Message;
use trainer::tensorboard::file::{EventFile, PREFIX, record};
use trainer::tensorboard::message::{Event, SessionLog, Summary, Value};

/// The records, in hexadecimal, that `RecordWriter` of tensorboard 2.21 makes of the events of [`events`].
const RECORDS: [&str; 4] = [
    "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c",
    "0f000000000000006d532b0909000000000000f83f10033a020801ec8612fc",
    "3200000000000000241956ec09000000000000f83f10032a250a110a0a747261696e2f6c6f737315000020400a100a016d220b0801100218032203706e67eb2e3fb3",
    "3500000000000000d6c55de609000000000000f83f2a2a0a280a0d636f6e66696775726174696f6e420d080712041202080142036162634a080a060a0474657874fb655853",
];

/// Returns the first event of a file, a start at step 3, a number with a picture, and a text.
fn events() -> [Event; 4] {
    let event = Event {
        wall_time: 1.5,
        ..Event::default()
    };
    let summary = |value: Vec<Value>| Some(Summary { value });
    let values = vec![
        Value::number("train/loss", 2.5),
        Value::png("m".to_owned(), (2, 1), b"png".to_vec()),
    ];
    [
        Event {
            file_version: Some("brain.Event:2".to_owned()),
            ..event.clone()
        },
        Event {
            step: 3,
            session_log: Some(SessionLog {
                status: SessionLog::START,
            }),
            ..event.clone()
        },
        Event {
            step: 3,
            summary: summary(values),
            ..event.clone()
        },
        Event {
            summary: summary(vec![Value::text("configuration", "abc".to_owned())]),
            ..event
        },
    ]
}

#[test]
fn records_are_those_of_tensorboards_own_writer() {
    for (event, expected) in events().iter().zip(RECORDS) {
        let found = record(&event.encode_to_vec());
        let found: String = found.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found, expected, "{event:?}");
    }
}

/// The checksum of the message alone: CRC-32C of "123456789" is 0xe3069283 (the check value of its
/// definition), masked as TFRecord does.
#[test]
fn the_checksum_is_crc_32c_masked() {
    let bytes = record(b"123456789");
    let masked = 0xe306_9283u32.rotate_right(15).wrapping_add(0xa282_ead8);
    assert_eq!(bytes[12..21], *b"123456789");
    assert_eq!(bytes[21..], masked.to_le_bytes());
}

/// Returns the events of a file.
fn read(file: &Path) -> Vec<Event> {
    let bytes = fs_err::read(file).unwrap();
    let (mut rest, mut events) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        let (this, others) = rest.split_at(12 + length + 4);
        let message = &this[12..12 + length];
        assert_eq!(this, record(message));
        events.push(Event::decode(message).unwrap());
        rest = others;
    }
    events
}

/// A file's name has the time of its start. Here a file of the far future (9,000,000,000 s) is already there, and
/// three more are made within a second: each name must be one second after the one before, so that TensorBoard reads
/// them in the order of their starts.
#[test]
fn the_next_file_comes_after_those_before_it() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join(format!("{PREFIX}9000000000.other")), "").unwrap();
    fs_err::write(folder.path().join("notes.txt"), "").unwrap();
    for step in 1..=3 {
        let mut file = EventFile::create(folder.path(), step).unwrap();
        let event = Event {
            step,
            ..Event::default()
        };
        file.append([event.clone(), event]).unwrap();
    }
    let entries = fs_err::read_dir(folder.path()).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 5);
    for (step, file) in (1..).zip(&files[1..4]) {
        let name = file.file_name().unwrap().to_string_lossy();
        let expected = format!("{PREFIX}{}.", 9_000_000_000u64 + step as u64);
        assert!(name.starts_with(&expected), "{name}");
        let events = read(file);
        assert_eq!(events[0].file_version.as_deref(), Some("brain.Event:2"));
        let start = events[1].session_log.as_ref().unwrap();
        assert_eq!((start.status, events[1].step), (SessionLog::START, step));
        assert_eq!(events[2..].len(), 2);
        assert!(events.iter().all(|event| event.wall_time > 1.7e9));
    }
}
