//! Gives each kept input of the fuzzer to the reader that it was made for. The reader must return a result or an
//! error; a panic fails the test.

use std::collections::BTreeSet;
use std::path::Path;

use crate::readers;

/// The folder of a reader's inputs, and the reader.
type Reader = (&'static str, fn(&[u8]));

const READERS: [Reader; 7] = [
    ("checkpoint", readers::checkpoint),
    ("exported", readers::exported),
    ("image", readers::image),
    ("instances", readers::instances),
    ("maps", readers::maps),
    ("rle", readers::rle),
    ("voc", readers::voc),
];

#[test]
fn every_kept_input_is_read_or_refused() -> std::io::Result<()> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz");
    let mut tried = BTreeSet::new();
    for kind in ["corpus", "mended"] {
        for folder in fs_err::read_dir(fuzz.join(kind))? {
            let folder = folder?;
            let reader = READERS.iter().find(|(name, _)| folder.file_name() == *name);
            let (name, read) = reader.unwrap_or_else(|| panic!("{folder:?}: no such reader"));
            for input in fs_err::read_dir(folder.path())? {
                let path = input?.path();
                println!("{}", path.display()); // shown where it fails
                read(&fs_err::read(path)?);
                tried.insert(*name);
            }
        }
    }
    assert_eq!(tried, READERS.map(|(name, _)| name).into());
    Ok(())
}
