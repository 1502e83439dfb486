//! Writes a table as LaTeX with booktabs: a `table` environment for each section, or several where a section
//! would not fit on a page.

use crate::render::output::PROGRAM;
use crate::render::table::parts::{Column, Kind, Line, LineKind, Shown, Table};

/// Printed lines of one `table` environment; a chosen bound, so that it fits on a page with a long caption.
const MOST_LINES: usize = 32;
/// The most letters of a cell in one printed line; longer cells are wrapped in a `\parbox` of 4.2 cm, which takes
/// about as many letters.
const LETTERS: usize = 26;

/// The whole file, for `\input`.
pub fn render(table: &Table) -> String {
    let mut text = format!(
        "% Made by {PROGRAM}. In the preamble: \\usepackage{{booktabs}} \\usepackage{{graphicx}} \\usepackage[utf8]{{inputenc}}\n"
    );
    let columns = table.printed();
    for section in &table.sections {
        let parts = parts(&section.lines);
        for (index, lines) in parts.iter().enumerate() {
            let mut heading = section.heading.clone();
            if parts.len() > 1 {
                heading.push_str(&format!(", part {} of {}", index + 1, parts.len()));
            }
            text.push('\n');
            text.push_str(&environment(&heading, &table.caption, &columns, lines));
        }
    }
    text
}

/// `lines` cut into parts that fit on a page. A line that belongs to the one above stays under it.
fn parts(lines: &[Line]) -> Vec<Vec<&Line>> {
    let mut parts: Vec<Vec<&Line>> = Vec::new();
    let mut printed = 0;
    for block in lines.chunk_by(|_, next| next.kind == LineKind::Below) {
        let height: usize = block.iter().map(printed_lines).sum();
        printed += height;
        match parts.last_mut() {
            Some(part) if printed <= MOST_LINES => part.extend(block),
            _ => {
                parts.push(block.iter().collect());
                printed = height;
            }
        }
    }
    parts
}

/// How many printed lines the highest cell of `line` takes.
fn printed_lines(line: &Line) -> usize {
    let cells = line.cells.iter().map(|cell| cell.shown().value);
    let heights = cells.map(|text| text.chars().count().div_ceil(LETTERS));
    heights.max().unwrap_or(1).max(1)
}

/// One `table` environment. A table wider than the text is shrunk to its width.
fn environment(
    heading: &str,
    caption: &str,
    columns: &[(usize, &Column)],
    lines: &[&Line],
) -> String {
    let alignment: String = columns
        .iter()
        .map(|(_, column)| match column.kind {
            Kind::Count => 'r',
            _ => 'l',
        })
        .collect();
    let titles: Vec<String> = columns.iter().map(|(_, c)| escape(&c.title)).collect();
    let heading = match heading {
        "" => String::new(),
        heading => format!("{}. ", escape(heading)),
    };
    let mut text = format!(
        "\\begin{{table}}[htbp]\n  \\centering\n  \\small\n  \\setlength{{\\tabcolsep}}{{4pt}}\n  \\setlength{{\\belowcaptionskip}}{{6pt}}\n  \
         \\caption{{{heading}{}}}\n  \\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n  \
         \\begin{{tabular}}{{{alignment}}}\n    \\toprule\n    {} \\\\\n    \\midrule\n",
        escape(caption),
        titles.join(" & ")
    );
    // If runs have a second line with their differences, there is a rule between runs. Without such lines there are
    // no rules.
    let has_rules = lines.iter().any(|line| line.kind == LineKind::Below);
    for (index, line) in lines.iter().enumerate() {
        if has_rules && index > 0 && line.kind == LineKind::Own {
            text.push_str("    \\midrule\n");
        }
        text.push_str(&format!("    {} \\\\\n", row(line, columns)));
    }
    text.push_str("    \\bottomrule\n  \\end{tabular}}\n\\end{table}\n");
    text
}

