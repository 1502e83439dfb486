//! Tests annotations in VOC's XML in the folder layouts of other tools: CVAT, Roboflow, LabelImg, Kaggle.

use std::path::{Path, PathBuf};
use std::process::Output;

use data_prep::dataset::{Dataset, Split};

use crate::devkit::{Devkit, annotation, assert_code, data_prep, jpeg, object, stderr};

/// A temporary folder with the source in `in` and the data folder in `out`.
pub(crate) struct Tree(tempfile::TempDir);

impl Tree {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("in")
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("out")
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.root().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
        self
    }

    /// An image of 40 × 20 pixels.
    fn image(&self, path: &str) -> &Self {
        self.write(path, jpeg(40, 20))
    }

    /// An annotation of a `class` whose `<filename>` is `name`.
    fn xml(&self, path: &str, name: &str, class: &str) -> &Self {
        let xml = annotation(40, 20, &object(class, "1 2 30 18", "0"));
        let name = format!("</folder><filename>{name}</filename>");
        self.write(path, xml.replace("</folder>", &name))
    }

    #[must_use]
    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        let command: &[&str] = match command {
            "read" => &["read"],
            other => &[other, "--root"],
        };
        data_prep(command, &self.root(), &self.out(), arguments)
    }

    /// Reads the folder as `data-prep voc` does; returns split, id and file of each image, and what was said.
    fn read(&self) -> (Vec<(Split, String, String)>, String) {
        let output = self.run("voc", &["--overwrite"]);
        assert_code(&output, 0);
        (images(&self.out()), stderr(&output))
    }

    /// The line with which `data-prep voc` fails.
    fn refused(&self) -> String {
        let output = self.run("voc", &["--overwrite"]);
        assert_code(&output, 2);
        stderr(&output)
    }
}

/// Split, id and file name of each image of a data folder.
fn images(out: &Path) -> Vec<(Split, String, String)> {
    let dataset = Dataset::open(out).unwrap();
    let splits = Split::ALL.map(|split| dataset.indices(split));
    let image = |index: usize| {
        let split = Split::ALL[splits.iter().position(|of| of.contains(&index)).unwrap()];
        let image = &dataset.images[index];
        (split, image.image_id.clone(), image.file_name.clone())
    };
    (0..dataset.images.len()).map(image).collect()
}

fn row(split: Split, image_id: &str, file: &str) -> (Split, String, String) {
    (split, image_id.to_owned(), file.to_owned())
}

use Split::{Test, Train, Val};

#[test]
fn roboflows_folders_are_the_splits() {
    let tree = Tree::new();
    for (folder, id) in [
        ("train", "a"),
        ("train", "b"),
        ("valid", "c"),
        ("test", "d"),
    ] {
        let stem = format!("{folder}/{id}_jpg.rf.0123");
        tree.image(&format!("{stem}.jpg"));
        tree.xml(
            &format!("{stem}.xml"),
            &format!("{id}_jpg.rf.0123.jpg"),
            "cell",
        );
    }
    tree.image("train/empty.jpg");
    tree.write("pom.xml", "<project xmlns=\"urn:maven\"/>");
    let (images, said) = tree.read();
    assert_eq!(
        images,
        [
            row(Train, "a_jpg.rf.0123", "train/a_jpg.rf.0123.jpg"),
            row(Train, "b_jpg.rf.0123", "train/b_jpg.rf.0123.jpg"),
            row(Val, "c_jpg.rf.0123", "valid/c_jpg.rf.0123.jpg"),
            row(Test, "d_jpg.rf.0123", "test/d_jpg.rf.0123.jpg"),
        ]
    );
    assert!(
        said.contains("classes: 1 found in the annotations: cell"),
        "{said}"
    );
    assert!(
        said.contains("1 XML files are no annotations: left out"),
        "{said}"
    );
    assert!(
        said.contains("1 image is not annotated: left out"),
        "{said}"
    );
}

