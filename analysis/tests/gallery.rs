//! Makes reports with a gallery, the folder `gallery/` with a page of all test images and their maps, from invented
//! results. Tests which files are written, kept and removed, what is said where maps or images are missing, and, in
//! headless Chromium from file://, what the page shows. The latter is skipped where there is no Chromium. A shard is
//! a script with the maps or outlines of some pairs (an image and a class on it).

#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::browser::{chromium, page_of, probe, visit_page};
use common::gallery::{Evaluation, Pair, SIDE, pairs, write_data, write_maps, write_scores};
use common::program::{analysis, report};
use common::{Run, reaches, results, write};
use polars::prelude::*;
use tempfile::TempDir;

/// The page's path in the report's folder.
const PAGE: &str = "gallery/index.html";

/// An option of Chromium that lets the page's time run until nothing is left to do (at most so many milliseconds):
/// images and shards arrive after the page is loaded.
const PATIENT: &str = "--virtual-time-budget=100000000";

/// The number of images of [`world`]: more than the 60 of one page of the list.
const N: usize = 70;

/// EPG of pair `i`, of the baseline, of Energy and of L1. Both losses are worst on image 69. The baseline has 0.1,
/// but on image 5 its EPG is undefined (negative here), which counts as 0, so that the gain is greatest there.
fn epg(run_id: &str, i: usize) -> f64 {
    let share = i as f64 / 100.0;
    match run_id {
        "base" if i == 5 => -1.0,
        "base" => 0.1,
        "e" => 0.8 - share,
        _ => 0.75 - share,
    }
}

/// The folder of the evaluation of `run_id`.
fn folder(root: &Path, run_id: &str) -> PathBuf {
    root.join("runs")
        .join(run_id)
        .join("evaluations/test-ixg-input-epoch-0001")
}

/// A results folder with a baseline and runs guided by Energy and L1, with scores and maps of `N` images.
fn world() -> TempDir {
    let dir = results(&[
        Run::default().scored(reaches(0.80, 0.40)),
        Run::guided("e", "energy").scored(reaches(0.79, 0.60)),
        Run::guided("l", "l1").scored(reaches(0.79, 0.50)),
    ]);
    let pairs = pairs(N);
    for run_id in ["base", "e", "l"] {
        let of = Evaluation {
            run_id,
            attribution: "ixg",
            layer: "input",
        };
        let folder = folder(dir.path(), run_id);
        write_scores(&folder, &of, &pairs, |i| epg(run_id, i));
        write_maps(&folder, &of, &pairs);
    }
    write_data(
        &dir.path().join("data/voc"),
        &pairs,
        &[(0, "aeroplane"), (7, "cat")],
    );
    dir
}

