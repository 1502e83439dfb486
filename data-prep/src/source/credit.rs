//! Defines [`Credit`]: a data set's title, address, licence and citation. Reads it from files that lie beside the
//! data: `CITATION.cff`, the README files of Roboflow (a web service for annotating images), `LICENSE`, `CITATION`.
//!
//! The readers of COCO and YOLO add what their own files say. A `README.md` is not read: it is prose, and a
//! licence in it may be that of a program. All texts are untrusted: each is put on one line and cut at a greatest
//! length, and only addresses that begin with `http` or `https` count as links.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::yaml::{self, Value};
use crate::error::Result;

/// The most characters of a text, and of a citation. This bound and those below are chosen.
const LONGEST: usize = 300;
const LONGEST_CITATION: usize = 1000;
/// The most bytes that are read of a file: 64 KiB.
const LARGEST: u64 = 1 << 16;
/// The most authors of a citation and the most licences that are named.
const MOST_AUTHORS: usize = 20;
const MOST_LICENSES: usize = 8;

/// What a data set says of itself; a field is `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Credit {
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Where it is published, an address that begins with `http`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The licence's name; several are separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// The address of the licence's text; as `url`, it begins with `http`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub license_url: Option<String>,
    /// The work to cite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citation: Option<String>,
}

impl Credit {
    /// Makes the credit of a published data set; an empty `license` means that it states none.
    pub(super) fn published(title: &str, url: &str, license: &str, citation: &str) -> Self {
        Self {
            title: Some(title.to_owned()),
            url: Some(url.to_owned()),
            license: (!license.is_empty()).then(|| license.to_owned()),
            license_url: None,
            citation: Some(citation.to_owned()),
        }
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes each field that is `None` from `other`. The licence's name and address are taken together, only
    /// where both are `None`, so that an address is never that of another licence.
    pub(crate) fn fill(&mut self, other: Self) {
        if self.license.is_none() && self.license_url.is_none() {
            (self.license, self.license_url) = (other.license, other.license_url);
        }
        self.title = self.title.take().or(other.title);
        self.url = self.url.take().or(other.url);
        self.citation = self.citation.take().or(other.citation);
    }

    /// Sets the licences from pairs of name and address, each with at least one of the two. The address is
    /// kept only where all of them are one licence.
    pub(super) fn set_licenses(&mut self, licenses: &[(Option<String>, Option<String>)]) {
        let mut names: Vec<&str> = Vec::new();
        for (name, url) in licenses.iter().take(MOST_LICENSES) {
            let shown = name.as_deref().or(url.as_deref());
            names.extend(shown.filter(|shown| !names.contains(shown)));
        }
        self.license = line(&names.join(", "));
        self.license_url = match (names.as_slice(), licenses) {
            ([_], [(_, url), ..]) => url.clone(),
            _ => None,
        };
    }

    /// Returns what the files beside the data in `root` say, and a note on each that cannot be read. Where
    /// several files say the same thing, the one that is first in `readers` counts.
    pub(crate) fn beside(root: &Path) -> (Self, Vec<String>) {
        let (mut credit, mut notes) = (Self::default(), Vec::new());
        // The folder of a file that is named without one is the current folder.
        let root = match root.as_os_str().is_empty() {
            true => Path::new("."),
            false => root,
        };
        let mut named: Vec<(String, PathBuf)> = Vec::new();
        for entry in fs_err::read_dir(root).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().to_lowercase();
            named.push((name, entry.path()));
        }
        named.sort();
        type Reader = fn(&Path, &str) -> Result<Credit>;
        let readers: [(&[&str], Reader); 4] = [
            (&["citation.cff"], of_cff),
            (&["readme.dataset.txt", "readme.roboflow.txt"], |_, text| {
                Ok(of_roboflow(text))
            }),
            (
                &[
                    "license",
                    "license.txt",
                    "license.md",
                    "licence",
                    "licence.txt",
                    "licence.md",
                    "copying",
                ],
                |_, text| Ok(of_license(text)),
            ),
            (&["citation", "citation.txt", "citation.bib"], |_, text| {
                Ok(of_citation(text))
            }),
        ];
        for (names, reader) in readers {
            for (_, path) in named
                .iter()
                .filter(|(name, _)| names.contains(&name.as_str()))
            {
                match beginning(path).and_then(|text| reader(path, &text)) {
                    Ok(found) => credit.fill(found),
                    Err(error) => notes.push(format!("passed over: {error}")),
                }
            }
        }
        (credit, notes)
    }
}

/// Returns a text on one line, cut at [`LONGEST`] characters; `None` where it is empty or a word that stands for
/// no value, such as `unknown`.
pub(super) fn line(text: &str) -> Option<String> {
    bounded(text, LONGEST)
}

fn bounded(text: &str, most: usize) -> Option<String> {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = words
        .chars()
        .filter(|c| !c.is_control())
        .take(most)
        .collect();
    if words.chars().nth(most).is_some() {
        shown.push('…');
    }
    let nothing = ["", "undefined", "null", "none", "unknown", "n/a"];
    (!nothing.contains(&shown.to_lowercase().as_str())).then_some(shown)
}

