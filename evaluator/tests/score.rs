//! Tests `evaluator score` on a tiny data folder (`support/mod.rs` has its images, boxes and maps): metrics computed
//! by hand, the columns that name the run, predictions (logits and targets), examples (images and maps kept for the
//! report), maps of only some pairs (an image and a class on it). A pair of image a and class 0 is called a/0.
//! Accuracy by group is tested in `groups.rs`, the threshold chosen on validation in `tuned.rs`.
#![allow(clippy::unwrap_used)]

mod support;

use arrow::array::{
    Array, AsArray, BinaryArray, Float32Array, Float64Array, Int32Array, StringArray,
};
use data_prep::dataset::Split;
use data_prep::schema::file_name;
use data_prep::table::{column, read_table};
use evaluator::evaluate::Scope::{All, Class, Group, Size};
use evaluator::evaluate::{EXAMPLES, GALLERY, IOU, METRICS, REPLICATES, SCORES};
use evaluator::maps::RunColumns;
use evaluator::metrics::pair::{Over, PAIR_METRICS, Threshold};
use serde_json::{Value, json};
use support::{
    Data, ObjectRow, PAIRS, Sandbox, TINY, close, columns, formula_rows, metric, row, rows_by_hand,
    stream, values, write_predictions,
};

#[test]
fn values_known_by_hand() {
    let sandbox = Sandbox::new();
    let maps = sandbox.file("maps.arrow", &stream(&rows_by_hand(), &columns()));
    let summary = sandbox.scored("out", &["--maps", &maps, "--replicates", "5"], &[]);
    assert!(
        summary.starts_with("r1 epoch 7 · test · ixg at final · 5 pairs\n"),
        "{summary}"
    );

    let scores = sandbox.table("out", &SCORES);
    // A row for each pair and each standard metric that the pair has, in the order of `PAIR_METRICS`. Images are in
    // the data folder's order: d first, the only one with a segmentation. Metrics that need a threshold chosen
    // on validation are missing, as none was chosen.
    let has = |is_segmented: bool| {
        let metrics = PAIR_METRICS.iter();
        let metrics = metrics.filter(move |metric| {
            let is_over = match metric.over {
                Over::Pairs => true,
                Over::SegmentedPairs => is_segmented,
                // All classes can say something.
                Over::InformativePairs | Over::InformativeSegmentedPairs => false,
            };
            metric.standard && metric.threshold != Threshold::Tuned && is_over
        });
        metrics.map(|metric| metric.name)
    };
    let pairs = [("d", 0), ("a", 0), ("a", 1), ("b", 1), ("c", 2)];
    let expected: Vec<(&str, i32, &str)> = pairs
        .into_iter()
        .flat_map(|(id, class)| has(id == "d").map(move |metric| (id, class, metric)))
        .collect();
    let [ids, names]: [&StringArray; 2] = ["image_id", "metric"].map(|name| column(&scores, name));
    let classes: &Int32Array = column(&scores, "class_id");
    let found: Vec<(&str, i32, &str)> = (0..scores.num_rows())
        .map(|row| (ids.value(row), classes.value(row), names.value(row)))
        .collect();
    assert_eq!(found, expected);
    for (name, expected) in [
        ("energy_inside", &[24.5, 16.0, 0.0, 32.0, 0.0].map(Some)[..]),
        ("energy_total", &[32.0, 64.0, 0.0, 32.0, 320.0].map(Some)),
        (
            "epg",
            &[Some(0.765625), Some(0.25), None, Some(1.0), Some(0.0)],
        ),
        (
            "epg_defined",
            &[Some(0.765625), Some(0.25), None, Some(1.0), Some(0.0)],
        ),
        // Image a has another class, whose box of 15 cells lies outside a/0's of 16. c/2 has no mask.
        (
            "epg_other",
            &[Some(0.0), Some(15.0 / 64.0), None, Some(0.0), Some(0.0)],
        ),
        (
            "epg_background",
            &[
                Some(7.5 / 32.0),
                Some(33.0 / 64.0),
                None,
                Some(0.0),
                Some(1.0),
            ],
        ),
        ("iou", &[0.765625, 0.25, 0.0, 1.0, 0.0].map(Some)),
        ("segment_energy", &[Some(16.0)]),
        ("segment_epg", &[Some(0.5)]),
        ("on_object", &[Some(16.0 / 24.5)]),
        ("mask_area", &[49.0, 16.0, 15.0, 16.0, 0.0].map(Some)),
    ] {
        assert_eq!(values(&scores, name), expected, "{name}");
    }
    assert!(
        column::<StringArray>(&scores, "layer")
            .iter()
            .flatten()
            .all(|l| l == "final")
    );

    let metrics = sandbox.table("out", &METRICS);
    let of = |name, scope| metric(&metrics, name, scope);
    // 2.015625 is 0.765625 + 0.25 + 1. The last number is that of the pairs in the mean.
    close(of("epg", All), 2.015625 / 5.0, 5, "epg");
    close(of("epg_defined", All), 2.015625 / 4.0, 4, "epg_defined");
    close(of("iou", All), 2.015625 / 5.0, 5, "iou");
    // Their sums over pairs and that of EPG add up to 4: four of the five pairs have positive attribution.
    close(of("epg_other", All), 0.234375 / 5.0, 5, "epg_other");
    close(of("epg_background", All), 1.75 / 5.0, 5, "epg_background");
    close(of("segment_epg", All), 0.5, 1, "segment_epg");
    close(of("on_object", All), 16.0 / 24.5, 1, "on_object");
    // By group: the pairs a/0, a/1, c/2 are in group 0, the pairs b/1, d/0 in group 1.
    close(of("epg", Group(0)), 0.25 / 3.0, 3, "epg");
    close(of("epg", Group(1)), 1.765625 / 2.0, 2, "epg");
    assert_eq!(of("on_object", Group(0)), None);
    // By class: a/0 and d/0 in 0; a/1 (EPG undefined) and b/1 in 1; c/2 in 2.
    close(of("epg", Class(0)), 1.015625 / 2.0, 2, "epg");
    close(of("on_object", Class(0)), 16.0 / 24.5, 1, "on_object");
    close(of("epg", Class(1)), 0.5, 2, "epg");
    close(of("epg_defined", Class(1)), 1.0, 1, "epg_defined");
    close(of("iou", Class(2)), 0.0, 1, "iou");
    assert_eq!(of("on_object", Class(1)), None);
    // By the mask's share of the grid, in bins: c/2 has 0, a/1 15/64, a/0 and b/1 1/4, d/0 49/64.
    close(of("epg", Size(0)), 0.0, 1, "epg");
    close(of("epg", Size(3)), 0.0, 1, "epg");
    close(of("epg", Size(4)), 1.25 / 2.0, 2, "epg");
    close(of("iou", Size(6)), 0.765625, 1, "iou");
    assert_eq!(of("epg", Size(1)), None);
    for name in ["f1", "map", "accuracy", "worst_group", "iou_tuned"] {
        assert_eq!(of(name, All), None, "{name}");
    }

    let iou = sandbox.table("out", &IOU);
    assert_eq!(iou.num_rows(), 5 * 20);
    // Rows 60 to 79 are b/1, the fourth pair, at the 20 thresholds. Without its negative values, its map is 2 in its
    // box and 0 elsewhere: at every threshold exactly the 16 cells of the box are above it.
    assert_eq!(
        &column::<Int32Array>(&iou, "union").values()[60..80],
        [16; 20]
    );
    let thresholds = column::<Float64Array>(&iou, "threshold");
    assert_eq!(
        (
            thresholds.value(0),
            thresholds.value(3),
            thresholds.value(19)
        ),
        (0.0, 0.15, 0.95)
    );

    // 5 replicates for all images and for each of two groups. Metrics that need predictions or a chosen
    // threshold have none.
    let replicates = sandbox.table("out", &REPLICATES);
    for name in ["epg", "epg_other", "iou", "segment_epg", "on_object"] {
        assert_eq!(values(&replicates, name).len(), 5 * 3, "{name}");
    }
    for name in ["f1", "map", "accuracy", "iou_tuned", "epg_defined"] {
        assert_eq!(values(&replicates, name), [], "{name}");
    }
    // Only d has a segmentation: on_object is undefined in resamples without d, and always in group 0.
    let on_object = values(&replicates, "on_object");
    assert!(on_object.iter().filter(|value| value.is_none()).count() >= 5);
    let groups = column::<Int32Array>(&scores, "group_id");
    let of_pair = |id: &str| groups.value(found.iter().position(|row| row.0 == id).unwrap());
    assert_eq!(["d", "a", "b", "c"].map(of_pair), [1, 0, 1, 0]);
}