/// The names of the files of a gallery, sorted.
fn names(out: &Path) -> Vec<String> {
    let Ok(entries) = fs_err::read_dir(out.join("gallery")) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn images_and_shards_lie_beside_the_page() {
    let dir = world();
    let (out, stderr) = report(dir.path());
    assert!(!stderr.contains("gallery:"), "{stderr}");
    let mut expected: Vec<String> = (0..N).map(|i| format!("0-{i:05}.jpg")).collect();
    expected
        .extend(["index.html", "index.js", "maps-0-0-0.js", "outlines-0-0.js"].map(str::to_owned));
    assert_eq!(names(out.path()), expected);
    let said = format!("wrote {} files of ", N + 4);
    assert!(stderr.contains(&said), "{stderr}");
    let page = fs_err::read_to_string(out.path().join("report.html")).unwrap();
    assert!(page.contains("href=\"gallery/index.html\""));
    assert!(
        !page.contains("0-00000"),
        "pictures are no files of the list"
    );
    // Image i is in row N - 1 - i of the file of pixels, and of that grey.
    for i in [0, 41, N - 1] {
        let path = out.path().join(format!("gallery/0-{i:05}.jpg"));
        let grey = vec![(N - 1 - i) as u8; SIDE * SIDE * 3];
        let mut expected = Vec::new();
        jpeg_encoder::Encoder::new(&mut expected, 80)
            .encode(
                &grey,
                SIDE as u16,
                SIDE as u16,
                jpeg_encoder::ColorType::Rgb,
            )
            .unwrap();
        assert_eq!(fs_err::read(path).unwrap(), expected, "{i}");
    }
}

#[test]
fn what_a_gallery_no_longer_shows_goes() {
    let dir = world();
    let (out, _) = report(dir.path());
    let path = out.path().to_string_lossy().into_owned();
    let again = |options: &[&str]| {
        let done = analysis("report", dir.path(), &[&["--out", &path], options].concat());
        assert!(done.status.success());
        String::from_utf8(done.stderr).unwrap()
    };
    let picture = out.path().join("gallery/0-00000.jpg");
    let written = || fs_err::metadata(&picture).unwrap().modified().unwrap();
    let before = written();
    fs_err::write(out.path().join("gallery/mine.txt"), "mine").unwrap();
    again(&[]);
    assert_eq!(written(), before, "a picture of the same contents is kept");
    // Ten images, chosen by a hash, which is said.
    let said = again(&["--gallery", "10"]);
    let note = "note: gallery: 10 of the 70 test images of VOC 2007, chosen by a hash of their names; --gallery 70 shows all";
    assert!(said.contains(note), "{said}");
    let found = names(out.path());
    assert_eq!(
        found.iter().filter(|name| name.ends_with(".jpg")).count(),
        10
    );
    let index = fs_err::read_to_string(out.path().join("gallery/index.js")).unwrap();
    assert_eq!(index.matches("\"image-").count(), 10);
    let said = again(&["--gallery", "0"]);
    assert_eq!(names(out.path()), ["mine.txt"]);
    assert!(said.contains("removed 14 files of "), "{said}");
    let page = fs_err::read_to_string(out.path().join("report.html")).unwrap();
    assert!(!page.contains("gallery/index.html"));
}

#[test]
fn what_is_missing_is_said_once() {
    let dir = world();
    for run_id in ["base", "l"] {
        fs_err::remove_file(folder(dir.path(), run_id).join("gallery.parquet")).unwrap();
    }
    fs_err::rename(dir.path().join("data"), dir.path().join("elsewhere")).unwrap();
    let (out, stderr) = report(dir.path());
    let notes: Vec<&str> = stderr
        .lines()
        .filter(|line| line.contains("gallery:"))
        .collect();
    let base = folder(dir.path(), "base");
    assert_eq!(
        notes,
        [
            format!(
                "note: gallery: no maps of 2 evaluations, the first {}: no gallery.parquet; `evaluator \
                 score` writes it",
                base.display()
            ),
            format!(
                "note: gallery: no images of the data with sha256 d…: it is in no folder of {}; --data \
                 says where it is",
                dir.path().join("data").display()
            ),
        ]
    );
    assert!(names(out.path()).iter().all(|name| !name.ends_with(".jpg")));
    let index = fs_err::read_to_string(out.path().join("gallery/index.js")).unwrap();
    assert!(index.contains("\"classes\":[\"class 0\",\"class 7\"]"));
    // Where the data is said to be, images and names are found.
    let data = dir.path().join("elsewhere/voc");
    let path = out.path().to_string_lossy().into_owned();
    let data = data.to_string_lossy();
    let done = analysis("report", dir.path(), &["--out", &path, "--data", &data]);
    let stderr = String::from_utf8(done.stderr).unwrap();
    assert!(!stderr.contains("no images"), "{stderr}");
    assert!(names(out.path()).contains(&"0-00069.jpg".to_owned()));
    let index = fs_err::read_to_string(out.path().join("gallery/index.js")).unwrap();
    assert!(index.contains("\"classes\":[\"aeroplane\",\"cat\"]"));
    // A folder that is none is refused.
    let wrong = dir.path().to_string_lossy();
    let done = analysis("report", dir.path(), &["--out", &path, "--data", &wrong]);
    let expected = format!(
        "error: {}/classes.parquet: --data: found no such file, expected the classes.parquet of a data folder\n",
        wrong
    );
    assert_eq!(String::from_utf8(done.stderr).unwrap(), expected);
    assert_eq!(done.status.code(), Some(2));
}

#[test]
fn a_row_that_the_pixels_do_not_have_is_named() {
    let dir = world();
    let path = dir.path().join("data/voc/images.parquet");
    let file = std::fs::File::open(&path).unwrap();
    let whole = ParquetReader::new(file).finish().unwrap();
    for row in [1_000_000, N as i64, -1] {
        let mut frame = whole.clone();
        let rows: Vec<i64> = (0..N as i64)
            .map(|i| if i == 3 { row } else { i })
            .collect();
        frame
            .with_column(Column::new("pixel_row".into(), rows))
            .unwrap();
        write(&path, "images", frame);
        let out = TempDir::new().unwrap();
        let folder = out.path().to_string_lossy();
        let done = analysis("report", dir.path(), &["--out", &folder]);
        let pixels = dir.path().join("data/voc/pixels.arrow");
        let expected = format!(
            "error: {}: contents: found no row {row}, expected a whole Arrow file of pixels\n",
            pixels.display()
        );
        assert_eq!(String::from_utf8(done.stderr).unwrap(), expected);
        assert_eq!(fs_err::read_dir(out.path()).unwrap().count(), 0);
    }
}

/// Functions for the tests' scripts: `ids()` are the images listed, `all(what)` the elements, `set(id, value)`
/// chooses in a field. What `probe` returns, joined by blanks, becomes `data-probe` when all that is shown is
/// drawn.
const HELPERS: &str = r##"
const all = (what) => [...document.querySelectorAll(what)];
const get = (id) => document.getElementById(id);
const ids = () => all("#list .title").map((title) => title.textContent.match(/image-\d+/)[0].slice(6));
const set = (id, value) => {
  const field = get(id);
  field.value = value;
  field.dispatchEvent(new Event(id === "search" ? "input" : "change"));
};
const drawn = async () => { while (!gallery.isDrawn()) await new Promise((done) => setTimeout(done, 100)); };
const run = async (probe) => {
  try {
    await drawn();
    document.body.dataset.probe = (await probe()).join(" ");
  } catch (error) {
    document.body.dataset.probe = error.stack;
  }
};
"##;

/// Makes a report of `results`, opens its gallery with `probe`, an asynchronous JavaScript function, and
/// returns what that found.
fn probed(chromium: &Path, results: &Path, probe_script: &str, options: &[&str]) -> String {
    let script = format!("{HELPERS} addEventListener('load', () => run({probe_script}));");
    let page = page_of(results, PAGE, &script);
    let waiting = [&[PATIENT], options].concat();
    let (dom, log) = visit_page(chromium, &page, PAGE, &waiting);
    assert!(!log.contains("CONSOLE"), "{log}");
    probe(&dom).to_owned()
}

#[test]
fn pairs_are_chosen_and_ordered() {
    let Some(chromium) = chromium("pairs_are_chosen_and_ordered") else {
        return;
    };
    let script = r##"async () => {
      const found = [];
      const first = () => found.push(ids().slice(0, 3).join(","), ids().length);
      first();
      set("order", "best"); first();
      set("order", "rose"); first();
      set("order", "fell"); first();
      set("order", "name"); first();
      set("class", "1"); first();
      set("class", ""); set("group", "0"); first();
      set("group", ""); set("search", "E-06"); first();
      found.push(get("steps").hidden);
      set("search", "nowhere"); first();
      found.push(get("count").textContent.replaceAll(" ", "_"));
      set("search", ""); set("loss", "L1");
      found.push(all("#list li")[0].querySelectorAll("canvas").length);
      get("after").click(); first();
      found.push(get("after").disabled, get("before").disabled, get("place").textContent.replaceAll(" ", "_"));
      return found;
    }"##;
    let dir = world();
    let found = probed(&chromium, dir.path(), script, &[]);
    // After each step: the first three images of the list, and how many are listed; or what else was found.
    let expected = [
        "069,068,067 60",
        "000,001,002 60",
        // The baseline has 10 % of all but image 5, whose EPG is undefined and counts 0.
        "005,000,001 60",
        "069,068,067 60",
        "000,001,002 60",
        "002,005,008 23",
        "000,001,003 47",
        "060,061,062 10",
        "true",
        " 0",
        "No_image_fits.",
        // Image, baseline and L1.
        "3",
        "060,061,062 10",
        "true false 2_of_2",
    ];
    assert_eq!(found, expected.join(" "));
}

