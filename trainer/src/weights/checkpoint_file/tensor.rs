//! Copies the elements of a tensor out of its storage. In a checkpoint a tensor is a view (offset, sizes
//! and strides) of a storage, which is a block of bytes. Every bound is checked.
//!
//! `torch_file` knows how a file keeps its storages, and passes their bytes.

use std::borrow::Cow;

use super::problem::Problem;

/// A tensor of a weight file with its elements.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Name in the state dict, nested dicts joined with dots.
    pub name: String,
    /// Type of the elements.
    pub dtype: Dtype,
    /// Size of each dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements, contiguous, row-major, little-endian.
    pub data: Vec<u8>,
}

/// Element types that both PyTorch and `tch` have. Complex, quantised and 8-bit floating types are
/// refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dtype {
    /// 64-bit float.
    F64,
    /// 32-bit float.
    F32,
    /// IEEE 16-bit float.
    F16,
    /// bfloat16.
    BF16,
    /// Signed 64-bit integer.
    I64,
    /// Signed 32-bit integer.
    I32,
    /// Signed 16-bit integer.
    I16,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// One byte, 0 or 1.
    Bool,
}

/// Each type, its storage class and its dtype in the module `torch`.
const NAMES: [(Dtype, &str, &str); 10] = [
    (Dtype::F64, "torch.DoubleStorage", "torch.float64"),
    (Dtype::F32, "torch.FloatStorage", "torch.float32"),
    (Dtype::F16, "torch.HalfStorage", "torch.float16"),
    (Dtype::BF16, "torch.BFloat16Storage", "torch.bfloat16"),
    (Dtype::I64, "torch.LongStorage", "torch.int64"),
    (Dtype::I32, "torch.IntStorage", "torch.int32"),
    (Dtype::I16, "torch.ShortStorage", "torch.int16"),
    (Dtype::I8, "torch.CharStorage", "torch.int8"),
    (Dtype::U8, "torch.ByteStorage", "torch.uint8"),
    (Dtype::Bool, "torch.BoolStorage", "torch.bool"),
];

impl Dtype {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Dtype::F64 | Dtype::I64 => 8,
            Dtype::F32 | Dtype::I32 => 4,
            Dtype::F16 | Dtype::BF16 | Dtype::I16 => 2,
            Dtype::I8 | Dtype::U8 | Dtype::Bool => 1,
        }
    }

    /// From a storage class (`torch.FloatStorage`) or a dtype (`torch.float32`).
    pub(super) fn from_torch(name: &str) -> Option<Dtype> {
        let (dtype, ..) = NAMES
            .iter()
            .find(|(_, storage, dtype)| *storage == name || *dtype == name)?;
        Some(*dtype)
    }

    /// Returns the type of a safetensors tensor; `None` where it is refused.
    pub(super) fn from_safetensors(dtype: safetensors::Dtype) -> Option<Dtype> {
        Some(match dtype {
            safetensors::Dtype::F64 => Dtype::F64,
            safetensors::Dtype::F32 => Dtype::F32,
            safetensors::Dtype::F16 => Dtype::F16,
            safetensors::Dtype::BF16 => Dtype::BF16,
            safetensors::Dtype::I64 => Dtype::I64,
            safetensors::Dtype::I32 => Dtype::I32,
            safetensors::Dtype::I16 => Dtype::I16,
            safetensors::Dtype::I8 => Dtype::I8,
            safetensors::Dtype::U8 => Dtype::U8,
            safetensors::Dtype::BOOL => Dtype::Bool,
            _ => return None,
        })
    }

    /// Returns the "expected …" part of messages about other types.
    pub(super) fn expected() -> String {
        let names = NAMES.map(|(_, _, name)| name.trim_start_matches("torch."));
        format!("one of {}", names.join(", "))
    }
}

