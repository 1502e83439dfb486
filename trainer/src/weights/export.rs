//! `trainer export`: writes the weights of a training run for other programs, with the tensor names that
//! torchvision, the X-DNN code, the `bcos` package, or the PyTorch model of an imported network expects.

use std::collections::HashSet;
use std::path::Path;

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::network::graph::description;
use crate::network::graph::network::CONSTANT;
use crate::run::finished::FinishedRun;
use crate::weights::{checkpoint, origin};

/// Writes the weights of a kept epoch of `run` (absent: the one with the highest validation F1) to the
/// safetensors file `out`. Each name gets `prefix` before it (absent: the network's `package_prefix`). Batch norms
/// also get PyTorch's counter `num_batches_tracked`, 0 where the run has none. The file's metadata says what the run's
/// weights began from, and under which licence that is. Returns the number of tensors, and the licence as text.
///
/// # Errors
/// An epoch whose checkpoint was not kept; a file that cannot be read or written.
pub fn export(
    run: &FinishedRun,
    epoch: Option<i32>,
    prefix: Option<&str>,
    out: &Path,
) -> Result<(usize, String)> {
    let epoch = epoch.unwrap_or(run.best_f1_epoch);
    let file = run.checkpoint_file(epoch)?;
    let (tensors, mut metadata) = checkpoint::load(&file)?;
    let prefix = prefix.unwrap_or(run.backbone.package_prefix);
    let mut exported = Vec::with_capacity(tensors.len());
    let of_file = description::read(&metadata, &file)?;
    for (name, tensor) in tensors {
        if name.starts_with(CONSTANT) {
            continue; // a constant of an imported network's graph, which the model's state dict does not have
        }
        let aliases = of_file.iter().flat_map(|network| network.aliases(&name));
        for name in [&name].into_iter().chain(aliases) {
            exported.push((format!("{prefix}{name}"), tensor.shallow_clone()));
        }
    }
    exported.extend(missing_counters(&exported)?);
    metadata.remove(description::KEY); // other programs have no use for the graph
    metadata.extend(origin::of_metadata(&metadata));
    checkpoint::save(out, &exported, &metadata)?;
    Ok((exported.len(), origin::license(&metadata).to_owned()))
}

/// Returns a counter of batches, 0, for each batch norm of `tensors` that has none.
fn missing_counters(tensors: &[(String, Tensor)]) -> Result<Vec<(String, Tensor)>> {
    let names: HashSet<&str> = tensors.iter().map(|(name, _)| name.as_str()).collect();
    let norms = tensors
        .iter()
        .filter_map(|(name, _)| name.strip_suffix("running_var"));
    let counters = norms.map(|norm| format!("{norm}num_batches_tracked"));
    let missing = counters.filter(|name| !names.contains(name.as_str()));
    let zeros = missing.map(|name| {
        let zero = Tensor::f_zeros([0i64; 0], (Kind::Int64, Device::Cpu))?;
        Ok((name, zero))
    });
    zeros.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A network that reads the counter of a batch norm has it among its weights.
    #[test]
    fn each_norm_has_one_counter() {
        let names = [
            "a.running_var",
            "b.running_var",
            "b.num_batches_tracked",
            "c.weight",
        ];
        let tensors = names.map(|name| (name.to_owned(), Tensor::from_slice(&[1f32])));
        let added = missing_counters(&tensors).unwrap();
        let names: Vec<&str> = added.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a.num_batches_tracked"]);
    }
}