#[test]
fn read_recognises_voc_and_divides_what_has_no_splits() {
    let tree = Tree::new();
    for id in 0..20 {
        tree.image(&format!("{id}.jpg"));
        tree.xml(&format!("{id}.xml"), &format!("{id}.jpg"), "dog");
    }
    let output = tree.run("read", &[]);
    assert_code(&output, 0);
    let said = stderr(&output);
    assert!(
        said.contains("recognised: PASCAL VOC's annotations, 20 XML files"),
        "{said}"
    );
    assert!(said.contains("divided 70,15,15 percent"), "{said}");
    // Own data has the classes that occur, not VOC's twenty, though dog is one of them.
    assert_eq!(Dataset::open(tree.out()).unwrap().classes, ["dog"]);
    assert_eq!(images(&tree.out()).len(), 20);
    tree.write("ImageSets/Main/train.txt", "0\n");
    tree.xml("Annotations/0.xml", "0.jpg", "dog")
        .image("JPEGImages/0.jpg");
    let said = stderr(&tree.run("read", &["--overwrite"]));
    assert!(
        said.contains("recognised: PASCAL VOC's devkit, 1 XML files"),
        "{said}"
    );
    fs_err::remove_dir_all(tree.root()).unwrap();
    tree.write("pom.xml", "<project/>")
        .write("cvat.xml", "<annotations/>");
    let output = tree.run("read", &["--overwrite"]);
    assert_code(&output, 2);
    assert!(
        stderr(&output).contains("format: found nothing known"),
        "{}",
        stderr(&output)
    );
    assert!(
        tree.refused()
            .contains("found 2 XML files of another kind, expected")
    );
}

#[test]
fn images_are_found_beside_the_annotations_and_in_folders_of_images() {
    for (xml, image) in [
        ("a.xml", "a.jpg"),
        ("annotations/a.xml", "images/a.jpg"),
        ("annotations/xmls/a.xml", "images/a.jpg"),
        ("data/labels/a.xml", "data/img/a.jpg"),
        ("xml/a.xml", "a.jpg"),
        ("a.xml", "images/a.jpg"),
        ("Annotations/a.xml", "JPEGImages/a.PNG.JPG"),
        ("notes/a.xml", "photos/deep/a.jpeg"),
        ("a.xml", "A.JPG"),
    ] {
        let tree = Tree::new();
        let name = Path::new(image).file_name().unwrap().to_str().unwrap();
        tree.image(image).xml(xml, name, "dog");
        assert_eq!(tree.read().0, [row(Train, "a", image)], "{xml}");
    }
    // Folders named for a split. Beside each image there is one of train, in folders named accordingly.
    for (xml, image, split) in [
        ("annotations/val/a.xml", "images/val/a.jpg", Val),
        ("annotations/a.xml", "images/test/a.jpg", Test),
        ("val/annotations/a.xml", "val/images/a.jpg", Val),
        ("val_xml/a.xml", "val_img/a.jpg", Val),
    ] {
        let tree = Tree::new();
        let other = image.replace("val", "train").replace("test", "train");
        let other_xml = xml
            .replace("val", "train")
            .replace("annotations/a", "annotations/b");
        let other = other.replace("/a", if other_xml.contains("/b") { "/b" } else { "/a" });
        tree.image(image).xml(xml, "", "dog");
        tree.image(&other).xml(&other_xml, "", "dog");
        let found: Vec<_> = tree
            .read()
            .0
            .into_iter()
            .map(|(split, _, file)| (split, file))
            .collect();
        assert_eq!(found, [(Train, other), (split, image.to_owned())]);
    }
}

#[test]
fn ids_are_paths_only_where_names_repeat() {
    let tree = Tree::new();
    for path in ["x/1", "y/1", "y/2"] {
        tree.image(&format!("{path}.jpg"))
            .xml(&format!("{path}.xml"), "1.jpg", "dog");
    }
    assert_eq!(
        tree.read().0,
        [
            row(Train, "x/1", "x/1.jpg"),
            row(Train, "y/1", "y/1.jpg"),
            row(Train, "2", "y/2.jpg"),
        ]
    );
}

