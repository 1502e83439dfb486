//! Holds an instances file (COCO's JSON of objects) in memory: images, annotations and categories, and an index of
//! the annotations by image.
//!
//! MS COCO's training file is 430 MB of text, nine tenths of it polygon coordinates. `shapes` keeps these in
//! a few long vectors; [`Instances::segmentation`] converts one shape at a time to run lengths. `loading`
//! reads the file; `reader` and `own` decide splits and class ids.

use std::path::{Path, PathBuf};

use super::ids::TextIds;
use super::shapes::{Shape, Shapes};
use crate::error::Problem;
use crate::mask::rle::{Malformed, Rle};
use crate::source::credit::Credit;
use crate::source::record::MaskKind;

/// An instances file.
#[derive(Debug)]
pub struct Instances {
    pub(super) path: PathBuf,
    pub(super) images: Vec<Image>,
    pub(super) categories: Vec<Category>,
    pub(super) credit: Credit,
    pub(super) annotations: Vec<Annotation>,
    pub(super) problems: Vec<ItemProblem>,
    pub(super) remarks: Vec<Problem>,
    /// The number of outlines that are one list of numbers instead of a list of polygons.
    pub(super) flat_outlines: usize,
    pub(super) shapes: Shapes,
    pub(super) text_ids: TextIds,
    /// Indices into `annotations`, sorted by image (in the order of `images`).
    pub(super) by_image: Vec<u32>,
    /// Where each image's entries begin in `by_image`. The last entry, one more than images, is the end.
    pub(super) first_of_image: Vec<u32>,
}

/// An element of `images`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// COCO's id. For an id that is a string this is a number in its place; [`Instances::image_id`] returns the
    /// string.
    pub id: i64,
    /// Relative to the split's image folder.
    pub file_name: Box<str>,
    /// Width and height in pixels; `None` where the file does not say both, or says 0 or −1, as some tools do.
    pub size: Option<(u32, u32)>,
}

/// An element of `categories`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its id in the file; MS COCO's own ids are 1 to 90.
    pub id: i64,
    /// The class name.
    pub name: Box<str>,
    /// The name of the group that it is in, where the file has one.
    pub supercategory: Option<Box<str>>,
}

/// An element of `annotations`.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// COCO's id of the object.
    pub id: i64,
    /// The image it is on.
    pub image_id: i64,
    /// The category it is of.
    pub category_id: i64,
    /// x, y, width, height in source pixels; `None` where the file gives only an outline.
    pub bbox: Option<[f64; 4]>,
    /// Area in source pixels; `None` where the file has none.
    pub area: Option<f64>,
    /// Whether it is a region of many objects (`iscrowd`).
    pub is_crowd: bool,
    /// Position in the file's `annotations`.
    pub index: u32,
    pub(super) shape: Shape,
}

/// A problem because of which one element is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemProblem {
    /// What is wrong.
    pub problem: Problem,
    /// The id of the image that the element is or belongs to, if it could be read.
    pub image_id: Option<i64>,
    /// The id of the category of an annotation left out, if it could be read.
    pub category_id: Option<i64>,
}

impl Instances {
    /// The file it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The images, ascending by id.
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The image's id as the file has it.
    pub fn image_id(&self, image: &Image) -> String {
        self.text_ids.shown(image.id)
    }

    /// The categories in the file's order.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// What the file says of itself.
    pub fn credit(&self) -> &Credit {
        &self.credit
    }

    /// The annotations in the file's order.
    pub fn annotations(&self) -> &[Annotation] {
        &self.annotations
    }

    /// The problems of single elements.
    pub fn problems(&self) -> &[ItemProblem] {
        &self.problems
    }

    /// The faults because of which neither an image nor an annotation is left out, such as an outline of one point.
    pub fn remarks(&self) -> &[Problem] {
        &self.remarks
    }

    /// The annotations of the image at `index` of [`Instances::images`], in the file's order.
    pub fn annotations_of(&self, index: usize) -> impl Iterator<Item = &Annotation> {
        let range = self.first_of_image[index] as usize..self.first_of_image[index + 1] as usize;
        self.by_image[range]
            .iter()
            .map(|&position| &self.annotations[position as usize])
    }

    /// How the annotation's shape is described.
    pub fn mask_kind(&self, annotation: &Annotation) -> MaskKind {
        match annotation.shape {
            Shape::None => MaskKind::Box,
            Shape::Polygons { .. } => MaskKind::Polygon,
            Shape::Counts { .. } | Shape::Text { .. } => MaskKind::Rle,
        }
    }

    /// The annotation's shape as run lengths over its image; `None` where it has only a box.
    ///
    /// # Errors
    /// When the segmentation is malformed, run lengths are of another size than the image, or the image's
    /// size is unknown.
    pub fn segmentation(
        &self,
        annotation: &Annotation,
        image: &Image,
    ) -> Result<Option<Rle>, Problem> {
        let field = || format!("annotations[{}].segmentation", annotation.index);
        if annotation.shape == Shape::None {
            return Ok(None);
        }
        let Some((width, height)) = image.size else {
            return Err(Problem::new(
                &self.path,
                field(),
                "a shape on an image of unknown size",
                "a width and a height in `images`, or a file whose header tells them",
            ));
        };
        let rle = self.decoded(annotation.shape, (width, height));
        let rle = rle.map_err(|malformed| malformed.at(&self.path, field()))?;
        if (rle.height, rle.width) != (height, width) {
            return Err(Problem::new(
                &self.path,
                format!("{}.size", field()),
                format!("[{}, {}]", rle.height, rle.width),
                format!("the image's [{height}, {width}]"),
            ));
        }
        Ok(Some(rle))
    }

    /// Returns a shape as run lengths: polygons are drawn in an image of `size` (width, height); run lengths keep
    /// their own size.
    fn decoded(&self, shape: Shape, size: (u32, u32)) -> Result<Rle, Malformed> {
        let range = |first: usize, count: u32| first..first + count as usize;
        match shape {
            Shape::None => Err(Malformed::new("no shape", "one")),
            Shape::Polygons { first, count } => {
                let polygons: Vec<&[f64]> = self.shapes.polygons(first, count).collect();
                Rle::from_polygons(&polygons, size.1, size.0)
            }
            Shape::Counts {
                first,
                count,
                height,
                width,
            } => {
                let counts = self.shapes.counts[range(first, count)].to_vec();
                Rle::from_counts(height, width, counts)
            }
            Shape::Text {
                first,
                count,
                height,
                width,
            } => Rle::from_compressed(height, width, &self.shapes.text[range(first, count)]),
        }
    }

    /// The box around the points of the annotation's polygons, as xmin, ymin, xmax, ymax in source
    /// pixels; `None` where it has no polygons.
    pub(super) fn around_polygons(&self, annotation: &Annotation) -> Option<[f64; 4]> {
        let Shape::Polygons { first, count } = annotation.shape else {
            return None;
        };
        let points = self.shapes.polygons(first, count);
        let points = points.flat_map(|polygon| polygon.as_chunks::<2>().0);
        points.fold(None, |around, &[x, y]| {
            let [xmin, ymin, xmax, ymax] = around.unwrap_or([x, y, x, y]);
            Some([xmin.min(x), ymin.min(y), xmax.max(x), ymax.max(y)])
        })
    }
}
