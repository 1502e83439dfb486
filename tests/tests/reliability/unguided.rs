//! A guided run in which no training image is annotated, because its `annotated_fraction` is too small, must warn that
//! nothing guides it, and train nevertheless.

use tests::programs::succeed;
use tests::runs::train;

use crate::made::{folder, whole};

/// 1 % of 24 training images is rounded down to none. With all of them annotated there is no warning.
#[test]
fn a_run_that_nothing_guides_says_so() {
    let root = folder("unguided");
    for (fraction, is_told) in [("0.01", true), ("1.0", false)] {
        let config = root.join("run.toml");
        let text = format!(
            "name = \"run\"\nbackbone = \"xdnn_resnet18\"\nattribution = \"ixg\"\nlayer = \"final\"\nepochs = 1\n\
             learning_rate = 1e-3\nbatch_size = 8\n[init]\nfrom = \"scratch\"\n[guidance]\nloss = \"energy\"\n\
             lambda = 5.0\nannotated_fraction = {fraction}\n"
        );
        fs_err::write(&config, text).unwrap();
        let done = succeed(&mut train(&config, &whole().data, &root.join("runs")));
        let words = ": none of the 0 annotated training images has a box: nothing guides it";
        assert_eq!(
            done.stderr.contains(words),
            is_told,
            "{fraction}: {}",
            done.stderr
        );
    }
}
