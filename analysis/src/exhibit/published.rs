//! Published numbers beside ours, where data set, network, method, layer, loss and annotations are the
//! same, with the difference and what we trained on. Asked for by name, it also lists what of the
//! published has no run of ours.

use super::Evidence;
use crate::Result;
use crate::comparison::{Checkpoint, Row, Setting};
use crate::configuration::{Amount, Configuration};
use crate::format::number;
use crate::groups::by_seed;
use crate::load::{CONVENTIONAL, Part, WATERBIRD_ON_LAND};
use crate::names::{self, Loss, Measure, WATERBIRDS};
use crate::published::{self, Point, Statistic};
use crate::run::Run;
use crate::seeds::moments;
use crate::table::{Cell, Column, Kind, Line, Section, Spread, Table};

/// Whether published rows without a run of ours are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// Only those with one.
    Corresponding,
    /// All.
    All,
}

/// The tables.
///
/// # Errors
/// A file of published numbers that is not as it should be.
pub(super) fn make(evidence: &Evidence, rows: Rows) -> Result<super::Made> {
    let tables = [
        points(evidence, rows)?,
        accuracies(evidence, rows)?,
        sizes(evidence, rows)?,
    ];
    let tables: Vec<Table> = tables
        .into_iter()
        .filter(|table| !table.sections.is_empty())
        .collect();
    Ok(match tables.is_empty() {
        true => Err("no run has the data set, network, method, layer, loss and annotations of a published one".to_owned()),
        false => Ok((Vec::new(), tables)),
    })
}

/// Published, ours, difference.
fn three(published: Option<f64>, ours: Option<f64>, is_gain: bool) -> [Cell; 3] {
    let shown = |value: Option<f64>| match is_gain {
        true => Cell::points(value, None),
        false => Cell::share(value, None),
    };
    let difference = published
        .zip(ours)
        .map(|(published, ours)| ours - published);
    [
        shown(published),
        shown(ours),
        Cell::points(difference, None),
    ]
}

fn points(evidence: &Evidence, rows: Rows) -> Result<Table> {
    let mut columns = vec![
        Column::new("source", "Source", Kind::Text),
        Column::new("configuration", "Configuration", Kind::Text),
        Column::new("point", "Point", Kind::Text),
    ];
    for (names, title) in [
        (["f1_published", "f1_ours", "f1_difference"], "F1"),
        (["epg_published", "epg_ours", "epg_difference"], "EPG"),
        (["iou_published", "iou_ours", "iou_difference"], "IoU"),
    ] {
        let titles = [
            format!("{title} published"),
            "ours".to_owned(),
            "Δ".to_owned(),
        ];
        columns.extend(
            names
                .into_iter()
                .zip(titles)
                .map(|(name, title)| Column::new(name, title, Kind::Value)),
        );
    }
    columns.push(Column::new("ours", "Ours trained on", Kind::Text));
    let mut sections: Vec<Section> = Vec::new();
    for point in published::points()? {
        let found = ours(evidence, &point);
        if found.is_none() && rows == Rows::Corresponding {
            continue;
        }
        let [dataset, backbone, attribution, layer, loss, _] = &point.key;
        let heading = format!(
            "{} · {backbone} · {} at {}",
            names::dataset(dataset),
            names::attribution(attribution),
            names::layer(layer)
        );
        let mut cells = vec![
            Cell::text(&point.source),
            Cell::text(label(loss, &point)),
            Cell::text(point.statistic.words()),
        ];
        for (index, published) in point.values.into_iter().enumerate() {
            let ours = found.as_ref().and_then(|(values, _)| values[index]);
            cells.extend(three(
                published,
                published.and(ours),
                point.statistic.is_gain(),
            ));
        }
        cells.push(Cell::maybe_text(
            found.map(|(_, run)| trained_on(evidence, run)),
        ));
        push(&mut sections, heading, Line::new(cells));
    }
    Ok(Table {
        name: "published",
        columns,
        sections,
        caption: "Published (P: the paper; T, F: two reproductions) beside reproduced test results, in \
                  percent, gains and differences in points. Points are the ends of the front of all \
                  scored checkpoints, so both sides are looked at in the same way; they are no \
                  selection. IoU at threshold 0.5; the paper's own threshold was chosen on held-out \
                  images. What ours were trained on differs as the last column says."
            .to_owned(),
    })
}

fn push(sections: &mut Vec<Section>, heading: String, line: Line) {
    match sections
        .iter_mut()
        .find(|section| section.heading == heading)
    {
        Some(section) => section.lines.push(line),
        None => sections.push(Section {
            heading,
            lines: vec![line],
        }),
    }
}

fn label(loss: &str, point: &Point) -> String {
    let Some(loss) = Loss::from_spelling(loss) else {
        return "Baseline".to_owned();
    };
    let variant = crate::configuration::Variant {
        annotation: point.key[5].clone(),
        annotated_fraction: Amount(point.annotated_fraction.unwrap_or(1.0)),
        dilation: Amount(point.dilation.unwrap_or(0.0)),
        area_exponent: None,
    };
    crate::configuration::label(Some(loss), Some(&variant))
}

