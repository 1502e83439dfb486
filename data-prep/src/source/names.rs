//! Finds the image that a name in the table of `--groups` means: an image id, or a file name or path, each with
//! or without its extension.

use std::collections::HashMap;
use std::path::Path;

use super::record::SourceImage;

/// The images by the names that may be used for them.
pub(super) struct Names {
    /// Index of the image; `None` where several images may be called so.
    by_name: HashMap<String, Option<usize>>,
}

impl Names {
    /// Collects the names of `images`. Where a name is one image's id, it always means that image.
    pub(super) fn of(images: &[SourceImage]) -> Self {
        let mut by_name = HashMap::new();
        for (index, image) in images.iter().enumerate() {
            let file = Path::new(&image.file_name);
            let mut names = vec![
                image.file_name.clone(),
                file.with_extension("").to_string_lossy().into_owned(),
            ];
            for part in [file.file_name(), file.file_stem()].into_iter().flatten() {
                names.push(part.to_string_lossy().into_owned());
            }
            names.sort_unstable();
            names.dedup();
            for name in names {
                by_name
                    .entry(name)
                    .and_modify(|found| *found = None)
                    .or_insert(Some(index));
            }
        }
        for (index, image) in images.iter().enumerate() {
            by_name.insert(image.image_id.clone(), Some(index));
        }
        Self { by_name }
    }

    /// Returns the index of the image that `name` means.
    ///
    /// # Errors
    /// When no image has this name, or several have. The error is the second half of a message, what was expected.
    pub(super) fn find(&self, name: &str) -> Result<usize, &'static str> {
        match self.by_name.get(name.trim_start_matches("./")) {
            Some(Some(index)) => Ok(*index),
            Some(None) => Err(
                "a name that one image alone has (several files are called so: give their path)",
            ),
            None => Err("the id or the file of an image of the data set"),
        }
    }
}
