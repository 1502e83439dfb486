//! Computes the accuracy that WILDS reports of data with groups (Koh et al. 2021, "adjusted average accuracy"): a mean
//! of the groups' accuracies weighted by their shares of the training images. Test splits are often made with groups of
//! other sizes than training, so that the mean over their images answers another question.

use std::collections::BTreeMap;

use data_prep::dataset::{Dataset, Split};

/// Returns the mean and the number of groups, from the accuracy of each group. `None` where training or validation lacks
/// one of the data's groups, where an image of training has none, or where a group has no accuracy.
pub(super) fn accuracy(
    dataset: &Dataset,
    of_group: impl Fn(i32) -> Option<f64>,
) -> Option<(f64, usize)> {
    let train = sizes(dataset, Split::Train)?;
    sizes(dataset, Split::Val)?;
    let n_train: usize = train.values().sum();
    let mut value = 0.0;
    for (group, n) in &train {
        value += of_group(*group)? * *n as f64 / n_train as f64;
    }
    Some((value, train.len()))
}

/// The number of a split's images in each group; `None` where one is empty, or an image is in none.
fn sizes(dataset: &Dataset, split: Split) -> Option<BTreeMap<i32, usize>> {
    let mut sizes = BTreeMap::new();
    for index in dataset.indices(split) {
        *sizes.entry(dataset.images[index].group_id?).or_insert(0) += 1;
    }
    let mut groups = dataset.groups.iter();
    let has_all = groups.all(|(group, _)| sizes.contains_key(group));
    (has_all && sizes.len() > 1).then_some(sizes)
}
