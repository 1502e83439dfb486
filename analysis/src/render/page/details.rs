//! Renders the report's texts: the sentence on what was run, the configuration values that all runs (trainings)
//! share, the definitions of terms, the list of files, and the notes. It also has the fields of a run's
//! configuration.

use std::collections::BTreeSet;

use maud::{Markup, html};

use crate::format::{counted, duration, number};
use crate::model::evidence::Evidence;
use crate::model::loss::Loss;
use crate::model::names;
use crate::model::results::Results;
use crate::model::run::Run;
use crate::model::setting::Setting;
use crate::render::gallery;
use crate::render::output::File;

/// Number of runs, data set, backbone, machine and time, in a sentence or two.
pub(super) fn what_was_run(evidence: &Evidence) -> Markup {
    let (results, settings) = (evidence.results, evidence.settings);
    let unique = |get: fn(&Run) -> String| {
        let values: BTreeSet<String> = results.runs.iter().map(get).collect();
        values.into_iter().collect::<Vec<_>>().join(", ")
    };
    let n_baselines = results.runs.iter().filter(|run| run.is_baseline()).count();
    let n_guided = results.runs.len() - n_baselines;
    let maps: BTreeSet<String> = settings.iter().map(Setting::maps).collect();
    let seconds: f64 = results.runs.iter().map(|run| run.seconds).sum();
    html! {
        (counted(n_baselines, "baseline")) " and " (counted(n_guided, "guided run"))
        " of " b { (unique(|run| run.backbone.clone())) }
        " on " b { (unique(|run| names::dataset(&run.dataset).to_owned())) }
        " (" (unique(|run| format!("{} training and {} validation images", run.n_train, run.n_val)))
        ", " (unique(|run| format!("{} × {} pixels", run.input_height, run.input_width)))
        "), looked at through " (maps.into_iter().collect::<Vec<_>>().join("; ")) ". Trained on "
        (unique(|run| format!("{} ({})", run.device, counted(run.threads.max(0) as usize, "thread"))))
        " in " (duration(seconds)) "."
    }
}

