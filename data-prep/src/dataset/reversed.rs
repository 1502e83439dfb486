//! Turns a data set into its reversed task (paper section 5.5; docs/SPEC.md C.4): classify Waterbirds'
//! background instead of the bird, guided outside the bird's box. Training, explaining and scoring all use
//! [`Dataset::with_task`].

use super::folder::Dataset;
use super::task::Task;
use crate::error::{Problem, Result};
use crate::source::waterbirds;

/// The classes of the reversed task: Waterbirds' backgrounds.
const PLACES: [&str; 2] = ["land", "water"];

impl Dataset {
    /// Returns the data set for `task`. In the reversed task the classes are land and water, an image's
    /// label is the background of its group, and masks are inverted. An image's objects get its new class
    /// and keep their boxes, which now say where *not* to look.
    ///
    /// # Errors
    /// When the reversed task is asked for on data without Waterbirds' two classes and four groups, or when
    /// the data set is reversed already; when an image has no group.
    pub fn with_task(mut self, task: Task) -> Result<Self> {
        if task.is_conventional() && self.task.is_conventional() {
            return Ok(self);
        }
        if !self.is_reversible() {
            let found = format!("{task} for {} ({})", self.name, self.task);
            let expected = "conventional, or reversed for Waterbirds' classes and groups";
            return Err(Problem::new(&self.dir, "task", found, expected).into());
        }
        for image in &mut self.images {
            // group = 2 · bird + place, with 1 for a waterbird and for water
            let Some(place) = image.group_id.map(|group_id| group_id.rem_euclid(2)) else {
                let found = format!("none on image {}", image.image_id);
                return Err(Problem::new(&self.dir, "group_id", found, "a group 0 to 3").into());
            };
            image.labels = vec![place];
            for object in &mut image.objects {
                object.class_id = place;
            }
        }
        self.classes = PLACES.map(str::to_owned).to_vec();
        self.task = task;
        Ok(self)
    }

    /// Whether the reversed task is defined and not yet chosen: the classes and groups are Waterbirds', so each
    /// group is a bird and a background. The data set's name does not matter, because there is a Waterbirds-95
    /// as well as the Waterbirds-100 of the paper (the share in % of training birds on their usual background).
    fn is_reversible(&self) -> bool {
        let group_ids = self.groups.iter().map(|group| group.0);
        self.task.is_conventional()
            && self.classes == waterbirds::CLASSES
            && group_ids.eq(0..waterbirds::GROUPS.len() as i32)
    }

    /// Returns the task of this data set.
    pub fn task(&self) -> Task {
        self.task
    }
}
