//! Operations of the guided step written in C++ (`fused/fused.cpp`) because libtorch lets only C++
//! add a function with a derivative of its own. Each does in two passes over memory what libtorch's
//! elementwise operations do in ten or more.

use std::ffi::{CStr, c_char};

use tch::{TchError, Tensor};
use torch_sys::C_tensor;

unsafe extern "C" {
    fn guidance_last_error() -> *const c_char;
    fn guidance_batch_norm_pull(
        g: *const C_tensor,
        x: *const C_tensor,
        weight: *const C_tensor,
        mean: *const C_tensor,
        inverse_std: *const C_tensor,
    ) -> *mut C_tensor;
}

/// Takes what the C++ side made.
fn taken(tensor: *mut C_tensor) -> Result<Tensor, TchError> {
    if tensor.is_null() {
        // SAFETY: the C++ side keeps a zero-terminated string for this thread.
        let words = unsafe { CStr::from_ptr(guidance_last_error()) };
        return Err(TchError::Torch(words.to_string_lossy().into_owned()));
    }
    // SAFETY: not null, allocated with `new` like tch's own tensors, owned by nobody else.
    Ok(unsafe { Tensor::from_ptr(tensor) })
}

/// The gradient at the input `x` (N, C, …) of a batch norm with the batch's statistics, for the
/// gradient `g` at its output: differentiable in `g`, `x` and `weight`. `mean` and `inverse_std` (C)
/// are the batch's, as the norm computed them from `x`.
///
/// # Errors
/// libtorch's.
pub fn batch_norm_pull(
    g: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    mean: &Tensor,
    inverse_std: &Tensor,
) -> Result<Tensor, TchError> {
    // SAFETY: five live tensors, only read.
    taken(unsafe {
        guidance_batch_norm_pull(
            g.as_ptr(),
            x.as_ptr(),
            weight.as_ptr(),
            mean.as_ptr(),
            inverse_std.as_ptr(),
        )
    })
}
