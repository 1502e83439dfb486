//! Tests `Pass::opaque`, by which a network uses an operation without a hand-written vjp (vector-Jacobian
//! product: the operation's step of the backward pass), as libtorch differentiates it. First and second derivatives
//! must be right in float64, for single operations and for a whole network. Also tests that operations in place
//! only change tensors that nobody else holds.
#![allow(clippy::unwrap_used)]

mod support;

use data_prep::geometry::Grid;
use support::{masks, recipe_input, recipe_model, relative, scalar, uniform};
use tch::{Device, Kind, TchError, Tensor};
use trainer::explain::attribution::{Attribution, Explainable};
use trainer::explain::gradients::Order;
use trainer::explain::methods::gradcam::GRADCAM;
use trainer::explain::methods::ixg::IXG;
use trainer::guide::loss::Loss;
use trainer::guide::losses::energy::ENERGY;
use trainer::guide::objective::{self, LocalizationTerm, MaskTargets, Terms};
use trainer::names::{Layer, Precision};
use trainer::network::params::{Init, Params};
use trainer::network::pass::{Pass, Value, Window};
use trainer::network::{Architecture, Encoding, MemoryFormat, Mode, Model, Network};
use trainer::train::adam::{Adam, WeightDecay};

/// A 3×3 convolution that keeps the size.
const WINDOW: Window = Window {
    stride: 1,
    padding: [1, 1],
    groups: 1,
};

/// Returns pseudorandom numbers in −1 to 1 that depend on `name` alone.
fn signed(name: &str, shape: &[i64]) -> Tensor {
    uniform(name, shape) * 2.0 - 1.0
}

/// Returns a pass that records operations, so that it can be walked back.
fn recording() -> Pass {
    Pass::recording(Mode::Train, Precision::F32)
}

/// The convolution of [`WINDOW`], by libtorch.
fn convolved(x: &Tensor, weight: &Tensor) -> Result<Tensor, TchError> {
    let none: Option<Tensor> = None;
    x.f_conv2d(weight, none.as_ref(), [1, 1], [1, 1], [1, 1], 1)
}

/// The inputs of the small networks below; all require gradients.
struct Given {
    /// Images.
    x: Tensor,
    /// Weights of the first convolution.
    first: Tensor,
    /// Weights of the second.
    second: Tensor,
    /// The gradient at the output, with which the backward pass begins.
    cotangent: Tensor,
}

impl Given {
    fn new() -> Self {
        let leaf = |name, shape: &[i64]| signed(name, shape).set_requires_grad(true);
        Given {
            x: leaf("x", &[2, 3, 5, 4]),
            first: leaf("first", &[4, 3, 3, 3]),
            second: leaf("second", &[4, 4, 3, 3]),
            cotangent: leaf("cotangent", &[2, 4]),
        }
    }

    fn all(&self) -> Vec<Tensor> {
        let all = [&self.x, &self.first, &self.second, &self.cotangent];
        all.map(Tensor::shallow_clone).into()
    }
}

/// A small network: computes its output from the recorded input.
type Net = fn(&Given, &Pass, &Value) -> Value;

/// Returns a network's output, and the gradient at its input.
fn gradient(net: Net, given: &Given) -> (Tensor, Tensor) {
    let pass = recording();
    let x = pass.input(&given.x);
    let out = net(given, &pass, &x);
    let gradient = pass.vjp(&out, &given.cotangent, &x).unwrap();
    (out.tensor().shallow_clone(), gradient)
}

/// Two convolutions with a ReLU in between, by operations with a hand-written vjp.
fn written(given: &Given, pass: &Pass, x: &Value) -> Value {
    let inner = pass
        .relu(pass.conv(x, &given.first, WINDOW).unwrap())
        .unwrap();
    let outer = pass.conv(&inner, &given.second, WINDOW).unwrap();
    let sum = pass.add(outer, &inner).unwrap();
    pass.global_average_pool(&sum).unwrap()
}

