//! Finds the state dict in a checkpoint's tree of values, and describes each of its tensors as a view of a
//! storage. A storage is a block of bytes outside the pickle; a view is an offset, sizes and strides in it.
//!
//! Only these names in a pickle have a meaning here: `collections.OrderedDict`, and the functions with
//! which torch rebuilds a tensor or parameter. Everything else is passed over. `torch_file` finds the bytes
//! of a storage, `tensor` copies those of a view.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::problem::Problem;
use super::tensor::{Storage, View};
use super::value::{Id, Tree, Value};

/// The keys under which checkpoints of torchvision, timm and the paper's code hold their weights.
const KEYS: [&str; 4] = ["state_dict", "model", "model_state_dict", "net"];
/// The most levels of dicts in dicts.
const MAX_DEPTH: usize = 16;
/// The most entries when flattened. The file may have far fewer, because one dict can be the value of many
/// entries.
const MAX_ENTRIES: usize = 1_000_000;
/// The most tensors of a state dict. This bound and the next are far above what any network needs. Without them a
/// small file could fill memory, with many entries that share one long text.
const MAX_TENSORS: usize = 100_000;
/// The most bytes of a tensor's full name.
const MAX_NAME: usize = 1024;
/// The most bytes of a storage's key; real keys are numbers as text.
const MAX_KEY: usize = 64;
/// The most dimensions of a tensor; torch's own limit.
const MAX_DIMENSIONS: usize = 64;
/// How many names a message lists.
const MAX_LISTED: usize = 8;

/// Returns the tensors of the state dict, in order. `key` names the entry that holds the state dict;
/// absent: [`KEYS`] are tried, then the whole tree.
pub(super) fn views<'a>(tree: &'a Tree, key: Option<&str>) -> Result<Vec<View<'a>>, Problem> {
    let root = tree.root();
    let Some(entries) = dict(tree, root) else {
        return Err(Problem::NotADict {
            found: tree.describe(root),
        });
    };
    // As in Python, the last of several entries with one key is the one that counts.
    let entry = |key: &str| entries.iter().rev().find(|(k, _)| is_str(tree, *k, key));
    if let Some(key) = key {
        let entry = entry(key);
        let views = match entry {
            Some((_, value)) if dict(tree, *value).is_some() => flatten(tree, *value)?,
            _ => Vec::new(),
        };
        if views.is_empty() {
            return Err(Problem::NoSuchKey {
                key: key.into(),
                found: match entry {
                    Some((_, value)) => format!("{} without tensors", tree.describe(*value)),
                    None => format!("the entries {}", keys(tree, entries)),
                },
            });
        }
        return Ok(views);
    }

    let mut candidates = Vec::new();
    for (k, value) in KEYS.iter().filter_map(|key| entry(key)) {
        if dict(tree, *value).is_some() {
            let views = flatten(tree, *value)?;
            if !views.is_empty() {
                candidates.push((*k, *value, views));
            }
        }
    }
    match candidates.len() {
        0 => {}
        1 => return Ok(candidates.remove(0).2),
        _ => {
            let found: Vec<_> = candidates
                .iter()
                .map(|(k, value, _)| (*k, *value))
                .collect();
            return Err(Problem::SeveralStateDicts {
                found: keys(tree, &found),
            });
        }
    }
    let views = flatten(tree, root)?;
    if views.is_empty() {
        return Err(Problem::NoTensors {
            found: format!(
                "a dict with the entries {}{}",
                keys(tree, entries),
                passed_over(tree)
            ),
        });
    }
    Ok(views)
}

/// Returns the entries of a dict or `OrderedDict`; `None` for another value.
fn dict(tree: &Tree, id: Id) -> Option<&[(Id, Id)]> {
    match tree.get(id) {
        Value::Dict(items) => Some(items),
        Value::Object {
            callable, items, ..
        } if tree.global(*callable) == Some("collections.OrderedDict") => Some(items),
        _ => None,
    }
}

fn is_str(tree: &Tree, id: Id, text: &str) -> bool {
    matches!(tree.get(id), Value::Str(value) if value == text)
}

