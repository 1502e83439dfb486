//! Tests plans: which steps a recipe becomes and what each waits for, the arguments of the jobs, and the
//! expected times.

#![allow(clippy::unwrap_used)]

use super::cost::{Rates, Speed, Work};
use std::path::Path;

use super::*;
use crate::drive::device::Device;
use crate::drive::recipe;
use crate::drive::recipe::testing::read_text;

/// A recipe of two networks and two λ. Runs are guided at the final layer, and scored with the maps at the
/// input as well.
const RECIPE: &str = r#"
about = "A test."
[data]
dataset = "voc2007"
size = 224
limit = { train = 100, val = 10, test = 20 }
[[model]]
backbone = "resnet50"
init = "imagenet"
attribution = "ixg"
[[model]]
backbone = "bcos_resnet50"
init = "imagenet"
attribution = "bcos"
[baseline]
epochs = 3
learning_rate = 1e-3
batch_size = 4
[guided]
epochs = 2
learning_rate = 1e-4
batch_size = 4
[[guided.grid]]
layer = ["final"]
loss = ["energy"]
lambda = [0.1, 0.2]
evaluate = ["input"]
"#;

/// The plan of a recipe with this text.
fn plan(text: &str) -> Plan {
    Plan::new(&read_text(text).unwrap())
}

/// For each step its key and the keys of the steps it needs.
fn graph(plan: &Plan) -> Vec<String> {
    let key = |&index: &usize| plan.steps[index].key.as_str();
    let line = |step: &Step| {
        let after: Vec<&str> = step.after.iter().map(key).collect();
        format!("{} <- {}", step.key, after.join(" "))
    };
    plan.steps.iter().map(line).collect()
}

#[test]
fn a_plan_is_a_graph_from_the_data_to_the_report() {
    assert_eq!(
        graph(&plan(RECIPE)),
        [
            "data <- ",
            "baseline/1 <- data",
            "baseline/2 <- data",
            "score/1 <- baseline/1",
            "guided/1 <- data baseline/1",
            "guided/2 <- data baseline/1",
            "score/2 <- guided/1 guided/2",
            "score/3 <- baseline/2",
            "guided/3 <- data baseline/2",
            "guided/4 <- data baseline/2",
            "score/4 <- guided/3 guided/4",
            "report <- score/1 score/2 score/3 score/4",
        ]
    );
    // From ImageNet weights, guided runs need no baseline.
    let text = RECIPE.replace("[guided]", "[guided]\nstart = \"weights\"");
    assert_eq!(graph(&plan(&text))[4], "guided/1 <- data");
}

/// Steps of one run of each loss and layer are timed, once the runs are finished; a network that is guided at one layer
/// alone has nothing to compare.
#[test]
fn steps_are_timed_where_layers_are_compared() {
    let layers = |layers: &str| {
        let text = RECIPE.replace("layer = [\"final\"]", &format!("layer = {layers}"));
        let text = format!("{text}\n[evaluation]\nstep_times = 5\n");
        let plan = plan(&text);
        let of_times = graph(&plan).into_iter();
        of_times
            .filter(|line| line.starts_with("times"))
            .collect::<Vec<String>>()
    };
    let expected = [
        "times/1 <- guided/1 guided/3",
        "times/2 <- guided/5 guided/7",
    ];
    assert_eq!(layers("[\"final\", \"input\"]"), expected);
    assert!(layers("[\"final\"]").is_empty());
}

#[test]
fn every_step_of_every_recipe_needs_only_what_comes_before_it() {
    for file in fs_err::read_dir(crate::system::paths::root().join("recipes")).unwrap() {
        let file = file.unwrap().path();
        let experiment = recipe::read(Path::new("/"), file.to_str().unwrap(), None).unwrap();
        let plan = Plan::new(&experiment);
        for (index, step) in plan.steps.iter().enumerate() {
            assert!(step.after.iter().all(|&before| before < index), "{step:?}");
            assert!(plan.step(&step.key).unwrap().kind == step.kind, "{step:?}");
        }
    }
}

