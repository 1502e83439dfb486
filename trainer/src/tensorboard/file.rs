//! An event file: records in TensorFlow's framing (TFRecord), which are only ever added at its end. A record is
//! the length of its message (64 bits, little-endian), a checksum of the length, the message, and a checksum of
//! the message. A file cut short within a record, as a killed program leaves it, is read up to there.

use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use fs_err::{File, OpenOptions};
use prost::Message;

use super::message::{Event, SessionLog};
use crate::error::Result;
use crate::run::lock;

/// How the names of event files begin.
pub const PREFIX: &str = "events.out.tfevents.";

/// An event file that is being written.
#[derive(Debug)]
pub struct EventFile(File);

impl EventFile {
    /// Makes the next event file in `folder`, which begins at `step` (an epoch): readers forget what earlier files
    /// say of this step and later ones. The name, `events.out.tfevents.<seconds>.<host>`, sorts after those of
    /// earlier files, whatever the clock says, because readers take files in the order of their names.
    ///
    /// # Errors
    /// The disk's.
    pub fn create(folder: &Path, step: i64) -> Result<EventFile> {
        fs_err::create_dir_all(folder)?;
        let mut seconds = now() as u64;
        for entry in fs_err::read_dir(folder)? {
            let name = entry?.file_name();
            if let Some(before) = seconds_of(&name.to_string_lossy()) {
                seconds = seconds.max(before + 1);
            }
        }
        let path = folder.join(format!("{PREFIX}{seconds:010}.{}", lock::host()));
        let mut options = OpenOptions::new();
        let mut file = EventFile(options.append(true).create_new(true).open(path)?);
        let version = Event {
            file_version: Some("brain.Event:2".to_owned()),
            ..Event::default()
        };
        let start = Event {
            step,
            session_log: Some(SessionLog {
                status: SessionLog::START,
            }),
            ..Event::default()
        };
        file.append([version, start])?;
        Ok(file)
    }

    /// Adds `events`, with the time now, and flushes them to the disk.
    ///
    /// # Errors
    /// The disk's.
    pub fn append(&mut self, events: impl IntoIterator<Item = Event>) -> Result<()> {
        let wall_time = now();
        let mut bytes = Vec::new();
        for event in events {
            bytes.extend(record(&Event { wall_time, ..event }.encode_to_vec()));
        }
        self.0.write_all(&bytes)?;
        Ok(self.0.sync_data()?)
    }
}

/// Returns the record of a message: its length, the length's checksum, the message, its checksum.
pub fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let checksum = |bytes: &[u8]| checksum(bytes).to_le_bytes();
    [&length, &checksum(&length)[..], message, &checksum(message)].concat()
}

/// The checksum of a record's parts, as TFRecord defines it: CRC-32C, rotated by 15 bits, plus a constant.
fn checksum(bytes: &[u8]) -> u32 {
    let crc = crc32c::crc32c(bytes);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The seconds in an event file's name; `None` for another file.
fn seconds_of(name: &str) -> Option<u64> {
    let (seconds, _) = name.strip_prefix(PREFIX)?.split_once('.')?;
    seconds.parse().ok()
}

/// Seconds since 1970.
fn now() -> f64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH);
    passed.unwrap_or_default().as_secs_f64()
}
