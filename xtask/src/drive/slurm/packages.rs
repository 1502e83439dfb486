//! Installs Slurm for the tests, from Debian's packages: `cargo xtask setup --slurm-test`, and the check
//! `slurm` of `cargo xtask test`.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::programs::{PACKAGES, fault, find, is_root};
use crate::install::pip;
use crate::system::process;

/// Installs Slurm unless it is there. Needs apt and root.
pub(crate) fn install() -> Result<()> {
    if fault().is_none() {
        eprintln!("Slurm is installed: nothing to do");
        return Ok(());
    }
    let names = PACKAGES.map(|(package, _)| package);
    if find("apt-get").is_none() || !is_root() {
        let names = names.join(" ");
        bail!("setup --slurm-test: expected apt-get, and root\nhint: install {names}");
    }
    eprintln!("installing {}", names.join(", "));
    let update = &["update", "--quiet"][..];
    let install = &["install", "--quiet", "--yes", "--no-install-recommends"];
    for arguments in [update, &[&install[..], &names].concat()] {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        process::capture(command.args(arguments), "installing Slurm")
            .map_err(|error| pip::hint(error, "apt must reach a mirror of Debian"))?;
    }
    Ok(())
}

/// Installs Slurm for the tests if it can. Returns None where the tests can then start a cluster, else the
/// reason why not. Under systemd it installs nothing, because systemd would start the daemons.
pub(crate) fn ensure() -> Result<Option<String>> {
    let is_bare = !Path::new("/run/systemd/system").exists();
    if fault().is_some() && is_bare && find("apt-get").is_some() && is_root() {
        install()?;
    }
    Ok(fault())
}