/// The same network by `Pass::opaque` alone.
fn opaque(given: &Given, pass: &Pass, x: &Value) -> Value {
    let first = |x: &[Tensor]| convolved(&x[0], &given.first)?.f_relu();
    let inner = pass.opaque(&[x], first).unwrap();
    let second = |x: &[Tensor]| convolved(&x[0], &given.second)?.f_add(&x[0]);
    let sum = pass.opaque(&[&inner], second).unwrap();
    let pool = |x: &[Tensor]| x[0].f_mean_dim([2i64, 3].as_slice(), false, None);
    pass.opaque(&[&sum], pool).unwrap()
}

/// A smooth network by `Pass::opaque` alone; its last operation has several inputs that depend on each other,
/// and one that it does not use, whose gradient is 0.
fn smooth(given: &Given, pass: &Pass, x: &Value) -> Value {
    let first = |x: &[Tensor]| convolved(&x[0], &given.first)?.f_gelu("none");
    let inner = pass.opaque(&[x], first).unwrap();
    let second = |x: &[Tensor]| convolved(&x[0], &given.second)?.f_tanh();
    let outer = pass.opaque(&[&inner], second).unwrap();
    let joined = |x: &[Tensor]| {
        let weight = x[0].f_mean_dim([1i64, 2, 3].as_slice(), true, None)?;
        x[2].f_mul(&x[1])?
            .f_mul(&weight)?
            .f_mean_dim([2i64, 3].as_slice(), false, None)
    };
    let unused = pass.input(&given.second);
    pass.opaque(&[x, &inner, &outer, &unused], joined).unwrap()
}

/// Returns the derivatives of Σ probe · (gradient at the input) with respect to all of `given`.
fn second_derivatives(net: Net, given: &Given) -> Vec<Tensor> {
    let (_, gradient) = gradient(net, given);
    let probe = signed("probe", &gradient.size());
    let sum = (gradient * probe).sum(None);
    let found = Tensor::run_backward(&[&sum], &given.all(), false, false);
    found
        .into_iter()
        .zip(given.all())
        .map(|(found, at)| {
            if found.defined() {
                found
            } else {
                at.zeros_like()
            }
        })
        .collect()
}

/// Outputs, gradients at the input and second derivatives are those of the same network with hand-written vjps.
#[test]
fn it_is_what_a_written_vjp_is() {
    let given = Given::new();
    let ((out, first), (expected_out, expected)) =
        (gradient(opaque, &given), gradient(written, &given));
    assert!(relative(&out, &expected_out) < 1e-14);
    assert!(relative(&first, &expected) < 1e-14);
    let second = second_derivatives(opaque, &given);
    for (found, expected) in second.iter().zip(second_derivatives(written, &given)) {
        assert!(relative(found, &expected) < 1e-12);
    }
}

/// The gradient at the input is the one that libtorch's own backward pass gives.
#[test]
fn its_gradient_is_libtorchs() {
    for net in [written as Net, opaque, smooth] {
        let given = Given::new();
        let pass = Pass::forward(Mode::Train, Precision::F32);
        let out = net(&given, &pass, &pass.input(&given.x));
        let sum = (out.tensor() * &given.cotangent).sum(None);
        let expected = Tensor::run_backward(&[&sum], &[&given.x], false, false).remove(0);
        assert!(relative(&gradient(net, &given).1, &expected) < 1e-13);
    }
}

/// For each input, the derivative along a random direction against a central difference.
#[test]
fn its_second_derivatives_are_numeric_differences() {
    const STEP: f64 = 1e-6;
    let given = Given::new();
    let probe = signed("probe", &given.x.size());
    let value = || scalar(&(gradient(smooth, &given).1 * &probe).sum(None));
    for (index, (found, at)) in second_derivatives(smooth, &given)
        .iter()
        .zip(given.all())
        .enumerate()
    {
        let direction = signed("direction", &at.size());
        let start = at.detach().copy();
        let moved = |step: f64| {
            tch::no_grad(|| at.shallow_clone().copy_(&(&start + &direction * step)));
            value()
        };
        let numeric = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        moved(0.0);
        let analytic = scalar(&(found * &direction).sum(None));
        assert!(
            (analytic - numeric).abs() < 1e-7 * numeric.abs().max(1e-2),
            "{index}: {analytic:e} analytic, {numeric:e} numeric"
        );
        assert!(numeric.abs() > 1e-4, "{index}: {numeric:e}");
    }
}

