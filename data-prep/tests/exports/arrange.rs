//! Tests how the user's own data is arranged: `--split` divides it into train, val and test by percentages,
//! `--split-by` keeps images together that share something, `--stratify` gives each class its share of each
//! split, `--groups` reads a table of groups (named subsets for which results are reported).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use data_prep::dataset::{Dataset, Split};
use data_prep::inspect::inspect;
use sha2::{Digest, Sha256};

use crate::folder::Folder;

const HEADER: &str = "image,class,xmin,ymin,xmax,ymax";

/// A folder of `count` images and a table with a box on each. `row` gives, for an image's number, its class and
/// the cells after its box, which `header` names. Files are called `pD_NNN.jpg`, with the number NNN and its
/// last digit D.
fn numbered(header: &str, count: usize, row: impl Fn(usize) -> (String, String)) -> Folder {
    let mut text = format!("{HEADER}{header}\n");
    let folder = Folder::new(&[]);
    for number in 0..count {
        let (class, more) = row(number);
        writeln!(text, "p{}_{number:03},{class},1,1,9,9{more}", number % 10).unwrap();
        folder.image(&format!("images/p{}_{number:03}.jpg", number % 10));
    }
    folder.write("boxes.csv", text);
    folder
}

/// `count` images with one cat each, without splits.
fn plain(count: usize) -> Folder {
    numbered("", count, |_| ("cat".to_owned(), String::new()))
}

fn splits(dataset: &Dataset) -> BTreeMap<String, Split> {
    dataset
        .images
        .iter()
        .map(|image| (image.image_id.clone(), image.split))
        .collect()
}

/// The numbers of images in train, val and test.
fn counts(dataset: &Dataset) -> [usize; 3] {
    Split::ALL.map(|split| dataset.indices(split).len())
}

/// 100 images are divided by a hash of their ids. With 50 images more, each of the 100 is in the same split.
#[test]
fn images_that_are_added_move_no_other() {
    let few = plain(100);
    few.read(&[]).check(
        0,
        &["the data has no splits: divided 70,15,15 percent (by a hash"],
    );
    let (few, many) = (few.open(), plain(150));
    many.read(&[]).check(0, &[]);
    let (before, after) = (splits(&few), splits(&many.open()));
    assert!(before.iter().all(|(id, split)| after[id] == *split));
    let [train, val, test] = counts(&few);
    assert!(
        (60..=80).contains(&train) && val >= 7 && test >= 7,
        "{train} {val} {test}"
    );
}

#[test]
fn every_split_gets_an_image_where_there_are_three() {
    for count in 1..=12 {
        for more in [&[][..], &["--stratify"]] {
            let folder = plain(count);
            folder.read(more).check(0, &[]);
            let counts = counts(&folder.open());
            let least = usize::from(count >= 3);
            assert!(
                counts[0] >= 1 && counts[1] >= least && counts[2] >= least,
                "{count} {more:?}: {counts:?}"
            );
        }
    }
}

#[test]
fn shares_are_as_asked_for() {
    let folder = plain(60);
    let said = folder.read(&["--split", "50, 50,0"]);
    said.check(0, &["divided 50,50,0 percent"]);
    // The test split is empty because nothing was asked for in it.
    assert!(!said.text.contains("too few images"), "{}", said.text);
    let [train, val, test] = counts(&folder.open());
    assert!(train > 20 && val > 20 && test == 0, "{train} {val} {test}");
    let said = "(too few images for all three)";
    plain(2).read(&[]).check(0, &[said]);
    let said = "1 train, 0 val, 0 test (too few images for both)";
    plain(1).read(&["--split", "50,50,0"]).check(0, &[said]);
    for (shares, said) in [
        (
            "70,30",
            "expected three percentages that sum to 100, as 70,15,15",
        ),
        ("70,20,20", "expected three percentages that sum to 100"),
        ("0,50,50", "expected three percentages that sum to 100"),
        ("70,a,30", "expected three percentages that sum to 100"),
        ("nan,50,50", "expected three percentages that sum to 100"),
    ] {
        folder.read(&["--split", shares]).check(2, &[said]);
    }
}

