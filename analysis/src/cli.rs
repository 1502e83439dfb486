//! Runs the commands of `analysis`: reads a results folder, makes tables, figures or the report of it,
//! and writes them. Standard output gets tables, or the report's summary, and nothing else; standard
//! error names the files that were written and what was left out. Doc comments of options are their
//! `--help`.
//!
//! Project terms: a run is one training; a setting is a group of runs that are trained and scored alike, so
//! that they can be compared; an exhibit is the figures and tables under one heading of the report.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand};
use polars::prelude::DataFrame;

use crate::exhibit::entry::Entry;
use crate::exhibit::list::EXHIBITS;
use crate::exhibit::made;
use crate::format::counted;
use crate::load::schema::{EPOCHS, METRICS, RUN};
use crate::load::{examples, gallery as small_maps};
use crate::model::comparison;
use crate::model::evidence::Evidence;
use crate::model::extremes::{Extremes, extremes};
use crate::model::results::Results;
use crate::model::setting::Setting;
use crate::query::{self, Query};
use crate::render::exhibit::Exhibit;
use crate::render::output::{File, csv, parquet};
use crate::render::table::parts::Table;
use crate::render::table::{flat, latex, long, markdown, runs, seeds};
use crate::render::{figure, gallery, page, summary, written};
use crate::{Error, Result, vocabulary};

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
    /// Tables (md, tex, csv, parquet), printed as well; all runs, epochs and metrics as one Parquet file each
    Tables(Choice),
    /// Figures (svg, png)
    Figures(Choice),
    /// Tables, figures, one self-contained report.html and a gallery of all test images; what was found is printed
    Report(Report),
    /// Metrics filtered, grouped and compared, printed and on request as Parquet
    Query(Query),
    /// The names of exhibits and claims, for other programs
    Vocabulary(Format),
}

/// What to read, what to show, and where to write.
#[derive(Debug, Args)]
pub struct Choice {
    /// Folder that holds runs/<run id>/ (and data/<dataset>/ for the names of groups and classes)
    #[arg(long, value_name = "DIR")]
    pub results: PathBuf,
    /// Folder to write into
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Only this run, by its id; may be given several times (default: every run)
    #[arg(long = "run", value_name = "ID")]
    pub runs: Vec<String>,
    /// Only this, beside the table of runs; may be given several times (default: all that there are runs for)
    #[arg(long = "show", value_name = "NAME", value_parser = shows())]
    pub shows: Vec<String>,
}

/// What to put into a report.
#[derive(Debug, Args)]
pub struct Report {
    /// What it is of.
    #[command(flatten)]
    pub choice: Choice,
    /// The most test images of a data set in the gallery; 0: no gallery
    #[arg(long, value_name = "N", default_value_t = 5000)]
    pub gallery: usize,
    /// A data folder that is not in data/ of the results, for the gallery's images and the names of classes; may be given several times
    #[arg(long = "data", value_name = "DIR")]
    pub data: Vec<PathBuf>,
}

/// How it is printed.
#[derive(Debug, Args)]
pub struct Format {
    /// As JSON
    #[arg(long, required = true)]
    pub json: bool,
}

/// The values of `--show`: the names of exhibits (figures and tables of the report), with help.
fn shows() -> PossibleValuesParser {
    let value = |entry: &Entry| PossibleValue::new(entry.name).help(entry.about);
    PossibleValuesParser::new(EXHIBITS.iter().map(value))
}

/// Runs the command; its last line on standard error says what to open.
///
/// # Errors
/// A table that does not fit its schema, or a file that cannot be written.
pub fn run(cli: &Cli) -> Result<()> {
    match &cli.command {
        Command::Query(query) => print(query::run(query)?.as_bytes()),
        Command::Vocabulary(_) => print(vocabulary::json()?.as_bytes()),
        Command::Tables(choice) => make(Output::Tables, choice, &[]),
        Command::Figures(choice) => make(Output::Figures, choice, &[]),
        Command::Report(Report {
            choice,
            gallery,
            data,
        }) => make(Output::Report { gallery: *gallery }, choice, data),
    }
}

/// What the command writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    Tables,
    Figures,
    /// With a gallery of at most so many images.
    Report {
        gallery: usize,
    },
}

