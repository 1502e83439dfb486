//! Reads the tensors of a `.pt2` file (a network with its weights) as views of its bytes: which elements of which
//! storage each tensor is. Each view is checked against the storage's length.
//!
//! Tensors that share a storage share its bytes here too. Only `View::contiguous` copies.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::network::graph::check::MAX_AXES;
use crate::network::graph::problem::{Problem, quote};
use crate::network::graph::program::Dtype;
use crate::weights::exported::archive::Archive;
use crate::weights::exported::schema::{Extent, PayloadConfig, PayloadMeta, TensorMeta, parse};

/// All tensors together may hold this many times the bytes of the file, and [`SPARE`] more (both are chosen):
/// tensors may share bytes, but no small file may describe a huge network.
const MAX_RATIO: usize = 16;
/// Bytes that the tensors of any file may hold: 16 MiB.
const SPARE: usize = 16 << 20;

/// A tensor: the elements at `offset` + Σ index · `stride` of a storage.
#[derive(Clone, Debug, PartialEq)]
pub struct View<'a> {
    /// The type of the elements.
    pub dtype: Dtype,
    /// The size of each axis.
    pub size: Vec<i64>,
    /// The distance, in elements, of two neighbours along each axis.
    pub stride: Vec<i64>,
    /// The index of the first element in the storage.
    pub offset: i64,
    /// The bytes of the storage, little-endian.
    pub storage: &'a [u8],
}

impl<'a> View<'a> {
    /// The number of elements.
    pub fn n_elements(&self) -> usize {
        self.size.iter().map(|&size| size as usize).product()
    }

    /// The bytes of all elements, row-major; copied only if they are not in this order in the file.
    pub fn contiguous(&self) -> Cow<'a, [u8]> {
        let n_bytes = self.dtype.n_bytes();
        let n_elements = self.n_elements();
        if n_elements == 0 {
            return Cow::Borrowed(&[]);
        }
        let mut step = 1;
        let in_order = self
            .size
            .iter()
            .zip(&self.stride)
            .rev()
            .all(|(&size, &stride)| {
                let fits = size == 1 || stride == step;
                step *= size;
                fits
            });
        let start = self.offset as usize * n_bytes;
        if in_order {
            return Cow::Borrowed(&self.storage[start..start + n_elements * n_bytes]);
        }
        let mut bytes = Vec::with_capacity(n_elements * n_bytes);
        let mut index = vec![0; self.size.len()];
        for _ in 0..n_elements {
            let steps = index.iter().zip(&self.stride).map(|(i, stride)| i * stride);
            let at = (self.offset + steps.sum::<i64>()) as usize * n_bytes;
            bytes.extend_from_slice(&self.storage[at..at + n_bytes]);
            for (i, size) in index.iter_mut().zip(&self.size).rev() {
                *i += 1;
                if *i < *size {
                    break;
                }
                *i = 0;
            }
        }
        Cow::Owned(bytes)
    }
}

/// A tensor of the file.
pub(crate) struct Payload<'a> {
    /// Its elements.
    pub(crate) view: View<'a>,
    /// Whether it is a parameter, and not a buffer or constant.
    pub(crate) is_parameter: bool,
    /// The name of the archive's entry that is its storage.
    pub(crate) entry: String,
}

/// Reads the tensors in `folder` by their names. Their list is the first of the entries `configs` that the archive
/// has. `left` is the number of bytes that tensors may still hold; theirs are subtracted from it.
pub(crate) fn read<'a>(
    archive: &Archive<'a>,
    folder: &str,
    configs: &[String],
    left: &mut usize,
) -> Result<BTreeMap<String, Payload<'a>>, Problem> {
    let config = configs.iter().find(|name| archive.has(name));
    let config = config.unwrap_or(&configs[0]);
    let json = archive.entry(config)?;
    let listed: PayloadConfig = parse(config, json, "the list of a network's tensors")?;

    let mut storages: BTreeMap<String, &[u8]> = BTreeMap::new();
    let mut payloads = BTreeMap::new();
    for (name, meta) in listed.config.0 {
        if meta.use_pickle {
            return Err(Problem::Tensor {
                name: quote(&name),
                found: "it in a pickle, as tensors of another class and objects are saved".into(),
                expected: "an ordinary tensor".into(),
            });
        }
        let entry = format!("{folder}{}", meta.path_name);
        let storage = match storages.get(&entry) {
            Some(storage) => *storage,
            None => {
                let bytes = archive.entry(&entry)?;
                storages.insert(entry.clone(), bytes);
                bytes
            }
        };
        let view = view(&name, &meta, storage)?;
        let n_bytes = view.n_elements() * view.dtype.n_bytes();
        *left = left.checked_sub(n_bytes).ok_or_else(|| Problem::Tensor {
            name: quote(&name),
            found: format!("{n_bytes} bytes, which the tensors before it leave no room for"),
            expected: format!("all tensors within {MAX_RATIO} times the file's size"),
        })?;
        let is_parameter = meta.is_param;
        let payload = Payload {
            view,
            is_parameter,
            entry,
        };
        payloads.insert(name, payload);
    }
    Ok(payloads)
}

