//! Decodes annotation files and lists to text: UTF-8, UTF-16, and the encodings that an XML declaration may name.

use std::path::Path;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use crate::error::{Problem, Result};

/// The number of bytes at the beginning of a file in which an XML declaration must end. Chosen; usual ones have about
/// 40.
const DECLARATION: usize = 200;

/// Returns the text of a file without its byte order mark. The encoding is the one that the byte order mark shows, else
/// the one that the XML declaration names (latin-1 is read as windows-1252, as in browsers), else UTF-8.
///
/// # Errors
/// When the encoding is unknown, or the file has bytes that are not valid in it.
pub(super) fn decode(path: &Path, bytes: Vec<u8>) -> Result<String, Problem> {
    let encoding = encoding(path, &bytes)?;
    if encoding != UTF_8 {
        let (text, encoding, is_broken) = encoding.decode(&bytes);
        let found = || format!("bytes that are not {}", encoding.name());
        return match is_broken {
            true => Err(Problem::new(path, "text", found(), encoding.name())),
            false => Ok(text.into_owned()),
        };
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| Problem::new(path, "text", error.to_string(), "UTF-8"))?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn encoding(path: &Path, bytes: &[u8]) -> Result<&'static Encoding, Problem> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return Ok(encoding);
    }
    match bytes {
        [b'<', 0, ..] => return Ok(UTF_16LE),
        [0, b'<', ..] => return Ok(UTF_16BE),
        _ => {}
    }
    let Some(name) = declared(bytes) else {
        return Ok(UTF_8);
    };
    match Encoding::for_label(name) {
        // The declaration could be read byte by byte, so the file is not UTF-16, whatever the declaration says.
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Ok(UTF_8),
        Some(encoding) => Ok(encoding),
        None => {
            let found = String::from_utf8_lossy(name);
            let expected = "UTF-8, UTF-16 or another encoding that browsers know";
            Err(Problem::new(path, "encoding", found, expected))
        }
    }
}

/// Returns the encoding that the XML declaration names; `None` where there is no declaration or it names none.
fn declared(bytes: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"encoding";
    if !bytes.starts_with(b"<?xml") {
        return None;
    }
    let head = &bytes[..bytes.len().min(DECLARATION)];
    let end = head.windows(2).position(|two| two == b"?>")?;
    let head = &head[..end];
    let at = head.windows(NAME.len()).position(|word| word == NAME)?;
    let value = head[at + NAME.len()..].trim_ascii_start();
    let value = value.strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    let end = value.iter().position(|byte| byte == quote)?;
    Some(&value[..end])
}

/// Returns the name of the first element of an XML text. Declaration, comments and document type before it are skipped;
/// `None` where anything else comes first.
pub(super) fn first_element(text: &str) -> Option<&str> {
    let mut rest = text.trim_start();
    let name = loop {
        // Whether the document type has declarations of its own, in brackets, which may contain `>`.
        let has_subset = || {
            rest.split('>')
                .next()
                .is_some_and(|head| head.contains('['))
        };
        let end = match rest {
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<!") && has_subset() => "]>",
            _ if rest.starts_with("<!") => ">",
            _ => break rest.strip_prefix('<')?,
        };
        rest = rest.split_once(end)?.1.trim_start();
    };
    name.split(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))
        .next()
}

/// Returns the lines of a file that have text, with their numbers from 1; `None` when there is no such file.
///
/// # Errors
/// When it cannot be read, or is neither UTF-8 nor UTF-16.
pub(super) fn lines(path: &Path) -> Result<Option<Vec<(usize, String)>>> {
    let text = match fs_err::read(path) {
        Ok(bytes) => decode(path, bytes)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty());
    let lines = lines.map(|(number, line)| (number, line.to_owned()));
    Ok(Some(lines.collect()))
}

#[cfg(test)]
mod tests {
    use super::first_element;

    #[test]
    fn the_first_element_follows_after_what_is_none() {
        let subset = "<!DOCTYPE a [<!ENTITY b \"<c>\">\n]><annotation>";
        for (text, found) in [
            ("<annotation>", Some("annotation")),
            ("\n <annotation verified=\"yes\">", Some("annotation")),
            ("<annotation/>", Some("annotation")),
            ("<annotations>", Some("annotations")),
            (
                "<?xml version=\"1.0\"?><!-- <b> --><annotation>",
                Some("annotation"),
            ),
            (
                "<!DOCTYPE a SYSTEM \"a.dtd\">\n<annotation>",
                Some("annotation"),
            ),
            (subset, Some("annotation")),
            ("<a><annotation>", Some("a")),
            ("text <annotation>", None),
            ("<!-- <annotation>", None),
            ("", None),
        ] {
            assert_eq!(first_element(text), found, "{text}");
        }
    }
}
