//! Makes exhibits (figures and tables of the report) from made-up results, and tests the numbers in their
//! tables, their file formats, and what they say is missing.

#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Part, Run, Value, reaches, results, write_step_times};
use polars::prelude::*;
use tempfile::TempDir;

/// The output folder and standard error of `analysis report`.
struct Made {
    out: TempDir,
    stderr: String,
}

/// Runs `analysis report` with a `--show` for each name; it must succeed.
fn show(results: &Path, names: &[&str]) -> Made {
    let out = TempDir::new().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_analysis"))
        .args(["report", "--results"])
        .arg(results)
        .arg("--out")
        .arg(out.path())
        .args(names.iter().flat_map(|name| ["--show", name]))
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    Made { out, stderr }
}

impl Made {
    fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.out.path().join(name)).unwrap()
    }

    fn table(&self, name: &str) -> DataFrame {
        let path = self.out.path().join(format!("tables/{name}.parquet"));
        ParquetReader::new(std::fs::File::open(path).unwrap())
            .finish()
            .unwrap()
    }

    /// A column of a table, as numbers.
    fn numbers(&self, table: &str, column: &str) -> Vec<Option<f64>> {
        let frame = self.table(table);
        let column = frame
            .column(column)
            .unwrap()
            .cast(&DataType::Float64)
            .unwrap();
        column.f64().unwrap().iter().collect()
    }

    fn texts(&self, table: &str, column: &str) -> Vec<String> {
        let frame = self.table(table);
        let column = frame.column(column).unwrap();
        let texts = column.str().unwrap().iter();
        texts
            .map(|text| text.unwrap_or_default().to_owned())
            .collect()
    }

    /// Asserts that the figure's SVG and PNG are there, and not empty (over 500 bytes).
    fn has_figure(&self, name: &str) {
        for format in ["svg", "png"] {
            let path = self.out.path().join(format!("figures/{name}.{format}"));
            assert!(
                fs_err::metadata(&path).unwrap().len() > 500,
                "{}",
                path.display()
            );
        }
    }
}

/// Asserts that the numbers differ by less than 1e-9 each.
fn close(found: &[Option<f64>], expected: &[Option<f64>]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (a, b) in found.iter().zip(expected) {
        match (a, b) {
            (Some(a), Some(b)) => assert!((a - b).abs() < 1e-9, "{found:?} {expected:?}"),
            (a, b) => assert_eq!(a, b, "{found:?} {expected:?}"),
        }
    }
}

/// The same run with another λ.
fn with(mut run: Run, lambda: f64) -> Run {
    run.lambda = Some(lambda);
    run
}

#[test]
fn a_front_pools_weights_and_its_table_says_which_checkpoint_was_chosen() {
    let energy = |id: &str, lambda, val: (f64, f64), f1, epg| {
        let mut run = with(Run::guided(id, "energy"), lambda);
        run.epochs = vec![(3, val.0, val.1)];
        run.scored(reaches(f1, epg))
    };
    let dir = results(&[
        Run::default().scored(reaches(0.80, 0.40)),
        // Each has λ, validation (F1, EPG), test F1 and test EPG. Validation chooses e2: e3 loses more than a point
        // of the baseline's F1 on validation.
        energy("e1", 0.1, (0.80, 0.50), 0.81, 0.50),
        energy("e2", 0.5, (0.795, 0.60), 0.79, 0.61),
        energy("e3", 1.0, (0.75, 0.70), 0.76, 0.71),
        // Dominated by e2 on test.
        energy("e4", 2.0, (0.78, 0.55), 0.78, 0.55),
    ]);
    let made = show(dir.path(), &["epg_f1"]);
    assert_eq!(made.texts("epg_f1", "loss"), ["Baseline", "Energy"]);
    for (column, expected) in [
        ("checkpoints", [Some(1.0), Some(4.0)]),
        ("lambda", [None, Some(0.5)]),
        ("f1", [Some(0.80), Some(0.79)]),
        ("epg", [Some(0.40), Some(0.61)]),
        ("f1_difference", [None, Some(-0.01)]),
        ("epg_difference", [None, Some(0.21)]),
        ("top_f1", [None, Some(0.81)]),
        ("at_top_f1", [None, Some(0.50)]),
        ("top", [None, Some(0.71)]),
        ("f1_at_top", [None, Some(0.76)]),
    ] {
        close(&made.numbers("epg_f1", column), &expected);
    }
    // Energy has four circles in its colour; e4's is pale (opacity 0.45) because it is not on the front, and e2's has
    // a dark edge (#111111). The legend has two more: one for the loss, and one with a dark edge for the chosen
    // checkpoint.
    let svg = made.read("figures/epg_f1.svg");
    let is_energy = |line: &&str| line.starts_with("<circle") && line.contains("#d62728");
    let circles: Vec<&str> = svg.lines().filter(is_energy).collect();
    let plain = circles
        .iter()
        .filter(|line| line.contains("opacity=\"0.45\""))
        .count();
    let chosen = circles
        .iter()
        .filter(|line| line.contains("#111111"))
        .count();
    assert_eq!((circles.len(), plain, chosen), (6, 1, 2), "{svg}");
    // The front is a line through the other three.
    let front = svg
        .lines()
        .find(|line| line.starts_with("<polyline"))
        .unwrap();
    assert_eq!(
        front.split('"').nth(1).unwrap().split(' ').count(),
        3,
        "{front}"
    );
}