#[test]
fn filename_goes_first_unless_it_is_a_copied_templates() {
    // LabelImg's full path of Windows, another name than the annotation's, no extension.
    for name in ["C:\\photos\\scan 7.jpg", "/home/me/scan 7.jpg", "scan 7"] {
        let tree = Tree::new();
        tree.image("scan 7.jpg").xml("a.xml", name, "dog");
        assert_eq!(tree.read().0, [row(Train, "a", "scan 7.jpg")]);
    }
    let tree = Tree::new();
    tree.image("a.jpg")
        .image("scan.jpg")
        .xml("a.xml", "scan.jpg", "dog");
    let (images, said) = tree.read();
    assert_eq!(images, [row(Train, "a", "scan.jpg")]);
    assert!(
        said.contains("of 1 annotation <filename> names an image, and another"),
        "{said}"
    );
    // Every XML names the first one's image.
    let tree = Tree::new();
    for id in ["a", "b", "c"] {
        tree.image(&format!("{id}.jpg"))
            .xml(&format!("{id}.xml"), "a.jpg", "dog");
    }
    let (images, said) = tree.read();
    let own = ["a", "b", "c"].map(|id| row(Train, id, &format!("{id}.jpg")));
    assert_eq!(images, own);
    let left =
        "annotations <filename> names an image that other annotations name or are called like";
    assert!(said.contains(&format!("of 2 {left}")), "{said}");
    // Two name an image that no annotation is called like, one its own.
    let tree = Tree::new();
    tree.image("x.jpg");
    for (id, name) in [("a", "x.jpg"), ("b", "x.jpg"), ("c", "c.jpg")] {
        tree.image(&format!("{id}.jpg"))
            .xml(&format!("{id}.xml"), name, "dog");
    }
    let (images, said) = tree.read();
    assert_eq!(images, own);
    assert!(said.contains(&format!("of 2 {left}")), "{said}");
    let tree = Tree::new();
    for id in ["a", "b", "c"] {
        tree.image(&format!("{id}.jpg"))
            .xml(&format!("{id}.xml"), "a.jpg", "dog");
    }
    // Image b is missing, and a.xml has the only image that b.xml names.
    fs_err::remove_file(tree.root().join("b.jpg")).unwrap();
    let said = tree.refused();
    assert!(said.contains("b.xml: filename: found "), "{said}");
    assert!(
        said.contains("a.jpg, expected an image of its own, not that of "),
        "{said}"
    );
    let tree = Tree::new();
    tree.image("x.jpg")
        .xml("a.xml", "x.jpg", "dog")
        .xml("b.xml", "x.jpg", "dog");
    let said = tree.refused();
    assert_eq!(
        said.matches("expected an image that no other annotation names")
            .count(),
        2,
        "{said}"
    );
    // Two annotations called alike, and one image.
    let tree = Tree::new();
    tree.image("a.jpg")
        .xml("a.xml", "a.jpg", "dog")
        .xml("xml/a.xml", "a.jpg", "cat");
    assert!(
        tree.refused().contains("xml/a.xml: filename: found "),
        "{}",
        tree.refused()
    );
    let tree = Tree::new();
    tree.xml("a.xml", "b.jpg", "dog");
    let said = tree.refused();
    assert!(
        said.contains("a.xml: filename: found b.jpg, expected an image that is there, or"),
        "{said}"
    );
}

#[test]
fn an_image_may_be_called_segmentation() {
    let tree = Tree::new();
    tree.image("Segmentation_1.jpg")
        .xml("Segmentation_1.xml", "Segmentation_1.jpg", "dog");
    let (images, _) = tree.read();
    assert_eq!(images, [row(Train, "Segmentation_1", "Segmentation_1.jpg")]);
}

#[test]
fn the_devkits_own_file_of_filename_is_taken() {
    let devkit = Devkit::new();
    let xml = annotation(40, 20, &object("dog", "1 2 30 18", "0"));
    let named = xml.replace("</folder>", "</folder><filename>photo 1.JPG</filename>");
    devkit.annotate("b", &named);
    devkit.write("JPEGImages/photo 1.JPG", jpeg(40, 20));
    fs_err::remove_file(devkit.root().join("JPEGImages/b.jpg")).unwrap();
    assert_code(&devkit.run(&[]), 0);
    assert_eq!(images(&devkit.out())[1], row(Train, "b", "photo 1.JPG"));
}

