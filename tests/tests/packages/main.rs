//! Exchanges weights with the Python packages PyTorch, torchvision, `bcos` and `efficientnet_lite_pytorch`. Weight
//! files and exported networks that these write are imported, explained and trained further. Files that the trainer
//! exports are loaded by them and must give the same logits. Broken and hostile files must be refused. Maps are scored
//! as OpenCV and numpy do by other tools' formulas.
//!
//! `GUIDANCE_TORCH_PYTHON` is a Python interpreter with the packages of
//! `tests/python/torch-requirements.txt`; `cargo xtask test` installs one. Without it the tests are skipped.
#![allow(clippy::unwrap_used)]

mod python;
mod real_evaluations;
mod real_networks;
mod real_packages;