#[test]
fn every_table_has_its_four_formats_and_fits_in_each() {
    let dir = results(&[
        Run::default().scored(reaches(0.80, 0.40)),
        Run::guided("e", "energy").scored(reaches(0.79, 0.60)),
        Run::guided("r", "rrr").scored(reaches(0.70, 0.45)),
    ]);
    let made = show(dir.path(), &["epg_f1"]);
    let (markdown, latex) = (
        made.read("tables/epg_f1.md"),
        made.read("tables/epg_f1.tex"),
    );
    let rows: Vec<&str> = markdown
        .lines()
        .filter(|line| line.starts_with('|'))
        .collect();
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(
        |row| row.matches(" | ").count() == rows[0].matches(" | ").count() || row.starts_with("|:")
    ));
    assert!(markdown.contains("RRR\\*") && !latex.contains("RRR\\*"));
    // Each line has as many cells as the tabular has columns, and each environment is closed.
    let columns = latex
        .split("\\begin{tabular}{")
        .nth(1)
        .unwrap()
        .split('}')
        .next()
        .unwrap()
        .len();
    let lines = latex
        .lines()
        .filter(|line| line.ends_with("\\\\") && line.contains(" & "));
    let counts: Vec<usize> = lines.map(|line| line.matches(" & ").count() + 1).collect();
    assert_eq!(counts, vec![columns; 4], "{latex}");
    for environment in ["table", "tabular"] {
        let n = |what: &str| latex.matches(&format!("\\{what}{{{environment}}}")).count();
        assert_eq!((n("begin"), n("end")), (1, 1));
    }
    assert_eq!(latex.matches('{').count(), latex.matches('}').count());
    assert!(
        latex.contains("$\\lambda$") && latex.contains("\\scriptsize {[}") && !latex.contains('λ')
    );
    let frame = made.table("epg_f1");
    assert_eq!(
        made.read("tables/epg_f1.csv").lines().count(),
        frame.height() + 1
    );
    let names: Vec<&str> = frame
        .get_column_names()
        .into_iter()
        .map(|n| n.as_str())
        .collect();
    assert_eq!(
        names[..5],
        ["section", "loss", "checkpoints", "lambda", "epoch"]
    );
}

