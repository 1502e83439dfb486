//! Tests `trainer predict`, which predicts and explains image files without annotations. Its logits and maps for the
//! image files that a data folder was made from must equal, to the last bit, those of `trainer explain` for that
//! folder. Further tests have images of every kind and name, an earlier result in the output folder, broken images,
//! and a prediction that is stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{Float32Type, Float64Type, Int32Type};
use arrow::ipc::reader::StreamReader;
use tests::programs::{program, run, succeed};
use tests::tables::{read, schemas};

use crate::made::{folder, made};

/// The folder of the image files that the data folder of [`made`] was made from.
fn sources() -> PathBuf {
    made().data.join("devkit/JPEGImages")
}

/// data-prep's test fixtures: images of many formats and sizes, with other files beside them.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data-prep/tests/fixtures")
}

/// Returns the command `trainer predict` for the folder `images`, with the baseline (unguided run) of [`made`].
fn predict(images: &Path, out: &Path, options: &str) -> Command {
    let mut command = program("trainer");
    command.arg("predict").arg(images).arg("--out").arg(out);
    command.arg("--run").arg(&made().runs[0].folder);
    command.args(["--device", "cpu"]);
    command.args(options.split_whitespace());
    command
}

/// For each image id and class id the logit, and the map's height, width and bytes.
type Maps = BTreeMap<(String, i32), (f32, i32, i32, Vec<u8>)>;

/// Reads the rows of a table or stream of maps.
fn maps(rows: &RecordBatch) -> Maps {
    let int = |name: &str| rows[name].as_primitive::<Int32Type>().values().to_vec();
    let (classes, heights, widths) = (int("class_id"), int("height"), int("width"));
    let logits = rows["logit"].as_primitive::<Float32Type>().values();
    let row = |row: usize| {
        let id = rows["image_id"].as_string::<i32>().value(row).to_owned();
        let bytes = rows["map"].as_binary::<i32>().value(row).to_vec();
        let map = (logits[row], heights[row], widths[row], bytes);
        ((id, classes[row]), map)
    };
    let made: Maps = (0..rows.num_rows()).map(row).collect();
    assert_eq!(made.len(), rows.num_rows(), "a pair twice");
    made
}

/// Returns the logit of each image id and class id in a table of predictions.
fn logits(rows: &RecordBatch) -> BTreeMap<(String, i32), f32> {
    let ids = rows["image_id"].as_string::<i32>().iter();
    let classes = rows["class_id"].as_primitive::<Int32Type>().values();
    let logits = rows["logit"].as_primitive::<Float32Type>().values();
    ids.zip(classes.iter().zip(logits))
        .map(|(id, (class, logit))| ((id.unwrap().to_owned(), *class), *logit))
        .collect()
}

/// Returns the files below `folder` as sorted paths relative to it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs_err::read_dir(inner).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().to_owned()),
            }
        }
    }
    let mut found: Vec<String> = (found.iter())
        .map(|path| path.to_str().unwrap().to_owned())
        .collect();
    found.sort();
    found
}

