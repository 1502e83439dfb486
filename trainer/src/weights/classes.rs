//! Writes the names of the classes that a checkpoint's outputs stand for as one line of its metadata, and reads
//! them from there. A run that begins from the checkpoint can so tell whether its own classes are the same.

/// The metadata key of the class names, which are in the order of the head's outputs.
pub(crate) const KEY: &str = "classes";

/// Returns class names in one line, separated by tabs; control characters (as tab and line break) and
/// backslashes within names are escaped.
pub(crate) fn in_a_line(classes: &[String]) -> String {
    let names = classes.iter().map(|name| {
        let escaped = name.chars().map(|c| match c.is_control() || c == '\\' {
            true => c.escape_default().to_string(),
            false => c.to_string(),
        });
        escaped.collect::<String>()
    });
    names.collect::<Vec<_>>().join("\t")
}

/// Returns the class names in a line that [`in_a_line`] wrote.
pub(crate) fn of_a_line(classes: &str) -> Vec<String> {
    classes.split('\t').map(unescaped).collect()
}

/// Undoes the escapes that [`in_a_line`] puts into a name. A backslash that begins no such escape stays.
fn unescaped(name: &str) -> String {
    let mut text = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let code = |hex: &str| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32);
        let braced = after.strip_prefix("u{").and_then(|hex| hex.split_once('}'));
        let simple = ["\\\\", "t\t", "n\n", "r\r"];
        let simple = simple.iter().find(|pair| after.starts_with(&pair[..1]));
        (text, rest) = match (
            simple,
            braced.and_then(|(hex, end)| Some((code(hex)?, end))),
        ) {
            (Some(pair), _) => (text + &pair[1..], &after[1..]),
            (None, Some((c, end))) => (text + &*c.encode_utf8(&mut [0; 4]), end),
            (None, None) => (text + "\\", after),
        };
    }
    text + rest
}

/// Returns for messages the number of class names in a line that [`in_a_line`] wrote, and the first five.
pub(crate) fn listed(classes: &str) -> String {
    const SHOWN: usize = 5;
    let names: Vec<&str> = classes.split('\t').collect();
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len() {
        n if n > SHOWN => format!("{n} classes ({shown}, …)"),
        1 => format!("1 class ({shown})"),
        n => format!("{n} classes ({shown})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names with tabs, line breaks, backslashes and other control characters give one line, different names give
    /// different lines, and reading a line gives the names back.
    #[test]
    fn class_names_stay_in_their_line() {
        let names = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            in_a_line(&names)
        };
        assert_eq!(names(&["cat", "dog"]), "cat\tdog");
        assert_eq!(names(&["a\tb\n=c"]), "a\\tb\\n=c");
        assert_ne!(names(&["a", "b"]), names(&["a\tb"]));
        assert_ne!(names(&["a\tb"]), names(&["a\\tb"]));
        assert_eq!(names(&["bird's", "naïve"]), "bird's\tnaïve");
        for given in [
            &["cat", "dog"][..],
            &["a\tb\n=c\r", "\\t", "\\"],
            &["\u{1b}[0m\u{85}", "", "naïve 猫", "u{1b}"],
        ] {
            assert_eq!(of_a_line(&names(given)), given);
        }
        // Backslashes that `in_a_line` would have escaped: they are kept as they are.
        assert_eq!(of_a_line("a\\x\\u{zz}\\"), ["a\\x\\u{zz}\\"]);
        assert_eq!(listed("cat"), "1 class (cat)");
        assert_eq!(listed("1\t2\t3\t4\t5\t6"), "6 classes (1, 2, 3, 4, 5, …)");
    }
}
