//! Reads an instances file into [`Instances`]: one pass over the mapped text, then the index by image.
//!
//! An image or annotation with a wrong value is left out and reported. Text that is not JSON, or a wrong
//! category, ends the reading with an error. `elements` reads the fields of an element.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::elements::{self, once};
use super::instances::{Annotation, Category, Image, Instances, ItemProblem};
use super::json::{Cursor, Fault};
use super::mapped::Mapped;
use super::shapes::Shapes;
use crate::error::{Problem, Result};

/// Reads an instances file and indexes its annotations by image.
///
/// # Errors
/// When the file cannot be read, is not JSON, lacks `images`, `annotations` or `categories`, or has a wrong
/// category. Single images and annotations that are wrong are left out and reported by
/// [`Instances::problems`].
pub fn load_instances(path: impl AsRef<Path>) -> Result<Instances> {
    let path = path.as_ref();
    let text = Mapped::open(path)?;
    let mut loading = Loading::new(path);
    match loading.file(&text) {
        Ok(()) => loading.finish(),
        Err(fault) => Err(problem(path, &text, fault).into()),
    }
}

/// The parts of an [`Instances`] while the file is being read.
struct Loading {
    path: PathBuf,
    images: Option<Vec<Image>>,
    categories: Option<Vec<Category>>,
    annotations: Option<Vec<Annotation>>,
    problems: Vec<ItemProblem>,
    shapes: Shapes,
}

impl Loading {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            images: None,
            categories: None,
            annotations: None,
            problems: Vec::new(),
            shapes: Shapes::default(),
        }
    }

    fn file(&mut self, text: &Mapped) -> Result<(), Fault> {
        let mut cursor = Cursor::new(text);
        cursor.object(|cursor, key| match key {
            "images" => {
                let images = self.read_images(cursor)?;
                once(&mut self.images, images)
            }
            "annotations" => {
                let annotations = self.read_annotations(cursor, text)?;
                once(&mut self.annotations, annotations)
            }
            "categories" => {
                let mut categories = Vec::new();
                cursor.array(|cursor, _| {
                    categories.push(elements::category(cursor)?);
                    Ok(())
                })?;
                once(&mut self.categories, categories)
            }
            _ => cursor.skip(),
        })?;
        cursor.end()
    }

    fn read_images(&mut self, cursor: &mut Cursor) -> Result<Vec<Image>, Fault> {
        let mut images = Vec::new();
        cursor.array(|cursor, index| {
            match cursor.attempt(elements::image)? {
                Ok(image) => images.push(image),
                Err(fault) => {
                    let id = elements::id_of(cursor, "id")?;
                    self.leave_out(format!("images[{index}]"), fault, id);
                }
            }
            Ok(())
        })?;
        Ok(images)
    }

    fn read_annotations(
        &mut self,
        cursor: &mut Cursor,
        text: &Mapped,
    ) -> Result<Vec<Annotation>, Fault> {
        let mut annotations = Vec::new();
        let mut released = 0;
        cursor.array(|cursor, index| {
            let before = self.shapes.lengths();
            let shapes = &mut self.shapes;
            match cursor.attempt(|cursor| elements::annotation(cursor, index as u32, shapes))? {
                Ok(annotation) => annotations.push(annotation),
                Err(fault) => {
                    self.shapes.truncate(before);
                    let image_id = elements::id_of(cursor, "image_id")?;
                    self.leave_out(format!("annotations[{index}]"), fault, image_id);
                }
            }
            text.release(&mut released, cursor.position());
            Ok(())
        })?;
        Ok(annotations)
    }

    fn leave_out(&mut self, element: String, fault: Fault, image_id: Option<i64>) {
        if let Fault::Value {
            field,
            found,
            expected,
        } = fault.within(&element)
        {
            self.problems.push(ItemProblem {
                problem: Problem::new(&self.path, field, found, expected),
                image_id,
            });
        }
    }

    /// Sorts images, checks that ids are unique and known, and indexes annotations by image.
    fn finish(mut self) -> Result<Instances> {
        let missing = |key: &str| Problem::new(&self.path, key, "nothing", "an array");
        let mut images = self.images.take().ok_or_else(|| missing("images"))?;
        let annotations = self
            .annotations
            .take()
            .ok_or_else(|| missing("annotations"))?;
        let categories = self
            .categories
            .take()
            .ok_or_else(|| missing("categories"))?;

        images.sort_by_key(|image| image.id);
        images.dedup_by(|later, kept| {
            let duplicate = later.id == kept.id;
            if duplicate {
                self.problems.push(ItemProblem {
                    problem: Problem::new(
                        &self.path,
                        format!("images[id={}]", later.id),
                        format!("the id again for {}", later.file_name),
                        format!("one image with the id ({})", kept.file_name),
                    ),
                    image_id: Some(later.id),
                });
            }
            duplicate
        });

        // A counting sort: annotations keep the file's order within their image.
        let mut first_of_image = vec![0_u32; images.len() + 1];
        let image_of: Vec<Option<u32>> = annotations
            .iter()
            .map(|annotation| {
                let index = images
                    .binary_search_by_key(&annotation.image_id, |image| image.id)
                    .ok()?;
                first_of_image[index + 1] += 1;
                Some(index as u32)
            })
            .collect();
        for index in 1..first_of_image.len() {
            first_of_image[index] += first_of_image[index - 1];
        }
        let mut reported: HashSet<i64> = self
            .problems
            .iter()
            .filter_map(|item| item.image_id)
            .collect();
        let mut next = first_of_image.clone();
        let mut by_image = vec![0; first_of_image[images.len()] as usize];
        for (position, (annotation, index)) in annotations.iter().zip(&image_of).enumerate() {
            let Some(index) = index else {
                // An unknown image id is a problem, once for each id, unless the image was left out and
                // reported already.
                if reported.insert(annotation.image_id) {
                    self.problems.push(ItemProblem {
                        problem: Problem::new(
                            &self.path,
                            format!("annotations[{}].image_id", annotation.index),
                            annotation.image_id.to_string(),
                            "the id of one of the images",
                        ),
                        image_id: Some(annotation.image_id),
                    });
                }
                continue;
            };
            let next = &mut next[*index as usize];
            by_image[*next as usize] = position as u32;
            *next += 1;
        }
        Ok(Instances {
            path: self.path,
            images,
            categories,
            annotations,
            problems: self.problems,
            shapes: self.shapes,
            by_image,
            first_of_image,
        })
    }
}

/// Makes a problem of a fault. Where the structure is wrong, the field is the line and the column.
fn problem(path: &Path, text: &[u8], fault: Fault) -> Problem {
    match fault {
        Fault::Value {
            field,
            found,
            expected,
        } => {
            let field = if field.is_empty() { "file" } else { &field };
            Problem::new(path, field, found, expected)
        }
        Fault::Structure {
            at,
            found,
            expected,
        } => {
            let before = &text[..at];
            let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
            let column = 1 + before
                .iter()
                .rev()
                .take_while(|&&byte| byte != b'\n')
                .count();
            Problem::new(
                path,
                format!("line {line}, column {column}"),
                found,
                expected,
            )
        }
    }
}
