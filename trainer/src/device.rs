//! Which device a command runs on: `auto`, `cpu`, `cuda` or `cuda:N`. One binary serves both; CUDA
//! is there when the `libtorch.so` found at start is a CUDA build.

use tch::{Cuda, Device, TchError, Tensor};

use crate::fused;
use crate::names::Precision;

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
        n if index < n => repeatable(index),
        n => Err(format!(
            "--device: found {text}, expected cpu: libtorch sees {n} CUDA devices\nhint: cargo xtask doctor"
        )),
    };
    match text {
        "cpu" => Ok(Device::Cpu),
        "auto" if count() == 0 => Ok(Device::Cpu),
        "auto" => cuda(0),
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

/// The CUDA device `index`, on which the same work gives the same bits.
fn repeatable(index: i64) -> Result<Device, String> {
    fused::be_deterministic().map_err(|error| format!("--device: {error}"))?;
    Ok(Device::Cuda(index as usize))
}

/// The spelling of a chosen device.
pub fn describe(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}

/// Lets CUDA use TF32 in products where `precision` says so, and in nothing else: libtorch's own
/// default is TF32 in convolutions, full precision in matrix products.
///
/// # Errors
/// libtorch's.
pub fn allow(precision: Precision) -> Result<(), TchError> {
    fused::allow_tf32(precision == Precision::Tf32)
}

/// Bytes that are free on `device`; `None` where it does not tell.
pub fn free_memory(device: Device) -> Option<u64> {
    match device {
        Device::Cuda(index) => fused::free_cuda_memory(index as i64).ok(),
        _ => {
            let text = std::fs::read_to_string("/proc/meminfo").ok()?;
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("MemAvailable:"))?;
            let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
            Some(1024 * kib)
        }
    }
}

/// `tensor` on `device`; to a GPU through pinned memory, so that the copy takes its place in the
/// GPU's queue and this thread does not wait for what is before it.
///
/// # Errors
/// libtorch's.
pub fn upload(tensor: &Tensor, device: Device) -> Result<Tensor, TchError> {
    match device {
        Device::Cuda(_) => {
            let kind = tensor.kind();
            fused::pin(tensor)?.f_to_device_(device, kind, true, false)
        }
        _ => tensor.f_to_device(device),
    }
}
