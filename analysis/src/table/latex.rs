//! The table as LaTeX: one `table` environment for every section, with booktabs.

use super::{Line, LineKind, Section, Text, caption};
use crate::names::Measure;
use crate::output::PROGRAM;

/// Printed lines of one `table` environment; more would not fit on a page.
const MOST_LINES: usize = 32;
/// Letters of a label in one printed line.
const LABEL_LETTERS: usize = 26;

/// The whole file, for `\input`.
pub(crate) fn render(sections: &[Section]) -> String {
    let mut text = format!(
        "% Made by {PROGRAM}. In the preamble: \\usepackage{{booktabs}} \\usepackage{{graphicx}} \\usepackage[utf8]{{inputenc}}\n"
    );
    for section in sections {
        let caption = caption(std::slice::from_ref(section));
        let parts = parts(&section.lines);
        for (index, lines) in parts.iter().enumerate() {
            let heading = match parts.len() {
                1 => section.heading.clone(),
                n => format!("{}, part {} of {n}", section.heading, index + 1),
            };
            text.push('\n');
            text.push_str(&table(&heading, &caption, lines));
        }
    }
    text
}

/// `lines` cut into pages; a run's differences stay under its values.
fn parts(lines: &[Line]) -> Vec<Vec<&Line>> {
    let mut parts: Vec<Vec<&Line>> = Vec::new();
    let mut printed = 0;
    for run in lines.chunk_by(|_, next| next.kind == LineKind::Difference) {
        let height: usize = run.iter().map(printed_lines).sum();
        printed += height;
        match parts.last_mut() {
            Some(part) if printed <= MOST_LINES => part.extend(run),
            _ => {
                parts.push(run.iter().collect());
                printed = height;
            }
        }
    }
    parts
}

fn printed_lines(line: &Line) -> usize {
    match line.kind {
        LineKind::Baseline | LineKind::Guided => {
            line.label.chars().count().div_ceil(LABEL_LETTERS).max(1)
        }
        LineKind::Difference => 1,
    }
}

/// One environment; a table wider than the text is shrunk to it.
fn table(heading: &str, caption: &str, lines: &[&Line]) -> String {
    let columns = "l".repeat(Measure::ALL.len());
    let metrics: Vec<String> = Measure::ALL
        .iter()
        .map(|measure| format!("{measure} (\\%)"))
        .collect();
    let mut text = format!(
        "\\begin{{table}}[htbp]\n  \\centering\n  \\small\n  \\setlength{{\\tabcolsep}}{{4pt}}\n  \\setlength{{\\belowcaptionskip}}{{6pt}}\n  \
         \\caption{{{}. {}}}\n  \\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n  \
         \\begin{{tabular}}{{lr{columns}}}\n    \\toprule\n    \
         Run & Epoch & {} \\\\\n",
        escape(heading),
        escape(caption),
        metrics.join(" & ")
    );
    for line in lines {
        if line.kind != LineKind::Difference {
            text.push_str("    \\midrule\n");
        }
        text.push_str(&format!("    {} \\\\\n", row(line)));
    }
    text.push_str("    \\bottomrule\n  \\end{tabular}}\n\\end{table}\n");
    text
}

fn row(line: &Line) -> String {
    let label = match line.kind {
        LineKind::Baseline | LineKind::Guided if printed_lines(line) > 1 => {
            let label = escape(&line.label);
            format!("\\parbox[t]{{4.2cm}}{{\\raggedright {label}\\strut}}")
        }
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

/// Text with LaTeX's special characters, and those we use outside ASCII, written as commands. Letters
/// of western languages are set as they are; others, which pdfLaTeX refuses, become question marks.
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
            '…' => escaped.push_str("\\dots{}"),
            '×' => escaped.push_str("$\\times$"),
            c if c.is_control() || c.is_whitespace() => escaped.push(' '),
            'Ð' | 'ð' | 'Þ' | 'þ' | '÷' => escaped.push('?'),
            c if c.is_ascii() || ('À'..='ÿ').contains(&c) => escaped.push(c),
            _ => escaped.push('?'),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_sections_are_cut_between_runs() {
        let line = |kind| Line {
            label: "run".to_owned(),
            epoch: String::new(),
            cells: Vec::new(),
            kind,
        };
        let run = || [line(LineKind::Guided), line(LineKind::Difference)];
        let section = Section {
            heading: "Scenes".to_owned(),
            lines: std::iter::once(line(LineKind::Baseline))
                .chain((0..30).flat_map(|_| run()))
                .collect(),
            iou_thresholds: Vec::new(),
        };
        let lengths: Vec<usize> = parts(&section.lines).iter().map(Vec::len).collect();
        assert_eq!(lengths, [31, 30]);
        let text = render(&[section]);
        assert_eq!(text.matches("\\end{table}").count(), 2);
        assert!(text.contains("\\caption{Scenes, part 2 of 2. "));
    }

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
            ("Größe \u{a0}5 × 物", "Größe  5 $\\times$ ?"),
        ] {
            assert_eq!(escape(text), latex);
        }
    }
}
