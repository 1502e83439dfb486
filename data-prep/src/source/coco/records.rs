//! Makes the records (`SourceImage`, `SourceObject`) of the images and objects of one COCO JSON.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use rayon::prelude::*;

use super::counts::Counts;
use super::folder::{Found, ImageFolder};
use super::instances::{Annotation, Image, Instances};
use crate::error::Problem;
use crate::mask::rle::CompressedRle;
use crate::source::record::{MaskKind, SourceImage, SourceObject};
use crate::source::split::Split;

/// The number of images whose records are made in one parallel batch. Batches keep the records of a large file from
/// being in memory twice. Chosen.
const AT_ONCE: usize = 4096;

/// The inputs from which the records of a file are made.
pub(super) struct Making<'a> {
    pub instances: &'a Instances,
    /// Class ids by category id.
    pub classes: &'a HashMap<i64, i32>,
    pub folder: &'a ImageFolder<'a>,
    /// The split of an image by its id.
    pub split: &'a (dyn Fn(i64) -> Split + Sync),
}

/// The records of a file, or of one image of it, with what was noticed on the way.
#[derive(Default)]
pub(super) struct Made {
    /// The images, ascending by COCO's id.
    pub images: Vec<SourceImage>,
    /// Why images and objects were left out.
    pub problems: Vec<Problem>,
    /// Faults because of which nothing was left out but a shape or an optional value.
    pub remarks: Vec<Problem>,
    /// Decisions made, for the notes.
    pub counts: Counts,
}

impl Made {
    fn add(&mut self, other: Self) {
        self.images.extend(other.images);
        self.problems.extend(other.problems);
        self.remarks.extend(other.remarks);
        self.counts += other.counts;
    }
}

impl Making<'_> {
    /// Makes the records of all images. The result includes the problems and remarks found while loading the file.
    pub(super) fn all(&self) -> Made {
        let instances = self.instances;
        let problems = instances.problems().iter();
        let mut made = Made {
            images: Vec::with_capacity(instances.images().len()),
            problems: problems.map(|item| item.problem.clone()).collect(),
            remarks: instances.remarks().to_vec(),
            counts: Counts {
                flat: instances.flat_outlines,
                ..Counts::default()
            },
        };
        let lost = self.lost_classes();
        let n_images = instances.images().len();
        for first in (0..n_images).step_by(AT_ONCE) {
            let each: Vec<Made> = (first..n_images.min(first + AT_ONCE))
                .into_par_iter()
                .map(|index| self.image(index, &lost))
                .collect();
            each.into_iter().for_each(|image| made.add(image));
        }
        made
    }

    /// The classes of the annotations that could not be read, by image id: these classes are on the image although
    /// the object is left out. `None` in a set stands for an annotation whose class is not known either.
    fn lost_classes(&self) -> HashMap<i64, BTreeSet<Option<i32>>> {
        let mut lost: HashMap<i64, BTreeSet<Option<i32>>> = HashMap::new();
        for item in self.instances.problems() {
            let class = item.category_id.and_then(|id| self.classes.get(&id));
            if let Some(image_id) = item.image_id {
                lost.entry(image_id).or_default().insert(class.copied());
            }
        }
        lost
    }

    /// Makes the record of the image at `index`. An image is left out if its file has no usable name or the class of
    /// one of its objects is unknown, because then its labels would be incomplete.
    fn image(&self, index: usize, lost: &HashMap<i64, BTreeSet<Option<i32>>>) -> Made {
        let image = &self.instances.images()[index];
        let mut made = Made::default();
        let Some(file) = self.folder.find(&image.file_name) else {
            made.problems.push(Problem::new(
                self.instances.path(),
                format!("images[id={}].file_name", self.instances.image_id(image)),
                format!("{:?}", image.file_name),
                "a file inside the image folder",
            ));
            return made;
        };
        made.counts.renamed += usize::from(file.is_renamed);
        if let Some(extensions) = &file.extensions {
            made.counts.extensions.insert(extensions.clone(), 1);
        }
        made.counts.unsized_images += usize::from(image.size.is_none());
        let lost = lost.get(&image.id).into_iter().flatten();
        let lost: Option<BTreeSet<i32>> = lost.copied().collect();
        let mut labels = lost.clone().unwrap_or_default();
        let objects = self.objects(index, &file, &mut labels, &mut made);
        let (Some(mut objects), Some(_)) = (objects, lost) else {
            made.counts.unknown += 1;
            return made;
        };
        made.counts.renumbered += renumber(&mut objects);
        for object in &objects {
            labels.remove(&object.class_id);
        }
        made.images.push(SourceImage {
            image_id: self.instances.image_id(image),
            file_name: file.file_name,
            path: file.path,
            split: (self.split)(image.id),
            size: image.size,
            group_id: None,
            extra_labels: labels.into_iter().collect(),
            objects,
        });
        made
    }

    /// Makes the records of an image's objects. The class of an object that has to be left out is added to `labels`.
    /// `None` where the class of an object is unknown.
    fn objects(
        &self,
        index: usize,
        file: &Found,
        labels: &mut BTreeSet<i32>,
        made: &mut Made,
    ) -> Option<Vec<SourceObject>> {
        let instances = self.instances;
        let image = &instances.images()[index];
        let with_header;
        let image = match image.size {
            Some(_) => image,
            None => {
                with_header = with_size_of(file, image);
                &with_header
            }
        };
        let mut objects = Vec::new();
        let mut are_known = true;
        for annotation in instances.annotations_of(index) {
            let Some(&class_id) = self.classes.get(&annotation.category_id) else {
                made.problems.push(Problem::new(
                    instances.path(),
                    format!("annotations[{}].category_id", annotation.index),
                    annotation.category_id.to_string(),
                    "the id of one of the categories",
                ));
                are_known = false;
                continue;
            };
            match self.object(annotation, image, class_id, made) {
                Ok(object) => objects.push(object),
                Err(problem) => {
                    made.problems.push(problem);
                    labels.insert(class_id);
                }
            }
        }
        are_known.then_some(objects)
    }

    /// Makes the record of an object. Without a box it gets the box around its shape. An unusable shape is only a
    /// remark where there is a box.
    ///
    /// # Errors
    /// When there is neither a box nor a usable shape.
    fn object(
        &self,
        annotation: &Annotation,
        image: &Image,
        class_id: i32,
        made: &mut Made,
    ) -> Result<SourceObject, Problem> {
        let instances = self.instances;
        let shape = instances.segmentation(annotation, image);
        let bbox = match (annotation.bbox, &shape) {
            (Some([x, y, width, height]), _) => [x, y, x + width, y + height],
            (None, Err(problem)) => return Err(problem.clone()),
            (None, Ok(shape)) => {
                let pixels = || {
                    let [x, y, width, height] = shape.as_ref()?.bounding_box()?;
                    Some([x, y, x + width, y + height].map(f64::from))
                };
                let around = instances.around_polygons(annotation);
                let around = around.or_else(pixels).ok_or_else(|| {
                    Problem::new(
                        instances.path(),
                        format!("annotations[{}].bbox", annotation.index),
                        "nothing, and a mask without pixels",
                        "[x, y, width, height]",
                    )
                })?;
                made.counts.boxed += 1;
                around
            }
        };
        let segmentation = match shape {
            Ok(shape) => shape.as_ref().map(CompressedRle::from),
            Err(problem) => {
                made.remarks.push(problem);
                None
            }
        };
        Ok(SourceObject {
            instance_id: annotation.id,
            class_id,
            bbox,
            is_difficult: false,
            is_crowd: annotation.is_crowd,
            area: annotation.area,
            mask_kind: match segmentation {
                None => MaskKind::Box,
                Some(_) => instances.mask_kind(annotation),
            },
            segmentation,
        })
    }
}

