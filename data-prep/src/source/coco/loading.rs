//! Reads an instances file (COCO's JSON of objects) into [`Instances`]: one pass over the memory-mapped text, then
//! the index by image.
//!
//! An image or annotation with a wrong value in a required field is left out and reported as a problem. A wrong value
//! in an optional field is reported as a remark, and the element is kept. Text that is not JSON, or a wrong
//! category, ends the reading with an error. `elements` reads the fields of an element.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::credit;
use super::elements::{self, Aside, once};
use super::instances::{Annotation, Category, Image, Instances, ItemProblem};
use super::json::{Cursor, Fault};
use super::mapped::Mapped;
use crate::error::{Problem, Result};
use crate::source::credit::Credit;

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

/// The parts of an [`Instances`] while the file is being read; `None` until the file's key was read.
struct Loading {
    path: PathBuf,
    images: Option<Vec<Image>>,
    categories: Option<Vec<Category>>,
    annotations: Option<Vec<Annotation>>,
    credit: Credit,
    problems: Vec<ItemProblem>,
    remarks: Vec<Problem>,
    aside: Aside,
}

impl Loading {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            images: None,
            categories: None,
            annotations: None,
            credit: Credit::default(),
            problems: Vec::new(),
            remarks: Vec::new(),
            aside: Aside::default(),
        }
    }

    /// Reads the whole file.
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
            "info" => credit::info(cursor, &mut self.credit),
            "licenses" => credit::licenses(cursor, &mut self.credit),
            _ => cursor.skip(),
        })?;
        cursor.end()
    }

    fn read_images(&mut self, cursor: &mut Cursor) -> Result<Vec<Image>, Fault> {
        let mut images = Vec::new();
        cursor.array(|cursor, index| {
            let element = || format!("images[{index}]");
            let aside = &mut self.aside;
            match cursor.attempt(|cursor| elements::image(cursor, aside))? {
                Ok(image) => {
                    images.push(image);
                    self.remark(element);
                }
                Err(fault) => {
                    let [id] = elements::ids_of(cursor, ["id"])?;
                    self.leave_out(element(), fault, id, None);
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
        let mut released = 0; // the bytes of `text` whose memory was released
        cursor.array(|cursor, index| {
            let element = || format!("annotations[{index}]");
            let before = (self.aside.shapes.lengths(), self.aside.flat_outlines);
            let aside = &mut self.aside;
            match cursor.attempt(|cursor| elements::annotation(cursor, index as u32, aside))? {
                Ok(annotation) => {
                    annotations.push(annotation);
                    self.remark(element);
                }
                Err(fault) => {
                    self.aside.shapes.truncate(before.0);
                    self.aside.flat_outlines = before.1;
                    let wanted = ["image_id", "category_id"];
                    let [image_id, category_id] = elements::ids_of(cursor, wanted)?;
                    self.leave_out(element(), fault, image_id, category_id);
                }
            }
            text.release(&mut released, cursor.position());
            Ok(())
        })?;
        Ok(annotations)
    }

    /// Reports an element that is left out; the ids are those that could still be read from it.
    fn leave_out(
        &mut self,
        element: String,
        fault: Fault,
        image_id: Option<i64>,
        category_id: Option<i64>,
    ) {
        self.aside.faults.clear();
        if let Fault::Value {
            field,
            found,
            expected,
        } = fault.within(&element)
        {
            self.problems.push(ItemProblem {
                problem: Problem::new(&self.path, field, found, expected),
                image_id,
                category_id,
            });
        }
    }

    /// Turns the faults in optional values of the element read last into remarks.
    fn remark(&mut self, element: impl Fn() -> String) {
        for fault in std::mem::take(&mut self.aside.faults) {
            if let Fault::Value {
                field,
                found,
                expected,
            } = fault.within(&element())
            {
                let problem = Problem::new(&self.path, field, found, expected);
                self.remarks.push(problem);
            }
        }
    }

    /// Sorts the images by id, checks that their ids are unique and that annotations refer to them, and indexes the
    /// annotations by image.
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
        self.leave_out_doubled(&mut images);

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
                            self.aside.ids.shown(annotation.image_id),
                            "the id of one of the images",
                        ),
                        image_id: Some(annotation.image_id),
                        category_id: None,
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
            credit: self.credit,
            problems: self.problems,
            remarks: self.remarks,
            flat_outlines: self.aside.flat_outlines,
            shapes: self.aside.shapes,
            text_ids: self.aside.ids,
            by_image,
            first_of_image,
        })
    }

    /// Of images listed twice (same id and file) keeps one. Images with one id and different files are all left out,
    /// since annotations do not tell which of them they mean. `images` are sorted by id.
    fn leave_out_doubled(&mut self, images: &mut Vec<Image>) {
        let mut ambiguous = HashSet::new();
        images.dedup_by(|later, kept| {
            if later.id != kept.id {
                return false;
            }
            let problem = Problem::new(
                &self.path,
                format!("images[id={}]", self.aside.ids.shown(later.id)),
                format!("the id again for {}", later.file_name),
                format!("one image with the id ({})", kept.file_name),
            );
            match later.file_name == kept.file_name {
                true => self.remarks.push(problem),
                false => {
                    ambiguous.insert(later.id);
                    self.problems.push(ItemProblem {
                        problem,
                        image_id: Some(later.id),
                        category_id: None,
                    });
                }
            }
            true
        });
        if !ambiguous.is_empty() {
            images.retain(|image| !ambiguous.contains(&image.id));
        }
    }
}

/// Turns a fault into a problem. For a fault of the structure the field is the line and column in the text.
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
