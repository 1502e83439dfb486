//! Reads the configuration of a YOLO export (a folder of images and label files), that is its classes and where the
//! images of each split are: from `data.yaml` (Ultralytics, Roboflow), or else from the list of class names and
//! `obj.data` of darknet, CVAT and LabelImg.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::error::{Error, Problem, Result};
use crate::source::credit::{Credit, line, link};
use crate::source::files::Files;
use crate::source::split::Split;
use crate::source::yaml::{self, Value};
use crate::words::listed;

/// The most bytes of a YAML file that is read: 16 MiB, chosen.
const LARGEST: u64 = 16 << 20;

/// The files of class names, in the order in which they are looked for.
const NAMES_FILES: [&str; 4] = [
    "obj.names",
    "classes.txt",
    "_darknet.labels",
    "predefined_classes.txt",
];

/// The configuration of an export.
#[derive(Debug)]
pub(super) struct Config {
    /// The file that has the class names.
    pub path: PathBuf,
    /// Class names; the index is the class id in our tables.
    pub classes: Vec<String>,
    /// The class id in our tables for each class number in label files. Numbers may have gaps and names repeat.
    pub class_of: BTreeMap<i64, i32>,
    /// The folders that paths may be relative to, in the order in which they are tried.
    pub bases: Vec<PathBuf>,
    /// Where the images of each split are; empty where the configuration does not say it.
    pub splits: Vec<Declared>,
    /// How many numbers of keypoints follow the box in a line of a label file: the product of Ultralytics' `kpt_shape`
    /// (points × numbers per point); `None` without keypoints.
    pub keypoints: Option<usize>,
    /// Title, address and licence, which Roboflow's exports have.
    pub credit: Credit,
    /// Notes for the user.
    pub notes: Vec<String>,
    /// The files read, as a name for the hash and the content.
    pub inputs: Vec<(String, Vec<u8>)>,
}

/// Where the images of a split are, as the configuration says.
#[derive(Debug)]
pub(super) struct Declared {
    pub split: Split,
    /// The file that says so, and the key in it.
    pub file: PathBuf,
    pub key: String,
    /// Folders of images, or text files that list images, as written.
    pub places: Vec<String>,
}

impl Config {
    /// Reads the configuration of the export at `root`, its folder or its YAML file; `None` where there is none.
    ///
    /// # Errors
    /// When there are several, or the one found is broken.
    pub(super) fn find(root: &Path) -> Result<Option<Self>> {
        if root.is_file() {
            return Self::of_yaml(root).map(Some);
        }
        let yaml = root.join("data.yaml");
        if yaml.is_file() {
            return Self::of_yaml(&yaml).map(Some);
        }
        let mut with_names: Vec<PathBuf> = Vec::new();
        for entry in fs_err::read_dir(root)? {
            let path = entry?.path();
            let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
            let is_yaml = (extension == "yaml" || extension == "yml") && path.is_file();
            if is_yaml && read(&path).is_ok_and(|value| value.get("names").is_some()) {
                with_names.push(path);
            }
        }
        with_names.sort();
        match with_names.as_slice() {
            [] => Self::of_names(root),
            [yaml] => Self::of_yaml(yaml).map(Some),
            several => {
                let name =
                    |path: &PathBuf| path.file_name().unwrap_or_default().display().to_string();
                let found = several.iter().map(name).collect::<Vec<_>>().join(", ");
                Err(Error::layout(
                    root,
                    "*.yaml with names",
                    found,
                    "one; give it as --root",
                ))
            }
        }
    }

    /// Reads `data.yaml` or a YAML file like it.
    fn of_yaml(path: &Path) -> Result<Self> {
        let value = read(path)?; // refuses a large file before it is read as a whole
        let bytes = fs_err::read(path)?;
        let (numbers, names) = numbered_names(path, &value)?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        let mut bases = Vec::new();
        if let Some(base) = value.get("path").and_then(Value::text) {
            bases.push(folder.join(base)); // an absolute one replaces the folder
        }
        bases.push(folder);
        let mut splits = Vec::new();
        for key in ["train", "val", "valid", "validation", "test"] {
            let Some(at) = value.get(key) else {
                continue;
            };
            if matches!(at, Value::Text(_)) && at.text().is_none() {
                continue; // null
            }
            let places = at.texts().ok_or_else(|| {
                Problem::new(
                    path,
                    key,
                    "something else",
                    "a folder, a list of folders, or a .txt",
                )
            })?;
            let split = Split::named_in(key).unwrap_or(Split::Train);
            splits.push(Declared {
                split,
                file: path.to_owned(),
                key: key.to_owned(),
                places,
            });
        }
        let keypoints = value
            .get("kpt_shape")
            .and_then(Value::texts)
            .and_then(|shape| {
                let shape: Option<Vec<usize>> = shape.iter().map(|n| n.parse().ok()).collect();
                Some(shape?.into_iter().fold(1_usize, usize::saturating_mul))
            });
        let mut config = Self {
            splits,
            keypoints,
            credit: of_roboflow(&value),
            ..Self::new(path, bases, numbers, names)
        };
        config.inputs.push(("data.yaml".to_owned(), bytes));
        Ok(config)
    }

