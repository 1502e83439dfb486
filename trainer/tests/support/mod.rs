//! Helpers of the trainer's tests: networks and images filled by the recipe of
//! `tests/fixtures/golden/README.md`, masks, and comparisons of tensors. The recipe computes every weight from
//! its tensor's name, so that Python scripts can fill the same network. Fresh weights would not do: X-DNNs then
//! have convolutions of zeros, and all norms are alike.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::HashMap;
use std::path::PathBuf;

use data_prep::geometry::{Grid, GridBox, Mask};
use tch::{Device, Kind, Tensor};
use trainer::names::Precision;
use trainer::network::{Backbone, Model};
use trainer::random;
use trainer::weights::checkpoint_file::{self, Dtype, NamedTensor};

/// Returns the path of a file below tests/fixtures.
pub fn fixture(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/fixtures")
        .join(path)
}

/// Reads the tensors of a safetensors file below tests/fixtures. `checkpoint::load` would refuse some: the
/// official code's values are not all finite.
pub fn tensors(path: &str) -> HashMap<String, Tensor> {
    let named = checkpoint_file::read(&fixture(path), None).unwrap();
    let tensor = |named: NamedTensor| {
        let kind = match named.dtype {
            Dtype::F64 => Kind::Double,
            Dtype::F32 => Kind::Float,
            Dtype::I64 => Kind::Int64,
            Dtype::U8 => Kind::Uint8,
            Dtype::Bool => Kind::Bool,
            other => panic!("{path}: {}: {other:?}", named.name),
        };
        let size: Vec<i64> = named.shape.iter().map(|&size| size as i64).collect();
        let tensor = Tensor::from_data_size(&named.data, &size, kind);
        (named.name, tensor)
    };
    named.into_iter().map(tensor).collect()
}

/// Returns the device that networks are put on: `GUIDANCE_TEST_DEVICE`, e.g. `cuda`, else the CPU.
pub fn device() -> Device {
    let name = std::env::var("GUIDANCE_TEST_DEVICE");
    let device = trainer::machine::device::choose(name.as_deref().unwrap_or("cpu")).unwrap();
    trainer::machine::device::allow(Precision::F32, device).unwrap();
    device
}

/// Returns the number in a tensor of one element.
pub fn scalar(tensor: &Tensor) -> f64 {
    tensor.to_kind(Kind::Double).double_value(&[])
}

/// Returns the largest absolute difference, divided by the largest absolute expected value (at least 1e-12, so that
/// zeros can be expected).
pub fn relative(found: &Tensor, expected: &Tensor) -> f64 {
    let double = |t: &Tensor| t.to_device(Device::Cpu).to_kind(Kind::Double);
    let (found, expected) = (double(found), double(expected));
    let scale = expected.abs().max().double_value(&[]).max(1e-12);
    (found - expected).abs().max().double_value(&[]) / scale
}

/// Returns pseudorandom float64 numbers in [0, 1) that depend on `name` alone.
pub fn uniform(name: &str, shape: &[i64]) -> Tensor {
    let stream = random::fnv1a(name.as_bytes());
    let count = shape.iter().product::<i64>() as u64;
    let values: Vec<f64> = (0..count).map(|i| random::unit(stream, i)).collect();
    Tensor::from_slice(&values).view(shape)
}

/// Returns one mask for each list of boxes: (N, H, W), 1 in the union of the boxes, else 0. A box is [x1, y1,
/// x2, y2] in cells of the grid, without column x2 and row y2.
pub fn masks(boxes: &[Vec<[i32; 4]>], grid: Grid) -> Tensor {
    let cells: Vec<f64> = boxes
        .iter()
        .flat_map(|boxes| {
            mask(boxes, grid)
                .cells()
                .iter()
                .map(|&inside| f64::from(u8::from(inside)))
                .collect::<Vec<_>>()
        })
        .collect();
    let cells = Tensor::from_slice(&cells).to_device(device());
    cells.view([boxes.len() as i64, grid.height as i64, grid.width as i64])
}

/// Returns the union of boxes as a mask.
pub fn mask(boxes: &[[i32; 4]], grid: Grid) -> Mask {
    let boxes: Vec<GridBox> = boxes
        .iter()
        .map(|&[x1, y1, x2, y2]| GridBox { x1, y1, x2, y2 })
        .collect();
    Mask::from_boxes(&boxes, grid)
}

/// Returns the network of this name.
pub fn named(name: &str) -> Backbone {
    name.parse().unwrap()
}

/// Returns a network whose every tensor is filled from its name: scales of norms and running variances in
/// 0.5–1.5, biases and running means within ±0.1, other weights uniform within ±√(6 / fan-in).
pub fn recipe_model(backbone: Backbone, n_classes: usize, kind: Kind) -> Model {
    let model = Model::new(backbone, n_classes, 0, device(), kind).unwrap();
    for param in model.params.entries() {
        let size = param.tensor.size();
        let stream = random::fnv1a(param.name.as_bytes());
        let fan_in = size[1..].iter().product::<i64>() as f64;
        let is_scale = param.name.ends_with("running_var")
            || (param.name.ends_with("weight") && size.len() == 1);
        let is_shift = param.name.ends_with("running_mean") || param.name.ends_with("bias");
        let values: Vec<f64> = (0..param.tensor.numel() as u64)
            .map(|i| match random::unit(stream, i) {
                u if is_scale => 0.5 + u,
                u if is_shift => 0.1 * (2.0 * u - 1.0),
                u => (2.0 * u - 1.0) * (6.0 / fan_in).sqrt(),
            })
            .collect();
        tch::no_grad(|| {
            param
                .tensor
                .shallow_clone()
                .copy_(&Tensor::from_slice(&values).view(size.as_slice()))
        });
    }
    model
}

/// Sets the network's buffers (running statistics) to the tensors `buffers/<name>` of `values`, if there are any.
pub fn load_buffers(model: &Model, values: &HashMap<String, Tensor>) {
    for param in model.params.entries() {
        if let Some(recorded) = values.get(&format!("buffers/{}", param.name)) {
            tch::no_grad(|| param.tensor.shallow_clone().copy_(recorded));
        }
    }
}

/// Returns the recipe's `n` images of `size`×`size`, a sine pattern with noise, normalised as the network
/// expects: (n, channels, size, size).
pub fn recipe_input(model: &Model, n: u64, size: u64) -> Tensor {
    let stream = random::fnv1a(b"input");
    let plane = size * size;
    let values: Vec<f64> = (0..n * 3 * plane)
        .map(|index| {
            let (x, y) = (index % size, index / size % size);
            let (c, b) = (index / plane % 3, index / (3 * plane));
            let turns = ((b + 1) * x) as f64 / size as f64 + ((c + 2) * y) as f64 / size as f64;
            let pattern = 0.5 + 0.5 * (std::f64::consts::TAU * turns).sin();
            (0.3 * random::unit(stream, index) + 0.7 * pattern).clamp(0.0, 1.0)
        })
        .collect();
    let images = Tensor::from_slice(&values).view([n as i64, 3, size as i64, size as i64]);
    let input = model.backbone.encoding.encode(&images).unwrap();
    let input = input.to_kind(model.params.kind()).to_device(device());
    // In memory as decoded images are: height, width, channel.
    let input = input.permute([0, 2, 3, 1]).contiguous();
    model.in_memory_format(input.permute([0, 3, 1, 2])).unwrap()
}
