//! A data folder as the later stages see it: images with their objects, pixels, and the masks of an
//! image's classes on the network's grid.
//!
//! `open` reads and checks the tables; the pipeline makes such a folder; `geometry` turns boxes into
//! cells, `rle` turns run lengths into cells.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::task::Task;
use crate::mask::geometry::{Grid, GridBox, Mask, View, box_to_grid};
use crate::mask::rle::Rle;
use crate::source::split::Split;
use crate::store::pixels::PixelFile;

/// One image and its annotations.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Unique in the data set.
    pub image_id: String,
    /// Name in the source.
    pub file_name: String,
    /// The split it belongs to.
    pub split: Split,
    /// Width in source pixels.
    pub width: u32,
    /// Height in source pixels.
    pub height: u32,
    /// Group, where the data set has groups.
    pub group_id: Option<i32>,
    /// Row of the pixel file.
    pub pixel_row: usize,
    /// Positive classes, ascending.
    pub labels: Vec<i32>,
    /// Annotated objects.
    pub objects: Vec<Object>,
}

/// One annotated object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Unique within the image.
    pub instance_id: i64,
    /// Its class.
    pub class_id: i32,
    /// xmin, ymin, xmax, ymax in source pixels, as annotated.
    pub bbox: [f64; 4],
    /// VOC's flag.
    pub is_difficult: bool,
    /// COCO's flag.
    pub is_crowd: bool,
    /// COCO's area in source pixels.
    pub area: Option<f64>,
    /// Shape in source pixels, where the source has one.
    pub segmentation: Option<Rle>,
}

/// An opened data folder.
#[derive(Debug)]
pub struct Dataset {
    /// Class names; the index is the class id.
    pub classes: Vec<String>,
    /// Group ids and names; empty where the data set has none.
    pub groups: Vec<(i32, String)>,
    /// The images, in the order of `images.parquet`.
    pub images: Vec<Image>,
    pub(super) dir: PathBuf,
    pub(super) name: String,
    pub(super) inputs: String,
    pub(super) pixels: PixelFile,
    pub(super) task: Task,
}

impl Dataset {
    /// What the data set is called: `voc2007`, `X a name of its own (`naming`).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder it was opened from.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Provenance hash of the source and the options it was made with.
    pub fn inputs(&self) -> &str {
        &self.inputs
    }

    /// The network's input size.
    pub fn grid(&self) -> Grid {
        self.pixels.grid()
    }

    /// The images' pixels.
    pub fn pixels(&self) -> &PixelFile {
        &self.pixels
    }

    /// Indices into `images` of a split, ascending.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.images.len())
            .filter(|&index| self.images[index].split == split)
            .collect()
    }

    /// Indices into `images` by image id.
    pub fn index_by_id(&self) -> HashMap<&str, usize> {
        let ids = self.images.iter().map(|image| image.image_id.as_str());
        ids.zip(0..).collect()
    }

    /// The boxes of a class on the grid, in the order annotated; all of them, difficult and crowd
    /// ones included (SPEC A.5). Boxes that cover no cell are there too.
    pub fn class_boxes(&self, image: &Image, class_id: i32) -> Vec<GridBox> {
        image
            .objects
            .iter()
            .filter(|object| object.class_id == class_id)
            .map(|object| box_to_grid(object.bbox, image.width, image.height, self.grid()))
            .collect()
    }

    /// The union of a class's boxes, each dilated by `dilation` (0 for none; SPEC A.5). In the
    /// reversed task everything outside them, and nothing where the class is not on the image.
    pub fn class_mask(&self, image: &Image, class_id: i32, dilation: f64) -> Mask {
        let boxes = self.dilated_boxes(image, class_id, dilation);
        let union = Mask::from_boxes(&boxes, self.grid());
        match self.task {
            Task::Reversed if image.labels.contains(&class_id) => union.inverted(),
            _ => union,
        }
    }

    /// The union of a class's segmentations, everything outside it in the reversed task; `None` when
    /// the class is not on the image or one of its objects has no segmentation, since the union would
    /// then miss a part.
    pub fn class_segmentation(&self, image: &Image, class_id: i32) -> Option<Mask> {
        let mut union: Option<Mask> = None;
        for object in image.objects.iter().filter(|o| o.class_id == class_id) {
            let mask = object.segmentation.as_ref()?.to_mask(self.grid());
            match &mut union {
                Some(union) => union.union_with(&mask),
                None => union = Some(mask),
            }
        }
        match self.task {
            Task::Conventional => union,
            Task::Reversed => union.map(|mask| mask.inverted()),
        }
    }

    /// Cells of a class's boxes seen through `view`, summed box by box so that overlaps count as often
    /// as there are boxes (Energy*, SPEC A.2); in the reversed task the cells of its mask.
    pub fn class_box_area(
        &self,
        image: &Image,
        class_id: i32,
        dilation: f64,
        view: Option<View>,
    ) -> usize {
        let area = |mask: Mask| view.map_or_else(|| mask.area(), |view| mask.seen(view).area());
        if self.task == Task::Reversed {
            return area(self.class_mask(image, class_id, dilation));
        }
        self.dilated_boxes(image, class_id, dilation)
            .iter()
            .map(|b| area(Mask::from_boxes(std::slice::from_ref(b), self.grid())))
            .sum()
    }

    fn dilated_boxes(&self, image: &Image, class_id: i32, dilation: f64) -> Vec<GridBox> {
        self.class_boxes(image, class_id)
            .into_iter()
            .map(|b| b.dilated(dilation, self.grid()))
            .collect()
    }
}
