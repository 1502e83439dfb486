//! Parses `--device`, and finds the kind of device, CPU or CUDA, that it stands for on this machine.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::install::libtorch::{self, Build};

/// The kind of device that networks run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Device {
    Cpu,
    Cuda,
}

/// The device that `auto` stands for; found at the first use.
static AUTO: OnceLock<Device> = OnceLock::new();

impl Device {
    /// The device that the text of `--device` stands for on this machine.
    pub(crate) fn of(name: &str) -> Device {
        match name {
            "auto" => *AUTO.get_or_init(|| {
                // Empty or -1 hides all GPUs from CUDA.
                let is_hidden = std::env::var("CUDA_VISIBLE_DEVICES").is_ok_and(|names| {
                    let first = names.split(',').next().unwrap_or_default().trim();
                    first.is_empty() || first == "-1"
                });
                match is_hidden || libtorch::nvidia_driver().is_none() {
                    true => Device::Cpu,
                    false => Device::with_driver(libtorch::build()),
                }
            }),
            _ if name.starts_with("cuda") => Device::Cuda,
            _ => Device::Cpu,
        }
    }

    /// The device that `auto` stands for on a machine with an NVIDIA driver: the one that the installed
    /// `build` of libtorch supports; CUDA where none is installed, because set-up would install that
    /// build.
    fn with_driver(build: Option<Build>) -> Device {
        match build {
            Some(Build::Cpu) => Device::Cpu,
            Some(Build::Cuda) | None => Device::Cuda,
        }
    }
}

/// Checks a `--device` as the trainer does, so that a wrong one is refused before everything is built.
pub(crate) fn named(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("cuda:");
    match ["auto", "cpu", "cuda"].contains(&text) || number.is_some_and(|n| n.parse::<u8>().is_ok())
    {
        true => Ok(text.to_owned()),
        false => Err("expected auto, cpu, cuda or cuda:N".to_owned()),
    }
}
