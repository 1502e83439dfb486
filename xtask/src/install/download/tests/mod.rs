//! Tests downloading against a server on this machine: what arrives, what is asked for again, what is
//! refused.

#![allow(clippy::unwrap_used)]

mod archive;
mod bring;
mod fetch;
mod server;
mod tls;

use std::time::Duration;

use md5::{Digest, Md5};

use super::fetch::Patience;
use crate::install::pip;

/// Short delays, so that the tests are fast.
const PATIENCE: Patience = Patience {
    attempts: 3,
    delay: Duration::from_millis(1),
    silence: Duration::from_secs(5),
};

/// The MD5 in hexadecimal.
fn md5(content: &[u8]) -> String {
    pip::hex(&Md5::digest(content))
}

/// Bytes whose pattern repeats only after 251 · 256 bytes, so that bytes at a wrong position are noticed.
fn content(n_bytes: usize) -> Vec<u8> {
    (0..n_bytes).map(|i| (i * 31 + i / 251) as u8).collect()
}