/// A tensor that is still a view of its storage. Sizes and strides are as the file has them, not yet
/// checked; strides and offset count elements. Texts are borrowed from the pickle: a million views may
/// share one, and a copy for each would fill memory.
#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    pub(super) name: String,
    pub(super) storage: Storage<'a>,
    /// A storage class, as `torch.FloatStorage`, or a dtype, as `torch.float32`.
    pub(super) dtype: &'a str,
    pub(super) offset: i64,
    pub(super) size: Vec<i64>,
    pub(super) stride: Vec<i64>,
}

/// What the pickle says about a storage, whose bytes lie outside the pickle.
#[derive(Clone, Debug)]
pub(super) struct Storage<'a> {
    /// The name under which the file holds the bytes.
    pub(super) key: Cow<'a, str>,
    /// `torch.FloatStorage` and so on.
    pub(super) class: &'a str,
    /// The number of elements, of the size that `class` has.
    pub(super) length: i64,
    /// Legacy files only: this storage is a part (offset and length in elements) of the one named.
    pub(super) part: Option<(i64, i64)>,
}

impl View<'_> {
    /// Returns the tensor with its elements in order, copied from `storage`, the bytes under the storage's
    /// key. The copy's size is taken off `budget`.
    pub(super) fn copy(&self, storage: &[u8], budget: &mut Budget) -> Result<NamedTensor, Problem> {
        let dtype = Dtype::from_torch(self.dtype)
            .ok_or_else(|| self.fail(format!("type {}", self.dtype), Dtype::expected()))?;
        let storage = self.storage_part(storage)?;
        let length = storage.len() / dtype.size();

        if self.size.len() != self.stride.len() {
            return Err(self.fail(
                format!("{} sizes, {} strides", self.size.len(), self.stride.len()),
                "as many of each".into(),
            ));
        }
        let shape = self.unsigned(&self.size, "sizes")?;
        let stride = self.unsigned(&self.stride, "strides")?;
        let start = self.unsigned(&[self.offset], "an offset")?[0];

        let n_bytes = shape
            .iter()
            .try_fold(dtype.size(), |n, &size| n.checked_mul(size))
            .ok_or_else(|| {
                self.fail(
                    format!("sizes {shape:?}"),
                    "a tensor that fits memory".into(),
                )
            })?;
        if n_bytes > 0 {
            let last = shape
                .iter()
                .zip(&stride)
                .try_fold(start, |at, (size, step)| {
                    at.checked_add((size - 1).checked_mul(*step)?)
                });
            if last.is_none_or(|last| last >= length) {
                return Err(self.fail(
                    format!("sizes {shape:?}, strides {stride:?}, offset {start}"),
                    format!(
                        "a view inside the {length} elements of storage {:?}",
                        self.storage.key
                    ),
                ));
            }
        }
        budget.spend(n_bytes, || format!("tensor {:?}", self.name))?;

        let data = if n_bytes == 0 {
            Vec::new()
        } else if is_contiguous(&shape, &stride) {
            let start = start * dtype.size();
            storage[start..start + n_bytes].to_vec()
        } else {
            gather(storage, dtype.size(), start, &shape, &stride, n_bytes)
        };
        Ok(NamedTensor {
            name: self.name.clone(),
            dtype,
            shape,
            data,
        })
    }

    /// Checks the storage's declared length against its bytes; returns the bytes, of a storage that is part
    /// of another only this part.
    fn storage_part<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8], Problem> {
        let Storage {
            key,
            class,
            length,
            part,
        } = &self.storage;
        let element = element_size(class)
            .ok_or_else(|| self.fail(format!("storage class {class}"), Dtype::expected()))?;
        let range = |offset: i64, length: i64| {
            let start = usize::try_from(offset).ok()?.checked_mul(element)?;
            let end = start.checked_add(usize::try_from(length).ok()?.checked_mul(element)?)?;
            Some((start, end))
        };
        let whole = range(0, *length).and_then(|(start, end)| bytes.get(start..end));
        let Some(whole) = whole else {
            return Err(self.fail(
                format!("storage {key:?} of {length} elements"),
                format!("no more than its {} bytes", bytes.len()),
            ));
        };
        let Some((offset, length)) = *part else {
            return Ok(whole);
        };
        range(offset, length)
            .and_then(|(start, end)| whole.get(start..end))
            .ok_or_else(|| {
                self.fail(
                    format!("{length} elements from {offset} of storage {key:?}"),
                    format!("a part of its {} bytes", whole.len()),
                )
            })
    }

    /// Returns `values` as unsigned numbers, and refuses negative ones.
    fn unsigned(&self, values: &[i64], what: &str) -> Result<Vec<usize>, Problem> {
        values
            .iter()
            .map(|&value| usize::try_from(value))
            .collect::<Result<_, _>>()
            .map_err(|_| self.fail(format!("{what} {values:?}"), "none below 0".into()))
    }

    fn fail(&self, found: String, expected: String) -> Problem {
        Problem::Tensor {
            name: self.name.clone(),
            found,
            expected,
        }
    }
}

