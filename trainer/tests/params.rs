//! Tests `Params`, the store of a network's tensors: restoring its buffers (running statistics), and naming
//! the parameter in which a gradient is non-finite.
#![allow(clippy::unwrap_used)]

use tch::{Device, Kind, Tensor};
use trainer::guide::objective;
use trainer::network::Model;

/// Returns a ResNet-18 for three classes.
fn model() -> Model {
    Model::new("resnet18".parse().unwrap(), 3, 0, Device::Cpu, Kind::Float).unwrap()
}

/// A batch of NaN makes the running statistics NaN in the forward pass, before its loss is known; restoring
/// the copy must undo that.
#[test]
fn buffers_are_set_back() {
    let model = model();
    let targets = Tensor::zeros([2, 3], (Kind::Float, Device::Cpu));
    let pass = |value: f64| {
        let input = Tensor::full([2, 3, 32, 32], value, (Kind::Float, Device::Cpu));
        objective::plain(&model, &input, &targets).unwrap();
    };
    let are_finite = || {
        let entries = model.params.entries().iter();
        let sums = entries.map(|param| param.tensor.sum(None).double_value(&[]));
        sums.filter(|sum| !sum.is_finite()).count() == 0
    };
    pass(0.5);
    let before = model.params.copy_buffers().unwrap();
    pass(f64::NAN);
    assert!(!are_finite());
    model.params.restore_buffers(&before).unwrap();
    assert!(are_finite());
    assert_eq!(model.params.copy_buffers().unwrap(), before);
}

/// `first_non_finite` finds the parameter's name by the position of the first non-finite number in the flat
/// gradient, in which the parameters follow one another.
#[test]
fn the_parameter_of_a_non_finite_gradient_is_named() {
    let params = model().params;
    let sizes = params.trained();
    let sizes: Vec<i64> = sizes.iter().map(|tensor| tensor.numel() as i64).collect();
    let gradient = Tensor::zeros([sizes.iter().sum()], (Kind::Float, Device::Cpu));
    assert_eq!(params.first_non_finite(&gradient).unwrap(), None);
    // conv1.weight, bn1.weight and bn1.bias come before.
    let end: i64 = sizes[..3].iter().sum();
    for (at, name) in [
        (end, "layer1.0.conv1.weight"),
        (end - 1, "bn1.bias"),
        (0, "conv1.weight"),
    ] {
        let _ = gradient.get(at).fill_(f64::INFINITY);
        assert_eq!(params.first_non_finite(&gradient).unwrap(), Some(name));
    }
}
