//! Loads batches for training and explaining: images as 8-bit tensors, read from the data set's memory-mapped
//! pixel file, and labels as 0 and 1. All images of a data set have the same size, its grid (H × W pixels). On
//! a GPU, the pixels that every epoch reads are kept in GPU memory, if they take at most a quarter of what is
//! free there; the rest is for the network and its activations.

use std::collections::HashMap;

use data_prep::dataset::Dataset;
use data_prep::geometry::View;
use data_prep::resize::Resizer;
use rayon::prelude::*;
use tch::{Device, Kind, TchError, Tensor};

use crate::machine::device;

/// One batch.
#[derive(Debug)]
pub struct Batch {
    /// Indices into the data set's images.
    pub indices: Vec<usize>,
    /// The images, (N, H, W, 3) 8-bit RGB on the device.
    pub images: Tensor,
    /// (N, K) on the device: 1 where the image shows the class, else 0.
    pub targets: Tensor,
}

impl Batch {
    /// Loads the images `indices` of `dataset` onto `device`: from `resident`, which is on the same
    /// device, if it has all of them, else from the file. Targets are in `kind`.
    ///
    /// # Errors
    /// libtorch's.
    pub fn load(
        dataset: &Dataset,
        indices: &[usize],
        resident: Option<&Resident>,
        device: Device,
        kind: Kind,
    ) -> Result<Self, TchError> {
        if let Some(images) = resident.and_then(|resident| resident.select(indices)) {
            return Self::with_targets(dataset, indices, images?, kind);
        }
        Self::of(dataset, indices, &bytes_of(dataset, indices), device, kind)
    }

    /// Loads a batch as [`Batch::load`] does, always from the file, and shows of each image what its view (same
    /// order as `indices`) says: a part of the image, resized to the grid, perhaps flipped.
    ///
    /// # Errors
    /// libtorch's.
    pub fn load_views(
        dataset: &Dataset,
        indices: &[usize],
        views: &[View],
        device: Device,
        kind: Kind,
    ) -> Result<Self, TchError> {
        let (grid, pixels) = (dataset.grid(), dataset.pixels());
        let seen: Vec<Vec<u8>> = indices
            .par_iter()
            .zip(views)
            .map_init(
                || Resizer::new(grid),
                |resizer, (&index, &view)| {
                    resizer.see(pixels.row(dataset.images[index].pixel_row), view)
                },
            )
            .collect();
        Self::of(dataset, indices, &seen.concat(), device, kind)
    }

    /// Returns the batch of images whose pixels are `bytes`, one image after the other.
    fn of(
        dataset: &Dataset,
        indices: &[usize],
        bytes: &[u8],
        device: Device,
        kind: Kind,
    ) -> Result<Self, TchError> {
        let grid = dataset.grid();
        let size = [indices.len(), grid.height, grid.width, 3].map(|n| n as i64);
        let images = Tensor::f_from_data_size(bytes, &size, Kind::Uint8)?;
        let images = device::upload(&images, device)?;
        Self::with_targets(dataset, indices, images, kind)
    }

    /// Returns the batch of `images`, which are on their device, with their targets.
    fn with_targets(
        dataset: &Dataset,
        indices: &[usize],
        images: Tensor,
        kind: Kind,
    ) -> Result<Self, TchError> {
        let mut targets = vec![0f32; indices.len() * dataset.classes.len()];
        for (row, &index) in indices.iter().enumerate() {
            for &class_id in &dataset.images[index].labels {
                targets[row * dataset.classes.len() + class_id as usize] = 1.0;
            }
        }
        let size = [indices.len() as i64, dataset.classes.len() as i64];
        let targets = Tensor::f_from_slice(&targets)?.f_view(size)?;
        Ok(Batch {
            indices: indices.to_vec(),
            targets: device::upload(&targets, images.device())?.f_to_kind(kind)?,
            images,
        })
    }
}

/// The pixels of some images of a data set, kept on a device.
#[derive(Debug)]
pub struct Resident {
    /// (images, H, W, 3), 8 bit.
    pixels: Tensor,
    /// From an image's index in the data set to its row of `pixels`.
    rows: HashMap<usize, i64>,
}

/// How many images are copied to the device at once. Chosen: at 224 × 224 pixels the copy in main memory then
/// takes 147 MiB.
const AT_ONCE: usize = 1024;

impl Resident {
    /// Loads the pixels of the images `indices` of `dataset` onto `device`. `None` on the CPU, which reads
    /// the mapped file just as fast, and where they would take more than a quarter of the device's free
    /// memory.
    ///
    /// # Errors
    /// libtorch's.
    pub fn load_if_fits(
        dataset: &Dataset,
        indices: &[usize],
        device: Device,
    ) -> Result<Option<Self>, TchError> {
        let n_bytes = indices.len() * dataset.grid().cells() * 3;
        let has_room =
            || device::free_memory(device).is_some_and(|free| n_bytes as u64 <= free / 4);
        match device.is_cuda() && has_room() {
            true => Self::load(dataset, indices, device).map(Some),
            false => Ok(None),
        }
    }

    /// Loads the pixels of the images `indices` of `dataset` onto `device`.
    ///
    /// # Errors
    /// libtorch's.
    pub fn load(dataset: &Dataset, indices: &[usize], device: Device) -> Result<Self, TchError> {
        let grid = dataset.grid();
        let size = |images: usize| [images, grid.height, grid.width, 3].map(|n| n as i64);
        let pixels = Tensor::f_empty(size(indices.len()), (Kind::Uint8, device))?;
        for (part, start) in indices.chunks(AT_ONCE).zip((0..).step_by(AT_ONCE)) {
            let bytes = bytes_of(dataset, part);
            let part = Tensor::f_from_data_size(&bytes, &size(part.len()), Kind::Uint8)?;
            pixels.f_narrow(0, start, part.size()[0])?.f_copy_(&part)?;
        }
        let rows = indices.iter().copied().zip(0..).collect();
        Ok(Resident { pixels, rows })
    }

    /// Returns the pixels of the images `indices`; `None` if one of them is not kept here.
    fn select(&self, indices: &[usize]) -> Option<Result<Tensor, TchError>> {
        let rows = indices.iter().map(|index| self.rows.get(index).copied());
        let rows: Vec<i64> = rows.collect::<Option<_>>()?;
        let select = || {
            let rows = device::upload(&Tensor::f_from_slice(&rows)?, self.pixels.device())?;
            self.pixels.f_index_select(0, &rows)
        };
        Some(select())
    }
}

/// Returns the pixels of the images `indices` from the mapped file, one image after the other.
fn bytes_of(dataset: &Dataset, indices: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(indices.len() * dataset.grid().cells() * 3);
    for &index in indices {
        bytes.extend_from_slice(dataset.pixels().row(dataset.images[index].pixel_row));
    }
    bytes
}