#[test]
fn every_table_names_the_metrics() {
    let sandbox = Sandbox::new();
    let maps = stream(&rows_by_hand(), &columns());
    sandbox.scored("out", &["--maps", "-", "--replicates", "1"], &maps);
    let said = sandbox.run(&["vocabulary", "--json"], &[]).stdout;
    let vocabulary: Value = serde_json::from_slice(&said).unwrap();
    assert_eq!(vocabulary["formulas"], 3);
    let words = vocabulary["metrics"].as_array().unwrap();
    let word = |name: &str| words.iter().find(|word| word["name"] == name);
    let expected = json!({
        "name": "epg_defined", "title": "EPG where defined", "of": "pair",
        "undefined": "left out", "share": true, "interval": false, "standard": true,
    });
    assert_eq!(word("epg_defined"), Some(&expected));
    assert_eq!(word("epg").unwrap()["undefined"], "zero");
    assert_eq!(word("auc").unwrap()["standard"], false);
    assert_eq!(word("f1").unwrap()["of"], "pool");
    for spec in [&SCORES, &IOU, &METRICS, &REPLICATES, &EXAMPLES] {
        let (origin, table) = read_table(sandbox.path("out").join(file_name(spec)), spec).unwrap();
        let said = |key| serde_json::from_str::<Value>(origin.get(key).unwrap()).unwrap();
        let (titles, shares) = (said("guidance.titles"), said("guidance.shares"));
        assert_eq!(titles["iou_tuned"], "IoU, tuned");
        assert!(shares.as_array().unwrap().contains(&json!("on_object")));
        assert!(!shares.as_array().unwrap().contains(&json!("no_positive")));
        if let Some(names) = table.column_by_name("metric") {
            for name in names.as_string::<i32>().iter().flatten() {
                assert!(titles[name].is_string(), "{name}");
                assert!(spec.name == SCORES.name || word(name).is_some(), "{name}");
            }
        }
    }
}

