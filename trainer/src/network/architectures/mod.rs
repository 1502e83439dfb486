//! The networks, one file each, and their list. A new network needs its file and two lines here: its `mod` and
//! its entry in [`ALL`].

mod bcos_densenet121;
mod bcos_resnet101;
mod bcos_resnet18;
mod bcos_resnet34;
mod bcos_resnet50;
mod bcos_simple_vit_s;
mod bcos_vitc_s;
mod convnext_tiny;
mod efficientnet_lite0;
mod efficientnet_lite1;
mod efficientnet_lite2;
mod resnet101;
mod resnet18;
mod resnet34;
mod resnet50;
mod xdnn_resnet18;
mod xdnn_resnet50;

use crate::network::architecture::Architecture;

/// The record of every network, in the order of docs/SPEC.md D.
pub static ALL: &[&Architecture] = &[
    &resnet18::ENTRY,
    &resnet50::ENTRY,
    &xdnn_resnet18::ENTRY,
    &xdnn_resnet50::ENTRY,
    &bcos_resnet18::ENTRY,
    &bcos_resnet50::ENTRY,
    &bcos_densenet121::ENTRY,
    &bcos_simple_vit_s::ENTRY,
    &bcos_vitc_s::ENTRY,
    &efficientnet_lite0::ENTRY,
    &resnet34::ENTRY,
    &resnet101::ENTRY,
    &bcos_resnet34::ENTRY,
    &bcos_resnet101::ENTRY,
    &convnext_tiny::ENTRY,
    &efficientnet_lite1::ENTRY,
    &efficientnet_lite2::ENTRY,
];