/// `predict` of the source files and `explain` of the data folder must give the same logits and maps.
#[test]
fn what_is_predicted_is_what_is_explained_of_the_data_folder() {
    let (made, root) = (made(), folder("predicted"));
    // Two methods: Input × Gradient, and SmoothGrad, which draws random numbers that depend on the image's id.
    let layer = "final";
    for attribution in ["ixg", "smoothgrad"] {
        let out = root.join(attribution);
        let options = format!(
            "--top 99 --batch-size 1 --layer {layer} --attribution {attribution} --no-overlays"
        );
        succeed(&mut predict(&sources(), &out, &options));
        assert_eq!(files(&out), ["maps.parquet", "predictions.parquet"]);
        let predicted = read(&out.join("predictions.parquet")).unwrap();
        let columns = &schemas().unwrap()["predicted"];
        predicted.check("predicted", columns).unwrap();
        let table = read(&out.join("maps.parquet")).unwrap();
        table.check("maps", &schemas().unwrap()["maps"]).unwrap();
        assert_eq!(table.metadata["attribution"], attribution);
        assert_eq!(table.metadata["layer"], layer);
        let predicted_logits = logits(&predicted.rows);
        let predicted_maps = maps(&table.rows);
        assert_eq!(predicted_logits.len(), predicted.rows.num_rows());
        assert_eq!(predicted_maps.len(), predicted_logits.len());

        let mut n_explained = 0;
        for split in ["train", "val", "test"] {
            let stream = root.join(format!("{attribution}-{split}.arrow"));
            let table = stream.with_extension("parquet");
            let mut explain = program("trainer");
            explain.args(["explain", "--device", "cpu", "--batch-size", "1"]);
            explain.args(["--layer", layer, "--attribution", attribution]);
            explain.args(["--split", split, "--run"]);
            explain
                .arg(&made.runs[0].folder)
                .arg("--data")
                .arg(&made.data);
            explain.arg("--maps").arg(&stream);
            succeed(explain.arg("--predictions").arg(&table));
            let stream = StreamReader::try_new(fs_err::File::open(stream).unwrap(), None).unwrap();
            let schema = stream.schema();
            let batches: Vec<RecordBatch> = stream.map(Result::unwrap).collect();
            let explained = maps(&concat_batches(&schema, &batches).unwrap());
            assert!(!explained.is_empty());
            for (pair, map) in explained {
                assert!(predicted_maps[&pair] == map, "{attribution}: {pair:?}");
            }
            let explained = logits(&read(&table).unwrap().rows);
            n_explained += explained.len();
            for (cell, logit) in explained {
                assert_eq!(predicted_logits[&cell], logit, "{cell:?}");
            }
        }
        assert_eq!(predicted_logits.len(), n_explained);

        // The probability is the sigmoid of the logit, and a class is predicted from logit 0 on.
        let rows = &predicted.rows;
        let probabilities = rows["probability"].as_primitive::<Float64Type>().values();
        let values = rows["logit"].as_primitive::<Float32Type>().values();
        for (row, (&logit, &probability)) in values.iter().zip(probabilities).enumerate() {
            let odds = probability / (1.0 - probability);
            assert!((odds.ln() - f64::from(logit)).abs() < 1e-4, "{logit}");
            let is_predicted = rows["predicted"].as_boolean().value(row);
            assert_eq!(is_predicted, logit >= 0.0);
            let image = rows["image"].as_string::<i32>().value(row);
            let id = rows["image_id"].as_string::<i32>().value(row);
            assert_eq!(image, format!("{id}.jpg"));
        }
    }
}

/// Without options there is a map and an overlay (the map drawn over the image) for each predicted class of each image.
/// Then the output folder is used again, and a folder with other files is refused.
#[test]
fn predicted_classes_are_explained_and_drawn() {
    let out = folder("drawn").join("new/out");
    let said = succeed(&mut predict(&sources(), &out, "")).stderr;
    let rows = read(&out.join("predictions.parquet")).unwrap().rows;
    let texts = |name: &str| rows[name].as_string::<i32>();
    let classes = rows["class_id"].as_primitive::<Int32Type>().values();
    let n_classes = 1 + *classes.iter().max().unwrap();
    let (mut pairs, mut overlays) = (Vec::new(), Vec::new());
    for row in (0..rows.num_rows()).filter(|&row| rows["predicted"].as_boolean().value(row)) {
        pairs.push((texts("image_id").value(row).to_owned(), classes[row]));
        // Class ids in file names are padded with zeros to the same width.
        let digits = (n_classes - 1).to_string().len();
        overlays.push(format!(
            "{}.{:0digits$}-{}.png",
            texts("image").value(row),
            classes[row],
            texts("class_name").value(row),
        ));
    }
    assert!(
        !pairs.is_empty() && pairs.len() < rows.num_rows(),
        "{}",
        pairs.len()
    );
    overlays.sort();
    assert_eq!(files(&out.join("overlays")), overlays);
    let found = maps(&read(&out.join("maps.parquet")).unwrap().rows);
    assert_eq!(found.into_keys().collect::<Vec<_>>(), {
        pairs.sort();
        pairs.clone()
    });
    let expected = format!("{} map(s) of classes", pairs.len());
    assert!(said.contains(&expected), "{said}");

    // A second prediction into the same folder, which writes fewer files: nothing of the first may be left.
    let one = texts("class_name").value(1);
    let options = format!("--class {one} --no-maps");
    succeed(&mut predict(&sources(), &out, &options));
    let n_images = rows.num_rows() / n_classes as usize;
    let left = files(&out);
    assert_eq!(left.len(), n_images + 1, "{left:?}");
    let is_one = |file: &String| file.ends_with(&format!("-{one}.png"));
    assert_eq!(left.iter().filter(|file| is_one(file)).count(), n_images);

    // With a file in the folder that predict did not write, it refuses and leaves this file and the earlier result.
    fs_err::write(out.join("notes.txt"), "mine").unwrap();
    let refused = run(&mut predict(&sources(), &out, ""));
    let expected = format!(
        "error: {}: --out: found notes.txt, expected an empty folder, or what trainer predict wrote",
        out.display()
    );
    assert_eq!(refused.code, Some(2));
    assert_eq!(refused.stderr.trim_end(), expected);
    assert_eq!(files(&out).len(), n_images + 2);
    // A table of another command does not count as an earlier result, so the folder is refused. Temporary files that a
    // killed command left are removed.
    let other = folder("drawn-other");
    let evaluation = made().runs[0].evaluations[0].join("predictions.parquet");
    fs_err::copy(evaluation, other.join("predictions.parquet")).unwrap();
    let refused = run(&mut predict(&sources(), &other, ""));
    assert!(
        refused
            .stderr
            .contains("found predictions, expected predicted")
    );
    fs_err::rename(
        other.join("predictions.parquet"),
        other.join(".predictions.parquet.x.partial"),
    )
    .unwrap();
    succeed(&mut predict(&sources(), &other, "--no-overlays --no-maps"));
    assert_eq!(files(&other), ["predictions.parquet"]);
}