#[test]
fn examples_are_the_same_pairs_for_every_run() {
    let sandbox = Sandbox::new();
    let by_hand = stream(&rows_by_hand(), &columns());
    let mut reversed = formula_rows();
    reversed.reverse();
    let formula = stream(&reversed, &columns());
    let args = ["--maps", "-", "--examples", "4", "--replicates", "0"];
    sandbox.scored("one", &args, &by_hand);
    sandbox.scored("two", &args, &formula);
    let keys = |out| {
        let table = sandbox.table(out, &EXAMPLES);
        let ids: &StringArray = column(&table, "image_id");
        let classes: &Int32Array = column(&table, "class_id");
        (0..table.num_rows())
            .map(|i| (ids.value(i).to_owned(), classes.value(i)))
            .collect::<Vec<_>>()
    };
    assert_eq!(keys("one"), keys("two"));
    // Half of the examples are from each group: b and d are the only images of group 1.
    let of_far = |keys: &[(String, i32)]| keys.iter().filter(|k| "bd".contains(&k.0)).count();
    assert_eq!((keys("one").len(), of_far(&keys("one"))), (4, 2));

    let table = sandbox.table("one", &EXAMPLES);
    let row = keys("one").iter().position(|key| key.0 == "d").unwrap();
    let bytes = |name| column::<BinaryArray>(&table, name).value(row).to_vec();
    assert_eq!(bytes("map"), [0.5_f32; 64].map(f32::to_le_bytes).concat());
    assert_eq!(bytes("boxes"), [0, 0, 7, 7].map(i32::to_le_bytes).concat());
    assert_eq!(bytes("rgb"), [0; 192]); // the first row of the pixel file
    assert_eq!(
        column::<StringArray>(&table, "class_name").value(row),
        "cat"
    );
}

/// The logits of each image of split test for the 3 classes.
const LOGITS: [(&str, [f32; 3]); 5] = [
    ("a", [1.0, -1.0, -2.0]),
    ("b", [0.0, 2.0, -2.0]),
    ("c", [-1.0, -1.0, -0.5]),
    ("d", [0.5, -3.0, -2.0]),
    ("e", [-5.0, 1.0, -2.0]),
];

/// Writes the logits to the file `name`, each changed by `change` or, at `None`, left out; returns its path.
fn predictions(
    sandbox: &Sandbox,
    name: &str,
    change: impl Fn(&str, i32, f32) -> Option<f32>,
) -> String {
    let cells: Vec<(&str, i32, f32, bool)> = LOGITS
        .iter()
        .flat_map(|&(id, logits)| (0..3).map(move |class| (id, class, logits[class as usize])))
        .filter_map(|(id, class, logit)| {
            let logit = change(id, class, logit)?;
            Some((id, class, logit, PAIRS.contains(&(id, class))))
        })
        .collect();
    let path = sandbox.path(name);
    write_predictions(&path, ("r1", 7), &cells);
    path.to_str().unwrap().to_owned()
}

