//! Reads a pickle of a PyTorch checkpoint into a tree of values, which is only data.
//!
//! A pickle is a program for a stack machine: unpickling in Python imports the modules it names and calls
//! the functions it names. Nothing is imported or called here. A name stays a name, a call becomes a
//! [`Value::Object`] that holds what would have been called and with what, a persistent id (which refers
//! to a tensor's bytes outside the pickle) stays an id. `state_dict` decides what the names mean; it knows
//! a handful and ignores the others.
//!
//! Only the binary opcodes of protocols 2 to 5 are read, the ones `torch.save` writes.

use std::collections::HashMap;

use super::problem::Problem;
use super::value::{Id, Tree, Value};

/// The most values. A real checkpoint has about forty for each tensor; this is room for fifty thousand
/// tensors.
const MAX_VALUES: usize = 2_000_000;
/// The most instructions. A real checkpoint has fewer than twice as many as values.
const MAX_INSTRUCTIONS: usize = 8_000_000;
/// The most bytes of a module or class name. A name may be copied many times from one string, so without
/// a bound a few bytes of pickle could fill memory.
const MAX_NAME: usize = 256;
/// The most bytes of all module and class names together.
const MAX_NAMES: usize = 1 << 24;

/// Reads one pickle from the start of `bytes`: its values and the number of bytes it took. `part`
/// says in messages which pickle of the file it is.
pub(super) fn load(bytes: &[u8], part: &'static str) -> Result<(Tree, usize), Problem> {
    let mut machine = Machine {
        bytes,
        part,
        at: 0,
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        n_named: 0,
    };
    let root = machine.run()?;
    let Machine { values, at, .. } = machine;
    Ok((Tree::new(values, root), at))
}

/// The stack machine that executes a pickle's instructions.
struct Machine<'a> {
    bytes: &'a [u8],
    /// Which pickle of the file it is, for messages.
    part: &'static str,
    /// The offset of the next byte in `bytes`.
    at: usize,
    /// Every value made so far; the stack and the memo refer to them.
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Stack heights at the marks; values below the last one are out of reach until it is popped.
    marks: Vec<usize>,
    /// Values that the pickle has stored under a number, to use them again.
    memo: HashMap<usize, Id>,
    /// Bytes of all names so far.
    n_named: usize,
}

