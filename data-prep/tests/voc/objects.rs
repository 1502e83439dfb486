//! Tests what an annotation file of VOC may say of an object and of its image, and that a broken object is left
//! out alone. Class ids are VOC's: 7 is a cat, 11 a dog.

use arrow::array::StringArray;
use data_prep::dataset::{Dataset, Image};
use data_prep::schema::SKIPPED;
use data_prep::table::{column, read_table};

use crate::devkit::{Devkit, annotation, assert_code, object, stderr};

/// The lines `field: found …, expected …` of what was left out or remarked.
pub(crate) fn skipped(out: &std::path::Path) -> Vec<String> {
    let (_, table) = read_table(out.join("skipped.parquet"), &SKIPPED).unwrap();
    let cell = |name, row| column::<StringArray>(&table, name).value(row).to_owned();
    let line = |row| {
        let [field, found, expected] = ["field", "found", "expected"].map(|name| cell(name, row));
        format!("{field}: found {found}, expected {expected}")
    };
    (0..table.num_rows()).map(line).collect()
}

/// Reads a devkit whose image b, of 40 × 20 pixels, has `xml`; returns b, the exit code and the lines of
/// [`skipped`].
fn read(xml: &[u8]) -> (Image, Option<i32>, Vec<String>) {
    let devkit = Devkit::new();
    devkit.write("Annotations/b.xml", xml);
    let output = devkit.run(&["--on-error", "skip"]);
    let dataset = Dataset::open(devkit.out()).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    let mut images = dataset.images.into_iter();
    let b = images.find(|image| image.image_id == "b").unwrap();
    (b, output.status.code(), skipped(&devkit.out()))
}

/// The id and the box of each object.
fn boxes(image: &Image) -> Vec<(i64, [f64; 4])> {
    let objects = image.objects.iter();
    objects
        .map(|object| (object.instance_id, object.bbox))
        .collect()
}

const DOG: &str = "<name>dog</name>";
const CORNERS: &str = "<xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>18</ymax>";
/// Of a polygon, which has three at least.
const TWO_POINTS: &str = "<x1>2</x1><y1>3</y1><x2>12</x2><y2>13</y2>";

/// An annotation with one dog, whose element has `inside` beside its name.
fn of(inside: &str) -> String {
    annotation(40, 20, &format!("<object>{DOG}{inside}</object>"))
}

#[test]
fn an_image_has_its_own_size_where_the_annotation_says_none() {
    let whole = annotation(40, 20, &object("dog", "1 2 30 18", "0"));
    for (from, to) in [
        (
            "<width>40</width><height>20</height>",
            "<width>0</width><height>0</height>",
        ),
        ("<width>40</width>", "<width>-1</width>"),
        ("<width>40</width>", "<width></width>"),
        ("<height>20</height>", ""),
        ("size>", "sizes>"),
        ("<width>40<", "<width>40.0<"),
    ] {
        let (b, code, skipped) = read(whole.replace(from, to).as_bytes());
        assert_eq!((b.width, b.height, code), (40, 20, Some(0)), "{to}");
        assert_eq!(boxes(&b), [(1, [1.0, 2.0, 30.0, 18.0])], "{to}");
        assert_eq!(skipped, [""; 0], "{to}");
    }
    let twice = whole.replace(
        "<size>",
        "<size><width>4</width><height>4</height></size><size>",
    );
    let (b, code, skipped) = read(twice.as_bytes());
    assert_eq!((b.width, b.height, code), (40, 20, Some(1)));
    assert_eq!(boxes(&b).len(), 1);
    assert_eq!(skipped, ["size: found 2 elements <size>, expected one"]);
}

