//! Numbers the ids of images that are strings: COCO's are whole numbers, but its tools take any.

use std::collections::HashMap;

use super::json::{Cursor, Fault};

/// The ids of a file's images that are strings. The first one has the lowest number of 64 bits, and so on.
#[derive(Debug, Default)]
pub(super) struct TextIds {
    numbers: HashMap<Box<str>, i64>,
    texts: Vec<Box<str>>,
}

impl TextIds {
    /// Reads an image's id: a whole number, or a string.
    pub(super) fn read(&mut self, cursor: &mut Cursor) -> Result<i64, Fault> {
        let fault = match cursor.attempt(Cursor::integer)? {
            Ok(id) => return Ok(id),
            Err(fault) => fault,
        };
        if cursor.peek() != Some(b'"') {
            return Err(fault);
        }
        let text = cursor.string()?;
        if let Some(&id) = self.numbers.get(&*text) {
            return Ok(id);
        }
        let id = i64::MIN + self.texts.len() as i64;
        self.numbers.insert((&*text).into(), id);
        self.texts.push(text.into());
        Ok(id)
    }

    /// Returns an id as the file has it.
    pub(super) fn shown(&self, id: i64) -> String {
        let index = usize::try_from(id.wrapping_sub(i64::MIN)).ok();
        match index.and_then(|index| self.texts.get(index)) {
            Some(text) => text.to_string(),
            None => id.to_string(),
        }
    }
}
