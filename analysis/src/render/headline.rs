//! Makes the sentences at the top of the report: how guidance changed test EPG and F1, whether they rose
//! or fell.
//!
//! A setting is a group of runs that are trained and scored alike. Each setting gets a sentence about one
//! of its guided runs. Of the runs whose validation F1 is at most 1 point below the baseline's best, it is
//! the one with the highest validation EPG. If there is no such run, it is the one with the highest
//! validation F1. That choice does not use the test split.

use std::collections::BTreeSet;

use crate::format::{percent, points};
use crate::model::intervals::Interval;
use crate::model::measure::{EPG, F1};
use crate::model::names;
use crate::model::setting::{Cell, Row, Setting, preferred};
use crate::model::subject::Part;

/// With more findings than this, the sentences about groups are left out; the tables have those numbers.
const MOST_WITH_GROUPS: usize = 3;

/// A setting's guided run against its baseline.
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
pub fn findings(settings: &[Setting]) -> Vec<Finding> {
    let models: BTreeSet<String> = settings.iter().map(Setting::model).collect();
    let title = |setting: &Setting| match models.len() {
        1 => setting.maps(),
        _ => setting.title(),
    };
    let mut findings: Vec<Finding> = settings
        .iter()
        .filter_map(|setting| finding(setting, &title(setting)))
        .collect();
    if findings.len() > MOST_WITH_GROUPS {
        findings
            .iter_mut()
            .for_each(|finding| finding.groups.clear());
    }
    findings
}

/// The finding of one setting; `None` if no guided run has a baseline or a metric is missing.
fn finding(setting: &Setting, title: &str) -> Option<Finding> {
    let compared = setting.guided().filter(|row| row.baseline.is_some());
    let row = preferred(compared)?;
    let groups = setting
        .groups
        .iter()
        .filter_map(|(group, name)| {
            let part = Part::Group(*group);
            let (epg, f1) = both(row, part)?;
            Some(format!(
                "On the test images of {}: {}; {}.",
                names::group(name),
                epg_clause(row, setting, epg, part)?,
                f1_clause(f1)?
            ))
        })
        .collect();
    let (epg, f1) = both(row, Part::All)?;
    let sentence = format!(
        "Guiding with {} ({title}): {}; {}.",
        row.label,
        epg_clause(row, setting, epg, Part::All)?,
        f1_clause(f1)?
    );
    Some(Finding { sentence, groups })
}

/// The EPG and the F1 of a run over a part of the test images.
fn both(row: &Row, part: Part) -> Option<(&Cell, &Cell)> {
    Some((row.cell(part, EPG)?, row.cell(part, F1)?))
}

fn epg_clause(row: &Row, setting: &Setting, epg: &Cell, part: Part) -> Option<String> {
    let before = setting.baseline_of(row)?.cell(part, EPG)?.value?;
    let (after, difference) = (epg.value?, epg.difference?);
    let verb = match Change::of(epg.difference_interval) {
        Change::Up => "test EPG rose",
        Change::Down => "test EPG fell",
        Change::Unclear if epg.difference_interval.is_some() => "test EPG did not clearly change,",
        Change::Unclear => "test EPG went",
    };
    Some(format!(
        "{verb} from {}\u{a0}% to {}\u{a0}% ({} points{})",
        percent(before),
        percent(after),
        points(difference),
        interval(epg.difference_interval)
    ))
}

fn f1_clause(f1: &Cell) -> Option<String> {
    let difference = f1.difference?;
    let verb = match Change::of(f1.difference_interval) {
        Change::Up => "F1 rose by",
        Change::Down => "F1 fell by",
        Change::Unclear if f1.difference_interval.is_some() => "F1 did not clearly change,",
        Change::Unclear => "F1 changed by",
    };
    // "fell" already has the sign, as in "fell by 1.2 points"; the interval's ends have theirs.
    let shown = match Change::of(f1.difference_interval) {
        Change::Up | Change::Down => percent(difference.abs()),
        Change::Unclear => points(difference),
    };
    let interval = f1
        .difference_interval
        .map(|i| format!(" [{},\u{a0}{}]", points(i.low), points(i.high)));
    Some(format!(
        "{verb} {shown} points{}",
        interval.unwrap_or_default()
    ))
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
