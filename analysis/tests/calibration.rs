//! Shows that verdicts are calibrated (docs/statistics.md): draws results at random, in which two losses are
//! equally good or differ by a known amount, and counts what the functions that the report uses decide.
//!
//! Numbers are in points. A checkpoint's quality is the sum of what its seed, its training (a λ) and its epoch draw;
//! it lasts from validation to test. To it each split adds what its images draw: a part that all checkpoints
//! of a loss share, and one of the checkpoint's own. Replicates scatter as images do.
//!
//! The table of docs/statistics.md has this test's numbers; `GUIDANCE_WRITE_DOCS=1` writes them anew.

#![allow(clippy::unwrap_used)]

use std::f64::consts::TAU;
use std::path::Path;

use analysis::model::intervals;
use analysis::statistics::choice::{Candidate, Choice, Training, height, thinned};
use analysis::statistics::effect::{Effect, Measured};
use analysis::statistics::rules::{Outcome, Reach, Verdict, Weighed, decide};
use rayon::prelude::*;

/// Draws of each line of the table.
const DRAWS: u64 = 20_000;
/// Draws of the negative controls, whose rates are far from the bound.
const CONTROL_DRAWS: u64 = 4_000;
/// Bootstrap resamples of a draw.
const RESAMPLES: usize = 100;
/// Test images of a draw.
const IMAGES: usize = 1000;
/// A point, as a fraction.
const POINT: f64 = 0.01;

/// Deviations in points of what a checkpoint's quality is made of.
const OF_SEED: f64 = 0.6;
const OF_TRAINING: f64 = 0.5;
const OF_EPOCH: f64 = 0.5;
/// Deviations in points of what the images of a split add: shared by the checkpoints of a loss, and a checkpoint's own.
const OF_IMAGES: f64 = 0.35;
const OF_IMAGES_ALONE: f64 = 0.3;

/// Random numbers: SplitMix64 (Steele et al. 2014), and normal ones by Box and Muller's formula.
struct Random {
    state: u64,
    /// The second of the two normal numbers that the formula makes.
    spare: Option<f64>,
}

