//! Makes the exhibit `shares`: where the networks look. For the baseline and for each loss it shows which share of
//! the positive attribution lies on the boxes of the explained class, which on those of other classes on the image,
//! and which on the background, as means over test pairs. A pair is an image and a class on it.

use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::chosen;
use crate::model::evidence::Evidence;
use crate::model::measure::{EPG, EPG_BACKGROUND, EPG_OTHER};
use crate::model::run_sets::{each_loss, plain};
use crate::model::setting::{Row, Setting};
use crate::model::subject::{CONVENTIONAL, Part};
use crate::render::figure::bars::{Bar, Bars, Block};
use crate::render::table::parts::{Cell, Column, Kind, Line, Section, Table};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "shares",
    title: "Where the network looks",
    about: "Attribution on the class's boxes, on other classes' and on the background",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// The shares, in the order of a bar's parts. They add up to 1 for a pair, but a pair without positive attribution
/// counts as 0 in each: the part of such pairs is the rest of the bar.
const SHARES: [&str; 3] = [EPG, EPG_OTHER, EPG_BACKGROUND];

/// Makes a block of bars for each setting (runs trained and scored alike), and the table of the same numbers. Only
/// the conventional task is shown: in Waterbirds' reversed task the class is the background itself.
fn make(evidence: &Evidence) -> Made {
    // Those with runs that were guided through the setting's own method and layer.
    let settings = evidence.settings.iter();
    let settings = settings.filter(|s| s.task == CONVENTIONAL && !plain(s).is_empty());
    let with_rows = settings.map(|setting| {
        let rows = each_loss(setting).into_iter();
        (setting, rows.filter(|row| shares(row).is_some()).collect())
    });
    let shown: Vec<(&Setting, Vec<&Row>)> = with_rows
        .filter(|(_, rows): &(&Setting, Vec<&Row>)| !rows.is_empty())
        .collect();
    if shown.is_empty() {
        return Err(
            "no evaluation of a guided run or its baseline says where attribution outside the boxes lies".to_owned(),
        );
    }
    let figure = Bars {
        name: "shares",
        blocks: shown.iter().map(block).collect(),
        parts: ["the class's boxes", "other classes' boxes", "background"],
        rest: "no positive attribution",
        caption: "Where positive attribution lies, mean over test pairs (an image and a class on it), of the \
                  baseline and of each loss's checkpoint that validation prefers: inside the boxes of the \
                  explained class (EPG), inside boxes of other classes on the image and outside the class's \
                  own, and outside all boxes."
            .to_owned(),
    };
    Ok((vec![figure.draw()], vec![table(evidence, &shown)]))
}

/// The shares of a run over all test images; `None` where one was not measured.
fn shares(row: &Row) -> Option<[f64; 3]> {
    let [own, other, background] = SHARES.map(|name| row.cell(Part::All, name)?.value);
    Some([own?, other?, background?])
}

/// The bars of a setting.
fn block((setting, rows): &(&Setting, Vec<&Row>)) -> Block {
    let bar = |row: &&Row| {
        let label = match &row.run.loss {
            Some(loss) => loss.to_string(),
            None => "Baseline".to_owned(),
        };
        let loss = row.run.loss.clone();
        shares(row).map(|parts| Bar { label, loss, parts })
    };
    Block {
        title: setting.title(),
        bars: rows.iter().filter_map(bar).collect(),
    }
}

/// The table: a line for each bar.
fn table(evidence: &Evidence, shown: &[(&Setting, Vec<&Row>)]) -> Table {
    let measures = SHARES.map(|name| evidence.measure(name));
    let mut columns = vec![Column::new("run", "Run", Kind::Text)];
    columns.extend(chosen::columns(&measures));
    let line = |row: &&Row| {
        let label = vec![Cell::text(&row.label)];
        Line::new([label, chosen::cells(row, &measures)].concat())
    };
    let section = |(setting, rows): &(&Setting, Vec<&Row>)| Section {
        heading: setting.title(),
        lines: rows.iter().map(line).collect(),
    };
    Table {
        name: "shares",
        version: 1,
        columns,
        sections: shown.iter().map(section).collect(),
        caption: format!(
            "Share of positive attribution inside the class's boxes (EPG), inside other classes' boxes only, and \
             outside all boxes. A pair without positive attribution counts as 0 in each. {}",
            chosen::CAPTION
        ),
    }
}
