//! Makes the data of the gallery, the page of all test images beside the report. The data are scripts, because a
//! page opened from a file cannot fetch other files. `index.js` calls `gallery.open` with everything by which the
//! page filters and orders pairs (an image and a class on it). The maps and outlines are in shards, scripts with
//! those of some consecutive pairs; a shard calls `gallery.hang` with its own name and these data. A map has a byte
//! for each cell: 0 for what is not positive, 255 for full colour.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::model::gallery::{Collection, Column, SmallMap, Value, Wall};
use crate::model::names;
use crate::model::results::Results;
use crate::model::subject::CONVENTIONAL;
use crate::render::colormap::{BOX, OVERLAY, full, white_to_dark_red};
use crate::render::gallery::pictures::Pictures;
use crate::render::gallery::place::FOLDER;
use crate::render::output::{File, PROGRAM};
use crate::{Error, Result};

/// The size that a shard should have, in bytes. Chosen: the page shows 60 pairs at a time, which may lie in 60
/// shards, so that at most about 6 MB are loaded for it.
const SHARD: usize = 96 << 10;

/// What `gallery.open` is called with.
#[derive(Serialize)]
struct Index {
    program: &'static str,
    /// 256 colours of a map, three bytes each, base64.
    colours: String,
    /// The opacity of a map over its image.
    overlay: f64,
    /// The colour of boxes.
    frame: [u8; 3],
    collections: Vec<Shown>,
}

/// A collection: the pairs of one data folder and task. Lists of pairs and of images have the same order everywhere.
#[derive(Serialize)]
struct Shown {
    title: String,
    classes: Vec<String>,
    groups: Vec<String>,
    images: Vec<String>,
    /// File names; `null` where there is no picture.
    pictures: Vec<Option<String>>,
    /// Of each image, an index into `groups`; `null` without a group.
    image_groups: Vec<Option<usize>>,
    /// Of each pair, an index into `images`.
    image: Vec<usize>,
    /// Of each pair, an index into `classes`.
    class: Vec<usize>,
    /// Height and width of the grid of boxes and outlines; `null` where nothing was kept.
    grid: Option<(usize, usize)>,
    /// Of each pair the corners of its boxes, one after the other.
    boxes: Vec<Vec<i32>>,
    /// The shards with outlines, and the pairs in each; `null` without a segmentation.
    outlines: Option<Shards>,
    settings: Vec<Setting>,
}

/// A setting (runs trained and scored alike) of a collection.
#[derive(Serialize)]
struct Setting {
    title: String,
    columns: Vec<Run>,
    /// The shards with the maps; `null` where none was kept.
    maps: Option<Shards>,
}

/// A run of a setting.
#[derive(Serialize)]
struct Run {
    label: String,
    loss: Option<String>,
    run: String,
    epoch: i32,
    baseline: Option<usize>,
    /// EPG of each pair in thousandths; -1 where undefined, `null` where not scored.
    epg: Vec<Option<i32>>,
}

/// Where pair number n lies: in the shard `<name>-<n / pairs>`.
#[derive(Serialize)]
struct Shards {
    name: String,
    pairs: usize,
}

/// Makes `index.js` and the shards.
///
/// # Errors
/// None in fact: serde_json writes all of these types.
pub(super) fn files(
    results: &Results,
    collections: &[Collection],
    pictures: &Pictures,
) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut shown = Vec::new();
    for (number, collection) in collections.iter().enumerate() {
        let outlines = outlines(collection);
        let outlines = sharded(format!("outlines-{number}"), &outlines, &mut files)?;
        let mut settings = Vec::new();
        for (index, wall) in collection.walls.iter().enumerate() {
            let name = format!("maps-{number}-{index}");
            settings.push(Setting {
                title: wall.title.clone(),
                columns: wall.columns.iter().map(run).collect(),
                maps: sharded(name, &maps(wall, collection.pairs.len()), &mut files)?,
            });
        }
        let pictures = pictures.get(&collection.data);
        shown.push(of_collection(results, collection, |image_id: &str| {
            pictures.and_then(|names| names.get(image_id)).cloned()
        }));
        if let Some(last) = shown.last_mut() {
            (last.outlines, last.settings) = (outlines, settings);
        }
    }
    let colours: Vec<u8> = (0..=u8::MAX)
        .flat_map(|byte| white_to_dark_red(f64::from(byte) / 255.0))
        .map(|part| (part * 255.0).round() as u8)
        .collect();
    let index = Index {
        program: PROGRAM,
        colours: STANDARD.encode(colours),
        overlay: OVERLAY,
        frame: BOX,
        collections: shown,
    };
    let text = format!("gallery.open({});\n", text(&index)?);
    files.push(File::new(format!("{FOLDER}/index.js"), text));
    Ok(files)
}

