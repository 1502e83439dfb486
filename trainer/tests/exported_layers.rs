//! Tests which layers are chosen by default for explanations (`mid1` to `final`), and which layer is found as the
//! head, in networks that PyTorch exported with random weights (`.pt2` files). `tests/python/export_layers.py` makes
//! the files. Also bounds the memory that reading them takes.
//!
//! `GUIDANCE_TORCH_PYTHON` is a Python interpreter with the packages of
//! `tests/python/torch-requirements.txt`; `cargo xtask test` installs one. Without it the tests are skipped.
#![allow(clippy::unwrap_used)]

#[path = "../../tests/src/peak.rs"]
mod peak;

use std::path::Path;
use std::process::Command;

use peak::Peak;
use trainer::network::graph::layers::find::AxisOrder::{ChannelsFirst, ChannelsLast};
use trainer::network::graph::layers::find::{AxisOrder, Layers};
use trainer::network::graph::layers::head::head;
use trainer::network::graph::program::Graph;
use trainer::weights::exported::archive::Mapped;
use trainer::weights::exported::lower::lower;
use trainer::weights::exported::read::read;

#[global_allocator]
static MEMORY: Peak = Peak;

/// The most bytes that reading a network may allocate; chosen. Weights are often larger, but must not be copied.
const MEMORY_LIMIT: usize = 24 << 20;