/// `--split-by` takes a column of the table or a regular expression with a group, for the file names. Of 60
/// images 12 patients have five each, by the column; by the names (p0 to p9) there are ten of six.
#[test]
fn images_of_a_patient_stay_together() {
    // By a column and by the name.
    let folder = numbered(",patient", 60, |number| {
        ("cat".to_owned(), format!(",{}", number % 12))
    });
    folder
        .read(&["--split-by", "patient"])
        .check(0, &["images that share patient together"]);
    let together = |dataset: &Dataset, of: &dyn Fn(&str) -> String| {
        let mut splits: BTreeMap<String, BTreeSet<Split>> = BTreeMap::new();
        for image in &dataset.images {
            splits
                .entry(of(&image.image_id))
                .or_default()
                .insert(image.split);
        }
        splits.values().all(|splits| splits.len() == 1)
    };
    let dataset = folder.open();
    let patient = |id: &str| (id[id.len() - 3..].parse::<usize>().unwrap() % 12).to_string();
    assert!(together(&dataset, &patient) && counts(&dataset).iter().all(|&count| count > 0));

    for more in [&[][..], &["--stratify"]] {
        let by_name = [&["--split-by", "(p[0-9]+)_"][..], more].concat();
        folder
            .read(&by_name)
            .check(0, &["images that share (p[0-9]+)_ together"]);
        let dataset = folder.open();
        let patient = |id: &str| {
            id.split_once('_')
                .unwrap()
                .0
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        };
        assert!(together(&dataset, &patient) && counts(&dataset).iter().all(|&count| count > 0));
    }
    for (by, said) in [
        (
            "p[0-9]+",
            "--split-by: p[0-9]+: found no group, expected one of the columns patient, or a regular",
        ),
        (
            "p([0-9]+",
            "expected one of the columns patient, or a regular expression with a group",
        ),
        ("q([0-9]+)", "expected a match in each image's file name"),
    ] {
        let failed = folder.read(&["--split-by", by]);
        failed.check(2, &[said]);
        assert_eq!(failed.text.lines().count(), 1, "{}", failed.text);
    }
}

#[test]
fn a_column_without_a_value_for_an_image_is_refused() {
    let folder = numbered(",patient", 10, |number| {
        let patient = if number == 4 { "" } else { "x" };
        ("cat".to_owned(), format!(",{patient}"))
    });
    folder
        .read(&["--split-by", "patient"])
        .check(2, &["found no value for image images/p4_004"]);
}

#[test]
fn stratify_gives_each_class_its_share() {
    let folder = numbered("", 200, |number| {
        let class = if number % 20 == 0 { "rare" } else { "common" };
        (class.to_owned(), String::new())
    });
    folder.read(&["--stratify"]).check(
        0,
        &["balanced by class; images that are added may move others"],
    );
    let dataset = folder.open();
    let of = |split, class: i32| {
        let images = dataset.images.iter();
        images
            .filter(|image| image.split == split && image.labels.contains(&class))
            .count()
    };
    // 10 of the 200 images are of the rare class (class 1): 70 %, 15 % and 15 % are 7, 1.5 and 1.5.
    assert_eq!(counts(&dataset), [140, 30, 30]);
    let rare = Split::ALL.map(|split| of(split, 1));
    assert!(
        rare[0] == 7 && rare[1] + rare[2] == 3 && rare[1] > 0 && rare[2] > 0,
        "{rare:?}"
    );
}

#[test]
fn splits_of_the_data_stay_and_missing_ones_are_cut_from_train() {
    let folder = numbered(",split", 40, |number| {
        let split = if number < 5 { "test" } else { "train" };
        ("cat".to_owned(), format!(",{split}"))
    });
    folder
        .read(&[])
        .check(0, &["the data has no val: cut from train (by a hash"]);
    let dataset = folder.open();
    let [train, val, test] = counts(&dataset);
    assert!(test == 5 && val > 0 && train > val, "{train} {val} {test}");
    let splits = splits(&dataset);
    assert!((0..5).all(|number| splits[&format!("images/p{number}_{number:03}")] == Split::Test));
    // A command that names the format cuts no missing split.
    folder.run(&["table", "--root", "{}"]).check(0, &[]);
    assert_eq!(counts(&folder.open()), [35, 0, 5]);
    folder
        .read(&["--split", "60,20,20"])
        .check(0, &["the data's own splits are not used: divided 60,20,20"]);
}

#[test]
fn groups_are_by_id_file_name_or_stem() {
    let folder = plain(6);
    folder.write(
        "groups.csv",
        "image,group,site\nimages/p0_000,b,1\np1_001.jpg,a,2\np2_002,b,1\nimages/p3_003.jpg,a,2\n",
    );
    let groups = ["--groups", "{}/groups.csv"];
    folder
        .read(&groups)
        .check(0, &["2 images are in no group of "]);
    let dataset = folder.open();
    assert_eq!(dataset.groups, [(0, "a".to_owned()), (1, "b".to_owned())]);
    let mut found: Vec<_> = dataset
        .images
        .iter()
        .map(|image| (&*image.image_id, image.group_id))
        .collect();
    found.sort_unstable();
    let ids: Vec<_> = found.iter().map(|(_, group)| *group).collect();
    assert_eq!(ids, [Some(1), Some(0), Some(1), Some(0), None, None]);
    for (text, said) in [
        (
            "image,group\np9,a\n",
            "line 2, image: found p9, expected the id or the file of an image",
        ),
        (
            "image,group\np0_000,a\np0_000.jpg,b\n",
            "line 3, group: found b, expected one group for p0_000.jpg",
        ),
        (
            "image,group\np0_000,\n",
            "line 2, group: found nothing, expected a group",
        ),
        (
            "image\np0_000\n",
            "columns: found image, expected a column group",
        ),
        (
            "image,group\n",
            "rows: found nothing, expected an image and its group",
        ),
    ] {
        folder.write("groups.csv", text);
        let failed = folder.read(&groups);
        failed.check(2, &[said]);
        assert_eq!(failed.text.lines().count(), 1, "{}", failed.text);
    }
    folder
        .run(&["read", "{}", "--groups", "{}/gone.csv"])
        .check(2, &["gone.csv"]);
}

