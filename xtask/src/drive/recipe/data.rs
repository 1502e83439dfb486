//! Defines the table `[data]` of a recipe: which images, at which size, for which task.
//!
//! A recipe names a published data set (`dataset = "voc2007"`), or is for own data: then `root` or `--data`
//! is a folder in any format that `data-prep read` recognises, or one that data-prep has made already
//! (`format = "prepared"`).

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::fault::{first, from_0, whole, wrong};

/// The task that every data set has.
pub(super) const CONVENTIONAL: &str = "conventional";
/// The task of Waterbirds that asks for the background instead of the bird.
pub(super) const REVERSED: &str = "reversed";
/// The format of a folder that data-prep has made already.
pub(crate) const PREPARED: &str = "prepared";

/// The keys for own data, none of which may stand beside `dataset`.
pub(super) const OWN_KEYS: [&str; 10] = [
    "name", "format", "root", "split", "split_by", "stratify", "groups", "exif", "on_error",
    "images",
];

/// The images, their size, and the tasks.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Data {
    /// A published data set by the name that data-prep knows (`data-prep vocabulary`); absent: own data.
    dataset: Option<String>,
    /// Own data: its name in tables and reports; absent: the folder's.
    name: Option<String>,
    /// Own data: a format that data-prep knows, or [`PREPARED`]; absent: data-prep recognises it.
    pub(crate) format: Option<String>,
    /// Own data: its folder, which `--data` replaces.
    pub(crate) root: Option<PathBuf>,
    /// Own data: options of `data-prep read` of the same names.
    split: Option<String>,
    split_by: Option<String>,
    #[serde(default)]
    stratify: bool,
    groups: Option<PathBuf>,
    exif: Option<String>,
    on_error: Option<String>,
    /// Own data: how many images there are, for expected times; `reproduce` counts them.
    images: Option<Counts>,
    /// Height and width of the network's input.
    pub(crate) size: u32,
    /// The most images of each split.
    #[serde(default)]
    pub(crate) limit: Limit,
    /// The tasks, in the trainer's spelling. With both, the reversed baseline is the conventional one,
    /// scored again.
    #[serde(default = "conventional")]
    pub(super) task: Vec<String>,
    /// The augmentation of training images, in the trainer's spelling.
    #[serde(default = "unchanged")]
    pub(super) augmentation: String,
    /// The colour jitter of training images, after the augmentation; absent: none.
    pub(super) color_jitter: Option<ColorJitter>,
}

/// How strongly the colours of training images vary; absent: not at all. The values are torchvision's.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColorJitter {
    brightness: Option<f64>,
    contrast: Option<f64>,
    saturation: Option<f64>,
    /// In turns of the colour circle, 0.5 at most.
    hue: Option<f64>,
}

impl ColorJitter {
    fn fault(&self) -> Option<String> {
        let named = [
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("saturation", self.saturation),
            ("hue", self.hue),
        ];
        let field = |name: &str| format!("data.color_jitter.{name}");
        let fault = |(name, value): &(&str, Option<f64>)| match (*value)? {
            value if *name == "hue" && !(0.0..=0.5).contains(&value) => {
                wrong(&field(name), value, "0 to 0.5")
            }
            value => from_0(&field(name), value),
        };
        named.iter().find_map(fault).or_else(|| {
            let is_on = |(_, value): &(&str, Option<f64>)| value.is_some_and(|value| value > 0.0);
            match named.iter().any(is_on) {
                true => None,
                false => wrong(
                    "data.color_jitter",
                    "nothing above 0",
                    "brightness, contrast, saturation or hue",
                ),
            }
        })
    }
}

/// How many images each split has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Counts {
    pub(crate) train: u32,
    pub(crate) val: u32,
    pub(crate) test: u32,
}

/// The most images of each split; absent: all.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limit {
    pub(crate) train: Option<u32>,
    pub(crate) val: Option<u32>,
    pub(crate) test: Option<u32>,
}

impl Limit {
    /// The name and limit of each split that has a limit.
    pub(crate) fn splits(&self) -> impl Iterator<Item = (&'static str, u32)> + '_ {
        let named = [
            ("train", self.train),
            ("val", self.val),
            ("test", self.test),
        ];
        named
            .into_iter()
            .filter_map(|(split, limit)| Some((split, limit?)))
    }
}

impl Data {
    /// The name of a published data set; None for own data.
    pub(crate) fn published(&self) -> Option<&str> {
        self.dataset.as_deref()
    }