impl Machine<'_> {
    /// Executes instructions up to STOP (`.`); returns the value on top of the stack then.
    fn run(&mut self) -> Result<Id, Problem> {
        for _ in 0..MAX_INSTRUCTIONS {
            let opcode = self.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
        Err(self.fail(
            "more instructions",
            format!("at most {MAX_INSTRUCTIONS} instructions"),
        ))
    }

    /// Executes one instruction. The comments have the opcodes' names in Python's module `pickletools`, which says what
    /// they do.
    fn step(&mut self, opcode: u8) -> Result<(), Problem> {
        match opcode {
            // Stream structure and stack.
            // PROTO
            0x80 => {
                let protocol = self.byte()?;
                if !(2..=5).contains(&protocol) {
                    let found = format!("pickle protocol {protocol}");
                    return Err(self.fail(found, "a protocol from 2 to 5"));
                }
            }
            0x95 => drop(self.take(8)?), // FRAME: a length that only tells how much to read ahead
            b'(' => self.marks.push(self.stack.len()), // MARK
            b'0' => drop(self.pop()?),   // POP
            b'1' => drop(self.pop_to_mark()?), // POP_MARK
            // DUP
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            // The memo: BINPUT, LONG_BINPUT, MEMOIZE.
            b'q' | b'r' | 0x94 => {
                let key = match opcode {
                    b'q' => usize::from(self.byte()?),
                    b'r' => self.length4()?,
                    _ => self.memo.len(),
                };
                let top = self.top()?;
                if self.memo.len() == MAX_VALUES {
                    let expected = format!("at most {MAX_VALUES} memo entries");
                    return Err(self.fail("more memo entries", expected));
                }
                self.memo.insert(key, top);
            }
            // BINGET, LONG_BINGET
            b'h' | b'j' => {
                let key = match opcode {
                    b'h' => usize::from(self.byte()?),
                    _ => self.length4()?,
                };
                let Some(&id) = self.memo.get(&key) else {
                    return Err(self.fail(format!("memo entry {key}"), "an entry stored before"));
                };
                self.stack.push(id);
            }
            // Filling containers: APPEND.
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            // APPENDS, ADDITEMS
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            // SETITEM
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![(key, value)])?;
            }
            // SETITEMS
            b'u' => {
                let items = self.pop_pairs()?;
                self.set_items(items)?;
            }
            // BUILD: the state that would have been set on an object (a dict's `_metadata`, a namespace's fields)
            // is dropped. No tensor of a state dict is in such a state.
            b'b' => {
                self.pop()?;
                self.top()?;
            }
            _ => {
                let value = self.value(opcode)?;
                if self.values.len() == MAX_VALUES {
                    return Err(self.fail("more values", format!("at most {MAX_VALUES} values")));
                }
                self.stack.push(Id::at(self.values.len()));
                self.values.push(value);
            }
        }
        Ok(())
    }

    /// Executes an instruction that makes a new value; returns the value.
    fn value(&mut self, opcode: u8) -> Result<Value, Problem> {
        Ok(match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            // BININT, BININT1, BININT2, LONG1, LONG4
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            b'K' => Value::Int(i64::from(self.byte()?)),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            0x8a | 0x8b => {
                let length = match opcode {
                    0x8a => usize::from(self.byte()?),
                    _ => self.length4()?,
                };
                integer(self.take(length)?)
            }
            b'G' => Value::Float(f64::from_be_bytes(self.array()?)), // BINFLOAT
            // BINUNICODE, SHORT_BINUNICODE, BINUNICODE8; BINSTRING and SHORT_BINSTRING (`T`, `U`) are Python 2's `str`,
            // text in practice.
            b'X' | b'T' | b'U' | 0x8c | 0x8d => {
                let length = match opcode {
                    b'X' | b'T' => self.length4()?,
                    0x8d => self.length8()?,
                    _ => usize::from(self.byte()?),
                };
                Value::Str(String::from_utf8_lossy(self.take(length)?).into_owned())
            }
            // BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8
            b'B' | b'C' | 0x8e | 0x96 => {
                let length = match opcode {
                    b'B' => self.length4()?,
                    b'C' => usize::from(self.byte()?),
                    _ => self.length8()?,
                };
                Value::Bytes(self.take(length)?.to_vec())
            }
            // EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE
            b')' => Value::Tuple(Vec::new()),
            0x85 => Value::Tuple(vec![self.pop()?]),
            0x86 | 0x87 => {
                let mut items = vec![self.pop()?, self.pop()?];
                if opcode == 0x87 {
                    items.push(self.pop()?);
                }
                items.reverse();
                Value::Tuple(items)
            }
            b't' => Value::Tuple(self.pop_to_mark()?),
            // EMPTY_LIST, LIST; sets are kept as lists: EMPTY_SET, FROZENSET
            b']' | 0x8f => Value::List(Vec::new()),
            b'l' | 0x91 => Value::List(self.pop_to_mark()?),
            // EMPTY_DICT, DICT
            b'}' => Value::Dict(Vec::new()),
            b'd' => Value::Dict(self.pop_pairs()?),
            // GLOBAL and STACK_GLOBAL, whose names are not looked up.
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.global(&module, &name)?
            }
            0x93 => {
                let name = self.pop_name()?;
                let module = self.pop_name()?;
                self.global(&module, &name)?
            }
            // REDUCE, NEWOBJ, NEWOBJ_EX: calls, which are not made.
            b'R' | 0x81 | 0x92 => {
                if opcode == 0x92 {
                    self.pop()?; // keyword arguments
                }
                let arguments = self.pop()?;
                Value::Object {
                    callable: self.pop()?,
                    arguments,
                    items: Vec::new(),
                }
            }
            b'Q' => Value::Persistent(self.pop()?), // BINPERSID
            _ => {
                let found = format!("opcode 0x{opcode:02x}");
                return Err(self.fail(found, "an opcode that torch.save writes"));
            }
        })
    }

    // Bytes.

    /// Returns the next `length` bytes and moves past them.
    fn take(&mut self, length: usize) -> Result<&[u8], Problem> {
        let end = self
            .at
            .checked_add(length)
            .filter(|&end| end <= self.bytes.len());
        let Some(end) = end else {
            return Err(self.fail(
                format!("{} more bytes", self.bytes.len() - self.at),
                format!("{length}"),
            ));
        };
        let start = std::mem::replace(&mut self.at, end);
        Ok(&self.bytes[start..end])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, Problem> {
        Ok(self.array::<1>()?[0])
    }

    fn length4(&mut self) -> Result<usize, Problem> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn length8(&mut self) -> Result<usize, Problem> {
        let length = u64::from_le_bytes(self.array()?);
        usize::try_from(length)
            .map_err(|_| self.fail(format!("a length of {length}"), "one that fits memory"))
    }

    /// Returns the text up to the next line break, a module or class name, and moves past it.
    fn line(&mut self) -> Result<String, Problem> {
        let rest = &self.bytes[self.at..];
        let possible = &rest[..rest.len().min(MAX_NAME + 1)];
        let Some(length) = possible.iter().position(|&byte| byte == b'\n') else {
            return Err(self.fail("no end of line", "a module or class name"));
        };
        self.at += length + 1;
        Ok(String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    /// Returns the value `module.name`, a class or function that Python would import.
    fn global(&mut self, module: &str, name: &str) -> Result<Value, Problem> {
        let name = format!("{module}.{name}");
        if name.chars().any(char::is_control) {
            return Err(self.fail("control characters", "a module or class name"));
        }
        self.n_named += name.len();
        if self.n_named > MAX_NAMES {
            let expected = format!("at most {MAX_NAMES} bytes of module and class names");
            return Err(self.fail("more names", expected));
        }
        Ok(Value::Global(name))
    }

    // The stack.

    /// Returns the value on top of the stack, which must lie above the last mark.
    fn top(&self) -> Result<Id, Problem> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.last() {
            Some(&top) if self.stack.len() > floor => Ok(top),
            _ => Err(self.fail("an empty stack", "a value on it")),
        }
    }

    fn pop(&mut self) -> Result<Id, Problem> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_name(&mut self) -> Result<String, Problem> {
        let id = self.pop()?;
        match &self.values[id.index()] {
            Value::Str(text) if text.len() <= MAX_NAME => Ok(text.clone()),
            _ => Err(self.fail("another value", "a module or class name")),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Problem> {
        match self.marks.pop() {
            Some(height) => Ok(self.stack.split_off(height)),
            None => Err(self.fail("no mark", "a mark on the stack")),
        }
    }

    fn pop_pairs(&mut self) -> Result<Vec<(Id, Id)>, Problem> {
        let items = self.pop_to_mark()?;
        if items.len() % 2 == 1 {
            return Err(self.fail("a key without a value", "pairs"));
        }
        Ok(items
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect())
    }

    /// Appends values to the list on top of the stack.
    fn append(&mut self, new: Vec<Id>) -> Result<(), Problem> {
        let target = self.top()?;
        match &mut self.values[target.index()] {
            Value::List(items) => items.extend(new),
            Value::Object { .. } => {} // a list-like class: its items are dropped, no tensor of a state dict is there
            _ => return Err(self.fail("items for another value", "a list under them")),
        }
        Ok(())
    }

    /// Adds (key, value) entries to the dict or object on top of the stack.
    fn set_items(&mut self, new: Vec<(Id, Id)>) -> Result<(), Problem> {
        let target = self.top()?;
        match &mut self.values[target.index()] {
            Value::Dict(items) | Value::Object { items, .. } => items.extend(new),
            _ => return Err(self.fail("items for another value", "a dict under them")),
        }
        Ok(())
    }

    fn fail(&self, found: impl Into<String>, expected: impl Into<String>) -> Problem {
        Problem::Pickle {
            part: self.part,
            offset: self.at,
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// Returns the integer that `bytes` are in little-endian two's complement, of any length.
fn integer(bytes: &[u8]) -> Value {
    if bytes.len() > 8 {
        return Value::Long(bytes.to_vec());
    }
    let negative = bytes.last().is_some_and(|&last| last >= 0x80);
    let mut extended = [if negative { 0xff } else { 0 }; 8];
    extended[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(extended))
}