/// A configuration value: its name, and the function that shows it. The name is that of the column in
/// `run.parquet`; only `time` is the column `seconds`.
pub(super) type Field = (&'static str, fn(&Run) -> String);

/// The configuration values that the page shows, in order.
pub(super) const FIELDS: [Field; 38] = [
    ("dataset", |run| run.dataset.clone()),
    ("backbone", |run| run.backbone.clone()),
    ("task", |run| run.task.clone()),
    ("labels", |run| run.labels.clone()),
    ("explained", |run| run.explained.clone()),
    ("attribution", |run| run.attribution.clone()),
    ("layer", |run| run.layer.clone()),
    ("loss", |run| {
        let loss = run.loss.as_ref();
        loss.map_or("none", Loss::name).to_owned()
    }),
    ("lambda", |run| {
        run.lambda.map_or_else(|| "–".to_owned(), number)
    }),
    ("annotated_fraction", |run| number(run.annotated_fraction)),
    ("annotation", |run| run.annotation.clone()),
    ("dilation", |run| number(run.dilation)),
    ("loss_options", |run| match run.loss_options.as_str() {
        "" => "–".to_owned(),
        options => options.to_owned(),
    }),
    ("augmentation", |run| run.augmentation.clone()),
    ("color_jitter", |run| run.color_jitter.clone()),
    ("precision", |run| run.precision.clone()),
    ("seed", |run| run.seed.to_string()),
    ("optimizer", |run| run.optimizer.clone()),
    ("weight_decay", |run| number(run.weight_decay)),
    ("learning_rate", |run| number(run.learning_rate)),
    ("schedule", |run| run.schedule.clone()),
    ("warmup_steps", |run| run.warmup_steps.to_string()),
    ("batch_size", |run| run.batch_size.to_string()),
    ("epochs", |run| run.epochs.to_string()),
    ("epochs_trained", |run| {
        run.epochs_trained.unwrap_or(run.epochs).to_string()
    }),
    ("early_stopping", |run| run.early_stopping.clone()),
    ("init", |run| shortened(&run.init)),
    ("baseline_run_id", |run| {
        run.baseline_run_id
            .as_deref()
            .map_or_else(|| "–".to_owned(), shortened)
    }),
    ("configuration", |run| run.configuration.clone()),
    ("input_height", |run| run.input_height.to_string()),
    ("input_width", |run| run.input_width.to_string()),
    ("n_train", |run| run.n_train.to_string()),
    ("n_val", |run| run.n_val.to_string()),
    ("data_inputs", |run| shortened(&run.data_inputs)),
    ("device", |run| run.device.clone()),
    ("threads", |run| run.threads.to_string()),
    ("time", |run| duration(run.seconds)),
    ("program", |run| run.program.clone()),
];

/// Shortens each word (words end at `:` and `@`) to 12 letters, the length of a run id, as in
/// `weights:0123456789ab…` for a SHA-256. The full text is in runs.parquet.
fn shortened(text: &str) -> String {
    let words = text.split_inclusive([':', '@']).map(|word| {
        let (body, mark) = match word.strip_suffix([':', '@']) {
            Some(body) => (body, &word[body.len()..]),
            None => (word, ""),
        };
        match body.char_indices().nth(12) {
            Some((end, _)) => format!("{}…{mark}", &body[..end]),
            None => word.to_owned(),
        }
    });
    words.collect()
}

/// The values that all runs share; the others are in the list of runs.
pub(super) fn configuration(results: &Results) -> Markup {
    let shared =
        |get: fn(&Run) -> String| results.runs.iter().map(get).collect::<BTreeSet<_>>().len() == 1;
    let same: Vec<Field> = FIELDS.into_iter().filter(|(_, get)| shared(*get)).collect();
    html! {
        @if let (Some(first), false) = (results.runs.first(), same.is_empty()) {
            section {
                h2 { "The same in all runs" }
                dl.shared {
                    @for (name, get) in &same { div { dt { (name) } dd { (get(first)) } } }
                }
            }
        }
    }
}

/// Definitions of what the page shows.
pub(super) fn how_to_read() -> Markup {
    let terms = [
        (
            "EPG",
            "energy-based pointing game: the share of a map's positive attribution that lies inside the boxes of the explained class, averaged over all pairs of a test image and a class it shows, whether the class was predicted or not (paper, section 3.3). Where a map has no positive attribution EPG is undefined and counts 0.",
        ),
        (
            "IoU",
            "overlap of the thresholded map (positive part, scaled to 0–1, above the threshold named under the table) with the boxes, intersection over union, averaged over the same pairs (paper, section 3.3).",
        ),
        (
            "F1",
            "micro F1 over all images and classes, a class being predicted where its logit is at least 0 (paper, section 4); of networks for images of exactly one class, where its logit is the greatest.",
        ),
        (
            "mAP",
            "mean over classes of average precision (paper, supplement).",
        ),
        (
            "λ",
            "weight of the localization loss beside the classification loss (paper, section 3).",
        ),
        (
            "Checkpoint",
            "every epoch of a run is a candidate; those not dominated in validation F1, EPG and IoU are kept and scored (paper, section 4). The report shows the one with the highest validation EPG whose validation F1 is at most 1 point below the baseline's best, or, where there is none, the one with the highest validation F1; for a baseline the highest validation F1. The test split has no part in the choice.",
        ),
        (
            "Interval",
            "2.5th to 97.5th percentile of the metric over bootstrap resamples of the test images. Differences use the same resamples for both runs (paired). They say how much the result depends on which images were tested, not how much it varies between trainings.",
        ),
    ];
    html! {
        section id="reading" {
            h2 { "How to read this" }
            dl.terms { @for (term, text) in terms { dt { (term) } dd { (text) } } }
        }
    }
}

/// The link to the gallery, if there is one among `files`.
pub(super) fn gallery(files: &[File]) -> Markup {
    html! {
        @if files.iter().any(|file| file.name == gallery::PAGE) {
            p.gallery { a href=(gallery::PAGE) { "Gallery: every test image with its maps" } " to look through, worst first" }
        }
    }
}

/// The files beside the report, with links; those of the gallery are its page's.
pub(super) fn files(files: &[File]) -> Markup {
    // One list item for each table or figure, with links to its formats.
    let stem = |file: &File| file.name.split('.').next().unwrap_or_default().to_owned();
    let inside = |file: &File| file.name.split('/').next() == Some(gallery::FOLDER);
    let named = files.chunk_by(|a, b| stem(a) == stem(b));
    let named: Vec<&[File]> = named.filter(|files| !inside(&files[0])).collect();
    html! {
        section id="files" {
            h2 { "Files beside this page" }
            ul.files {
                @for files in named {
                    li {
                        code { (stem(&files[0])) }
                        @for file in files {
                            " " a href=(file.name) { (file.name.rsplit('.').next().unwrap_or_default()) }
                        }
                    }
                }
            }
        }
    }
}

/// The notes, if there are any.
pub(super) fn notes(notes: &[String]) -> Markup {
    html! {
        @if !notes.is_empty() {
            section {
                h2 { "Notes" }
                ul { @for note in notes { li { (note) } } }
            }
        }
    }
}