#[test]
fn one_list_of_all_images_is_no_split() {
    for list in ["default", "trainval", "all"] {
        let devkit = Devkit::new();
        for split in ["train", "test"] {
            fs_err::remove_file(devkit.root().join(format!("ImageSets/Main/{split}.txt"))).unwrap();
        }
        devkit.set(list, "a\nb.jpg\nsub/c\n");
        devkit.annotate("sub/c", &annotation(40, 20, ""));
        devkit.write("JPEGImages/sub/c.jpg", jpeg(40, 20));
        devkit.write(
            "labelmap.txt",
            "# label:color_rgb:parts:actions\nbackground:0,0,0::\ndog:1,2,3::\na:b:::\n",
        );
        assert_code(&devkit.run(&[]), 0);
        let rows = [("a", "a.jpg"), ("b", "b.jpg"), ("sub/c", "sub/c.jpg")];
        assert_eq!(
            images(&devkit.out()),
            rows.map(|(id, file)| row(Train, id, file))
        );
        assert_eq!(Dataset::open(devkit.out()).unwrap().classes, ["dog", "a:b"]);
        let root = devkit.root();
        let output = data_prep(&["read"], &root, &devkit.out(), &["--overwrite"]);
        assert!(
            stderr(&output).contains("divided 70,15,15 percent"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn lists_of_splits_may_be_called_otherwise() {
    let devkit = Devkit::new();
    fs_err::remove_file(devkit.root().join("ImageSets/Main/train.txt")).unwrap();
    devkit.set("trainval", "a\nb\nc\n");
    devkit.set("aeroplane_train", "c -1\n");
    assert_code(&devkit.run(&[]), 0);
    let splits = |devkit: &Devkit| -> Vec<_> {
        images(&devkit.out())
            .into_iter()
            .map(|(split, id, _)| (split, id))
            .collect()
    };
    let owned = |rows: [(Split, &str); 3]| rows.map(|(split, id)| (split, id.to_owned()));
    assert_eq!(
        splits(&devkit),
        owned([(Train, "a"), (Train, "b"), (Test, "c")])
    );
    devkit.set("Training", "a\n");
    devkit.set("Validation", "b\n");
    assert_code(&devkit.run(&["--overwrite"]), 0);
    assert_eq!(
        splits(&devkit),
        owned([(Train, "a"), (Val, "b"), (Test, "c")])
    );
}

#[test]
fn a_devkit_of_any_name_is_found_and_of_two_none_is_chosen() {
    let devkit = Devkit::new();
    let year = devkit.root().with_file_name("VOC2012");
    fs_err::rename(devkit.root(), &year).unwrap();
    for folder in ["VOCdevkit", ".", "VOCdevkit/VOC2012"] {
        assert_code(&devkit.run_in(folder, &["--overwrite"]), 0);
    }
    fs_err::create_dir_all(year.with_file_name("VOC2010/ImageSets/Main")).unwrap();
    let output = devkit.run(&[]);
    assert_code(&output, 2);
    let said = stderr(&output);
    assert!(
        said.contains("VOC2012, expected one folder that holds ImageSets/Main"),
        "{said}"
    );
    // Recognised as VOC's, so that reading it says the same.
    let folder = year.parent().unwrap();
    let read = data_prep(&["read"], folder, &devkit.out(), &["--overwrite"]);
    assert_code(&read, 2);
    assert_eq!(stderr(&read), said);
}

#[test]
fn an_annotation_is_known_by_its_first_element() {
    let xml = annotation(40, 20, &object("dog", "1 2 30 18", "0"));
    let declared = "<?xml version=\"1.0\"?>\n<!-- <export> of a tool -->\n";
    for (start, code, expected) in [
        (
            declared.to_owned(),
            0,
            "recognised: PASCAL VOC's annotations, 1 XML files",
        ),
        // An <annotation> inside another element does not count.
        (
            format!("{declared}<export>"),
            2,
            "format: found nothing known: 1 *.xml that are not VOC's <annotation>",
        ),
    ] {
        let tree = Tree::new();
        tree.image("a.jpg").write("a.xml", format!("{start}{xml}"));
        let output = tree.run("read", &["--split", "100,0,0"]);
        assert_code(&output, code);
        let said = stderr(&output);
        assert!(said.contains(expected), "{start}: {said}");
    }
}

#[test]
fn classes_are_the_lists_or_vocs_or_those_found() {
    let devkit = Devkit::new();
    let classes = |devkit: &Devkit, arguments: &[&str]| {
        let output = devkit.run(&[arguments, &["--overwrite"]].concat());
        assert_code(&output, 0);
        (
            Dataset::open(devkit.out()).unwrap().classes,
            stderr(&output),
        )
    };
    let (found, said) = classes(&devkit, &[]);
    assert_eq!(found.len(), 20);
    assert!(said.contains("classes: PASCAL VOC's 20"), "{said}");
    let objects = [
        object("Dog", "1 2 3 4", "0"),
        object("unicorn", "1 2 3 4", "0"),
    ]
    .concat();
    devkit.annotate("b", &annotation(40, 20, &objects));
    let (found, said) = classes(&devkit, &[]);
    assert_eq!(found, ["Dog", "dog", "unicorn"]);
    assert!(
        said.contains("classes: 3 found in the annotations: Dog, dog, unicorn"),
        "{said}"
    );
    let spellings = "these classes differ only in case or spaces and are kept apart: Dog and dog";
    assert!(said.contains(spellings), "{said}");
    for file in ["obj.names", "labels.txt", "classes.txt"] {
        devkit.write(file, "unicorn\ndog\nDog\n\n");
        let (found, said) = classes(&devkit, &[]);
        assert_eq!(found, ["unicorn", "dog", "Dog"]);
        assert!(said.contains(&format!("classes: 3 of {file}")), "{said}");
    }
}

#[test]
fn own_data_has_vocs_twenty_only_where_its_images_are_called_like_vocs() {
    for (id, count) in [("000007", 20), ("2008_000007", 20), ("photo", 1), ("7", 1)] {
        let devkit = Devkit::new();
        devkit.set("train", id);
        devkit.set("test", "");
        devkit.annotate(id, &annotation(40, 20, &object("dog", "1 2 30 18", "0")));
        devkit.image(id, 40, 20);
        let output = data_prep(&["read"], &devkit.root(), &devkit.out(), &[]);
        let dataset = Dataset::open(devkit.out());
        let dataset = dataset.unwrap_or_else(|_| panic!("{}", stderr(&output)));
        assert_eq!(dataset.classes.len(), count, "{id}");
    }
}

#[test]
fn a_missing_image_is_not_the_mask_of_its_name() {
    let tree = Tree::new();
    for id in ["a", "b", "c"] {
        tree.xml(
            &format!("annotations/{id}.xml"),
            &format!("{id}.jpg"),
            "dog",
        );
        tree.image(&format!("masks/{id}.png"));
    }
    tree.image("images/a.jpg").image("images/b.jpg");
    let said = tree.refused();
    assert!(
        said.contains("c.xml: filename: found no such file c.jpg, expected it in the folder of the other images"),
        "{said}"
    );
    // c.png is taken where it lies beside the other images, or, from `masks`, where no .jpg is there at all.
    tree.image("images/c.png");
    let (found, _) = tree.read();
    assert_eq!(found[2].2, "images/c.png");
    for id in ["a.jpg", "b.jpg", "c.png"] {
        fs_err::remove_file(tree.root().join("images").join(id)).unwrap();
    }
    let (found, _) = tree.read();
    assert_eq!(found[2].2, "masks/c.png");
}

#[test]
fn boxes_beyond_their_image_are_counted() {
    let tree = Tree::new();
    tree.image("a.jpg").image("b.jpg");
    let outside = object("dog", "1 2 80 18", "0") + &object("dog", "1 2 40 20", "0");
    tree.write("a.xml", annotation(40, 20, &outside));
    tree.write(
        "b.xml",
        annotation(40, 20, &object("dog", "1 2 41 21", "0")),
    );
    let (_, said) = tree.read();
    assert!(said.contains("1 box reaches beyond its image"), "{said}");
    let dataset = Dataset::open(tree.out()).unwrap();
    assert_eq!(dataset.images[0].objects[0].bbox, [1.0, 2.0, 80.0, 18.0]);
    tree.write(
        "a.xml",
        annotation(40, 20, &object("dog", "1 2 40 20", "0")),
    );
    let (_, said) = tree.read();
    assert!(!said.contains("beyond"), "{said}");
}

/// For VOC 2007 the program prints no notes on how it was read, but it does print what is wrong with boxes.
#[test]
fn boxes_beyond_their_image_are_counted_in_published_data() {
    let devkit = Devkit::new();
    // The first images of VOC 2007's training and test lists.
    let test = [
        1, 2, 3, 4, 6, 8, 10, 11, 13, 14, 15, 18, 22, 25, 27, 28, 29, 31, 37, 38,
    ]
    .map(|number: u32| format!("{number:06}"));
    devkit.set("train", "000012\n");
    devkit.set("test", &test.join("\n"));
    for id in test.iter().map(String::as_str).chain(["000012"]) {
        let corners = if id == "000012" {
            "1 2 80 18"
        } else {
            "1 2 40 20"
        };
        devkit.annotate(id, &annotation(40, 20, &object("dog", corners, "0")));
        devkit.image(id, 40, 20);
    }
    let output = devkit.run(&[]);
    assert_code(&output, 0);
    let said = stderr(&output);
    assert_eq!(Dataset::open(devkit.out()).unwrap().name(), "voc2007");
    assert!(said.contains("1 box reaches beyond its image"), "{said}");
    assert!(!said.contains("classes:"), "{said}");
}
