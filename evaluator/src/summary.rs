//! Formats what `evaluator` prints: the metrics of an evaluation, the comparison of two, and the metrics'
//! names.

use evaluator::compare::Comparison;
use evaluator::evaluate::{Report, Scope};
use evaluator::metrics::{Of, Word, vocabulary};

/// Returns a table of the metrics: a line for each metric, a column for all images and one for each group.
pub fn metrics(report: &Report) -> String {
    let mut text = format!("{} · {} pairs\n", report.key, report.n_pairs);
    let mut scopes = vec![(Scope::All, "all")];
    let groups = report.groups.iter();
    scopes.extend(groups.map(|(id, name)| (Scope::Group(*id), name.as_str())));
    let lengths = scopes.iter().map(|(_, name)| name.chars().count() + 2);
    let width = lengths.max().unwrap_or(0).max(9);
    let words = vocabulary();
    // `iou_sweep`, the IoU at many thresholds, is in the table `metrics.parquet` alone.
    let of_all =
        (report.metrics.iter()).filter(|row| row.scope == Scope::All && row.metric != "iou_sweep");
    let name_width = name_width(of_all.clone().map(|row| row.metric));
    text += &format!("{:<name_width$}", "metric");
    for (_, name) in &scopes {
        text += &format!("{name:>width$}");
    }
    text += "\n";
    for metric in of_all {
        let name = match metric.threshold {
            Some(threshold) => format!("{} > {threshold}", metric.metric),
            None => metric.metric.to_owned(),
        };
        text += &format!("{name:<name_width$}");
        // A pooled metric that is no share is a number of pairs and is printed without decimals.
        let is_count = |word: &Word| word.of == Of::Pool && !word.share;
        let mut words = words.iter();
        let is_count = words.any(|word| word.name == metric.metric && is_count(word));
        for (scope, _) in &scopes {
            let mut rows = report.metrics.iter();
            let row = rows.find(|row| row.metric == metric.metric && row.scope == *scope);
            let value = row.and_then(|row| row.value);
            let digits = if is_count { 0 } else { 4 };
            let value = value.map_or("–".to_owned(), |value| format!("{value:.digits$}"));
            text += &format!("{value:>width$}");
        }
        text += "\n";
    }
    text
}

/// Returns a table of the compared metrics: a line for each, first over all images, then over each group.
pub fn comparison(comparison: &Comparison) -> String {
    let Comparison {
        a,
        b,
        n_images,
        n_pairs,
        ..
    } = comparison;
    let mut text = String::new();
    for (side, keys) in [("A", a), ("B", b)] {
        for key in keys {
            text += &format!("{side}  {key}\n");
        }
    }
    text += &format!("{n_pairs} pairs of {n_images} images; differences are B − A\n");
    let name_width = name_width(comparison.rows.iter().map(|row| row.metric));
    text += &format!(
        "{:<name_width$}{:>7}{:>9}{:>9}{:>10}{:>20}{:>9}  {}\n",
        "metric", "group", "A", "B", "B − A", "95 % interval", "p", "test"
    );
    for row in &comparison.rows {
        let group = row.group_id.map_or("all".to_owned(), |id| id.to_string());
        let interval = match row.interval {
            Some([low, high]) => format!("{low:+.4} … {high:+.4}"),
            None => "–".to_owned(),
        };
        let (p_value, test) = match &row.test {
            Some((test, p_value)) => (format!("{p_value:.4}"), test.as_ref()),
            None => ("–".to_owned(), "–"),
        };
        text += &format!(
            "{:<name_width$}{group:>7}{:>9.4}{:>9.4}{:>+10.4}{interval:>20}{p_value:>9}  {test}\n",
            row.metric,
            row.a,
            row.b,
            row.difference()
        );
    }
    text
}

/// Returns the metrics' names in tables, each with its name for people and whether it is computed only if asked for.
pub fn names() -> String {
    let words = vocabulary();
    let name_width = name_width(words.iter().map(|word| word.name));
    let line = |word: &Word| {
        let asked = if word.standard { "" } else { " (--metric)" };
        format!("{:<name_width$}{}{asked}\n", word.name, word.title)
    };
    words.iter().map(line).collect()
}

/// Returns the width of a column with these names and a space after each.
fn name_width<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    let lengths = names.map(|name| name.chars().count() + 1);
    lengths.max().unwrap_or(0).max(16)
}
