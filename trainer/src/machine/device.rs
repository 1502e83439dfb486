//! The device that a command runs on: `auto`, `cpu`, `cuda` or `cuda:N`. One binary serves both; CUDA
//! works if the `libtorch.so` found at start is a CUDA build.

use std::path::Path;
use std::sync::Once;

use tch::{Cuda, Device, Kind, TchError, Tensor};

use crate::machine::memory;
use crate::names::Precision;
use crate::network::pass::fused;

/// The device that `text` names.
///
/// # Errors
/// An unknown spelling, or a CUDA device that is not there.
pub fn choose(text: &str) -> Result<Device, String> {
    match parse(text, devices())? {
        Device::Cuda(index) => repeatable(index as i64),
        device => Ok(device),
    }
}

/// The number of CUDA devices that libtorch can use: 0 without its CUDA build or with a driver too old
/// for it, whatever the driver reports.
fn devices() -> i64 {
    match Cuda::is_available() {
        true => Cuda::device_count(),
        false => 0,
    }
}

/// The device that `text` names where there are `n` CUDA devices.
fn parse(text: &str, n: i64) -> Result<Device, String> {
    let cuda = |index: i64| match index < n {
        true => Ok(Device::Cuda(index as usize)),
        false => Err(format!(
            "--device: found {text}, expected cpu: libtorch sees {n} CUDA devices\nhint: cargo xtask doctor"
        )),
    };
    match text {
        "cpu" => Ok(Device::Cpu),
        "auto" if n == 0 => Ok(Device::Cpu),
        "auto" | "cuda" => cuda(0),
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

/// The CUDA device `index`, set up so that the same work gives the same bits every time.
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

/// The precision that `device` computes in where `precision` is asked for: a CPU has no TF32 and
/// computes in f32.
pub fn computed(precision: Precision, device: Device) -> Precision {
    match precision {
        Precision::Tf32 if !device.is_cuda() => Precision::F32,
        precision => precision,
    }
}

/// Sets the precision of products on `device`, and returns the one that is really used, which tables
/// record; a note says once where it is not the one asked for. On CUDA, convolutions and matrix
/// products both use TF32 or both do not, while libtorch's default is TF32 in convolutions alone.
///
/// # Errors
/// libtorch's.
pub fn allow(precision: Precision, device: Device) -> Result<Precision, TchError> {
    static SAID: Once = Once::new();
    let computed = computed(precision, device);
    if computed != precision {
        let device = describe(device);
        SAID.call_once(|| {
            say!("note: {device} has no {precision}: computed, and recorded, in {computed}");
        });
    }
    fused::allow_tf32(computed == Precision::Tf32)?;
    Ok(computed)
}

/// Bytes that this program may still take on `device`; `None` where the device does not tell. On a GPU,
/// memory that libtorch's allocator caches counts as free.
pub fn free_memory(device: Device) -> Option<u64> {
    match device {
        Device::Cuda(index) => fused::free_cuda_memory(index as i64).ok(),
        _ => memory::available(Path::new("/")),
    }
}

/// Limits the program to `n` threads: libtorch (and with it OpenMP) within and between operations, and
/// rayon, which prepares images and masks. Must be called before any of these starts.
///
/// # Errors
/// The threads cannot be started.
pub fn bound_threads(n: u16) -> Result<(), rayon::ThreadPoolBuildError> {
    tch::set_num_threads(i32::from(n));
    tch::set_num_interop_threads(i32::from(n));
    rayon::ThreadPoolBuilder::new()
        .num_threads(usize::from(n))
        .build_global()
}

/// `tensor` on `device`. To a GPU it is copied through pinned memory, so the copy is queued and this
/// thread does not wait for the work before it.
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

/// The values of `tensor`, on any device, row-major, as 32-bit numbers.
///
/// # Errors
/// libtorch's.
pub fn download(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let tensor = tensor
        .f_detach()?
        .f_to_device(Device::Cpu)?
        .f_to_kind(Kind::Float)?
        .f_contiguous()?;
    let mut values = vec![0f32; tensor.numel()];
    let count = values.len();
    tensor.f_copy_data(&mut values, count)?;
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a driver is loaded is not asked: a CPU build sees no device.
    #[test]
    fn a_device_is_chosen_among_those_that_libtorch_sees() {
        for (text, n, expected) in [
            ("auto", 0, Ok(Device::Cpu)),
            ("auto", 2, Ok(Device::Cuda(0))),
            ("cpu", 2, Ok(Device::Cpu)),
            ("cuda", 1, Ok(Device::Cuda(0))),
            ("cuda:1", 2, Ok(Device::Cuda(1))),
            ("cuda", 0, Err("libtorch sees 0 CUDA devices")),
            ("cuda:2", 2, Err("libtorch sees 2 CUDA devices")),
            ("cuda:-1", 2, Err("expected auto, cpu, cuda or cuda:N")),
            ("gpu", 2, Err("expected auto, cpu, cuda or cuda:N")),
        ] {
            let found = parse(text, n);
            let is_right = match (&found, expected) {
                (Ok(found), Ok(expected)) => *found == expected,
                (Err(found), Err(expected)) => found.contains(expected),
                _ => false,
            };
            assert!(is_right, "{text} of {n}: {found:?}");
        }
    }

    #[test]
    fn a_cpu_computes_tf32_in_f32() {
        for (asked, device, expected) in [
            (Precision::Tf32, Device::Cpu, Precision::F32),
            (Precision::Tf32, Device::Cuda(0), Precision::Tf32),
            (Precision::F32, Device::Cuda(0), Precision::F32),
            (Precision::Bf16, Device::Cpu, Precision::Bf16),
        ] {
            assert_eq!(computed(asked, device), expected, "{asked} on {device:?}");
        }
    }
}