#[test]
fn a_pair_is_seen_large() {
    let Some(chromium) = chromium("a_pair_is_seen_large") else {
        return;
    };
    let script = r##"async () => {
      const found = [];
      const large = get("large");
      const key = (key) => large.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      const what = () => get("what").textContent.replaceAll(" ", "_");
      const cells = () => all("#walls .cell").map((cell) => cell.textContent.replaceAll(/\s/g, "_"));
      all("#list button")[58].click();
      found.push(large.open, what(), ...cells());
      key("ArrowRight"); key("ArrowRight");
      found.push(what(), get("left").disabled);
      key("ArrowRight"); key("ArrowLeft"); key("ArrowLeft"); key("ArrowRight");
      found.push(what());
      const closed = new Promise((done) => large.addEventListener("close", done));
      get("close").click();
      await closed;
      // Of the second page now, with the focus on it.
      found.push(large.open, ids()[0], document.activeElement.textContent.includes("image-009"));
      all("#list button")[9].click();
      found.push(what(), get("right").disabled);
      key("ArrowRight");
      found.push(what());
      return found;
    }"##;
    let dir = world();
    let found = probed(&chromium, dir.path(), script, &[]);
    // Number 58 of the list, which is in the order from worst to best, is image 69 − 58 = 11. The arrow keys go on
    // over the end of the page of 60.
    let expected = [
        "true cat_image-011_·_group_1 Image_",
        "Baseline_EPG_10.0_% Energy,_λ_=_0.1_EPG_69.0_%_(+59.0) L1,_λ_=_0.1_EPG_64.0_%_(+54.0)",
        "aeroplane_image-009_·_group_0 false",
        "aeroplane_image-009_·_group_0",
        "false 009 true",
        "aeroplane_image-000_·_group_0 true",
        "aeroplane_image-000_·_group_0",
    ];
    assert_eq!(found, expected.join(" "));
}