/// Returns the bytes of one element of a storage class, also of classes whose tensors are refused: in a
/// legacy file their storages lie between the others, so their sizes are needed to find the next.
pub(super) fn element_size(class: &str) -> Option<usize> {
    if let Some(dtype) = Dtype::from_torch(class) {
        return Some(dtype.size());
    }
    match class {
        "torch.storage.UntypedStorage" | "torch.UntypedStorage" => Some(1),
        "torch.QInt8Storage" | "torch.QUInt8Storage" => Some(1),
        "torch.QUInt4x2Storage" | "torch.QUInt2x4Storage" => Some(1),
        "torch.QInt32Storage" => Some(4),
        "torch.ComplexFloatStorage" => Some(8),
        "torch.ComplexDoubleStorage" => Some(16),
        _ => None,
    }
}

/// Whether the elements lie in the storage in order (row-major), without gaps.
fn is_contiguous(shape: &[usize], stride: &[usize]) -> bool {
    let mut expected = 1;
    for (&size, &step) in shape.iter().zip(stride).rev() {
        if size != 1 && step != expected {
            return false;
        }
        expected *= size; // no overflow: the product of all sizes was checked
    }
    true
}

/// Copies element by element, last dimension fastest. All sizes are at least 1 and every element is
/// known to lie inside `storage`.
fn gather(
    storage: &[u8],
    element: usize,
    start: usize,
    shape: &[usize],
    stride: &[usize],
    n_bytes: usize,
) -> Vec<u8> {
    let mut data = Vec::with_capacity(n_bytes);
    let mut index = vec![0; shape.len()];
    let mut at = start;
    while data.len() < n_bytes {
        data.extend_from_slice(&storage[at * element..(at + 1) * element]);
        for dimension in (0..shape.len()).rev() {
            if index[dimension] + 1 < shape[dimension] {
                index[dimension] += 1;
                at += stride[dimension];
                break;
            }
            at -= index[dimension] * stride[dimension];
            index[dimension] = 0;
        }
    }
    data
}

/// A bound on the bytes that are unpacked or copied from a file, so that a small file cannot fill memory.
#[derive(Debug)]
pub(super) struct Budget {
    /// Bytes that may still be spent.
    left: usize,
    /// Bytes that could be spent at first.
    limit: usize,
}

impl Budget {
    /// Returns the budget of a file of `length` bytes: 16 times as many, and 16 MiB more for small files whose
    /// tensors are expanded views (stride 0). Both are chosen.
    pub(super) fn for_file(length: usize) -> Budget {
        let limit = length.saturating_mul(16).saturating_add(16 << 20);
        Budget { left: limit, limit }
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Takes `bytes` off; an error that names `what` where fewer are left.
    pub(super) fn spend(
        &mut self,
        bytes: usize,
        what: impl FnOnce() -> String,
    ) -> Result<(), Problem> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Problem::TooLarge {
                what: what(),
                limit: self.limit,
            }),
        }
    }
}
