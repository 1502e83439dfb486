//! From the mapped pixel file to tensors: images as 8 bit, labels as 0 and 1.

use data_prep::dataset::Dataset;
use data_prep::geometry::View;
use data_prep::resize::Resizer;
use rayon::prelude::*;
use tch::{Device, Kind, TchError, Tensor};

/// One batch.
#[derive(Debug)]
pub struct Batch {
    /// Indices into the data set's images.
    pub indices: Vec<usize>,
    /// (N, H, W, 3) 8-bit RGB on the device.
    pub images: Tensor,
    /// (N, K) of 0 and 1 on the device.
    pub targets: Tensor,
}

impl Batch {
    /// Loads the images `indices` of `dataset` onto `device`; targets in `kind`.
    ///
    /// # Errors
    /// libtorch's.
    pub fn load(
        dataset: &Dataset,
        indices: &[usize],
        device: Device,
        kind: Kind,
    ) -> Result<Self, TchError> {
        let mut bytes = Vec::with_capacity(indices.len() * dataset.grid().cells() * 3);
        for &index in indices {
            bytes.extend_from_slice(dataset.pixels().row(dataset.images[index].pixel_row));
        }
        Self::of(dataset, indices, &bytes, device, kind)
    }

    /// The same of what `views` show of the images, one each.
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

    fn of(
        dataset: &Dataset,
        indices: &[usize],
        bytes: &[u8],
        device: Device,
        kind: Kind,
    ) -> Result<Self, TchError> {
        let grid = dataset.grid();
        let mut targets = vec![0f32; indices.len() * dataset.classes.len()];
        for (row, &index) in indices.iter().enumerate() {
            for &class_id in &dataset.images[index].labels {
                targets[row * dataset.classes.len() + class_id as usize] = 1.0;
            }
        }
        let n = indices.len() as i64;
        let images = Tensor::f_from_data_size(
            bytes,
            &[n, grid.height as i64, grid.width as i64, 3],
            Kind::Uint8,
        )?;
        let targets = Tensor::f_from_slice(&targets)?.f_view([n, dataset.classes.len() as i64])?;
        Ok(Batch {
            indices: indices.to_vec(),
            images: images.f_to_device(device)?,
            targets: targets.f_to_device(device)?.f_to_kind(kind)?,
        })
    }
}
