//! Operations that are linear in their input: another shape or order of axes, joining, means, and sums with or
//! products by a tensor that does not depend on the image. Their vjps (the maps from the gradient `g` at the
//! output to that at the input) are written here. Networks that are read from a file use them.

use tch::{Kind, TchError, Tensor};

use crate::network::pass::tape::{Node, Pass, Value};

impl Pass {
    /// Returns `x` in another shape, with its elements in the same order.
    ///
    /// # Errors
    /// libtorch's, such as another number of elements.
    pub fn reshape(&self, x: &Value, size: &[i64]) -> Result<Value, TchError> {
        let out = x.tensor().f_reshape(size)?;
        let from = x.tensor().size();
        self.map(out, x, || Ok(Box::new(move |g| g.f_reshape(&from))))
    }

    /// Returns `x` with its axes in the order `axes`.
    ///
    /// # Errors
    /// libtorch's, such as an axis that is named twice.
    pub fn permute(&self, x: &Value, axes: &[i64]) -> Result<Value, TchError> {
        let out = x.tensor().f_permute(axes)?;
        let n_axes = axes.len() as i64;
        let mut inverse = vec![0; axes.len()];
        for (to, from) in axes.iter().enumerate() {
            inverse[from.rem_euclid(n_axes) as usize] = to as i64;
        }
        self.map(out, x, || Ok(Box::new(move |g| g.f_permute(&inverse))))
    }

    /// Joins tensors along `axis`.
    ///
    /// # Errors
    /// libtorch's, such as sizes that do not fit.
    pub fn cat(&self, parts: &[&Value], axis: i64) -> Result<Value, TchError> {
        let tensors: Vec<&Tensor> = parts.iter().map(|part| part.tensor()).collect();
        let out = Tensor::f_cat(&tensors, axis)?;
        let axis = axis.rem_euclid(out.dim() as i64);
        let lengths = tensors.iter().map(|part| part.size()[axis as usize]);
        let lengths: Vec<i64> = lengths.collect();
        self.value(out, || {
            Ok(Node {
                inputs: parts.iter().map(|part| part.node).collect(),
                vjp: Box::new(move |g| g.f_split_with_sizes(&lengths, axis)),
            })
        })
    }

    /// Returns the mean over `axes`. They stay with length 1 if `keeps_axes`, else they are removed.
    ///
    /// # Errors
    /// libtorch's, such as an axis that `x` does not have.
    pub fn mean(&self, x: &Value, axes: &[i64], keeps_axes: bool) -> Result<Value, TchError> {
        let out = x.tensor().f_mean_dim(axes, keeps_axes, None::<Kind>)?;
        let size = x.tensor().size();
        let axes = axes.iter().map(|axis| axis.rem_euclid(size.len() as i64));
        let mut kept = size.clone();
        for axis in axes {
            kept[axis as usize] = 1;
        }
        let count = size.iter().product::<i64>() / kept.iter().product::<i64>().max(1);
        self.map(out, x, || {
            Ok(Box::new(move |g| {
                g.f_div_scalar(count as f64)?
                    .f_reshape(&kept)?
                    .f_expand(&size, false)
            }))
        })
    }

    /// Returns `x` + `constant`, in place where nobody else holds `x`. `constant` must not depend on the
    /// image, and the sum must have the shape of `x`.
    ///
    /// # Errors
    /// libtorch's.
    pub fn shift(&self, x: Value, constant: &Tensor) -> Result<Value, TchError> {
        let node = x.node;
        let out = match self.bcosification {
            // A bias, of which only a part is left.
            Some(at) => x.into_own()?.f_add_(&constant.f_mul_scalar(at.kept())?)?,
            None => x.into_own()?.f_add_(constant)?,
        };
        let out = self.map_node(out, node, || Ok(Box::new(|g| Ok(g.shallow_clone()))))?;
        Ok(out.allocated())
    }

    /// Returns `x` · `factor`. `factor` must not depend on the image, and the product must have the shape of
    /// `x`.
    ///
    /// # Errors
    /// libtorch's.
    pub fn scale(&self, x: &Value, factor: &Tensor) -> Result<Value, TchError> {
        let out = x.tensor().f_mul(factor)?;
        let factor = factor.shallow_clone();
        self.map(out, x, || Ok(Box::new(move |g| g.f_mul(&factor))))
    }
}
