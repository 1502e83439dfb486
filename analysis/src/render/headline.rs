//! Makes the findings, the sentences at the top of the report: how guidance changed test EPG and F1, whether they
//! rose or fell.
//!
//! A setting is a group of runs that are trained and scored alike. Each setting gets a sentence about one group of
//! its guided runs that differ in the seed alone, the group that did best on validation ([`OverSeeds`]). That
//! choice does not use the test split. Classes that can say nothing about guidance, because they are on nearly
//! every image or their boxes cover nearly all of it (docs/SPEC.md B), are left out of EPG and F1 here, and each is
//! named in a sentence of its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::{percent, points};
use crate::model::evidence::Evidence;
use crate::model::informative;
use crate::model::intervals::Interval;
use crate::model::measure::{EPG, F1};
use crate::model::names;
use crate::model::over_seeds::{Difference, OverSeeds};
use crate::model::setting::Setting;
use crate::model::subject::Part;

/// With more findings than this, the sentences about groups of test images are left out to keep the top of the
/// report short (a chosen bound); the tables have those numbers.
const MOST_WITH_GROUPS: usize = 3;

/// The sentences on a setting's best guided runs against their baselines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// About all test images.
    pub sentence: String,
    /// About each group of test images, where there are few findings.
    pub groups: Vec<String>,
}

/// Whether an interval of a difference lies above 0, below 0, or contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// All of it is above 0.
    Up,
    /// All of it is below 0.
    Down,
    /// It contains 0, or there is no interval.
    Unclear,
}

impl Change {
    /// The change that an interval shows.
    pub fn of(interval: Option<Interval>) -> Self {
        match interval {
            Some(i) if i.low > 0.0 => Self::Up,
            Some(i) if i.high < 0.0 => Self::Down,
            _ => Self::Unclear,
        }
    }
}

/// One finding for each setting in which a guided run can be compared.
pub fn findings(evidence: &Evidence) -> Vec<Finding> {
    let settings = evidence.settings;
    let models: BTreeSet<String> = settings.iter().map(Setting::model).collect();
    let title = |setting: &Setting| match models.len() {
        1 => setting.maps(),
        _ => setting.title(),
    };
    let mut findings: Vec<Finding> = settings
        .iter()
        .filter_map(|setting| finding(evidence, setting, &title(setting)))
        .collect();
    if findings.len() > MOST_WITH_GROUPS {
        findings
            .iter_mut()
            .for_each(|finding| finding.groups.clear());
    }
    findings
}

/// Returns a sentence for each class that can say nothing and so enters no finding.
pub fn left_out(evidence: &Evidence) -> BTreeSet<String> {
    let classes = evidence.results.uninformative.values();
    let why_not = classes.flat_map(|classes| classes.values());
    why_not
        .map(|why| format!("Not in the findings: {why}."))
        .collect()
}

/// Returns a sentence for each network with baselines whose best epoch was their last, as these, and the runs
/// that began with them, may have been trained too briefly.
pub fn too_brief(evidence: &Evidence) -> Vec<String> {
    // Of each network its baselines by run id, with whether they had converged; settings share baselines.
    let mut baselines: BTreeMap<String, BTreeMap<&str, bool>> = BTreeMap::new();
    for setting in evidence.settings {
        for row in setting.rows.iter().filter(|row| row.run.is_baseline()) {
            let of_model = baselines.entry(setting.model()).or_default();
            of_model.insert(&row.run.run_id, evidence.results.has_converged(row));
        }
    }
    let sentence = |(model, baselines): (String, BTreeMap<&str, bool>)| {
        let n = baselines.values().filter(|&&converged| !converged).count();
        let which = match (n, baselines.len()) {
            (0, _) => return None,
            (1, 1) => "the best epoch of the baseline was its last".to_owned(),
            (n, all) => format!("the best epoch of {n} of {all} baselines was their last"),
        };
        Some(format!(
            "Perhaps trained too briefly: {which} ({model}); more epochs may raise F1, and change what guidance does."
        ))
    };
    baselines.into_iter().filter_map(sentence).collect()
}

