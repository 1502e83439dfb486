//! Counts a data folder's images, annotated objects and masks by split, and formats the counts for
//! `data-prep inspect`.

use std::collections::BTreeSet;
use std::fmt;

use super::doubts;
use crate::dataset::{Dataset, Image, Split};
use crate::words;

/// Upper ends of the bins of the histogram of box areas, as shares of the image. A bin has its lower end and not its
/// upper one; a last bin has 0.75 and all above.
pub const AREA_BINS: [f64; 6] = [0.01, 0.05, 0.10, 0.25, 0.50, 0.75];

/// Names of the bins.
const AREA_NAMES: [&str; 7] = [
    "< 1 %", "1-5 %", "5-10 %", "10-25 %", "25-50 %", "50-75 %", ">= 75 %",
];

/// Everything `inspect` prints.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The data set's name.
    pub name: String,
    /// Hash of what the data folder was made from.
    pub inputs: String,
    /// Rows and columns of the network's input.
    pub grid: (usize, usize),
    /// Class names by class id.
    pub classes: Vec<String>,
    /// Group ids and names.
    pub groups: Vec<(i32, String)>,
    /// Train, val and test.
    pub splits: [SplitSummary; 3],
    /// What a person must look at before training, a sentence each (`doubts`).
    pub doubts: Vec<String>,
}

/// The counts of one split.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SplitSummary {
    /// The number of images.
    pub images: usize,
    /// Images without any class.
    pub unlabelled: usize,
    /// Pairs of an image and a class on it, over which the metrics EPG (energy pointing game) and IoU are averaged.
    pub pairs: usize,
    /// Pairs without any box, whose mask is therefore empty.
    pub pairs_without_box: usize,
    /// Pairs whose boxes cover no cell of the grid, so that their mask is empty, too.
    pub pairs_off_grid: usize,
    /// Annotated objects.
    pub objects: usize,
    /// Objects marked difficult.
    pub difficult: usize,
    /// Objects that are crowd regions.
    pub crowd: usize,
    /// Objects with a segmentation.
    pub segmented: usize,
    /// Mean share of the grid inside the mask, over the pairs whose mask is not empty; `None` without any.
    pub mean_mask_share: Option<f64>,
    /// The counts of each class.
    pub classes: Vec<ClassCounts>,
    /// Objects by the share of the image their box takes, in the bins of [`AREA_BINS`].
    pub box_areas: [usize; 7],
    /// Images by group, in the order of the groups; then images without a group.
    pub groups: Vec<usize>,
    /// (smallest, largest) width, then height, of the images before resizing, turned where their EXIF orientation was
    /// applied; `None` without images.
    pub source_sizes: Option<[(u32, u32); 2]>,
}

/// One class in one split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassCounts {
    /// Images it is on.
    pub images: usize,
    /// Its objects.
    pub objects: usize,
}

impl Summary {
    /// Counts an opened data folder.
    pub fn of(dataset: &Dataset) -> Self {
        let grid = dataset.grid();
        Self {
            name: dataset.name().to_owned(),
            inputs: dataset.inputs().to_owned(),
            grid: (grid.height, grid.width),
            classes: dataset.classes.clone(),
            groups: dataset.groups.clone(),
            splits: Split::ALL.map(|split| SplitSummary::of(dataset, split)),
            doubts: doubts::of(dataset),
        }
    }
}

impl SplitSummary {
    fn of(dataset: &Dataset, split: Split) -> Self {
        let mut counts = Self {
            classes: vec![ClassCounts::default(); dataset.classes.len()],
            groups: vec![0; dataset.groups.len() + 1],
            ..Self::default()
        };
        let mut mask_share = 0.0;
        let images = dataset.images.iter().filter(|image| image.split == split);
        for image in images {
            counts.add(dataset, image, &mut mask_share);
        }
        let masks = counts.pairs - counts.pairs_without_box - counts.pairs_off_grid;
        counts.mean_mask_share = (masks > 0).then(|| mask_share / masks as f64);
        counts
    }

    /// Counts an image; adds the shares of its masks to `mask_share`.
    fn add(&mut self, dataset: &Dataset, image: &Image, mask_share: &mut f64) {
        self.images += 1;
        self.unlabelled += usize::from(image.labels.is_empty());
        self.pairs += image.labels.len();
        let group = dataset
            .groups
            .iter()
            .position(|(id, _)| Some(*id) == image.group_id);
        self.groups[group.unwrap_or(dataset.groups.len())] += 1;
        let size = [image.width, image.height];
        let sizes = self
            .source_sizes
            .get_or_insert(size.map(|side| (side, side)));
        for (range, side) in sizes.iter_mut().zip(size) {
            *range = (range.0.min(side), range.1.max(side));
        }

        for &class_id in &image.labels {
            self.classes[class_id as usize].images += 1;
        }
        let boxed: BTreeSet<i32> = image.objects.iter().map(|object| object.class_id).collect();
        for &class_id in &image.labels {
            let mask = dataset.class_mask(image, class_id, 0.0);
            if !boxed.contains(&class_id) {
                self.pairs_without_box += 1;
            } else if mask.area() == 0 {
                self.pairs_off_grid += 1;
            }
            *mask_share += mask.area() as f64 / dataset.grid().cells() as f64;
        }
        for object in &image.objects {
            self.objects += 1;
            self.difficult += usize::from(object.is_difficult);
            self.crowd += usize::from(object.is_crowd);
            self.segmented += usize::from(object.segmentation.is_some());
            self.classes[object.class_id as usize].objects += 1;
            let [xmin, ymin, xmax, ymax] = object.bbox;
            let pixels = f64::from(image.width) * f64::from(image.height);
            let share = (xmax - xmin).max(0.0) * (ymax - ymin).max(0.0) / pixels;
            self.box_areas[bin(share)] += 1;
        }
    }
}

