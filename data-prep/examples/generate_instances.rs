//! Writes an instances JSON (COCO's annotation file) of any size, for measuring how fast it is loaded, so that
//! no real one is needed. The example `load_instances` measures.
//!
//! The same options give the same bytes. Polygons have the lengths of COCO's (mostly 20 to 60
//! numbers with two decimals), one annotation of a hundred is a crowd with run lengths, and the
//! defaults are COCO train2014's counts. Shapes and sizes are made up, only to look alike.

use std::f64::consts::TAU;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Parser;
use data_prep::source::coco::categories;

/// Write a generated instances JSON.
#[derive(Parser)]
struct Args {
    /// Number of images.
    #[arg(long, default_value_t = 82_783)]
    images: u64,
    /// Number of annotations.
    #[arg(long, default_value_t = 604_907)]
    annotations: u64,
    /// Images and annotations of COCO's other split: other ids and file names.
    #[arg(long)]
    val: bool,
    /// The file to write.
    #[arg(long)]
    out: PathBuf,
}

/// A split's name in file names, its number of images, and offsets that keep its ids apart from the other's.
#[derive(Clone, Copy)]
struct Split {
    name: &'static str,
    image_offset: u64,
    annotation_offset: u64,
    images: u64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    anyhow::ensure!(args.images > 0, "--images: found 0, expected at least 1");
    let split = Split {
        name: if args.val { "val2014" } else { "train2014" },
        image_offset: if args.val { 3 } else { 0 },
        annotation_offset: if args.val { 1_000_000_000 } else { 0 },
        images: args.images,
    };
    let mut out = BufWriter::new(fs_err::File::create(&args.out)?);
    write!(
        out,
        "{{\"info\": {{\"description\": \"generated\"}}, \"images\": ["
    )?;
    for index in 0..args.images {
        write_image(&mut out, index, split)?;
    }
    write!(out, "], \"licenses\": [], \"annotations\": [")?;
    for index in 0..args.annotations {
        write_annotation(&mut out, index, split)?;
    }
    write!(out, "], \"categories\": [")?;
    for (index, (id, name)) in category_ids().zip(categories::NAMES).enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(
            out,
            "{comma}{{\"supercategory\": \"any\", \"id\": {id}, \"name\": \"{name}\"}}"
        )?;
    }
    write!(out, "]}}")?;
    out.flush()?;
    Ok(())
}

/// COCO's 80 category ids, from 1 to 90.
fn category_ids() -> impl Iterator<Item = i64> {
    (0..=90).filter(|&id| categories::class_id(id).is_some())
}

/// Ids neither in order nor contiguous, as COCO's: multiples of 7, for val2014 plus 3, so that no id is in both.
fn image_id(index: u64, split: Split) -> u64 {
    (split.images - index) * 7 + split.image_offset
}

fn write_image(out: &mut impl Write, index: u64, split: Split) -> io::Result<()> {
    let id = image_id(index, split);
    let name = split.name;
    let (width, height) = size_of(id);
    let comma = if index == 0 { "" } else { ", " };
    write!(
        out,
        "{comma}{{\"license\": 5, \"file_name\": \"COCO_{name}_{id:012}.jpg\", \
         \"coco_url\": \"http://example.org/{name}/COCO_{name}_{id:012}.jpg\", \
         \"height\": {height}, \"width\": {width}, \"date_captured\": \"2013-11-14 16:28:13\", \
         \"flickr_url\": \"http://example.org/5882/{id:012}_2c85e92a49_z.jpg\", \"id\": {id}}}"
    )
}

/// Width and height of an image in pixels, of four sizes that are common in COCO.
fn size_of(image_id: u64) -> (u64, u64) {
    match image_id % 4 {
        0 => (480, 640),
        1 => (500, 375),
        2 => (640, 427),
        _ => (640, 480),
    }
}

/// Writes an annotation that depends on its index alone: a random image, class, box in the image, and a shape.
fn write_annotation(out: &mut impl Write, index: u64, split: Split) -> io::Result<()> {
    let mut random = SplitMix(index);
    let image_id = image_id(random.below(split.images), split);
    let (width, height) = size_of(image_id);
    let category = category_ids().nth(random.below(80) as usize).unwrap_or(1);
    let [w, h] = [width, height].map(|side| side as f64 * (0.03 + 0.5 * random.unit().powi(2)));
    let [x, y] = [width as f64 - w, height as f64 - h].map(|room| room * random.unit());
    let is_crowd = index % 100 == 99;
    let comma = if index == 0 { "" } else { ", " };
    write!(out, "{comma}{{\"segmentation\": ")?;
    if is_crowd {
        write_runs(out, &mut random, width, height)?;
    } else {
        write_polygon(out, &mut random, [x, y, w, h])?;
    }
    write!(
        out,
        ", \"area\": {}, \"iscrowd\": {}, \"image_id\": {image_id}, \
         \"bbox\": [{x:.2}, {y:.2}, {w:.2}, {h:.2}], \"category_id\": {category}, \"id\": {}}}",
        0.7 * w * h,
        u8::from(is_crowd),
        split.annotation_offset + index + 1,
    )
}

/// A wobbly ellipse in the box.
fn write_polygon(out: &mut impl Write, random: &mut SplitMix, bbox: [f64; 4]) -> io::Result<()> {
    let [x, y, w, h] = bbox;
    let points = 8 + random.below(24) + random.below(24);
    write!(out, "[[")?;
    for point in 0..points {
        let angle = TAU * point as f64 / points as f64;
        let reach = 0.35 + 0.15 * random.unit();
        let px = x + w * (0.5 + reach * angle.cos());
        let py = y + h * (0.5 + reach * angle.sin());
        let comma = if point == 0 { "" } else { ", " };
        write!(out, "{comma}{px:.2}, {py:.2}")?;
    }
    write!(out, "]]")
}

/// Uncompressed run lengths: short runs, the rest outside.
fn write_runs(
    out: &mut impl Write,
    random: &mut SplitMix,
    width: u64,
    height: u64,
) -> io::Result<()> {
    write!(out, "{{\"counts\": [")?;
    let mut left = width * height;
    for _ in 0..400 {
        let run = (1 + random.below(300)).min(left);
        write!(out, "{run}, ")?;
        left -= run;
    }
    write!(out, "{left}], \"size\": [{height}, {width}]}}")
}

/// Steele, Lea and Flood's random generator SplitMix64; its constants are theirs.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From 0 to 1, 1 excluded.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
