//! Measures training steps and explanations of the three ResNet-50s: in milliseconds per image, in units of
//! a plain (unguided) step, and, where a checkout of the paper's official code is given, against that code.
//!
//! Our program and the official one each stay running and do every step in turn. A ratio is the median over
//! rounds of the ratio within a round, so that a change in the machine's load hits both. Training batches
//! are the same on both sides; explanations are made in the batches that each program uses by default. Peak
//! memory is measured in a fresh process for each kind of step.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::context::example;
use super::measure::median_of;
use super::python;
use super::table::number;
use crate::system::process::BinDir;

/// What may be said on the command line.
#[derive(Debug, clap::Args)]
#[group(skip)] // another is called Args, too
pub(super) struct Args {
    /// A checkout of the official code to measure training against
    #[arg(long, value_name = "DIR")]
    official: Option<PathBuf>,
    /// The Python that has what the official code needs [default: an environment made for it]
    #[arg(long, value_name = "FILE", requires = "official")]
    python: Option<PathBuf>,
    /// Networks to train
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "resnet50,xdnn_resnet50,bcos_resnet50"
    )]
    backbones: Vec<String>,
    /// Images in a batch of training
    #[arg(long, default_value_t = 8)]
    batch: u32,
    /// Images that the trainer explains at once [default: as `trainer explain`]
    #[arg(
        long,
        value_name = "N",
        default_value_t = 32,
        hide_default_value = true
    )]
    explain_batch: u32,
    /// Images in a batch of the official code's evaluation [default: as its --eval_batch_size]
    #[arg(long, value_name = "N", default_value_t = 4, hide_default_value = true)]
    official_explain_batch: u32,
    /// Height and width of the images
    #[arg(long, default_value_t = 224)]
    size: u32,
    /// CPU threads of either side
    #[arg(long, default_value_t = 2)]
    threads: u32,
    /// cpu or cuda:N, of either side
    #[arg(long, default_value = "cpu")]
    device: String,
    /// f32, tf32 or bf16; of the official code torch's options for the first two, tf32 beside bf16
    #[arg(long, default_value = "f32")]
    precision: String,
}

/// The timed steps: training without guidance, training guided at a layer, and explaining at a layer
/// (1.5 classes an image on average).
const STEPS: [&str; 5] = [
    "plain",
    "guided@input",
    "guided@final",
    "explain@input",
    "explain@final",
];

/// The goal on the CPU: our step takes at most so many times our plain step. None: no goal.
fn most_plain_steps(backbone: &str, step: &str) -> Option<f64> {
    match (step, backbone) {
        ("guided@input", "resnet50") => Some(2.8),
        ("guided@input", "xdnn_resnet50") => Some(2.4),
        ("guided@input", "bcos_resnet50") => Some(1.6),
        ("guided@final", _) => Some(1.1),
        _ => None,
    }
}

/// The goal against the official code: our step is at least so many times as fast. None: no goal.
fn least_times(device: &str, backbone: &str, step: &str) -> Option<f64> {
    match (step, backbone) {
        ("guided@input", _) if device != "cpu" => Some(2.0),
        ("explain@input", _) if device != "cpu" => Some(10.0),
        _ if device != "cpu" => None,
        ("guided@input", "xdnn_resnet50") => Some(1.3),
        ("guided@input", _) => Some(1.2),
        ("explain@input", _) => Some(3.0),
        ("explain@final", _) => Some(1.5),
        _ => None,
    }
}

/// What a program prints after a step, as JSON.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Reply {
    seconds_per_image: f64,
    /// Peak memory of the process so far; None where the system does not tell.
    peak_mib: Option<f64>,
}

/// A running program, ours or the official code's, that does the steps whose names it reads from its stdin.
struct Side {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Side {
    /// Starts `command` with pipes to its stdin and from its stdout.
    fn start(command: &mut Command) -> Result<Side> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // A waiting program must not keep the cores busy while the other one works.
            .env("OMP_WAIT_POLICY", "PASSIVE")
            .spawn()
            .with_context(|| format!("{command:?} could not be started"))?;
        Ok(Side {
            stdin: child.stdin.take(),
            stdout: BufReader::new(child.stdout.take().context("no pipe was made")?),
            child,
        })
    }

    /// Has the program do `step` and reads its reply. For "" it does nothing but reply.
    fn ask(&mut self, step: &str) -> Result<Reply> {
        let stdin = self.stdin.as_mut().context("no pipe was made")?;
        writeln!(stdin, "{step}")?;
        let mut reply = String::new();
        self.stdout.read_line(&mut reply)?;
        serde_json::from_str(&reply)
            .with_context(|| format!("{step}: found {reply:?}, expected a JSON object"))
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        drop(self.stdin.take()); // the end of its input ends the program
        let _ = self.child.wait();
    }
}