/// Our values of a published point, and a run of theirs.
fn ours<'a>(evidence: &Evidence<'a>, point: &Point) -> Option<([Option<f64>; 3], &'a Run)> {
    let [dataset, backbone, attribution, layer, loss, annotation] = &point.key;
    let setting = evidence.settings.iter().find(|setting| {
        setting.task == CONVENTIONAL
            && (&setting.dataset, &setting.backbone) == (dataset, backbone)
            && setting.method() == (attribution, layer)
    })?;
    let baseline = setting.baseline();
    let before = baseline.and_then(|row| values(row.selected()?));
    if point.statistic == Statistic::Baseline {
        return Some((before?, &baseline?.run));
    }
    let fits = |configuration: &Configuration| {
        let variant = &configuration.variant;
        configuration.loss.map(Loss::spelling) == Some(loss)
            && variant.annotation == *annotation
            && Some(variant.annotated_fraction.0) == point.annotated_fraction
            && Some(variant.dilation.0) == point.dilation
    };
    let rows: Vec<&Row> = setting
        .guided()
        .filter(|row| setting.is_guided_here(&row.run) && fits(&row.run.configuration()))
        .collect();
    let checkpoints = rows.iter().flat_map(|row| &row.checkpoints);
    let all: Vec<[Option<f64>; 3]> = checkpoints.filter_map(values).collect();
    let chosen = statistic(point, &all, before)?;
    let found = match point.statistic.is_gain() {
        false => chosen,
        true => {
            let before = before?;
            std::array::from_fn(|index| Some(chosen[index]? - before[index]?))
        }
    };
    Some((found, &rows.first()?.run))
}

/// F1, EPG and IoU; `None` without F1.
fn values(checkpoint: &Checkpoint) -> Option<[Option<f64>; 3]> {
    let value = |measure: Measure| checkpoint.metric(Part::All, measure.spelling())?.value;
    value(Measure::F1)?;
    Some([Measure::F1, Measure::Epg, Measure::Iou].map(value))
}

fn statistic(
    point: &Point,
    all: &[[Option<f64>; 3]],
    before: Option<[Option<f64>; 3]>,
) -> Option<[Option<f64>; 3]> {
    let highest = |index: usize| {
        let key = |values: &&[Option<f64>; 3]| values[index].unwrap_or(f64::NEG_INFINITY);
        all.iter().max_by(|a, b| key(a).total_cmp(&key(b))).copied()
    };
    match point.statistic {
        Statistic::Baseline => before,
        Statistic::HighestF1 | Statistic::GainHighestF1 => highest(0),
        Statistic::HighestEpg => highest(1),
        Statistic::HighestIou | Statistic::GainHighestIou => highest(2),
        Statistic::WithinPoint | Statistic::GainWithinPoint => {
            let least = before?[0]? - 0.01 - 1e-12;
            let kept = all
                .iter()
                .filter(|values| values[0].is_some_and(|f1| f1 >= least));
            let epg = |values: &&[Option<f64>; 3]| values[1].unwrap_or(f64::NEG_INFINITY);
            kept.max_by(|a, b| epg(a).total_cmp(&epg(b))).copied()
        }
        Statistic::AtF1 => {
            let f1 = point.values[0]?;
            let far = |values: &&[Option<f64>; 3]| {
                values[0].map_or(f64::INFINITY, |own| (own - f1).abs())
            };
            all.iter().min_by(|a, b| far(a).total_cmp(&far(b))).copied()
        }
    }
}

/// Images, input, epochs and start of `run`, in a few words.
fn trained_on(evidence: &Evidence, run: &Run) -> String {
    let baseline = run
        .baseline_run_id
        .as_deref()
        .and_then(|id| evidence.results.run(id));
    let epochs = match baseline {
        Some(baseline) => format!("{} + {}", baseline.epochs, run.epochs),
        None => run.epochs.to_string(),
    };
    let init = &baseline.unwrap_or(run).init;
    let start = match init.split(':').next() {
        Some("weights") => "from given weights",
        Some("run") => "from another run",
        _ => "from random weights",
    };
    format!(
        "{} images, {} × {} pixels, {epochs} epochs, {start}",
        run.n_train, run.input_height, run.input_width
    )
}

