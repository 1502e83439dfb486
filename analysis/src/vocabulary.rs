//! `analysis vocabulary`: the names of exhibits and claims, for programs that ask instead of keeping
//! lists of their own.

use serde::Serialize;

use crate::Result;
use crate::claims::list::CLAIMS;
use crate::exhibit::list::EXHIBITS;
use crate::render::output::PROGRAM;

#[derive(Serialize)]
struct Vocabulary {
    program: &'static str,
    exhibits: Vec<Exhibit>,
    claims: Vec<Claim>,
}

/// What `--show` takes.
#[derive(Serialize)]
struct Exhibit {
    name: &'static str,
    title: &'static str,
}

#[derive(Serialize)]
struct Claim {
    name: &'static str,
    title: &'static str,
    /// The section or figure of the paper.
    place: &'static str,
}

/// The exhibits and claims in their order, as a JSON object in one line.
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