impl Random {
    /// Those of a draw of an experiment.
    fn of(experiment: u64, draw: u64) -> Self {
        let spare = None;
        let mut random = Self {
            state: experiment << 32 ^ draw,
            spare,
        };
        // Neighbouring seeds are far apart after a step.
        let state = random.next();
        Self { state, spare }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in (0, 1].
    fn uniform(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// Normal with this deviation.
    fn normal(&mut self, deviation: f64) -> f64 {
        let drawn = self.spare.take().unwrap_or_else(|| {
            let radius = (-2.0 * self.uniform().ln()).sqrt();
            let (sine, cosine) = (TAU * self.uniform()).sin_cos();
            self.spare = Some(radius * sine);
            radius * cosine
        });
        deviation * drawn
    }

    /// Normal numbers, one for each resample.
    fn normals(&mut self, deviation: f64) -> Vec<f64> {
        (0..RESAMPLES).map(|_| self.normal(deviation)).collect()
    }
}

/// How many trainings (λ) of how many checkpoints a loss has for each seed.
type Size = (usize, usize);

/// A loss's checkpoints of one seed.
struct Side {
    trainings: Vec<Training>,
    /// F1 and EPG on the test images, of each training's checkpoints.
    test: Vec<Vec<(f64, f64)>>,
}

/// What the images add to the numbers of a loss: on validation and on test, to F1 and EPG, and to EPG in each resample
/// of the test images.
struct Images {
    validation: (f64, f64),
    test: (f64, f64),
    resampled: Vec<f64>,
}

impl Images {
    fn draw(random: &mut Random) -> Self {
        let mut both = || (random.normal(OF_IMAGES), random.normal(OF_IMAGES));
        let (validation, test) = (both(), both());
        Self {
            validation,
            test,
            resampled: random.normals(OF_IMAGES),
        }
    }
}

/// Draws a seed of a loss whose F1 and EPG are the baseline's, in points above it.
fn side(random: &mut Random, (n_trainings, n_checkpoints): Size, images: &Images) -> Side {
    let seed = (random.normal(OF_SEED), random.normal(OF_SEED));
    let (mut trainings, mut test) = (Vec::new(), Vec::new());
    for _ in 0..n_trainings {
        let training = (random.normal(OF_TRAINING), random.normal(OF_TRAINING));
        let (mut checkpoints, mut tested) = (Vec::new(), Vec::new());
        for _ in 0..n_checkpoints {
            let mut drawn = |seed: f64, training: f64, images: (f64, f64)| {
                let quality = seed + training + random.normal(OF_EPOCH);
                let mut on = |images: f64| quality + images + random.normal(OF_IMAGES_ALONE);
                (on(images.0), on(images.1))
            };
            let f1 = drawn(seed.0, training.0, (images.validation.0, images.test.0));
            let epg = drawn(seed.1, training.1, (images.validation.1, images.test.1));
            checkpoints.push(Candidate {
                f1: f1.0 * POINT,
                epg: epg.0 * POINT,
            });
            tested.push((f1.1, epg.1));
        }
        trainings.push(Training {
            id: format!("{:016x}", random.next()),
            checkpoints,
        });
        test.push(tested);
    }
    Side { trainings, test }
}

/// The height of a side's front among `n` of its trainings, over the baseline's, which is 0.
fn height_of(random: &mut Random, side: &Side, n: usize, images: &Images) -> Measured {
    let among = thinned(&side.trainings, n);
    // A checkpoint has the same replicates at every tolerance.
    let mut known: Vec<((usize, usize), Measured)> = Vec::new();
    let found = height(&side.trainings, &among, 0.0, |choice: Choice| {
        let Some(place) = choice else {
            return Some(Measured {
                value: 0.0,
                resampled: vec![0.0; RESAMPLES],
            });
        };
        if let Some((_, measured)) = known.iter().find(|(known, _)| *known == place) {
            return Some(measured.clone());
        }
        let value = side.test[place.0][place.1].1;
        let resampled = images.resampled.iter();
        let measured = Measured {
            value,
            resampled: resampled
                .map(|shared| value + shared + random.normal(OF_IMAGES_ALONE))
                .collect(),
        };
        known.push((place, measured.clone()));
        Some(measured)
    });
    found.unwrap()
}

/// Compares two equally good losses with these numbers of trainings and checkpoints, over seeds.
fn equal_losses(
    random: &mut Random,
    sizes: [Size; 2],
    n_seeds: usize,
    is_thinned: bool,
) -> Weighed {
    let images = [Images::draw(random), Images::draw(random)];
    let least = sizes[0].0.min(sizes[1].0);
    let differences = (0..n_seeds).map(|_| {
        let [ours, theirs] = [0, 1].map(|index| {
            let side = side(random, sizes[index], &images[index]);
            let n = if is_thinned { least } else { sizes[index].0 };
            height_of(random, &side, n, &images[index])
        });
        ours.minus(&theirs)
    });
    let differences: Vec<Measured> = differences.collect();
    Effect::of(&differences, IMAGES).unwrap().above(0.0)
}

/// The rule before this one, the negative control: the upper envelopes of all checkpoints through the test points, and
/// an interval over images alone. Whether it is for the first of two equally good losses.
fn envelopes_are_for(random: &mut Random, sizes: [Size; 2], n_seeds: usize) -> bool {
    // F1 is compared at most this far from the baseline's.
    const ROOM: f64 = 5.0;
    /// The area under the steps of the front of `points` from (−`ROOM`, 0) to `ROOM`, per point of F1.
    fn height(mut points: Vec<(f64, f64)>) -> f64 {
        points.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut area, mut best, mut right) = (0.0, 0.0_f64, ROOM);
        for (f1, epg) in points {
            let left = f1.clamp(-ROOM, ROOM);
            area += best * (right - left);
            (right, best) = (left, best.max(epg));
        }
        (area + best * (right + ROOM)) / (2.0 * ROOM)
    }
    let images = [Images::draw(random), Images::draw(random)];
    let mut sums = vec![0.0; RESAMPLES];
    for _ in 0..n_seeds {
        for (index, sign) in [(0, 1.0), (1, -1.0)] {
            let points = side(random, sizes[index], &images[index]).test.concat();
            for (sum, shared) in sums.iter_mut().zip(&images[index].resampled) {
                let points = points.iter().map(|(f1, epg)| {
                    let alone = [0, 1].map(|_| random.normal(OF_IMAGES_ALONE));
                    (f1 + alone[0], epg + shared + alone[1])
                });
                *sum += sign * height(points.collect());
            }
        }
    }
    intervals::between(sums).unwrap().low > 0.0
}

/// Differences of `places` × 3 comparisons over seeds, all of 2 points: a loss with three others in each place. The
/// deviation of a seed's difference is 0.7 and that of the mean over images 0.5, half of each variance from the loss
/// that the three comparisons share; the images are the same everywhere.
fn true_differences(random: &mut Random, places: usize, n_seeds: usize) -> Vec<Weighed> {
    let (of_seed, of_images) = (0.7 / 2_f64.sqrt(), 0.5 / 2_f64.sqrt());
    // What the test images and their resamples add to ours and to each other loss.
    let images: Vec<(f64, Vec<f64>)> = (0..4)
        .map(|_| (random.normal(of_images), random.normals(of_images)))
        .collect();
    let mut comparisons = Vec::new();
    for _ in 0..places {
        // Each seed's part of ours, then of the three others.
        let drawn: Vec<[f64; 4]> = (0..n_seeds)
            .map(|_| [(); 4].map(|()| random.normal(of_seed)))
            .collect();
        for other in 1..4 {
            let differences = drawn.iter().map(|seed| {
                let value = 2.0 + seed[0] - seed[other] + images[0].0 - images[other].0;
                let resampled = images[0].1.iter().zip(&images[other].1);
                Measured {
                    value,
                    resampled: resampled
                        .map(|(ours, theirs)| value + ours - theirs)
                        .collect(),
                }
            });
            let differences: Vec<Measured> = differences.collect();
            comparisons.push(Effect::of(&differences, IMAGES).unwrap().above(0.0));
        }
    }
    comparisons
}

/// The share of draws in which `is_so`; and the 99 % upper bound of its expectation (Wilson's).
fn share(draws: u64, experiment: u64, is_so: impl Fn(&mut Random) -> bool + Sync) -> (f64, f64) {
    let of_draw = |draw| u64::from(is_so(&mut Random::of(experiment, draw)));
    let count: u64 = (0..draws).into_par_iter().map(of_draw).sum();
    let (n, p) = (draws as f64, count as f64 / draws as f64);
    // The 99 % quantile of the normal distribution.
    let z = 2.326_347_874_040_841;
    let centre = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    (p, (centre + half) / (1.0 + z * z / n))
}

/// Checkpoints of each side: 4 λ of 3 checkpoints against one λ, and of one checkpoint against one.
const SIZES: [([Size; 2], &str); 2] = [
    ([(4, 3), (1, 3)], "12 against 3"),
    ([(4, 1), (1, 1)], "4 against 1"),
];
/// Numbers of seeds, with the most that the bound of "for" may be where nothing differs, and the least power.
const SEEDS: [(usize, f64, f64); 2] = [(3, 0.045, 0.75), (5, 0.035, 0.88)];

fn is_for(weighed: Weighed) -> bool {
    weighed.outcome() == Outcome::For
}

/// A line of the table.
struct Line {
    counted: String,
    seeds: usize,
    /// The share of draws and, where nothing differs, the upper 99 % bound.
    shares: Vec<f64>,
    /// What is asked of the last of them.
    asked: String,
}

#[test]
fn verdicts_are_calibrated() {
    let mut lines: Vec<Line> = Vec::new();
    let mut line = |counted: &str, seeds, shares: &[f64], asked: String| {
        let (counted, shares) = (counted.to_owned(), shares.to_vec());
        lines.push(Line {
            counted,
            seeds,
            shares,
            asked,
        });
    };
    // Each experiment has random numbers of its own.
    let mut experiments = 1..;
    let mut next = || experiments.next().unwrap();
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    for (seeds, bound, _) in SEEDS {
        for (sizes, name) in SIZES {
            let (found, upper) = share(DRAWS, next(), |random| {
                is_for(equal_losses(random, sizes, seeds, true))
            });
            let asked = format!("bound at most {}", percent(bound));
            let counted = format!("for, nothing differs, {name} checkpoints");
            line(&counted, seeds, &[found, upper], asked);
            assert!(upper <= bound, "{counted}, {seeds} seeds: {found}, {upper}");
        }
    }
    // The negative controls break the bound: the rule without thinning, and the rule before it.
    let ((sizes, name), (seeds, bound, _)) = (SIZES[0], SEEDS[0]);
    let controls = [
        share(CONTROL_DRAWS, next(), |random| {
            is_for(equal_losses(random, sizes, seeds, false))
        }),
        share(CONTROL_DRAWS, next(), |random| {
            envelopes_are_for(random, sizes, seeds)
        }),
    ];
    for (rule, (found, upper)) in ["larger side not thinned", "old rule"].iter().zip(controls) {
        let counted = format!("for, nothing differs, {name} checkpoints, {rule}");
        let asked = format!("more than {}", percent(bound));
        line(&counted, seeds, &[found, upper], asked);
        assert!(found > bound, "{counted}: {found}");
    }
    for (seeds, _, power) in SEEDS {
        let (found, _) = share(DRAWS, next(), |random| {
            is_for(true_differences(random, 1, seeds)[0])
        });
        let asked = format!("at least {}", percent(power));
        line("for, two points differ", seeds, &[found], asked);
        assert!(found >= power, "{seeds} seeds: {found}");
    }
    for (seeds, ..) in SEEDS {
        for places in [2, 4] {
            let (found, _) = share(CONTROL_DRAWS, next(), |random| {
                let comparisons = true_differences(random, places, seeds);
                decide(&comparisons, Reach::Everywhere) == Verdict::Holds
            });
            let n = 3 * places;
            let counted = format!("\"holds\" over {n} comparisons, two points differ in each");
            line(&counted, seeds, &[found], String::new());
        }
    }
    check_docs(&lines);
}

/// Checks the table of docs/statistics.md, or writes it. A share may be off by 0.2 points, as another machine's last
/// digits may decide a draw.
fn check_docs(lines: &[Line]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/statistics.md");
    let text = fs_err::read_to_string(&path).unwrap();
    let cells = |line: &Line| -> [String; 5] {
        let share = |index: usize| {
            let share = line.shares.get(index);
            share.map_or(String::new(), |share| format!("{:.1} %", share * 100.0))
        };
        let seeds = line.seeds.to_string();
        [
            line.counted.clone(),
            seeds,
            share(0),
            share(1),
            line.asked.clone(),
        ]
    };
    let heads = ["counted", "seeds", "share", "99 % bound", "asked"];
    let rows = lines
        .iter()
        .map(|line| format!("| {} |\n", cells(line).join(" | ")));
    let table = format!(
        "| {} |\n|{}\n{}",
        heads.join(" | "),
        "---|".repeat(heads.len()),
        rows.collect::<String>()
    );
    println!("{table}");
    let is_row = |line: &&str| line.starts_with('|');
    let start = text.find("| counted ").expect("a table");
    let n_bytes: usize = text[start..]
        .split_inclusive('\n')
        .take_while(is_row)
        .map(str::len)
        .sum();
    let (before, rest) = text.split_at(start);
    let (written, after) = rest.split_at(n_bytes);
    if std::env::var_os("GUIDANCE_WRITE_DOCS").is_some() {
        fs_err::write(&path, format!("{before}{table}{after}")).unwrap();
        return;
    }
    let written: Vec<&str> = written.lines().skip(2).collect();
    assert_eq!(written.len(), lines.len(), "lines of {}", path.display());
    for (written, line) in written.into_iter().zip(lines) {
        let found: Vec<&str> = written
            .trim_matches('|')
            .split(" | ")
            .map(str::trim)
            .collect();
        for (index, (found, expected)) in found.iter().zip(cells(line)).enumerate() {
            let number = |text: &str| text.trim_end_matches(" %").parse::<f64>().ok();
            let is_close = match (index, number(found), number(&expected)) {
                (2 | 3, Some(found), Some(expected)) => (found - expected).abs() < 0.21,
                _ => *found == expected,
            };
            assert!(is_close, "{}: {written}, not {expected}", path.display());
        }
    }
}