#[test]
fn waterbirds_has_mean_and_deviation_over_seeds_and_the_true_minimum() {
    let accuracy = |worst: f64, minimum: f64, overall: f64| -> Vec<Value> {
        let mut values = reaches(0.80, 0.40);
        values.extend([
            (Part::All, "accuracy", overall),
            (Part::All, "worst_group", minimum),
            (Part::Group(1), "accuracy", minimum),
            (Part::Group(2), "accuracy", worst),
        ]);
        values
    };
    let mut runs = Vec::new();
    for (task, offset) in [("conventional", 0.0), ("reversed", 0.1)] {
        for (seed, worst) in (0..).zip([0.43, 0.41, 0.465, 0.431]) {
            let run = Run {
                id: format!("{task}{seed}"),
                dataset: "waterbirds-100",
                task,
                seed,
                ..Run::default()
            };
            let guided = Run {
                id: format!("energy-{task}{seed}"),
                loss: Some("energy"),
                lambda: Some(0.05),
                annotated_fraction: 0.01,
                ..run.clone()
            };
            runs.push(run.scored(accuracy(worst + offset, 0.37, 0.687)));
            runs.push(guided.scored(accuracy(worst + offset + 0.13, 0.40, 0.712)));
        }
    }
    let made = show(results(&runs).path(), &["waterbirds"]);
    assert_eq!(
        made.texts("waterbirds", "model"),
        ["Baseline", "Energy, 1 % annotated"]
    );
    // numpy: mean 0.434, std(ddof=1) 0.0228181 of the seeds' 0.43, 0.41, 0.465, 0.431; Energy has 0.13 more.
    close(
        &made.numbers("waterbirds", "conventional_worst"),
        &[Some(0.434), Some(0.564)],
    );
    let std = made.numbers("waterbirds", "conventional_worst_std")[0].unwrap();
    assert!((std - 0.022_818_121).abs() < 1e-8, "{std}");
    close(
        &made.numbers("waterbirds", "conventional_worst_n"),
        &[Some(4.0), Some(4.0)],
    );
    close(
        &made.numbers("waterbirds", "conventional_minimum"),
        &[Some(0.37), Some(0.40)],
    );
    close(
        &made.numbers("waterbirds", "reversed_worst"),
        &[Some(0.534), Some(0.664)],
    );
    close(
        &made.numbers("waterbirds", "reversed_overall"),
        &[Some(0.687), Some(0.712)],
    );
    assert!(
        made.read("tables/waterbirds.md")
            .contains("| Baseline              | 43.4 (± 2.3)")
    );
    assert!(
        made.read("tables/waterbirds.tex")
            .contains("43.4 {\\scriptsize ($\\pm$ 2.3)}")
    );
    made.has_figure("waterbirds");
    // The same runs are in the table of seeds. Their F1 is the same in all seeds.
    let runs = made.texts("seeds", "run");
    let sections = made.texts("seeds", "section");
    let all = |section: &str| section.contains("reversed") && section.ends_with("all test images");
    let metrics = made.texts("seeds", "metric");
    let of = |metric: &str, column: &str| {
        let is_it = |row: &usize| runs[*row].starts_with("Energy") && all(&sections[*row]);
        let mut rows = (0..runs.len()).filter(is_it);
        let row = rows.find(|row| metrics[*row] == metric).unwrap();
        made.numbers("seeds", column)[row]
    };
    close(
        &[
            of("f1", "seeds"),
            of("accuracy", "value"),
            of("f1", "value"),
            of("f1", "value_std"),
        ],
        &[Some(4.0), Some(0.712), Some(0.80), Some(0.0)],
    );
}

#[test]
fn published_numbers_stand_beside_ours_where_they_correspond() {
    let run = Run {
        backbone: "bcos_resnet50",
        attribution: "bcos",
        ..Run::default()
    };
    let guided = Run {
        id: "e".to_owned(),
        loss: Some("energy"),
        lambda: Some(1e-3),
        baseline: Some("base"),
        ..run.clone()
    };
    let dir = results(&[
        run.scored(reaches(0.81, 0.45)),
        guided.clone().scored(reaches(0.80, 0.60)),
        with(
            Run {
                id: "e2".to_owned(),
                ..guided
            },
            5e-3,
        )
        .scored(reaches(0.75, 0.72)),
    ]);
    let made = show(dir.path(), &["published"]);
    let frame = made.table("published");
    let text = |name: &str| made.texts("published", name);
    let (sources, configurations, points) = (text("source"), text("configuration"), text("point"));
    let sections = text("section");
    let row = |source: &str, point: &str| {
        (0..frame.height())
            .find(|&row| {
                sources[row] == source
                    && configurations[row] == "Energy"
                    && points[row] == point
                    && sections[row] == "VOC 2007 · bcos_resnet50 · B-cos at Input"
            })
            .unwrap()
    };
    let epg = |row: usize| {
        ["epg_published", "epg_ours", "epg_difference"]
            .map(|name| made.numbers("published", name)[row].unwrap())
    };
    // Published EPG in percent: 66.6 within a point of the baseline's F1, 76.1 the highest.
    let [published, ours, difference] =
        epg(row("F", "highest EPG within a point of the baseline's F1"));
    assert!(
        (published - 0.666).abs() < 5e-4
            && ours == 0.60
            && (difference - (0.60 - published)).abs() < 1e-9
    );
    let [published, ours, _] = epg(row("F", "highest EPG"));
    assert!((published - 0.761).abs() < 5e-4 && ours == 0.72);
    // The paper has an EPG of 71.7 at an F1 of 79.4. The nearest F1 of ours is 80.0.
    let [published, ours, _] = epg(row("P", "at that F1"));
    assert_eq!((published, ours), (0.717, 0.60));
    let trained = &text("ours")[row("F", "highest EPG")];
    assert_eq!(
        trained,
        "2501 images, 224 × 224 pixels, 2 + 2 epochs, from random weights"
    );
    // Published numbers without a run of ours are listed only if the exhibit is asked for by name.
    let without = made
        .numbers("published", "epg_ours")
        .iter()
        .filter(|ours| ours.is_none())
        .count();
    assert!(without > 100);
    let all = show(dir.path(), &[]);
    assert!(
        all.numbers("published", "f1_ours")
            .iter()
            .all(Option::is_some)
    );
    // No number is published for this network, so there is no table.
    let other = results(&[Run {
        backbone: "resnet18",
        ..Run::default()
    }
    .scored(reaches(0.8, 0.4))]);
    let made = show(other.path(), &[]);
    assert!(!made.out.path().join("tables/published.md").exists());
}

