//! Answers `analysis vocabulary --json`: prints the names of exhibits (figures and tables of the report)
//! and of the paper's claims. xtask asks for them instead of keeping lists of its own.

use serde::Serialize;

use crate::Result;
use crate::claims::list::CLAIMS;
use crate::exhibit::list::EXHIBITS;
use crate::render::output::PROGRAM;

/// The JSON object.
#[derive(Serialize)]
struct Vocabulary {
    program: &'static str,
    exhibits: Vec<Exhibit>,
    claims: Vec<Claim>,
}

/// An exhibit; `--show` takes its name.
#[derive(Serialize)]
struct Exhibit {
    name: &'static str,
    title: &'static str,
}

/// A claim of the paper.
#[derive(Serialize)]
struct Claim {
    /// `R1`, `R2`, …
    name: &'static str,
    /// Its statement.
    title: &'static str,
    /// The section or figure of the paper.
    place: &'static str,
}

/// Returns the exhibits and claims in the report's order, as a JSON object in one line.
///
/// # Errors
/// None is expected.
pub fn json() -> Result<String> {
    let exhibits = EXHIBITS.iter().map(|exhibit| Exhibit {
        name: exhibit.name,
        title: exhibit.title,
    });
    let claims = CLAIMS.iter().map(|claim| Claim {
        name: claim.name,
        title: claim.statement,
        place: claim.place,
    });
    let vocabulary = Vocabulary {
        program: PROGRAM,
        exhibits: exhibits.collect(),
        claims: claims.collect(),
    };
    let json = serde_json::to_string(&vocabulary).map_err(std::io::Error::from)?;
    Ok(json + "\n")
}