/// Under `no_grad` the recorded pass can be walked back twice, and its results are in no graph of libtorch.
#[test]
fn without_gradients_it_can_be_walked_back_again_and_again() {
    let given = Given::new();
    for net in [opaque as Net, smooth] {
        let (_, expected) = gradient(net, &given);
        tch::no_grad(|| {
            let pass = recording();
            let x = pass.input(&given.x);
            let out = net(&given, &pass, &x);
            assert!(!out.tensor().requires_grad());
            for factor in [1.0, -2.5] {
                let found = pass.vjp(&out, &(&given.cotangent * factor), &x).unwrap();
                assert!(!found.requires_grad());
                assert!(relative(&found, &(&expected * factor)) < 1e-14);
            }
        });
    }
}

/// `relu` and `add` write into their argument's memory (same address) only when nothing else needs it.
#[test]
fn what_is_held_is_not_changed_in_place() {
    let given = Given::new();
    for pass in [recording(), Pass::forward(Mode::Eval, Precision::F32)] {
        tch::no_grad(|| {
            let x = pass.input(&given.x);
            let conv = || pass.conv(&x, &given.first, WINDOW).unwrap();
            let address = |value: &Value| value.tensor().data_ptr();
            // Nobody else holds it.
            let value = conv();
            let (before, expected) = (address(&value), value.tensor().relu());
            let value = pass.relu(value).unwrap();
            assert_eq!(address(&value), before);
            assert_eq!(value.tensor(), &expected);
            // ReLU's vjp would need its output, so no pass writes over it, not even one that records nothing.
            let sum = pass.add(value.share(), &conv()).unwrap();
            assert_ne!(address(&sum), before);
            assert_eq!(value.tensor(), &expected);
            let sum = pass.add(value, &conv()).unwrap();
            assert_ne!(address(&sum), before);
            // Somebody else holds it.
            let (value, other) = (conv(), conv());
            let before = value.tensor().copy();
            let kept = value.share();
            let _ = pass.add(value, &other).unwrap();
            assert_eq!(kept.tensor(), &before);
            // It came from outside.
            let _ = pass.relu(pass.input(&given.x)).unwrap();
            assert!(scalar(&given.x.min()) < 0.0);
        });
    }
}

/// A network of 6 channels with a layer norm and GELU, in which nothing has a hand-written vjp.
struct Tiny {
    stem: Tensor,
    norm: Tensor,
    inner: Tensor,
    head: Tensor,
}

static TINY: Architecture = Architecture {
    name: "tiny",
    title: "Tiny",
    head: &["head"],
    encoding: Encoding::IMAGENET,
    has_batch_statistics: false,
    is_homogeneous: false,
    has_dynamic_weights: false,
    stem: None,
    is_bcosified: false,
    package_prefix: "",
    cpu_memory_format: MemoryFormat::Contiguous,
    gpu_memory_format: MemoryFormat::Contiguous,
    input: None,
    layers: Layer::ALL,
    description: None,
    build: &|p: &mut Params, n_classes| {
        let init = Init::UniformFanIn(27);
        Box::new(Tiny {
            stem: p.weight("stem.weight".to_owned(), &[6, 3, 4, 4], init),
            norm: p.weight("norm.weight".to_owned(), &[6], Init::Constant(1.0)),
            inner: p.weight("inner.weight".to_owned(), &[6, 6, 3, 3], init),
            head: p.weight("head".to_owned(), &[n_classes, 6], init),
        })
    },
};

impl Network for Tiny {
    fn stage(&self, stage: usize, x: &Value, pass: &Pass) -> Result<Value, TchError> {
        let none: Option<Tensor> = None;
        match stage {
            0 => pass.opaque(&[x], |x| {
                let x = x[0].f_conv2d(&self.stem, none.as_ref(), [4, 4], [0, 0], [1, 1], 1)?;
                x.f_permute([0, 2, 3, 1])?
                    .f_layer_norm(
                        [6i64].as_slice(),
                        Some(&self.norm),
                        none.as_ref(),
                        1e-6,
                        false,
                    )?
                    .f_permute([0, 3, 1, 2])
            }),
            2 => pass.opaque(&[x], |x| {
                convolved(&x[0], &self.inner)?.f_gelu("none")?.f_add(&x[0])
            }),
            4 => pass.opaque(&[x], |x| {
                let pooled = x[0].f_mean_dim([2i64, 3].as_slice(), false, None)?;
                pooled.f_matmul(&self.head.f_transpose(0, 1)?)
            }),
            _ => Ok(x.share()),
        }
    }
}

