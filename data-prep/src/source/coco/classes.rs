//! Makes the classes of a data set from the categories of its COCO JSON files. The files may give one category
//! different ids, as Roboflow's files of the splits do, so a class is identified by its name.

use std::collections::{BTreeSet, HashMap};

use super::instances::{Category, Instances};
use crate::error::{Problem, Result};
use crate::words::listed;

/// The classes of the files read so far.
#[derive(Debug, Default)]
pub(super) struct Classes {
    /// The index is the class id: the first file's categories by id, then what later files add.
    names: Vec<String>,
    by_name: HashMap<String, i32>,
    /// Names that several categories of one file have; these categories are one class.
    doubled: BTreeSet<String>,
    /// Names of categories left out because they are only the supercategory of the others ([`placeholder`]).
    placeholders: BTreeSet<String>,
}

impl Classes {
    /// Adds the categories of a file, and returns the class id by category id.
    ///
    /// # Errors
    /// When two categories of different names have one id, because their annotations cannot be told apart.
    pub(super) fn add(&mut self, instances: &Instances) -> Result<HashMap<i64, i32>> {
        let placeholder = placeholder(instances);
        if let Some(category) = placeholder {
            self.placeholders.insert(category.name.to_string());
        }
        let categories = instances.categories().iter().enumerate();
        let mut categories: Vec<(usize, &Category)> = categories
            .filter(|(_, category)| Some(*category) != placeholder)
            .collect();
        categories.sort_by_key(|(_, category)| category.id); // stable
        let mut ids: HashMap<i64, i32> = HashMap::new();
        let mut in_file = BTreeSet::new();
        for (index, category) in categories {
            let class_id = self.class_of(&category.name);
            match ids.insert(category.id, class_id) {
                None if !in_file.insert(class_id) => {
                    self.doubled.insert(category.name.to_string());
                }
                Some(other) if other != class_id => {
                    return Err(Problem::new(
                        instances.path(),
                        format!("categories[{index}].id"),
                        format!("{} again, for {}", category.id, category.name),
                        "each id for one name",
                    )
                    .into());
                }
                _ => {}
            }
        }
        Ok(ids)
    }

    /// Returns the class id of a name, which becomes a class if it is none yet.
    fn class_of(&mut self, name: &str) -> i32 {
        if let Some(&class_id) = self.by_name.get(name) {
            return class_id;
        }
        let class_id = self.names.len() as i32;
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), class_id);
        class_id
    }

    /// Returns the names by class id.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the notes on categories left out, on names that several categories have, and on classes that are
    /// on no image; `shown` are the ids of the classes that are on an image.
    pub(super) fn notes(&self, shown: &BTreeSet<i32>) -> Vec<String> {
        let doubled: Vec<&str> = self.doubled.iter().map(String::as_str).collect();
        let unused: Vec<&str> = (0..)
            .zip(&self.names)
            .filter(|(class_id, _)| !shown.contains(class_id))
            .map(|(_, name)| name.as_str())
            .collect();
        let placeholders = self.placeholders.iter();
        let placeholders = placeholders.filter(|name| !self.by_name.contains_key(*name));
        let left_out = |name: &String| {
            let name = crate::error::quoted(name);
            format!("category {name} is only the others' supercategory: left out")
        };
        let mut notes: Vec<String> = placeholders.map(left_out).collect();
        if !doubled.is_empty() {
            notes.push(format!(
                "several categories are called {}: they are one class",
                listed(&doubled)
            ));
        }
        if !unused.is_empty() {
            notes.push(format!(
                "no annotation is of {}: no image has the label, the name stays in classes.parquet",
                listed(&unused)
            ));
        }
        notes
    }
}

/// Returns the category that Roboflow adds before the classes, if there is one: its id is 0, its supercategory is
/// `none`, no annotation uses it, and it is the supercategory of all other categories, which have other names.
fn placeholder(instances: &Instances) -> Option<&Category> {
    let categories = instances.categories();
    let first = categories.iter().find(|category| category.id == 0)?;
    let is_below = |other: &Category| {
        other.id != 0
            && other.name != first.name
            && other.supercategory.as_ref() == Some(&first.name)
    };
    let mut others = categories
        .iter()
        .filter(|other| !std::ptr::eq(*other, first));
    let broken = instances.problems().iter();
    let mut used = instances
        .annotations()
        .iter()
        .map(|annotation| annotation.category_id)
        .chain(broken.filter_map(|item| item.category_id));
    let is_placeholder = categories.len() > 1
        && first.supercategory.as_deref() == Some("none")
        && others.all(is_below)
        && used.all(|id| id != first.id);
    is_placeholder.then_some(first)
}
