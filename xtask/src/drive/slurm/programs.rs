//! Lists the programs with which the tests start a Slurm cluster of their own, and finds out whether they are
//! installed. (To submit to a cluster only Slurm's commands are needed.) The integration tests include this file
//! as a module of theirs.

use std::path::PathBuf;
use std::process::Command;

/// Debian's packages, and a program of each.
pub const PACKAGES: [(&str, &str); 4] = [
    ("munge", "munged"),
    ("slurmctld", "slurmctld"),
    ("slurmd", "slurmd"),
    ("slurm-client", "sbatch"),
];

/// The reason why the tests cannot start a cluster here; None where they can.
pub fn fault() -> Option<String> {
    let absent: Vec<&str> = PACKAGES
        .into_iter()
        .map(|(_, program)| program)
        .filter(|program| find(program).is_none())
        .collect();
    if !absent.is_empty() {
        let absent = absent.join(", ");
        return Some(format!(
            "found no {absent} (cargo xtask setup --slurm-test)"
        ));
    }
    (!is_root()).then(|| "Slurm's daemons need root".to_owned())
}

/// The path of a program. /usr/sbin, where daemons are, is searched even if PATH does not have it.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    let mut paths = folders.map(|folder| folder.join(program));
    paths.find(|path| path.is_file())
}

/// Whether this program runs as root.
pub fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