/// The bytes that the tensors of a file of this length may hold together.
pub(crate) fn budget(file_length: usize) -> usize {
    file_length.saturating_mul(MAX_RATIO).saturating_add(SPARE)
}

/// Makes the view that `meta` describes and checks that it lies in the storage.
fn view<'a>(name: &str, meta: &PayloadMeta, storage: &'a [u8]) -> Result<View<'a>, Problem> {
    let fail = |found: String, expected: &str| Problem::Tensor {
        name: quote(name),
        found,
        expected: expected.into(),
    };
    let meta = meta
        .tensor_meta
        .as_ref()
        .ok_or_else(|| fail("no type and size".into(), "both"))?;
    let dtype = dtype(meta).map_err(|found| fail(found, "integers or floating-point numbers"))?;
    let known = |extents: &[Extent]| -> Option<Vec<i64>> { extents.iter().map(number).collect() };
    let (size, stride, offset) = (
        known(&meta.sizes),
        known(&meta.strides),
        number(&meta.storage_offset),
    );
    let (Some(size), Some(stride), Some(offset)) = (size, stride, offset) else {
        let found = "a size, stride or offset that is unknown or negative";
        return Err(fail(found.into(), "numbers"));
    };
    if size.len() != stride.len() || size.len() > MAX_AXES {
        return Err(fail(
            format!("{} sizes and {} strides", size.len(), stride.len()),
            "as many of both, 16 at most",
        ));
    }
    // The index of the last element: `Some(None)` if the tensor is empty, `None` if it overflows.
    let last = match size.contains(&0) {
        true => Some(None),
        false => size
            .iter()
            .zip(&stride)
            .try_fold(offset, |last, (&size, &stride)| {
                last.checked_add((size - 1).checked_mul(stride)?)
            })
            .map(Some),
    };
    let n_elements = size.iter().try_fold(1usize, |n, &size| {
        n.checked_mul(usize::try_from(size).ok()?)
    });
    let n_stored = storage.len() / dtype.n_bytes();
    let fits = match last {
        Some(Some(last)) => usize::try_from(last).is_ok_and(|last| last < n_stored),
        Some(None) => true,
        None => false,
    };
    let n_bytes = n_elements.and_then(|n| n.checked_mul(dtype.n_bytes()));
    if !fits || n_bytes.is_none() {
        return Err(fail(
            format!("size {size:?}, strides {stride:?}, offset {offset}"),
            &format!("no more than the {n_stored} elements of its storage"),
        ));
    }
    Ok(View {
        dtype,
        size,
        stride,
        offset,
        storage,
    })
}

/// Returns a size that is a number and not negative; `None` for an expression or a negative one.
fn number(extent: &Extent) -> Option<i64> {
    match extent {
        Extent::AsInt(number) if *number >= 0 => Some(*number),
        _ => None,
    }
}

/// Returns the type of a tensor's elements; the error names a type that is not supported.
pub(crate) fn dtype(meta: &TensorMeta) -> Result<Dtype, String> {
    scalar_type(meta.dtype).ok_or_else(|| match meta.dtype {
        9..=11 => "complex numbers".into(),
        28 => "elements of uint16".into(),
        29..=32 => "numbers of 8 bits".into(),
        other => format!("elements of type {other}"),
    })
}

/// Returns the type with this number in the export schema (`ScalarType` there); `None` if it is not supported.
pub(crate) fn scalar_type(number: i64) -> Option<Dtype> {
    Some(match number {
        1 => Dtype::Uint8,
        2 => Dtype::Int8,
        3 => Dtype::Int16,
        4 => Dtype::Int32,
        5 => Dtype::Int64,
        6 => Dtype::Float16,
        7 => Dtype::Float32,
        8 => Dtype::Float64,
        12 => Dtype::Bool,
        13 => Dtype::Bfloat16,
        _ => return None,
    })
}
