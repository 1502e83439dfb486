//! The command line: what each subcommand writes, and in which order. The Markdown table is the only
//! thing on standard output; what was written and what was left out goes to standard error.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::comparison::{self, Setting};
use crate::load::Results;
use crate::output::{File, csv, parquet, write_files};
use crate::{Error, Result, figure, report, table};

/// Result tables to the paper's tables, figures and report.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    /// What to make.
    #[command(subcommand)]
    pub command: Command,
}

/// What to make.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Table of test metrics (md, tex, csv, parquet), printed as well; all runs, epochs and metrics as one Parquet file each
    Tables(Folders),
    /// EPG against F1, and the training curves (svg, png)
    Figures(Folders),
    /// Tables, figures and one self-contained report.html
    Report(Folders),
}

/// Where to read and write.
#[derive(Debug, Args)]
pub struct Folders {
    /// Folder that holds runs/<run id>/ (and data/<dataset>/ for the names of groups)
    #[arg(long, value_name = "DIR")]
    pub results: PathBuf,
    /// Folder to write into
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Only this run, by its id; may be given several times (default: every run)
    #[arg(long = "run", value_name = "ID")]
    pub runs: Vec<String>,
}

/// Runs the command; its last line on standard error says what to open.
///
/// # Errors
/// The first table that is not as its schema says, or that a file cannot be written.
pub fn run(cli: &Cli) -> Result<()> {
    let (Command::Tables(folders) | Command::Figures(folders) | Command::Report(folders)) =
        &cli.command;
    let results = Results::load(&folders.results, &folders.runs)?;
    let (settings, notes) = comparison::settings(&results);
    let mut notes: Vec<String> = results.notes.iter().cloned().chain(notes).collect();
    if settings.is_empty() {
        for note in &notes {
            eprintln!("note: {note}");
        }
        return Err(Error::NoEvaluations {
            dir: folders.results.clone(),
        });
    }
    // All contents are made before anything is written: what is refused leaves the folder as it was.
    let (files, open) = match cli.command {
        Command::Tables(_) => (tables(&results, &settings)?, "table.md"),
        Command::Figures(_) => (figures(&results, &settings)?, "figures/pareto.svg"),
        Command::Report(_) => {
            let mut files = tables(&results, &settings)?;
            files.extend(figures(&results, &settings)?);
            let page = report::render(&results, &settings, &mut notes)?;
            files.push(File::new("report.html", page));
            (files, "report.html")
        }
    };
    let out = &folders.out;
    write_files(out, &files)?;
    if let Some(table) = files.iter().find(|file| file.name == "table.md") {
        print(&table.bytes)?;
    }
    notes.dedup();
    for note in notes {
        eprintln!("note: {note}");
    }
    for file in &files {
        eprintln!("wrote {}", out.join(&file.name).display());
    }
    eprintln!("open {}", out.join(open).display());
    Ok(())
}

fn tables(results: &Results, settings: &[Setting]) -> Result<Vec<File>> {
    let sections = table::sections(settings);
    let mut flat = table::flat::frame(settings).map_err(Error::polars(Path::new("table")))?;
    let mut files = vec![
        File::new("table.md", table::markdown::render(&sections)),
        File::new("table.tex", table::latex::render(&sections)),
        File::new("table.csv", csv(&mut flat)?),
    ];
    for (name, frame) in [
        ("table", &flat),
        ("runs", &results.run_frame),
        ("epochs", &results.epoch_frame),
        ("metrics", &results.metric_frame),
    ] {
        let bytes = parquet(&mut frame.clone(), name, &results.inputs)?;
        files.push(File::new(format!("{name}.parquet"), bytes));
    }
    Ok(files)
}

fn figures(results: &Results, settings: &[Setting]) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for drawn in figure::all(results, settings) {
        let png = figure::raster::png(&drawn)?;
        files.push(File::new(format!("figures/{}.svg", drawn.name), drawn.svg));
        files.push(File::new(format!("figures/{}.png", drawn.name), png));
    }
    Ok(files)
}

/// Prints to standard output; a reader that stops early (`| head`) is no failure.
fn print(text: &[u8]) -> Result<()> {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
