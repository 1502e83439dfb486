//! Tests recipes with networks from files: which runs they become, where a file is looked for, and which keys
//! are refused.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use super::*;
use crate::drive::device::Device;
use crate::drive::plan::Plan;
use crate::drive::plan::cost::{Rates, Speed};
use crate::drive::vocabulary::{Network, Vocabulary, recorded};
use crate::system::paths;

/// A recipe of a network from a file and one of the trainer's.
const RECIPE: &str = r#"about = "A test."
[data]
dataset = "scenes"
size = 32
[[model]]
file = "weights/net.pt2"
attribution = "ixg"
[[model]]
backbone = "resnet18"
init = "scratch"
attribution = "ixg"
[baseline]
epochs = 2
learning_rate = 1e-3
batch_size = 4
[guided]
epochs = 3
learning_rate = 1e-4
batch_size = 4
[[guided.grid]]
layer = ["final", "input"]
loss = ["energy"]
lambda = [0.1, 0.2]
[[guided.grid]]
backbone = ["net"]
layer = ["final"]
loss = ["l1"]
lambda = [0.1]
evaluate = ["gradcam@input"]
"#;

/// The names that the stages know, with what the trainer would say about the network of [`RECIPE`].
fn vocabulary() -> Vocabulary {
    let mut vocabulary = recorded();
    let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    vocabulary.trainer.networks.push(Network {
        name: "net".to_owned(),
        methods: text(&["ixg", "gradcam"]),
        guides_by: text(&["ixg"]),
        layers: Some(text(&["input", "final"])),
        input: Some([32; 2]),
        batch_statistics: true,
    });
    vocabulary
}

/// Writes files into `folder` and reads the first of them, with the names of [`vocabulary`].
fn read_in(folder: &Path, files: &[(&str, &str)]) -> Result<Experiment, String> {
    testing::read_in(folder, files, &vocabulary())
}

/// Reads a recipe with this text, beside which there is no file of a network.
fn read(text: &str) -> Result<Experiment, String> {
    read_in(tempfile::tempdir().unwrap().path(), &[("x.toml", text)])
}

/// The options with which the trainer reads the network of a model with these keys.
fn options(keys: &str) -> Vec<String> {
    let text = RECIPE.replace("file = \"weights/net.pt2\"", keys);
    read(&text).unwrap().networks[0].options()
}