/// Roboflow's copies: `NAME.rf.<hash>`, three of each of 30 pictures, and 40 pictures without copies.
/// `split` makes the cell after a box, of the column `header`.
fn copies(header: &str, split: impl Fn(usize) -> &'static str) -> Folder {
    let folder = Folder::new(&[]);
    let mut text = format!("{HEADER}{header}\n");
    let names = (0..130).map(|number| match number {
        0..90 => format!("b{}_png.rf.{number:032x}", number / 3),
        _ => format!("single{number}_png.rf.{number:032x}"),
    });
    for (number, name) in names.enumerate() {
        folder.image(&format!("images/{name}.jpg"));
        writeln!(text, "{name}.jpg,cat,1,1,9,9{}", split(number)).unwrap();
    }
    folder.write("boxes.csv", text);
    folder
}

/// The splits in which each picture has a copy.
fn splits_of_pictures(dataset: &Dataset) -> BTreeMap<String, BTreeSet<Split>> {
    let mut found: BTreeMap<String, BTreeSet<Split>> = BTreeMap::new();
    for image in &dataset.images {
        let (name, _) = image.image_id.split_once(".rf.").unwrap();
        found
            .entry(name.to_owned())
            .or_default()
            .insert(image.split);
    }
    found
}

/// The split that an image gets by the hash of its id (docs/SPEC.md C.5), with the shares 70, 15 and 15 %.
fn by_hash(id: &str) -> Split {
    let digest = Sha256::digest(format!("split:{id}"));
    let first = u64::from_be_bytes(digest[..8].try_into().unwrap());
    match first as f64 / 2_f64.powi(64) {
        ..0.70 => Split::Train,
        ..0.85 => Split::Val,
        _ => Split::Test,
    }
}

#[test]
fn copies_of_one_picture_stay_together_where_the_program_divides() {
    let none = copies("", |_| "");
    let no_test = copies(
        ",split",
        |number| if number < 9 { ",val" } else { ",train" },
    );
    for (folder, more, said) in [
        (&none, &[][..], "the data has no splits: divided"),
        (&none, &["--stratify"], "the data has no splits: divided"),
        (&no_test, &[], "the data has no test: cut from train"),
        (&no_test, &["--split", "60,20,20"], "divided 60,20,20"),
    ] {
        folder.read(more).check(
            0,
            &[said, "(copies of one picture, NAME.rf.…, stay together, "],
        );
        let dataset = folder.open();
        assert!(counts(&dataset).iter().all(|&count| count > 0));
        let splits = splits_of_pictures(&dataset);
        assert!(
            splits.values().all(|splits| splits.len() == 1),
            "{splits:?}"
        );
    }
    // An image without copies is divided by its own id, as if there were no copies.
    none.read(&[]).check(0, &[]);
    let dataset = none.open();
    let singles = dataset.images.iter();
    for image in singles.filter(|image| image.image_id.contains("single")) {
        assert_eq!(image.split, by_hash(&image.image_id), "{}", image.image_id);
    }
    // Where the user says what stays together, copies are not kept together beyond that.
    let by_name = none.read(&["--split-by", "rf.(.*).jpg"]);
    by_name.check(0, &["(images that share rf.(.*).jpg together, by"]);
}

/// The data's own splits are kept, so pictures 0 and 1 (copies 0 to 2 and 3 to 5) are in train and in val;
/// `inspect` lists that among its doubts (what a person should look at before training).
#[test]
fn copies_in_two_of_the_data_s_own_splits_are_a_doubt() {
    let folder = copies(",split", |number| match number {
        0 | 3 => ",val",
        129 => ",test",
        _ => ",train",
    });
    folder.read(&[]).check(0, &[]);
    let inspection = inspect(folder.open().dir(), &folder.root().join("sheets")).unwrap();
    let doubts = inspection.summary.doubts;
    let expected = "2 pictures may have copies (NAME.rf.…) in more than one split, so that the test is not of \
                    new images: b0_png, b1_png";
    assert!(doubts.iter().any(|doubt| doubt == expected), "{doubts:?}");
}
