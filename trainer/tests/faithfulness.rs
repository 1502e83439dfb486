//! Tests `trainer faithfulness` (docs/SPEC.md L) against an implementation of its own: plain sums over pixels, one
//! image through the network at a time, ranks by counting.
#![allow(clippy::unwrap_used)]

#[path = "support/pictures.rs"]
mod pictures;
mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow::array::{Array, Float64Array, Int32Array, StringArray};
use data_prep::dataset::{Dataset, Image, Labels, Split};
use data_prep::table::{column, read_table};
use evaluator::maps::to_grid;
use pictures::{GRID, Picture, pictures};
use support::recipe_model;
use tch::{Kind, Tensor};
use trainer::explain::attribution::{Attribution, Explainable};
use trainer::explain::gradients::Order;
use trainer::faithfulness::pair::choose;
use trainer::faithfulness::randomisation::randomise;
use trainer::faithfulness::table::FAITHFULNESS;
use trainer::names::Layer;
use trainer::network::{Mode, Model};
use trainer::random;
use trainer::weights::checkpoint;

/// Cells of an image.
const N: usize = 32 * 32;

/// Measure and baseline of an image's class (each has one) to the value.
type Values = BTreeMap<(String, String, Option<String>), f64>;

/// Test images with: a box; a segmented one; none; one that covers the image, and its left half segmented; two; one
/// that covers more than half.
fn images() -> Vec<Picture> {
    let whole = [0.0, 0.0, 64.0, 64.0];
    let boxes: [(&[[f64; 4]], bool); 6] = [
        (&[[8.0, 12.0, 32.0, 44.0]], false),
        (&[[20.0, 2.0, 44.0, 40.0]], true),
        (&[], false),
        (&[whole], true),
        (&[[2.0, 2.0, 14.0, 20.0], [30.0, 30.0, 62.0, 50.0]], false),
        (&[[0.0, 0.0, 60.0, 48.0]], false),
    ];
    let picture = |(i, (boxes, is_segmented)): (usize, (&[[f64; 4]], bool))| Picture {
        split: "test",
        group_id: i as i32 % 4,
        boxes: boxes.to_vec(),
        is_segmented,
    };
    boxes.into_iter().enumerate().map(picture).collect()
}

/// Writes the weights of a network with two classes, so that its probabilities are neither 0 nor 1; returns it.
fn network(file: &Path, name: &str, scale: f64) -> Model {
    let model = recipe_model(support::named(name), 2, Kind::Float);
    let head = model.params.entries().iter();
    for param in head.filter(|param| param.name == "fc.weight") {
        tch::no_grad(|| {
            let _ = param.tensor.shallow_clone().g_mul_scalar_(scale);
        });
    }
    let metadata = [("backbone".to_owned(), name.to_owned())];
    checkpoint::save(file, &model.params.named(), &metadata.into()).unwrap();
    model
}