#[test]
fn runs_of_a_network_from_a_file_start_from_its_weights_and_are_called_by_its_name() {
    let experiment = read(RECIPE).unwrap();
    let names = |runs: &[Run]| -> Vec<String> { runs.iter().map(|run| run.name.clone()).collect() };
    assert_eq!(
        names(&experiment.baselines),
        ["net baseline", "resnet18 baseline"]
    );
    assert_eq!(
        names(&experiment.guided),
        [
            "net energy ixg@final λ=0.1",
            "net energy ixg@final λ=0.2",
            "net energy ixg@input λ=0.1",
            "net energy ixg@input λ=0.2",
            "net l1 ixg@final λ=0.1",
            "resnet18 energy ixg@final λ=0.1",
            "resnet18 energy ixg@final λ=0.2",
            "resnet18 energy ixg@input λ=0.1",
            "resnet18 energy ixg@input λ=0.2",
        ]
    );
    assert_eq!(experiment.baselines[0].origin, Origin::Weights);
    assert_eq!(experiment.baselines[1].origin, Origin::Scratch);
    assert_eq!(experiment.guided[4].origin, Origin::Baseline(0));
    // These are no ImageNet weights that `--weights` must have.
    assert_eq!(experiment.weights(), Vec::<&str>::new());
    let weights = read(&RECIPE.replace("[guided]", "[guided]\nstart = \"weights\"")).unwrap();
    assert_eq!(weights.guided[4].origin, Origin::Weights);

    let network = experiment.network("net").unwrap();
    assert!(!network.is_imported() && experiment.network("resnet18").is_none());
    assert_eq!(network.options(), ["--name=net"]);
    let made = network.weights(Path::new("/out"));
    assert_eq!(made, Path::new("/out/networks/net.safetensors"));
    // What the network costs is not known, so the expected time is that of a ResNet-50.
    let plan = |experiment: &Experiment| Plan::new(experiment);
    let known = RECIPE.replace(
        "file = \"weights/net.pt2\"",
        "backbone = \"resnet50\"\ninit = \"imagenet\"",
    );
    let known = read(&known.replace("[\"net\"]", "[\"resnet50\"]")).unwrap();
    for device in [Device::Cpu, Device::Cuda] {
        let speed = Speed {
            device,
            n_devices: 1,
        };
        let seconds = |plan: Plan| plan.seconds_left(&Rates::default(), speed);
        assert_eq!(seconds(plan(&experiment)), seconds(plan(&known)));
    }
    let speed = Speed {
        device: Device::Cpu,
        n_devices: 1,
    };
    let text = plan(&experiment).describe(&experiment, Path::new("out"), &Rates::default(), speed);
    let expected = "(net from the weights in weights/net.pt2, resnet18 from random weights)";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn keys_of_a_network_become_options_of_the_trainer() {
    let keys = "file = \"a/my net.pt2\"\nname = \"net\"\nmean = [-0.5, 0, 0.25]\nstd = [1, 0.5, 0.1]\n\
                channels = \"bgr\"\nhead = \"fc\"\nlayers = { mid3 = \"layer3\", final = \"layer4\" }";
    assert_eq!(
        options(keys),
        [
            "--name=net",
            "--mean=-0.5,0,0.25",
            "--std=1,0.5,0.1",
            "--channels=bgr",
            "--head=fc",
            "--layer=final=layer4",
            "--layer=mid3=layer3",
        ]
    );
    // What was imported has all of this in it.
    let keys = "file = \"/a/b.safetensors\"\nname = \"net\"";
    assert_eq!(options(keys), Vec::<String>::new());
    let imported = read(&RECIPE.replace("file = \"weights/net.pt2\"", keys)).unwrap();
    let network = &imported.networks[0];
    assert!(network.is_imported());
    assert_eq!(
        network.weights(Path::new("/out")),
        Path::new("/a/b.safetensors")
    );
}

#[test]
fn a_model_whose_network_is_not_clear_is_refused_in_one_line() {
    let file = "file = \"weights/net.pt2\"";
    let listed = "backbone = \"resnet18\"\ninit = \"scratch\"";
    // A text of the recipe, what takes its place, and the beginning of the error.
    for (from, to, expected) in [
        (
            file,
            "backbone = \"net\"\nfile = \"net.pt2\"",
            "model 1: backbone: found it beside file, expected one of both",
        ),
        (
            file,
            "init = \"scratch\"\nfile = \"net.pt2\"",
            "model 1: init: found it beside file, expected none: a network from a file starts from the file's \
             weights",
        ),
        (
            file,
            "file = \"net.onnx\"",
            "model 1: file: found \"net.onnx\", expected a .pt2 that torch.export.save wrote, or a \
             .safetensors that trainer import made of one",
        ),
        (
            file,
            "file = \"\"",
            "model 1: file: found \"\", expected a .pt2 ",
        ),
        (
            file,
            "file = \"my net.pt2\"",
            "model 1: file: found \"my net\" as the network's name, expected letters, digits, `.`, `_` and \
             `-`, the first a letter or digit, or another name (name = \"…\")",
        ),
        (
            file,
            "file = \"net.pt2\"\nname = \"../net\"",
            "model 1: name: found \"../net\", expected letters, digits, `.`, `_` and `-`, the first a letter \
             or digit",
        ),
        (
            file,
            "file = \"net.pt2\"\nmean = [0.5, 0.5]",
            "line 7: invalid length 2, expected an array of length 3",
        ),
        (
            file,
            "file = \"net.pt2\"\nmean = [0.5, nan, 0.5]",
            "model 1: mean: found NaN, expected a finite number",
        ),
        (
            file,
            "file = \"net.pt2\"\nstd = [0.5, 0.5, 0]",
            "model 1: std: found 0, expected a number above 0",
        ),
        (
            file,
            "file = \"net.safetensors\"\nhead = \"fc\"",
            "model 1: head: found it beside a .safetensors, expected none: what trainer import was told is \
             in the file",
        ),
        (
            file,
            "file = \"net.safetensors\"\nlayers = { final = \"fc\" }",
            "model 1: layers: found it beside a .safetensors, expected none",
        ),
        (
            listed,
            "init = \"scratch\"",
            "model 2: backbone: found nothing, expected the name of a network, or file, which names one of \
             your own",
        ),
        (
            listed,
            "backbone = \"resnet18\"",
            "model 2: init: found nothing, expected scratch or imagenet",
        ),
        (
            listed,
            "backbone = \"resnet18\"\ninit = \"scratch\"\nstd = [1, 1, 1]",
            "model 2: std: found it without file, expected it for a network from a file alone",
        ),
        (
            listed,
            "backbone = \"resnet18\"\ninit = \"scratch\"\nname = \"x\"",
            "model 2: name: found it without file, expected it for a network from a file alone",
        ),
        (
            listed,
            "file = \"others/net.pt2\"",
            "model 2: file: found \"net\" twice, expected it once",
        ),
        (
            listed,
            "file = \"other.pt2\"\nname = \"net\"",
            "model 2: name: found \"net\" twice, expected it once",
        ),
        (
            "[\"net\"]",
            "[\"weights/net.pt2\"]",
            "guided.grid 2: backbone: found \"weights/net.pt2\", expected one of net, resnet18",
        ),
        (
            "[\"final\", \"input\"]",
            "[\"mid2\"]",
            "guided.grid 1: layer: found \"mid2\" for net, expected one of input, final",
        ),
        (
            "gradcam@input",
            "gradcam@mid2",
            "guided.grid 2: evaluate: found \"mid2\" for net, expected one of input, final",
        ),
        (
            "gradcam@input",
            "intgrad@mid2",
            "guided.grid 2: evaluate: found \"intgrad\" for net, expected one of ixg, gradcam",
        ),
    ] {
        assert!(RECIPE.contains(from), "{from}");
        let error = read(&RECIPE.replacen(from, to, 1)).unwrap_err();
        let expected = format!("x.toml: {expected}");
        assert!(
            error.starts_with(&expected),
            "{to}: {error}\nnot {expected}"
        );
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

/// A network of the trainer's may lack a layer, too.
#[test]
fn a_layer_that_a_listed_network_lacks_is_refused() {
    let mut vocabulary = vocabulary();
    let networks = vocabulary.trainer.networks.iter_mut();
    for network in networks.filter(|network| network.name == "resnet18") {
        network.layers = Some(vec!["final".to_owned()]);
    }
    let file = File::new(PathBuf::from("x.toml"), RECIPE.to_owned());
    let error = expand(vec![file], Some(&vocabulary)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "x.toml: guided.grid 1: layer: found \"input\" for resnet18, expected one of final"
    );
}

#[test]
fn a_file_is_beside_the_recipe_that_names_it_else_in_the_working_directory() {
    let dir = tempfile::tempdir().unwrap();
    let found = |files: &[(&str, &str)]| {
        let experiment = read_in(dir.path(), files).unwrap();
        // Jobs read a copy of the recipe; it names the same file wherever the copy lies.
        let copy = with_located_networks(&experiment.files[0]).unwrap();
        let copy = File::new("/elsewhere/x.toml".into(), copy.text);
        let copied = expand(vec![copy], Some(&vocabulary())).unwrap();
        assert_eq!(copied.networks[0].file, experiment.networks[0].file);
        assert_eq!(copied.guided, experiment.guided);
        experiment.networks[0].file.clone()
    };
    let here = std::env::current_dir().unwrap();
    assert_eq!(found(&[("x.toml", RECIPE)]), here.join("weights/net.pt2"));
    let beside = ("weights/net.pt2", "");
    let expected = dir.path().join("weights/net.pt2");
    assert_eq!(found(&[("x.toml", RECIPE), beside]), expected);
    // A recipe in another folder inherits the network of the one beside it …
    let child = ("there/child.toml", "extends = \"../x.toml\"\nseed = [3]\n");
    let inherited = found(&[child, ("x.toml", RECIPE)]);
    assert!(
        paths::are_same(&inherited, &expected),
        "{}",
        inherited.display()
    );
    // In a collection of both recipes it counts as one network.
    let all = ("all.toml", "about = \"All.\"\ninclude = [\"x\", \"y\"]\n");
    let y = ("y.toml", "extends = \"there/child.toml\"\n");
    let together = read_in(dir.path(), &[all, ("x.toml", RECIPE), y, child]).unwrap();
    assert_eq!(together.networks.len(), 1);
    // … or the file of the same relative path in its own folder.
    std::fs::remove_file(&expected).unwrap();
    let own = ("there/weights/net.pt2", "");
    let files = [child, ("x.toml", RECIPE), own];
    assert_eq!(found(&files), dir.path().join("there/weights/net.pt2"));
    let listed = RECIPE.replace("file = \"weights/net.pt2\"", "name = \"net\"");
    let file = File::new("x.toml".into(), listed);
    assert_eq!(with_located_networks(&file).unwrap(), file);
}

#[test]
fn a_fault_of_an_inherited_network_names_the_file_that_it_is_in() {
    let base = RECIPE.replace("weights/net.pt2", "net.onnx");
    let child = ("x.toml", "extends = \"base.toml\"\nseed = [3]\n");
    let dir = tempfile::tempdir().unwrap();
    let error = read_in(dir.path(), &[child, ("base.toml", &base)]).unwrap_err();
    assert!(
        error.starts_with(
            "x.toml: extends \"base.toml\": base.toml: model 1: file: found \"net.onnx\", expected"
        ),
        "{error}"
    );
    let found = read_in(dir.path(), &[child, ("base.toml", RECIPE)]).unwrap();
    let folder = format!("{}/", dir.path().display());
    assert_eq!(
        found.networks[0].place.replace(&folder, ""),
        "x.toml: extends \"base.toml\": base.toml: model 1"
    );
}

/// A collection's `init` sets the weights of the trainer's networks alone, not of networks from files. The same
/// network from a file may be in several recipes.
#[test]
fn a_collection_has_each_network_once() {
    let all =
        "about = \"All.\"\ninclude = [\"x\", \"y\"]\n[with]\ninit = \"imagenet\"\nepochs = 1\n";
    let longer = RECIPE.replace("learning_rate = 1e-4", "learning_rate = 1e-5");
    let dir = tempfile::tempdir().unwrap();
    let files = |y: &str| {
        read_in(
            dir.path(),
            &[("all.toml", all), ("x.toml", RECIPE), ("y.toml", y)],
        )
    };
    let found = files(&longer).unwrap();
    assert_eq!((found.networks.len(), found.baselines.len()), (1, 2));
    assert_eq!(found.guided.len(), 2 * 9);
    assert_eq!(found.weights(), ["resnet18"]);
    for other in [
        "file = \"other.pt2\"\nname = \"net\"",
        "file = \"weights/net.pt2\"\nhead = \"fc\"",
    ] {
        let other = longer.replace("file = \"weights/net.pt2\"", other);
        assert_eq!(
            files(&other).unwrap_err(),
            "all.toml: include: found two networks called \"net\", expected one"
        );
    }
}

#[test]
fn images_have_the_size_that_a_network_was_exported_for() {
    let fault = read(&RECIPE.replace("size = 32", "size = 48")).unwrap_err();
    assert!(
        fault.ends_with("data.size: found 48, expected the size that net was exported for, 32×32"),
        "{fault}"
    );
}
