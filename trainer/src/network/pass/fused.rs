//! Calls the functions that are written in C++ (`trainer/fused/`). Most are operations of a training step
//! with a derivative written by hand, which libtorch allows only in C++. They do in one or two passes over
//! memory what libtorch's elementwise operations do in ten or more. [`batch_norm_backward`] can be
//! differentiated once, and asking for a second derivative is an error; B-cos operations can be differentiated
//! twice. The others are functions of libtorch that tch lacks.

use std::ffi::{CStr, c_char};
use std::ptr;

use tch::{TchError, Tensor};
use torch_sys::C_tensor;

use crate::names::Precision;
use crate::network::pass::window::Window;

/// A tensor that C++ reads; null for an absent one.
type In = *const C_tensor;
/// Where C++ writes pointers to new tensors.
type Out = *mut *mut C_tensor;

// The letters: g a gradient, x an input, w a weight, r one over a standard deviation, u a B-cos layer's plain
// convolution, m one over the norm of each of its patches, s a scale for each channel, y an output, t any tensor.
// All return whether they succeeded; `guidance_last_error` says why not.
unsafe extern "C" {
    fn guidance_last_error() -> *const c_char;
    fn guidance_batch_norm_backward(out: Out, g: In, x: In, w: In, mean: In, r: In) -> bool;
    fn guidance_unit_rows(out: Out, w: In) -> bool;
    fn guidance_conv_and_squares(
        out: Out,
        x: In,
        w: In,
        stride: i64,
        padding: i64,
        is_bf16: bool,
    ) -> bool;
    fn guidance_bcos_scale(out: Out, u: In, m: In, s: In) -> bool;
    fn guidance_bcos_norm(out: Out, u: In, m: In, w: In, eps: f64) -> bool;
    fn guidance_conv_block(
        out: Out,
        x: In,
        w: In,
        shift: In,
        shortcut: In,
        stride: i64,
        padding: *const i64,
        groups: i64,
        is_rectified: bool,
    ) -> bool;
    fn guidance_rectify(out: Out, x: In) -> bool;
    fn guidance_rectify_to_6(out: Out, x: In) -> bool;
    fn guidance_allow_tf32(is_allowed: bool) -> bool;
    fn guidance_pin(out: Out, t: In) -> bool;
    fn guidance_be_deterministic() -> bool;
    fn guidance_free_cuda_memory(out: *mut u64, device: i64) -> bool;
    fn guidance_differentiable(out: Out, x: In) -> bool;
    fn guidance_as_now(out: Out, x: In) -> bool;
    fn guidance_vjp(out: Out, y: In, xs: *const In, n: usize, g: In) -> bool;
    fn guidance_bcos_vjp(out: Out, g: In, u: In, m: In, s: In) -> bool;
    fn guidance_power_scale(out: Out, u: In, m: In, r: In, eighths: i64) -> bool;
    fn guidance_power_vjp(out: Out, g: In, u: In, m: In, r: In, eighths: i64) -> bool;
    fn guidance_fading_norm(out: Out, x: In, w: In, b: In, kept: f64, eps: f64) -> bool;
}

/// The last error of the C++ side in this thread.
pub(super) fn last_error() -> TchError {
    // SAFETY: the C++ side keeps a zero-terminated string for this thread.
    let words = unsafe { CStr::from_ptr(guidance_last_error()) };
    TchError::Torch(words.to_string_lossy().into_owned())
}

/// Returns the `N` tensors that `call` makes. It writes pointers to them where its argument points, and
/// returns false if it failed.
fn made<const N: usize>(call: impl FnOnce(Out) -> bool) -> Result<[Tensor; N], TchError> {
    let mut out = [ptr::null_mut(); N];
    if !call(out.as_mut_ptr()) {
        return Err(last_error());
    }
    // SAFETY: allocated with `new` like tch's own tensors, owned by nobody else.
    Ok(out.map(|tensor| unsafe { Tensor::from_ptr(tensor) }))
}

/// The tensor's pointer; null for `None`.
fn maybe(tensor: Option<&Tensor>) -> In {
    tensor.map_or(ptr::null(), Tensor::as_ptr)
}

