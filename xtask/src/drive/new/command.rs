//! Runs `cargo xtask new`: asks data-prep what the user's folder holds, and all stages for the names that a recipe
//! may use. Fills a template with the answers, checks that the text is a valid recipe, and writes it into the
//! current folder.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use toml::Value;

use crate::drive::networks;
use crate::drive::recipe::{self, File, PREPARED};
use crate::drive::step::workshop;
use crate::drive::survey::Survey;
use crate::drive::vocabulary::Vocabulary;
use crate::system::{files, paths};

/// The recipe `own`, with a comment on each key.
const TEMPLATE: &str = include_str!("template.toml");
/// A recipe that extends another.
const EXTENDING: &str = include_str!("extending.toml");
/// The most names of classes that the recipe shows.
const MOST_CLASSES: usize = 50;
/// The most letters that the recipe shows of a text that is from the data or the command line.
const MOST_LETTERS: usize = 200;
/// The widest line of a list in a comment, in characters.
const WIDTH: usize = 100;

/// Command line of `new`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The recipe's name; NAME.toml is written into the current folder
    name: String,
    /// The folder of your data, in any format that data-prep read knows, or one that it has made
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Inherit from this recipe (a name from recipes/, or a .toml file) and write only what differs
    #[arg(long, value_name = "RECIPE")]
    extends: Option<String>,
    /// The data's format, where two lie side by side [default: recognised]
    #[arg(long)]
    format: Option<String>,
    /// Take the programs in this folder instead of building them
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

/// Runs `cargo xtask new`.
pub(crate) fn run(args: &Args) -> Result<()> {
    let file = args.file()?;
    if file.exists() {
        bail!(
            "NAME: found the file {}, expected a new name",
            file.display()
        );
    }
    if !args.data.is_dir() {
        let shown = args.data.display();
        bail!("--data: found no folder {shown}, expected the folder of your data");
    }
    let folder = std::path::absolute(&args.data)?;
    let folder = folder
        .to_str()
        .context("--data: expected a path in UTF-8")?;
    if let Some(name) = &args.extends {
        let base = recipe::find(&paths::root(), Path::new(""), name);
        base.map_err(|fault| anyhow!("--extends: {fault:#}"))?; // before anything is built
    }
    let programs = workshop::programs(args.programs.as_deref())?;
    let format = args.format.iter().flat_map(|format| ["--format", format]);
    let format: Vec<String> = format.map(str::to_owned).collect();
    let survey = Survey::of(Path::new(folder), &format, &programs)?;
    let mut vocabulary = Vocabulary::ask(&programs)?;
    let text = args.text(&file, folder, &survey, &vocabulary);
    let draft = File::new(file.clone(), text.clone());
    let draft = recipe::draft(&paths::root(), draft, None)?;
    // The recipe that is extended may have networks from files, and may not be valid for this data.
    networks::describe(&draft.networks, &programs, &mut vocabulary)?;
    recipe::expand(draft.files, Some(&vocabulary))?;
    files::write(&std::path::absolute(&file)?, &text)?;
    // Not println!, which panics where the reader is gone.
    writeln!(std::io::stdout(), "{}", file.display())?;
    eprintln!("next: cargo xtask reproduce --recipe {}", file.display());
    Ok(())
}

impl Args {
    /// The file to be written.
    fn file(&self) -> Result<PathBuf> {
        let name = self.name.strip_suffix(".toml").unwrap_or(&self.name);
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !name.starts_with(char::is_alphanumeric) || !name.chars().all(is_part) {
            bail!(
                "NAME: found {:?}, expected letters, digits, `.`, `_` and `-`, the first a letter or digit",
                self.name
            );
        }
        Ok(PathBuf::from(format!("{name}.toml")))
    }

    /// The text of the recipe `file` for the data in `folder`.
    fn text(&self, file: &Path, folder: &str, survey: &Survey, vocabulary: &Vocabulary) -> String {
        let (template, base) = match &self.extends {
            Some(base) => (EXTENDING, base.as_str()),
            None => (TEMPLATE, "own"),
        };
        let about = match &self.extends {
            Some(base) => format!("{}: as {base}.", survey.name),
            None => format!(
                "{}: where the network looks before and after guidance, and what it costs.",
                survey.name
            ),
        };
        let format = match (&self.format, survey.prepared) {
            (Some(format), _) => format!("format = {}", quoted(format)),
            (None, true) => {
                format!("format = {PREPARED:?}             # made by data-prep, of that size")
            }
            (None, false) => {
                let formats = vocabulary.data.formats().join(", ");
                format!("# format = \"…\"                  # {formats}; without: recognised")
            }
        };
        let mut values = names(vocabulary);
        values.extend([
            ("{command}", self.command_line()),
            ("{file}", file.display().to_string()),
            ("{found}", found(survey)),
            ("{name}", in_comment(&survey.name)),
            ("{about}", quoted(&about)),
            ("{root}", quoted(folder)),
            ("{format}", format),
            ("{base}", in_comment(base)),
            ("{extends}", quoted(base)),
        ]);
        filled(template, &values)
    }

