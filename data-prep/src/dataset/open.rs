//! Opens a data folder: reads its tables and checks them against each other and the pixel file.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use arrow::array::{
    Array, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};

use super::folder::{Dataset, Image, Object};
use super::task::Task;
use crate::error::{Error, Problem, Result};
use crate::mask::rle::Rle;
use crate::store::pixels::PixelFile;
use crate::store::schema::{
    self, CLASSES, DATASET_KEY, GROUPS, IMAGES, LABELS, MASKS, PIXELS_FILE,
};
use crate::store::table::{INPUTS_KEY, Origin, TableSpec, column, read_table};

impl Dataset {
    /// Opens a data folder, for the conventional task.
    ///
    /// # Errors
    /// When the folder is incomplete, a table has another schema or version, the files were not made by one
    /// conversion (their hashes of the inputs differ), or rows of two tables contradict each other.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        open(dir.as_ref())
    }
}

fn open(dir: &Path) -> Result<Dataset> {
    let images_path = dir.join(schema::file_name(&IMAGES));
    if !images_path.is_file() {
        return Err(Error::layout(
            dir,
            "data folder",
            "no images.parquet",
            "a folder that data-prep has finished",
        ));
    }
    let (origin, images) = read_table(&images_path, &IMAGES)?;
    let folder = Folder {
        dir,
        name: required_key(&images_path, &origin, DATASET_KEY)?,
        inputs: required_key(&images_path, &origin, INPUTS_KEY)?,
    };

    let classes = folder.read_classes()?;
    let groups = folder.read_groups()?;
    let pixels_path = dir.join(PIXELS_FILE);
    let pixels = PixelFile::open(&pixels_path)?;
    folder.check_inputs(&pixels_path, pixels.inputs())?;
    let mut images = parse_images(&images_path, &images, &groups, pixels.len())?;
    let by_id: HashMap<String, usize> = images
        .iter()
        .enumerate()
        .map(|(index, image)| (image.image_id.clone(), index))
        .collect();
    if by_id.len() < images.len() {
        let found = duplicate(&images);
        return Err(Problem::new(&images_path, "image_id", found, "each id once").into());
    }
    // Labels first: each mask's class is looked up among them.
    folder.read_labels(&mut images, &by_id, classes.len())?;
    folder.read_masks(&mut images, &by_id, classes.len())?;
    Ok(Dataset {
        classes,
        groups,
        images,
        dir: dir.to_owned(),
        name: folder.name,
        inputs: folder.inputs,
        pixels,
        task: Task::Conventional,
    })
}

/// A folder's path, and the metadata that all its files must share.
struct Folder<'a> {
    dir: &'a Path,
    name: String,
    /// The hash of what the folder was made from: files of two conversions are not mixed.
    inputs: String,
}

