//! Tests that the tables record a data set's credit: title, address, licence and citation, from the format's own
//! files and from files beside them, such as CITATION.cff; and that the credit does not change the hash of the
//! inputs.

use data_prep::schema::{CLASSES, CREDIT_KEY, IMAGES};
use data_prep::table::read_table;
use serde_json::{Value, json};

use crate::folder::Folder;

/// The credit (null where there is none) and the hash of the inputs, which two tables of the data folder have.
fn recorded(folder: &Folder) -> (Value, String) {
    let [images, classes] = [(&IMAGES, "images"), (&CLASSES, "classes")].map(|(spec, name)| {
        let (origin, _) = read_table(folder.data().join(format!("{name}.parquet")), spec).unwrap();
        let credit = origin
            .get(CREDIT_KEY)
            .map_or(Value::Null, |text| text.parse().unwrap());
        (credit, origin.inputs().unwrap().to_owned())
    });
    assert_eq!(images, classes);
    images
}

#[test]
fn roboflows_yaml_says_whose_it_is() {
    let yaml = "train: train/images\nnc: 1\nnames: [pod]\nroboflow:\n  workspace: w\n  project: cacao\n  \
                version: 2\n  license: CC BY 4.0\n  url: https://universe.roboflow.com/w/cacao/dataset/2\n";
    let folder = Folder::new(&[
        ("data.yaml", yaml),
        ("train/labels/a.txt", "0 0.5 0.5 0.2 0.2\n"),
    ]);
    folder.image("train/images/a.jpg");
    folder
        .read(&["--split", "100,0,0"])
        .check(0, &["licence: CC BY 4.0"]);
    let said = json!({"title": "cacao", "url": "https://universe.roboflow.com/w/cacao/dataset/2",
        "license": "CC BY 4.0"});
    let (credit, inputs) = recorded(&folder);
    assert_eq!(credit, said);

    // What stands beside fills in what is missing, and is no part of the hash.
    folder.write(
        "CITATION.cff",
        "title: Cells\nauthors: [{name: A. Doe}]\nlicense: MIT\n",
    );
    fs_err::remove_dir_all(folder.data()).unwrap();
    folder.read(&["--split", "100,0,0"]).check(0, &[]);
    let (credit, again) = recorded(&folder);
    assert_eq!(credit["citation"], "A. Doe. Cells");
    assert_eq!(
        (&credit["license"], &credit["title"]),
        (&said["license"], &said["title"])
    );
    assert_eq!(again, inputs);
    // The same by the command that names the format and the file.
    fs_err::remove_dir_all(folder.data()).unwrap();
    folder
        .run(&["yolo", "--root", "{}/data.yaml"])
        .check(0, &[]);
    assert_eq!(recorded(&folder).0, credit);
}

/// Roboflow writes both files into an export in any format; the one about the data set counts before the one about
/// the export.
#[test]
fn roboflows_readmes_say_whose_it_is() {
    let folder = Folder::new(&[
        (
            "README.dataset.txt",
            "# Cacao > 2022-10-24\nhttps://universe.roboflow.com/w/cacao\n\nProvided by a Roboflow user\n\
             License: CC BY 4.0\n",
        ),
        (
            "README.roboflow.txt",
            "\nCacao - v1\n==============\n\nThis dataset was exported via roboflow.com\nLicense: Public Domain\n",
        ),
        ("data.yaml", "train: train/images\nnc: 1\nnames: [pod]\n"),
        ("train/labels/a.txt", "0 0.5 0.5 0.2 0.2\n"),
    ]);
    folder.image("train/images/a.jpg");
    let read = || {
        let said = folder.read(&["--split", "100,0,0"]);
        (said, recorded(&folder).0)
    };
    let (said, credit) = read();
    said.check(0, &["licence: CC BY 4.0"]);
    let url = "https://universe.roboflow.com/w/cacao";
    let expected = json!({"title": "Cacao > 2022-10-24", "url": url, "license": "CC BY 4.0"});
    assert_eq!(credit, expected);
    fs_err::remove_file(folder.root().join("README.dataset.txt")).unwrap();
    fs_err::remove_dir_all(folder.data()).unwrap();
    let (said, credit) = read();
    said.check(0, &["licence: Public Domain"]);
    assert_eq!(
        credit,
        json!({"title": "Cacao - v1", "license": "Public Domain"})
    );
}

