//! Tests recipes with a network from a file: the trainer describes it, and makes a weight file of it once, which
//! runs name and start from. A shell script stands in for the trainer and the other programs. The recipe is that of
//! `sandbox.rs`: a baseline and three guided runs, a plan of 9 steps.

use std::process::Command;

use crate::sandbox::{Done, RECIPE, Sandbox, done, starting_with, with_slurm};

/// What the trainer says about the network, with a key that xtask does not know.
const NETWORK: &str = r#"{ "name": "net", "title": "net", "layers": ["input", "final"], "methods": ["ixg"],
    "guides_by": ["ixg"], "batch_statistics": true, "parameters": 3 }"#;

/// The keys of a model that [`RECIPE`] has, and those of one from a file.
const LISTED: &str = "backbone = \"resnet18\"\ninit = \"scratch\"";
const OWN: &str = "file = \"net.pt2\"\nstd = [0.5, 0.5, 0.25]\nlayers = { final = \"body.4\" }";

/// A sandbox with the network's file beside the recipe.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("net.pt2", "weights");
    sandbox.write("described", NETWORK);
    sandbox
}

/// [`RECIPE`] with these keys of its model.
fn recipe(keys: &str) -> String {
    RECIPE.replace(LISTED, keys)
}

/// The path of a file of the sandbox, as text.
fn text(sandbox: &Sandbox, name: &str) -> String {
    sandbox.path(name).to_str().unwrap().to_owned()
}