/// Everything of a collection but its settings and the place of its outlines.
fn of_collection(
    results: &Results,
    collection: &Collection,
    picture: impl Fn(&str) -> Option<String>,
) -> Shown {
    let Collection { data, task, .. } = collection;
    let pairs = &collection.pairs;
    // Sorted, each once.
    let unique = |ids: Vec<i32>| -> Vec<i32> {
        let mut ids = ids;
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let class_ids = unique(pairs.iter().map(|pair| pair.key.1).collect());
    let group_ids = unique(pairs.iter().filter_map(|pair| pair.group_id).collect());
    let place = |ids: &[i32], id: i32| ids.binary_search(&id).unwrap_or_default();
    let mut images: Vec<(&str, Option<i32>)> = pairs
        .iter()
        .map(|pair| (pair.key.0.as_str(), pair.group_id))
        .collect();
    images.sort_unstable();
    images.dedup_by_key(|image| image.0);
    let image_of = |id: &str| {
        let found = images.binary_search_by_key(&id, |image| image.0);
        found.unwrap_or_default()
    };
    let annotations = || pairs.iter().map(|pair| pair.annotation.as_ref());
    let mut title = names::dataset(&collection.dataset).to_owned();
    if task != CONVENTIONAL {
        title += &format!(", {task} task");
    }
    Shown {
        title,
        classes: class_ids
            .iter()
            .map(|&id| results.class_name(data, task, id))
            .collect(),
        groups: group_ids
            .iter()
            .map(|&id| results.group_name(data, id))
            .collect(),
        pictures: images.iter().map(|image| picture(image.0)).collect(),
        image_groups: images
            .iter()
            .map(|image| Some(place(&group_ids, image.1?)))
            .collect(),
        image: pairs.iter().map(|pair| image_of(&pair.key.0)).collect(),
        class: pairs
            .iter()
            .map(|pair| place(&class_ids, pair.key.1))
            .collect(),
        grid: annotations().flatten().map(|found| found.grid).next(),
        boxes: annotations()
            .map(|found| found.map_or_else(Vec::new, |found| found.boxes.concat()))
            .collect(),
        images: images.iter().map(|image| image.0.to_owned()).collect(),
        outlines: None,
        settings: Vec::new(),
    }
}

fn run(column: &Column) -> Run {
    let epg = |value: &Option<Value>| {
        Some(match (*value)? {
            Value::Of(value) => (value * 1000.0).round() as i32,
            Value::Undefined => -1,
        })
    };
    Run {
        label: column.label.clone(),
        loss: column.loss.clone(),
        run: column.run_id.clone(),
        epoch: column.epoch,
        baseline: column.baseline,
        epg: column.values.iter().map(epg).collect(),
    }
}

/// Of each pair the maps of a setting's runs: height, width and bytes (base64) of each.
fn maps(wall: &Wall, n_pairs: usize) -> Vec<Vec<Option<(usize, usize, String)>>> {
    let shown = |map: &SmallMap| (map.height, map.width, STANDARD.encode(bytes(map)));
    (0..n_pairs)
        .map(|pair| {
            let maps = wall.columns.iter().map(|column| &column.maps[pair]);
            maps.map(|map| map.as_ref().map(shown)).collect()
        })
        .collect()
}

/// A map's cells as bytes: 0 for what is not positive, 255 for full colour.
fn bytes(map: &SmallMap) -> Vec<u8> {
    let value = |cell: &i8| f64::from(*cell) * f64::from(map.scale);
    let full = full(map.cells.iter().map(value));
    map.cells
        .iter()
        .map(|cell| (value(cell) / full * 255.0).round().clamp(0.0, 255.0) as u8)
        .collect()
}

/// Of each pair the segmentation's runs, each length as a number of 7 bits a byte, lowest first (LEB128),
/// base64.
fn outlines(collection: &Collection) -> Vec<Vec<Option<String>>> {
    let encoded = |runs: &Vec<u32>| {
        let mut bytes = Vec::new();
        for &run in runs {
            let mut rest = run;
            while rest >= 0x80 {
                bytes.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            bytes.push(rest as u8);
        }
        STANDARD.encode(bytes)
    };
    let annotations = collection.pairs.iter().map(|pair| pair.annotation.as_ref());
    annotations
        .map(|found| vec![found.and_then(|found| found.segmentation.as_ref().map(encoded))])
        .collect()
}

/// Adds the shards `<name>-<number>` of `pairs` to `files`; `None` where there is nothing in them.
fn sharded<T: Serialize>(
    name: String,
    pairs: &[Vec<Option<T>>],
    files: &mut Vec<File>,
) -> Result<Option<Shards>> {
    if pairs.iter().flatten().all(Option::is_none) {
        return Ok(None);
    }
    let pairs: Vec<String> = pairs.iter().map(text).collect::<Result<_>>()?;
    let letters: usize = pairs.iter().map(String::len).sum();
    // The number of pairs in a shard: by the mean size of a pair, but from 8 to 512, which are chosen.
    let in_each = (SHARD * pairs.len() / letters.max(1)).clamp(8, 512);
    for (number, part) in pairs.chunks(in_each).enumerate() {
        let shard = format!("{name}-{number}");
        let text = format!("gallery.hang(\"{shard}\",[{}]);\n", part.join(","));
        files.push(File::new(format!("{FOLDER}/{shard}.js"), text));
    }
    Ok(Some(Shards {
        name,
        pairs: in_each,
    }))
}

/// `value` as JSON, which is JavaScript, too.
fn text(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Io(error.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_shard_has_about_as_many_letters() {
        let mut files = Vec::new();
        // 1,024 letters each, with 4 for `["` and `"]`, so 96 of them fill a shard of 96 KiB.
        let pairs: Vec<Vec<Option<String>>> = vec![vec![Some("x".repeat(1020))]; 500];
        let shards = sharded("maps-0-1".to_owned(), &pairs, &mut files).unwrap();
        let shards = shards.unwrap();
        assert_eq!((shards.name.as_str(), shards.pairs), ("maps-0-1", 96));
        let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
        let expected = [0, 1, 2, 3, 4, 5].map(|n| format!("gallery/maps-0-1-{n}.js"));
        assert_eq!(names, expected);
        let last = String::from_utf8(files[5].bytes.clone()).unwrap();
        assert!(last.starts_with("gallery.hang(\"maps-0-1-5\",[[\"xxx"));
        // The last shard has the rest: 500 − 5 · 96 = 20.
        assert_eq!(last.matches("[\"").count(), 20);
        let nothing: Vec<Vec<Option<String>>> = vec![vec![None]; 500];
        assert!(
            sharded("outlines-0".to_owned(), &nothing, &mut files)
                .unwrap()
                .is_none()
        );
        assert_eq!(files.len(), 6);
    }

    #[test]
    fn full_colour_is_255() {
        let map = SmallMap {
            height: 1,
            width: 4,
            scale: 0.25,
            cells: vec![100, 50, 0, -100],
        };
        // The 99.5th percentile of the positive cells 50 and 100 (times the scale) is 99.75, so 100 is cut off at
        // full colour, and 50 becomes 255 · 50/99.75 = 127.8.
        assert_eq!(bytes(&map), [255, 128, 0, 0]);
        let negative = SmallMap {
            cells: vec![-1; 4],
            ..map
        };
        assert_eq!(bytes(&negative), [0; 4]);
    }
}