/// Runs `trainer` with these words and paths, which must succeed; returns its stdout.
fn trainer(words: &str, paths: &[(&str, &Path)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
    command.args(words.split(' ')).args(["--device", "cpu"]);
    for (flag, path) in paths {
        command.arg(flag).arg(path);
    }
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    String::from_utf8(done.stdout).unwrap()
}

/// Returns the values that the program finds.
fn measured(words: &str, paths: &[(&str, &Path)]) -> Values {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("f.parquet");
    let paths = [paths, &[("--out", out.as_path())]].concat();
    trainer(&format!("faithfulness {words}"), &paths);
    let (_, table) = read_table(&out, &FAITHFULNESS).unwrap();
    let [images, measures, baselines] =
        ["image_id", "measure", "baseline"].map(|name| column::<StringArray>(&table, name));
    let classes = column::<Int32Array>(&table, "class_id");
    let values = column::<Float64Array>(&table, "value");
    let mut found = Values::new();
    for row in 0..table.num_rows() {
        let image_id = images.value(row);
        assert_eq!(classes.value(row), image_id.parse::<i32>().unwrap() % 4 / 2);
        let baseline = (!baselines.is_null(row)).then(|| baselines.value(row).to_owned());
        let key = (
            image_id.to_owned(),
            measures.value(row).to_owned(),
            baseline,
        );
        assert!(values.value(row).is_finite());
        assert_eq!(found.insert(key, values.value(row)), None);
    }
    found
}

/// An image of three channels, one pixel after the other.
type Pixels = Vec<[f64; 3]>;

/// The log-odds of class `class` on an image.
fn log_odds(model: &Model, pixels: &Pixels, class: usize) -> f64 {
    let values: Vec<f32> = pixels.concat().iter().map(|&value| value as f32).collect();
    let image = Tensor::from_slice(&values).view([1, 32, 32, 3]);
    let input = model.encode_scaled(&image).unwrap();
    let logits = tch::no_grad(|| model.logits(&input, Layer::Input, Mode::Eval)).unwrap();
    let logits: Vec<f64> = Vec::try_from(logits.get(0).to_kind(Kind::Double)).unwrap();
    let others = (0..logits.len()).filter(|&other| other != class);
    match model.labels {
        Labels::Multi => logits[class],
        Labels::Single => logits[class] - others.map(|c| logits[c].exp()).sum::<f64>().ln(),
    }
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// The map of an image, at the layer's resolution, and its height and width.
fn map(model: &Model, image: &Tensor, layer: Layer, class: usize) -> (Vec<f32>, (usize, usize)) {
    let input = model.encode(image).unwrap();
    let features = tch::no_grad(|| model.features(&input, layer, Mode::Eval)).unwrap();
    let (ixg, mode) = (Attribution::usual(model.backbone), Mode::Eval);
    let explained = Explainable::new(model, ixg, layer, &features, mode, Order::First).unwrap();
    let map = explained.maps(&[(0, class as i64)]).unwrap().detach();
    (Vec::try_from(map.reshape([-1])).unwrap(), explained.size())
}

/// Each pixel's mean over the image, weighted by a Gaussian of 10/224 of the side.
fn blurred(pixels: &Pixels) -> Pixels {
    let weight: Vec<f64> = (0..32)
        .map(|d| (-0.5 * (f64::from(d) * 224.0 / 320.0).powi(2)).exp())
        .collect();
    let at = |cell: usize| {
        let (mut sums, mut all) = ([0.0; 3], 0.0);
        for (other, pixel) in pixels.iter().enumerate() {
            let apart = |a: usize, b: usize| weight[a.abs_diff(b)];
            let part = apart(cell / 32, other / 32) * apart(cell % 32, other % 32);
            (0..3).for_each(|c| sums[c] += part * pixel[c]);
            all += part;
        }
        sums.map(|sum| sum / all)
    };
    (0..N).map(at).collect()
}

/// The mean colour everywhere.
fn mean(pixels: &Pixels) -> Pixels {
    let of = |c: usize| pixels.iter().map(|pixel| pixel[c]).sum::<f64>() / N as f64;
    vec![[of(0), of(1), of(2)]; N]
}

/// Spearman's rank correlation, ranks found by counting.
fn rank_correlation(a: &[f32], b: &[f32]) -> f64 {
    let ranks = |values: &[f32]| -> Vec<f64> {
        let below = |x: f32| values.iter().filter(|&&y| y < x).count() as f64;
        let equal = |x: f32| values.iter().filter(|&&y| y == x).count() as f64;
        values.iter().map(|&x| below(x) + equal(x) / 2.0).collect()
    };
    let [a, b] = [ranks(a), ranks(b)];
    let n = a.len() as f64;
    let means = [a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n];
    let (mut both, mut squares) = (0.0, [0.0; 2]);
    for (a, b) in a.iter().zip(&b) {
        both += (a - means[0]) * (b - means[1]);
        squares[0] += (a - means[0]).powi(2);
        squares[1] += (b - means[1]).powi(2);
    }
    both / (squares[0] * squares[1]).sqrt()
}

/// The values of an image, as the section of docs/SPEC.md says.
fn expected(
    models: [&Model; 2],
    (dataset, image): (&Dataset, &Image),
    layer: Layer,
    steps: usize,
) -> Values {
    let class = image.labels[0] as usize;
    let bytes = dataset.pixels().row(image.pixel_row);
    let tensor = Tensor::from_data_size(bytes, &[1, 32, 32, 3], Kind::Uint8);
    let pixels: Pixels = bytes
        .chunks(3)
        .map(|rgb| [0, 1, 2].map(|c| f64::from(rgb[c]) / 255.0))
        .collect();
    let (own, shape) = map(models[0], &tensor, layer, class);
    let on_grid = to_grid(&own, shape, GRID);
    // Of equal cells the one with the smaller random number comes first.
    let stream = random::draw(0, "equal cells", 0, &image.image_id);
    let mut order: Vec<usize> = (0..N).collect();
    order.sort_by(|&a, &b| {
        let tie = |cell: usize| random::unit(stream, cell as u64);
        on_grid[b]
            .partial_cmp(&on_grid[a])
            .unwrap()
            .then(tie(a).partial_cmp(&tie(b)).unwrap())
    });

    let mut values = Values::new();
    let mut add = |measure: &str, baseline: Option<&str>, value: f64| {
        let baseline = baseline.map(str::to_owned);
        values.insert(
            (image.image_id.clone(), measure.to_owned(), baseline),
            value,
        );
    };
    for (name, replaced) in [("blur", blurred(&pixels)), ("mean", mean(&pixels))] {
        let says = |is_replaced: &dyn Fn(usize) -> bool| {
            let cell = |cell| {
                if is_replaced(cell) {
                    replaced[cell]
                } else {
                    pixels[cell]
                }
            };
            log_odds(models[0], &(0..N).map(cell).collect(), class)
        };
        for measure in ["insertion", "deletion"] {
            let at = |step: usize| {
                let first = &order[..step * N / steps];
                let mut is_first = vec![false; N];
                first.iter().for_each(|&cell| is_first[cell] = true);
                let replaced = |cell: usize| is_first[cell] == (measure == "deletion");
                (first.len() as f64 / N as f64, sigmoid(says(&replaced)))
            };
            let points: Vec<(f64, f64)> = (0..=steps).map(at).collect();
            let parts = (0..steps).map(|k| {
                let (from, to) = (points[k], points[k + 1]);
                (to.0 - from.0) * (from.1 + to.1) / 2.0
            });
            add(measure, Some(name), parts.sum());
        }
        let regions = [
            ("", Some(dataset.class_mask(image, class as i32, 0.0))),
            (
                "_segmentation",
                dataset.class_segmentation(image, class as i32),
            ),
        ];
        for (suffix, region) in regions {
            let Some(region) = region.filter(|region| region.area() > 0) else {
                continue;
            };
            let dropped =
                |is_replaced: &dyn Fn(usize) -> bool| says(&|_| false) - says(is_replaced);
            let object = if suffix.is_empty() {
                "drop_box"
            } else {
                "drop_segmentation"
            };
            add(object, Some(name), dropped(&|cell| region.cells()[cell]));
            // Boxes never reach the last row and column.
            if (0..31).any(|y| (0..31).any(|x| !region.get(y, x))) {
                let rest = dropped(&|cell| !region.cells()[cell]);
                add(&format!("drop{suffix}_rest"), Some(name), rest);
            }
            if 2 * region.area() <= N {
                let stream = random::draw(0, "region elsewhere", class as u64, &image.image_id);
                let outside: Vec<usize> = (0..N).filter(|&cell| !region.cells()[cell]).collect();
                let middle = outside[(random::unit(stream, 0) * outside.len() as f64) as usize];
                let distance = |cell: usize| {
                    let (y, x) = (
                        (cell / 32).abs_diff(middle / 32),
                        (cell % 32).abs_diff(middle % 32),
                    );
                    y * y + x * x
                };
                let nearer = |cell: usize| {
                    let other = |&&o: &&usize| (distance(o), o) < (distance(cell), cell);
                    outside.iter().filter(other).count()
                };
                let is_taken =
                    |cell: usize| outside.contains(&cell) && nearer(cell) < region.area();
                let taken: Vec<bool> = (0..N).map(is_taken).collect();
                let elsewhere = dropped(&|cell| taken[cell]);
                add(&format!("drop{suffix}_elsewhere"), Some(name), elsewhere);
            }
        }
    }
    let (other, _) = map(models[1], &tensor, layer, class);
    let is_flat = |map: &[f32]| map.iter().all(|&value| value == map[0]);
    if !is_flat(&own) && !is_flat(&other) {
        add(
            "randomised_similarity",
            None,
            rank_correlation(&own, &other),
        );
    }
    values
}

/// Compares the program's values with [`expected`]; returns the program's.
fn check(
    models: [&Model; 2],
    data: &Path,
    subject: (&str, &Path),
    (layer, steps): (Layer, usize),
) -> Values {
    let dataset = Dataset::open(data).unwrap();
    let words = format!("--layer {layer} --steps {steps} --batch-size 5");
    let found = measured(&words, &[subject, ("--data", data)]);
    let mut all = Values::new();
    for index in dataset.indices(Split::Test) {
        let image = &dataset.images[index];
        all.extend(expected(models, (&dataset, image), layer, steps));
    }
    let keys = |values: &Values| values.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&found), keys(&all));
    for (key, value) in &found {
        let error = (value - all[key]).abs();
        assert!(error < 2e-4, "{key:?}: {value} {}", all[key]);
    }
    found
}