    /// Reads an export without a YAML file: a list of class names, one per line, and the splits from `obj.data` or from
    /// text files in `root` that are named for splits and list images. `None` without a list of class names.
    fn of_names(root: &Path) -> Result<Option<Self>> {
        let files = Files::below(root)?;
        let named = |wanted: &str| {
            let mut found: Vec<&Path> = files
                .all()
                .filter(|path| {
                    path.file_name()
                        .is_some_and(|name| name.eq_ignore_ascii_case(wanted))
                })
                .collect();
            found.sort_by_key(|path| path.components().count());
            found.first().map(|path| path.to_path_buf())
        };
        let data = files
            .with_extension("data")
            .find(|path| path.parent() == Some(root));
        let names = NAMES_FILES.iter().find_map(|name| named(name));
        let Some(path) = names.or_else(|| files.with_extension("names").next().map(Path::to_owned))
        else {
            return Ok(None);
        };
        let text = fs_err::read_to_string(&path)?;
        let names: Vec<String> = text
            .trim_start_matches('\u{feff}')
            .lines()
            .map(|line| line.trim().to_owned())
            .collect();
        // The class number is the line number, so blank lines count, as in darknet; those at the end do not.
        let count = names
            .iter()
            .rposition(|name| !name.is_empty())
            .map_or(0, |last| last + 1);
        if count == 0 {
            return Err(
                Problem::new(&path, "names", "nothing", "a class name on each line").into(),
            );
        }
        let numbered: Vec<(i64, String)> = (0..)
            .zip(names)
            .take(count)
            .filter(|(_, name)| !name.is_empty())
            .collect();
        let (numbers, names) = numbered.into_iter().unzip();
        let mut config = Self::new(&path, vec![root.to_owned()], numbers, names);
        config.inputs.push(("names".to_owned(), text.into_bytes()));
        match data {
            Some(data) => {
                let text = fs_err::read_to_string(data)?;
                for (key, place) in text.lines().filter_map(|line| line.split_once('=')) {
                    if let Some(split) = Split::named_in(key.trim()) {
                        let (key, places) = (key.trim().to_owned(), vec![place.trim().to_owned()]);
                        config.splits.push(Declared {
                            split,
                            file: data.to_owned(),
                            key,
                            places,
                        });
                    }
                }
                config
                    .inputs
                    .push(("obj.data".to_owned(), text.into_bytes()));
            }
            None => {
                let lists = files
                    .with_extension("txt")
                    .filter(|path| path.parent() == Some(root));
                for list in lists {
                    let stem = list.file_stem().unwrap_or_default().to_string_lossy();
                    if let Some(split) = Split::named_in(&stem) {
                        let (key, places) = (stem.into_owned(), vec![list.display().to_string()]);
                        config.splits.push(Declared {
                            split,
                            file: list.to_owned(),
                            key,
                            places,
                        });
                    }
                }
            }
        }
        Ok(Some(config))
    }

    /// Makes a configuration with classes from class numbers and their names; numbers with the same name are one class.
    fn new(path: &Path, bases: Vec<PathBuf>, numbers: Vec<i64>, names: Vec<String>) -> Self {
        let (mut classes, mut class_of) = (Vec::new(), BTreeMap::new());
        let mut twice: Vec<String> = Vec::new();
        // For each name the class id, and whether `twice` already has the name.
        let mut known: HashMap<String, (i32, bool)> = HashMap::new();
        for (number, name) in numbers.into_iter().zip(names) {
            if let Some((class_id, is_listed)) = known.get_mut(&name) {
                class_of.insert(number, *class_id);
                if !std::mem::replace(is_listed, true) {
                    twice.push(name);
                }
            } else {
                let class_id = classes.len() as i32;
                class_of.insert(number, class_id);
                known.insert(name.clone(), (class_id, false));
                classes.push(name);
            }
        }
        let twice: Vec<&str> = twice.iter().map(String::as_str).collect();
        let notes = match twice.as_slice() {
            [] => Vec::new(),
            twice => vec![format!(
                "classes of the same name are one class: {}",
                listed(twice)
            )],
        };
        Self {
            path: path.to_owned(),
            classes,
            class_of,
            bases,
            splits: Vec::new(),
            keypoints: None,
            credit: Credit::default(),
            notes,
            inputs: Vec::new(),
        }
    }
}

