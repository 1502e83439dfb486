//! Returns paths of the repository's folders, and compares and shows paths. Nothing here creates a file.

use std::path::{Path, PathBuf};

/// The repository's root: the folder that holds the workspace's Cargo.toml.
///
/// At run time cargo names this crate's folder in a variable. A program started by hand takes the folder that
/// it was built in.
pub(crate) fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .filter(|dir| dir.ends_with("xtask") && dir.is_dir())
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// The folder into which `cargo xtask setup` installs libtorch, and which `.cargo/config.toml` names.
pub(crate) fn libtorch() -> PathBuf {
    root().join(".libtorch")
}

/// The folder into which `cargo xtask weights` puts pretrained weights.
pub(crate) fn weights() -> PathBuf {
    root().join("weights")
}

/// Whether both are one folder or file, however they are spelled: by links, `..`, or mounts.
pub(crate) fn are_same(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (a.metadata(), b.metadata()) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// `path` for a message: relative to the working directory where it is inside, else unchanged.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let relative = path.strip_prefix(here).unwrap_or(path);
    match relative.as_os_str().is_empty() {
        true => ".".to_owned(),
        false => relative.display().to_string(),
    }
}