/// The data, the file of a network's weights, the network, and the same with random weights.
fn made(dir: &Path, name: &str) -> (PathBuf, PathBuf, Model, Model) {
    let data = pictures::write(&dir.join("data"), "own", &images());
    let file = dir.join("w.safetensors");
    let model = network(&file, name, 0.2);
    let randomised = network(&dir.join("other.safetensors"), name, 0.2);
    randomise(&randomised).unwrap();
    (data, file, model, randomised)
}

/// Values of `measure` with `baseline`, by image.
fn of(values: &Values, measure: &str, baseline: Option<&str>) -> BTreeMap<String, f64> {
    let is_asked =
        |key: &(String, String, Option<String>)| key.1 == measure && key.2.as_deref() == baseline;
    let asked = values.iter().filter(|(key, _)| is_asked(key));
    asked.map(|(key, value)| (key.0.clone(), *value)).collect()
}

/// Maps of the input (as fine as the grid) and of a layer of 8×8, in steps that do and do not divide the pixels.
#[test]
fn values_are_those_of_plain_sums() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file, model, randomised) = made(dir.path(), "resnet18");
    for (layer, steps) in [(Layer::Input, 4), (Layer::Mid1, 7)] {
        let subject = ("--weights", file.as_path());
        let found = check([&model, &randomised], &data, subject, (layer, steps));
        let spread = |measure: &str, baseline| {
            let values = of(&found, measure, baseline);
            let least = values.values().copied().fold(f64::INFINITY, f64::min);
            values.values().copied().fold(f64::NEG_INFINITY, f64::max) - least
        };
        // The comparison would miss errors of values that are all alike.
        for (measure, baseline) in [
            ("insertion", Some("blur")),
            ("deletion", Some("mean")),
            ("drop_box", Some("blur")),
            ("randomised_similarity", None),
        ] {
            let spread = spread(measure, baseline);
            assert!(spread > 2e-3, "{layer} {measure}: {spread}");
        }
        let ids = |measure: &str| {
            let values = of(&found, measure, Some("mean"));
            values.keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(ids("deletion"), "0 1 2 3 4 5");
        assert_eq!(ids("drop_box"), "0 1 3 4 5");
        assert_eq!(ids("drop_rest"), "0 1 4 5");
        assert_eq!(ids("drop_elsewhere"), "0 1 4");
        assert_eq!(ids("drop_segmentation_rest"), "1 3");
        assert_eq!(ids("drop_segmentation_elsewhere"), "1 3");
    }
}

