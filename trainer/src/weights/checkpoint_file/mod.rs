//! Reads the tensors of a weight file of another program: safetensors, and what `torch.save` writes (the
//! zip format, and the legacy format of PyTorch before 1.6).
//!
//! A PyTorch checkpoint is a pickle, which is a program. It is read here as data: nothing the file
//! names is imported, called or looked up, objects of unknown classes are passed over, and the work
//! and memory a file can ask for are bounded by its size. A damaged or hostile file gives an error
//! with the file, what was found and what was expected.
//!
//! Tensors get the names that they have in the file. `weights/import.rs` strips prefixes such as `module.`,
//! converts types and checks that the tensors fit a backbone.

// A pickle's bytes to a tree of values.
mod pickle;
// The errors.
mod problem;
// Tells the format, and reads the file.
mod read;
// The state dict in a tree of values.
mod state_dict;
// A tensor's elements from the bytes of its storage.
mod tensor;
// The zip and the legacy format.
mod torch_file;
// The tree of values.
mod value;

pub use problem::{CheckpointError, Problem};
pub use read::{parse, read};
pub use tensor::{Dtype, NamedTensor};
