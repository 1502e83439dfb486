//! Colour jitter of training images: torchvision's `ColorJitter` on float tensors (docs/SPEC.md C.3). For
//! each image the four operations come in a random order with random factors. What an epoch does to an image
//! is drawn from the seed, the epoch and the image's id alone.

use serde::{Deserialize, Serialize};
use tch::{TchError, Tensor};

use crate::machine::device;
use crate::random;

/// The weights of red, green and blue in gray, as torchvision has them.
const GRAY: [f64; 3] = [0.2989, 0.587, 0.114];

/// How strong the jitter is; the table `[color_jitter]` of `run.toml`, where at least one is above 0. As in
/// torchvision, factors of the first three are uniform in [max(0, 1 − x), 1 + x], that of the hue in [−x, x].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ColorJitter {
    /// Of the brightness, 0 or above.
    pub brightness: f64,
    /// Of the contrast, 0 or above.
    pub contrast: f64,
    /// Of the saturation, 0 or above.
    pub saturation: f64,
    /// Of the hue in turns of the colour circle, 0 to 0.5.
    pub hue: f64,
}

impl ColorJitter {
    /// The strengths by name, in the order of [`Drawn::factors`].
    pub fn strengths(&self) -> [(&'static str, f64); 4] {
        [
            ("brightness", self.brightness),
            ("contrast", self.contrast),
            ("saturation", self.saturation),
            ("hue", self.hue),
        ]
    }

    /// Draws what `epoch` does to the image `image_id`. The image's stream of uniform numbers gives the factors
    /// (numbers 0 to 3) and the order (4 to 6).
    pub fn draw(&self, seed: u64, epoch: i32, image_id: &str) -> Drawn {
        let stream = random::draw(seed, "color_jitter", epoch as u64, image_id);
        let unit = |i: usize| random::unit(stream, i as u64);
        let mut factors = [0.0; 4];
        for (i, (_, strength)) in self.strengths().into_iter().enumerate() {
            let (least, greatest) = match i {
                HUE => (-strength, strength),
                _ => ((1.0 - strength).max(0.0), 1.0 + strength),
            };
            factors[i] = least + (greatest - least) * unit(i);
        }
        // Fisher–Yates shuffle.
        let mut order = [0, 1, 2, 3];
        for last in (1..4).rev() {
            let other = (unit(3 + last) * (last + 1) as f64) as usize;
            order.swap(last, other);
        }
        Drawn { factors, order }
    }
}

impl std::fmt::Display for ColorJitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let strengths = self.strengths().into_iter();
        let named = strengths.filter(|(_, strength)| *strength > 0.0);
        let named: Vec<String> = named
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        f.write_str(&named.join(", "))
    }
}

/// The number of the hue among the operations.
const HUE: usize = 3;

/// What is done to one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drawn {
    /// The factors of brightness, contrast, saturation and hue.
    pub factors: [f64; 4],
    /// The operations' numbers in the order in which they are done.
    pub order: [usize; 4],
}

impl Drawn {
    /// Whether operation number `operation` would change nothing.
    fn is_idle(&self, operation: usize) -> bool {
        let neutral = if operation == HUE { 0.0 } else { 1.0 };
        self.factors[operation] == neutral
    }
}

impl ColorJitter {
    /// Returns `images` (N, H, W, 3), in 0–1, as `epoch` shows them; `ids` are theirs.
    ///
    /// # Errors
    /// libtorch's.
    pub fn show<'a>(
        &self,
        images: &Tensor,
        ids: impl Iterator<Item = &'a str>,
        seed: u64,
        epoch: i32,
    ) -> Result<Tensor, TchError> {
        let drawn: Vec<Drawn> = ids.map(|id| self.draw(seed, epoch, id)).collect();
        apply(images, &drawn)
    }
}

