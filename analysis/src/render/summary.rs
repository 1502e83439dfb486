//! Makes the text that `analysis report` prints on the terminal.

use crate::model::evidence::Evidence;
use crate::render::exhibit::Exhibit;
use crate::render::headline;

/// Returns the sentences at the top of the report, then the text of each exhibit (figures and tables of one
/// heading) that has a text for the terminal, then the names of all exhibits.
pub fn text(evidence: &Evidence, exhibits: &[Exhibit]) -> String {
    let mut text = String::new();
    for finding in headline::findings(evidence) {
        text.push_str(&format!("{}\n", finding.sentence.replace('\u{a0}', " ")));
        for group in &finding.groups {
            text.push_str(&format!("  {}\n", group.replace('\u{a0}', " ")));
        }
    }
    let cautions = headline::left_out(evidence).into_iter();
    for sentence in cautions.chain(headline::too_brief(evidence)) {
        text.push_str(&format!("{sentence}\n"));
    }
    text.extend(exhibits.iter().map(|exhibit| exhibit.said.as_str()));
    let shown: Vec<&str> = exhibits.iter().map(|exhibit| exhibit.name).collect();
    text.push_str(&format!("\nIn the report: {}\n", shown.join(", ")));
    text
}
