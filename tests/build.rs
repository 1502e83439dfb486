//! Writes a test function for every case of bad input (`fixtures/bad_input/<kind>.toml`), so that a single
//! case can be run by its name: `cargo test --workspace --test bad_input recipes::no_loss`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use fs_err as fs;

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=fixtures/bad_input");
    let mut files: Vec<_> = fs::read_dir("fixtures/bad_input")?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|found| found == "toml"));
    files.sort();
    let mut tests = String::new();
    for file in &files {
        let kind = file.file_stem().unwrap_or_default().to_string_lossy();
        let cases: toml::Table = toml::from_str(&fs::read_to_string(file)?)
            .with_context(|| file.display().to_string())?;
        let cases = cases.get("case").and_then(|cases| cases.as_array());
        writeln!(
            tests,
            "mod {kind} {{\n    static INPUT: crate::case::Input = crate::case::Input::new();"
        )?;
        for (index, case) in cases.into_iter().flatten().enumerate() {
            let name = case.get("name").and_then(|name| name.as_str());
            let name =
                name.with_context(|| format!("{}: case {index}: no name", file.display()))?;
            writeln!(
                tests,
                "    #[test]\n    fn {}() {{\n        crate::case::check(\"{kind}\", &INPUT, {index});\n    }}",
                identifier(name)
            )?;
        }
        tests += "}\n";
    }
    let out = std::env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("bad_input.rs"), tests)?;
    Ok(())
}

/// Returns a case's name as a Rust identifier. Where two cases of a file get the same one, compiling the
/// tests fails.
fn identifier(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let name = words.join("_");
    match name.starts_with(|c: char| c.is_ascii_digit()) || is_keyword(&name) {
        true => format!("case_{name}"),
        false => name,
    }
}

/// Whether `name` is one of the Rust keywords that a case might be called.
fn is_keyword(name: &str) -> bool {
    [
        "const", "crate", "loop", "match", "move", "ref", "self", "static", "super", "type", "use",
    ]
    .contains(&name)
}
