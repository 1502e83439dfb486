//! Reads `--groups`: a CSV file that says for each image which group it is in. A group is a subset of images for
//! which results are also reported separately.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::names::Names;
use super::record::Source;
use super::tabular::Table;
use crate::error::{Problem, Result};
use crate::words;

/// Puts the images of `source` into the groups that the file at `path` names; groups they had before are dropped.
/// Group ids are numbers from 0 in the order of the names. An image that the file does not list is in no group,
/// which a note says. Other columns are kept for `--split-by`.
///
/// # Errors
/// When the file is no table with the columns `image` and `group`, or names an image that is not there,
/// or one twice with two groups.
pub(super) fn assign(path: &Path, source: &mut Source) -> Result<()> {
    let table = Table::open(path)?;
    source.annotations.add("groups", &table.fingerprint);
    let image = table.column("image")?;
    let group = table.column("group")?;
    let others = table.other_columns(&[image, group]);
    let by_name = Names::of(&source.images);
    let mut group_of: HashMap<usize, &str> = HashMap::new();
    for row in table.rows() {
        let name = row.cell(image);
        let index = by_name
            .find(name)
            .map_err(|expected| row.problem(image, expected))?;
        let (column, group) = (group, row.cell(group));
        if group.is_empty() {
            return Err(row.problem(column, "a group").into());
        }
        if let Some(before) = group_of
            .insert(index, group)
            .filter(|before| *before != group)
        {
            let expected = format!("one group for {name}, which is in {before} above");
            return Err(row.problem(column, expected).into());
        }
        for (column, header) in &others {
            let image_id = source.images[index].image_id.clone();
            let cells = source.columns.entry(header.clone()).or_default();
            cells.insert(image_id, row.cell(*column).to_owned());
        }
    }
    if group_of.is_empty() {
        return Err(Problem::new(path, "rows", "nothing", "an image and its group").into());
    }
    let names: BTreeSet<&str> = group_of.values().copied().collect();
    source.groups = (0..)
        .zip(names.iter().map(|name| (*name).to_owned()))
        .collect();
    let ids: HashMap<&str, i32> = names.into_iter().zip(0..).collect();
    for (index, image) in source.images.iter_mut().enumerate() {
        image.group_id = group_of
            .get(&index)
            .and_then(|group| ids.get(group))
            .copied();
    }
    let without = source.images.len() - group_of.len();
    if without > 0 {
        source.notes.push(format!(
            "{} in no group of {}",
            words::images(without, "is", "are"),
            path.display()
        ));
    }
    Ok(())
}