/// Scores maps of data of that name in which the boxes of a class cover whole images, after maps of validation images
/// by which every threshold of IoU is as good, so that the lowest is chosen. Returns what was said.
fn scored_where_a_class_is_everywhere(name: &str, everywhere: i32) -> (Sandbox, String) {
    let whole = [0.0, 0.0, 16.0, 16.0];
    let objects = TINY.objects.iter().map(|&(id, class, corners)| {
        let corners = if class == everywhere { whole } else { corners };
        (id, class, corners)
    });
    let objects: Vec<ObjectRow> = objects.collect();
    let sandbox = Sandbox::with(&Data {
        name,
        objects: &objects,
        ..TINY
    });
    let of_val = RunColumns {
        split: Some(Split::Val),
        ..columns()
    };
    let uniform = [("f", 0), ("g", 2)].map(|pair| row(pair, 8, 8, vec![1.0; 64]));
    sandbox.said("val", &["--maps", "-"], &stream(&uniform, &of_val));
    let logits = predictions(&sandbox, "p.parquet", |_, _, logit| Some(logit));
    let args = ["--maps", "-", "--predictions", &logits, "--replicates", "9"];
    let args = [&args[..], &["--threshold-from", "val"]].concat();
    let said = sandbox.said("out", &args, &stream(&rows_by_hand(), &columns()));
    (sandbox, said)
}

/// A class whose boxes cover most of its images can say nothing about guidance: the metrics of informative classes
/// leave it out, and a warning says so. In a published data set all classes count. Cat, class 0, gets such boxes.
#[test]
fn classes_that_can_say_nothing_are_left_out_of_some_metrics() {
    let (sandbox, said) = scored_where_a_class_is_everywhere("tiny", 0);
    let line = "cat covers 77 % of its images: guidance cannot move a map off it";
    let warning = format!("warning: {line}; epg_informative and f1_informative leave it out\n");
    assert!(said.contains(&warning), "{said}");
    let metrics = sandbox.table("out", &METRICS);
    let of = |name, scope| metric(&metrics, name, scope);
    // The pairs a/1 (undefined: 0), b/1 and c/2.
    close(of("epg_informative", All), 1.0 / 3.0, 3, "epg_informative");
    close(of("epg_informative", Group(0)), 0.0, 2, "epg_informative");
    assert_eq!(of("epg_informative", Class(0)), None);
    assert_eq!(of("epg", All).unwrap().1, 5);
    // Without class 0, predicted: class 1 on b (right) and on e (wrong). Missed: class 1 on a, class 2 on c.
    close(of("f1_informative", All), 2.0 / 5.0, 5, "f1_informative");
    // At threshold 0 a/1 has no cell above it, b/1 those of its mask, and c/2 no mask.
    let iou = of("iou_tuned_informative", All);
    close(iou, 1.0 / 3.0, 3, "iou_tuned_informative");
    assert_eq!(iou.unwrap().2, Some(0.0));
    assert_eq!(of("iou_tuned", All).unwrap().1, 5);
    // d/0 alone has a segmentation.
    assert_eq!(of("on_object", All).unwrap().1, 1);
    assert_eq!(of("on_object_informative", All), None);
    let replicates = sandbox.table("out", &REPLICATES);
    for name in ["epg_informative", "f1_informative", "iou_tuned_informative"] {
        assert_eq!(values(&replicates, name).len(), 9 * 3, "{name}");
    }
    let path = sandbox.path("out").join(file_name(&METRICS));
    let (origin, _) = read_table(path, &METRICS).unwrap();
    let named = origin.get("guidance.uninformative").unwrap();
    assert_eq!(named, json!({ "0": line }).to_string());

    // Dog, class 1, is left out instead.
    let (sandbox, _) = scored_where_a_class_is_everywhere("tiny", 1);
    let metrics = sandbox.table("out", &METRICS);
    let found = metric(&metrics, "on_object_informative", All);
    close(found, 16.0 / 24.5, 1, "on_object_informative");
    assert_eq!(metric(&metrics, "on_object_informative", Group(0)), None);

    let (sandbox, said) = scored_where_a_class_is_everywhere("voc2007", 0);
    assert!(!said.contains("informative"), "{said}");
    let metrics = sandbox.table("out", &METRICS);
    assert_eq!(metric(&metrics, "on_object", All).unwrap().1, 1);
    for name in ["epg", "f1", "iou_tuned", "on_object"] {
        let name = format!("{name}_informative");
        assert_eq!(metric(&metrics, &name, All), None, "{name}");
    }
}

