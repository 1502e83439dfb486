//! Holds an `instances_*.json` in memory: images, annotations and categories, indexed by image.
//!
//! COCO's training file is 430 MB of text, nine tenths of it polygon coordinates. `shapes` keeps them in
//! a few long vectors. [`Instances::segmentation`] makes run lengths of one shape at a time. `loading`
//! reads the file; `reader` decides splits and class ids.

use std::path::{Path, PathBuf};

use super::shapes::{Shape, Shapes};
use crate::error::Problem;
use crate::mask::rle::Rle;
use crate::source::record::MaskKind;

/// An instances file.
#[derive(Debug)]
pub struct Instances {
    pub(super) path: PathBuf,
    pub(super) images: Vec<Image>,
    pub(super) categories: Vec<Category>,
    pub(super) annotations: Vec<Annotation>,
    pub(super) problems: Vec<ItemProblem>,
    pub(super) shapes: Shapes,
    /// Positions in `annotations`, sorted by image.
    pub(super) by_image: Vec<u32>,
    /// Where each image's positions begin in `by_image`; one more entry than images, the end.
    pub(super) first_of_image: Vec<u32>,
}

/// An element of `images`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// COCO's id.
    pub id: i64,
    /// Relative to the split's image folder.
    pub file_name: Box<str>,
    /// Columns in pixels.
    pub width: u32,
    /// Rows in pixels.
    pub height: u32,
}

/// An element of `categories`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// COCO's id, 1 to 90.
    pub id: i64,
    /// The class name.
    pub name: Box<str>,
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
    /// x, y, width, height in source pixels.
    pub bbox: [f64; 4],
    /// Area in source pixels; `None` where the file has none.
    pub area: Option<f64>,
    /// Whether it is a region of many objects.
    pub is_crowd: bool,
    /// Position in the file's `annotations`.
    pub index: u32,
    pub(super) shape: Shape,
}

/// A problem of one element, and the image that is incomplete because of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemProblem {
    /// What is wrong.
    pub problem: Problem,
    /// The id of the image that the element is or belongs to, if it could be read.
    pub image_id: Option<i64>,
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

    /// The categories in the file's order.
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The annotations in the file's order.
    pub fn annotations(&self) -> &[Annotation] {
        &self.annotations
    }

    /// The problems of single elements.
    pub fn problems(&self) -> &[ItemProblem] {
        &self.problems
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
    /// When the segmentation is malformed, or run lengths are of another size than the image.
    pub fn segmentation(
        &self,
        annotation: &Annotation,
        image: &Image,
    ) -> Result<Option<Rle>, Problem> {
        let decoded = match annotation.shape {
            Shape::None => return Ok(None),
            Shape::Polygons { first, count } => {
                let polygons: Vec<&[f64]> = (first..first + count as usize)
                    .map(|polygon| self.shapes.polygon(polygon))
                    .collect();
                Rle::from_polygons(&polygons, image.height, image.width)
            }
            Shape::Counts {
                first,
                count,
                height,
                width,
            } => Rle::from_counts(
                height,
                width,
                self.shapes.counts[first..first + count as usize].to_vec(),
            ),
            Shape::Text {
                first,
                count,
                height,
                width,
            } => Rle::from_compressed(
                height,
                width,
                &self.shapes.text[first..first + count as usize],
            ),
        };
        let field = || format!("annotations[{}].segmentation", annotation.index);
        let rle = decoded.map_err(|malformed| malformed.at(&self.path, field()))?;
        if (rle.height, rle.width) != (image.height, image.width) {
            return Err(Problem::new(
                &self.path,
                format!("{}.size", field()),
                format!("[{}, {}]", rle.height, rle.width),
                format!("the image's [{}, {}]", image.height, image.width),
            ));
        }
        Ok(Some(rle))
    }
}
