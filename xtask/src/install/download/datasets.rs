//! Describes the data sets as they are published: the archives with their addresses and checksums, and what a
//! complete folder must have (SPEC sections C.1 and C.2).

use std::path::Path;

use super::archive::Format;

/// A data set; its parts are downloaded one after the other.
#[derive(Debug, Clone)]
pub(super) struct Dataset {
    pub(super) name: &'static str,
    pub(super) parts: Vec<Part>,
    /// The command to use it with, which is printed at the end; {} stands for the folder.
    pub(super) next: &'static str,
}

/// A folder of the data set, and the archives that together make it.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// The folder's path relative to the output folder; the archives' entries begin with the same path.
    pub(super) folder: &'static str,
    pub(super) archives: Vec<Archive>,
    /// What the complete folder must have.
    pub(super) contents: Contents,
    /// Files that are put into the folder besides.
    pub(super) shares: Option<Shares>,
}

/// One archive, at the address `address`/`file`.
#[derive(Debug, Clone)]
pub(super) struct Archive {
    pub(super) file: &'static str,
    /// The address without the file name.
    pub(super) address: &'static str,
    pub(super) md5: String,
    pub(super) format: Format,
    /// The size of the archive in bytes.
    pub(super) bytes: u64,
    /// About how many bytes it unpacks to; more than twice as many are refused.
    pub(super) unpacked: u64,
}

/// JSON files without a published checksum. Their addresses do not say which file is which; the server sends
/// the file's name in a header.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    /// The names of the files that are wanted.
    pub(super) files: Vec<&'static str>,
    /// Their addresses, in any order; others may be among them.
    pub(super) addresses: Vec<String>,
}

/// The contents of a complete folder.
#[derive(Debug, Clone)]
pub(super) enum Contents {
    /// These files.
    Files(&'static [&'static str]),
    /// This number of JPEG files.
    Images(usize),
    /// A year of the VOC devkit: these image sets, each with its number of ids, and for every id an
    /// annotation and an image.
    Voc(&'static [(&'static str, usize)]),
}

impl Contents {
    /// The first thing that `folder` lacks, as "what: found …, expected …"; None where it is complete.
    pub(super) fn lacks(&self, folder: &Path) -> Option<String> {
        match self {
            Contents::Files(files) => files
                .iter()
                .find(|file| !folder.join(file).is_file())
                .map(|file| format!("{file}: found none, expected the file")),
            Contents::Images(expected) => {
                let entries = folder.read_dir().into_iter().flatten().flatten();
                let found = entries
                    .filter(|e| e.path().extension() == Some("jpg".as_ref()))
                    .count();
                (found != *expected).then(|| format!("images: found {found}, expected {expected}"))
            }
            Contents::Voc(sets) => sets.iter().find_map(|(set, n)| voc_lacks(folder, set, *n)),
        }
    }
}

/// The first thing that `folder` lacks of the image set `set` of VOC, which must have `expected` ids.
fn voc_lacks(folder: &Path, set: &str, expected: usize) -> Option<String> {
    let list = format!("ImageSets/Main/{set}.txt");
    let text = std::fs::read_to_string(folder.join(&list)).unwrap_or_default();
    let ids: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if ids.len() != expected {
        return Some(format!(
            "{list}: found {} ids, expected {expected}",
            ids.len()
        ));
    }
    let files = ids.iter().flat_map(|id| {
        [
            format!("Annotations/{id}.xml"),
            format!("JPEGImages/{id}.jpg"),
        ]
    });
    files
        .into_iter()
        .find(|file| !folder.join(file).is_file())
        .map(|file| format!("{file}: found none, expected the file ({set})"))
}

/// PASCAL VOC 2007: train 2,501, val 2,510, test 4,952 images.
pub(super) fn voc2007() -> Dataset {
    let archive = |file, md5: &str, bytes| Archive {
        file,
        address: "http://host.robots.ox.ac.uk/pascal/VOC/voc2007",
        md5: md5.to_owned(),
        format: Format::Tar,
        bytes,
        unpacked: bytes,
    };
    Dataset {
        name: "voc2007",
        parts: vec![Part {
            folder: "VOCdevkit/VOC2007",
            archives: vec![
                archive(
                    "VOCtrainval_06-Nov-2007.tar",
                    "c52e279531787c972589f7e41ab4ae64",
                    460_032_000,
                ),
                archive(
                    "VOCtest_06-Nov-2007.tar",
                    "b6e924de25625d8de591ea690078ad9f",
                    451_020_800,
                ),
            ],
            contents: Contents::Voc(&[("train", 2501), ("val", 2510), ("test", 4952)]),
            shares: None,
        }],
        next: "cargo xtask reproduce --recipe voc2007-lite --data {}/VOCdevkit",
    }
}

/// MS COCO 2014. Its train2014 has 82,783 images, which two files of NN-Explainer's authors split into train
/// and val. The test set is val2014, 40,504 images.
pub(super) fn coco2014() -> Dataset {
    let images = |folder, file, md5: &str, bytes, n_images| Part {
        folder,
        archives: vec![Archive {
            file,
            address: "http://images.cocodataset.org/zips",
            md5: md5.to_owned(),
            format: Format::Zip,
            bytes,
            unpacked: bytes,
        }],
        contents: Contents::Images(n_images),
        shares: None,
    };
    let annotations = Part {
        folder: "annotations",
        archives: vec![Archive {
            file: "annotations_trainval2014.zip",
            address: "http://images.cocodataset.org/annotations",
            md5: "0a379cfc70b0e71301e0f377548639bd".to_owned(),
            format: Format::Zip,
            bytes: 252_872_794,
            unpacked: 900_000_000,
        }],
        contents: Contents::Files(&["instances_train2014.json", "instances_val2014.json"]),
        shares: Some(Shares {
            files: vec!["train2014_train_split.json", "train2014_val_split.json"],
            addresses: SHARES
                .map(|id| format!("https://polybox.ethz.ch/index.php/s/{id}/download"))
                .to_vec(),
        }),
    };
    Dataset {
        name: "coco2014",
        parts: vec![
            images(
                "train2014",
                "train2014.zip",
                "0da8c0bd3d6becc4dcb32757491aca88",
                13_510_573_713,
                82_783,
            ),
            images(
                "val2014",
                "val2014.zip",
                "a3d79f5ed8d289b7a7554ce06a5782b3",
                6_645_013_297,
                40_504,
            ),
            annotations,
        ],
        next: "data-prep coco --root {} --out DIR",
    }
}

/// The ids of the addresses of the three files that NN-Explainer's authors share: the train and the val
/// split, and a copy of the official instances_val2014.json.
const SHARES: [&str; 3] = ["a7x8TgZFE3R1vcY", "Qu4238P6BJp6LBi", "sfrdSn6pBamlDGf"];
