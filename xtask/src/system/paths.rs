//! Paths in the repository. Nothing here creates a file.

use std::path::{Path, PathBuf};

/// The repository's root: the folder that holds the workspace's Cargo.toml.
///
/// Cargo names this crate's folder at run time; the folder of the build is the fallback for a binary
/// started by hand.
pub(crate) fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map(PathBuf::from)
        .filter(|dir| dir.ends_with("xtask") && dir.is_dir())
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// Where `cargo xtask setup` puts libtorch, and `.cargo/config.toml` looks for it.
pub(crate) fn libtorch() -> PathBuf {
    root().join(".libtorch")
}

/// Where `cargo xtask weights` puts pretrained weights.
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

/// `path` as people want to read it, and can use it: relative to the working directory where it lies
/// inside.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let relative = path.strip_prefix(here).unwrap_or(path);
    match relative.as_os_str().is_empty() {
        true => ".".to_owned(),
        false => relative.display().to_string(),
    }
}
