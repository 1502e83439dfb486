//! The options of `data-prep table`, which reads CSV or Parquet tables of boxes and labels, and of `data-prep read`,
//! which may be given such tables, too.

use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::rows;
use crate::error::Error;
use crate::source::entry::{Folder, Format};
use crate::source::naming::Naming;
use crate::source::record::Source;

/// Tables of the user.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Tables {
    /// The folder of the images that the tables name.
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// A CSV or Parquet file with a row for each object: image, class, xmin, ymin, xmax, ymax in pixels (or
    /// x, y, width, height), and optionally split, group and mask (an image file). Given several times, each
    /// is of the split that its name or its folder says (train, val or test).
    #[arg(long, value_name = "FILE")]
    boxes: Vec<PathBuf>,
    /// A CSV or Parquet file with a row for each class of an image that may have no box: image, class, and
    /// optionally split and group. An empty class makes an image without classes.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
}

impl Tables {
    /// Whether the user gave one of these options.
    pub(in crate::source) fn any(&self) -> bool {
        self.images.is_some() || !self.boxes.is_empty() || self.labels.is_some()
    }

    /// Reads the tables; without `--images` the images are in `folder`, if that is given.
    ///
    /// # Errors
    /// As [`rows::read`], and when the folder of images or both tables are missing.
    pub(in crate::source) fn read(
        &self,
        folder: Option<&Path>,
        naming: &Naming,
    ) -> anyhow::Result<Source> {
        let images = self.images.as_deref().or(folder);
        let Some(images) = images else {
            let table = self
                .boxes
                .first()
                .or(self.labels.as_ref())
                .map_or(Path::new(""), PathBuf::as_path);
            return Err(
                Error::layout(table, "--images", "nothing", "the folder of its images").into(),
            );
        };
        let layout = Layout::given(images, &self.boxes, self.labels.as_deref())?;
        let mut source = rows::read(&layout, naming)?;
        let tables = layout.parts.iter().filter_map(|part| part.path.parent());
        let beside = std::iter::once(images).chain(tables);
        source.beside = beside.map(Path::to_owned).collect();
        Ok(source)
    }
}

/// The options of the command `table`.
#[derive(Debug, clap::Args)]
pub struct Table {
    #[command(flatten)]
    tables: Tables,
    /// A folder that has boxes.csv, labels.csv or other tables of boxes, instead of the options above.
    #[arg(long)]
    root: Option<PathBuf>,
    /// What the data set is called [default: the name of the folder of images].
    #[arg(long)]
    name: Option<String>,
}

impl Format for Table {
    const NAME: &str = "table";
    const TITLE: &str = "Tables of boxes and labels, CSV or Parquet, with a folder of images";
    const DATASETS: &[&str] = &[];

    fn open(&self, _: &Path, naming: Naming) -> anyhow::Result<Source> {
        let naming = naming.asked(self.name.as_deref());
        match &self.root {
            Some(root) if !self.tables.any() => {
                let expected = "boxes.csv, labels.csv or any table with the columns of boxes, also as .parquet";
                let layout = Layout::find(root)
                    .ok_or_else(|| Error::layout(root, "tables", "none", expected))?;
                Ok(rows::read(&layout, &naming)?)
            }
            root => self.tables.read(root.as_deref(), &naming),
        }
    }

    fn recognise(folder: &Path) -> Option<String> {
        let layout = Layout::find(folder)?;
        let names = layout
            .parts
            .iter()
            .map(|part| part.path.display().to_string());
        Some(format!("tables, {}", names.collect::<Vec<_>>().join(", ")))
    }

    fn reading(folder: Folder) -> Option<Self> {
        Some(Self {
            tables: Tables::default(),
            root: Some(folder.root),
            name: folder.name,
        })
    }
}