    /// Its name for people and folders.
    pub(crate) fn name(&self) -> &str {
        let own = self.name.as_deref().unwrap_or("own");
        self.published().unwrap_or(own)
    }

    /// Whether it is the synthetic data set, which data-prep draws itself, so that it has no source folder.
    pub(crate) fn is_embedded(&self) -> bool {
        self.name() == "scenes"
    }

    /// Whether its folder is one that data-prep has made already.
    pub(crate) fn is_prepared(&self) -> bool {
        self.format.as_deref() == Some(PREPARED)
    }

    /// The name of its folder in `--data`, where a recipe needs several data sets.
    pub(crate) fn folder(&self) -> &str {
        match self.name() {
            "voc2007" => "VOCdevkit",
            name => name,
        }
    }

    /// The number of images of train, val and test, without limits; a guess for own data that nobody has
    /// counted.
    pub(crate) fn n_images(&self) -> [u32; 3] {
        match (self.images, self.published()) {
            (Some(Counts { train, val, test }), _) => [train, val, test],
            (None, Some("scenes")) => [1000, 250, 600],
            // A tenth of train2014's 82,783 images is for validation; val2014 is the test set.
            (None, Some("coco2014")) => [74_505, 8278, 40_504],
            // Validation keeps only the two groups that occur in training (SPEC C.4).
            (None, Some("waterbirds-100")) => [4795, 600, 5794],
            // VOC 2007; the guess for own data.
            (None, _) => [2501, 2510, 4952],
        }
    }

    /// The arguments with which `data-prep read` reads own data, but for its folder.
    pub(crate) fn read_arguments(&self) -> Vec<String> {
        let mut arguments = Vec::new();
        let groups = self.groups.as_ref().map(|path| path.display().to_string());
        for (flag, value) in [
            ("--name", self.name.as_ref()),
            (
                "--format",
                self.format.as_ref().filter(|_| !self.is_prepared()),
            ),
            ("--split", self.split.as_ref()),
            ("--split-by", self.split_by.as_ref()),
            ("--groups", groups.as_ref()),
            ("--exif", self.exif.as_ref()),
            ("--on-error", self.on_error.as_ref()),
        ] {
            if let Some(value) = value {
                arguments.extend([flag.to_owned(), value.clone()]);
            }
        }
        if self.stratify {
            arguments.push("--stratify".to_owned());
        }
        arguments
    }

    /// Whether both need the same folder of prepared data.
    pub(super) fn is_same_folder(&self, other: &Data) -> bool {
        let without = |data: &Data| Data {
            task: Vec::new(),
            augmentation: String::new(),
            color_jitter: None,
            ..data.clone()
        };
        without(self) == without(other)
    }

    /// The first fault that needs no knowledge of the stages' names.
    pub(super) fn fault(&self) -> Option<String> {
        let limits = self.limit.splits();
        first([
            self.own_fault(),
            whole("data.size", self.size),
            limits
                .filter_map(|(split, limit)| whole(&format!("data.limit.{split}"), limit))
                .next(),
            self.task_fault(),
            self.color_jitter.as_ref().and_then(ColorJitter::fault),
        ])
    }

    /// The fault of a key for own data beside `dataset`.
    fn own_fault(&self) -> Option<String> {
        let dataset = self.dataset.as_ref()?;
        let is_there = [
            self.name.is_some(),
            self.format.is_some(),
            self.root.is_some(),
            self.split.is_some(),
            self.split_by.is_some(),
            self.stratify,
            self.groups.is_some(),
            self.exif.is_some(),
            self.on_error.is_some(),
            self.images.is_some(),
        ];
        let mut keys = OWN_KEYS.into_iter().zip(is_there);
        let (key, _) = keys.find(|(_, is_there)| *is_there)?;
        let found = format!("it beside dataset = {dataset:?}");
        let expected = "it for own data alone, which has no dataset";
        wrong(&format!("data.{key}"), found, expected)
    }

    /// The fault of the reversed task, which needs Waterbirds.
    fn task_fault(&self) -> Option<String> {
        let is_reversed = self.task.iter().any(|task| task == REVERSED);
        if is_reversed && self.name() != "waterbirds-100" {
            let found = format!("{} for {}", self.task.join(", "), self.name());
            return wrong("data.task", found, "conventional, or waterbirds-100");
        }
        None
    }
}

/// Default of `data.task`.
fn conventional() -> Vec<String> {
    vec![CONVENTIONAL.to_owned()]
}

/// Default of `data.augmentation`.
fn unchanged() -> String {
    "none".to_owned()
}