#[test]
fn jobs_are_what_is_not_done_and_what_they_wait_for() {
    let mut plan = plan(RECIPE);
    for key in ["data", "baseline/1", "score/1", "guided/1"] {
        let step = plan.steps.iter_mut().find(|step| step.key == key);
        step.unwrap().is_done = true;
    }
    let common = ["--out".to_owned(), "o".to_owned()];
    let wanted = |step: &Step| !step.is_done || step.is_to_check();
    let jobs = plan.jobs(wanted, &common, &Rates::default(), Device::Cpu);
    // The data is finished, but is run again, because data-prep then checks the folder.
    let keys: Vec<&str> = jobs.iter().map(|job| job.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "data",
            "baseline/2",
            "guided/2",
            "score/2",
            "score/3",
            "guided/3",
            "guided/4",
            "score/4",
            "report"
        ]
    );
    assert_eq!(jobs[2].args, ["--out", "o", "guided/2"]);
    // Indices of jobs, not of steps: guided/2 waits for the data alone, as its baseline is finished.
    assert_eq!(jobs[2].after, [0]);
    assert_eq!(jobs[3].after, [2]);
    assert_eq!(jobs[8].after, [3, 4, 7]);
    let with_device: Vec<bool> = jobs.iter().map(|job| job.needs_device).collect();
    assert_eq!(
        with_device,
        [false, true, true, true, true, true, true, true, false]
    );
}

/// Expected seconds of the step `key`.
fn seconds(plan: &Plan, key: &str, rates: &Rates, device: Device) -> f64 {
    rates.seconds(&plan.step(key).unwrap().work, device)
}

/// Asserts that two numbers are the same but for rounding.
fn close(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-6 * expected,
        "{found}, {expected}"
    );
}

/// Expected values by hand, from the rates of docs/benchmarks.md.
#[test]
fn costs_come_from_published_rates_until_there_are_measured_ones() {
    let plan = plan(RECIPE);
    let none = Rates::default();
    // A start, 3 epochs of 100 images at 0.101 s, 10 images explained at 0.3 of that.
    let baseline = 2.0 + 3.0 * 0.101 * (100.0 + 10.0 * 0.3);
    close(seconds(&plan, "baseline/1", &none, Device::Cpu), baseline);
    // Two runs of 2 epochs; a third of these 4 epochs (4/3 checkpoints) is expected to be chosen. Each checkpoint
    // is scored at the final layer and at the input: 30 images and two starts (val, test) for each layer.
    let score = 4.0 / 3.0 * (2.0 * 2.0 * 2.0 + 30.0 * 0.101 * (0.3 + 0.95));
    close(seconds(&plan, "score/2", &none, Device::Cpu), score);
    // However many epochs: 12 checkpoints at most, 9 times as many. Two runs of these have more than a u32 holds.
    let long = self::plan(&RECIPE.replace("epochs = 2", "epochs = 3000000000"));
    close(seconds(&long, "score/2", &none, Device::Cpu), 9.0 * score);
    // The same work for the B-cos network, at 468 images a second.
    let on_h200 = 2.0 + 3.0 * (100.0 + 10.0 * 0.3) / 468.0;
    close(seconds(&plan, "baseline/2", &none, Device::Cuda), on_h200);
    let half = plan_at_half_size();
    close(
        seconds(&half, "baseline/1", &none, Device::Cpu),
        2.0 + (baseline - 2.0) / 4.0,
    );

    let out = tempfile::tempdir().unwrap();
    let work = &plan.step("baseline/1").unwrap().work;
    Rates::record(out.path(), work, Device::Cpu, 2.0 * baseline).unwrap();
    let rates = Rates::read(out.path()).unwrap();
    close(
        seconds(&plan, "baseline/1", &rates, Device::Cpu),
        2.0 * baseline,
    );
    // What was not measured is expected to be slower by the same factor; another device is not affected.
    close(seconds(&plan, "score/2", &rates, Device::Cpu), 2.0 * score);
    close(seconds(&plan, "baseline/2", &rates, Device::Cuda), on_h200);
    // Twice as long the second time: the mean of both.
    Rates::record(out.path(), work, Device::Cpu, 4.0 * baseline).unwrap();
    let rates = Rates::read(out.path()).unwrap();
    close(
        seconds(&plan, "baseline/1", &rates, Device::Cpu),
        3.0 * baseline,
    );
    let nothing: [Work; 0] = [];
    Rates::record(out.path(), &nothing, Device::Cpu, 9.0).unwrap();
    assert_eq!(
        toml::to_string(&Rates::read(out.path()).unwrap()).unwrap(),
        toml::to_string(&rates).unwrap()
    );
}

/// Of a B-cosified ResNet-50 no time was measured: it takes as many times a ResNet-50's as EfficientNet-Lite0's takes of
/// its own network's, 0.1 s over 0.033 s.
#[test]
fn a_bcosified_network_costs_as_many_times_its_ordinary_one() {
    let text = RECIPE.replace("bcos_resnet50", "bcosified_resnet50");
    let plan = plan(&text);
    for device in [Device::Cpu, Device::Cuda] {
        let training = |key| seconds(&plan, key, &Rates::default(), device) - 2.0;
        let ordinary = training("baseline/1");
        close(training("baseline/2"), ordinary * 0.1 / 0.033);
    }
}

