//! Trains a run with and without `micro_batch`, an option that saves memory by computing a step in several passes of
//! fewer images each. Both must have the same losses. `trainer/tests/micro_batch.rs` shows that their gradients are the
//! same, too, up to rounding in float64.

use std::path::{Path, PathBuf};

use arrow::array::Float64Array;
use tests::programs::succeed;
use tests::runs::train;
use tests::tables::read;

use crate::made::{folder, whole};

/// Trains with the configuration line `option` and returns the run's folder. Rounding differences between the two runs
/// cannot grow: at so small a learning rate no weight moves, and between the final layer, where the maps are taken, and
/// the logits there is no ReLU that a difference could switch on or off.
fn trained(root: &Path, option: &str) -> PathBuf {
    let config = root.join("run.toml");
    let text = format!(
        "name = \"run\"\nbackbone = \"xdnn_resnet18\"\nattribution = \"ixg\"\nlayer = \"final\"\nepochs = 1\nlearning_rate = 1e-12\n\
         batch_size = 7\n{option}\n[init]\nfrom = \"scratch\"\n[guidance]\nloss = \"energy\"\nlambda = 5.0\n"
    );
    fs_err::write(&config, text).unwrap();
    let done = succeed(&mut train(&config, &whole().data, &root.join("runs")));
    PathBuf::from(done.stdout.trim_end())
}

/// 24 images make three steps of 7 and a last one of 3. In passes of at most 3, a step of 7 is computed
/// as 3 + 3 + 1 images, the last step in a single pass.
#[test]
fn passes_of_fewer_images_have_the_same_losses() {
    let root = folder("micro_batch");
    let (whole, passes) = (trained(&root, ""), trained(&root, "micro_batch = 3"));
    assert_ne!(whole, passes, "another run");
    let table = |run: &Path| read(&run.join("epochs.parquet")).unwrap().rows;
    let (expected, found) = (table(&whole), table(&passes));
    for name in ["loss", "loss_class", "loss_localization"] {
        let column = |rows: &arrow::array::RecordBatch| {
            let column = rows.column_by_name(name).unwrap().clone();
            let numbers = column.as_any().downcast_ref::<Float64Array>().unwrap();
            numbers.values().to_vec()
        };
        let (expected, found) = (column(&expected), column(&found));
        assert_eq!(expected.len(), 1);
        for (expected, found) in expected.iter().zip(&found) {
            // The relative difference, which rounding in float32 keeps far below the bound.
            let off = (found - expected).abs() / expected.abs().max(1e-3);
            println!("{name}: {off:e}");
            assert!(off < 1e-4, "{name}: found {found}, expected {expected}");
        }
    }
}
