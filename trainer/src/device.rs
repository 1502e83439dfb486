//! Which device a command runs on: `auto`, `cpu`, `cuda` or `cuda:N`. One binary serves both; CUDA
//! is there when the `libtorch.so` found at start is a CUDA build.

use tch::{Cuda, Device};

/// Chooses the device named `text`.
///
/// # Errors
/// An unknown spelling, or a CUDA device that is not there.
pub fn choose(text: &str) -> Result<Device, String> {
    let count = || {
        if Cuda::is_available() {
            Cuda::device_count()
        } else {
            0
        }
    };
    let cuda = |index: i64| match count() {
        n if index < n => Ok(Device::Cuda(index as usize)),
        n => Err(format!(
            "--device: found {text}, expected cpu: libtorch sees {n} CUDA devices\nhint: cargo xtask doctor"
        )),
    };
    match text {
        "cpu" => Ok(Device::Cpu),
        "auto" => Ok(if count() > 0 {
            Device::Cuda(0)
        } else {
            Device::Cpu
        }),
        "cuda" => cuda(0),
        _ => match text
            .strip_prefix("cuda:")
            .and_then(|index| index.parse::<i64>().ok())
        {
            Some(index) if index >= 0 => cuda(index),
            _ => Err(format!(
                "--device: found '{text}', expected auto, cpu, cuda or cuda:N"
            )),
        },
    }
}

/// The spelling of a chosen device.
pub fn describe(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}