/// The data folder is moved away, so that there are no images: maps are then drawn over plain grey, and a script may
/// read the pixels of the canvas, which a browser forbids where images from files were drawn.
#[test]
fn maps_boxes_and_outlines_are_drawn() {
    let Some(chromium) = chromium("maps_boxes_and_outlines_are_drawn") else {
        return;
    };
    let script = r##"async () => {
      const pixels = (cell) => {
        const canvas = all("#list canvas")[cell];
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return (x, y) => {
          const at = 4 * (Math.floor(y * canvas.height) * canvas.width + Math.floor(x * canvas.width));
          return [...data.slice(at, at + 3)].join(",");
        };
      };
      const look = () => {
        const [image, map] = [pixels(0), pixels(1)];
        return [image(0.25, 0.25), map(0.1, 0.25), map(0.9, 0.25), map(0.004, 0.5), map(0.502, 0.5)].join(" ");
      };
      const found = [look()];
      get("boxes").click();
      await drawn();
      found.push(look());
      get("outlines").click();
      await drawn();
      found.push(look());
      return found;
    }"##;
    let dir = world();
    fs_err::rename(dir.path().join("data"), dir.path().join("elsewhere")).unwrap();
    let found = probed(&chromium, dir.path(), script, &[]);
    // The colours of five points: the image's grey 140; the map's left half in full colour, 0.25 · 140 + 0.75 · (140,
    // 0, 0), where 140 is the red of the strongest colour, 0.55 · 255; its right half, not positive, 0.25 · 140 +
    // 0.75 · 255; the box's frame at the left edge; the segmentation's outline in the middle. Rows: with boxes and
    // outlines, without boxes, without both. Without the outline the middle may have any other colour.
    let (image, strong, white) = ("140,140,140", "140,35,35", "226,226,226");
    let expected = [
        [image, strong, white, "0,200,230", "40,70,255"],
        [image, strong, white, strong, "40,70,255"],
        [image, strong, white, strong, "middle"],
    ];
    let middle = found.rsplit(' ').next().unwrap();
    assert_ne!(middle, "40,70,255");
    let expected: Vec<String> = expected.iter().map(|row| row.join(" ")).collect();
    assert_eq!(found, expected.join(" ").replace("middle", middle));
}