#[test]
fn variations_of_a_loss_are_told_apart() {
    // F1, EPG, and IoU at the fixed threshold and at the one chosen on validation.
    let tuned = |epg: f64| {
        let mut values = reaches(0.80, epg);
        values.extend([
            (Part::All, "iou", 0.01),
            (Part::All, "iou_tuned", epg / 2.0),
        ]);
        values
    };
    let varied = |id: &str, loss, dilation, annotated_fraction, epg| {
        Run {
            dilation,
            annotated_fraction,
            ..Run::guided(id, loss)
        }
        .scored(tuned(epg))
    };
    let dir = results(&[
        Run::default().scored(tuned(0.40)),
        varied("e", "energy", 0.0, 1.0, 0.60),
        varied("e10", "energy", 0.1, 1.0, 0.58),
        varied("e50", "energy", 0.5, 1.0, 0.55),
        varied("e1%", "energy", 0.0, 0.01, 0.56),
        // Not varied, so in neither of the two figures.
        varied("r", "rrr", 0.0, 1.0, 0.45),
    ]);
    let made = show(dir.path(), &["dilation", "limited_annotations"]);
    assert_eq!(
        made.texts("dilation", "variant"),
        ["", "0 %", "10 %", "50 %"]
    );
    close(
        &made.numbers("dilation", "epg"),
        &[Some(0.40), Some(0.60), Some(0.58), Some(0.55)],
    );
    assert_eq!(
        made.texts("limited_annotations", "variant"),
        ["", "1 %", "100 %"]
    );
    // Each tone has a dash pattern of its own; the first is solid.
    let svg = made.read("figures/dilation.svg");
    for dash in ["7 3", "4 3"] {
        assert!(
            svg.contains(&format!("stroke-dasharray=\"{dash}\"")),
            "{dash}"
        );
    }
    for label in [">0 %<", ">10 %<", ">50 %<"] {
        assert!(svg.contains(label));
    }
    assert!(!svg.contains("RRR"));
    // The figure shows IoU at the threshold chosen on validation, the table both.
    assert!(svg.contains(">IoU, tuned (%)<") && !svg.contains(">IoU (%)<"));
    let iou = [0.20, 0.30, 0.29, 0.275].map(Some);
    close(&made.numbers("dilation", "iou_tuned"), &iou);
    close(&made.numbers("dilation", "iou"), &[Some(0.01); 4]);
    let gained = [None, Some(0.10), Some(0.09), Some(0.075)];
    close(&made.numbers("dilation", "iou_tuned_difference"), &gained);
    made.has_figure("limited_annotations");
}

#[test]
fn deep_layers_are_seen_through_the_input_and_timed() {
    let at = |id: &str, layer, seconds| Run {
        layer,
        seconds,
        ..Run::guided(id, "energy")
    };
    let dir = results(&[
        Run::default().scored(reaches(0.80, 0.40)),
        at("input", "input", 83.0).scored(reaches(0.80, 0.66)),
        at("mid2", "mid2", 62.0)
            .scored(reaches(0.80, 0.70))
            .scored_at("input", reaches(0.80, 0.63)),
    ]);
    write_step_times(dir.path(), &[("input", 1, 2.0), ("mid2", 1, 1.5)]);
    let made = show(dir.path(), &["deep_layers"]);
    assert_eq!(made.texts("deep_layers", "layer"), ["", "Input", "Mid2"]);
    close(
        &made.numbers("deep_layers", "epg"),
        &[Some(0.40), Some(0.66), Some(0.63)],
    );
    close(
        &made.numbers("deep_layers", "seconds"),
        &[Some(10.0), Some(83.0), Some(62.0)],
    );
    close(
        &made.numbers("deep_layers", "step_time"),
        &[None, Some(1.0), Some(0.75)],
    );
    made.has_figure("deep_layers");
}