#[test]
fn coco_json_says_whose_it_is_in_any_spelling() {
    let json = |more: &str| {
        format!(
            "{{{more} \"images\": [{{\"id\": 1, \"file_name\": \"a.jpg\", \"width\": 40, \"height\": 20}}], \
             \"annotations\": [{{\"id\": 1, \"image_id\": 1, \"category_id\": 1, \"bbox\": [1, 1, 9, 9]}}], \
             \"categories\": [{{\"id\": 1, \"name\": \"pod\"}}]}}"
        )
    };
    for (more, expected) in [
        (
            r#""info": {"description": "Pods", "url": "http://p.org", "version": "1", "year": 2022,
                "contributor": "A. Doe", "date_created": "x"},
               "licenses": [{"id": 1, "url": "https://cc.org/by", "name": "CC BY 4.0"}],"#,
            json!({"title": "Pods", "url": "http://p.org", "license": "CC BY 4.0",
                "license_url": "https://cc.org/by", "citation": "A. Doe: Pods, 2022"}),
        ),
        (
            r#""info": {"description": "Exported from roboflow.com", "contributor": "", "year": "2024",
                "url": "https://public.roboflow.com/object-detection/undefined"},
               "licenses": [{"id": 1, "url": "", "name": ""}, {"name": "A"}, {"name": "B\u0007\n"}],"#,
            json!({"license": "A, B"}),
        ),
        (r#""info": [1, {}], "licenses": "MIT","#, Value::Null),
        (
            r#""info": {"description": null, "url": 3.5, "year": {}}, "licenses": [1, {"name": []}],"#,
            Value::Null,
        ),
    ] {
        let folder = Folder::new(&[("train/_annotations.coco.json", &json(more))]);
        folder.image("train/a.jpg");
        folder.read(&["--split", "100,0,0"]).check(0, &["1 image"]);
        assert_eq!(recorded(&folder).0, expected, "{more}");
    }
    // Broken JSON inside `info` is an error like elsewhere.
    let folder = Folder::new(&[(
        "train/_annotations.coco.json",
        &json("\"info\": {\"url\": \"x},"),
    )]);
    folder.image("train/a.jpg");
    folder
        .read(&["--format", "coco"])
        .check(2, &["line 1, column "]);
}

/// Where the images, tables and annotation files are named, such files are looked for beside the images first.
#[test]
fn files_beside_what_is_named_say_whose_it_is() {
    let instances = r#"{"images": [{"id": 1, "file_name": "a.jpg", "width": 40, "height": 20}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9]}],
        "categories": [{"id": 1, "name": "pod"}]}"#;
    let folder = Folder::new(&[
        ("photos/LICENSE", "MIT License\n"),
        ("LICENSE", "GPL\n"),
        ("CITATION", "A. Doe: Pods\n"),
        ("labels.csv", "image,class\na.jpg,pod\n"),
        ("coco/CITATION", "B. Doe: Boxes of pods\n"),
        ("coco/annotations/one.json", instances),
    ]);
    folder.image("photos/a.jpg");
    let tables = ["--images", "{}/photos", "--labels", "{}/labels.csv"];
    let relative = ["--images", "photos", "--labels", "labels.csv"];
    let coco = ["--train", "{}/coco/annotations/one.json={}/photos"];
    for (command, named, citation) in [
        ("table", &tables[..], "A. Doe: Pods"),
        ("table", &relative, "A. Doe: Pods"),
        ("read", &tables, "A. Doe: Pods"),
        ("coco", &coco, "B. Doe: Boxes of pods"),
        ("read", &coco, "B. Doe: Boxes of pods"),
    ] {
        folder
            .run(&[&[command], named, &["--split", "100,0,0"]].concat())
            .check(0, &["licence: MIT License"]);
        let expected = json!({"license": "MIT License", "citation": citation});
        assert_eq!(recorded(&folder).0, expected, "{command} {named:?}");
        fs_err::remove_dir_all(folder.data()).unwrap();
    }
    // The folder that is named comes first.
    folder
        .run(&[
            "read",
            "{}/coco",
            "--images",
            "{}/photos",
            "--labels",
            "{}/labels.csv",
            "--split",
            "100,0,0",
        ])
        .check(0, &["licence: MIT License"]);
    assert_eq!(recorded(&folder).0["citation"], "B. Doe: Boxes of pods");
}

#[test]
fn a_broken_citation_is_told_once() {
    let folder = Folder::new(&[
        ("CITATION.cff", "title: [x\n"),
        ("labels.csv", "image,class\na.jpg,pod\n"),
    ]);
    folder.image("a.jpg");
    for command in [
        &["read", "{}"][..],
        &["table", "--images", "{}", "--labels", "{}/labels.csv"],
    ] {
        let said = folder.run(&[command, &["--split", "100,0,0"]].concat());
        said.check(0, &["passed over: ", "CITATION.cff: line "]);
        assert_eq!(said.text.matches("passed over").count(), 1, "{}", said.text);
        assert_eq!(recorded(&folder).0, Value::Null);
    }
}

#[test]
fn published_data_is_known() {
    let folder = Folder::new(&[]);
    folder
        .run(&[
            "scenes",
            "--train",
            "2",
            "--val",
            "1",
            "--test",
            "1",
            "--shifted",
            "1",
        ])
        .check(0, &[]);
    assert_eq!(recorded(&folder).0["license"], "MIT");
    assert!(
        data_prep::source::published_credit("voc2007")
            .unwrap()
            .citation
            .unwrap()
            .contains("pascal-voc-2007")
    );
    for name in data_prep::source::datasets() {
        assert!(
            data_prep::source::published_credit(name).is_some(),
            "{name}"
        );
    }
    assert_eq!(data_prep::source::published_credit("cells"), None);
}
