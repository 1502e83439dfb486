//! Translates names in tables, such as `gradcam`, into names for people, such as GradCAM, where the
//! tables do not have these. A name that is not known here (such as another tool's attribution) is shown
//! as it is. It also orders layers and networks.

/// An attribution method's name for people, where its runs' tables do not have it.
pub fn attribution(spelling: &str) -> &str {
    match spelling {
        "ixg" => "IxG",
        "gradcam" => "GradCAM",
        "intgrad" => "IntGrad",
        "bcos" => "B-cos",
        other => other,
    }
}

/// An optimizer's name for people.
pub fn optimizer(spelling: &str) -> &str {
    match spelling {
        "adam" => "Adam",
        "adamw" => "AdamW",
        other => other,
    }
}

/// A layer's name for people.
pub fn layer(spelling: &str) -> &str {
    match spelling {
        "input" => "Input",
        "mid1" => "Mid1",
        "mid2" => "Mid2",
        "mid3" => "Mid3",
        "final" => "Final",
        other => other,
    }
}

/// The position of a layer from input to output; unknown layers come last.
pub fn layer_order(spelling: &str) -> usize {
    ["input", "mid1", "mid2", "mid3", "final"]
        .iter()
        .position(|known| *known == spelling)
        .unwrap_or(5)
}

/// A data set's name for people.
pub fn dataset(spelling: &str) -> &str {
    match spelling {
        "voc2007" => "VOC 2007",
        "coco2014" => "COCO 2014",
        "waterbirds-100" => "Waterbirds-100",
        "scenes" => "Scenes",
        other => other,
    }
}

/// Whether a data set is a user's own: neither one of the paper's nor `scenes`, the small artificial one that is
/// part of the programs.
pub fn is_own(spelling: &str) -> bool {
    !matches!(
        spelling,
        "voc2007" | "coco2014" | "waterbirds-100" | "scenes"
    )
}

/// Returns the name of a group of images with the word before it, e.g. `group shifted`. A group without a name is
/// called `group 1` already.
pub fn group(name: &str) -> String {
    if name.starts_with("group ") {
        name.to_owned()
    } else {
        format!("group {name}")
    }
}

/// Returns the sort key of a backbone (network): plain networks first, then X-DNN, then B-cos, as in the paper's
/// columns.
pub fn backbone_order(backbone: &str) -> (usize, &str) {
    let (family, architecture) = family(backbone);
    let rank = ["", "xdnn", "bcos"]
        .iter()
        .position(|known| *known == family);
    (rank.unwrap_or(3), architecture)
}

/// Returns a backbone's family and architecture: `bcos_resnet18` and `bcosified_resnet18`, made of `resnet18` by
/// fine-tuning, are (`bcos`, `resnet18`). A plain network's family is empty.
pub fn family(backbone: &str) -> (&str, &str) {
    [("bcos_", "bcos"), ("bcosified_", "bcos"), ("xdnn_", "xdnn")]
        .into_iter()
        .find_map(|(prefix, family)| Some((family, backbone.strip_prefix(prefix)?)))
        .unwrap_or(("", backbone))
}