#[test]
fn sizes_and_classes_have_the_baseline_beside_the_losses() {
    let values = |base: f64| {
        let mut values = reaches(0.80, base);
        values.extend([
            (Part::Size(0.0, 0.01), "epg", base / 4.0),
            (Part::Size(0.5, 0.75), "epg", base * 1.5),
            (Part::Class(7), "epg", base * 1.2),
            (Part::Class(11), "epg", base / 2.0),
            // No test image shows it: it has F1, but no pair.
            (Part::Class(12), "f1", 0.0),
        ]);
        values
    };
    let dir = results(&[
        Run::default().scored(values(0.40)),
        Run::guided("e", "energy").scored(values(0.60)),
    ]);
    common::write(
        &dir.path().join("data/voc2007/classes.parquet"),
        "classes",
        df!("class_id" => [7, 11], "class_name" => ["cat", "dog & <dog>"]).unwrap(),
    );
    let made = show(dir.path(), &["box_size", "classes"]);
    // A row for each part and loss that was measured; the baseline has none.
    assert_eq!(
        made.texts("box_size", "part"),
        ["0–1", "0–1", "50–75", "50–75"]
    );
    assert_eq!(made.texts("box_size", "loss"), ["", "energy", "", "energy"]);
    close(
        &made.numbers("box_size", "epg"),
        &[Some(0.10), Some(0.15), Some(0.60), Some(0.90)],
    );
    // In the order of the baseline's EPG.
    assert_eq!(
        made.texts("classes_epg", "part"),
        ["dog & <dog>", "dog & <dog>", "cat", "cat"]
    );
    close(
        &made.numbers("classes_epg", "epg"),
        &[Some(0.20), Some(0.30), Some(0.48), Some(0.72)],
    );
    assert!(
        made.read("figures/classes.svg")
            .contains("dog &amp; &lt;dog&gt;")
    );
    assert!(!made.read("report.html").contains("<dog>"));
    // A column without a number is not printed.
    assert!(!made.read("tables/box_size.md").contains("L1"));
    made.has_figure("box_size");
}

/// With a baseline alone, each exhibit that is asked for is left out with a note.
#[test]
fn what_an_exhibit_lacks_is_said() {
    let dir = results(&[Run::default().scored(reaches(0.80, 0.40))]);
    let names = [
        "epg_f1",
        "selection",
        "backbones",
        "deep_layers",
        "losses",
        "dilation",
        "limited_annotations",
        "waterbirds",
        "segmentation",
        "box_size",
        "panel",
        "shares",
    ];
    let made = show(dir.path(), &names);
    for name in names {
        let said = format!("note: {name}: nothing to show: ");
        assert!(made.stderr.contains(&said), "{said}\n{}", made.stderr);
    }
    assert!(!made.out.path().join("figures").exists());
}

#[test]
fn every_weight_and_seed_is_told() {
    let run = |id: &str, lambda: f64, seed: i64, f1: f64, epg: f64| {
        let run = with(Run::guided(id, "energy"), lambda);
        Run { seed, ..run }.scored(reaches(f1, epg))
    };
    let dir = results(&[
        Run::default().scored(reaches(0.80, 0.40)),
        run("a", 0.1, 0, 0.79, 0.50),
        run("b", 0.5, 0, 0.77, 0.60),
        run("c", 0.5, 1, 0.75, 0.64),
        Run::guided("alone", "l1").scored(reaches(0.80, 0.45)),
    ]);
    let made = show(dir.path(), &["stability"]);
    // numpy: std(ddof=1) of 0.60, 0.64 is 0.0282843.
    for (column, expected) in [
        ("lambda", [Some(0.1), Some(0.5)]),
        ("seeds", [Some(1.0), Some(2.0)]),
        ("f1", [Some(0.79), Some(0.76)]),
        ("epg", [Some(0.50), Some(0.62)]),
        ("epg_std", [None, Some(0.028_284_271_247_461_926)]),
        ("f1_difference", [Some(-0.01), Some(-0.04)]),
    ] {
        close(&made.numbers("stability", column), &expected);
    }
    made.has_figure("stability");
}
