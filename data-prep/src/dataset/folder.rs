//! [`Dataset`], a data folder as the later stages see it: images with their annotated objects, pixels, and
//! masks of an image's classes on the grid (the network's input, in pixels).
//!
//! `open` reads and checks the tables, `convert` makes such a folder. `mask::geometry` turns boxes into
//! masks, `mask::rle` run lengths.

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
    /// Its id, unique in the data set.
    pub image_id: String,
    /// The image file's name, as the source gives it.
    pub file_name: String,
    /// The split it belongs to.
    pub split: Split,
    /// Width in pixels of the image before resizing, turned where its EXIF orientation was applied.
    pub width: u32,
    /// Height, likewise.
    pub height: u32,
    /// Its group (Waterbirds: bird and background); `None` where the data set has no groups.
    pub group_id: Option<i32>,
    /// Its row in the pixel file.
    pub pixel_row: usize,
    /// The classes on the image, ascending.
    pub labels: Vec<i32>,
    /// Annotated objects.
    pub objects: Vec<Object>,
}

/// One annotated object.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its id, unique within the image.
    pub instance_id: i64,
    /// Its class.
    pub class_id: i32,
    /// xmin, ymin, xmax, ymax in pixels of the image before resizing, as annotated.
    pub bbox: [f64; 4],
    /// VOC's flag for objects that are hard to recognise.
    pub is_difficult: bool,
    /// COCO's flag for a region of many objects.
    pub is_crowd: bool,
    /// COCO's area in pixels of that image.
    pub area: Option<f64>,
    /// Its shape in pixels of that image; `None` where only a box was annotated.
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
    /// Returns the data set's name: that of a published data set (`voc2007`, `coco2014`, …) only if it is
    /// one, else a name of its own (`source::naming`).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the folder it was opened from.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the hash of what the folder was made from: annotations, image files, and the options that
    /// change the result.
    pub fn inputs(&self) -> &str {
        &self.inputs
    }

    /// Returns the network's input size.
    pub fn grid(&self) -> Grid {
        self.pixels.grid()
    }

    /// Returns the images' pixels.
    pub fn pixels(&self) -> &PixelFile {
        &self.pixels
    }

    /// Returns the indices into `images` of a split's images, ascending.
    pub fn indices(&self, split: Split) -> Vec<usize> {
        (0..self.images.len())
            .filter(|&index| self.images[index].split == split)
            .collect()
    }

    /// Returns the index into `images` of each image id.
    pub fn index_by_id(&self) -> HashMap<&str, usize> {
        let ids = self.images.iter().map(|image| image.image_id.as_str());
        ids.zip(0..).collect()
    }

    /// Returns the boxes of a class on the grid, in the order annotated; all of them, difficult and crowd
    /// ones included (docs/SPEC.md A.5). Boxes that cover no cell are there too.
    pub fn class_boxes(&self, image: &Image, class_id: i32) -> Vec<GridBox> {
        image
            .objects
            .iter()
            .filter(|object| object.class_id == class_id)
            .map(|object| box_to_grid(object.bbox, image.width, image.height, self.grid()))
            .collect()
    }

    /// Returns the union of a class's boxes, each enlarged by the fraction `dilation` of its size (0 for
    /// none; docs/SPEC.md A.5). In the reversed task it is everything outside them, and empty where the
    /// class is not on the image.
    pub fn class_mask(&self, image: &Image, class_id: i32, dilation: f64) -> Mask {
        let boxes = self.dilated_boxes(image, class_id, dilation);
        let union = Mask::from_boxes(&boxes, self.grid());
        match self.task {
            Task::Reversed if image.labels.contains(&class_id) => union.inverted(),
            _ => union,
        }
    }

    /// Returns the union of the boxes of the image's other classes. `None` where there are none, and in the
    /// reversed task, where an image has one class, its background.
    pub fn other_boxes(&self, image: &Image, class_id: i32) -> Option<Mask> {
        if self.task == Task::Reversed {
            return None;
        }
        let others = image.objects.iter();
        let others = others.filter(|object| object.class_id != class_id);
        let boxes: Vec<GridBox> = others
            .map(|object| box_to_grid(object.bbox, image.width, image.height, self.grid()))
            .collect();
        (!boxes.is_empty()).then(|| Mask::from_boxes(&boxes, self.grid()))
    }

    /// Returns the union of a class's segmentations; in the reversed task, everything outside it. `None`
    /// when the class is not on the image, or one of its objects has no segmentation, because the union
    /// would then miss a part.
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

    /// Returns the number of cells of a class's boxes seen through `view`, an augmentation's crop and flip. It is
    /// summed box by box, so that a cell in two boxes counts twice: the localization loss Energy* divides by
    /// a power of it (docs/SPEC.md A.2). In the reversed task it is the number of cells of the mask.
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

    /// Returns the boxes of a class on the grid, each enlarged by the fraction `dilation` of its size.
    fn dilated_boxes(&self, image: &Image, class_id: i32, dilation: f64) -> Vec<GridBox> {
        self.class_boxes(image, class_id)
            .into_iter()
            .map(|b| b.dilated(dilation, self.grid()))
            .collect()
    }
}