#[test]
fn predictions_give_f1_and_map() {
    let sandbox = Sandbox::new();
    let logits = predictions(&sandbox, "p.parquet", |_, _, logit| Some(logit));
    let maps = stream(&rows_by_hand(), &columns());
    let args = [
        "--maps",
        "-",
        "--predictions",
        &logits,
        "--replicates",
        "200",
    ];
    let summary = sandbox.scored("out", &args, &maps);
    assert!(
        summary.lines().any(|line| line.starts_with("f1 ")),
        "{summary}"
    );
    let metrics = sandbox.table("out", &METRICS);
    let of = |name, scope| metric(&metrics, name, scope);
    // As image and class: predicted, with a logit of at least 0, are a0, b1, d0 (right), b0, e1 (wrong). Missed are
    // a1, c2.
    close(of("f1", All), 6.0 / 10.0, 5, "f1");
    close(of("accuracy_cells", All), 11.0 / 15.0, 5, "accuracy_cells");
    // Average precision. Class 0: a and d come first: 1. Class 1: b first, then e (wrong), then a and c
    // tied: 1/2 + 1/2 · 2/4. Class 2: c first: 1.
    close(of("map", All), (1.0 + 0.75 + 1.0) / 3.0, 5, "map");
    close(of("f1", Group(1)), 4.0 / 5.0, 2, "f1");
    for (class, f1, ap) in [(0, 4.0 / 5.0, 1.0), (1, 0.5, 0.75), (2, 0.0, 1.0)] {
        close(of("f1", Class(class)), f1, 5, "f1");
        close(of("ap", Class(class)), ap, 5, "ap");
    }
    assert_eq!(of("ap", All), None);
    assert_eq!(of("accuracy", All), None); // images do not show exactly one class
    let replicates = sandbox.table("out", &REPLICATES);
    let f1 = values(&replicates, "f1");
    // 200 replicates for all images and for each of two groups.
    assert_eq!(f1.len(), 600);
    let f1: Vec<f64> = f1.into_iter().step_by(3).flatten().collect();
    let mean = f1.iter().sum::<f64>() / f1.len() as f64;
    assert!((mean - 0.6).abs() < 0.1, "{mean}");

    for (name, message, change) in [
        (
            "gap",
            "p-gap.parquet: logit: found none for 1 of 15 (image, class) cells of split test, the first image c class 1",
            ("c", 1, None),
        ),
        (
            "infinite",
            "p-infinite.parquet: row 4, logit: found inf for image b class 1, expected a finite value",
            ("b", 1, Some(f32::INFINITY)),
        ),
    ] {
        let change = |id: &str, class: i32, logit: f32| {
            if (id, class) == (change.0, change.1) {
                change.2
            } else {
                Some(logit)
            }
        };
        let path = predictions(&sandbox, &format!("p-{name}.parquet"), change);
        let errors = sandbox.refused(&["--maps", "-", "--predictions", &path], &maps);
        assert!(errors.contains(message), "{errors}");
    }
    let args = ["--maps", "-", "--predictions", &logits, "--run-id", "r2"];
    let errors = sandbox.refused(&args, &maps);
    assert!(
        errors.contains("p.parquet: run_id: found r1, expected r2 as in the maps"),
        "{errors}"
    );
}

#[test]
fn missing_pairs_need_partial() {
    let sandbox = Sandbox::new();
    let maps = stream(&rows_by_hand()[..3], &columns());
    let errors = sandbox.refused(&["--maps", "-"], &maps);
    let message = "stdin: maps: found none for 2 of 5 (image, class) pairs of split test, the first image d class 0, expected one each";
    assert!(errors.contains(message), "{errors}");
    let output = sandbox.score("out", &["--maps", "-", "--partial"], &maps);
    assert!(output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.starts_with(&format!("warning: {message}\n")),
        "{errors}"
    );
    close(
        metric(&sandbox.table("out", &METRICS), "epg", All),
        1.25 / 3.0,
        3,
        "epg",
    );
    // The examples' ranks are those among all pairs of the split.
    let ranks = sandbox.table("out", &EXAMPLES);
    let ranks = column::<Int32Array>(&ranks, "rank").values();
    assert!(
        ranks.len() == 3 && ranks.iter().all(|&rank| rank < 5),
        "{ranks:?}"
    );
}

