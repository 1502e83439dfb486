//! Runs whose loss, gradient or logits become non-finite (NaN or ±∞). Training must stop before anything is saved and
//! name the step, the term (loss, gradient or logits) and the images of the batch; or leave the batch out, where the
//! configuration has `on_non_finite = "skip"`. `whole()` is a run without such values that was never interrupted
//! (`made.rs`); its data and weights are used here.

use std::path::{Path, PathBuf};

use tests::programs::{Done, program, run, succeed};
use tests::runs::{difference, train};

use crate::made::{EPOCHS, GUIDED, checkpoint_name, configure, folder, whole};
use crate::safetensors::File;

/// Guidance with a weight λ of the localization loss that is infinite in float32. The loss is RRR*, whose gradient
/// depends on every pixel, so that infinity, or infinity times zero, which is NaN, reaches the weights whatever the map
/// is. Energy is not suitable: its gradient is zero where the map is not positive, and the final layer's map has a
/// single pixel here, whose sign may depend on rounding.
const OVERFLOWING: &str =
    "\n[init]\nfrom = \"scratch\"\n\n[guidance]\nloss = \"rrr\"\nlambda = 1e300\n";

/// Trains for `epochs` epochs with the further options `top` and the tables `rest` in the configuration.
fn trained(root: &Path, epochs: usize, top: &str, rest: &str) -> Done {
    let config = root.join("run.toml");
    configure(&config, epochs, &format!("layer = \"final\"\n{top}"), rest);
    run(&mut train(&config, &whole().data, &root.join("runs")))
}

/// Asserts that the program failed with an error on `step` and `term`, and returns the ids of the batch's images, which
/// the next line lists; a hint follows.
fn images(done: &Done, step: &str, term: &str) -> Vec<String> {
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    let lines: Vec<&str> = done.stderr.lines().rev().take(3).collect();
    let expected =
        format!("error: {step}: {term}: found a non-finite value, expected a finite one");
    assert_eq!(lines[2], expected, "{}", done.stderr);
    let images = lines[1].strip_prefix("images of the batch: ").unwrap();
    images.split(' ').map(str::to_owned).collect()
}

/// Training begins with weights so large that the logits overflow. It must stop at the first step's classification
/// loss.
#[test]
fn a_classification_loss_stops_the_run() {
    let root = folder("weights");
    let epoch = whole().kept(EPOCHS).into_iter().next().unwrap();
    let mut weights = File::read(&whole().folder.join(checkpoint_name(epoch)));
    // The features before the head are not negative, so every logit overflows to +∞.
    for value in weights.tensor("_fc.weight").chunks_exact_mut(4) {
        value.copy_from_slice(&3e38f32.to_le_bytes());
    }
    let file = root.join("large.safetensors");
    weights.write(&file);
    let init = format!("\n[init]\nfrom = \"weights\"\nfile = {file:?}\n");
    let done = trained(&root, 1, "", &init);
    let images = images(&done, "epoch 1, step 1", "classification loss");
    assert_eq!(images.len(), 4);
}

/// With a λ that overflows both losses are finite, but the gradient is not. The error must name a parameter with such a
/// gradient.
#[test]
fn a_gradient_stops_the_run_and_its_parameter_is_named() {
    let root = folder("gradient");
    let done = trained(&root, 1, "", OVERFLOWING);
    let name = whole_names()
        .into_iter()
        .find(|name| done.stderr.contains(&format!("gradient of {name}:")));
    let name = name.unwrap_or_else(|| panic!("{}", done.stderr));
    images(&done, "epoch 1, step 1", &format!("gradient of {name}"));
}

/// Returns the names of all tensors in a saved state of `whole()`, among them those of all parameters.
fn whole_names() -> Vec<String> {
    File::read(&whole().state(1)).names()
}