/// Returns the gradient at the input `x` (N, C, …) of a batch norm with the batch's statistics, for the
/// gradient `g` at its output. It is differentiable with respect to `g`, `x` and `weight`. `mean` and
/// `inverse_std` (C) are the batch's, as the norm computed them from `x`.
///
/// # Errors
/// libtorch's.
pub fn batch_norm_backward(
    g: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    mean: &Tensor,
    inverse_std: &Tensor,
) -> Result<Tensor, TchError> {
    // SAFETY: live tensors, only read.
    let [out] = made(|out| unsafe {
        guidance_batch_norm_backward(
            out,
            g.as_ptr(),
            x.as_ptr(),
            weight.as_ptr(),
            mean.as_ptr(),
            inverse_std.as_ptr(),
        )
    })?;
    Ok(out)
}

/// Returns weights (out, …) with the weights of each output divided by their Euclidean norm.
///
/// # Errors
/// libtorch's.
pub fn unit_rows(weight: &Tensor) -> Result<Tensor, TchError> {
    // SAFETY: a live tensor, only read.
    let [out] = made(|out| unsafe { guidance_unit_rows(out, weight.as_ptr()) })?;
    Ok(out)
}

/// Returns the convolution of `x` (N, C, H, W) with `weight` in `precision`, and the sum over channels of x²
/// (N, 1, H, W). `window` must have one group and the same padding in both directions.
///
/// # Errors
/// libtorch's.
pub fn conv_and_squares(
    x: &Tensor,
    weight: &Tensor,
    window: Window,
    precision: Precision,
) -> Result<[Tensor; 2], TchError> {
    let (stride, padding) = (window.stride, window.padding[0]);
    let is_bf16 = precision == Precision::Bf16;
    // SAFETY: live tensors, only read.
    made(|out| unsafe {
        guidance_conv_and_squares(out, x.as_ptr(), weight.as_ptr(), stride, padding, is_bf16)
    })
}

/// Returns `scale` · u · |u| · `inverse_norm`, the output of a B-cos convolution and its norm. `u` (N, C, H, W)
/// is the plain convolution with unit weights, `inverse_norm` (N, 1, H, W) one over the norm of each patch,
/// `scale` (C) the norm's factor; `None` for 1.
///
/// # Errors
/// libtorch's.
pub fn bcos_scale(
    u: &Tensor,
    inverse_norm: &Tensor,
    scale: Option<&Tensor>,
) -> Result<Tensor, TchError> {
    // SAFETY: live tensors, only read.
    let [out] = made(|out| unsafe {
        guidance_bcos_scale(out, u.as_ptr(), inverse_norm.as_ptr(), maybe(scale))
    })?;
    Ok(out)
}

/// Does the same as [`bcos_scale`] with the scale `weight` / √(variance over the batch + `eps`) (C). Returns the
/// output, the scale (C) and the batch's variance (C), which is not in the graph.
///
/// # Errors
/// libtorch's.
pub fn bcos_norm(
    u: &Tensor,
    inverse_norm: &Tensor,
    weight: &Tensor,
    eps: f64,
) -> Result<[Tensor; 3], TchError> {
    // SAFETY: live tensors, only read.
    made(|out| unsafe {
        guidance_bcos_norm(out, u.as_ptr(), inverse_norm.as_ptr(), weight.as_ptr(), eps)
    })
}

/// The vjp of [`bcos_scale`] with its dynamic weight scale · |u| · inverse_norm taken as a constant:
/// g · scale · |u| · inverse_norm. It is differentiable with respect to all four.
///
/// # Errors
/// libtorch's.
pub fn bcos_vjp(
    g: &Tensor,
    u: &Tensor,
    inverse_norm: &Tensor,
    scale: Option<&Tensor>,
) -> Result<Tensor, TchError> {
    // SAFETY: live tensors, only read.
    let [out] = made(|out| unsafe {
        guidance_bcos_vjp(
            out,
            g.as_ptr(),
            u.as_ptr(),
            inverse_norm.as_ptr(),
            maybe(scale),
        )
    })?;
    Ok(out)
}

/// Returns u · |cos|^(B − 1), the output of a layer of a B-cosified network. `u` (N, C, H, W) is the plain
/// convolution, `inverse_patch` (N, G, H, W) for G groups and `inverse_row` (C) are 1 / norm of its patches and
/// its weights, `eighths` is 8 (B − 1), from 0 to 8.
///
/// # Errors
/// libtorch's.
pub fn power_scale(
    u: &Tensor,
    inverse_patch: &Tensor,
    inverse_row: &Tensor,
    eighths: i64,
) -> Result<Tensor, TchError> {
    let (m, r) = (inverse_patch.as_ptr(), inverse_row.as_ptr());
    // SAFETY: live tensors, only read.
    let [out] = made(|out| unsafe { guidance_power_scale(out, u.as_ptr(), m, r, eighths) })?;
    Ok(out)
}