impl Folder<'_> {
    /// Reads a table and checks that it belongs to the folder.
    fn read(&self, spec: &TableSpec) -> Result<(PathBuf, RecordBatch)> {
        let path = self.dir.join(schema::file_name(spec));
        let (origin, batch) = read_table(&path, spec)?;
        self.check_inputs(&path, origin.inputs())?;
        Ok((path, batch))
    }

    /// Refuses a file whose hash of the inputs (`found`) is not that of `images.parquet`.
    fn check_inputs(&self, path: &Path, found: Option<&str>) -> Result<()> {
        if found == Some(&self.inputs) {
            return Ok(());
        }
        let expected = format!("{} as in images.parquet", self.inputs);
        Err(Problem::new(path, INPUTS_KEY, found.unwrap_or("nothing"), expected).into())
    }

    fn read_classes(&self) -> Result<Vec<String>> {
        let (path, batch) = self.read(&CLASSES)?;
        let ids: &Int32Array = column(&batch, "class_id");
        let names: &StringArray = column(&batch, "class_name");
        for (row, &id) in ids.values().iter().enumerate() {
            if id as usize != row {
                let found = format!("{id} in row {row}");
                return Err(Problem::new(path, "class_id", found, "0, 1, 2, … in order").into());
            }
        }
        Ok(names.iter().flatten().map(str::to_owned).collect())
    }

    fn read_groups(&self) -> Result<Vec<(i32, String)>> {
        let (_, batch) = self.read(&GROUPS)?;
        let ids: &Int32Array = column(&batch, "group_id");
        let names: &StringArray = column(&batch, "group_name");
        Ok(ids
            .values()
            .iter()
            .zip(names.iter().flatten())
            .map(|(&id, name)| (id, name.to_owned()))
            .collect())
    }

    /// Adds the classes to the images.
    fn read_labels(
        &self,
        images: &mut [Image],
        by_id: &HashMap<String, usize>,
        n_classes: usize,
    ) -> Result<()> {
        let (path, batch) = self.read(&LABELS)?;
        let keys = Keys::new(&path, &batch, by_id, n_classes);
        for row in 0..batch.num_rows() {
            let (index, class_id) = keys.get(row)?;
            images[index].labels.push(class_id);
        }
        for image in images {
            image.labels.sort_unstable();
            image.labels.dedup();
        }
        Ok(())
    }

    /// Adds the annotated objects to the images.
    fn read_masks(
        &self,
        images: &mut [Image],
        by_id: &HashMap<String, usize>,
        n_classes: usize,
    ) -> Result<()> {
        let (path, batch) = self.read(&MASKS)?;
        let keys = Keys::new(&path, &batch, by_id, n_classes);
        let instance_ids: &Int64Array = column(&batch, "instance_id");
        let corners = ["xmin", "ymin", "xmax", "ymax"]
            .map(|name| column::<Float64Array>(&batch, name).values());
        let is_difficult: &BooleanArray = column(&batch, "is_difficult");
        let is_crowd: &BooleanArray = column(&batch, "is_crowd");
        let areas: &Float64Array = column(&batch, "area");
        let rle_heights: &Int32Array = column(&batch, "rle_height");
        let rle_widths: &Int32Array = column(&batch, "rle_width");
        let rle_counts: &BinaryArray = column(&batch, "rle_counts");
        for row in 0..batch.num_rows() {
            let (index, class_id) = keys.get(row)?;
            let image = &mut images[index];
            if image.labels.binary_search(&class_id).is_err() {
                let found = format!("class {class_id} on image {}", image.image_id);
                return Err(Problem::new(path, "class_id", found, "a label of the image").into());
            }
            let bbox = corners.map(|values| values[row]);
            if bbox.iter().any(|value| !value.is_finite()) {
                let found = format!("{bbox:?} on image {}", image.image_id);
                return Err(Problem::new(path, "box", found, "finite numbers").into());
            }
            let segmentation = if rle_counts.is_null(row) {
                None
            } else {
                let size = [rle_heights, rle_widths]
                    .map(|sizes| sizes.is_valid(row).then(|| sizes.value(row)));
                Some(parse_rle(&path, image, size, rle_counts.value(row))?)
            };
            image.objects.push(Object {
                instance_id: instance_ids.value(row),
                class_id,
                bbox,
                is_difficult: is_difficult.value(row),
                is_crowd: is_crowd.value(row),
                area: areas.is_valid(row).then(|| areas.value(row)),
                segmentation,
            });
        }
        Ok(())
    }
}

/// Looks up image and class of a table's rows: both must exist.
struct Keys<'a> {
    path: &'a Path,
    image_ids: &'a StringArray,
    class_ids: &'a Int32Array,
    by_id: &'a HashMap<String, usize>,
    n_classes: usize,
}

impl<'a> Keys<'a> {
    fn new(
        path: &'a Path,
        batch: &'a RecordBatch,
        by_id: &'a HashMap<String, usize>,
        n_classes: usize,
    ) -> Self {
        Self {
            path,
            image_ids: column(batch, "image_id"),
            class_ids: column(batch, "class_id"),
            by_id,
            n_classes,
        }
    }