/// Returns the width and height of a PNG in pixels.
fn size(path: &Path) -> (u32, u32) {
    let file = std::io::BufReader::new(fs_err::File::open(path).unwrap());
    let reader = png::Decoder::new(file).read_info().unwrap();
    (reader.info().width, reader.info().height)
}

/// Predicts all image files of data-prep's fixtures (palettes, 16 bits, transparency, CMYK, animation, one pixel, …),
/// and some with names that file systems or programs handle badly.
#[test]
fn images_of_every_kind_and_name_are_predicted() {
    let root = folder("kinds");
    let (images, out) = (root.join("images"), root.join("images/results"));
    let names = [
        "plain.jpg",
        "UPPER.JPG",
        "upper.jpg",
        "CON.jpg",
        "two\nlines: \"a\" *.png.jpeg",
        "größe/猫 é\u{301}.jfif",
        ".hidden/not.jpg",
    ];
    let mut long = "ü".repeat(125);
    long.push_str(".jpg"); // 254 bytes
    for name in names.into_iter().chain([long.as_str()]) {
        let path = images.join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::copy(fixtures().join("pixels/exif_rotated.jpg"), path).unwrap();
    }
    std::os::unix::fs::symlink(fixtures(), images.join("fixtures")).unwrap();
    let done = succeed(&mut predict(&images, &out, "--top 1"));
    assert!(
        done.stderr.contains("other file(s), no images"),
        "{}",
        done.stderr
    );
    let rows = read(&out.join("predictions.parquet")).unwrap().rows;
    let mut found: Vec<&str> = rows["image"].as_string::<i32>().iter().flatten().collect();
    found.dedup();
    for name in names.iter().filter(|name| !name.starts_with('.')) {
        assert!(found.contains(name), "{name:?}");
    }
    assert!(found.contains(&long.as_str()));
    // Those named above and the fixtures.
    assert!(found.len() > 45, "{}", found.len());
    let overlays = out.join("overlays");
    let drawn = files(&overlays);
    assert_eq!(drawn.len(), found.len());
    // Returns the size of an image's overlay. Photos are rotated as their EXIF orientation says, as viewers show
    // them. Of two names that differ only in case one gets a number (`~2`).
    let picture = |name: &str| {
        let is_its = |file: &&String| {
            let rest = file.strip_prefix(name).unwrap_or_default();
            rest.starts_with('.') && rest.ends_with(".png") && !rest.contains('/')
        };
        match drawn.iter().find(is_its) {
            Some(file) => size(&overlays.join(file)),
            None => panic!("{name}: {drawn:?}"),
        }
    };
    let upright = picture("plain.jpg");
    for name in [
        "UPPER.JPG",
        "upper.jpg~2",
        "_CON.jpg",
        "two_lines_ _a_ _.png.jpeg",
        "größe/猫 é\u{301}.jfif",
        "fixtures/pixels/exif_rotated.jpg",
    ] {
        assert_eq!(picture(name), upright, "{name}");
    }
    assert_eq!(picture("fixtures/pixels/one_pixel.jpg"), (1, 1));
    assert_eq!(picture("fixtures/formats/two_frames.gif"), (24, 18));
    assert_eq!(picture("fixtures/formats/gray16.png"), (24, 18));

    // A second prediction: the overlays of the first, which lie below the folder of images, are not taken as images.
    // With `--exif ignore` the photo is not rotated, so its width and height are exchanged.
    succeed(&mut predict(&images, &out, "--top 1 --exif ignore"));
    assert_eq!(files(&overlays), drawn);
    assert_eq!(picture("plain.jpg"), (upright.1, upright.0));
    let again = read(&out.join("predictions.parquet")).unwrap().rows;
    assert_eq!(
        again["image"].as_string::<i32>(),
        rows["image"].as_string::<i32>()
    );
    let as_stored = logits(&again);
    let differ = |name: &str| {
        let of = |all: &BTreeMap<(String, i32), f32>| all[&(name.to_owned(), 0)];
        of(&logits(&rows)) != of(&as_stored)
    };
    // Only the logits of the rotated photo change.
    assert!(differ("plain") && !differ("fixtures/pixels/rgb"));
}

