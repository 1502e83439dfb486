//! What was found, as text for a terminal.

use crate::evidence::Evidence;
use crate::exhibit::{Exhibit, Show};
use crate::headline;
use crate::verdict::judge;

/// The findings, the verdicts, and which exhibits there are.
pub fn text(evidence: &Evidence, exhibits: &[Exhibit]) -> String {
    let mut text = String::new();
    for finding in headline::findings(evidence.settings) {
        text.push_str(&format!("{}\n", finding.sentence.replace('\u{a0}', " ")));
        for group in &finding.groups {
            text.push_str(&format!("  {}\n", group.replace('\u{a0}', " ")));
        }
    }
    if exhibits
        .iter()
        .any(|exhibit| exhibit.show == Show::Verdicts)
    {
        text.push_str("\nThe paper's claims, by these results:\n");
        for judged in judge(evidence) {
            text.push_str(&format!(
                "{:4} {:16} {}: {}\n",
                judged.claim.name,
                judged.verdict.to_string(),
                judged.claim.statement,
                judged.why
            ));
        }
    }
    let shown: Vec<String> = exhibits.iter().map(|exhibit| exhibit.show.name()).collect();
    text.push_str(&format!("\nIn the report: {}\n", shown.join(", ")));
    text
}