/// A network of six channels.
#[test]
fn pixels_are_removed_before_the_encoding() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file, model, randomised) = made(dir.path(), "bcos_resnet18");
    let subject = ("--weights", file.as_path());
    check([&model, &randomised], &data, subject, (Layer::Input, 3));
}

/// At the final layer maps of 32×32 pixels have one cell, so that all cells are equal: no map is compared, and the
/// order of cells is a random one.
#[test]
fn a_constant_map_is_a_random_order() {
    let dir = tempfile::tempdir().unwrap();
    let (data, file, model, randomised) = made(dir.path(), "resnet18");
    let subject = ("--weights", file.as_path());
    let found = check([&model, &randomised], &data, subject, (Layer::Final, 5));
    assert!(of(&found, "randomised_similarity", None).is_empty());
}

/// Of a softmax the probability is the class's share, and drops are of log-odds.
#[test]
fn of_a_softmax_the_shares_count() {
    let dir = tempfile::tempdir().unwrap();
    let mut all = images();
    all.extend(pictures("train", 4));
    all.extend(pictures("val", 2));
    let data = pictures::write(&dir.path().join("data"), "own", &all);
    let config = dir.path().join("run.toml");
    let text = "name = \"softmax\"\nbackbone = \"resnet18\"\nattribution = \"ixg\"\nlayer = \"mid1\"\n\
                labels = \"single\"\nepochs = 1\nbatch_size = 4\n[init]\nfrom = \"scratch\"\n";
    fs_err::write(&config, text).unwrap();
    let runs = dir.path().join("runs");
    let paths = [
        ("--config", config.as_path()),
        ("--data", &data),
        ("--out", &runs),
    ];
    let run = PathBuf::from(trainer("train", &paths).trim_end());
    let model = || {
        let mut model = recipe_model(support::named("resnet18"), 2, Kind::Float);
        model.labels = Labels::Single;
        let file = run.join("checkpoints/epoch-0001.safetensors");
        let (tensors, _) = checkpoint::load(&file).unwrap();
        model.params.load(&tensors, &[], "checkpoint").unwrap();
        model
    };
    let (own, randomised) = (model(), model());
    randomise(&randomised).unwrap();
    check(
        [&own, &randomised],
        &data,
        ("--run", &run),
        (Layer::Mid1, 3),
    );
}

/// The pairs are drawn, and fewer are some of more.
#[test]
fn pairs_are_the_same_for_every_network() {
    let dataset = pictures::open("own", &pictures("test", 40));
    let indices = dataset.indices(Split::Test);
    let chosen = |n: usize| choose(&dataset, &indices, n);
    let (few, more) = (chosen(5), chosen(20));
    assert_eq!((few.len(), more.len(), chosen(99).len()), (5, 20, 40));
    assert!(few.iter().all(|pair| more.contains(pair)));
    assert!(more.is_sorted());
    assert_ne!(more, chosen(99)[..20]);
    let same = |&(image, class): &(usize, i32)| dataset.images[image].labels == [class];
    assert!(chosen(99).iter().all(same));
}