/// How faithful maps are is measured of one checkpoint where guided runs begin from a baseline, and else of all that
/// are scored: here of 4/3, by 5 pairs, at each of two layers.
#[test]
fn faithfulness_costs_as_much_as_is_measured() {
    let text = format!("{RECIPE}[evaluation]\nfaithfulness = 5\n");
    let from_weights = text.replace("[guided]", "[guided]\nstart = \"weights\"");
    let one = 2.0 * (2.0 + 5.0 * 130.0 * 0.25 * 0.101);
    for (text, n_guided) in [(text, 1.0), (from_weights, 4.0 / 3.0)] {
        for (key, n_measured) in [("score/1", 1.0), ("score/2", n_guided)] {
            let of = |text: &str| seconds(&plan(text), key, &Rates::default(), Device::Cpu);
            close(of(&text) - of(&without(&text)), n_measured * one);
        }
    }
}

/// The recipe `text` without its table `[evaluation]`, which is the last.
fn without(text: &str) -> String {
    text.split("[evaluation]").next().unwrap().to_owned()
}

/// A training step of one network took twice as long here as the tables say.
#[test]
fn a_pace_stands_in_for_rates_until_steps_have_finished() {
    let experiment = read_text(RECIPE).unwrap();
    let plan = Plan::new(&experiment);
    let of_tables = |key: &str| seconds(&plan, key, &Rates::default(), Device::Cpu);
    let mut paces = Rates::default();
    let image = [Work::plain_image("resnet50", 112)];
    let as_expected = Rates::default().seconds(&image, Device::Cpu);
    paces.add(&image, Device::Cpu, 2.0 * as_expected);
    let said = |rates: &Rates, device| {
        let speed = Speed {
            device,
            n_devices: 1,
        };
        plan.describe(&experiment, Path::new("out"), rates, speed)
    };

    let rates = Rates::default().with_paces(paces.clone());
    // Of the other network it is only known how fast the machine is.
    for key in ["baseline/1", "guided/1", "score/2", "baseline/2"] {
        close(
            seconds(&plan, key, &rates, Device::Cpu),
            2.0 * of_tables(key),
        );
    }
    let on_cpu = said(&rates, Device::Cpu);
    let left = duration(
        2.0 * plan
            .steps
            .iter()
            .map(|step| of_tables(&step.key))
            .sum::<f64>(),
    );
    let expected = format!("about {left} left (at the pace measured on this machine)");
    assert!(on_cpu.contains(&expected), "{on_cpu}\nnot {expected}");
    let on_gpu = said(&rates, Device::Cuda);
    assert!(on_gpu.contains("docs/benchmarks.md, one H200"), "{on_gpu}");

    // The other network's baseline has finished, three times slower.
    let out = tempfile::tempdir().unwrap();
    let work = &plan.step("baseline/2").unwrap().work;
    let took = 3.0 * of_tables("baseline/2");
    Rates::record(out.path(), work, Device::Cpu, took).unwrap();
    let rates = Rates::read(out.path()).unwrap().with_paces(paces);
    close(
        seconds(&plan, "guided/1", &rates, Device::Cpu),
        2.0 * of_tables("guided/1"),
    );
    close(
        seconds(&plan, "guided/3", &rates, Device::Cpu),
        3.0 * of_tables("guided/3"),
    );
    let on_cpu = said(&rates, Device::Cpu);
    assert!(
        on_cpu.contains("(at the rates measured in this folder)"),
        "{on_cpu}"
    );
    // No pace is kept among the rates.
    let kept = Rates::read(out.path()).unwrap();
    assert_eq!(
        toml::to_string(&kept).unwrap(),
        toml::to_string(&rates).unwrap()
    );
}

/// The plan of the same recipe at 112×112 instead of 224×224, a quarter of the pixels.
fn plan_at_half_size() -> Plan {
    plan(&RECIPE.replace("224", "112"))
}

#[test]
fn durations_read_as_people_say_them() {
    let cases = [
        (0.0, "–"),
        (0.2, "1 s"),
        (89.0, "89 s"),
        (91.0, "2 min"),
        (5390.0, "90 min"),
        (5400.0, "1.5 h"),
        (259_000.0, "71.9 h"),
        (864_000.0, "10 days"),
    ];
    for (seconds, expected) in cases {
        assert_eq!(duration(seconds), expected);
    }
}
