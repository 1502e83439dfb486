//! Parses the arguments of `cargo xtask status` and prints the answer, once or until the reproduction has ended.

use std::mem::{Discriminant, discriminant};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use console::Term;

use super::curves::Progress;
use super::standing::{Standing, standings};
use super::table::describe;
use crate::drive::plan::{PlanFile, counted};
use crate::drive::slurm;
use crate::drive::step::record;
use crate::install::pip;
use crate::system::lock::{self, Holder};
use crate::system::paths;

/// Command line of `status`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The recipe of a reproduction in out/<recipe>
    #[arg(long, default_value = "demo", conflicts_with = "out")]
    recipe: String,
    /// The folder it writes into
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Also those that are done or wait (followed in a terminal, where they fit)
    #[arg(long)]
    all: bool,
    /// Go on showing it, every few seconds, until all has ended (or Ctrl-C, which ends only this)
    #[arg(long, conflicts_with = "cancel")]
    follow: bool,
    /// Take the steps out of Slurm's queue, and end those at work, which save what they can
    #[arg(long)]
    cancel: bool,
}

/// How often `--follow` looks at the files.
const INTERVAL: Duration = Duration::from_secs(3);
/// How often Slurm is asked, which many share.
const SLURMS_INTERVAL: Duration = Duration::from_secs(10);
/// The width of the text, in characters, where the output is no terminal.
const COLUMNS: usize = 80;

/// Runs `cargo xtask status`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let out = match &args.out {
        Some(out) => out.clone(),
        None => paths::root().join("out").join(&args.recipe),
    };
    if !out.join("plan.toml").is_file() {
        bail!(
            "status: found no plan.toml in {}, expected the folder of a reproduction",
            paths::shown(&out)
        );
    }
    let queue = slurm::Queue::of(&out)?;
    // Not println!, which panics where the reader is gone.
    let terminal = Term::stdout();
    if args.cancel {
        let n_cancelled = counted(queue.cancel()?, "step");
        terminal.write_line(&format!("{n_cancelled} cancelled\n"))?;
    }
    let mut look = Look {
        out: &out,
        queue,
        error: String::new(),
    };
    if !args.follow {
        let columns = terminal.size_checked().map_or(COLUMNS, |(_, n)| n.into());
        let seen = look.once(columns, args.all)?;
        return Ok(terminal.write_str(&seen.text)?);
    }
    match terminal.is_term() {
        true => redraw(&mut look, args.all),
        false => print_changes(&mut look, &terminal, args.all),
    }
}

/// What is looked at.
struct Look<'a> {
    out: &'a Path,
    queue: slurm::Queue,
    /// Slurm's last error, which is printed once.
    error: String,
}

/// What was seen.
struct Seen {
    text: String,
    /// For each step its kind of state and its finished epochs: what is worth another block in a log.
    state: Vec<(Discriminant<Standing>, usize)>,
    /// How long to wait before the next look; None where all has ended.
    next: Option<Duration>,
}

impl Look<'_> {
    /// Looks once. `all` shows steps that are done or wait, too.
    fn once(&mut self, columns: usize, all: bool) -> Result<Seen> {
        let plan = PlanFile::read(self.out).map_err(|error| {
            let text =
                "the same cargo xtask reproduce as before writes it anew; nothing is made again";
            pip::hint(error, text)
        })?;
        // On a machine without Slurm the files still tell most of it.
        let slurm = self.queue.status().unwrap_or_else(|error| {
            let error = format!("{error:#}");
            if error != self.error {
                eprintln!("without what Slurm knows: {error}");
                self.error = error;
            }
            slurm::Status::default()
        });
        let standings = standings(self.out, &plan, &slurm);
        let mut text = describe(self.out, &plan, &standings, all, columns);
        if slurm.is_active() {
            text += &format!("\nin Slurm's queue:\n{}\n", slurm.counts());
        }
        let finished = |key: &str| Progress::read(self.out, key).map_or(0, |p| p.finished());
        let of_step = plan.step.iter().zip(&standings);
        let state = of_step.map(|(step, standing)| (discriminant(standing), finished(&step.key)));
        let is_at_work = standings.iter().any(Standing::is_at_work)
            || matches!(
                lock::holder(&record::reproduction_lock(self.out)),
                Holder::Another
            );
        Ok(Seen {
            text,
            state: state.collect(),
            next: is_at_work.then_some(match slurm.is_active() {
                true => SLURMS_INTERVAL,
                false => INTERVAL,
            }),
        })
    }
}

/// Shows the text in a terminal, each time in the place of the one before, until all has ended.
fn redraw(look: &mut Look, all: bool) -> Result<()> {
    let terminal = Term::buffered_stdout();
    let mut n_lines = 0;
    loop {
        let (rows, columns) = terminal.size();
        let (rows, columns) = (usize::from(rows), usize::from(columns));
        let mut seen = look.once(columns, all)?;
        if all && seen.text.lines().count() >= rows {
            seen = look.once(columns, false)?;
        }
        let lines: Vec<&str> = seen.text.lines().collect();
        // Lines that have scrolled out of the terminal cannot be cleared, so no more are printed than fit. Two rows
        // are for the line "… more" and for the cursor.
        let n_hidden = match lines.len() < rows {
            true => 0,
            false => lines.len() + 2 - rows,
        };
        terminal.clear_last_lines(n_lines)?;
        n_lines = lines.len() - n_hidden;
        if n_hidden > 0 {
            terminal.write_line(&format!("… {n_hidden} lines more"))?;
            n_lines += 1;
        }
        for line in &lines[n_hidden..] {
            terminal.write_line(&console::truncate_str(line, columns, "…"))?;
        }
        terminal.flush()?;
        match seen.next {
            Some(interval) => std::thread::sleep(interval),
            None => return Ok(()),
        }
    }
}

/// Prints the text whenever a step began or ended, or one of its epochs, until all has ended.
fn print_changes(look: &mut Look, terminal: &Term, all: bool) -> Result<()> {
    let mut shown = Vec::new();
    loop {
        let seen = look.once(COLUMNS, all)?;
        if seen.state != shown {
            let gap = if shown.is_empty() { "" } else { "\n" };
            terminal.write_str(&format!("{gap}{}", seen.text))?;
            shown = seen.state;
        }
        match seen.next {
            Some(interval) => std::thread::sleep(interval),
            None => return Ok(()),
        }
    }
}