/// Returns a text if it is an `http` or `https` address.
pub(super) fn link(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text
        .strip_prefix("https://")
        .or(text.strip_prefix("http://"))?;
    let is_plain =
        |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\');
    let is_link = !rest.is_empty()
        && rest.chars().all(is_plain)
        && text.len() <= LONGEST
        && !text.ends_with("/undefined"); // Roboflow's address of an unpublished project
    is_link.then(|| text.to_owned())
}

/// Reads the first [`LARGEST`] bytes of a file; an empty text for what is no file.
fn beginning(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let is_file = fs_err::metadata(path)?.is_file();
    if is_file {
        fs_err::File::open(path)?
            .take(LARGEST)
            .read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Reads `CITATION.cff` (citation-file-format.github.io). The citation is that of the entry `preferred-citation`,
/// where there is one; title, address and licence are always those of the data itself.
fn of_cff(path: &Path, text: &str) -> Result<Credit> {
    let file = yaml::parse(path, text)?;
    let cited = file.get("preferred-citation").unwrap_or(&file);
    let text = |of: &Value, key: &str| of.get(key).and_then(Value::text).and_then(line);
    let address = |of: &Value| {
        let keys = [
            "url",
            "repository",
            "repository-artifact",
            "repository-code",
        ];
        let mut found = keys.iter().filter_map(|key| link(of.get(key)?.text()?));
        let doi = || link(&format!("https://doi.org/{}", of.get("doi")?.text()?));
        found.next().or_else(doi)
    };
    let mut credit = Credit {
        title: text(&file, "title"),
        url: address(&file),
        ..Credit::default()
    };
    let licenses = file
        .get("license")
        .and_then(Value::texts)
        .unwrap_or_default();
    let url = file.get("license-url").and_then(Value::text).and_then(link);
    let licenses = licenses.iter().map(|name| (line(name), url.clone()));
    credit.set_licenses(&licenses.collect::<Vec<_>>());
    let authors = match cited.get("authors") {
        Some(Value::List(authors)) => authors.as_slice(),
        _ => &[],
    };
    let mut names: Vec<String> = authors
        .iter()
        .take(MOST_AUTHORS)
        .filter_map(|author| {
            let parts = ["given-names", "name-particle", "family-names", "name"];
            let parts = parts.iter().filter_map(|part| text(author, part));
            line(&parts.collect::<Vec<_>>().join(" "))
        })
        .collect();
    if authors.len() > MOST_AUTHORS {
        names.push("et al.".to_owned());
    }
    let places = ["journal", "collection-title", "year", "date-released"];
    let mut parts = vec![names.join(", ")];
    parts.extend(text(cited, "title"));
    parts.extend(places.iter().filter_map(|key| text(cited, key)));
    parts.extend(address(cited));
    parts.retain(|part| !part.is_empty());
    credit.citation = bounded(&parts.join(". "), LONGEST_CITATION);
    Ok(credit)
}

/// Reads `README.dataset.txt` or `README.roboflow.txt` of an export: a title on the first line, the project's
/// address and `License: …`, each on a line of its own.
fn of_roboflow(text: &str) -> Credit {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let title = lines
        .clone()
        .next()
        .map(|title| title.trim_start_matches(['#', ' ']));
    let license = lines.clone().find_map(|line| {
        let (key, license) = line.split_once(':')?;
        key.eq_ignore_ascii_case("license").then_some(license)
    });
    Credit {
        title: title.and_then(line),
        url: lines.find_map(link),
        license: license.and_then(line),
        ..Credit::default()
    }
}

/// Takes the first line of a licence's text as the licence's name.
fn of_license(text: &str) -> Credit {
    let mut lines = text
        .lines()
        .map(|line| line.trim_matches(['#', ' ', '\t', '=', '*']));
    Credit {
        license: lines.find(|line| !line.is_empty()).and_then(line),
        ..Credit::default()
    }
}

/// Takes the whole text as the citation, be it words or BibTeX.
fn of_citation(text: &str) -> Credit {
    Credit {
        citation: bounded(text, LONGEST_CITATION),
        ..Credit::default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn beside(files: &[(&str, &str)]) -> (Credit, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs_err::write(dir.path().join(name), text).unwrap();
        }
        let (credit, notes) = Credit::beside(dir.path());
        let folder = format!("{}/", dir.path().display());
        (
            credit,
            notes.iter().map(|note| note.replace(&folder, "")).collect(),
        )
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn roboflows_files_say_title_address_and_licence() {
        let dataset = "# Cacao Diseases > 2022-10-24 5:13pm\nhttps://universe.roboflow.com/a/cacao\n\n\
                       Provided by a Roboflow user\nLicense: CC BY 4.0\n";
        let export = "\nCacao - v1\n==============================\n\n\
                      This dataset was exported via roboflow.com\nvisit https://github.com/x\n";
        let files = [
            ("README.dataset.txt", dataset),
            ("README.roboflow.txt", export),
        ];
        let (credit, notes) = beside(&files);
        assert_eq!(credit.title, some("Cacao Diseases > 2022-10-24 5:13pm"));
        assert_eq!(credit.url, some("https://universe.roboflow.com/a/cacao"));
        assert_eq!(credit.license, some("CC BY 4.0"));
        assert!(credit.citation.is_none() && notes.is_empty());
        assert_eq!(beside(&files[1..]).0.url, None);
    }

    #[test]
    fn cff_says_what_to_cite() {
        let cff = "cff-version: 1.2.0\nmessage: x\ntitle: Cells\nlicense: [MIT, CC-BY-4.0]\n\
                   repository-code: https://example.org/cells\nauthors:\n  - family-names: Doe\n    \
                   given-names: Jane\n  - name: The Lab\npreferred-citation:\n  type: article\n  \
                   title: Cells in blood\n  journal: J. Cells\n  year: 2020\n  doi: 10.1/2\n  authors:\n    \
                   - family-names: Doe\n      given-names: J.\n";
        let (credit, _) = beside(&[("CITATION.cff", cff), ("LICENSE", "The Unlicense\n")]);
        assert_eq!(credit.title, some("Cells"));
        assert_eq!(credit.url, some("https://example.org/cells"));
        assert_eq!(credit.license, some("MIT, CC-BY-4.0"));
        let cited = "J. Doe. Cells in blood. J. Cells. 2020. https://doi.org/10.1/2";
        assert_eq!(credit.citation, some(cited));
        let plain = cff.split("preferred").next().unwrap();
        let (credit, _) = beside(&[("CITATION.cff", plain)]);
        assert_eq!(
            credit.citation,
            some("Jane Doe, The Lab. Cells. https://example.org/cells")
        );
    }

    /// Reads this repository's own `CITATION.cff`: title, licence, citation and the crate's version must be in it.
    #[test]
    fn this_programs_citation_is_the_papers() {
        let text = include_str!("../../../CITATION.cff");
        let credit = of_cff(Path::new("CITATION.cff"), text).unwrap();
        assert_eq!(
            (credit.title, credit.license),
            (some("Guided models"), some("MIT"))
        );
        let cited = credit.citation.unwrap();
        let paper = "Sukrut Rao, Moritz Böhle, Amin Parchami-Araghi, Bernt Schiele. Studying How to \
                     Efficiently and Effectively Guide Models with Explanations. ";
        assert!(
            cited.starts_with(paper) && cited.contains("(ICCV). 2023. https://"),
            "{cited}"
        );
        assert!(text.contains(&format!("\nversion: {}\n", env!("CARGO_PKG_VERSION"))));
    }

    #[test]
    fn a_licence_is_named_by_its_first_line() {
        let license = ("LICENSE.md", "\n# MIT License\n\nCopyright (c) 2017\n");
        let (credit, _) = beside(&[
            license,
            ("CITATION", "@misc{x,\n title = {Y}\n}"),
            ("README.md", "GPL"),
        ]);
        assert_eq!(credit.license, some("MIT License"));
        assert_eq!(credit.citation, some("@misc{x, title = {Y} }"));
        assert_eq!((credit.title, credit.url), (None, None));
    }

    #[test]
    fn what_is_broken_or_hostile_stays_a_short_text() {
        let (credit, notes) = beside(&[("CITATION.cff", "title: [x\n"), ("LICENSE", "MIT")]);
        assert_eq!(credit.license, some("MIT"));
        assert!(
            notes.len() == 1 && notes[0].starts_with("passed over: CITATION.cff: line "),
            "{notes:?}"
        );
        let hostile = format!(
            "# a\u{1b}[31m\u{0} {}\njavascript:alert(1)\nLicense: {}",
            "x".repeat(99_999),
            ""
        );
        let (credit, _) = beside(&[("README.dataset.txt", &hostile)]);
        let title = credit.title.unwrap();
        assert!(
            title.starts_with("a[31m xxx") && title.chars().count() == LONGEST + 1,
            "{title}"
        );
        assert_eq!((credit.url, credit.license), (None, None));
        for text in [
            "ftp://x",
            "https://",
            "https://a b",
            "https://a\"b",
            "https://r.com/undefined",
        ] {
            assert_eq!(link(text), None, "{text}");
        }
        // A folder called LICENSE is passed over.
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join("LICENSE")).unwrap();
        assert!(Credit::beside(dir.path()).0.is_empty());
    }

    #[test]
    fn several_licences_are_named_without_a_link() {
        let mut credit = Credit::default();
        let one = (some("CC BY 4.0"), some("https://cc.org/by"));
        credit.set_licenses(&[one.clone(), one.clone()]);
        assert_eq!((credit.license.take(), credit.license_url.take()), one);
        credit.set_licenses(&[one, (some("CC0"), None), (None, some("https://l.org"))]);
        assert_eq!(credit.license, some("CC BY 4.0, CC0, https://l.org"));
        assert_eq!(credit.license_url, None);
        credit.set_licenses(&[]);
        assert!(credit.is_empty());
    }
}