/// Reads the block `roboflow` of `data.yaml`: the project's name and address, and the licence.
fn of_roboflow(value: &Value) -> Credit {
    let text = |key| {
        value
            .get("roboflow")
            .and_then(|block| block.get(key)?.text())
    };
    Credit {
        title: text("project").and_then(line),
        url: text("url").and_then(link),
        license: text("license").and_then(line),
        ..Credit::default()
    }
}

/// Reads a YAML file of at most [`LARGEST`] bytes.
fn read(path: &Path) -> Result<Value> {
    let size = fs_err::metadata(path)?.len();
    if size > LARGEST {
        return Err(
            Problem::new(path, "file", format!("{size} bytes"), "a small YAML file").into(),
        );
    }
    let text = String::from_utf8(fs_err::read(path)?)
        .map_err(|error| Problem::new(path, "file", error.to_string(), "UTF-8"))?;
    Ok(yaml::parse(path, &text)?)
}

/// Returns the numbers of the classes, ascending, and their names. Without `names` the `nc` classes (the key for the
/// number of classes) are called `class_0`, `class_1`, …, as Ultralytics calls them.
fn numbered_names(path: &Path, value: &Value) -> Result<(Vec<i64>, Vec<String>), Problem> {
    let expected = "a list of class names, or a map of numbers to names";
    let nc = value.get("nc").and_then(Value::text);
    let count = nc
        .map(|nc| {
            nc.parse::<usize>()
                .map_err(|_| Problem::new(path, "nc", nc, "the number of classes"))
        })
        .transpose()?;
    let mut numbered: Vec<(i64, String)> = match (value.get("names"), count) {
        // The bound was chosen, so that a wrong `nc` cannot fill memory.
        (None, Some(count)) if count <= 100_000 => (0..count as i64)
            .map(|at| (at, format!("class_{at}")))
            .collect(),
        (None, _) => return Err(Problem::new(path, "names", "nothing", expected)),
        (Some(Value::List(names)), _) => (0..)
            .zip(names)
            .map(|(number, name)| Ok((number, named(path, number, name)?)))
            .collect::<Result<_, Problem>>()?,
        (Some(Value::Map(names)), _) => names
            .iter()
            .map(|(number, name)| {
                let number = number.parse().map_err(|_| {
                    Problem::new(path, "names", number, "a class number before the colon")
                })?;
                Ok((number, named(path, number, name)?))
            })
            .collect::<Result<_, Problem>>()?,
        (Some(Value::Text(text)), _) => return Err(Problem::new(path, "names", text, expected)),
    };
    numbered.sort_by_key(|(number, _)| *number);
    if numbered.is_empty() {
        return Err(Problem::new(path, "names", "no name", expected));
    }
    if let Some(count) = count.filter(|count| {
        *count != numbered.len() && *count as i64 != highest(&numbered).saturating_add(1)
    }) {
        let expected = format!("{}, the number of names", numbered.len());
        return Err(Problem::new(path, "nc", count.to_string(), expected));
    }
    Ok(numbered.into_iter().unzip())
}

/// The highest class number, −1 without classes. In a map with gaps `nc` may be this number plus one.
fn highest(numbered: &[(i64, String)]) -> i64 {
    numbered.last().map_or(-1, |(number, _)| *number)
}

/// Returns a class's name, which must be a text that is not empty.
fn named(path: &Path, number: i64, name: &Value) -> Result<String, Problem> {
    match name {
        Value::Text(name) if !name.trim().is_empty() => Ok(name.trim().to_owned()),
        _ => Err(Problem::new(
            path,
            format!("names, class {number}"),
            "no text",
            "a class name",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// There are so many names that comparing each with every other would take minutes.
    #[test]
    fn names_that_are_there_several_times_are_one_class_and_listed_once() {
        let n = 200_000;
        let names = (0..3 * n).map(|at| format!("class {}", at % n)).collect();
        let numbers = (0..3 * n).collect();
        let config = Config::new(Path::new("a.yaml"), Vec::new(), numbers, names);
        assert_eq!(config.classes.len(), n as usize);
        assert_eq!(config.class_of[&(2 * n + 7)], 7);
        assert_eq!(config.notes.len(), 1);
        assert_eq!(config.notes[0].matches(" class 7,").count(), 1);
        let more = "class 19 and 199980 more";
        assert!(config.notes[0].ends_with(more), "{}", config.notes[0]);
    }

    /// `nc` may be the highest class number plus one. For the largest i64 that sum must not overflow.
    #[test]
    fn the_highest_class_number_is_none_to_count_up_to() {
        let text = "nc: 3\nnames: {0: cat, 9223372036854775807: dog}\n";
        let value = yaml::parse(Path::new("a.yaml"), text).unwrap();
        let problem = numbered_names(Path::new("a.yaml"), &value).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "a.yaml: nc: found 3, expected 2, the number of names"
        );
    }
}
