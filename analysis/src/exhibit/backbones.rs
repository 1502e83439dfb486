//! Makes the exhibit `backbones`: EPG against F1 of several networks, a panel for each (paper, Fig. 7).
//! All panels are of maps at one layer, so that the networks can be compared. An exhibit is a figure or table of
//! the report.

use std::collections::BTreeSet;

use crate::exhibit::entry::{Entry, Made};
use crate::exhibit::shared::pareto::{CAPTION, plot, series, table};
use crate::model::configuration::Layer;
use crate::model::evidence::Evidence;
use crate::model::measure::EPG;
use crate::model::run_sets::plain;
use crate::model::setting::Setting;
use crate::model::subject::{CONVENTIONAL, Part};
use crate::render::figure::grid::{Grid, Scale, plot_size};

/// Its entry in the list of exhibits. It prints nothing on the terminal (`said`).
pub(super) const ENTRY: Entry = Entry {
    name: "backbones",
    title: "Networks",
    about: "EPG against F1 of several networks (Fig. 7)",
    make: |evidence, _| Ok(make(evidence)),
    said: None,
};

/// Makes the figure and its table from the settings at one layer: the one nearest to the input at which
/// every network has guided runs. A setting holds runs that are trained and scored alike; `Err` says
/// which runs are missing.
fn make(evidence: &Evidence) -> Made {
    // Settings with runs guided through their own method and layer.
    let has_runs = |s: &&Setting| s.task == CONVENTIONAL && !plain(s).is_empty();
    let settings: Vec<&Setting> = evidence.settings.iter().filter(has_runs).collect();
    // A network here is a backbone on a data set.
    let networks = |settings: &[&Setting]| -> BTreeSet<String> {
        settings.iter().map(|setting| setting.model()).collect()
    };
    let backbones: BTreeSet<&str> = settings.iter().map(|s| s.backbone.as_str()).collect();
    if backbones.len() < 2 {
        return Err("runs of two networks at least are needed".to_owned());
    }
    let layers: BTreeSet<Layer> = settings.iter().map(|s| Layer::of(&s.layer)).collect();
    let at = |layer: &Layer| -> Vec<&Setting> {
        let at_layer = settings.iter().filter(|s| s.layer == layer.spelling());
        at_layer.copied().collect()
    };
    let has_all = |layer: &&Layer| networks(&at(layer)) == networks(&settings);
    let Some(layer) = layers.iter().find(has_all) else {
        return Err("the networks were guided at no common layer".to_owned());
    };
    let settings = at(layer);
    let epg = evidence.measure(EPG);
    let panel = |setting: &&Setting| {
        let method = &setting.method_title;
        let title = setting.with_apart(format!("{} · {method}", setting.backbone));
        Some(plot(title, setting, Part::All, &epg, &series(setting)))
    };
    let columns = settings.len().min(4);
    let grid = Grid {
        name: "backbones",
        columns,
        plot: plot_size(columns),
        panels: settings.iter().map(panel).collect(),
        scale: Scale::Own,
        tones: Vec::new(),
        caption: format!("EPG against F1 of several networks, maps at {layer}. {CAPTION}"),
    };
    let table = table(evidence, "backbones", (&[EPG], &epg), &settings);
    Ok((grid.draw().into_iter().collect(), vec![table]))
}