/// The names of the files in `networks` of the out folder.
fn imported(sandbox: &Sandbox) -> Vec<String> {
    let entries = std::fs::read_dir(sandbox.path("out/networks")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// How a command ended that must have succeeded.
fn succeeded(done: Done) -> Done {
    assert_eq!(done.code, 0, "{}", done.stderr);
    done
}

#[test]
fn a_network_is_imported_once_and_its_runs_start_from_that() {
    let sandbox = sandbox();
    let (file, made) = (text(&sandbox, "net.pt2"), text(&sandbox, "out/networks"));
    let first = succeeded(sandbox.reproduce(&recipe(OWN), &[]));
    assert!(
        first.stdout.contains("(net from the weights in /"),
        "{}",
        first.stdout
    );
    let options = "--name=net --std=0.5,0.5,0.25 --layer=final=body.4";
    let calls = sandbox.calls();
    assert_eq!(
        calls[0],
        format!("trainer describe {file} {options} --json")
    );
    let import = &calls[1];
    assert!(
        import.starts_with(&format!("trainer import {file} --out {made}/.partial-"))
            && import.ends_with(&format!("/net.safetensors {options}")),
        "{import}"
    );
    // describe, import; data-prep; 4 trainings; explain and score for 8 evaluations; the report.
    assert_eq!(calls.len(), 2 + 1 + 4 + 2 * 8 + 1, "{calls:?}");
    assert_eq!(imported(&sandbox), ["net.safetensors", "net.toml"]);
    // The baseline starts from the file's weights, and the guided run from the baseline; both have the network.
    let named = format!("\nbackbone = \"{made}/net.safetensors\"\n");
    for (config, init) in [
        (
            "out/configs/baseline-1.toml",
            format!("[init]\nfrom = \"weights\"\nfile = \"{made}/net.safetensors\"\n"),
        ),
        (
            "out/configs/guided-1.toml",
            "[init]\nfrom = \"run\"\n".to_owned(),
        ),
    ] {
        let config = sandbox.read(config);
        assert!(
            config.contains(&named) && config.contains(&init),
            "{config}"
        );
    }
    // What jobs read names the file from wherever they are started.
    let mut step = Command::new(env!("CARGO_BIN_EXE_xtask"));
    step.args(["step", "--recipe"])
        .arg(sandbox.path("out/recipe/recipe.toml"));
    step.arg("--out").arg(sandbox.path("out"));
    step.arg("--programs").arg(sandbox.path(""));
    succeeded(done({
        step.arg("score/1").current_dir("/");
        step
    }));
    sandbox.calls();

    // The same command again imports nothing, one with another file or other options does.
    let again = |keys: &str, is_imported: bool| {
        succeeded(sandbox.reproduce(&recipe(keys), &[]));
        let calls = sandbox.calls();
        assert_eq!(starting_with(&calls, "trainer describe"), 1, "{calls:?}");
        let n_imported = starting_with(&calls, "trainer import");
        assert_eq!(n_imported, usize::from(is_imported), "{calls:?}");
        assert_eq!(imported(&sandbox), ["net.safetensors", "net.toml"]);
        calls.len()
    };
    // describe, data-prep (which checks the data) and the report.
    assert_eq!(again(OWN, false), 1 + 2);
    sandbox.write("net.pt2", "other weights");
    again(OWN, true);
    assert_eq!(
        sandbox.read("out/networks/net.safetensors"),
        "other weights"
    );
    again(OWN, false);
    let other = OWN.replace("body.4", "body.5");
    again(&other, true);
    again(&other, false);
    // A record of what the weights were made from that cannot be read, and weights that are gone.
    sandbox.write("out/networks/net.toml", "by a later version");
    again(&other, true);
    sandbox.remove("out/networks/net.safetensors");
    again(&other, true);
    // Where the file lies does not matter.
    std::fs::create_dir(sandbox.path("weights")).unwrap();
    std::fs::rename(sandbox.path("net.pt2"), sandbox.path("weights/net.pt2")).unwrap();
    again(&other.replace("net.pt2", "weights/net.pt2"), false);
}

#[test]
fn a_weight_file_is_taken_as_it_is() {
    let sandbox = sandbox();
    sandbox.write("net.safetensors", "weights");
    let file = text(&sandbox, "net.safetensors");
    let keys = "file = \"net.safetensors\"\nname = \"mine\"";
    succeeded(sandbox.reproduce(&recipe(keys), &[]));
    let calls = sandbox.calls();
    assert_eq!(calls[0], format!("trainer describe {file} --json"));
    assert_eq!(starting_with(&calls, "trainer import"), 0, "{calls:?}");
    assert!(!sandbox.path("out/networks").exists());
    let config = sandbox.read("out/configs/baseline-1.toml");
    assert!(
        config.contains(&format!("backbone = \"{file}\"")),
        "{config}"
    );
    assert!(config.contains(&format!("\nfile = \"{file}\"")), "{config}");
    let rates = sandbox.read("out/rates.toml");
    assert!(rates.contains("backbone = \"mine\""), "{rates}");
}

#[test]
fn a_dry_run_describes_and_imports_nothing() {
    let sandbox = sandbox();
    let dry = |sandbox: &Sandbox| {
        let done = succeeded(sandbox.reproduce(&recipe(OWN), &["--dry-run"]));
        let calls = sandbox.calls();
        assert_eq!(starting_with(&calls, "trainer describe"), 1, "{calls:?}");
        assert_eq!(calls.len(), 1, "{calls:?}");
        done.stdout
    };
    let said = dry(&sandbox);
    assert!(
        said.contains("0 of 9 steps done")
            && said.contains("\nthe network net is first imported from /"),
        "{said}"
    );
    assert!(!sandbox.path("out").exists());
    succeeded(sandbox.reproduce(&recipe(OWN), &[]));
    sandbox.calls();
    let said = dry(&sandbox);
    assert!(
        said.contains("8 of 9 steps done") && !said.contains("imported"),
        "{said}"
    );
    sandbox.write("net.pt2", "other weights");
    let said = dry(&sandbox);
    assert!(
        said.contains("\nthe network net is first imported again, as /"),
        "{said}"
    );
    assert_eq!(sandbox.read("out/networks/net.safetensors"), "weights");
}

#[test]
fn a_network_that_cannot_be_had_is_refused_in_one_line() {
    let sandbox = sandbox();
    let (place, file) = (
        format!("{}: model 1", text(&sandbox, "recipe.toml")),
        text(&sandbox, "net.pt2"),
    );
    sandbox.write("fail", "trainer describe");
    for flags in [&[][..], &["--dry-run"]] {
        let done = sandbox.reproduce(&recipe(OWN), flags);
        assert_eq!(done.code, 1);
        assert_eq!(
            done.stderr,
            format!(
                "error: {place}: describing {file}: trainer failed (exit status: 2): told to\n"
            )
        );
    }
    assert!(!sandbox.path("out").exists());
    sandbox.write("fail", "trainer import");
    let done = sandbox.reproduce(&recipe(OWN), &[]);
    assert_eq!(done.code, 1);
    assert_eq!(
        done.stderr,
        format!(
            "importing the network net from {file}\n\
             error: {place}: importing {file}: trainer failed (exit status: 2): told to\n"
        )
    );
    assert_eq!(imported(&sandbox), Vec::<String>::new());
    // What a killed import left is removed.
    sandbox.remove("fail");
    std::fs::create_dir(sandbox.path("out/networks/.partial-x")).unwrap();
    succeeded(sandbox.reproduce(&recipe(OWN), &[]));
    assert_eq!(imported(&sandbox), ["net.safetensors", "net.toml"]);
    sandbox.calls();

    sandbox.remove("net.pt2");
    for flags in [&[][..], &["--dry-run"]] {
        let done = sandbox.reproduce(&recipe(OWN), flags);
        assert_eq!(done.code, 1);
        let mut lines = done.stderr.lines();
        assert_eq!(
            lines.next(),
            Some(&*format!(
                "error: {place}: file: found no file net.pt2, expected a .pt2 that torch.export.save wrote, \
                 or a .safetensors that trainer import made of one"
            ))
        );
        assert!(lines.next().unwrap().starts_with("hint: a relative path "));
        assert_eq!(lines.next(), None);
    }
    assert_eq!(sandbox.calls(), Vec::<String>::new());
}

/// What the trainer says about the network decides what a recipe may ask of it.
#[test]
fn a_recipe_asks_of_a_network_only_what_it_has() {
    let sandbox = sandbox();
    for (keys, described, expected) in [
        (
            OWN,
            NETWORK.replace("\"input\", ", ""),
            "guided.grid 2: layer: found \"input\" for net, expected one of final",
        ),
        (
            OWN,
            NETWORK.replace("[\"ixg\"]", "[\"bcos\"]"),
            "model 1: attribution: found \"ixg\" for net, expected one of bcos",
        ),
        (
            &*format!("{OWN}\nmicro_batch = 2"),
            NETWORK.to_owned(),
            "model 1: micro_batch: found 2 for net, whose norms have statistics over a step's images, ",
        ),
        (
            &*format!("{OWN}\nname = \"resnet18\""),
            NETWORK.to_owned(),
            "model 1: name: found \"resnet18\", a network of the trainer, expected another name than",
        ),
        (
            &*OWN.replace("final =", "last ="),
            NETWORK.to_owned(),
            "model 1: layers: found \"last\", expected one of input, ",
        ),
        (
            OWN,
            "no JSON".to_owned(),
            "model 1: trainer describe --json: expected ident at line 1 column 2",
        ),
    ] {
        sandbox.write("described", &described);
        let done = sandbox.reproduce(&recipe(keys), &[]);
        assert_eq!(done.code, 1, "{expected}");
        let expected = format!("recipe.toml: {expected}");
        assert!(
            done.stderr.contains(&expected),
            "{expected}: {}",
            done.stderr
        );
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        assert!(!sandbox.path("out").exists());
    }
    // A trainer that does not tell layers means all of them.
    let described = NETWORK.replace("\"layers\": [\"input\", \"final\"], ", "");
    sandbox.write("described", &described);
    succeeded(sandbox.reproduce(&recipe(OWN), &[]));
}

/// Otherwise jobs that wait in a cluster's queue would start from other weights than the jobs before them.
#[test]
fn a_network_is_not_imported_again_under_jobs_that_wait() {
    let sandbox = sandbox();
    let submit = || {
        let command = sandbox.command(&recipe(OWN), &["--executor", "slurm"]);
        with_slurm(&sandbox, command)
    };
    for expected in ["9 steps submitted", "0 steps submitted"] {
        let done = succeeded(submit());
        assert!(done.stdout.contains(expected), "{}", done.stdout);
    }
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "trainer import"), 1, "{calls:?}");
    sandbox.write("net.pt2", "other weights");
    let done = submit();
    assert_eq!(done.code, 1);
    let expected = "found steps in Slurm's queue, expected none\nhint: ";
    assert!(done.stderr.contains(expected), "{}", done.stderr);
    assert_eq!(sandbox.read("out/networks/net.safetensors"), "weights");
}

