//! Tests what is done with a network that was itself imported from a file: weights are imported for it, and images
//! have the size that it was exported for.

use std::path::{Path, PathBuf};
use std::process::Command;

use tch::{Device, Kind, Tensor};
use trainer::weights::checkpoint::{self, Metadata};
use trainer::weights::import::{Fit, Request, import};
use trainer::weights::network::{NetworkOptions, open, write};
use trainer::weights::{bcosify, described};

use super::pictures;

/// The path of an exported network for images of 16×16 pixels.
fn blocks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/exported/blocks.pt2")
}

/// A network's head may have few inputs; its weights are then refused only if they have fewer still, as a small file
/// could have many classes of them.
#[test]
fn weights_for_a_network_from_a_file_are_imported_however_small_its_head_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let network = open(&blocks(), &NetworkOptions::default()).unwrap();
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

/// Without --size images have the size that the network was exported for; another one is refused, and so is a data
/// folder of another size.
#[test]
fn images_have_the_size_that_a_network_was_exported_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let weights = at("net.safetensors");
    let network = open(&blocks(), &NetworkOptions::default()).unwrap();
    write(&network, None, &weights).unwrap();
    let photo = Path::new(env!("CARGO_MANIFEST_DIR"));
    let photo = photo.join("../data-prep/tests/fixtures/pixels/rgb.png");
    fs_err::create_dir(at("photos")).unwrap();
    fs_err::copy(photo, at("photos/rgb.png")).unwrap();
    let run = |command: &mut Command| {
        let done = command.args(["--device", "cpu", "--weights"]).arg(&weights);
        let done = done.output().unwrap();
        (done.status.code(), String::from_utf8(done.stderr).unwrap())
    };
    let predict = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
        command.arg("predict").arg(at("photos"));
        command.arg("--out").arg(at("out"));
        run(command.args(options))
    };
    let (code, said) = predict(&["--size", "224"]);
    let expected = format!(
        "error: {}: --size: found 224, expected 16×16, for which blocks was exported",
        weights.display()
    );
    assert_eq!((code, said.trim_end()), (Some(2), expected.as_str()));
    assert!(!at("out").exists());
    for options in [&["--top", "1"][..], &["--top", "1", "--size", "16"]] {
        let (code, said) = predict(options);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("1 image(s), 1 map(s)"), "{said}");
    }

    let data = pictures::write(&at("data"), "scenes", &pictures::pictures("test", 4));
    let mut explain = Command::new(env!("CARGO_BIN_EXE_trainer"));
    explain.arg("explain").arg("--data").arg(&data);
    explain.arg("--maps").arg(at("maps.arrow"));
    let (code, said) = run(&mut explain);
    let expected = format!(
        "error: {}: size of the images: found 32×32, expected 16×16, for which blocks was exported",
        data.display()
    );
    assert_eq!((code, said.trim_end()), (Some(2), expected.as_str()));
}
