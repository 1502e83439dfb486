//! Formats the plan as the text that `reproduce` prints before the first step: a line for each step, and the
//! expected time.

use std::fmt::Write;
use std::path::Path;

use super::cost::{Rates, Speed};
use super::steps::Plan;
use crate::drive::device::Device;
use crate::drive::recipe::{Experiment, Origin};
use crate::system::paths;

impl Plan {
    /// The text: the recipe, one line for each step, and the expected time of those that are left.
    pub(crate) fn describe(
        &self,
        experiment: &Experiment,
        out: &Path,
        rates: &Rates,
        speed: Speed,
    ) -> String {
        let Experiment { name, about, .. } = experiment;
        let (n_baselines, n_guided) = (experiment.baselines.len(), experiment.guided.len());
        let mut text = format!("recipe {name}: {about}\n");
        let _ = writeln!(
            text,
            "{}, {} in {}; {}; everything goes to {}\n",
            counted(n_baselines, "baseline"),
            counted(n_guided, "guided run"),
            // Each baseline is a selection of its own; every other selection is a configuration.
            counted(experiment.selections.len() - n_baselines, "configuration"),
            networks(experiment),
            paths::shown(out)
        );
        let width = self.steps.iter().map(|step| step.title().chars().count());
        let width = width.max().unwrap_or(0);
        let keys = self.steps.iter().map(|step| step.key.len());
        let keys = keys.max().unwrap_or(0);
        for step in &self.steps {
            let (key, title) = (&step.key, step.title());
            let state = match step.is_done {
                true => "done".to_owned(),
                false => duration(rates.seconds(&step.work, speed.device)),
            };
            let _ = writeln!(text, "{key:<keys$}  {title:<width$}  {state}");
        }
        let n_done = self.steps.iter().filter(|step| step.is_done).count();
        let _ = write!(text, "\n{n_done} of {} steps done, ", self.steps.len());
        let left = self.seconds_left(rates, speed);
        if left <= 0.0 {
            text += "nothing left but the report";
            return text;
        }
        let source = match speed.device {
            device if rates.are_measured(device) => "at the rates measured in this folder",
            device if rates.have_paces(device) => "at the pace measured on this machine",
            Device::Cpu => "at the rates of docs/benchmarks.md, two idle CPU cores",
            Device::Cuda => "at the rates of docs/benchmarks.md, one H200 in f32",
        };
        let side_by_side = match speed.n_devices {
            1 => String::new(),
            n => format!(", {n} side by side"),
        };
        let left = duration(left);
        let _ = write!(text, "about {left} left ({source}{side_by_side})");
        if speed.device == Device::Cpu {
            let h200 = Speed {
                device: Device::Cuda,
                n_devices: 1,
            };
            let hours = self.seconds_left(&Rates::default(), h200) / 3600.0;
            let _ = write!(
                text,
                "\non one GPU about {hours:.1} hours, were it an H200 (docs/benchmarks.md, f32)"
            );
        }
        text
    }
}

/// Each data set with its networks: "voc2007 at 224×224 (resnet50 from ImageNet weights)".
fn networks(experiment: &Experiment) -> String {
    let of_data = |(index, data): (usize, &crate::drive::recipe::Data)| {
        let mut networks: Vec<String> = Vec::new();
        for run in &experiment.baselines {
            let weights = match (experiment.network(&run.backbone), run.origin) {
                (Some(network), _) => format!("the weights in {}", paths::shown(&network.file)),
                (None, Origin::Scratch) => "random weights".to_owned(),
                (None, Origin::Weights | Origin::Baseline(_)) => "ImageNet weights".to_owned(),
            };
            let network = format!("{} from {weights}", run.backbone);
            if run.data == index && !networks.contains(&network) {
                networks.push(network);
            }
        }
        let (name, size) = (data.name(), data.size);
        format!("{name} at {size}×{size} ({})", networks.join(", "))
    };
    let parts = experiment.data.iter().enumerate().map(of_data);
    parts.collect::<Vec<_>>().join("; ")
}

/// "1 step", "2 steps".
pub(crate) fn counted(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// Seconds as people read them: "40 s", "12 min", "3.5 h", "4 days"; nothing where there is no work.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds {
        ..=0.0 => "–".to_owned(),
        ..90.0 => format!("{:.0} s", seconds.max(1.0)),
        ..5400.0 => format!("{:.0} min", seconds / 60.0),
        ..259_200.0 => format!("{:.1} h", seconds / 3600.0),
        _ => format!("{:.0} days", seconds / 86_400.0),
    }
}