fn row(line: &Line, columns: &[(usize, &Column)]) -> String {
    let cells = columns.iter().enumerate().map(|(position, (index, _))| {
        let Shown { value, spread, .. } = line.cells[*index].shown();
        let text = match (position, line.kind) {
            (0, LineKind::Below) => format!("\\quad\\footnotesize {}", escape(&value)),
            _ if value.chars().count() > LETTERS => {
                let value = escape(&value);
                format!("\\parbox[t]{{4.2cm}}{{\\raggedright {value}\\strut}}")
            }
            _ => escape(&value),
        };
        match spread {
            Some(spread) => format!("{text} {{\\scriptsize {}}}", escape(&spread)),
            None => text,
        }
    });
    cells.collect::<Vec<_>>().join(" & ")
}

/// Text with LaTeX's special characters, and the characters beyond ASCII that our tables use, written as
/// commands. Letters of Latin-1 stay as they are. All others become question marks, because pdfLaTeX with
/// its default fonts would stop at them.
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
            '`' => escaped.push_str("\\textasciigrave{}"),
            // At the beginning of a row LaTeX would read `\\*`, a variant of the line's end before.
            '*' if escaped.is_empty() => escaped.push_str("{*}"),
            // LaTeX sets `--` as a dash.
            '-' if escaped.ends_with('-') => escaped.push_str("{}-"),
            'α' => escaped.push_str("$\\alpha$"),
            'Δ' => escaped.push_str("$\\Delta$"),
            '±' => escaped.push_str("$\\pm$"),
            '≥' => escaped.push_str("$\\geq$"),
            '≤' => escaped.push_str("$\\leq$"),
            '→' => escaped.push_str("$\\rightarrow$"),
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
            // In Latin-1, but not in pdfLaTeX's default fonts.
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
    use crate::render::table::parts::{Cell, Section};

    /// A table of one column and one section.
    fn table(lines: Vec<Line>) -> Table {
        Table {
            name: "t",
            version: 1,
            columns: vec![Column::new("label", "Run", Kind::Text)],
            sections: vec![Section {
                heading: "Scenes".to_owned(),
                lines,
            }],
            caption: "All.".to_owned(),
        }
    }

    #[test]
    fn long_sections_are_cut_between_runs() {
        let line = |kind| Line {
            cells: vec![Cell::text("run")],
            kind,
        };
        let run = || [line(LineKind::Own), line(LineKind::Below)];
        let lines: Vec<Line> = std::iter::once(line(LineKind::Own))
            .chain((0..30).flat_map(|_| run()))
            .collect();
        // 61 lines: a part holds 32, but a run's two lines stay together.
        let lengths: Vec<usize> = parts(&lines).iter().map(Vec::len).collect();
        assert_eq!(lengths, [31, 30]);
        let text = render(&table(lines));
        assert_eq!(text.matches("\\end{table}").count(), 2);
        assert!(text.contains("\\caption{Scenes, part 2 of 2. All.}"));
    }

    #[test]
    fn special_characters_become_commands() {
        for (text, latex) in [
            (
                "a_b & 5 % of $x$ #1 {y}",
                "a\\_b \\& 5 \\% of \\$x\\$ \\#1 \\{y\\}",
            ),
            ("\\input{x}", "\\textbackslash{}input\\{x\\}"),
            ("*a* `-- \u{2028}", "{*}a* \\textasciigrave{}-{}-  "),
            (
                "~^<|>",
                "\\textasciitilde{}\\textasciicircum{}\\textless{}\\textbar{}\\textgreater{}",
            ),
            ("λ = −0.1", "$\\lambda$ = $-$0.1"),
            ("[1, 2]\n", "{[}1, 2{]} "),
            ("(± 1) → ≥ α", "($\\pm$ 1) $\\rightarrow$ $\\geq$ $\\alpha$"),
            ("Größe \u{a0}5 × 物", "Größe  5 $\\times$ ?"),
        ] {
            assert_eq!(escape(text), latex);
        }
    }
}