/// The vjp of [`power_scale`] with its dynamic weight held fixed: g · |cos|^(B − 1), differentiable in `g` and
/// in all that the dynamic weight depends on.
///
/// # Errors
/// libtorch's.
pub fn power_vjp(
    g: &Tensor,
    u: &Tensor,
    inverse_patch: &Tensor,
    inverse_row: &Tensor,
    eighths: i64,
) -> Result<Tensor, TchError> {
    let (m, r) = (inverse_patch.as_ptr(), inverse_row.as_ptr());
    // SAFETY: live tensors, only read.
    let [out] =
        made(|out| unsafe { guidance_power_vjp(out, g.as_ptr(), u.as_ptr(), m, r, eighths) })?;
    Ok(out)
}

/// Returns scale · x + `kept` · (`bias` − scale · mean), a norm of `x` (N, C, H, W) with the batch's
/// statistics, of whose bias and mean the share `kept` is left; and scale = `weight` / √(variance + `eps`), mean
/// and variance (C), of which the last two are constants.
///
/// # Errors
/// libtorch's.
pub fn fading_norm(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    kept: f64,
    eps: f64,
) -> Result<[Tensor; 4], TchError> {
    let (w, b) = (weight.as_ptr(), bias.as_ptr());
    // SAFETY: live tensors, only read.
    made(|out| unsafe { guidance_fading_norm(out, x.as_ptr(), w, b, kept, eps) })
}

/// Returns another tensor with the values of `x`, with respect to which libtorch can differentiate. If
/// gradients are on and `x` is in a graph, the new tensor is in it too; else it is a new leaf.
///
/// # Errors
/// libtorch's.
pub fn differentiable(x: &Tensor) -> Result<Tensor, TchError> {
    // SAFETY: a live tensor, only read.
    let [out] = made(|out| unsafe { guidance_differentiable(out, x.as_ptr()) })?;
    Ok(out)
}

/// Returns `x` if gradients are on now, else `x` detached.
///
/// # Errors
/// libtorch's.
pub fn as_now(x: &Tensor) -> Result<Tensor, TchError> {
    // SAFETY: a live tensor, only read.
    let [out] = made(|out| unsafe { guidance_as_now(out, x.as_ptr()) })?;
    Ok(out)
}

/// Returns the gradients of Σ `g` · `y` with respect to `xs`, with `g` as a constant; zeros for those of `xs`
/// on which `y` does not depend. The graph of `y` is kept. If gradients are on, the results can be
/// differentiated with respect to `g`, `xs` and everything else from which `y` was computed.
///
/// # Errors
/// libtorch's.
pub fn vjp(y: &Tensor, xs: &[Tensor], g: &Tensor) -> Result<Vec<Tensor>, TchError> {
    let pointers: Vec<In> = xs.iter().map(Tensor::as_ptr).collect();
    let mut out = vec![ptr::null_mut(); xs.len()];
    // SAFETY: live tensors, only read, and room for as many as there are `xs`.
    let is_done = unsafe {
        guidance_vjp(
            out.as_mut_ptr(),
            y.as_ptr(),
            pointers.as_ptr(),
            xs.len(),
            g.as_ptr(),
        )
    };
    if !is_done {
        return Err(last_error());
    }
    // SAFETY: as in `made`.
    Ok(out
        .into_iter()
        .map(|tensor| unsafe { Tensor::from_ptr(tensor) })
        .collect())
}

/// max(x, 0), in place; NaN where `x` is NaN or −∞. libtorch's own ReLU makes 0 of −∞ and so hides an overflow.
///
/// # Errors
/// libtorch's.
pub fn rectify(x: Tensor) -> Result<Tensor, TchError> {
    // SAFETY: a live tensor that is given away, changed in place.
    let [out] = made(|out| unsafe { guidance_rectify(out, x.as_ptr()) })?;
    Ok(out)
}

/// Returns min(max(x, 0), 6); it may overwrite `x`. With gradients off, the result is NaN where `x` is
/// non-finite. With gradients on, ∞ gives 6 and −∞ gives 0; such a value is then found in the running statistics
/// of the batch norm before it.
///
/// # Errors
/// libtorch's.
pub fn rectify_to_6(x: Tensor) -> Result<Tensor, TchError> {
    // SAFETY: as in `rectify`.
    let [out] = made(|out| unsafe { guidance_rectify_to_6(out, x.as_ptr()) })?;
    Ok(out)
}

