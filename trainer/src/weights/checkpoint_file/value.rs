//! The tree of values that a pickle holds. `pickle` builds it, `state_dict` finds the tensors in it.
//!
//! All values lie in one flat list and refer to each other by index. A value may therefore be contained in
//! many others, or even in itself, without being copied, and freeing the tree does not recurse.

/// Index of a value in its [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(u32);

impl Id {
    /// Returns the id of the value at this index; `pickle` keeps the list short enough for 32 bits.
    pub(super) fn at(index: usize) -> Id {
        Id(index as u32)
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A value in a pickle; the values inside it are given by their ids.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// An integer of more than eight bytes: little-endian two's complement.
    Long(Vec<u8>),
    Float(f64),
    Str(String),
    Bytes(Vec<u8>),
    Tuple(Vec<Id>),
    /// A list or a set.
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function, as its name `module.name`; it is not looked up.
    Global(String),
    /// The object that calling `callable` with `arguments` would have made; `items` are the (key, value)
    /// entries that were set on it afterwards.
    Object {
        callable: Id,
        arguments: Id,
        items: Vec<(Id, Id)>,
    },
    /// A persistent id, which refers to something outside the pickle: here always a tensor storage.
    Persistent(Id),
}

/// The values of one pickle.
#[derive(Debug)]
pub(super) struct Tree {
    values: Vec<Value>,
    root: Id,
}

impl Tree {
    pub(super) fn new(values: Vec<Value>, root: Id) -> Tree {
        Tree { values, root }
    }

    pub(super) fn root(&self) -> Id {
        self.root
    }

    pub(super) fn get(&self, id: Id) -> &Value {
        &self.values[id.index()]
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = Id> {
        (0..self.values.len()).map(Id::at)
    }

    /// The name, if the value is [`Value::Global`].
    pub(super) fn global(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Global(name) => Some(name),
            _ => None,
        }
    }

    /// Describes the value for a message.
    pub(super) fn describe(&self, id: Id) -> String {
        match self.get(id) {
            Value::None => "None".into(),
            Value::Bool(_) => "a bool".into(),
            Value::Int(value) => format!("the integer {value}"),
            Value::Long(_) => "a long integer".into(),
            Value::Float(_) => "a float".into(),
            Value::Str(_) => "a string".into(),
            Value::Bytes(_) => "bytes".into(),
            Value::Tuple(items) => format!("a tuple of {}", items.len()),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Dict(items) => format!("a dict of {}", items.len()),
            Value::Global(name) => format!("the name {name:?}"),
            Value::Object { callable, .. } => match self.global(*callable) {
                Some(name) => format!("an object of {name:?} (which was not called)"),
                None => "an object of unknown class".into(),
            },
            Value::Persistent(_) => "a tensor storage".into(),
        }
    }
}