/// Returns `images` (N, H, W, 3), in 0–1, each changed as the element of `drawn` at the same index says.
///
/// # Errors
/// libtorch's.
pub fn apply(images: &Tensor, drawn: &[Drawn]) -> Result<Tensor, TchError> {
    let mut images = images.shallow_clone();
    // All images with the same operation at the same place in their order are changed together.
    for place in 0..4 {
        for operation in 0..4 {
            let here = |drawn: &Drawn| drawn.order[place] == operation && !drawn.is_idle(operation);
            let rows = drawn.iter().enumerate().filter(|(_, drawn)| here(drawn));
            let (rows, factors): (Vec<i64>, Vec<f64>) = rows
                .map(|(row, drawn)| (row as i64, drawn.factors[operation]))
                .unzip();
            if rows.is_empty() {
                continue;
            }
            let rows = device::upload(&Tensor::f_from_slice(&rows)?, images.device())?;
            let factors = Tensor::f_from_slice(&factors)?
                .f_to_kind(images.kind())?
                .f_view([-1, 1, 1, 1])?;
            let factors = device::upload(&factors, images.device())?;
            let part = images.f_index_select(0, &rows)?;
            let part = match operation {
                0 => part.f_mul(&factors)?.f_clamp(0.0, 1.0)?,
                1 => {
                    let mean = gray(&part)?.f_mean_dim([1i64, 2].as_slice(), true, None)?;
                    blend(&part, &mean, &factors)?
                }
                2 => blend(&part, &gray(&part)?, &factors)?,
                _ => turn_hue(&part, &factors)?,
            };
            images = images.f_index_copy(0, &rows, &part)?;
        }
    }
    Ok(images)
}

/// Returns `factors` · `images` + (1 − `factors`) · `others`, clamped to 0–1; `factors` are (N, 1, 1, 1).
fn blend(images: &Tensor, others: &Tensor, factors: &Tensor) -> Result<Tensor, TchError> {
    let rest = factors.f_neg()?.f_add_scalar(1.0)?.f_mul(others)?;
    images.f_mul(factors)?.f_add(&rest)?.f_clamp(0.0, 1.0)
}

/// Returns red, green and blue of `images`, each (N, H, W, 1).
fn channels(images: &Tensor) -> Result<[Tensor; 3], TchError> {
    Ok([
        images.f_narrow(3, 0, 1)?,
        images.f_narrow(3, 1, 1)?,
        images.f_narrow(3, 2, 1)?,
    ])
}

/// Returns the images (N, H, W, 3) in gray, (N, H, W, 1).
fn gray(images: &Tensor) -> Result<Tensor, TchError> {
    let [red, green, blue] = channels(images)?;
    red.f_mul_scalar(GRAY[0])?
        .f_add(&green.f_mul_scalar(GRAY[1])?)?
        .f_add(&blue.f_mul_scalar(GRAY[2])?)
}

/// Turns the hue of `images` (N, H, W, 3) by `turns` (N, 1, 1, 1) of the colour circle; value and saturation of
/// HSV stay as they are.
fn turn_hue(images: &Tensor, turns: &Tensor) -> Result<Tensor, TchError> {
    let [red, green, blue] = channels(images)?;
    let most = images.f_amax([3i64].as_slice(), true)?;
    let range = most.f_sub(&images.f_amin([3i64].as_slice(), true)?)?;
    // Gray has no hue; any finite one will do, as it is multiplied by 0 below.
    let divisor = range.f_masked_fill(&range.f_eq(0.0)?, 1.0)?;
    let along =
        |a: &Tensor, b: &Tensor, start: f64| a.f_sub(b)?.f_div(&divisor)?.f_add_scalar(start);
    // The hue in sixths of the circle: red is at 0, green at 2, blue at 4.
    let sixths = Tensor::f_where_self(
        &along(&green, &blue, 0.0)?,
        &most.f_eq_tensor(&red)?,
        &Tensor::f_where_self(
            &along(&blue, &red, 2.0)?,
            &most.f_eq_tensor(&green)?,
            &along(&red, &green, 4.0)?,
        )?,
    )?;
    let hue = sixths
        .f_div_scalar(6.0)?
        .f_add(turns)?
        .f_remainder(1.0)?
        .f_mul_scalar(6.0)?;
    // How much red, green and blue a pure hue has: 1 up to a sixth of the circle from that colour, then falling to
    // 0 at two sixths. Red lies at both 0 and 6, so its distance is taken from the opposite side, 3.
    let ramp = |centre: f64| hue.f_sub_scalar(centre)?.f_abs();
    let pure = Tensor::f_cat(
        &[
            ramp(3.0)?.f_sub_scalar(1.0)?,
            ramp(2.0)?.f_neg()?.f_add_scalar(2.0)?,
            ramp(4.0)?.f_neg()?.f_add_scalar(2.0)?,
        ],
        3,
    )?;
    // Value less what is missing: V − V·S·(1 − pure), where V·S is the range.
    let missing = pure.f_clamp(0.0, 1.0)?.f_neg()?.f_add_scalar(1.0)?;
    most.f_sub(&range.f_mul(&missing)?)
}