#[test]
fn two_boxes_of_an_object_are_two_objects() {
    let second = "<xmin>5</xmin><ymin>5</ymin><xmax>9</xmax><ymax>9</ymax>";
    // Objects are numbered from 1. The second box of object 1 gets the first number that is free, 3.
    let two = format!("<object>{DOG}<bndbox>{CORNERS}</bndbox><bndbox>{second}</bndbox></object>");
    let xml = annotation(40, 20, &(two + &object("cat", "2 2 3 3", "0")));
    let (b, code, _) = read(xml.as_bytes());
    assert_eq!(code, Some(0));
    assert_eq!(
        boxes(&b),
        [
            (1, [1.0, 2.0, 30.0, 18.0]),
            (3, [5.0, 5.0, 9.0, 9.0]),
            (2, [2.0, 2.0, 3.0, 3.0])
        ]
    );
    assert_eq!(b.labels, [7, 11]);
}

/// The broken object is left out, the image and its other object (a cat) stay; where the broken one's class is
/// known, it stays a label of the image.
#[test]
fn a_broken_object_costs_that_object_alone() {
    let bndbox = |corners: &str| format!("{DOG}<bndbox>{corners}</bndbox>");
    for (inside, expected, has_label) in [
        (
            format!("{DOG}<name>cat</name><bndbox>{CORNERS}</bndbox>"),
            "object[1]/name: found 2 elements <name>, expected one",
            false,
        ),
        (
            format!("<name> </name><bndbox>{CORNERS}</bndbox>"),
            "object[1]/name: found nothing, expected a class",
            false,
        ),
        (
            bndbox(&CORNERS.replace("<xmin>1", "<xmin>0</xmin><xmin>1")),
            "object[1]/bndbox/xmin: found 2 elements <xmin>, expected one",
            true,
        ),
        (
            bndbox(&CORNERS.replace("<xmin>1<", "<xmin>31<")),
            "object[1]/bndbox: found xmin 31, ymin 2, xmax 30, ymax 18, \
             expected xmin <= xmax and ymin <= ymax",
            true,
        ),
        (
            bndbox("<xmin>-9</xmin><ymin>2</ymin><xmax>-1</xmax><ymax>18</ymax>"),
            "object[1]/bndbox: found xmin -9, ymin 2, xmax -1, ymax 18, \
             expected a box that reaches into the image",
            true,
        ),
        (
            bndbox(&CORNERS.replace("30", "3O")),
            "object[1]/bndbox/xmax: found 3O, expected a number",
            true,
        ),
        (
            bndbox(&CORNERS.replace("30", "1,000,000")),
            "object[1]/bndbox/xmax: found 1,000,000, expected a number",
            true,
        ),
        (
            DOG.to_owned(),
            "object[1]/bndbox: found no such element, expected <bndbox>",
            true,
        ),
        (
            format!("{DOG}<polygon><x1>1</x1><y1>1</y1></polygon>"),
            "object[1]/polygon: found 1 point, expected at least 3 points",
            true,
        ),
        (
            format!("{DOG}<polygon>{TWO_POINTS}</polygon>"),
            "object[1]/polygon: found 2 points, expected at least 3 points",
            true,
        ),
    ] {
        let objects = format!("<object>{inside}</object>") + &object("cat", "2 2 3 3", "0");
        let (b, code, skipped) = read(annotation(40, 20, &objects).as_bytes());
        assert_eq!((code, &*skipped), (Some(1), &[expected.to_owned()][..]));
        assert_eq!(boxes(&b), [(2, [2.0, 2.0, 3.0, 3.0])], "{expected}");
        let labels: &[i32] = if has_label { &[7, 11] } else { &[7] };
        assert_eq!(b.labels, labels, "{expected}");
    }
}

