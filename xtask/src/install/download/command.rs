//! Parses the arguments of `cargo xtask download`, and downloads a data set: for each part that is missing it
//! fetches the archives, unpacks them into a temporary folder, checks that, and moves it into place.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fs_err as fs;

use super::archive::{self, Limits};
use super::datasets::{self, Archive, Dataset, Part, Shares};
use super::fetch::{self, Patience, Request};
use crate::install::pip;
use crate::system::{disk, files, lock, paths, progress};

/// What may be said on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    dataset: Name,
    /// Folder for the data set [default: out/downloads/DATASET, in the repository]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A mirror: take URL/<file name> instead of the official addresses
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Keep the archives after unpacking them (in DIR/archives)
    #[arg(long)]
    keep_archives: bool,
}

// The data sets that can be downloaded.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Name {
    Voc2007,
    Coco2014,
}

/// How to download a data set.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// The folder of the data set.
    pub(super) out: PathBuf,
    /// The address of a mirror, instead of the official ones.
    pub(super) base_url: Option<String>,
    /// What to do with archives after unpacking them.
    pub(super) archives: Archives,
    pub(super) patience: Patience,
}

/// What to do with an archive after unpacking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Archives {
    Keep,
    Remove,
}

/// Runs `cargo xtask download`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let dataset = match args.dataset {
        Name::Voc2007 => datasets::voc2007(),
        Name::Coco2014 => datasets::coco2014(),
    };
    let default = || paths::root().join("out/downloads").join(dataset.name);
    let options = Options {
        out: args.out.clone().unwrap_or_else(default),
        base_url: args.base_url.clone(),
        archives: if args.keep_archives {
            Archives::Keep
        } else {
            Archives::Remove
        },
        patience: Patience::default(),
    };
    bring(&dataset, &options)?;
    println!("{}", options.out.display());
    eprintln!(
        "next: {}",
        dataset.next.replace("{}", &paths::shown(&options.out))
    );
    Ok(())
}

/// Downloads what is missing of `dataset`; refuses where another download works in the same folder.
pub(super) fn bring(dataset: &Dataset, options: &Options) -> Result<()> {
    // One program at a time: two would write into the same file. The system releases the lock when the
    // program ends.
    let lock = files::make_folder(&options.out)
        .and_then(|()| Ok(fs::File::create(options.out.join(".lock"))?))
        .with_context(|| {
            format!(
                "--out: {}: expected a folder to write in",
                options.out.display()
            )
        })?;
    if !lock::try_take(&lock)? {
        bail!(
            "--out: {}: found another download at work there, expected none",
            options.out.display()
        );
    }
    let brought = bring_missing(dataset, options);
    // Closing the file would release the lock, unless another thread has just forked a child that still has
    // the file open. An error means that the file system has no locks.
    lock.file().unlock().ok();
    brought
}

/// Downloads the parts that are missing. A part that is there but not complete is an error.
fn bring_missing(dataset: &Dataset, options: &Options) -> Result<()> {
    let mut missing = Vec::new();
    for part in &dataset.parts {
        let folder = options.out.join(part.folder);
        match part.contents.lacks(&folder) {
            None => eprintln!("{} is complete", paths::shown(&folder)),
            Some(lack) if folder.exists() => bail!(
                "{}: not complete: {lack}\nhint: move it away, or choose another --out",
                folder.display()
            ),
            Some(_) => missing.push(part),
        }
    }
    for part in &missing {
        let staging = staging(part, options);
        if staging.exists() {
            fs::remove_dir_all(&staging)?; // left by a program that was killed; its room is needed
        }
    }
    disk::require(&options.out, room(&missing, &store(options)))?;
    for part in &missing {
        bring_part(part, options).with_context(|| format!("{} {}", dataset.name, part.folder))?;
    }
    for part in &dataset.parts {
        let Some(shares) = &part.shares else { continue };
        bring_shares(shares, &options.out.join(part.folder), options).map_err(|error| {
            pip::hint(
                error.context(format!("{} {}", dataset.name, part.folder)),
                "all the rest is complete; without these files data-prep splits train2014 by its \
                 own documented rule",
            )
        })?;
    }
    Ok(())
}

/// The bytes still to be written for `parts`: what all archives unpack to, and the parts of the archives that no
/// earlier download has brought into the folder `store`.
pub(super) fn room(parts: &[&Part], store: &Path) -> u64 {
    let archives = parts.iter().flat_map(|part| &part.archives);
    let needed = |archive: &Archive| {
        let there = fetch::brought(&store.join(archive.file), archive.bytes);
        archive.unpacked + archive.bytes - there
    };
    archives.map(needed).sum()
}

/// The folder where archives are until they are unpacked.
fn store(options: &Options) -> PathBuf {
    options.out.join("archives")
}