#[test]
fn only_what_is_shown_is_loaded() {
    let Some(chromium) = chromium("only_what_is_shown_is_loaded") else {
        return;
    };
    let script = r##"async () => {
      const found = gallery.loaded();
      get("after").click();
      await drawn();
      return [...found, ...gallery.loaded()];
    }"##;
    let dir = world();
    // The numbers of images and shards loaded: 60 and 2 with the first page, then 70 and 2 in all. All maps are in
    // one shard, and so are all outlines.
    assert_eq!(probed(&chromium, dir.path(), script, &[]), "60 2 70 2");
}

#[test]
fn the_gallery_follows_a_dark_desktop() {
    let Some(chromium) = chromium("the_gallery_follows_a_dark_desktop") else {
        return;
    };
    let dir = world();
    let script = "async () => [getComputedStyle(document.body).backgroundColor]";
    let dark = ["--blink-settings=preferredColorScheme=0"];
    for (options, colour) in [(&[][..], "rgb(255, 255, 255)"), (&dark, "rgb(20, 23, 27)")] {
        assert_eq!(probed(&chromium, dir.path(), script, options), colour);
    }
}

/// There are two settings (runs trained and scored alike), with maps of the input and of the final layer, and one of
/// two images has no maps of the final layer.
#[test]
fn every_setting_has_its_maps() {
    let Some(chromium) = chromium("every_setting_has_its_maps") else {
        return;
    };
    let both = |run: Run| {
        run.scored(reaches(0.80, 0.40))
            .scored_at("final", reaches(0.80, 0.40))
    };
    let dir = results(&[both(Run::default()), both(Run::guided("e", "energy"))]);
    for (layer, n) in [("input", 2), ("final", 1)] {
        for run_id in ["base", "e"] {
            let of = Evaluation {
                run_id,
                attribution: "ixg",
                layer,
            };
            let folder = dir.path().join(format!(
                "runs/{run_id}/evaluations/test-ixg-{layer}-epoch-0001"
            ));
            let pairs: Vec<Pair> = pairs(n);
            write_scores(&folder, &of, &pairs, |i| epg(run_id, i));
            write_maps(&folder, &of, &pairs);
        }
    }
    let script = r##"async () => {
      const found = [all("#setting option").length];
      all("#list button")[0].click();
      found.push(...all("#walls h3, #walls .cell").map((part) => part.textContent.replaceAll(/\s/g, "_")));
      return found;
    }"##;
    let found = probed(&chromium, dir.path(), script, &[]);
    let expected = [
        "2 resnet50_·_IxG_at_Input Image_ Baseline_EPG_10.0_% Energy,_λ_=_0.1_EPG_79.0_%_(+69.0)",
        // No run was guided at the final layer, so the run guided at the input is shown there.
        "resnet50_·_IxG_at_Final Image_ Baseline_not_scored Energy,_λ_=_0.1,_guided_IxG_at_Input_not_scored",
    ];
    assert_eq!(found, expected.join(" "));
}
