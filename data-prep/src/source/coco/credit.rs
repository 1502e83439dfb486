//! Reads title, address, citation and licences of a data set from `info` and `licenses` of its COCO JSON. They are
//! optional, so a value of an unexpected type is passed over instead of refused.

use super::json::{Cursor, Fault};
use crate::source::credit::{Credit, line, link};

/// The most licences that are kept. Chosen.
const MOST: usize = 8;

/// Reads `info` and fills in the fields of `credit` that are still empty.
pub(super) fn info(cursor: &mut Cursor, credit: &mut Credit) -> Result<(), Fault> {
    let (mut description, mut contributor, mut year, mut url) = (None, None, None, None);
    members(cursor, |cursor, key| {
        match key {
            "description" => description = text(cursor)?.as_deref().and_then(line),
            "contributor" => contributor = text(cursor)?.as_deref().and_then(line),
            "year" => year = text(cursor)?.as_deref().and_then(line),
            "url" => url = text(cursor)?.as_deref().and_then(link),
            _ => cursor.skip()?,
        }
        Ok(())
    })?;
    // Roboflow and FiftyOne write "Exported from …", which names the tool and is no title.
    let title = description.filter(|text| !text.to_lowercase().starts_with("exported from"));
    let citation = contributor.zip(title.as_ref()).and_then(|(by, title)| {
        let year = year.map(|year| format!(", {year}")).unwrap_or_default();
        line(&format!("{by}: {title}{year}"))
    });
    credit.fill(Credit {
        title,
        url,
        citation,
        ..Credit::default()
    });
    Ok(())
}

/// Reads `licenses` and fills them into `credit`, if it has none.
pub(super) fn licenses(cursor: &mut Cursor, credit: &mut Credit) -> Result<(), Fault> {
    if cursor.peek() != Some(b'[') {
        return cursor.skip();
    }
    let mut licenses = Vec::new();
    cursor.array(|cursor, _| {
        let (mut name, mut url) = (None, None);
        members(cursor, |cursor, key| {
            match key {
                "name" => name = text(cursor)?.as_deref().and_then(line),
                "url" => url = text(cursor)?.as_deref().and_then(link),
                _ => cursor.skip()?,
            }
            Ok(())
        })?;
        if licenses.len() < MOST && (name.is_some() || url.is_some()) {
            licenses.push((name, url));
        }
        Ok(())
    })?;
    let mut said = Credit::default();
    said.set_licenses(&licenses);
    credit.fill(said);
    Ok(())
}

/// Reads the members of an object; passes over any other value.
fn members(
    cursor: &mut Cursor,
    member: impl FnMut(&mut Cursor, &str) -> Result<(), Fault>,
) -> Result<(), Fault> {
    match cursor.peek() {
        Some(b'{') => cursor.object(member),
        _ => cursor.skip(),
    }
}

/// Reads a string, or a whole number as a string; `None` for any other value, which is passed over.
fn text(cursor: &mut Cursor) -> Result<Option<String>, Fault> {
    match cursor.peek() {
        Some(b'"') => Ok(Some(cursor.string()?.into_owned())),
        Some(b'0'..=b'9') => match cursor.attempt(Cursor::integer)? {
            Ok(number) => Ok(Some(number.to_string())),
            Err(_) => cursor.skip().map(|()| None),
        },
        _ => cursor.skip().map(|()| None),
    }
}