/// Predicts with weight files instead of a run. Exported weights name the classes; imported ones do not, so classes are
/// numbered or their names given in a file. Such names must not lead out of the output folder.
#[test]
fn weights_without_a_run_are_told_their_classes() {
    let root = folder("weights");
    let (exported, imported) = (root.join("out.safetensors"), root.join("in.safetensors"));
    let mut export = program("trainer");
    export.args(["export", "--run"]).arg(&made().runs[0].folder);
    succeed(export.arg("--out").arg(&exported));
    let mut import = program("trainer");
    import.args(["import", "--backbone", "resnet18"]);
    succeed(import.arg(&exported).arg("--out").arg(&imported));
    let predict = |weights: &Path, out: &str, options: &[&str]| {
        let mut command = program("trainer");
        command
            .arg("predict")
            .arg(sources())
            .args(["--device", "cpu"]);
        command.args([
            "--size",
            "32",
            "--top",
            "1",
            "--layer",
            "final",
            "--weights",
        ]);
        command.arg(weights).arg("--out").arg(root.join(out));
        run(command.args(options))
    };
    let by_run = root.join("run");
    succeed(&mut self::predict(&sources(), &by_run, "--top 1"));
    let expected = read(&by_run.join("predictions.parquet")).unwrap().rows;

    // The exported file names the classes, the imported one does not.
    assert_eq!(predict(&exported, "exported", &[]).code, Some(0));
    let found = read(&root.join("exported/predictions.parquet"))
        .unwrap()
        .rows;
    assert_eq!(found.columns(), expected.columns());
    let done = predict(&imported, "numbered", &[]);
    assert!(
        done.stderr.contains("so they are called 0, 1, …"),
        "{}",
        done.stderr
    );
    let found = read(&root.join("numbered/predictions.parquet"))
        .unwrap()
        .rows;
    assert_eq!(found["logit"].as_ref(), expected["logit"].as_ref());
    assert_eq!(found["class_name"].as_string::<i32>().value(1), "1");
    // The tables have a row for each image and class.
    let n_classes = rows_of_first(&expected);

    let list = root.join("names.txt");
    let hostile = |i: usize| match i {
        0 => "../../../escaped".to_owned(),
        1 => "a/b".to_owned(),
        2 => "long ".repeat(100),
        i => format!("{i}"),
    };
    let names: Vec<String> = (0..n_classes).map(hostile).collect();
    fs_err::write(&list, names.join("\n")).unwrap();
    let options = [
        "--class-names",
        list.to_str().unwrap(),
        "--class",
        "a/b",
        "--class",
    ];
    let options = [&options[..], &["../../../escaped"]].concat();
    // The closure `predict` passes --top, which excludes --class. The command after it goes without.
    assert_eq!(predict(&imported, "hostile", &options).code, Some(2));
    let mut command = program("trainer");
    command
        .arg("predict")
        .arg(sources())
        .args(["--device", "cpu", "--size", "32"]);
    command
        .arg("--weights")
        .arg(&imported)
        .arg("--out")
        .arg(root.join("hostile"));
    succeed(command.args(options));
    let drawn = files(&root.join("hostile/overlays"));
    assert_eq!(drawn.len(), 2 * expected.num_rows() / n_classes);
    assert!(drawn.iter().all(|file| !file.contains('/')), "{drawn:?}");

    fs_err::write(&list, "cat\ndog").unwrap();
    let done = predict(&imported, "few", &["--class-names", list.to_str().unwrap()]);
    let expected = format!(
        "error: {}: classes: found 2 names, expected {n_classes}, as many as {} has outputs",
        list.display(),
        imported.display()
    );
    assert_eq!(
        (done.code, done.stderr.trim_end()),
        (Some(2), expected.as_str())
    );
    assert!(!root.join("few").exists());
}

