//! Helps the tests of this folder: devkits of VOC in temporary folders, and the program run on them, with pixels
//! of 16 × 16.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A devkit in a temporary folder.
pub(crate) struct Devkit {
    pub(crate) folder: tempfile::TempDir,
}

impl Devkit {
    /// Images a and b in train, c in test, each of 40 × 20 pixels with one dog.
    pub(crate) fn new() -> Self {
        let devkit = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        devkit.set("train", "a\nb\n");
        devkit.set("test", "c\n");
        for image_id in ["a", "b", "c"] {
            devkit.image(image_id, 40, 20);
            devkit.annotate(
                image_id,
                &annotation(40, 20, &object("dog", "1 2 30 18", "0")),
            );
        }
        devkit
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("VOCdevkit/VOC2007")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, bytes).unwrap();
        path
    }

    /// Writes a list of image ids, which is a split.
    pub(crate) fn set(&self, name: &str, text: &str) {
        self.write(&format!("ImageSets/Main/{name}.txt"), text);
    }

    pub(crate) fn annotate(&self, image_id: &str, xml: &str) {
        self.write(&format!("Annotations/{image_id}.xml"), xml);
    }

    pub(crate) fn image(&self, image_id: &str, width: u16, height: u16) {
        self.write(&format!("JPEGImages/{image_id}.jpg"), jpeg(width, height));
    }

    pub(crate) fn palette(&self, path: &str, width: u32, indices: &[u8]) {
        self.png(path, width, png::ColorType::Indexed, indices);
    }

    /// Writes a PNG of 8 bits from its rows of pixels.
    pub(crate) fn png(&self, path: &str, width: u32, colours: png::ColorType, pixels: &[u8]) {
        let mut bytes = Vec::new();
        let height = (pixels.len() / colours.samples()) as u32 / width;
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(colours);
        if colours == png::ColorType::Indexed {
            encoder.set_palette(vec![0; 768]);
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(pixels).unwrap();
        writer.finish().unwrap();
        self.write(path, bytes);
    }

    #[must_use]
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_in("VOCdevkit", arguments)
    }

    #[must_use]
    pub(crate) fn run_in(&self, folder: &str, arguments: &[&str]) -> Output {
        let root = self.folder.path().join(folder);
        data_prep(&["voc", "--root"], &root, &self.out(), arguments)
    }
}

/// Runs the program: `command`, then `root`, the options that all tests have, and `arguments`.
#[must_use]
pub(crate) fn data_prep(command: &[&str], root: &Path, out: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_data-prep"))
        .args(command)
        .arg(root)
        .arg("--out")
        .arg(out)
        .args(["--size", "16"])
        .args(arguments)
        .output()
        .unwrap()
}

/// The bytes of a JPEG of one colour, green.
pub(crate) fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = Vec::new();
    let rgb = [90, 160, 30].repeat(usize::from(width) * usize::from(height));
    jpeg_encoder::Encoder::new(&mut bytes, 90)
        .encode(&rgb, width, height, jpeg_encoder::ColorType::Rgb)
        .unwrap();
    bytes
}

pub(crate) fn annotation(width: u32, height: u32, objects: &str) -> String {
    format!(
        "<annotation><folder>VOC2007</folder><size><width>{width}</width><height>{height}</height>\
         <depth>3</depth></size>{objects}</annotation>"
    )
}

/// An object; `corners` are xmin, ymin, xmax and ymax with spaces between.
pub(crate) fn object(name: &str, corners: &str, difficult: &str) -> String {
    let mut bndbox = String::new();
    for (tag, value) in ["xmin", "ymin", "xmax", "ymax"]
        .iter()
        .zip(corners.split(' '))
    {
        write!(bndbox, "<{tag}>{value}</{tag}>").unwrap();
    }
    format!(
        "<object><name>{name}</name><difficult>{difficult}</difficult>\
         <bndbox>{bndbox}</bndbox></object>"
    )
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Checks the exit code; a failure shows what the program printed.
pub(crate) fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
}

/// The sorted names of a folder's files; none where there is no folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = match fs_err::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect(),
        Err(_) => Vec::new(),
    };
    names.sort();
    names
}
