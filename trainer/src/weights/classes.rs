//! Writes the class names that a checkpoint's outputs stand for as one line of its metadata, so that a run
//! which begins from it can tell whether its own classes are the same.

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

/// Returns the number of class names in a line of [`in_a_line`] and the first of them, for messages.
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
        assert_eq!(listed("cat"), "1 class (cat)");
        assert_eq!(listed("1\t2\t3\t4\t5\t6"), "6 classes (1, 2, 3, 4, 5, …)");
    }
}
