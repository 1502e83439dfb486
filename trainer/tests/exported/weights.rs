//! Tests `trainer import` of weights for a network that was itself imported from a file.

use std::path::Path;

use tch::{Device, Kind, Tensor};
use trainer::weights::checkpoint::{self, Metadata};
use trainer::weights::import::{Fit, Request, import};
use trainer::weights::network::{NetworkOptions, open, write};
use trainer::weights::{bcosify, described};

/// A network's head may have few inputs; its weights are then refused only if they have fewer still, as a small file
/// could have many classes of them.
#[test]
fn weights_for_a_network_from_a_file_are_imported_however_small_its_head_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let file = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = file.join("tests/fixtures/exported/blocks.pt2");
    let network = open(&file, &NetworkOptions::default()).unwrap();
    write(&network, None, &at("net.safetensors")).unwrap();
    let backbone = described::named_or_file(at("net.safetensors").to_str().unwrap()).unwrap();
    let inputs = network.description.head_inputs;
    // Its head has 5 classes; here it has the classes and inputs of `size`.
    let save = |size: [i64; 2], metadata: &Metadata| {
        let tensors = network.tensors.iter().map(|(name, tensor)| {
            let ones = |size: &[i64]| Tensor::ones(size, (Kind::Float, Device::Cpu));
            let tensor = match name.as_str() {
                "head.weight" => ones(&size),
                "head.bias" => ones(&size[..1]),
                _ => tensor.shallow_clone(),
            };
            (name.clone(), tensor)
        });
        let tensors: Vec<(String, Tensor)> = tensors.collect();
        checkpoint::save(&at("w.safetensors"), &tensors, metadata).unwrap();
    };
    let imported = |size| {
        save(size, &Metadata::new());
        let request = Request {
            backbone,
            network_file: None,
            fit: Fit::Strict,
            entry: None,
            prefix: None,
            sha256: None,
            license: None,
        };
        let made = import(&at("w.safetensors"), &request, &at("out.safetensors"));
        made.map(|made| made.n_classes)
            .map_err(|error| error.to_string())
    };
    assert_eq!(imported([7, inputs]), Ok(Some(7)));
    for (size, expected) in [
        ([100_000, 1], "head.weight [100000, 1] instead of [1000, "),
        ([200_000, inputs], "head.weight [200000, "),
    ] {
        let error = imported(size).unwrap_err();
        assert!(error.contains(expected), "{error}");
        // As a file that says which network it is of, it is refused, too.
        save(size, &described::metadata(backbone));
        let error = bcosify::bcosify(&at("w.safetensors"), &at("bcos.safetensors")).unwrap_err();
        let expected = format!("head.weight: found {size:?}, expected the head's weights");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}
