//! The first and the last step of `trainer predict`, which need no network: image files are decoded, batch by
//! batch, and overlays (images with a map over them) drawn. Each step has a thread of its own, which shares its
//! work among rayon's pool.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender};

use data_prep::convert::{Prepared, Preparer};
use data_prep::error::Problem;
use data_prep::geometry::Grid;
use data_prep::raster::Rgb;
use data_prep::source::photos::Photo;
use rayon::prelude::*;

use crate::error::Result;
use crate::predict::arguments::{Arguments, Exif};
use crate::predict::names::{Stems, picture};
use crate::predict::overlay;

/// The longer side of an overlay at most, in pixels. Chosen.
const LONGEST: usize = 800;

/// Some images of the folder, by their index, each decoded or with the reason why it cannot be read.
pub type Batch = Vec<(usize, Result<Prepared, Problem>)>;

/// An image whose maps are to be drawn.
pub struct Drawn {
    /// Index into the folder's images.
    pub index: usize,
    /// The image to draw over.
    pub image: Rgb,
    /// Class ids and their maps, height · width values row-major.
    pub maps: Vec<(i32, Vec<f32>)>,
    /// Height and width of the maps.
    pub size: (usize, usize),
}

/// The images, and what is done with them.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// The command's options.
    pub args: &'a Arguments,
    /// The folder's images.
    pub photos: &'a [Photo],
    /// Class names.
    pub classes: &'a [String],
    /// The network's input size.
    pub grid: Grid,
}

impl Files<'_> {
    /// Decodes the images in batches of `batch_size` and sends them, until all are sent or the receiver is gone.
    pub fn prepare(self, batch_size: usize, send: &SyncSender<Batch>) {
        let longest = (!self.args.no_overlays).then_some(LONGEST);
        let is_turning = self.args.exif == Exif::Apply;
        let indices: Vec<usize> = (0..self.photos.len()).collect();
        for indices in indices.chunks(batch_size) {
            let prepared = indices.par_iter().map_init(
                || Preparer::new(self.grid, is_turning, longest),
                |preparer, &index| (index, preparer.prepare(&self.photos[index].path)),
            );
            if send.send(prepared.collect()).is_err() {
                return;
            }
        }
    }

    /// Draws the images that come, into `folder`: `<path of the image>.<class id>-<class>.png`.
    ///
    /// # Errors
    /// The disk's.
    pub fn draw(self, folder: &Path, drawn: &Receiver<Vec<Drawn>>) -> Result<()> {
        let mut stems = Stems::default();
        let stems: Vec<String> = (self.photos.iter())
            .map(|photo| stems.of(&photo.name))
            .collect();
        for images in drawn {
            images
                .par_iter()
                .try_for_each(|image| self.draw_one(image, folder, &stems[image.index]))?;
        }
        Ok(())
    }

    /// Draws the maps of one image in the same scale: the value of full colour is the greatest that any of them
    /// has. If no map is positive anywhere, nothing is coloured, whatever the scale.
    fn draw_one(self, drawn: &Drawn, folder: &Path, stem: &str) -> Result<()> {
        let full = |(_, map): &(i32, Vec<f32>)| overlay::full(map, drawn.size, self.grid);
        let full = drawn.maps.iter().filter_map(full).reduce(f64::max);
        for (class_id, map) in &drawn.maps {
            let name = &self.classes[*class_id as usize];
            let path = folder.join(picture(stem, *class_id, name, self.classes.len()));
            let picture = overlay::draw(&drawn.image, map, drawn.size, full.unwrap_or(1.0));
            overlay::write(&path, &picture)?;
        }
        Ok(())
    }
}