/// Returns the number of rows of the table's first image.
fn rows_of_first(rows: &RecordBatch) -> usize {
    let images = rows["image"].as_string::<i32>();
    images
        .iter()
        .take_while(|image| *image == Some(images.value(0)))
        .count()
}

/// A broken image ends the command, which then leaves nothing behind; with `--on-error skip` the image is left out and
/// listed. If all images are broken, the command fails in both cases.
#[test]
fn broken_images_are_refused_or_left_out() {
    let root = folder("broken");
    let (images, out) = (root.join("images"), root.join("out"));
    fs_err::create_dir(&images).unwrap();
    let mut names: Vec<PathBuf> = (fs_err::read_dir(sources()).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    for (i, path) in names.iter().take(6).enumerate() {
        fs_err::copy(path, images.join(format!("{i}.jpg"))).unwrap();
    }
    fs_err::write(images.join("5.jpg"), "a text").unwrap();
    let done = run(&mut predict(&images, &out, "--batch-size 1 --top 1"));
    let problem = format!(
        "{}: image: found a file that begins [61, 20, 74, 65], expected a JPEG, PNG, WebP, TIFF, BMP or GIF image",
        images.join("5.jpg").display()
    );
    assert_eq!(done.code, Some(2));
    assert!(
        done.stderr
            .contains(&format!("error: {problem}\nhint: --on-error skip")),
        "{}",
        done.stderr
    );
    assert!(!out.exists(), "{:?}", files(&out));

    let done = run(&mut predict(
        &images,
        &out,
        "--batch-size 4 --top 1 --on-error skip",
    ));
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(
        done.stderr
            .contains("1 left out, listed in skipped.parquet"),
        "{}",
        done.stderr
    );
    let skipped = read(&out.join("skipped.parquet")).unwrap();
    skipped
        .check("skipped", &schemas().unwrap()["skipped"])
        .unwrap();
    let file = skipped.rows["file"].as_string::<i32>();
    assert_eq!(
        file.iter().collect::<Vec<_>>(),
        [images.join("5.jpg").to_str()]
    );
    assert_eq!(files(&out.join("overlays")).len(), 5);

    for i in 0..5 {
        fs_err::write(images.join(format!("{i}.jpg")), "").unwrap();
    }
    let done = run(&mut predict(&images, &out, "--on-error skip"));
    assert!(
        done.stderr
            .contains("images: found no image left (6 left out), expected at least 1")
    );
    assert_eq!(done.code, Some(2));
    assert!(!out.exists(), "{:?}", files(&out));
}

/// A prediction stopped by SIGINT ends with exit code 75 and removes what it wrote.
#[test]
fn a_stopped_prediction_leaves_nothing() {
    let root = folder("interrupted");
    let (images, out) = (root.join("images"), root.join("out"));
    fs_err::create_dir(&images).unwrap();
    let source = fs_err::read_dir(sources()).unwrap().next().unwrap();
    let source = source.unwrap().path();
    // So many images that most are not yet predicted when the first overlay is written.
    for i in 0..2000 {
        fs_err::hard_link(&source, images.join(format!("{i}.jpg"))).unwrap();
    }
    let mut command = predict(&images, &out, "--batch-size 1 --top 1");
    let mut predicting = command.stderr(Stdio::piped()).spawn().unwrap();
    while !out.join("overlays").exists() {
        let ended = predicting.try_wait().unwrap();
        assert!(ended.is_none(), "ended before the first overlay");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let id = predicting.id().to_string();
    succeed(Command::new("kill").args(["-INT", &id]));
    let done = predicting.wait_with_output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(75), "{said}");
    assert!(said.contains("stopped: nothing is left in "), "{said}");
    assert!(!out.exists(), "{:?}", files(&out));
}