/// Makes everything in memory first, then writes it. `data` are data folders that lie outside the results folder.
fn make(output: Output, choice: &Choice, data: &[PathBuf]) -> Result<()> {
    let results = Results::load(&choice.results, &choice.runs)?.with_data(data)?;
    let (settings, left_out) = comparison::settings(&results);
    let mut notes: Vec<String> = results.notes.iter().cloned().chain(left_out).collect();
    if settings.is_empty() {
        for note in &notes {
            eprintln!("note: {note}");
        }
        return Err(Error::NoEvaluations {
            dir: choice.results.clone(),
        });
    }
    // The checkpoints whose example maps are read.
    let shown = match output {
        Output::Tables => BTreeSet::new(),
        _ => selected(&settings),
    };
    let (kept, without) = examples::list(&results, &shown)?;
    notes.extend(without);
    // The pairs (an image and a class on it) that are shown as the worst, median and best of a setting.
    let extremes = extremes(&settings, &kept);
    let pairs = extremes.iter().flat_map(Extremes::pairs).collect();
    let examples = examples::load(&results, &shown, &pairs)?;
    let evidence = Evidence {
        results: &results,
        settings: &settings,
        examples: &examples,
        extremes: &extremes,
    };
    let (exhibits, missing) = made::make(&evidence, &choice.shows)?;
    if !choice.shows.is_empty() {
        let missing = missing.into_iter();
        notes.extend(missing.map(|(entry, why)| format!("{}: nothing to show: {why}", entry.name)));
    }
    notes.dedup();
    // All contents are made before anything is written, so an error leaves the folder as it was. `said`
    // is the text to print, `open` the file that the last line names.
    let of_runs = runs::table(&evidence);
    let of_seeds = seeds::table(&evidence);
    let (files, said, open) = match output {
        Output::Tables => {
            let files = tables(&evidence, &exhibits, &of_runs, of_seeds.as_ref())?;
            (
                files,
                printed(&exhibits, &of_runs, &choice.shows),
                "table.md",
            )
        }
        Output::Figures => (figures(&exhibits)?, String::new(), "figures"),
        Output::Report { gallery: most } => {
            let (shown, without) = make_gallery(&results, &settings, most)?;
            notes.extend(without);
            let mut files = tables(&evidence, &exhibits, &of_runs, of_seeds.as_ref())?;
            files.extend(figures(&exhibits)?);
            files.extend(shown);
            let page = page::render(
                &evidence,
                &exhibits,
                [Some(&of_runs), of_seeds.as_ref()],
                &files,
                &notes,
            )?;
            files.push(File::new("report.html", page));
            (files, summary::text(&evidence, &exhibits), "report.html")
        }
    };
    // The folders from which files of an earlier run of this program are removed.
    let cleaned: &[&str] = match output {
        Output::Tables => &["tables"],
        Output::Figures => &["figures"],
        Output::Report { .. } => &written::FOLDERS,
    };
    let [removed, changed] = written::write_files(&choice.out, &files, cleaned)?;
    print(said.as_bytes())?;
    for note in notes {
        eprintln!("note: {note}");
    }
    let in_gallery = |file: &&File| Path::new(&file.name).starts_with(gallery::FOLDER);
    for file in files.iter().filter(|file| !in_gallery(file)) {
        eprintln!("wrote {}", choice.out.join(&file.name).display());
    }
    match files.iter().filter(in_gallery).count() {
        0 => {}
        n => eprintln!(
            "wrote {} of {}",
            counted(n, "file"),
            choice.out.join(gallery::PAGE).display()
        ),
    }
    let folder = choice.out.join(gallery::FOLDER);
    for path in removed.iter().filter(|path| !path.starts_with(&folder)) {
        eprintln!("removed {}, of an earlier run", path.display());
    }
    match removed
        .iter()
        .filter(|path| path.starts_with(&folder))
        .count()
    {
        0 => {}
        n => eprintln!(
            "removed {} of {}, of an earlier run",
            counted(n, "file"),
            folder.display()
        ),
    }
    for path in changed {
        eprintln!(
            "note: {}: of an earlier run, but changed since, so it stays",
            path.display()
        );
    }
    eprintln!("open {}", choice.out.join(open).display());
    Ok(())
}

