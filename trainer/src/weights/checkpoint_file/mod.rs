//! Reads the tensors of a weight file: what `torch.save` writes (the zip format and the older one
//! before it) and safetensors.
//!
//! A PyTorch checkpoint is a pickle, which is a program. It is read here as data: nothing the file
//! names is imported, called or looked up, objects of unknown classes are passed over, and the work
//! and memory a file can ask for are bounded by its size. A damaged or hostile file gives an error
//! with the file, what was found and what was expected.
//!
//! Names come out as they stand in the file. What they mean to a backbone, prefixes such as
//! `module.` and conversions of type are the importer's.

mod pickle;
mod problem;
mod read;
mod state_dict;
mod tensor;
mod torch_file;
mod value;

pub use problem::{CheckpointError, Problem};
pub use read::{parse, read};
pub use tensor::{Dtype, NamedTensor};