    /// The command as it was typed, on one line.
    fn command_line(&self) -> String {
        let mut words = format!(
            "cargo xtask new {} --data {}",
            self.name,
            self.data.display()
        );
        for (flag, value) in [("--extends", &self.extends), ("--format", &self.format)] {
            if let Some(value) = value {
                words += &format!(" {flag} {value}");
            }
        }
        in_comment(&words)
    }
}

/// The template with the value of each placeholder. Values may have in them what looks like a placeholder.
fn filled(template: &str, values: &[(&str, String)]) -> String {
    let (mut text, mut rest) = (String::new(), template);
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        let known = values
            .iter()
            .find(|(placeholder, _)| from.starts_with(placeholder));
        let (taken, value) = known.map_or(("{", "{"), |(taken, value)| (taken, value.as_str()));
        text.extend([before, value]);
        rest = &from[taken.len()..];
    }
    text + rest
}

/// The names that the stages know, by placeholder.
fn names(vocabulary: &Vocabulary) -> Vec<(&'static str, String)> {
    let Vocabulary {
        trainer, analysis, ..
    } = vocabulary;
    let others = |names: &[String], default: &str| {
        let names = names.iter().filter(|name| *name != default);
        names
            .map(|name| format!("{name:?}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let backbones: Vec<&str> = trainer
        .networks
        .iter()
        .map(|network| &*network.name)
        .collect();
    let guides = |method: &&str| {
        let mut guiding = trainer
            .networks
            .iter()
            .flat_map(|network| &network.guides_by);
        guiding.any(|name| name == method)
    };
    let methods = trainer
        .methods
        .iter()
        .map(|method| &*method.name)
        .filter(guides);
    let losses = trainer
        .losses
        .iter()
        .map(|loss| match loss.options.first() {
            Some(option) => format!("{{ name = {:?}, {} = … }}", loss.name, option.name),
            None => loss.name.clone(),
        });
    let exhibits: Vec<&str> = analysis
        .exhibits
        .iter()
        .map(|exhibit| &*exhibit.name)
        .collect();
    vec![
        ("{exhibits}", wrapped(&exhibits, 2)),
        ("{precisions}", others(&trainer.precisions, "f32")),
        ("{augmentations}", others(&trainer.augmentations, "none")),
        ("{annotations}", others(&trainer.annotations, "box")),
        ("{layers}", trainer.layers.join(", ")),
        ("{losses}", losses.collect::<Vec<_>>().join(", ")),
        ("{methods}", methods.collect::<Vec<_>>().join(", ")),
        ("{backbones}", wrapped(&backbones, 2)),
    ]
}

/// What data-prep found, as comments.
fn found(survey: &Survey) -> String {
    let Survey {
        train,
        val,
        test,
        classes,
        ..
    } = survey;
    let shown = classes
        .iter()
        .take(MOST_CLASSES)
        .map(|name| in_comment(name));
    let mut shown: Vec<String> = shown.collect();
    if classes.len() > MOST_CLASSES {
        shown.push("…".to_owned());
    }
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    let n_classes = match classes.len() {
        1 => "1 class".to_owned(),
        n => format!("{n} classes"),
    };
    let mut lines = vec![
        format!("# data-prep reads {} as", in_comment(&survey.name)),
        format!("#   {train} training, {val} validation and {test} test images"),
        format!("#   {n_classes}: {}", wrapped(&shown, 16)),
    ];
    lines.extend(
        survey
            .notes
            .iter()
            .map(|note| format!("#   {}", in_comment(note))),
    );
    lines.join("\n")
}

/// A list in a comment, on as many lines as it takes; `before` is the number of characters that the first line
/// already has.
fn wrapped(names: &[&str], before: usize) -> String {
    let (mut text, mut width) = (String::new(), before);
    for (index, name) in names.iter().enumerate() {
        let letters = name.chars().count() + 2;
        if index > 0 {
            text.push(',');
            if width + letters > WIDTH {
                text.push_str("\n#  ");
                width = 2;
            }
            text.push(' ');
        }
        text.push_str(name);
        width += letters;
    }
    text
}

/// A text from the data or the command line, made safe for a comment: on one line, bounded, without control
/// characters.
fn in_comment(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = words
        .chars()
        .filter(|c| !c.is_control())
        .take(MOST_LETTERS)
        .collect();
    if words.chars().nth(MOST_LETTERS).is_some() {
        shown.push('…');
    }
    shown
}

/// A text as a string of TOML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::drive::recipe::Experiment;
    use crate::drive::vocabulary::recorded;

    /// The text that `new` with these arguments writes for data with such a class.
    fn written(extends: Option<&str>, class: &str, prepared: bool) -> String {
        let args = Args {
            name: "cells".to_owned(),
            data: "my data".into(),
            extends: extends.map(str::to_owned),
            format: None,
            programs: None,
        };
        let survey = Survey {
            name: "cells".to_owned(),
            prepared,
            size: prepared.then_some(224),
            train: 80,
            val: 10,
            test: 12,
            classes: vec![class.to_owned(), "WBC".to_owned()],
            notes: vec!["recognised: COCO JSON".to_owned()],
        };
        args.text(&args.file().unwrap(), "/my data", &survey, &recorded())
    }

    fn read(text: String) -> Experiment {
        let file = File::new("cells.toml".into(), text);
        recipe::draft(&paths::root(), file, Some(&recorded())).unwrap()
    }

    /// Both are the recipe `own`, but for the sentence about it and the folder.
    #[test]
    fn what_is_written_is_the_recipe_own() {
        let own = recipe::read(&paths::root(), "own", Some(&recorded())).unwrap();
        for extends in [None, Some("own")] {
            let text = written(extends, "RBC", false);
            assert!(
                text.contains(
                    "\n#   80 training, 10 validation and 12 test images\n#   2 classes: RBC, WBC\n"
                ),
                "{text}"
            );
            let written = read(text);
            let runs = |of: &Experiment| {
                let runs = (&of.baselines, &of.guided, &of.selections);
                format!(
                    "{runs:?} {:?} {:?} {:?} {:?}",
                    of.fit, of.evaluation, of.show, of.slurm
                )
            };
            assert_eq!(runs(&written), runs(&own));
            assert_eq!(written.data[0].size, own.data[0].size);
            assert_eq!(written.data[0].root.as_deref(), Some(Path::new("/my data")));
        }
        assert!(read(written(None, "RBC", true)).data[0].is_prepared());
    }

    /// A line with a key behind `# ` is a key that a recipe may have.
    #[test]
    fn a_key_that_is_commented_out_may_be_taken() {
        let text = written(None, "RBC", false);
        let keys = [
            "precision",
            "stratify",
            "augmentation",
            "start",
            "annotation",
            "dilation",
            "replicates",
        ];
        let taken = text.lines().map(|line| {
            let is_wanted = |key: &&str| line.starts_with(&format!("# {key} = "));
            if keys.iter().any(is_wanted) {
                &line[2..]
            } else {
                line
            }
        });
        let taken = taken.collect::<Vec<_>>().join("\n");
        // Each key was found: it has lost its "# ". The last line has lost its end.
        assert_eq!(taken.len(), text.len() - 1 - 2 * keys.len());
        read(taken);
    }

    /// The template has a commented-out `file = …`. It is valid in place of `backbone` and `init`.
    #[test]
    fn the_network_of_a_file_may_be_taken() {
        let text = written(None, "RBC", false);
        let lines = text.lines().filter(|line| {
            let is_replaced = |key: &&str| line.starts_with(&format!("{key} = "));
            !["backbone", "init"].iter().any(is_replaced)
        });
        let taken = lines.map(|line| {
            line.strip_prefix("# ")
                .filter(|key| key.starts_with("file = "))
                .unwrap_or(line)
        });
        let taken = taken.collect::<Vec<_>>().join("\n");
        let file = File::new("cells.toml".into(), taken);
        let draft = recipe::draft(&paths::root(), file, None).unwrap();
        assert_eq!(draft.networks[0].name, "net");
    }

    /// The name of a class has line breaks, a control character, a placeholder and more letters than are shown.
    #[test]
    fn names_of_others_cannot_leave_their_comment() {
        let hostile = format!("a\nabout = 3\r\u{7f}{{root}} {}", "x".repeat(1000));
        let text = written(None, &hostile, false);
        assert_eq!(
            read(text.clone()).data[0].root.as_deref(),
            Some(Path::new("/my data"))
        );
        assert!(
            text.lines().all(|line| line.chars().count() < 400),
            "{text}"
        );
        assert!(text.contains("classes: a about = 3 {root} xxx"), "{text}");
    }
}