/// Name, head and default layers of a network. A name with "core" is exported as PyTorch's core operators.
type Network = (&'static str, &'static str, &'static [Layer]);
/// A layer's name, the module whose output it is, the order of its axes, [rows, columns] and channels.
type Layer = (&'static str, &'static str, AxisOrder, [i64; 2], i64);

/// Tokens (N, T, C) of which the first is a class token.
const BEHIND: AxisOrder = AxisOrder::Tokens { before: 1 };

/// Reads a file and compares head and default layers with those expected.
fn compare(path: &Path, (name, expected_head, expected): &Network) {
    let file = Mapped::open(path).unwrap();
    let (graph, peak) = peak::of(|| {
        let exported = read(&file).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        lower(&exported.graph).unwrap_or_else(|problem| panic!("{name}: {problem}"))
    });
    assert!(peak < MEMORY_LIMIT, "{name}: {peak} bytes of memory");
    assert_eq!(Graph::from_json(&graph.to_json()).unwrap(), graph, "{name}");
    assert_eq!(head(&graph).unwrap().module, *expected_head, "{name}");
    let layers = Layers::of(&graph);
    let defaults = layers.defaults(|layer| layer.reaches_logits);
    let found = defaults.iter().map(|(role, layer)| {
        let module = layer.module.as_str();
        (*role, module, layer.order, layer.grid, layer.channels)
    });
    assert_eq!(found.collect::<Vec<_>>(), *expected, "{name}");
    for candidate in &layers.candidates {
        let found = layers.find(&candidate.module).unwrap();
        assert_eq!(found, candidate, "{name}");
    }
}

/// Exports networks of a Python package and compares each. Skips them if the package is not installed.
fn exported(package: &str, networks: &[Network]) {
    let Ok(python) = std::env::var("GUIDANCE_TORCH_PYTHON") else {
        println!("skipped: GUIDANCE_TORCH_PYTHON is not set");
        return;
    };
    let run = |arguments: &[&str]| {
        let output = Command::new(&python).args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.success(), said)
    };
    if !run(&["-c", &format!("import {package}")]).0 {
        let names: Vec<&str> = networks.iter().map(|(name, ..)| *name).collect();
        println!("skipped: without {package} no {}", names.join(", "));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/export_layers.py");
    let (script, out) = (script.to_str().unwrap(), folder.path().to_str().unwrap());
    let names = networks.iter().map(|(name, ..)| *name);
    let (is_done, said) = run(&[script, out].into_iter().chain(names).collect::<Vec<_>>());
    assert!(is_done, "{said}");
    for network in networks {
        compare(&folder.path().join(format!("{}.pt2", network.0)), network);
    }
}

/// The check that runs all other tests skips these by this module's name, as they need large Python packages; a
/// check of their own runs them (`PACKAGES`, `OF_PACKAGES` in xtask/src/develop/test/checks.rs).
mod real_networks {
    use super::{LITE, TIMM, TORCHVISION, exported};

    #[test]
    fn layers_of_torchvision() {
        exported("torchvision", TORCHVISION);
    }

    #[test]
    fn layers_of_timm() {
        exported("timm", TIMM);
    }

    /// In this package paddings are modules, and one activation is called at the beginning and at the end.
    #[test]
    fn layers_of_a_package_of_its_own() {
        exported("efficientnet_lite_pytorch", LITE);
    }
}

#[rustfmt::skip]
const TORCHVISION: &[Network] = &[
    ("torchvision.resnet18", "fc", &[
        ("mid1", "layer1", ChannelsFirst, [16, 16], 64),
        ("mid2", "layer2", ChannelsFirst, [8, 8], 128),
        ("mid3", "layer3", ChannelsFirst, [4, 4], 256),
        ("final", "layer4", ChannelsFirst, [2, 2], 512),
    ]),
    ("torchvision.densenet121", "classifier", &[
        ("mid1", "features.denseblock1", ChannelsFirst, [16, 16], 256),
        ("mid2", "features.denseblock2", ChannelsFirst, [8, 8], 512),
        ("mid3", "features.denseblock3", ChannelsFirst, [4, 4], 1024),
        ("final", "features", ChannelsFirst, [2, 2], 1024),
    ]),
    ("torchvision.googlenet", "fc", &[
        ("mid1", "conv3", ChannelsFirst, [16, 16], 192),
        ("mid2", "inception3b", ChannelsFirst, [8, 8], 480),
        ("mid3", "inception4e", ChannelsFirst, [4, 4], 832),
        ("final", "inception5b", ChannelsFirst, [2, 2], 1024),
    ]),
    ("torchvision.regnet_y_400mf", "fc", &[
        ("mid1", "trunk_output.block1", ChannelsFirst, [16, 16], 48),
        ("mid2", "trunk_output.block2", ChannelsFirst, [8, 8], 104),
        ("mid3", "trunk_output.block3", ChannelsFirst, [4, 4], 208),
        ("final", "trunk_output", ChannelsFirst, [2, 2], 440),
    ]),
    ("torchvision.mobilenet_v2", "classifier.1", &[
        ("mid1", "features.3", ChannelsFirst, [16, 16], 24),
        ("mid2", "features.6", ChannelsFirst, [8, 8], 32),
        ("mid3", "features.13", ChannelsFirst, [4, 4], 96),
        ("final", "features", ChannelsFirst, [2, 2], 1280),
    ]),
    ("torchvision.mobilenet_v3_small", "classifier.3", &[
        ("mid1", "features.1", ChannelsFirst, [16, 16], 16),
        ("mid2", "features.3", ChannelsFirst, [8, 8], 24),
        ("mid3", "features.8", ChannelsFirst, [4, 4], 48),
        ("final", "features", ChannelsFirst, [2, 2], 576),
    ]),
    ("torchvision.efficientnet_b0", "classifier.1", &[
        ("mid1", "features.2", ChannelsFirst, [16, 16], 24),
        ("mid2", "features.3", ChannelsFirst, [8, 8], 40),
        ("mid3", "features.5", ChannelsFirst, [4, 4], 112),
        ("final", "features", ChannelsFirst, [2, 2], 1280),
    ]),
    ("torchvision.squeezenet1_1", "classifier.1", &[
        ("mid1", "features.1", ChannelsFirst, [31, 31], 64),
        ("mid2", "features.4", ChannelsFirst, [15, 15], 128),
        ("mid3", "features.7", ChannelsFirst, [7, 7], 256),
        ("final", "features", ChannelsFirst, [3, 3], 512),
    ]),
    ("torchvision.shufflenet_v2_x0_5", "fc", &[
        ("mid1", "maxpool", ChannelsFirst, [16, 16], 24),
        ("mid2", "stage2", ChannelsFirst, [8, 8], 48),
        ("mid3", "stage3", ChannelsFirst, [4, 4], 96),
        ("final", "conv5", ChannelsFirst, [2, 2], 1024),
    ]),
    ("torchvision.swin_t", "head", &[
        ("mid1", "features.1.0", ChannelsLast, [56, 56], 96),
        ("mid2", "features.3.0", ChannelsLast, [28, 28], 192),
        ("mid3", "features.5.4", ChannelsLast, [14, 14], 384),
        ("final", "norm", ChannelsLast, [7, 7], 768),
    ]),
    ("torchvision.vit", "heads.head", &[
        ("mid1", "encoder.layers.encoder_layer_2", BEHIND, [4, 4], 192),
        ("mid2", "encoder.layers.encoder_layer_5", BEHIND, [4, 4], 192),
        ("mid3", "encoder.layers.encoder_layer_8", BEHIND, [4, 4], 192),
        ("final", "encoder.layers.encoder_layer_9", BEHIND, [4, 4], 192),
    ]),
    ("core torchvision.resnet18", "fc", &[
        ("mid1", "layer1", ChannelsFirst, [16, 16], 64),
        ("mid2", "layer2", ChannelsFirst, [8, 8], 128),
        ("mid3", "layer3", ChannelsFirst, [4, 4], 256),
        ("final", "layer4", ChannelsFirst, [2, 2], 512),
    ]),
];

#[rustfmt::skip]
const TIMM: &[Network] = &[
    ("timm.efficientnet_lite0", "classifier", &[
        ("mid1", "blocks.1", ChannelsFirst, [16, 16], 24),
        ("mid2", "blocks.2", ChannelsFirst, [8, 8], 40),
        ("mid3", "blocks.4", ChannelsFirst, [4, 4], 112),
        ("final", "bn2", ChannelsFirst, [2, 2], 1280),
    ]),
    ("timm.convnextv2_atto", "head.fc", &[
        ("mid1", "stages.1.downsample.0", ChannelsFirst, [16, 24], 40),
        ("mid2", "stages.2.downsample.0", ChannelsFirst, [8, 12], 80),
        ("mid3", "stages.3.downsample.0", ChannelsFirst, [4, 6], 160),
        ("final", "stages", ChannelsFirst, [2, 3], 320),
    ]),
    ("timm.mobilevit_xxs", "head.fc", &[
        ("mid1", "stages.1", ChannelsFirst, [16, 16], 24),
        ("mid2", "stages.2", ChannelsFirst, [8, 8], 48),
        ("mid3", "stages.3", ChannelsFirst, [4, 4], 64),
        ("final", "final_conv", ChannelsFirst, [2, 2], 320),
    ]),
    ("timm.repvgg_a0", "head.fc", &[
        ("mid1", "stages.0", ChannelsFirst, [16, 16], 48),
        ("mid2", "stages.1", ChannelsFirst, [8, 8], 96),
        ("mid3", "stages.2", ChannelsFirst, [4, 4], 192),
        ("final", "stages", ChannelsFirst, [2, 2], 1280),
    ]),
    ("timm.deit_tiny_patch16_224", "head", &[
        ("mid1", "blocks.2", BEHIND, [4, 4], 192),
        ("mid2", "blocks.5", BEHIND, [4, 4], 192),
        ("mid3", "blocks.8", BEHIND, [4, 4], 192),
        ("final", "blocks.9", BEHIND, [4, 4], 192),
    ]),
    ("core timm.deit_tiny_patch16_224", "head", &[
        ("mid1", "blocks.2", BEHIND, [4, 4], 192),
        ("mid2", "blocks.5", BEHIND, [4, 4], 192),
        ("mid3", "blocks.8", BEHIND, [4, 4], 192),
        ("final", "blocks.10", BEHIND, [4, 4], 192),
    ]),
];

#[rustfmt::skip]
const LITE: &[Network] = &[
    ("efficientnet_lite_pytorch.efficientnet-lite0", "_fc", &[
        ("mid1", "_blocks.2", ChannelsFirst, [32, 32], 24),
        ("mid2", "_blocks.4", ChannelsFirst, [16, 16], 40),
        ("mid3", "_blocks.10", ChannelsFirst, [8, 8], 112),
        ("final", "_swish@1", ChannelsFirst, [4, 4], 1280),
    ]),
];