/// The temporary folder into which a part is unpacked.
fn staging(part: &Part, options: &Options) -> PathBuf {
    let name = format!(".partial-{}", part.folder.replace('/', "-"));
    options.out.join(name)
}

/// Downloads, unpacks, checks and moves one part into place.
fn bring_part(part: &Part, options: &Options) -> Result<()> {
    let (store, staging) = (store(options), staging(part, options));
    files::make_folder(&store)?;
    for archive in &part.archives {
        let path = store.join(archive.file);
        let url = archive.url(options.base_url.as_deref());
        eprintln!("{url} ({})", progress::size(archive.bytes));
        let request = Request {
            url: &url,
            md5: Some(&archive.md5),
            max_bytes: archive.bytes.saturating_mul(2),
            patience: options.patience,
        };
        fetch::fetch(&request, &path)?;
    }
    for archive in &part.archives {
        // The archive with most files, train2014, has 82,783.
        let limits = Limits {
            bytes: archive.unpacked.saturating_mul(2),
            entries: 200_000,
        };
        let n_files = archive::unpack(&store.join(archive.file), archive.format, &staging, limits)?;
        eprintln!("{}: {n_files} files", archive.file);
    }
    let made = staging.join(part.folder);
    if let Some(lack) = part.contents.lacks(&made) {
        bail!("the archives are not what was expected: {lack}");
    }
    let folder = options.out.join(part.folder);
    if let Some(parent) = folder.parent() {
        files::make_folder(parent)?;
    }
    files::flush_all(&made)?;
    files::rename(&made, &folder)?;
    fs::remove_dir_all(&staging)?;
    if options.archives == Archives::Remove {
        for archive in &part.archives {
            fs::remove_file(store.join(archive.file))?;
        }
        fs::remove_dir(&store).ok(); // not empty while other parts' archives are on their way
    }
    eprintln!("{} is complete", paths::shown(&folder));
    Ok(())
}

impl Archive {
    /// The address of the archive, on the mirror `base` if given.
    fn url(&self, base: Option<&str>) -> String {
        format!(
            "{}/{}",
            base.unwrap_or(self.address).trim_end_matches('/'),
            self.file
        )
    }
}

/// Downloads the files of `shares` that `folder` lacks. They have no published checksum. The checksum of the
/// first download is written beside the file, and other contents are refused from then on.
fn bring_shares(shares: &Shares, folder: &Path, options: &Options) -> Result<()> {
    let mut missing = shares.files.clone();
    missing.retain(|file| !folder.join(file).is_file());
    // A mirror has them under their names. The official addresses do not have the name; the server sends it
    // in a header.
    let sources: Vec<(String, Option<String>)> = match options.base_url.as_deref() {
        Some(base) => missing
            .iter()
            .map(|file| {
                (
                    format!("{}/{file}", base.trim_end_matches('/')),
                    Some((*file).to_owned()),
                )
            })
            .collect(),
        None => shares
            .addresses
            .iter()
            .map(|address| (address.clone(), None))
            .collect(),
    };
    for (index, (url, name)) in sources.into_iter().enumerate() {
        if missing.is_empty() {
            break;
        }
        eprintln!("{url} (no published checksum)");
        let arriving = folder.join(format!(".share-{index}"));
        let request = Request {
            url: &url,
            md5: None,
            max_bytes: 2_000_000_000, // more than all official annotations together
            patience: options.patience,
        };
        let served = fetch::fetch(&request, &arriving)?;
        let name = name.or(served.file_name).unwrap_or_default();
        let Some(at) = missing.iter().position(|file| *file == name) else {
            fs::remove_file(&arriving)?; // another file that the same authors share
            continue;
        };
        accept_share(&url, &arriving, &folder.join(missing.swap_remove(at)))?;
    }
    if !missing.is_empty() {
        bail!("{}: none of the addresses serves it", missing.join(", "));
    }
    Ok(())
}

/// Checks the downloaded file `arriving`, records its checksum, and renames it to `path`.
fn accept_share(url: &str, arriving: &Path, path: &Path) -> Result<()> {
    let reader = std::io::BufReader::new(fs::File::open(arriving)?);
    serde_json::from_reader::<_, serde::de::IgnoredAny>(reader)
        .with_context(|| format!("{url}: expected JSON"))?;
    let mut pin = path.as_os_str().to_owned();
    pin.push(".sha256");
    let pin = PathBuf::from(pin);
    let found = pip::sha256(arriving)?;
    if pin.is_file() {
        let expected = fs::read_to_string(&pin)?;
        if expected.trim() != found {
            let expected = expected.trim();
            bail!(
                "{url}: sha256: found {found}, expected {expected} as in {}",
                pin.display()
            );
        }
    }
    files::write(&pin, &format!("{found}\n"))?;
    files::rename(arriving, path)?;
    eprintln!("{}: sha256 {found}, written down beside it", path.display());
    Ok(())
}
