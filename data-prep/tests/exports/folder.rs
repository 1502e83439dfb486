//! Helps the tests of this folder: a temporary folder of plain gray images and annotations, the program run on
//! it, and the data folder that it makes.

use std::path::PathBuf;
use std::process::Command;

use data_prep::dataset::{Dataset, Image, Split};
use data_prep::schema::SKIPPED;
use data_prep::table::{column, read_table};

/// What the program printed and how it ended.
#[derive(Debug)]
#[must_use]
pub struct Said {
    pub code: i32,
    pub text: String,
}

impl Said {
    /// Checks the exit code, and that each of `parts` was said.
    #[track_caller]
    pub fn check(&self, code: i32, parts: &[&str]) {
        assert_eq!(self.code, code, "{}", self.text);
        for part in parts {
            assert!(self.text.contains(part), "{}\nlacks {part}", self.text);
        }
    }
}

/// A temporary folder with the source in `source` and the data folder in `data`.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A folder with these text files.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs_err::create_dir_all(folder.root()).unwrap();
        for (path, text) in files {
            folder.write(path, text);
        }
        folder
    }

    pub fn root(&self) -> PathBuf {
        self.0.path().join("source")
    }

    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, bytes).unwrap();
    }

    /// Writes a gray JPEG of 40 × 20 pixels.
    pub fn image(&self, path: &str) {
        self.write(path, jpeg(40, 20));
    }

    /// Writes several such images.
    pub fn images(&self, paths: &[&str]) {
        for path in paths {
            self.image(path);
        }
    }

    /// Writes a gray PNG of 40 × 20 pixels: 1 where `inside(x, y)`, else 0.
    pub fn mask(&self, path: &str, inside: impl Fn(u32, u32) -> bool) {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 40, 20);
        encoder.set_color(png::ColorType::Grayscale);
        let pixels: Vec<u8> = (0..800)
            .map(|at| u8::from(inside(at % 40, at / 40)))
            .collect();
        encoder
            .write_header()
            .unwrap()
            .write_image_data(&pixels)
            .unwrap();
        self.write(path, bytes);
    }

    /// Runs a command of data-prep in the source folder, with pixels of 20 × 20. `{}` in its arguments stands for
    /// that folder.
    pub fn run(&self, arguments: &[&str]) -> Said {
        let root = self.root().display().to_string();
        let output = Command::new(env!("CARGO_BIN_EXE_data-prep"))
            .current_dir(self.root())
            .args(
                arguments
                    .iter()
                    .map(|argument| argument.replace("{}", &root)),
            )
            .args(["--size", "20", "--threads", "2", "--overwrite", "--out"])
            .arg(self.0.path().join("data"))
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap(),
            text: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs `data-prep yolo` on the folder.
    pub fn yolo(&self, more: &[&str]) -> Said {
        self.run(&[&["yolo", "--root", "{}"], more].concat())
    }

    /// Runs `data-prep read` on the folder.
    pub fn read(&self, more: &[&str]) -> Said {
        self.run(&[&["read", "{}"], more].concat())
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub fn open(&self) -> Dataset {
        Dataset::open(self.data()).unwrap()
    }

    /// The column `found` of `skipped.parquet`, which lists what was left out, and faults that cost nothing.
    pub fn skipped(&self) -> Vec<String> {
        let path = self.0.path().join("data/skipped.parquet");
        let (_, batch) = read_table(path, &SKIPPED).unwrap();
        let cells = column::<arrow::array::StringArray>(&batch, "found");
        cells.iter().map(|cell| cell.unwrap().to_owned()).collect()
    }
}

/// A gray JPEG.
pub fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pixels = vec![80; usize::from(width) * usize::from(height) * 3];
    jpeg_encoder::Encoder::new(&mut bytes, 90)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}

/// The ids of a split's images.
pub fn ids(dataset: &Dataset, split: Split) -> Vec<&str> {
    let images = dataset.images.iter().filter(|image| image.split == split);
    images.map(|image| &*image.image_id).collect()
}

pub fn by_id<'a>(dataset: &'a Dataset, image_id: &str) -> &'a Image {
    dataset
        .images
        .iter()
        .find(|image| image.image_id == image_id)
        .unwrap()
}