fn accuracies(evidence: &Evidence, rows: Rows) -> Result<Table> {
    let mut columns = vec![
        Column::new("source", "Source", Kind::Text),
        Column::new("configuration", "Configuration", Kind::Text),
    ];
    for (names, title) in [
        (
            ["worst_published", "worst_ours", "worst_difference"],
            "Waterbird on land",
        ),
        (
            ["overall_published", "overall_ours", "overall_difference"],
            "Overall",
        ),
    ] {
        let titles = [
            format!("{title}, published"),
            "ours".to_owned(),
            "Δ".to_owned(),
        ];
        let kinds = [Kind::Seeds, Kind::Seeds, Kind::Value];
        let new = |((name, title), kind)| Column::new(name, title, kind);
        columns.extend(names.into_iter().zip(titles).zip(kinds).map(new));
    }
    columns.push(Column::new("ours", "Ours trained on", Kind::Text));
    let mut sections = Vec::new();
    for published in published::accuracies()? {
        let [backbone, attribution, task, loss] = &published.key;
        let suits = |setting: &&Setting| {
            setting.dataset == WATERBIRDS
                && (&setting.backbone, &setting.task) == (backbone, task)
                && setting.attribution == *attribution
        };
        // The paper does not say at which layer; the one nearest to the input.
        let setting = evidence.settings.iter().find(suits);
        let fits = |row: &&Row| {
            let configuration = row.run.configuration();
            let variant = &configuration.variant;
            configuration.loss == Loss::from_spelling(loss)
                && (configuration.loss.is_none()
                    || (Some(variant.annotated_fraction.0) == published.annotated_fraction
                        && variant.annotation == "box"
                        && variant.dilation.0 == 0.0))
        };
        let found: Vec<&Row> = setting
            .into_iter()
            .flat_map(|s| s.rows.iter().filter(fits))
            .collect();
        let found = by_seed(&found);
        if found.is_empty() && rows == Rows::Corresponding {
            continue;
        }
        let mut cells = vec![
            Cell::text(&published.source),
            Cell::text(
                match (Loss::from_spelling(loss), published.annotated_fraction) {
                    (Some(loss), Some(share)) => {
                        format!("{loss}, {} % annotated", number(share * 100.0))
                    }
                    _ => "Baseline".to_owned(),
                },
            ),
        ];
        for (part, (value, std)) in [WATERBIRD_ON_LAND, Part::All]
            .into_iter()
            .zip(published.values)
        {
            let accuracies = found
                .iter()
                .filter_map(|row| row.cell(part, Measure::Accuracy)?.value);
            let ours = moments(&accuracies.collect::<Vec<_>>());
            // The paper's are of four runs.
            let n = if std.is_some() { 4 } else { 1 };
            let seeds = |value, std, n| Cell::Share(value, Spread::Seeds { std, n });
            cells.push(value.map_or(Cell::Missing, |value| seeds(value, std, n)));
            cells.push(ours.map_or(Cell::Missing, |m| seeds(m.mean, m.std, m.n)));
            let difference = value.zip(ours).map(|(value, ours)| ours.mean - value);
            cells.push(Cell::points(difference, None));
        }
        let trained = found.first().map(|row| trained_on(evidence, &row.run));
        cells.push(Cell::maybe_text(trained));
        let heading = format!("{} · {backbone} · {task} task", names::dataset(WATERBIRDS));
        push(&mut sections, heading, Line::new(cells));
    }
    Ok(Table {
        name: "published_waterbirds",
        columns,
        sections,
        caption:
            "Published (P: the paper's Table 1, four runs; F: one run of a reproduction) beside \
                  reproduced test accuracy in percent, mean (± standard deviation) over seeds."
                .to_owned(),
    })
}

fn sizes(evidence: &Evidence, rows: Rows) -> Result<Table> {
    let columns = vec![
        Column::new("source", "Source", Kind::Text),
        Column::new("part", "Share inside (%)", Kind::Text),
        Column::new("epg_published", "EPG published", Kind::Value),
        Column::new("epg_ours", "ours", Kind::Value),
        Column::new("epg_difference", "Δ", Kind::Value),
    ];
    let mut sections = Vec::new();
    for published in published::sizes()? {
        let [dataset, backbone, attribution, layer, loss] = &published.key;
        let setting = evidence.settings.iter().find(|setting| {
            (&setting.dataset, &setting.backbone) == (dataset, backbone)
                && setting.method() == (attribution, layer)
        });
        let groups = setting.map(crate::groups::plain).unwrap_or_default();
        let group = groups
            .iter()
            .find(|group| group.loss() == Loss::from_spelling(loss));
        let (low, high) = published.range;
        let part = Part::Size {
            low: Amount(low),
            high: Amount(high),
        };
        let ours = group.and_then(|group| group.chosen()?.cell(part, Measure::Epg)?.value);
        if ours.is_none() && rows == Rows::Corresponding {
            continue;
        }
        let mut cells = vec![
            Cell::text(&published.source),
            Cell::text(format!("{}–{}", number(low * 100.0), number(high * 100.0))),
        ];
        cells.extend(three(published.epg, ours, false));
        let heading = format!("{} · {backbone} · {loss}", names::dataset(dataset));
        push(&mut sections, heading, Line::new(cells));
    }
    Ok(Table {
        name: "published_sizes",
        columns,
        sections,
        caption:
            "Published (T) beside reproduced mean EPG by the share of the image that the boxes of \
                  the class cover; ours at the checkpoint that validation prefers."
                .to_owned(),
    })
}
