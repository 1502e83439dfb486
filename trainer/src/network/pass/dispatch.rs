//! Calls any operator of libtorch by its name, through libtorch's dispatcher (`trainer/fused/dispatch.cpp`).
//! Networks that are read from a file name their operators. Some operators of libtorch open files or draw random
//! numbers, so the reader of the file decides which it may name (`network/graph/operators.rs`), not this code.

use std::ffi::{CString, c_char, c_void};
use std::ptr;

use tch::{Kind, TchError, Tensor};
use torch_sys::C_tensor;

use crate::network::pass::fused;

/// An argument of an operator.
#[derive(Debug)]
pub enum Argument<'a> {
    /// An absent value.
    None,
    /// A tensor.
    Tensor(&'a Tensor),
    /// Several tensors, of which some may be absent.
    Tensors(Vec<Option<&'a Tensor>>),
    /// An integer.
    Int(i64),
    /// Several integers.
    Ints(Vec<i64>),
    /// A floating-point number.
    Float(f64),
    /// Several floating-point numbers.
    Floats(Vec<f64>),
    /// A truth value.
    Bool(bool),
    /// Several truth values.
    Bools(Vec<bool>),
    /// Text, such as the name of a rounding mode.
    Text(&'a str),
    /// A number type.
    Kind(Kind),
}

/// An argument as C++ reads it: `Argument` in `dispatch.cpp`, with the same fields in the same order.
#[repr(C)]
struct Raw {
    name: *const c_char,
    /// Which variant of [`Argument`] it is, counted from 0.
    kind: i64,
    /// An `Int`, a `Bool` (0 or 1) or a `Kind` (libtorch's number).
    integer: i64,
    /// A `Float`.
    real: f64,
    /// A tensor, or the elements of a list or text.
    data: *const c_void,
    /// The number of elements at `data`, of a text its bytes.
    length: usize,
}

unsafe extern "C" {
    fn guidance_call(
        out: *mut *mut C_tensor,
        room: usize,
        name: *const c_char,
        overload: *const c_char,
        arguments: *const Raw,
        n: usize,
    ) -> bool;
}

/// Calls `operator`, written as in PyTorch ("aten.conv2d.default"), with the named `arguments`; the others
/// have the defaults of its schema. Returns the first `n_out` of the tensors that it makes; a list of tensors
/// counts as its elements. `None` stands for a tensor that libtorch leaves undefined.
///
/// # Errors
/// An operator that libtorch does not have, arguments that it does not take, fewer than `n_out` tensors, and
/// libtorch's errors.
pub fn call(
    operator: &str,
    arguments: &[(&str, Argument)],
    n_out: usize,
) -> Result<Vec<Option<Tensor>>, TchError> {
    let text = |text: &str| {
        CString::new(text).map_err(|_| TchError::Torch(format!("a zero byte in {text:?}")))
    };
    let mut parts = operator.splitn(3, '.');
    let mut part = || parts.next().unwrap_or_default();
    let (library, name, overload) = (part(), part(), part());
    let name = text(&format!("{library}::{name}"))?;
    let overload = text(if overload == "default" { "" } else { overload })?;

    let names: Vec<CString> = arguments
        .iter()
        .map(|(name, _)| text(name))
        .collect::<Result<_, _>>()?;
    let pointers: Vec<Vec<*const C_tensor>> = arguments
        .iter()
        .map(|(_, argument)| match argument {
            Argument::Tensors(tensors) => tensors
                .iter()
                .map(|tensor| tensor.map_or(ptr::null(), Tensor::as_ptr))
                .collect(),
            _ => Vec::new(),
        })
        .collect();
    let raw: Vec<Raw> = arguments
        .iter()
        .zip(&names)
        .zip(&pointers)
        .map(|(((_, argument), name), pointers)| raw(argument, name, pointers))
        .collect();
    let mut out = vec![ptr::null_mut(); n_out];
    // SAFETY: live tensors, texts and arrays, only read; room for as many tensors as are asked for.
    let is_done = unsafe {
        guidance_call(
            out.as_mut_ptr(),
            n_out,
            name.as_ptr(),
            overload.as_ptr(),
            raw.as_ptr(),
            raw.len(),
        )
    };
    if !is_done {
        return Err(fused::last_error());
    }
    let out = out.into_iter().map(|tensor| {
        // SAFETY: allocated with `new` like tch's own tensors, owned by nobody else.
        (!tensor.is_null()).then(|| unsafe { Tensor::from_ptr(tensor) })
    });
    Ok(out.collect())
}

/// Returns an argument as C++ reads it. It points into `argument`, `name` and `pointers`, the pointers to the
/// tensors of [`Argument::Tensors`].
fn raw(argument: &Argument, name: &CString, pointers: &[*const C_tensor]) -> Raw {
    let mut raw = Raw {
        name: name.as_ptr(),
        kind: 0,
        integer: 0,
        real: 0.0,
        data: ptr::null(),
        length: 0,
    };
    match argument {
        Argument::None => raw.kind = 0,
        Argument::Tensor(tensor) => {
            raw.kind = 1;
            raw.data = tensor.as_ptr().cast();
        }
        Argument::Tensors(_) => {
            raw.kind = 2;
            (raw.data, raw.length) = (pointers.as_ptr().cast(), pointers.len());
        }
        Argument::Int(value) => (raw.kind, raw.integer) = (3, *value),
        Argument::Ints(values) => {
            raw.kind = 4;
            (raw.data, raw.length) = (values.as_ptr().cast(), values.len());
        }
        Argument::Float(value) => (raw.kind, raw.real) = (5, *value),
        Argument::Floats(values) => {
            raw.kind = 6;
            (raw.data, raw.length) = (values.as_ptr().cast(), values.len());
        }
        Argument::Bool(value) => (raw.kind, raw.integer) = (7, i64::from(*value)),
        Argument::Bools(values) => {
            raw.kind = 8;
            (raw.data, raw.length) = (values.as_ptr().cast(), values.len());
        }
        Argument::Text(text) => {
            raw.kind = 9;
            (raw.data, raw.length) = (text.as_ptr().cast(), text.len());
        }
        Argument::Kind(kind) => (raw.kind, raw.integer) = (10, scalar_type(*kind)),
    }
    raw
}

/// The number of a kind in libtorch (`c10::ScalarType`). tch has it too, but not in its public interface.
fn scalar_type(kind: Kind) -> i64 {
    match kind {
        Kind::Uint8 => 0,
        Kind::Int8 => 1,
        Kind::Int16 => 2,
        Kind::Int => 3,
        Kind::Int64 => 4,
        Kind::Half => 5,
        Kind::Float => 6,
        Kind::Double => 7,
        Kind::Bool => 11,
        Kind::BFloat16 => 15,
        // No network has numbers of other kinds. libtorch refuses −1.
        _ => -1,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Operators called by name give what tch's methods give, with arguments left out at their defaults.
    #[test]
    fn operators_take_what_is_given_and_their_defaults() {
        let x = Tensor::from_slice(&[1.0, -2.0, 3.0, 4.0]).view([2, 2]);
        let call = |operator: &str, arguments: &[(&str, Argument)]| {
            let mut made = call(operator, arguments, 1).unwrap();
            made.remove(0).unwrap()
        };
        let relu = call("aten.relu.default", &[("self", Argument::Tensor(&x))]);
        assert_eq!(relu, x.relu());
        let both = Argument::Tensors(vec![Some(&x), Some(&relu)]);
        let cat = call(
            "aten.cat.default",
            &[("tensors", both), ("dim", Argument::Int(1))],
        );
        assert_eq!(cat, Tensor::cat(&[&x, &relu], 1));
        let arguments = [
            ("self", Argument::Tensor(&x)),
            ("dim", Argument::Ints(vec![-1])),
            ("keepdim", Argument::Bool(true)),
        ];
        let mean = call("aten.mean.dim", &arguments);
        assert_eq!(mean, x.mean_dim([-1i64].as_slice(), true, None));
        let arguments = [("self", Argument::Tensor(&x)), ("other", Argument::Int(2))];
        assert_eq!(call("aten.mul.Scalar", &arguments), &x * 2);
        let index = Tensor::from_slice(&[1i64]);
        let indices = Argument::Tensors(vec![None, Some(&index)]);
        let column = call(
            "aten.index.Tensor",
            &[("self", Argument::Tensor(&x)), ("indices", indices)],
        );
        assert_eq!(column, x.narrow(1, 1, 1));
    }

    /// `unbind` makes a list of three tensors: three can be had, four are an error.
    #[test]
    fn several_outputs_come_one_by_one() {
        let x = Tensor::from_slice(&[1.0, 2.0, 3.0]);
        let arguments = [("self", Argument::Tensor(&x)), ("dim", Argument::Int(0))];
        let parts = call("aten.unbind.int", &arguments, 3).unwrap();
        let values: Vec<f64> = parts
            .iter()
            .map(|t| t.as_ref().unwrap().double_value(&[]))
            .collect();
        assert_eq!(values, [1.0, 2.0, 3.0]);
        assert!(call("aten.unbind.int", &arguments, 4).is_err());
    }

    /// Unknown operators, overloads and arguments, a name with a zero byte, no name, and an argument too many.
    #[test]
    fn wrong_calls_are_errors() {
        let x = Tensor::from_slice(&[1.0]);
        for (operator, name) in [
            ("aten.no_such.default", "self"),
            ("aten.relu.no_such", "self"),
            ("aten.relu.default", "input"),
            ("aten.relu\0.default", "self"),
            ("", "self"),
        ] {
            let arguments = [(name, Argument::Tensor(&x))];
            assert!(call(operator, &arguments, 1).is_err(), "{operator}");
        }
        let two = [
            ("self", Argument::Tensor(&x)),
            ("other", Argument::Tensor(&x)),
        ];
        assert!(call("aten.relu.default", &two, 1).is_err());
    }
}
