//! The command line: what each subcommand writes, and in which order. The Markdown table is the only
//! thing on standard output; what was written and what was left out goes to standard error.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::comparison::{self, Setting};
use crate::load::Results;
use crate::output::{write_csv, write_parquet, write_text};
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
    let out = &folders.out;
    let (written, open) = match cli.command {
        Command::Tables(_) => (tables(&results, &settings, out)?, "table.md"),
        Command::Figures(_) => (figures(&results, &settings, out)?, "figures/pareto.svg"),
        Command::Report(_) => {
            let mut written = tables(&results, &settings, out)?;
            written.extend(figures(&results, &settings, out)?);
            let path = out.join("report.html");
            let page = report::render(&results, &settings, &mut notes)?;
            write_text(&path, &page)?;
            written.push(path);
            (written, "report.html")
        }
    };
    notes.dedup();
    for note in notes {
        eprintln!("note: {note}");
    }
    for path in &written {
        eprintln!("wrote {}", path.display());
    }
    eprintln!("open {}", out.join(open).display());
    Ok(())
}

fn tables(results: &Results, settings: &[Setting], out: &Path) -> Result<Vec<PathBuf>> {
    let sections = table::sections(settings);
    let markdown = table::markdown::render(&sections);
    let mut flat =
        table::flat::frame(settings).map_err(Error::polars(&out.join("table.parquet")))?;
    let files = |name: &str| out.join(name);
    write_text(&files("table.md"), &markdown)?;
    write_text(&files("table.tex"), &table::latex::render(&sections))?;
    write_csv(&files("table.csv"), &mut flat)?;
    write_parquet(&files("table.parquet"), &mut flat, "table", &results.inputs)?;
    for (name, schema, frame) in [
        ("runs.parquet", "runs", &results.run_frame),
        ("epochs.parquet", "epochs", &results.epoch_frame),
        ("metrics.parquet", "metrics", &results.metric_frame),
    ] {
        write_parquet(&files(name), &mut frame.clone(), schema, &results.inputs)?;
    }
    print(&markdown)?;
    let names = [
        "table.md",
        "table.tex",
        "table.csv",
        "table.parquet",
        "runs.parquet",
        "epochs.parquet",
        "metrics.parquet",
    ];
    Ok(names.map(files).to_vec())
}

fn figures(results: &Results, settings: &[Setting], out: &Path) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for drawn in figure::all(results, settings) {
        let svg = out.join("figures").join(format!("{}.svg", drawn.name));
        let png = svg.with_extension("png");
        write_text(&svg, &drawn.svg)?;
        let pixels = figure::raster::png(&drawn)?;
        crate::output::write(&png, |writer| Ok(writer.write_all(&pixels)?))?;
        written.extend([svg, png]);
    }
    Ok(written)
}

/// Prints to standard output; a reader that stops early (`| head`) is no failure.
fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
