//! The program `trainer`: its command line and one function for each subcommand. Output for scripts goes to
//! stdout, everything else to stderr. The exit code is 0 when done, 2 after an error, and 75 if `train` or
//! `predict` was stopped by a signal; the same command then resumes the run, or begins the prediction anew.
//! `predict` ends with 1 if it left images out.
//!
//! A run is one training; its folder is named by its id, a hash of all that decides the result. λ is the weight
//! of the loss on attribution maps (the localization loss); a baseline is a run without it. A checkpoint is the
//! weights after an epoch that the run kept. EPG, the energy pointing game, is the share of a map's positive
//! attribution inside the boxes of its class.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::{Args, Parser, Subcommand};
use data_prep::dataset::{Dataset, Split, Task};
use tch::Device;
use trainer::explain::arguments::NetworkArgs;
use trainer::explain::attribution::Attribution;
use trainer::explain::explanations::Bounds;
use trainer::explain::grid_pointing_game::Game;
use trainer::explain::{colour, grid_pointing_game, stream};
use trainer::faithfulness;
use trainer::machine::stop::{self, Stop};
use trainer::machine::{device, process};
use trainer::names::Layer;
use trainer::predict;
use trainer::run::config::RunConfig;
use trainer::run::finished::FinishedRun;
use trainer::run::folder::RunFolder;
use trainer::run::resolved::ResolvedRun;
use trainer::run::state::State;
use trainer::run::{kept, select};
use trainer::say;
use trainer::train::step_times;
use trainer::train::training::{self, Outcome};
use trainer::vocabulary::Vocabulary;
use trainer::weights::commands::{self, ImportArgs};
use trainer::weights::export;
use trainer::weights::network::NetworkOptions;

/// Trains image classifiers with a loss on their own explanations, and explains them.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a run to its end; a finished one is skipped, a stopped one goes on at its step, a broken
    /// one after its last whole epoch. Prints the run's folder. SIGINT (Ctrl-C), SIGTERM, SIGHUP and
    /// SIGUSR2 finish the step, save and end with exit code 75.
    Train {
        #[command(flatten)]
        run: RunArgs,
        /// A file (JSON) that always says how far it is: epoch, step, curves so far
        #[arg(long, value_name = "FILE")]
        progress: Option<PathBuf>,
        #[command(flatten)]
        machine: MachineArgs,
    },
    /// Print a run's id and state (absent, partial N, damaged, finished), separated by a tab.
    State(StateArgs),
    /// Print which checkpoints stand for runs that differ in λ and seed alone, as run id and epoch,
    /// separated by a tab: the Pareto set over all their epochs on validation (F1, EPG, IoU); of an unguided run the
    /// epoch with the highest F1.
    Select {
        /// Folders of finished runs
        #[arg(required = true)]
        runs: Vec<PathBuf>,
        /// Print one checkpoint alone: the highest validation EPG where F1 is at most one point below
        /// that of the baseline in this folder
        #[arg(long, value_name = "BASELINE")]
        against: Option<PathBuf>,
    },
    /// Write the attribution maps of a checkpoint as an Arrow IPC stream, and its logits.
    Explain(ExplainArgs),
    /// Write the logits, attribution maps and overlays of images that need no annotations. Exit codes: 0 all
    /// images, 1 some left out (--on-error skip), 2 failed, 75 stopped by a signal, and nothing is left.
    Predict {
        #[command(flatten)]
        images: Box<predict::Arguments>,
        #[command(flatten)]
        machine: MachineArgs,
    },
    /// Play the grid pointing game: images of different classes side by side, and how much of each
    /// class's positive attribution lies on its own. Writes a table, prints its percentiles.
    GridPointingGame(GameArgs),
    /// Measure how faithful maps are: insertion and deletion, the logit without the object or all else, and maps of
    /// random weights. Writes a table, prints its means.
    Faithfulness {
        #[command(flatten)]
        measured: Box<faithfulness::Arguments>,
        #[command(flatten)]
        machine: MachineArgs,
    },
    /// Print the names that a configuration may use: networks, attribution methods, losses and more.
    Vocabulary {
        /// As one JSON object
        #[arg(long, required = true)]
        json: bool,
    },
    /// Convert a PyTorch or safetensors weight file, or a network that PyTorch exported (torch.export.save,
    /// .pt2), executing nothing in it.
    Import(Box<ImportArgs>),
    /// Print the layers, head and input of a network that PyTorch exported, or of one that was imported.
    Describe {
        /// A .pt2 file of torch.export.save, or what trainer import made of one
        file: PathBuf,
        #[command(flatten)]
        network: Box<NetworkOptions>,
        /// As one JSON object, as in trainer vocabulary
        #[arg(long)]
        json: bool,
    },
    /// Make weights of a B-cosified network of those of an ordinary one: the same logits, to be fine-tuned to a
    /// B-cos network.
    Bcosify {
        /// A weight file that trainer import made, or a run's checkpoint
        weights: PathBuf,
        /// The safetensors file to write
        #[arg(long)]
        out: PathBuf,
    },
    /// Print the seconds that a plain training step takes this machine's CPU for each image.
    Pace {
        /// A network's name, or the file of one that was imported or exported
        network: String,
        #[command(flatten)]
        options: Box<NetworkOptions>,
        /// Height and width of the images (default: those that the network was exported for, else 224)
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4096))]
        size: Option<u32>,
        /// Images in a step
        #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
        batch_size: u32,
    },
    /// Time training steps of finished runs in turn, which is how guidance at different layers is compared. Writes a
    /// table, prints the median seconds of each run.
    StepTimes {
        /// Folders of finished runs on the same data
        #[arg(required = true, num_args = 2..)]
        runs: Vec<PathBuf>,
        /// Steps of each run; one before these does not count
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(2..))]
        rounds: u16,
        /// File for the times (Parquet): in the folder times of an out folder, where the report finds it
        #[arg(long)]
        out: PathBuf,
        #[command(flatten)]
        machine: MachineArgs,
    },
    /// Write a run's weights for torchvision, the X-DNN code or the bcos package to load.
    Export {
        /// A finished run's folder
        #[arg(long)]
        run: PathBuf,
        /// A kept epoch (default: the one with the highest validation F1)
        #[arg(long)]
        checkpoint: Option<i32>,
        /// Put before every name (default: what the package's model has; the paper's official B-cos
        /// code wants "0.")
        #[arg(long)]
        prefix: Option<String>,
        /// The safetensors file to write
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Args)]
struct RunArgs {
    /// The run's configuration (TOML)
    #[arg(long)]
    config: PathBuf,
    /// A data folder made by data-prep
    #[arg(long)]
    data: PathBuf,
    /// Where runs lie; the run gets a folder named by its id
    #[arg(long)]
    out: PathBuf,
}