/// Returns the tensors in the dict `root` and in the dicts inside it.
fn flatten(tree: &Tree, root: Id) -> Result<Vec<View<'_>>, Problem> {
    let mut flattened = Flattened {
        tree,
        views: Vec::new(),
        names: BTreeSet::new(),
        n_entries: 0,
    };
    flattened.add(root, "", 0)?;
    Ok(flattened.views)
}

/// The tensors found so far while a dict is flattened.
struct Flattened<'a> {
    tree: &'a Tree,
    views: Vec<View<'a>>,
    /// The names of `views`.
    names: BTreeSet<String>,
    /// Entries visited, tensors or not.
    n_entries: usize,
}

impl Flattened<'_> {
    /// Adds the tensors in the dict `id`, whose names begin with `prefix`. Other values are passed over.
    fn add(&mut self, id: Id, prefix: &str, depth: usize) -> Result<(), Problem> {
        if depth > MAX_DEPTH {
            return Err(Problem::Nesting {
                found: format!("dicts nested deeper at {prefix:?}"),
                expected: format!("at most {MAX_DEPTH} deep"),
            });
        }
        for &(key, value) in dict(self.tree, id).unwrap_or_default() {
            self.n_entries += 1;
            if self.n_entries > MAX_ENTRIES {
                return Err(Problem::Nesting {
                    found: "more entries".into(),
                    expected: format!("at most {MAX_ENTRIES}"),
                });
            }
            let is_dict = dict(self.tree, value).is_some();
            let function = rebuild_function(self.tree, value);
            if !is_dict && function.is_none() {
                continue;
            }
            let name = match self.tree.get(key) {
                Value::Str(text) if prefix.len() + text.len() > MAX_NAME => {
                    return Err(Problem::Nesting {
                        found: format!("a name of {} bytes", prefix.len() + text.len()),
                        expected: format!("at most {MAX_NAME}"),
                    });
                }
                Value::Str(text) => format!("{prefix}{text}"),
                Value::Int(number) => format!("{prefix}{number}"),
                _ => {
                    return Err(Problem::Tensor {
                        name: prefix.into(),
                        found: format!("{} as its key", self.tree.describe(key)),
                        expected: "a string".into(),
                    });
                }
            };
            if is_dict {
                self.add(value, &format!("{name}."), depth + 1)?;
                continue;
            }
            if !self.names.insert(name.clone()) {
                return Err(Problem::DuplicateName { name });
            }
            if self.views.len() == MAX_TENSORS {
                return Err(Problem::Nesting {
                    found: "more tensors".into(),
                    expected: format!("at most {MAX_TENSORS}"),
                });
            }
            self.views.push(view(self.tree, value, name)?);
        }
        Ok(())
    }
}

/// Returns the function with which torch would rebuild the tensor or parameter `id`, and the arguments;
/// `None` for another value.
fn rebuild_function(tree: &Tree, id: Id) -> Option<(&str, &[Id])> {
    let Value::Object {
        callable,
        arguments,
        ..
    } = tree.get(id)
    else {
        return None;
    };
    let function = tree.global(*callable)?.strip_prefix("torch._utils.")?;
    let known = [
        "_rebuild_tensor",
        "_rebuild_tensor_v2",
        "_rebuild_tensor_v3",
        "_rebuild_parameter",
        "_rebuild_parameter_with_state",
    ];
    match tree.get(*arguments) {
        Value::Tuple(arguments) if known.contains(&function) => Some((function, arguments)),
        _ => None,
    }
}