/// With a huge learning rate the only step of an epoch leaves weights with which the logits overflow. Validation must
/// notice it, and nothing of that epoch may be saved.
#[test]
fn what_the_last_step_did_stops_the_run_before_it_is_saved() {
    let root = folder("rate");
    // With the usual learning rate the run succeeds.
    let done = trained(&root, 1, "", "\n[init]\nfrom = \"scratch\"\n");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let config = root.join("run.toml");
    let text = fs_err::read_to_string(&config).unwrap();
    let text = text
        .replace("5e-3", "1e30")
        .replace("batch_size = 4", "batch_size = 24");
    fs_err::write(&config, text).unwrap();
    let runs = root.join("large");
    let done = run(&mut train(&config, &whole().data, &runs));
    images(&done, "epoch 1, validation", "logits");
    let folder = fs_err::read_dir(&runs)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    for file in ["resume.safetensors", "epochs.parquet", "checkpoints"] {
        assert!(!folder.join(file).exists(), "{file}");
    }
}

/// Only one training image is annotated (5 % of 24), and λ overflows, so in each epoch one batch has a non-finite
/// gradient. With "stop" the error names that batch; with "skip" it is left out, and the other steps count. A run that
/// skips, is killed and resumed must end with the same bits as one that was not killed.
#[test]
fn a_batch_is_skipped_where_that_is_asked_for() {
    let root = folder("skip");
    let rest = format!("{OVERFLOWING}annotated_fraction = 0.05\n");
    let stopped = trained(&root, 2, "on_non_finite = \"stop\"", &rest);
    let error = stopped.stderr.split("error: ").nth(1).unwrap();
    let (fault, _) = error.split_once(": found").unwrap();
    let (step, term) = fault.split_once(": ").unwrap();
    let images = images(&stopped, step, term);
    assert_eq!(images.len(), 4);

    let skipped = trained(&root, 2, "on_non_finite = \"skip\"", &rest);
    assert_eq!(skipped.code, Some(0), "{}", skipped.stderr);
    let listed = skipped.stderr.matches("skipped: epoch ").count();
    let counted = skipped.stderr.matches("  1 batch skipped  ").count();
    assert_eq!([listed, counted], [2, 2], "{}", skipped.stderr);
    let first = skipped.stderr.split("skipped: ").nth(1).unwrap();
    assert!(
        first.starts_with(fault) && first.contains(&images.join(" ")),
        "{first}"
    );

    let expected = PathBuf::from(skipped.stdout.trim_end());
    let runs = root.join("killed");
    let found = runs.join(expected.file_name().unwrap());
    let mut command = train(&root.join("run.toml"), &whole().data, &runs);
    let mut killed = crate::shared::start_until(&mut command, &found.join("resume.safetensors"));
    killed.kill().unwrap();
    killed.wait().unwrap();
    succeed(&mut command);
    assert_eq!(difference(&expected, &found).unwrap(), None);
}

/// `on_non_finite = "skip"` gives a run another id, because it changes the result. Writing out "stop", the default,
/// does not.
#[test]
fn only_skipping_makes_another_run() {
    let root = folder("identity");
    let ids = [
        "",
        "on_non_finite = \"stop\"\n",
        "on_non_finite = \"skip\"\n",
    ]
    .map(|top| {
        let config = root.join("run.toml");
        configure(&config, 4, &format!("layer = \"final\"\n{top}"), GUIDED);
        let mut state = program("trainer");
        state.arg("state").arg("--config").arg(&config);
        state
            .arg("--data")
            .arg(&whole().data)
            .arg("--out")
            .arg(&root);
        let said = succeed(&mut state).stdout;
        said.split_once('\t').unwrap().0.to_owned()
    });
    assert_eq!(ids[0], whole().id().to_str().unwrap());
    assert_eq!(ids[1], ids[0]);
    assert_ne!(ids[2], ids[0]);
}

/// A run in which every batch of an epoch is skipped must stop, because it would learn nothing.
#[test]
fn an_epoch_of_skipped_batches_stops_the_run() {
    let root = folder("all");
    let done = trained(&root, 1, "on_non_finite = \"skip\"", OVERFLOWING);
    assert_eq!(done.code, Some(2), "{}", done.stderr);
    assert!(
        done.stderr.contains("epoch 1: found every step left out"),
        "{}",
        done.stderr
    );
}