/// Returns the bin of a box that takes this share of its image.
fn bin(share: f64) -> usize {
    AREA_BINS.partition_point(|&end| end <= share)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images: usize = self.splits.iter().map(|split| split.images).sum();
        let (rows, columns) = self.grid;
        writeln!(
            f,
            "{}: {}, {}",
            self.name,
            words::n_images(images),
            words::counted(self.classes.len(), "class", "classes")
        )?;
        writeln!(f, "network input {columns} x {rows} (width x height)")?;
        writeln!(f, "made from inputs {}", self.inputs)?;

        if !self.doubts.is_empty() {
            writeln!(f, "\ncheck first")?;
            for doubt in &self.doubts {
                writeln!(f, "- {doubt}")?;
            }
        }
        let mut table = Table::new(["split", "train", "val", "test"]);
        let splits = &self.splits;
        table.row("images", splits, |s| s.images.to_string());
        table.row("  without labels", splits, |s| s.unlabelled.to_string());
        table.row("  source width", splits, |s| {
            range(s.source_sizes.map(|sizes| sizes[0]))
        });
        table.row("  source height", splits, |s| {
            range(s.source_sizes.map(|sizes| sizes[1]))
        });
        table.row("image-class pairs", splits, |s| s.pairs.to_string());
        table.row("  without a box", splits, |s| {
            s.pairs_without_box.to_string()
        });
        table.row("  box covers no cell", splits, |s| {
            s.pairs_off_grid.to_string()
        });
        table.row("  mean mask share", splits, |s| {
            s.mean_mask_share
                .map_or("-".into(), |share| format!("{:.1} %", 100.0 * share))
        });
        table.row("objects", splits, |s| s.objects.to_string());
        table.row("  difficult", splits, |s| s.difficult.to_string());
        table.row("  crowd", splits, |s| s.crowd.to_string());
        table.row("  with segmentation", splits, |s| s.segmented.to_string());
        write!(f, "\n{table}")?;

        if !self.groups.is_empty() {
            let mut table = Table::new(["images by group", "train", "val", "test"]);
            for (index, (id, name)) in self.groups.iter().enumerate() {
                table.row(&format!("{id} {name}"), splits, |s| {
                    s.groups[index].to_string()
                });
            }
            if splits.iter().any(|s| s.groups[self.groups.len()] > 0) {
                table.row("no group", splits, |s| {
                    s.groups[self.groups.len()].to_string()
                });
            }
            write!(f, "\n{table}")?;
        }

        let mut table = Table::new(["box area / image area", "train", "val", "test"]);
        for (bin, name) in AREA_NAMES.iter().enumerate() {
            table.row(name, splits, |s| {
                let share = 100.0 * s.box_areas[bin] as f64 / s.objects.max(1) as f64;
                format!("{} ({share:4.1} %)", s.box_areas[bin])
            });
        }
        write!(f, "\n{table}")?;

        let mut table = Table::new(["images / objects by class", "train", "val", "test"]);
        for (class_id, name) in self.classes.iter().enumerate() {
            table.row(&format!("{class_id} {name}"), splits, |s| {
                let ClassCounts { images, objects } = s.classes[class_id];
                format!("{images} / {objects}")
            });
        }
        write!(f, "\n{table}")
    }
}

/// Formats (smallest, largest) as `300-500`, one number where they are equal, `-` where there is none.
fn range(sides: Option<(u32, u32)>) -> String {
    match sides {
        None => "-".into(),
        Some((smallest, largest)) if smallest == largest => smallest.to_string(),
        Some((smallest, largest)) => format!("{smallest}-{largest}"),
    }
}

/// Text columns: names to the left, values to the right.
struct Table(Vec<[String; 4]>);

impl Table {
    fn new(head: [&str; 4]) -> Self {
        Self(vec![head.map(str::to_owned)])
    }

    /// Adds a line: a name, and a value for each split.
    fn row(
        &mut self,
        name: &str,
        splits: &[SplitSummary; 3],
        cell: impl Fn(&SplitSummary) -> String,
    ) {
        let [train, val, test] = splits.each_ref().map(cell);
        self.0.push([name.to_owned(), train, val, test]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| {
            self.0
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths = [0, 1, 2, 3].map(width);
        for row in &self.0 {
            write!(f, "{:<1$}", row[0], widths[0])?;
            for column in 1..4 {
                write!(f, "  {:>1$}", row[column], widths[column])?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bin_has_its_lower_end() {
        for (share, name) in [
            (0.0, "< 1 %"),
            (0.01, "1-5 %"),
            (0.499, "25-50 %"),
            (0.5, "50-75 %"),
            (0.75, ">= 75 %"),
            (1.0, ">= 75 %"),
        ] {
            assert_eq!(AREA_NAMES[bin(share)], name, "{share}");
        }
    }

    #[test]
    fn one_class_is_no_classes() {
        let mut summary = Summary {
            name: "pods".to_owned(),
            inputs: "0".to_owned(),
            grid: (32, 32),
            classes: vec!["pod".to_owned()],
            groups: Vec::new(),
            splits: Split::ALL.map(|_| SplitSummary {
                classes: vec![ClassCounts::default(); 2],
                ..SplitSummary::default()
            }),
            doubts: Vec::new(),
        };
        assert!(summary.to_string().starts_with("pods: 0 images, 1 class\n"));
        summary.classes.push("bean".to_owned());
        let two = "pods: 0 images, 2 classes\n";
        assert!(summary.to_string().starts_with(two));
    }
}