/// Own data with a network from a file: the copy of the recipe that jobs read has the epochs that follow from
/// `[fit]` and the path of the network's file. The baseline's 20 steps in batches of 8 of 20 images are 8 epochs.
#[test]
fn a_network_of_ones_own_for_data_of_ones_own() {
    let sandbox = sandbox();
    let own = format!("root = \"{}\"", sandbox.own_data([20, 5, 5]));
    let own = recipe(OWN).replace("dataset = \"scenes\"", &own)
        + "[fit]\nminutes = 60\nbaseline_steps = 20\nguided_steps = 10\n";
    succeeded(sandbox.reproduce(&own, &[]));
    let copy = sandbox.read("out/recipe/recipe.toml");
    for expected in [
        format!("file = \"{}\"\n", text(&sandbox, "net.pt2")),
        "epochs = 8\n".to_owned(),
    ] {
        assert!(copy.contains(&expected), "{expected}: {copy}");
    }
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "trainer import"), 1, "{calls:?}");
    assert_eq!(starting_with(&calls, "trainer train"), 4, "{calls:?}");

    // A recipe that extends it has the network, too, wherever that is written.
    sandbox.write("base.toml", &own);
    let folder = tempfile::tempdir().unwrap();
    let mut new = Command::new(env!("CARGO_BIN_EXE_xtask"));
    new.current_dir(folder.path()).args(["new", "mine"]);
    new.arg("--data").arg(sandbox.path("cells"));
    new.arg("--extends").arg(sandbox.path("base.toml"));
    new.arg("--programs").arg(sandbox.path(""));
    succeeded(done(new));
    assert!(folder.path().join("mine.toml").is_file());
    let calls = sandbox.calls();
    assert_eq!(starting_with(&calls, "trainer describe"), 1, "{calls:?}");
}