/// Measures each network and prints its tables: times always, memory on the CPU.
pub(super) fn run(args: &Args, programs: &BinDir, n_rounds: u32) -> Result<()> {
    let step_speed = example(programs, "step_speed")?;
    let official = match &args.official {
        Some(checkout) => {
            let python = args
                .python
                .clone()
                .map_or_else(python::ensure_official, Ok)?;
            Some((python, std::path::absolute(checkout)?))
        }
        None => None,
    };
    for backbone in &args.backbones {
        // Starts ours and, where given, the official code; `batches` are the batch sizes of the two.
        let start = |batches: [u32; 2]| {
            let ours = Command::new(&step_speed);
            let theirs = official.as_ref().map(|(python, checkout)| {
                let mut command = Command::new(python);
                command
                    .arg(python::script("official_steps.py"))
                    .arg(checkout);
                command
            });
            let sides = std::iter::once(ours).chain(theirs);
            // The official code has no bf16; tf32 is the nearest that it has.
            let official_precision = match args.precision.as_str() {
                "bf16" => "tf32",
                precision => precision,
            };
            let precisions = [args.precision.as_str(), official_precision];
            let sides = sides.zip(batches).zip(precisions);
            let sides = sides.map(|((mut command, batch), precision)| {
                command.args(["--backbone", backbone, "--device", &args.device]);
                command.args(["--precision", precision]);
                for (flag, value) in [
                    ("--batch", batch),
                    ("--size", args.size),
                    ("--threads", args.threads),
                ] {
                    command.arg(flag).arg(value.to_string());
                }
                Side::start(&mut command)
            });
            sides.collect::<Result<Vec<Side>>>()
        };
        println!(
            "### {backbone}, {size} × {size}, {}, {}, batches of {}\n",
            args.precision,
            match args.device.as_str() {
                "cpu" => format!("{} threads", args.threads),
                device => device.to_owned(),
            },
            args.batch,
            size = args.size
        );
        let explaining = [args.explain_batch, args.official_explain_batch];
        let sides = [start([args.batch; 2])?, start(explaining)?];
        println!("{}", times((&args.device, backbone), sides, n_rounds)?);
        let [ours, theirs] = explaining;
        println!(
            "Explanations in batches as each program makes them unasked: {ours} images, the official \
             code {theirs}.\n"
        );
        // The system counts its own memory, not a GPU's.
        if args.device == "cpu" {
            println!("{}", memory(backbone, || start([args.batch; 2]))?);
        }
    }
    Ok(())
}

/// A cell with a goal and whether it is met; empty without a goal.
fn judged(sign: &str, goal: Option<f64>, is_met: impl Fn(f64) -> bool) -> String {
    goal.map_or_else(String::new, |goal| {
        let reached = if is_met(goal) { "met" } else { "missed" };
        format!("{sign} {goal}: {reached}")
    })
}

/// The table of times: a row for every step. `sides` are the programs that train, then those that explain;
/// in each list ours is first and the official code second.
fn times(
    (device, backbone): (&str, &str),
    mut sides: [Vec<Side>; 2],
    n_rounds: u32,
) -> Result<String> {
    let n_sides = sides[0].len();
    // seconds[step][side][round]
    let mut seconds = STEPS.map(|_| vec![Vec::new(); n_sides]);
    for round in 0..=n_rounds {
        eprintln!("{backbone}: round {round} of {n_rounds}");
        for (step, seconds) in STEPS.iter().zip(&mut seconds) {
            let sides = &mut sides[usize::from(step.starts_with("explain"))];
            for (side, seconds) in sides.iter_mut().zip(seconds) {
                let reply = side.ask(step)?;
                // Round 0 warms up.
                if round > 0 {
                    seconds.push(reply.seconds_per_image);
                }
            }
        }
    }
    // The median over rounds of `over / under`.
    let ratio = |over: &[f64], under: &[f64]| {
        let pairs: Vec<(f64, f64)> = over.iter().copied().zip(under.iter().copied()).collect();
        median_of(&pairs, |(over, under)| over / under)
    };
    let mut table = String::from("| step | trainer, ms per image | in plain steps | goal |");
    if n_sides > 1 {
        table += " official code, ms per image | in its plain steps | official / trainer | goal |";
    }
    table += "\n|---|---:|---:|---|";
    if n_sides > 1 {
        table += "---:|---:|---:|---|";
    }
    for (step, of_step) in STEPS.iter().zip(&seconds) {
        write!(table, "\n| {step} |")?;
        for (side, own) in of_step.iter().enumerate() {
            let in_plain = ratio(own, &seconds[0][side]);
            write!(
                table,
                " {} | {} |",
                number(median_of(own, |s| 1000.0 * s)),
                number(in_plain)
            )?;
            if side == 0 {
                let goal = most_plain_steps(backbone, step).filter(|_| device == "cpu");
                write!(table, " {} |", judged("≤", goal, |most| in_plain <= most))?;
            } else {
                let times = ratio(own, &of_step[0]);
                let goal = judged("≥", least_times(device, backbone, step), |least| {
                    times >= least
                });
                write!(table, " {} | {goal} |", number(times))?;
            }
        }
    }
    Ok(table + "\n")
}

/// The table of peak memory: a row before the first step, and one for each of three kinds of step.
fn memory(backbone: &str, start: impl Fn() -> Result<Vec<Side>>) -> Result<String> {
    let mut table = String::from(
        "| peak memory, MiB | trainer | official code | official / trainer | goal |\n|---|---:|---:|---:|---|",
    );
    for step in ["", "plain", "guided@input", "explain@input"] {
        eprintln!(
            "{backbone}: memory of {}",
            if step.is_empty() { "no step" } else { step }
        );
        let mut peaks = Vec::new();
        for mut side in start()? {
            // The optimizer's state is allocated in the first step, so the peak is read after the second.
            side.ask(step)?;
            peaks.push(side.ask(step)?.peak_mib.unwrap_or(f64::NAN));
        }
        let name = if step.is_empty() {
            "before the first step"
        } else {
            step
        };
        write!(table, "\n| {name} | {:.0} |", peaks[0])?;
        match peaks.get(1) {
            Some(&theirs) => {
                let times = theirs / peaks[0];
                let goal = (step == "guided@input").then_some(1.0);
                let goal = judged("≥", goal, |least| times >= least);
                write!(table, " {theirs:.0} | {} | {goal} |", number(times))?;
            }
            None => write!(table, " | | |")?,
        }
    }
    Ok(table + "\n")
}
