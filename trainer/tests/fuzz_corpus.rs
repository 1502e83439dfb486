//! The inputs that the fuzzer (`cargo xtask fuzz`) found to reach all code of the readers, each read again.
//! The readers are those of all crates: the trainer is the one that depends on all.

#[path = "../../tests/fuzz/src/readers.rs"]
mod readers;

use std::collections::BTreeSet;
use std::path::Path;

use trainer::checkpoint_file;

type Reader = (&'static str, fn(&[u8]));

const READERS: [Reader; 6] = [
    ("checkpoint", readers::checkpoint),
    ("image", readers::image),
    ("instances", readers::instances),
    ("maps", readers::maps),
    ("rle", readers::rle),
    ("voc", readers::voc),
];

#[test]
fn every_kept_input_is_read_or_refused() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
    let mut folders = BTreeSet::new();
    for folder in fs_err::read_dir(&corpus)? {
        folders.insert(folder?.file_name());
    }
    let named = READERS.iter().map(|(name, _)| (*name).into());
    assert_eq!(folders, named.collect());
    for (name, read) in READERS {
        let mut n_inputs = 0;
        for input in fs_err::read_dir(corpus.join(name))? {
            let path = input?.path();
            println!("{}", path.display()); // shown where it fails
            read(&fs_err::read(path)?);
            n_inputs += 1;
        }
        assert!(n_inputs > 0, "{name}: expected inputs, found none");
    }
    Ok(())
}