#[test]
fn boxes_are_kept_as_tools_write_them() {
    for (corners, bbox, remarks) in [
        ("1.5 2.25 30 18", [1.5, 2.25, 30.0, 18.0], 0),
        ("1,5 2 30 18", [1.5, 2.0, 30.0, 18.0], 0),
        ("1 2 300 180", [1.0, 2.0, 300.0, 180.0], 0),
        ("-1 2 30 18", [-1.0, 2.0, 30.0, 18.0], 1),
    ] {
        let xml = annotation(40, 20, &object("dog", corners, "0"));
        let (b, code, skipped) = read(xml.as_bytes());
        assert_eq!((code, skipped.len()), (Some(0), remarks), "{skipped:?}");
        assert_eq!(boxes(&b), [(1, bbox)]);
    }
    let devkit = Devkit::new();
    devkit.annotate(
        "b",
        &annotation(40, 20, &object("dog", "1,5 2,5 30 18", "0")),
    );
    let said = stderr(&devkit.run(&[]));
    assert!(
        said.contains("2 numbers are written with a comma"),
        "{said}"
    );
}

#[test]
fn a_flag_may_be_unspecified_or_missing() {
    for (flag, is_difficult, code) in [
        ("Unspecified", false, 0),
        ("", false, 0),
        ("0", false, 0),
        ("1", true, 0),
        ("true", true, 0),
        ("2", false, 1),
    ] {
        let xml = annotation(40, 20, &object("dog", "1 2 30 18", flag));
        let (b, found, skipped) = read(xml.as_bytes());
        assert_eq!(b.objects[0].is_difficult, is_difficult, "{flag}");
        assert_eq!(found, Some(code), "{flag}: {skipped:?}");
    }
}

#[test]
fn an_outline_or_a_turned_box_gives_the_box_where_there_is_none() {
    let labelme = "<polygon><username>a</username><pt><x>2</x><y>3</y></pt><pt><x>12</x><y>3</y></pt>\
                   <pt><x>12</x><y>13</y></pt></polygon>";
    let roboflow =
        "<polygon><x1>2</x1><x2>12</x2><x3>12</x3><y1>3</y1><y2>3</y2><y3>13</y3></polygon>";
    for polygon in [labelme, roboflow] {
        let (b, code, skipped) = read(of(polygon).as_bytes());
        assert_eq!((code, skipped.len()), (Some(0), 0));
        assert_eq!(boxes(&b), [(1, [2.0, 3.0, 12.0, 13.0])]);
        let shape = b.objects[0].segmentation.as_ref().unwrap();
        assert!((40..=60).contains(&shape.area()), "{}", shape.area());
    }
    // Beside a box, the outline gives the shape only.
    let (b, _, _) = read(of(&format!("<bndbox>{CORNERS}</bndbox>{labelme}")).as_bytes());
    assert_eq!(boxes(&b), [(1, [1.0, 2.0, 30.0, 18.0])]);
    assert!(b.objects[0].segmentation.is_some());
    // A broken outline is listed, and the object keeps its box.
    for (points, expected) in [
        (
            TWO_POINTS.replace("12", "x"),
            "object[1]/polygon/x2: found x, expected a number",
        ),
        (
            TWO_POINTS.to_owned(),
            "object[1]/polygon: found 2 points, expected at least 3 points",
        ),
    ] {
        let outline = format!("<bndbox>{CORNERS}</bndbox><polygon>{points}</polygon>");
        let (b, code, skipped) = read(of(&outline).as_bytes());
        assert_eq!((boxes(&b).len(), code), (1, Some(0)));
        assert_eq!(skipped, [expected]);
        assert!(b.objects[0].segmentation.is_none());
    }
    // A quarter turn: 10 wide and 4 high become 4 wide and 10 high.
    let turned = "<robndbox><cx>20</cx><cy>10</cy><w>10</w><h>4</h>\
                  <angle>1.5707963267948966</angle></robndbox>";
    let (b, code, _) = read(of(turned).as_bytes());
    assert_eq!(code, Some(0));
    let (_, bbox) = boxes(&b)[0];
    let expected = [18.0, 5.0, 22.0, 15.0];
    assert!(
        bbox.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9),
        "{bbox:?}"
    );
}

