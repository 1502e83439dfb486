//! Gives image ids that are strings numbers. MS COCO's ids are whole numbers, but its tools accept any value.

use std::collections::HashMap;

use super::json::{Cursor, Fault};

/// The image ids of a file that are strings. They are numbered upwards from `i64::MIN`, in the order in which they are
/// read, so that they do not meet ids that are numbers.
#[derive(Debug, Default)]
pub(super) struct TextIds {
    numbers: HashMap<Box<str>, i64>,
    texts: Vec<Box<str>>,
}

impl TextIds {
    /// Reads an image's id, a whole number or a string, and returns it as a number.
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

    /// Returns the id as the file has it, for a number that [`Self::read`] returned.
    pub(super) fn shown(&self, id: i64) -> String {
        let index = usize::try_from(id.wrapping_sub(i64::MIN)).ok();
        match index.and_then(|index| self.texts.get(index)) {
            Some(text) => text.to_string(),
            None => id.to_string(),
        }
    }
}