/// The finding of one setting; `None` if no guided run has a baseline or a metric is missing.
fn finding(evidence: &Evidence, setting: &Setting, title: &str) -> Option<Finding> {
    let runs = OverSeeds::preferred(&evidence.results.runs, setting)?;
    let metrics =
        [EPG, F1].map(|metric| informative::metric(evidence.results, &setting.data, metric));
    let over = informative::classes(evidence.results, &setting.data);
    let over = over.map(|classes| format!(", {classes}"));
    let clauses = |part: Part| -> Option<String> {
        let [epg, f1] = metrics.map(|metric| runs.difference(evidence, setting, part, metric));
        Some(format!("{}; {}", epg_clause(&epg?), f1_clause(&f1?)))
    };
    let groups = setting.groups.iter();
    let groups = groups.filter_map(|(group, name)| {
        let clauses = clauses(Part::Group(*group))?;
        let group = names::group(name);
        Some(format!("On the test images of {group}: {clauses}."))
    });
    let groups: Vec<String> = groups.collect();
    let worst = worst_group(&runs, evidence, setting, metrics[1]).filter(|_| groups.len() > 1);
    let label = match runs.rows.as_slice() {
        [row] => row.label.clone(),
        rows => rows[0].run.label(&setting.attribution, &setting.layer),
    };
    let sentence = format!(
        "Guiding with {label} ({title}{}{}): {}.",
        seeds(&runs),
        over.unwrap_or_default(),
        clauses(Part::All)?
    );
    Some(Finding {
        sentence,
        groups: groups.into_iter().chain(worst).collect(),
    })
}

/// Names the group with the lowest F1 before guidance and the one after it; `None` where a group lacks F1.
fn worst_group(
    runs: &OverSeeds,
    evidence: &Evidence,
    setting: &Setting,
    f1: &str,
) -> Option<String> {
    let groups = setting.groups.iter().map(|(group, name)| {
        let found = runs.difference(evidence, setting, Part::Group(*group), f1)?;
        Some((names::group(name), found))
    });
    let groups: Vec<(String, Difference)> = groups.collect::<Option<_>>()?;
    let worst = |of: fn(&Difference) -> f64| {
        let groups = groups.iter().map(|(name, found)| (name, of(found)));
        let (name, value) = groups.min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(format!("{name} with {}\u{a0}%", percent(value)))
    };
    let (before, after) = (worst(|found| found.before)?, worst(|found| found.after)?);
    Some(format!(
        "Lowest F1 of a group: before {before}, after {after}."
    ))
}

/// Words for the seeds (of one seed the intervals are over test images alone), and for those on which λ was chosen.
fn seeds(runs: &OverSeeds) -> String {
    let listed = |seeds: &BTreeSet<i64>| {
        let seeds: Vec<String> = seeds.iter().map(i64::to_string).collect();
        match seeds.as_slice() {
            [.., _, _] => {
                let (last, first) = (&seeds[seeds.len() - 1], &seeds[..seeds.len() - 1]);
                format!("seeds {} and {last}", first.join(", "))
            }
            _ => format!("seed {}", seeds.concat()),
        }
    };
    let mut words = match runs.rows.len() {
        1 => ", one seed".to_owned(),
        _ => format!(", mean of {}", listed(&runs.seeds())),
    };
    if !runs.tuned_on.is_empty() {
        words.push_str(&format!(", λ chosen on {}", listed(&runs.tuned_on)));
    }
    words
}

fn epg_clause(epg: &Difference) -> String {
    let verb = match Change::of(epg.interval) {
        Change::Up => "test EPG rose",
        Change::Down => "test EPG fell",
        Change::Unclear if epg.interval.is_some() => "test EPG did not clearly change,",
        Change::Unclear => "test EPG went",
    };
    format!(
        "{verb} from {}\u{a0}% to {}\u{a0}% ({} points{})",
        percent(epg.before),
        percent(epg.after),
        points(epg.difference),
        interval(epg.interval)
    )
}

fn f1_clause(f1: &Difference) -> String {
    let verb = match Change::of(f1.interval) {
        Change::Up => "F1 rose by",
        Change::Down => "F1 fell by",
        Change::Unclear if f1.interval.is_some() => "F1 did not clearly change,",
        Change::Unclear => "F1 changed by",
    };
    // "fell" already has the sign, as in "fell by 1.2 points"; the interval's ends have theirs.
    let shown = match Change::of(f1.interval) {
        Change::Up | Change::Down => percent(f1.difference.abs()),
        Change::Unclear => points(f1.difference),
    };
    let interval = f1
        .interval
        .map(|i| format!(" [{},\u{a0}{}]", points(i.low), points(i.high)));
    format!("{verb} {shown} points{}", interval.unwrap_or_default())
}

fn interval(interval: Option<Interval>) -> String {
    match interval {
        None => ", no interval: replicates are missing".to_owned(),
        Some(i) => format!(
            ", 95\u{a0}% interval [{},\u{a0}{}]",
            points(i.low),
            points(i.high)
        ),
    }
}
