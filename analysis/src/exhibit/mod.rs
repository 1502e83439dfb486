//! What the paper and its reproductions show, each as figures and tables of our results: one file for
//! each kind of exhibit. An exhibit whose runs are missing says which.

mod chosen;
mod deep_layers;
mod maps;
mod pareto;
mod published;
mod selection;
mod strata;
mod variation;
mod verdicts;
mod waterbirds;

use clap::ValueEnum;

use crate::Result;
use crate::evidence::Evidence;
use crate::figure::Figure;
use crate::table::Table;

/// The exhibits, in the report's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Show {
    /// The paper's claims R1 to R10
    Verdicts,
    /// EPG against F1: fronts of every loss, a panel for each network, method and layer (Fig. 5)
    EpgF1,
    /// The same for IoU (Fig. 6)
    IouF1,
    /// The same for mAP (supplement)
    MapF1,
    /// How checkpoints are selected, for one configuration (Fig. 4)
    Selection,
    /// EPG against F1 of several networks (Fig. 7)
    Backbones,
    /// Input maps of networks guided at deeper layers, and the time it takes (Fig. 8)
    DeepLayers,
    /// The maps of one image after each loss (Fig. 9)
    Losses,
    /// Boxes dilated in training (Fig. 10 and 11)
    Dilation,
    /// Few annotated images (Fig. 12)
    LimitedAnnotations,
    /// Waterbirds-100 (Table 1 and Fig. 13)
    Waterbirds,
    /// Segmentations in place of boxes, and how much attribution lies on the object itself
    Segmentation,
    /// EPG by size of the boxes (supplement)
    BoxSize,
    /// EPG by class
    Classes,
    /// Images with maps before and after guidance (Fig. 1 and 2)
    Panel,
    /// Published numbers beside ours
    Published,
}

impl Show {
    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::EpgF1 => "EPG against F1",
            Self::IouF1 => "IoU against F1",
            Self::MapF1 => "mAP against F1",
            Self::Selection => "How checkpoints are selected",
            Self::Backbones => "Networks",
            Self::DeepLayers => "Guidance at deeper layers",
            Self::Losses => "The losses on one image",
            Self::Dilation => "Dilated boxes",
            Self::LimitedAnnotations => "Few annotations",
            Self::Waterbirds => "Waterbirds",
            Self::Segmentation => "Segmentations",
            Self::BoxSize => "EPG by size of the boxes",
            Self::Classes => "EPG by class",
            Self::Panel => "Maps before and after guidance",
            Self::Verdicts => "The paper's claims",
            Self::Published => "Published and reproduced numbers",
        }
    }

    /// Its name on the command line, in file names and as an anchor.
    pub fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// Figures and tables of one name.
#[derive(Debug)]
pub struct Exhibit {
    /// Which.
    pub show: Show,
    /// Its figures.
    pub figures: Vec<Figure>,
    /// Its tables.
    pub tables: Vec<Table>,
}

/// An exhibit that there are no runs for, and what is missing.
pub type Missing = (Show, String);

/// Of the exhibits `asked` for (all, where none is), those that there are runs for; and for each other
/// one its name and what is missing.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn make(evidence: &Evidence, asked: &[Show]) -> Result<(Vec<Exhibit>, Vec<Missing>)> {
    let (mut made, mut missing) = (Vec::new(), Vec::new());
    let wanted = |show: &&Show| asked.is_empty() || asked.contains(show);
    for show in Show::value_variants().iter().filter(wanted) {
        // Published numbers without a run of ours are shown only to those who ask for them.
        let rows = match asked.is_empty() {
            true => published::Rows::Corresponding,
            false => published::Rows::All,
        };
        match one(evidence, *show, rows)? {
            Ok((figures, tables)) => made.push(Exhibit {
                show: *show,
                figures,
                tables,
            }),
            Err(why) => missing.push((*show, why)),
        }
    }
    Ok((made, missing))
}

/// Figures and tables, or which runs are missing.
type Made = std::result::Result<(Vec<Figure>, Vec<Table>), String>;

fn one(evidence: &Evidence, show: Show, rows: published::Rows) -> Result<Made> {
    Ok(match show {
        Show::EpgF1 => pareto::make(evidence, &pareto::EPG),
        Show::IouF1 => pareto::make(evidence, &pareto::IOU),
        Show::MapF1 => pareto::make(evidence, &pareto::MAP),
        Show::Selection => selection::make(evidence),
        Show::Backbones => pareto::backbones(evidence),
        Show::DeepLayers => deep_layers::make(evidence),
        Show::Losses => maps::losses(evidence)?,
        Show::Dilation => variation::dilation(evidence),
        Show::LimitedAnnotations => variation::limited_annotations(evidence),
        Show::Waterbirds => waterbirds::make(evidence)?,
        Show::Segmentation => variation::segmentation(evidence),
        Show::BoxSize => strata::box_size(evidence),
        Show::Classes => strata::classes(evidence),
        Show::Panel => maps::panel(evidence)?,
        Show::Verdicts => verdicts::make(evidence),
        Show::Published => published::make(evidence, rows)?,
    })
}
