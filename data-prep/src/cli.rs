//! The command line of `data-prep`: parses what the user types and calls the library.
//!
//! Exit codes: 0 when everything is in the data folder, 1 when some items were skipped, 2 when the command
//! failed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use serde_json::json;

use crate::convert::{self, Exif, Existing, Limit, OnError, Options, Outcome};
use crate::error::Error;
use crate::inspect;
use crate::mask::geometry::Grid;
use crate::source::credit::Credit;
use crate::source::entry::Entry;
use crate::source::record::Source;
use crate::source::{self, Arrangement, Read, SOURCES};
use crate::store::tables::PROGRAM;
use crate::survey;
use crate::words;

#[derive(Debug, Args)]
struct Inspect {
    /// The data folder.
    dir: PathBuf,
    /// Where the contact sheets go [default: <DIR>/inspect].
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Vocabulary {
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Prepare {
    /// The data folder to make.
    #[arg(long, required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Print what would be read, as JSON, and write nothing; no image is opened.
    #[arg(long)]
    dry_run: bool,
    /// Height and width of the pixels.
    #[arg(long, default_value_t = 224, value_parser = clap::value_parser!(u16).range(8..=2048))]
    size: u16,
    /// At most N images of a split (a fixed choice by image id); may be given once per split.
    #[arg(long, value_name = "SPLIT=N", value_parser = parse_limit)]
    limit: Vec<Limit>,
    /// What to do with a broken image or annotation.
    #[arg(long, value_enum, default_value_t)]
    on_error: OnError,
    /// What to do with an image that a camera turned (EXIF orientation).
    #[arg(long, value_enum, default_value_t)]
    exif: Exif,
    #[command(flatten)]
    arrangement: Arrangement,
    /// Threads that parse, hash, decode and resize [default: one per core].
    #[arg(long)]
    threads: Option<usize>,
    /// Replace a data folder made from other inputs, or by another version of this program.
    #[arg(long)]
    overwrite: bool,
}

fn parse_limit(text: &str) -> Result<Limit, String> {
    let (split, count) = text
        .split_once('=')
        .ok_or_else(|| format!("found {text:?}, expected SPLIT=N, e.g. train=800"))?;
    Ok(Limit {
        split: split.parse()?,
        count: count
            .parse()
            .map_err(|_| format!("found {count:?}, expected a number of images"))?,
    })
}

/// Builds the program's commands: one for each source (a kind of published data set that can be read, such
/// as `voc`), and `inspect` and `vocabulary`.
fn command() -> Command {
    let sources = SOURCES.iter().map(|source| {
        // The options of this source alone, then those of `Prepare`.
        let options = (source.with_options)(Command::new(source.name));
        Prepare::augment_args(options)
            .about(source.title)
            .long_about(None)
    });
    Command::new("data-prep")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .about("Image data sets to mask tables and pixels")
        .after_help("Exit codes: 0 all images, 1 some skipped, 2 failed.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            // Described last: a struct of options would put its own comment in its place.
            Prepare::augment_args(Read::augment_args(Command::new("read")))
                .about("Own data: recognises the format of a folder")
                .long_about(None),
        )
        .subcommands(sources)
        .subcommand(Inspect::augment_args(Command::new("inspect").about(
            "Counts and contact sheets of a data folder, to see that it is right",
        )))
        .subcommand(Vocabulary::augment_args(
            Command::new("vocabulary").about("The sources and data sets that this program knows"),
        ))
}

/// Runs the command that the user typed and returns the program's exit code.
pub fn run() -> ExitCode {
    match execute(&command().get_matches()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {}", crate::error::one_line(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

/// Runs a command and returns the number of skipped items.
fn execute(matches: &ArgMatches) -> Result<usize> {
    let (name, options) = matches.subcommand().context("no command")?;
    match name {
        "inspect" => Inspect::from_arg_matches(options)?.run(),
        "vocabulary" => Vocabulary::from_arg_matches(options)?.run(),
        name => {
            let prepare = Prepare::from_arg_matches(options)?;
            if let Some(threads) = prepare.threads {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
                pool.build_global()?;
            }
            let out = prepare.out.clone().unwrap_or_default();
            // `read` is for the user's own data and recognises its format. Other commands name a source.
            let is_own = name == "read";
            // The data set's folder as the user named it, where the command has one.
            let root: Option<PathBuf>;
            let mut source = if is_own {
                let read = Read::from_arg_matches(options)?;
                // The folder named may be a data folder, made already.
                if let Some(made) = read.made().filter(|_| prepare.dry_run) {
                    return print(&survey::of_folder(made)?);
                }
                root = read.folder().map(Path::to_owned);
                read.open(&out, source::naming())?
            } else {
                let mut sources = SOURCES.iter();
                let source = sources.find(|source| source.name == name);
                let source = source.with_context(|| format!("no source {name}"))?;
                root = options.try_get_one("root").ok().flatten().cloned();
                (source.open)(options, &out, source::naming())?
            };
            credit(&mut source, root.as_deref());
            prepare.arrangement.apply(&mut source, is_own)?;
            match prepare.dry_run {
                true => print(&survey::of_source(&source, &prepare.limit)),
                false => prepare.run(source, &out).map_err(|error| match is_own {
                    true => with_hint(error, &out),
                    false => error,
                }),
            }
        }
    }
}

/// Completes the credit of `source`: where it is from, its licence and citation. For a published data set this
/// program knows it; for other data it comes from files such as CITATION.cff, in the folder `root` first, then in
/// those of [`Source::beside`].
fn credit(source: &mut Source, root: Option<&Path>) {
    if let Some(published) = source::published_credit(&source.name) {
        source.credit = published;
        return;
    }
    let folder = root.map(|root| match root.is_file() {
        true => root.parent().unwrap_or(root), // YOLO's data.yaml
        false => root,
    });
    let mut seen: Vec<&Path> = Vec::new();
    let beside = source.beside.iter().map(PathBuf::as_path);
    for folder in folder.into_iter().chain(beside) {
        if !seen.contains(&folder) {
            seen.push(folder);
            let (found, notes) = Credit::beside(folder);
            source.credit.fill(found);
            source.notes.extend(notes);
        }
    }
    if let Some(license) = &source.credit.license {
        source.notes.push(format!("licence: {license}"));
    }
}

/// Turns the error of a single broken item into [`Error::Problems`], whose message has the hint to leave the
/// item out. A problem of a table in the data folder `out` is not of an item, and stays as it is.
fn with_hint(error: anyhow::Error, out: &Path) -> anyhow::Error {
    match error.downcast::<Error>() {
        Ok(Error::Problem(one)) if Path::new(&one.file).parent() != Some(out) => {
            Error::Problems(vec![one]).into()
        }
        Ok(error) => error.into(),
        Err(error) => error,
    }
}

/// Prints JSON on standard output, and returns 0, the number of skipped items.
fn print(value: &serde_json::Value) -> Result<usize> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(0)
}

impl Inspect {
    fn run(&self) -> Result<usize> {
        let beside = || self.dir.join("inspect");
        let out = self.out.clone().unwrap_or_else(beside);
        let inspection = inspect::inspect(&self.dir, &out)?;
        println!("{}", inspection.summary);
        for sheet in inspection.sheets {
            println!("{}", sheet.display());
        }
        Ok(0)
    }
}

impl Vocabulary {
    /// Prints what other programs may ask this one for.
    fn run(&self) -> Result<usize> {
        if self.json {
            let entry = |source: &Entry| {
                json!({
                    "name": source.name,
                    "title": source.title,
                    "datasets": source.datasets,
                })
            };
            let vocabulary = json!({
                "program": PROGRAM,
                "sources": SOURCES.iter().map(entry).collect::<Vec<_>>(),
                "datasets": source::datasets(),
            });
            print(&vocabulary)?;
        } else {
            for source in SOURCES {
                println!("{:12} {}", source.name, source.title);
            }
            println!("data sets    {}", source::datasets().join(", "));
        }
        Ok(0)
    }
}

impl Prepare {
    /// Makes the data folder, says so on standard error, and returns the number of skipped items.
    fn run(&self, source: Source, out: &Path) -> Result<usize> {
        let (name, notes) = (source.name.clone(), source.notes.clone());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let options = Options {
            out: out.to_owned(),
            grid: Grid::square(usize::from(self.size)),
            limits: self.limit.clone(),
            on_error: self.on_error,
            exif: self.exif,
            threads: self.threads.unwrap_or(cores),
            existing: if self.overwrite {
                Existing::Replace
            } else {
                Existing::Keep
            },
        };
        let Outcome {
            images,
            skipped,
            remarks,
            perhaps_turned,
            was_complete,
        } = convert::run(source, &options)?;
        let out = out.display();
        let verb = if was_complete {
            "complete already"
        } else {
            "written"
        };
        for note in notes {
            eprintln!("{out}: {note}");
        }
        eprintln!("{out}: {name}, {}, {verb}", words::n_images(images));
        if perhaps_turned > 0 {
            eprintln!(
                "{out}: warning: {} that a camera turned the photo, and the annotations do not tell whether they \
                 mean the turned image: read as stored (--exif apply turns such images, --exif ignore leaves \
                 out this warning)",
                words::images(perhaps_turned, "says", "say")
            );
        }
        if remarks > 0 {
            eprintln!(
                "{out}: faults that cost no image and no object: {remarks}, listed in skipped.parquet"
            );
        }
        if skipped > 0 {
            eprintln!("{out}: {skipped} left out, listed in skipped.parquet");
        }
        Ok(skipped)
    }
}