#[test]
fn what_labelme_marks_as_deleted_is_no_object() {
    let devkit = Devkit::new();
    let deleted = object("cat", "2 2 3 3", "0").replace("<name>", "<deleted>1</deleted><name>");
    let kept = object("dog", "1 2 30 18", "0").replace("<name>", "<deleted>0</deleted><name>");
    devkit.annotate("b", &annotation(40, 20, &(deleted + &kept)));
    let output = devkit.run(&[]);
    assert_code(&output, 0);
    assert!(
        stderr(&output).contains("1 object is marked as deleted"),
        "{}",
        stderr(&output)
    );
    assert_eq!(Dataset::open(devkit.out()).unwrap().images[1].labels, [11]);
}

#[test]
fn text_is_read_in_the_encoding_that_the_file_says() {
    let xml = |encoding: &str, name: &str| {
        let declaration = match encoding {
            "" => String::new(),
            encoding => format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>\n"),
        };
        declaration + &annotation(40, 20, &object(name, "1 2 30 18", "0"))
    };
    let utf16 = |text: &str, swap: bool, mark: &str| -> Vec<u8> {
        let units = [mark, text].concat().encode_utf16().collect::<Vec<_>>();
        let bytes = |unit: u16| {
            if swap {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        units.into_iter().flat_map(bytes).collect()
    };
    let latin1 = |text: &str| {
        text.chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap())
            .collect()
    };
    let german = "Straße";
    let japanese = xml("Shift_JIS", "");
    let (before, after) = japanese.split_once("<name>").unwrap();
    let shift_jis = [before.as_bytes(), b"<name>\x8c\xa2", after.as_bytes()];
    // The file's bytes, and the class that is read.
    for (bytes, name) in [
        (utf16(&xml("UTF-16", german), false, "\u{feff}"), german),
        (utf16(&xml("UTF-16", german), true, "\u{feff}"), german),
        (utf16(&xml("utf-16", german), false, ""), german),
        (latin1(&xml("ISO-8859-1", german)), german),
        (latin1(&xml("windows-1252", german)), german),
        (xml("utf-8", german).into_bytes(), german),
        (xml("UTF-16", german).into_bytes(), german), // says UTF-16, but is UTF-8
        (
            ("\u{feff}".to_owned() + &xml("", german)).into_bytes(),
            german,
        ),
        (shift_jis.concat(), "犬"),
    ] {
        let devkit = Devkit::new();
        devkit.write("Annotations/b.xml", &bytes);
        assert_code(&devkit.run(&[]), 0);
        let classes = Dataset::open(devkit.out()).unwrap().classes;
        assert!(classes.iter().any(|class| class == name), "{classes:?}");
    }
    for (bytes, found) in [
        (
            xml("klingon", "dog").into_bytes(),
            "b.xml: encoding: found klingon, expected UTF-8, UTF-16",
        ),
        (latin1(&xml("", german)), "b.xml: text: found invalid utf-8"),
        (
            b"\xff\xfe<\0a\0\0\xd8".to_vec(),
            "b.xml: text: found bytes that are not UTF-16LE",
        ),
    ] {
        let devkit = Devkit::new();
        devkit.write("Annotations/b.xml", &bytes);
        let output = devkit.run(&[]);
        assert_code(&output, 2);
        assert!(stderr(&output).contains(found), "{}", stderr(&output));
    }
}

#[test]
fn elements_may_be_in_a_namespace() {
    let xml = annotation(40, 20, &object("dog", "1 2 30 18", "0"));
    let default = xml.replacen(
        "<annotation>",
        "<annotation xmlns=\"urn:a\" verified=\"yes\">",
        1,
    );
    let (b, code, _) = read(default.as_bytes());
    assert_eq!((boxes(&b).len(), code), (1, Some(0)));
    let prefixed = xml
        .replace("</", "</v:")
        .replace('<', "<v:")
        .replace("<v:/v:", "</v:");
    let prefixed = prefixed.replacen("<v:annotation>", "<v:annotation xmlns:v=\"urn:a\">", 1);
    let (b, code, _) = read(prefixed.as_bytes());
    assert_eq!((boxes(&b).len(), code), (1, Some(0)));
}