/// Returns the view that the tensor or parameter `id` is.
fn view(tree: &Tree, id: Id, name: String) -> Result<View<'_>, Problem> {
    let is_parameter = |function: &str| function.starts_with("_rebuild_parameter");
    let arguments = match rebuild_function(tree, id) {
        // A parameter wraps a tensor.
        Some((function, arguments)) if is_parameter(function) => arguments
            .first()
            .and_then(|&inner| rebuild_function(tree, inner))
            .filter(|(function, _)| !is_parameter(function)),
        other => other,
    };
    let found = match arguments {
        Some((_, [storage, offset, size, stride, rest @ ..])) => {
            let view = (
                self::storage(tree, *storage),
                integer(tree, *offset),
                integers(tree, *size),
                integers(tree, *stride),
            );
            if let (Some(storage), Some(offset), Some(size), Some(stride)) = view {
                // After the stride come requires_grad, hooks and, in version 3, the dtype, as its storage
                // is untyped.
                let dtype = match rest.get(2).and_then(|&dtype| tree.global(dtype)) {
                    Some(dtype) => dtype,
                    None => storage.class,
                };
                return Ok(View {
                    name,
                    storage,
                    dtype,
                    offset,
                    size,
                    stride,
                });
            }
            let parts = [storage, offset, size, stride].map(|part| tree.describe(*part));
            parts.join(", ")
        }
        _ => tree.describe(id),
    };
    Err(Problem::Tensor {
        name,
        found,
        expected: "a storage, an offset, sizes and strides".into(),
    })
}

/// Returns the storage that a persistent id refers to; `None` for another value. The id is a tuple
/// ("storage", class, key, device, length). In legacy files None or a tuple (key, offset, length) follows;
/// the latter says which part of another storage this one is.
pub(super) fn storage(tree: &Tree, id: Id) -> Option<Storage<'_>> {
    let Value::Persistent(id) = tree.get(id) else {
        return None;
    };
    let Value::Tuple(fields) = tree.get(*id) else {
        return None;
    };
    let (&[kind, class, key, _device, length], rest) = fields.split_first_chunk()?;
    if !is_str(tree, kind, "storage") {
        return None;
    }
    let part = match rest.first().map(|&part| tree.get(part)) {
        None | Some(Value::None) => None,
        Some(Value::Tuple(part)) => match part.as_slice() {
            &[_key, offset, length] => Some((integer(tree, offset)?, integer(tree, length)?)),
            _ => return None,
        },
        Some(_) => return None,
    };
    Some(Storage {
        key: text(tree, key)?,
        class: tree.global(class)?,
        length: integer(tree, length)?,
        part,
    })
}

/// Returns a storage's key, which is a string, or from some writers a number.
pub(super) fn text(tree: &Tree, id: Id) -> Option<Cow<'_, str>> {
    match tree.get(id) {
        Value::Str(text) if text.len() <= MAX_KEY => Some(text.into()),
        Value::Int(number) => Some(number.to_string().into()),
        _ => None,
    }
}

fn integer(tree: &Tree, id: Id) -> Option<i64> {
    match tree.get(id) {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

fn integers(tree: &Tree, id: Id) -> Option<Vec<i64>> {
    match tree.get(id) {
        Value::Tuple(items) | Value::List(items) if items.len() <= MAX_DIMENSIONS => {
            items.iter().map(|&item| integer(tree, item)).collect()
        }
        _ => None,
    }
}

/// Lists the first [`MAX_LISTED`] keys of `entries` for a message.
fn keys(tree: &Tree, entries: &[(Id, Id)]) -> String {
    let names = entries.iter().map(|(key, _)| match tree.get(*key) {
        Value::Str(text) => text.clone(),
        _ => tree.describe(*key),
    });
    listed(names)
}

/// Lists the classes of objects in the file that have no meaning here, for a message.
fn passed_over(tree: &Tree) -> String {
    let mut classes = BTreeSet::new();
    for value in tree.values() {
        if let Value::Object { callable, .. } = value
            && let Some(name) = tree.global(*callable)
            && name != "collections.OrderedDict"
        {
            classes.insert(name.to_owned());
        }
    }
    if classes.is_empty() {
        return String::new();
    }
    format!(
        ", and objects that were passed over: {}",
        listed(classes.into_iter())
    )
}

fn listed(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(MAX_LISTED);
    let mut names: Vec<String> = names
        .take(MAX_LISTED)
        .map(|name| name.escape_debug().take(60).collect())
        .collect();
    match (names.is_empty(), more) {
        (true, _) => return "none".into(),
        (_, 0) => {}
        (_, more) => names.push(format!("{more} more")),
    }
    names.join(", ")
}