/// Computes the guided loss of two images.
fn guided(model: &Model, attribution: Attribution, layer: Layer) -> Terms {
    let input = recipe_input(model, 2, 32);
    let targets = Tensor::zeros([2, 3], (Kind::Double, input.device()));
    for (image, class) in [(0, 1), (1, 2)] {
        let _ = targets.get(image).get(class).fill_(1.0);
    }
    let boxes = [vec![[2, 3, 17, 20]], vec![[9, 9, 30, 26]]];
    let term = LocalizationTerm {
        attribution,
        layer,
        loss: Loss::new(ENERGY, &[]).unwrap(),
        lambda: 1.0,
    };
    let mask_targets = MaskTargets {
        pairs: vec![(0, 1), (1, 2)],
        annotated: vec![0, 1],
        masks: masks(&boxes, Grid::square(32)),
        areas: Vec::new(),
    };
    objective::guided(model, &input, &targets, &term, &mask_targets).unwrap()
}

/// The gradient of the localization loss along a random direction of all weights, against a central
/// difference.
#[test]
fn a_network_without_a_vjp_is_guided_by_its_true_gradient() {
    const STEP: f64 = 1e-6;
    for (attribution, layer) in [
        (IXG, Layer::Input),
        (IXG, Layer::Mid2),
        (GRADCAM, Layer::Mid1),
    ] {
        let model = recipe_model((&TINY).into(), 3, Kind::Double);
        let trained = model.params.trained();
        let loss = guided(&model, attribution, layer).localization.unwrap();
        let found = Tensor::run_backward(&[&loss], &trained, false, false);
        let starts: Vec<Tensor> = trained.iter().map(|t| t.detach().copy()).collect();
        let directions: Vec<Tensor> = trained.iter().map(|t| signed("d", &t.size())).collect();
        let analytic: f64 = found
            .iter()
            .zip(&directions)
            .filter(|(found, _)| found.defined())
            .map(|(found, direction)| scalar(&(found * direction).sum(None)))
            .sum();
        let moved = |step: f64| {
            for ((at, start), direction) in trained.iter().zip(&starts).zip(&directions) {
                tch::no_grad(|| at.shallow_clone().copy_(&(start + direction * step)));
            }
            scalar(&guided(&model, attribution, layer).localization.unwrap())
        };
        let numeric = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        assert!(
            (analytic - numeric).abs() < 1e-6 * numeric.abs(),
            "{attribution} at {layer}: {analytic:e} analytic, {numeric:e} numeric"
        );
    }
}

/// Sixty steps of Adam on two images must halve the class loss and lower the localization loss by 30 %.
#[test]
fn a_network_without_a_vjp_learns_where_to_look() {
    let model = Model::new((&TINY).into(), 3, 0, Device::Cpu, Kind::Double).unwrap();
    let mut adam = Adam::new(model.params.trained(), WeightDecay::NONE).unwrap();
    let both = |terms: &Terms| [&terms.class, terms.localization.as_ref().unwrap()].map(scalar);
    let before = both(&guided(&model, IXG, Layer::Input));
    for _ in 0..60 {
        let loss = guided(&model, IXG, Layer::Input).total;
        adam.step(&loss, 0.02).unwrap();
    }
    let after = both(&guided(&model, IXG, Layer::Input));
    println!("{before:?} to {after:?}");
    assert!(
        after[0] < 0.5 * before[0] && after[1] < 0.7 * before[1],
        "{before:?} {after:?}"
    );

    // In evaluation mode, maps made without a graph for second derivatives are the same.
    let input = recipe_input(&model, 2, 32);
    let maps = |order| {
        let (method, layer) = (IXG, Layer::Input);
        let explainable = Explainable::new(&model, method, layer, &input, Mode::Eval, order);
        explainable.unwrap().maps(&[(0, 1), (1, 2)]).unwrap()
    };
    let (first, second) = (maps(Order::First), maps(Order::Second));
    assert!(relative(&first, &second) < 1e-14);
    assert!(!first.requires_grad() && second.requires_grad());
}
