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
fn roboflows_yaml_and_readme_say_whose_it_is() {
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

#[test]
fn published_data_is_known_and_a_broken_citation_is_told() {
    let folder = Folder::new(&[
        ("CITATION.cff", "title: [\n"),
        ("labels.csv", "image,class\na.jpg,pod\n"),
    ]);
    folder.image("a.jpg");
    folder
        .run(&["table", "--images", "{}", "--labels", "{}/labels.csv"])
        .check(0, &[]);
    assert_eq!(recorded(&folder).0, Value::Null);
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