/// Computes conv(x) + shift + shortcut by one operation of oneDNN, then ReLU if `is_rectified`. `None` if that
/// is not possible: it needs the CPU, 32 bits, channels-last format, more than one row and column, gradients
/// off, and a libtorch that has the operation.
///
/// # Errors
/// libtorch's.
pub fn conv_block(
    x: &Tensor,
    weight: &Tensor,
    shift: Option<&Tensor>,
    shortcut: Option<&Tensor>,
    window: Window,
    is_rectified: bool,
) -> Result<Option<Tensor>, TchError> {
    let mut out = ptr::null_mut();
    // SAFETY: live tensors and two numbers, only read.
    let is_done = unsafe {
        guidance_conv_block(
            &mut out,
            x.as_ptr(),
            weight.as_ptr(),
            maybe(shift),
            maybe(shortcut),
            window.stride,
            window.padding.as_ptr(),
            window.groups,
            is_rectified,
        )
    };
    match (is_done, out.is_null()) {
        (false, _) => Err(last_error()),
        (true, true) => Ok(None),
        // SAFETY: as in `made`.
        (true, false) => Ok(Some(unsafe { Tensor::from_ptr(out) })),
    }
}

/// Sets whether CUDA may use TF32 in convolutions and matrix products.
///
/// # Errors
/// libtorch's.
pub fn allow_tf32(is_allowed: bool) -> Result<(), TchError> {
    // SAFETY: sets two of libtorch's global flags.
    match unsafe { guidance_allow_tf32(is_allowed) } {
        true => Ok(()),
        false => Err(last_error()),
    }
}

/// A copy of a CPU tensor in pinned memory, which a GPU reads faster.
///
/// # Errors
/// libtorch's, where there is no GPU.
pub fn pin(tensor: &Tensor) -> Result<Tensor, TchError> {
    // SAFETY: a live tensor, only read.
    let [out] = made(|out| unsafe { guidance_pin(out, tensor.as_ptr()) })?;
    Ok(out)
}

/// Makes libtorch use only deterministic CUDA algorithms; an operation that has none is then an error.
///
/// # Errors
/// libtorch's.
pub fn be_deterministic() -> Result<(), TchError> {
    // SAFETY: sets four of libtorch's global flags.
    match unsafe { guidance_be_deterministic() } {
        true => Ok(()),
        false => Err(last_error()),
    }
}

/// Free bytes of a CUDA device, including those that libtorch's allocator caches.
///
/// # Errors
/// libtorch's, where there is no such device.
pub fn free_cuda_memory(device: i64) -> Result<u64, TchError> {
    let mut bytes = 0;
    // SAFETY: writes the one number it is given a pointer to.
    match unsafe { guidance_free_cuda_memory(&mut bytes, device) } {
        true => Ok(bytes),
        false => Err(last_error()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tch::{Device, Kind, Tensor};

    use super::batch_norm_backward;

    /// The backward pass of batch norm, and its own, are the same in both memory formats. There are more pixels than
    /// are summed at a time.
    #[test]
    fn batch_norms_do_not_depend_on_the_memory_format() {
        tch::manual_seed(7);
        let random = || Tensor::randn([2, 5, 20, 21], (Kind::Double, Device::Cpu));
        let (x, g, h) = (random() * 3.0 + 1.0, random(), random());
        let weight = Tensor::randn([5], (Kind::Double, Device::Cpu));
        let none: Option<&Tensor> = None;
        let (_, mean, inverse_std) =
            x.native_batch_norm(Some(&weight), none, none, none, true, 0.1, 1e-5);
        let derivatives = |format: fn(&Tensor) -> Tensor| {
            let inputs = [format(&g), format(&x), weight.copy()];
            let [g, x, w] = inputs.map(|input| input.set_requires_grad(true));
            let at_x = batch_norm_backward(&g, &x, &w, &mean, &inverse_std).unwrap();
            let sum = (&at_x * format(&h)).sum(Kind::Double);
            let mut found = Tensor::run_backward(&[sum], &[g, x, w], false, false);
            found.push(at_x.detach());
            found
        };
        let rows = derivatives(|t| t.copy());
        let pixels = derivatives(|t| {
            let last = t.permute([0, 2, 3, 1]).contiguous();
            last.permute([0, 3, 1, 2])
        });
        for (rows, pixels) in rows.iter().zip(&pixels) {
            let apart = (rows - pixels).abs().max().double_value(&[]);
            let size = rows.abs().max().double_value(&[]);
            assert!(apart < 1e-12 * size, "{apart} of {size}");
        }
    }
}