/// The device and the number of threads.
#[derive(Args)]
struct MachineArgs {
    /// auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    /// CPU threads that compute or prepare images at a time (default: all cores)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl MachineArgs {
    /// Limits the threads. To be called before anything is computed.
    fn bound_threads(&self) -> Result<()> {
        match self.threads {
            Some(n) => device::bound_threads(n).context("--threads"),
            None => Ok(()),
        }
    }

    fn device(&self) -> Result<Device> {
        device::choose(&self.device).map_err(|reason| anyhow!(reason))
    }
}

#[derive(Args)]
struct StateArgs {
    /// A run's configuration (TOML); may be given several times
    #[arg(long, required = true)]
    config: Vec<PathBuf>,
    /// A data folder made by data-prep
    #[arg(long)]
    data: PathBuf,
    /// Where runs lie
    #[arg(long)]
    out: PathBuf,
}

#[derive(Args)]
struct ExplainArgs {
    #[command(flatten)]
    network: NetworkArgs,
    /// The data folder the run was trained on
    #[arg(long)]
    data: PathBuf,
    /// train, val or test
    #[arg(long, default_value = "test")]
    split: Split,
    /// conventional or reversed (default: the run's own); the maps then are of that task's classes
    #[arg(long)]
    task: Option<Task>,
    /// File for the maps (Arrow IPC stream), or - for stdout
    #[arg(long)]
    maps: PathBuf,
    /// File for the logits (Parquet)
    #[arg(long)]
    predictions: Option<PathBuf>,
    /// File for B-cos explanations in colour (Arrow IPC stream of 8-bit RGBA), for B-cos networks
    #[arg(long)]
    colour: Option<PathBuf>,
    /// Average the colours' strength over a square of so many pixels a side (an odd number)
    #[arg(long, default_value_t = 1, value_parser = odd)]
    smooth: usize,
    #[command(flatten)]
    machine: MachineArgs,
}

#[derive(Args)]
struct GameArgs {
    /// A finished run's folder
    #[arg(long)]
    run: PathBuf,
    /// A kept epoch (default: the one with the highest validation F1)
    #[arg(long)]
    checkpoint: Option<i32>,
    /// The data folder the run was trained on
    #[arg(long)]
    data: PathBuf,
    /// train, val or test
    #[arg(long, default_value = "val")]
    split: Split,
    /// An attribution method, such as ixg (default: the run's own)
    #[arg(long)]
    attribution: Option<Attribution>,
    /// input, mid1, mid2, mid3 or final (default: the run's own)
    #[arg(long)]
    layer: Option<Layer>,
    /// Images a side
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=8))]
    n: u8,
    /// Grids at most; no image is used twice
    #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..))]
    grids: u32,
    /// Average maps over a square of so many pixels a side (an odd number)
    #[arg(long, default_value_t = 1, value_parser = odd)]
    smooth: usize,
    /// Images must be recognised with more than this confidence
    #[arg(long, value_name = "0..1", default_value_t = 0.5)]
    confidence: f64,
    /// Seed of the classes drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// File for the scores (Parquet)
    #[arg(long)]
    out: PathBuf,
    #[command(flatten)]
    machine: MachineArgs,
}