/// Returns the image with the size in pixels that the header of its file has; with no size where the header cannot
/// be read.
fn with_size_of(file: &Found, image: &Image) -> Image {
    let side = |side: usize| u32::try_from(side).ok().filter(|&side| side > 0);
    let header = imagesize::size(&file.path).ok();
    Image {
        size: header.and_then(|size| Some((side(size.width)?, side(size.height)?))),
        ..image.clone()
    }
}

/// Gives each object that has the id of an earlier one the smallest free id from 1 on. Returns how many were changed.
pub(super) fn renumber(objects: &mut [SourceObject]) -> usize {
    let taken: HashSet<i64> = objects.iter().map(|object| object.instance_id).collect();
    if taken.len() == objects.len() {
        return 0;
    }
    let mut free = (1..).filter(|id| !taken.contains(id));
    let mut seen = HashSet::new();
    let mut count = 0;
    for object in objects {
        if !seen.insert(object.instance_id) {
            object.instance_id = free.next().unwrap_or_default();
            count += 1;
        }
    }
    count
}

/// Merges entries of `images` for the same image file, which some tools list once for each object: the first entry
/// gets the objects of the others. An entry that states another size than the first is left out and reported.
pub(super) fn merge(made: &mut Made, file: &Path) {
    let mut by_path = BTreeMap::new();
    let mut images: Vec<SourceImage> = Vec::with_capacity(made.images.len());
    for image in std::mem::take(&mut made.images) {
        let Some(&index) = by_path.get(&image.path) else {
            by_path.insert(image.path.clone(), images.len());
            images.push(image);
            continue;
        };
        let first: &mut SourceImage = &mut images[index];
        if let (Some(size), Some(other)) = (first.size, image.size)
            && size != other
        {
            made.problems.push(Problem::new(
                file,
                format!("images[id={}].width", image.image_id),
                format!("{} again with {}x{}", image.file_name, other.0, other.1),
                format!("{}x{}, as for image {}", size.0, size.1, first.image_id),
            ));
            continue;
        }
        first.size = first.size.or(image.size);
        first.objects.extend(image.objects);
        first.extra_labels.extend(image.extra_labels);
        made.counts.merged += 1;
        made.counts.renumbered += renumber(&mut first.objects);
    }
    made.images = images;
}
