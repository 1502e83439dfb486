//! Slurm itself, for the tests that start a cluster of their own: Debian's packages. Whoever only
//! submits to a cluster needs none of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::{pip, process};

/// The packages, and a program of each.
const PACKAGES: [(&str, &str); 4] = [
    ("munge", "munged"),
    ("slurmctld", "slurmctld"),
    ("slurmd", "slurmd"),
    ("slurm-client", "sbatch"),
];

/// Why the tests cannot start a cluster here; `None` where they can.
pub(crate) fn fault() -> Option<String> {
    let absent: Vec<&str> = PACKAGES
        .into_iter()
        .map(|(_, program)| program)
        .filter(|program| found(program).is_none())
        .collect();
    if !absent.is_empty() {
        let absent = absent.join(", ");
        return Some(format!("found no {absent} (cargo xtask setup --slurm-test)"));
    }
    (!is_root()).then(|| "Slurm's daemons need root".to_owned())
}

/// Installs what is missing. Needs apt, and root.
pub(crate) fn install() -> Result<()> {
    if PACKAGES.iter().all(|(_, program)| found(program).is_some()) {
        eprintln!("Slurm is installed: nothing to do");
        return Ok(());
    }
    let names = PACKAGES.map(|(package, _)| package).join(" ");
    if found("apt-get").is_none() || !is_root() {
        bail!("setup --slurm-test: expected apt-get and root\nhint: install {names}");
    }
    eprintln!("installing {names}");
    for arguments in [
        &["update"][..],
        &["install", "--yes", "--no-install-recommends"],
    ] {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command.arg("--quiet").args(arguments);
        if arguments[0] == "install" {
            command.args(PACKAGES.map(|(package, _)| package));
        }
        process::capture(&mut command, "installing Slurm")
            .map_err(|error| pip::hint(error, "apt must reach a mirror of Debian"))?;
    }
    Ok(())
}

/// Whether an installation starts nothing: systemd would start the daemons it has just got.
pub(crate) fn can_install_unasked() -> bool {
    found("apt-get").is_some() && is_root() && !Path::new("/run/systemd/system").exists()
}

/// The path of a program; daemons lie where a user's PATH may not lead.
pub(crate) fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut paths = folders.map(|folder| folder.join(program));
    paths.find(|path| path.is_file())
}

fn is_root() -> bool {
    let mut command = Command::new("id");
    let id = command.arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