    /// Returns (index of the image, class) of a row.
    fn get(&self, row: usize) -> Result<(usize, i32)> {
        let image_id = self.image_ids.value(row);
        let Some(&index) = self.by_id.get(image_id) else {
            let expected = "an image_id of images.parquet";
            return Err(Problem::new(self.path, "image_id", image_id, expected).into());
        };
        let class_id = self.class_ids.value(row);
        if class_id < 0 || class_id as usize >= self.n_classes {
            let found = format!("{class_id} on image {image_id}");
            let expected = format!("0 to {}, as in classes.parquet", self.n_classes as i64 - 1);
            return Err(Problem::new(self.path, "class_id", found, expected).into());
        }
        Ok((index, class_id))
    }
}

/// Makes images of the rows of `images.parquet`; the pixel file has `n_rows` rows.
fn parse_images(
    path: &Path,
    batch: &RecordBatch,
    groups: &[(i32, String)],
    n_rows: usize,
) -> Result<Vec<Image>> {
    let image_ids: &StringArray = column(batch, "image_id");
    let file_names: &StringArray = column(batch, "file_name");
    let splits: &StringArray = column(batch, "split");
    let widths: &Int32Array = column(batch, "width");
    let heights: &Int32Array = column(batch, "height");
    let group_ids: &Int32Array = column(batch, "group_id");
    let pixel_rows: &Int64Array = column(batch, "pixel_row");
    let mut images = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        let image_id = image_ids.value(row);
        let wrong = |field: &str, found: String, expected: &str| {
            let found = format!("{found} on image {image_id}");
            Error::from(Problem::new(path, field, found, expected))
        };
        let split = splits
            .value(row)
            .parse()
            .map_err(|_| wrong("split", splits.value(row).to_owned(), "train, val or test"))?;
        let positive = |field: &str, value: i32| {
            u32::try_from(value)
                .ok()
                .filter(|&value| value > 0)
                .ok_or_else(|| wrong(field, value.to_string(), "a positive number of pixels"))
        };
        let pixel_row = usize::try_from(pixel_rows.value(row))
            .ok()
            .filter(|&pixel_row| pixel_row < n_rows)
            .ok_or_else(|| {
                let expected = format!("a row of {PIXELS_FILE}, which has {n_rows}");
                wrong("pixel_row", pixel_rows.value(row).to_string(), &expected)
            })?;
        let group_id = group_ids.is_valid(row).then(|| group_ids.value(row));
        if let Some(group_id) = group_id.filter(|id| groups.iter().all(|group| group.0 != *id)) {
            let expected = "a group_id of groups.parquet";
            return Err(wrong("group_id", group_id.to_string(), expected));
        }
        images.push(Image {
            image_id: image_id.to_owned(),
            file_name: file_names.value(row).to_owned(),
            split,
            width: positive("width", widths.value(row))?,
            height: positive("height", heights.value(row))?,
            group_id,
            pixel_row,
            labels: Vec::new(),
            objects: Vec::new(),
        });
    }
    Ok(images)
}

/// Reads a segmentation, which must have the image's size.
fn parse_rle(path: &Path, image: &Image, size: [Option<i32>; 2], counts: &[u8]) -> Result<Rle> {
    let [Some(height), Some(width)] = size else {
        let found = format!("null on image {}", image.image_id);
        return Err(Problem::new(path, "rle_width, rle_height", found, "a size").into());
    };
    if (width as u32, height as u32) != (image.width, image.height) {
        let found = format!("{width}×{height} on image {}", image.image_id);
        let expected = format!("the image's {}×{}", image.width, image.height);
        return Err(Problem::new(path, "rle_width, rle_height", found, expected).into());
    }
    Rle::from_compressed(image.height, image.width, counts).map_err(|error| {
        error
            .at(path, format!("rle_counts of image {}", image.image_id))
            .into()
    })
}

/// Returns a value of a table's metadata, which must have it.
fn required_key(path: &Path, origin: &Origin, key: &str) -> Result<String> {
    match origin.get(key) {
        Some(value) => Ok(value.to_owned()),
        None => Err(Problem::new(path, key, "nothing", "a value in the metadata").into()),
    }
}

/// Returns words for the image id that occurs twice.
fn duplicate(images: &[Image]) -> String {
    let mut seen = HashSet::new();
    images
        .iter()
        .find(|image| !seen.insert(&image.image_id))
        .map_or(String::new(), |image| format!("{} twice", image.image_id))
}
