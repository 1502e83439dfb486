//! Chooses the device that a command runs on (`--device auto`, `cpu`, `cuda` or `cuda:N`), sets its
//! precision and threads, and copies tensors to it and from it. The program is the same for CPU and GPU;
//! CUDA works if the `libtorch.so` found at start is a CUDA build.

use std::path::Path;
use std::sync::Once;

use tch::{Cuda, Device, Kind, TchError, Tensor};

use crate::machine::memory;
use crate::names::Precision;
use crate::network::pass::fused;

/// Returns the device that `text` names, set up to compute on.
///
/// # Errors
/// An unknown spelling, or a CUDA device that is not there.
pub fn choose(text: &str) -> Result<Device, String> {
    match parse(text, devices())? {
        Device::Cuda(index) => repeatable(index as i64),
        device => Ok(device),
    }
}

/// Returns the number of CUDA devices that libtorch can use. It is 0 without libtorch's CUDA build or with
/// a driver too old for it, however many devices the driver reports.
fn devices() -> i64 {
    match Cuda::is_available() {
        true => Cuda::device_count(),
        false => 0,
    }
}

/// Returns the device that `text` names on a machine with `n` usable CUDA devices.
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

/// Returns the CUDA device `index`, after making libtorch deterministic: the same work then gives the same
/// bits every time.
fn repeatable(index: i64) -> Result<Device, String> {
    fused::be_deterministic().map_err(|error| format!("--device: {error}"))?;
    Ok(Device::Cuda(index as usize))
}

/// Returns the name of a chosen device, as `--device` takes it.
pub fn describe(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    }
}

/// Returns the precision in which `device` computes if `precision` is asked for. A CPU has no TF32 (NVIDIA's
/// 32-bit format with 10 bits of mantissa) and computes in f32 instead.
pub fn computed(precision: Precision, device: Device) -> Precision {
    match precision {
        Precision::Tf32 if !device.is_cuda() => Precision::F32,
        precision => precision,
    }
}

/// Sets the precision of convolutions and matrix products on `device`, and returns the one that is really
/// used, which tables record. If it is not the one asked for, a note is printed, once. On CUDA, TF32 is used
/// in both convolutions and matrix products or in neither; libtorch's default is in convolutions only.
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

/// Returns the bytes of memory that this program may still take on `device`; `None` where that cannot be
/// found out. On a GPU, memory that libtorch's allocator caches counts as free.
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

/// Returns a CPU tensor on `device`. It is copied to a GPU through pinned memory, so that the copy can be
/// queued; this thread does not wait until the GPU has done the work queued before it.
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

/// Returns the values of `tensor`, which may be on any device, row-major, as 32-bit numbers.
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

    /// Each row: the text given, the number of CUDA devices that libtorch sees, and the device or a part of
    /// the error that must come of it. A CPU build of libtorch sees 0 devices whatever the machine has.
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