#[test]
fn run_columns_come_from_flags_then_metadata_then_defaults() {
    let sandbox = Sandbox::new();
    let bare = sandbox.file(
        "my maps.arrow",
        &stream(&rows_by_hand(), &RunColumns::default()),
    );
    let full = stream(&rows_by_hand(), &columns());
    let flags = ["--run-id", "r2", "--checkpoint", "1", "--layer", "input"];
    for (maps, stdin, flags, line) in [
        (
            bare.as_str(),
            &[][..],
            &[][..],
            "my maps epoch 0 · test · unknown at unknown · 5 pairs",
        ),
        (
            "-",
            &full,
            &[],
            "r1 epoch 7 · test · ixg at final · 5 pairs",
        ),
        (
            "-",
            &full,
            &flags,
            "r2 epoch 1 · test · ixg at input · 5 pairs",
        ),
    ] {
        let args = [&["--maps", maps, "--replicates", "1"], flags].concat();
        let summary = sandbox.scored("out", &args, stdin);
        assert_eq!(summary.lines().next(), Some(line));
    }
}

#[test]
fn the_gallery_has_every_pair_of_a_test_split() {
    let sandbox = Sandbox::new();
    let maps = sandbox.file("maps.arrow", &stream(&rows_by_hand(), &columns()));
    sandbox.scored("out", &["--maps", &maps, "--replicates", "0"], &[]);
    let table = sandbox.table("out", &GALLERY);
    let ids: &StringArray = column(&table, "image_id");
    let classes: &Int32Array = column(&table, "class_id");
    let pairs: Vec<(&str, i32)> = ids
        .iter()
        .flatten()
        .zip(classes.values().iter().copied())
        .collect();
    assert_eq!(
        pairs,
        [("d", 0), ("a", 0), ("a", 1), ("b", 1), ("c", 2)],
        "in the order of scores"
    );
    let [heights, widths, grid_heights]: [&Int32Array; 3] =
        ["height", "width", "grid_height"].map(|name| column(&table, name));
    assert_eq!(heights.values(), &[1, 8, 4, 8, 8]);
    assert_eq!(widths.values(), heights.values());
    assert_eq!(grid_heights.values(), &[8; 5]);
    // The first three and the last map have one value; that of b/1 is 2 in the box and -1 elsewhere. Each row: the
    // pair's number, the cell, and its value.
    let scales: &Float32Array = column(&table, "scale");
    let cells: &BinaryArray = column(&table, "map");
    let value = |row: usize, at: usize| scales.value(row) * f32::from(cells.value(row)[at] as i8);
    for (row, at, expected) in [
        (0, 0, 0.5),
        (1, 63, 1.0),
        (2, 15, -3.0),
        (3, 0, 2.0),
        (3, 63, -1.0),
        (4, 9, 5.0),
    ] {
        let found = value(row, at);
        assert!((found - expected).abs() < 0.01, "{row} {at}: {found}");
    }
    let words = |bytes: &[u8]| -> Vec<i32> {
        let words = bytes.as_chunks::<4>().0.iter();
        words.map(|word| i32::from_le_bytes(*word)).collect()
    };
    let boxes: &BinaryArray = column(&table, "boxes");
    assert_eq!(words(boxes.value(1)), [0, 0, 4, 4]);
    assert_eq!(words(boxes.value(3)), [0, 0, 2, 4, 1, 0, 4, 4]);
    // The left half of d: in each row four cells inside and four outside.
    let segmentations: &BinaryArray = column(&table, "segmentation");
    assert_eq!(words(segmentations.value(0)), [&[0][..], &[4; 16]].concat());
    assert_eq!(segmentations.null_count(), 4);

    // A validation split gets no gallery, as the report would not show it.
    let validation = RunColumns {
        split: Some(data_prep::dataset::Split::Val),
        ..columns()
    };
    let rows = [("f", 0), ("g", 2)].map(|pair| support::row(pair, 1, 1, vec![1.0]));
    let maps = sandbox.file("val.arrow", &stream(&rows, &validation));
    sandbox.scored("val", &["--maps", &maps, "--replicates", "0"], &[]);
    assert!(sandbox.path("val/metrics.parquet").exists());
    assert!(!sandbox.path("val/gallery.parquet").exists());
}
