//! Weights exchanged with the real packages: files that PyTorch, torchvision, the `bcos` package and
//! `efficientnet_lite_pytorch` write are imported, explained and trained on, and what is exported is
//! loaded by them and gives the same logits; broken and hostile files of theirs are refused.
//! `GUIDANCE_TORCH_PYTHON` names a Python with `tests/python/torch-requirements.txt`, which
//! `cargo xtask test` makes.
#![allow(clippy::unwrap_used)]

mod python;
mod real_packages;
