//! The table as LaTeX: one `table` environment for every section, with booktabs.

use super::{Line, LineKind, Section, Text, caption};
use crate::names::Measure;
use crate::output::PROGRAM;

/// The whole file, for `\input`.
pub(crate) fn render(sections: &[Section]) -> String {
    let mut text = format!(
        "% Made by {PROGRAM}. In the preamble: \\usepackage{{booktabs}} \\usepackage[utf8]{{inputenc}}\n"
    );
    for section in sections {
        text.push('\n');
        text.push_str(&table(section));
    }
    text
}

fn table(section: &Section) -> String {
    let columns = "l".repeat(Measure::ALL.len());
    let metrics: Vec<String> = Measure::ALL
        .iter()
        .map(|measure| format!("{measure} (\\%)"))
        .collect();
    let mut text = format!(
        "\\begin{{table}}[htbp]\n  \\centering\n  \\small\n  \\setlength{{\\tabcolsep}}{{4pt}}\n  \\setlength{{\\belowcaptionskip}}{{6pt}}\n  \
         \\caption{{{}. {}}}\n  \\begin{{tabular}}{{lr{columns}}}\n    \\toprule\n    \
         Run & Epoch & {} \\\\\n",
        escape(&section.heading),
        escape(&caption(std::slice::from_ref(section))),
        metrics.join(" & ")
    );
    for line in &section.lines {
        if line.kind != LineKind::Difference {
            text.push_str("    \\midrule\n");
        }
        text.push_str(&format!("    {} \\\\\n", row(line)));
    }
    text.push_str("    \\bottomrule\n  \\end{tabular}\n\\end{table}\n");
    text
}

fn row(line: &Line) -> String {
    let label = match line.kind {
        LineKind::Baseline | LineKind::Guided => escape(&line.label),
        LineKind::Difference => format!("\\quad\\footnotesize {}", escape(&line.label)),
    };
    let cells = line.cells.iter().map(
        |Text {
             value, interval, ..
         }| match interval {
            Some(interval) => format!("{} {{\\scriptsize {}}}", escape(value), escape(interval)),
            None => escape(value),
        },
    );
    let cells: Vec<String> = cells.collect();
    format!("{label} & {} & {}", escape(&line.epoch), cells.join(" & "))
}

/// Text with LaTeX's special characters, and those we use outside ASCII, written as commands.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', c]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '|' => escaped.push_str("\\textbar{}"),
            'λ' => escaped.push_str("$\\lambda$"),
            '−' => escaped.push_str("$-$"),
            '†' => escaped.push_str("$\\dagger$"),
            '–' => escaped.push_str("--"),
            '·' => escaped.push_str("$\\cdot$"),
            '[' => escaped.push_str("{[}"),
            ']' => escaped.push_str("{]}"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_characters_become_commands() {
        for (text, latex) in [
            (
                "a_b & 5 % of $x$ #1 {y}",
                "a\\_b \\& 5 \\% of \\$x\\$ \\#1 \\{y\\}",
            ),
            ("\\input{x}", "\\textbackslash{}input\\{x\\}"),
            (
                "~^<|>",
                "\\textasciitilde{}\\textasciicircum{}\\textless{}\\textbar{}\\textgreater{}",
            ),
            ("λ = −0.1", "$\\lambda$ = $-$0.1"),
            ("[1, 2]\n", "{[}1, 2{]} "),
        ] {
            assert_eq!(escape(text), latex);
        }
    }
}