/// Parses an odd number: a square of so many pixels a side has a middle pixel.
fn odd(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(value) if value % 2 == 1 => Ok(value),
        _ => Err("expected an odd number of pixels".to_owned()),
    }
}

fn main() -> ExitCode {
    process::settle();
    let result = match Cli::parse().command {
        Command::Train {
            run,
            progress,
            machine,
        } => match train_command(&run, progress.as_deref(), &machine) {
            Ok(Outcome::Stopped { epoch, steps, of }) => {
                say!("stopped in epoch {epoch} after step {steps} of {of}: run again to go on");
                return ExitCode::from(stop::EXIT_CODE);
            }
            result => result.map(|_| ()),
        },
        Command::State(args) => state_command(&args),
        Command::Select { runs, against } => select_command(&runs, against.as_deref()),
        Command::Explain(args) => explain_command(&args),
        Command::Predict { images, machine } => match predict_command(&images, &machine) {
            Ok(predict::Outcome::Stopped) => return ExitCode::from(stop::EXIT_CODE),
            Ok(predict::Outcome::Finished { skipped: 1.. }) => return ExitCode::from(1),
            result => result.map(|_| ()),
        },
        Command::GridPointingGame(args) => game_command(&args),
        Command::Faithfulness { measured, machine } => faithfulness_command(&measured, &machine),
        Command::Vocabulary { json: _ } => vocabulary_command(),
        Command::Import(args) => commands::import_command(&args),
        Command::Pace {
            network,
            options,
            size,
            batch_size,
        } => commands::pace_command(&network, &options, (size, batch_size)),
        Command::StepTimes {
            runs,
            rounds,
            out,
            machine,
        } => step_times_command(&runs, rounds, &out, &machine),
        Command::Bcosify { weights, out } => commands::bcosify_command(&weights, &out),
        Command::Describe {
            file,
            network,
            json,
        } => commands::describe_command(&file, &network, json),
        Command::Export {
            run,
            checkpoint,
            prefix,
            out,
        } => export_command(&run, checkpoint, prefix.as_deref(), &out),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say!("error: {}", data_prep::error::one_line(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

impl RunArgs {
    /// Reads the configuration and opens the data set for its task.
    fn resolve(&self) -> Result<(ResolvedRun, Dataset, RunFolder)> {
        let dataset = Dataset::open(&self.data)?;
        let config = RunConfig::read(&self.config)?;
        config.check_warmup(&self.config, dataset.indices(Split::Train).len())?;
        let dataset = dataset.with_task(config.task)?;
        let run = ResolvedRun::new(config, &dataset)?;
        let folder = RunFolder::new(&self.out, &run.run_id);
        Ok((run, dataset, folder))
    }
}

fn train_command(
    args: &RunArgs,
    progress: Option<&Path>,
    machine: &MachineArgs,
) -> Result<Outcome> {
    let stop = Stop::on_signals().context("signal handlers")?;
    machine.bound_threads()?;
    let (run, dataset, folder) = args.resolve()?;
    match State::of(&folder) {
        State::Finished => {
            kept::tidy(&folder)?; // a program killed at the very end leaves that to the next
            say!("run {} ({}) is finished", run.run_id, run.config.name);
        }
        state => {
            let device = machine.device()?;
            let resumed = if let State::Partial(epochs) = state {
                format!(", going on after epoch {epochs}")
            } else {
                String::new()
            };
            say!(
                "run {} ({}) on {}{resumed}",
                run.run_id,
                run.config.name,
                device::describe(device)
            );
            let outcome = training::train(&run, &dataset, &folder, device, progress, &stop)?;
            if outcome != Outcome::Finished {
                return Ok(outcome);
            }
        }
    }
    println!("{}", folder.dir.display());
    Ok(Outcome::Finished)
}

fn select_command(folders: &[PathBuf], against: Option<&Path>) -> Result<()> {
    let runs: Vec<_> = folders
        .iter()
        .map(|folder| FinishedRun::open(folder))
        .collect::<Result<_, _>>()?;
    let chosen = match against {
        None => select::select(&runs)?,
        Some(baseline) => {
            let baseline = FinishedRun::open(baseline)?;
            select::select_one(&runs, &baseline)?.into_iter().collect()
        }
    };
    for (run, epoch) in chosen {
        println!("{}\t{epoch}", runs[run].run_id);
    }
    Ok(())
}

fn state_command(args: &StateArgs) -> Result<()> {
    // The data set, opened once for each task that a configuration has.
    let mut opened: Vec<Dataset> = Vec::new();
    for file in &args.config {
        let config = RunConfig::read(file)?;
        let known = opened.iter().position(|data| data.task() == config.task);
        let index = match known {
            Some(index) => index,
            None => {
                opened.push(Dataset::open(&args.data)?.with_task(config.task)?);
                opened.len() - 1
            }
        };
        let run = ResolvedRun::new(config, &opened[index])?;
        let state = State::of(&RunFolder::new(&args.out, &run.run_id));
        println!("{}\t{state}", run.run_id);
    }
    Ok(())
}

fn explain_command(args: &ExplainArgs) -> Result<()> {
    args.machine.bound_threads()?;
    let (subject, _) = args.network.subject()?;
    let dataset = Dataset::open(&args.data)?.with_task(args.task.unwrap_or(subject.task))?;
    let device = args.machine.device()?;
    let request = stream::Request {
        split: args.split,
        attribution: args.network.attribution,
        layer: args.network.layer,
        bounds: args.network.bounds(),
    };
    let predictions = args.predictions.as_deref();
    if let Some(path) = &args.colour {
        let smooth = args.smooth as i64;
        data_prep::atomic::write(path, |file| {
            colour::explain(&subject, &dataset, &request, device, smooth, file)
        })?;
    }
    if args.maps.as_os_str() == "-" {
        return Ok(stream::explain(
            &subject,
            &dataset,
            &request,
            device,
            std::io::stdout().lock(),
            predictions,
        )?);
    }
    data_prep::atomic::write(&args.maps, |file| {
        stream::explain(&subject, &dataset, &request, device, file, predictions)
    })?;
    Ok(())
}

fn predict_command(args: &predict::Arguments, machine: &MachineArgs) -> Result<predict::Outcome> {
    let stop = Stop::on_signals().context("signal handlers")?;
    machine.bound_threads()?;
    Ok(predict::predict(args, machine.device()?, &stop)?)
}

fn game_command(args: &GameArgs) -> Result<()> {
    args.machine.bound_threads()?;
    let run = FinishedRun::open(&args.run)?;
    let subject = stream::Subject::of_run(&run, args.checkpoint)?;
    let dataset = Dataset::open(&args.data)?.with_task(subject.task)?;
    let device = args.machine.device()?;
    let request = stream::Request {
        split: args.split,
        attribution: args.attribution,
        layer: args.layer,
        bounds: Bounds {
            // The default of --batch-size in other commands.
            images: 32,
            memory: None,
        },
    };
    let game = Game {
        n: usize::from(args.n),
        grids: args.grids as usize,
        smooth: args.smooth,
        confidence: args.confidence,
        seed: args.seed,
    };
    let scores = grid_pointing_game::play(&subject, &dataset, &request, game, device, &args.out)?;
    println!("{}", grid_pointing_game::summary(&scores));
    Ok(())
}

fn faithfulness_command(args: &faithfulness::Arguments, machine: &MachineArgs) -> Result<()> {
    machine.bound_threads()?;
    let values = faithfulness::measure(args, machine.device()?)?;
    println!("{}", faithfulness::summary(&values));
    Ok(())
}

fn step_times_command(
    runs: &[PathBuf],
    rounds: u16,
    out: &Path,
    machine: &MachineArgs,
) -> Result<()> {
    machine.bound_threads()?;
    let times = step_times::measure(runs, rounds, machine.device()?, out)?;
    let mut of_runs: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for time in &times {
        of_runs.entry(&time.run_id).or_default().push(time.seconds);
    }
    for (run_id, mut seconds) in of_runs {
        seconds.sort_by(f64::total_cmp);
        println!("{run_id}\t{}", seconds[seconds.len() / 2]);
    }
    Ok(())
}

fn vocabulary_command() -> Result<()> {
    println!("{}", serde_json::to_string_pretty(&Vocabulary::new())?);
    Ok(())
}

fn export_command(
    run: &Path,
    checkpoint: Option<i32>,
    prefix: Option<&str>,
    out: &Path,
) -> Result<()> {
    let run = FinishedRun::open(run)?;
    let (n_tensors, license) = export::export(&run, checkpoint, prefix, out)?;
    say!(
        "{n_tensors} tensors: {}\nlicence of the weights it began from: {license}",
        out.display()
    );
    Ok(())
}