/// Makes the files of the gallery of at most `most` images of each data set, and notes on what it lacks.
fn make_gallery(
    results: &Results,
    settings: &[Setting],
    most: usize,
) -> Result<(Vec<File>, Vec<String>)> {
    if most == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    let (collections, mut notes) = small_maps::load(results, settings, most)?;
    let (files, without) = gallery::files(results, &collections)?;
    notes.extend(without);
    Ok((files, notes))
}

/// Returns (run id, epoch) of the checkpoint that validation chose for each run in each setting.
fn selected(settings: &[Setting]) -> BTreeSet<(String, i32)> {
    let rows = settings.iter().flat_map(|setting| &setting.rows);
    rows.map(|row| (row.run.run_id.clone(), row.selection.epoch))
        .collect()
}

/// Returns the text to print of `analysis tables`: the table of runs, or those of the exhibits that were
/// asked for.
fn printed(exhibits: &[Exhibit], of_runs: &Table, asked: &[String]) -> String {
    if asked.is_empty() {
        return markdown::render(of_runs);
    }
    let tables = exhibits.iter().flat_map(|exhibit| &exhibit.tables);
    tables.map(markdown::render).collect::<Vec<_>>().join("\n")
}

/// Makes the files of all tables: the table of runs, everything that was read as three Parquet files, and the
/// tables of seeds and exhibits.
fn tables(
    evidence: &Evidence,
    exhibits: &[Exhibit],
    of_runs: &Table,
    of_seeds: Option<&Table>,
) -> Result<Vec<File>> {
    let results = evidence.results;
    let in_memory = Error::polars(Path::new("table"));
    let flat = long::frame(evidence.settings).map_err(in_memory)?;
    let mut files = formats(of_runs, "table", flat, &results.inputs)?;
    // The task, which the evaluations have in their metadata, is no column of theirs.
    let metrics = results.metric_frame.drop("task");
    let metrics = metrics.map_err(Error::polars(Path::new("metrics")))?;
    for (spec, name, frame) in [
        (&RUN, "runs", &results.run_frame),
        (&EPOCHS, "epochs", &results.epoch_frame),
        (&METRICS, "metrics", &metrics),
    ] {
        let file = format!("{name}.parquet");
        let schema = (name, spec.version);
        let bytes = parquet(
            Path::new(&file),
            &mut frame.clone(),
            schema,
            &results.inputs,
        )?;
        files.push(File::new(file, bytes));
    }
    let of_exhibits = exhibits.iter().flat_map(|exhibit| &exhibit.tables);
    for table in of_seeds.into_iter().chain(of_exhibits) {
        let frame = flat::frame(table).map_err(Error::polars(Path::new(table.name)))?;
        let path = format!("tables/{}", table.name);
        files.extend(formats(table, &path, frame, &results.inputs)?);
    }
    Ok(files)
}

/// Makes the four files of a table: Markdown and LaTeX of `table`, CSV and Parquet of `flat`.
fn formats(table: &Table, path: &str, mut flat: DataFrame, inputs: &str) -> Result<Vec<File>> {
    let [csv_name, parquet_name] = ["csv", "parquet"].map(|ending| format!("{path}.{ending}"));
    let csv = csv(Path::new(&csv_name), &mut flat)?;
    let schema = (table.name, table.version);
    let parquet = parquet(Path::new(&parquet_name), &mut flat, schema, inputs)?;
    Ok(vec![
        File::new(format!("{path}.md"), markdown::render(table)),
        File::new(format!("{path}.tex"), latex::render(table)),
        File::new(csv_name, csv),
        File::new(parquet_name, parquet),
    ])
}

/// Makes the two files of every figure, SVG and PNG.
fn figures(exhibits: &[Exhibit]) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for drawn in exhibits.iter().flat_map(|exhibit| &exhibit.figures) {
        let png = figure::raster::png(drawn)?;
        let path = format!("figures/{}", drawn.name);
        files.push(File::new(format!("{path}.svg"), drawn.svg.as_str()));
        files.push(File::new(format!("{path}.png"), png));
    }
    Ok(files)
}

/// Prints to standard output. A reader that stops early (`| head`) is no error.
fn print(text: &[u8]) -> Result<()> {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}
