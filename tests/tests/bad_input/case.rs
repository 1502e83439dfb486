//! Reads and runs the cases of bad input. A case says which file of a valid input is changed and how, and what the
//! program must do with the changed input.

use std::fmt::Debug;
use std::process::Stdio;
use std::sync::OnceLock;

use serde::Deserialize;
use tests::programs::{Done, program, run};

use crate::change::{Edit, Yes};
use crate::copy::{Copy, files};
use crate::sandbox::{Sandbox, Valid, fixtures};
use crate::table;

/// A file of cases, `tests/fixtures/bad_input/<kind>.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    /// The valid input that the cases change.
    valid: Valid,
    /// The command line: a program and its arguments, with `<IN>` for the changed input's folder and
    /// `<OUT>` for a folder that does not exist yet.
    command: String,
    case: Vec<Case>,
}

/// One case.
#[derive(Deserialize)]
struct Case {
    /// Becomes the test's name (`tests/build.rs`).
    name: String,
    /// The change.
    #[serde(flatten)]
    edit: Edit,
    /// Further changes, for cases in which one change alone would be refused for another reason.
    #[serde(default)]
    and: Vec<Edit>,
    /// A command for this case in place of [`Cases::command`].
    command: Option<String>,
    /// The file, relative to the input's folder, that the program gets as standard input.
    stdin: Option<String>,
    #[serde(flatten)]
    expected: Expected,
}

/// What the program must do. A case states exactly one of these.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expected {
    /// The program fails with this message and leaves nothing in `<OUT>`. A message that ends with `…`
    /// gives only the beginning.
    Refused { error: String },
    /// The program succeeds and prints the same as for the unchanged input.
    Same { same_output: Yes },
    /// The program succeeds, and one of its tables differs from the unchanged input's by `diff`.
    Accepted {
        /// The exit code: 0, or 1 where something was skipped.
        #[serde(default)]
        exit: i32,
        /// Table and columns that are compared, e.g. `masks: image_id xmin`, or `scores of epg: …` for one metric's
        /// rows.
        table: String,
        /// Rows that only the unchanged input's table has (`- `), and rows that only this one has (`+ `).
        diff: Vec<String>,
    },
}

/// A file of cases and its unchanged input, prepared by the first of its tests that runs.
pub struct Input(OnceLock<Prepared>);

struct Prepared {
    cases: Cases,
    /// The folder in which the tests of this file of cases work.
    sandbox: Sandbox,
    /// What the file's command makes of the unchanged input.
    valid: Unchanged,
}

impl Input {
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Reads `<kind>.toml` and runs its command on the unchanged input, once.
    fn of(&self, kind: &str) -> &Prepared {
        self.0.get_or_init(|| {
            let path = fixtures().join(format!("{kind}.toml"));
            let cases: Cases = toml::from_str(&fs_err::read_to_string(&path).unwrap())
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let sandbox = Sandbox::new(kind, cases.valid);
            // This must succeed, which shows that a changed input is refused because of the change.
            let valid = Unchanged::of(&sandbox, "valid", &cases.command);
            Prepared {
                cases,
                sandbox,
                valid,
            }
        })
    }
}

/// Runs case number `index` of `<kind>.toml`; called by the tests that `tests/build.rs` writes.
pub fn check(kind: &str, input: &Input, index: usize) {
    let prepared = input.of(kind);
    let case = &prepared.cases.case[index];
    let name = format!("case-{index}");
    if let Err(fault) = case.check(&name, prepared) {
        panic!("{kind}.toml: {}: {fault}", case.name);
    }
    prepared.sandbox.remove(&name);
}

/// A copy of the unchanged input with the program's results, and how the program ended.
struct Unchanged {
    copy: Copy,
    done: Done,
}

impl Unchanged {
    /// Runs `command` on an unchanged copy; it must succeed.
    fn of(sandbox: &Sandbox, name: &str, command: &str) -> Self {
        let copy = sandbox.copy(name);
        let done = start(command, None, &copy);
        assert_eq!(done.code, Some(0), "{command}: {}", done.stderr);
        Self { copy, done }
    }
}

impl Case {
    /// Changes a copy of the input, runs the program, and returns how its outcome differs from the
    /// expected one.
    fn check(&self, name: &str, prepared: &Prepared) -> Result<(), String> {
        let Prepared {
            cases,
            sandbox,
            valid,
        } = prepared;
        let changed = sandbox.copy(&format!("{name}/changed"));
        for edit in std::iter::once(&self.edit).chain(&self.and) {
            edit.apply(&changed.input)?;
        }
        let command = self.command.as_ref().unwrap_or(&cases.command);
        let before = changed.files();
        let done = start(command, self.stdin.as_deref(), &changed);
        // A case with its own command is compared with what that command does on the unchanged input.
        let own = match (&self.command, &self.expected) {
            (None, _) | (_, Expected::Refused { .. }) => None,
            (Some(command), _) => Some(Unchanged::of(
                sandbox,
                &format!("{name}/unchanged"),
                command,
            )),
        };
        let valid = own.as_ref().unwrap_or(valid);
        match &self.expected {
            Expected::Refused { error } => {
                // xtask ends with 1 after any error, the other programs with 2 after wrong input.
                let code = if command.starts_with("xtask") { 1 } else { 2 };
                refused(&done, code, error, &changed)?;
                same(&changed.files(), &before)
            }
            Expected::Same { same_output: Yes } => {
                accepted(&done, 0)?;
                let expected = valid.copy.shown(&valid.done.stdout);
                same(&changed.shown(&done.stdout), &expected)
            }
            Expected::Accepted { exit, table, diff } => {
                accepted(&done, *exit)?;
                let found = table::difference(table, &valid.copy.out, &changed.out)?;
                let found: Vec<String> = found.iter().map(|row| changed.shown(row)).collect();
                same(&found, diff)
            }
        }
    }
}

/// Fails unless the program ended with the code `exit`.
fn accepted(done: &Done, exit: i32) -> Result<(), String> {
    match done.code == Some(exit) {
        true => Ok(()),
        false => Err(format!("exit code {:?}\n{}", done.code, done.stderr)),
    }
}

/// Fails unless the two values are equal.
fn same<T: PartialEq + Debug>(found: &T, expected: &T) -> Result<(), String> {
    match found == expected {
        true => Ok(()),
        false => Err(format!("found = {found:#?}\nexpected {expected:#?}")),
    }
}

/// Runs a case's command line on `copy`, with the file `stdin` of the input, if any, as standard input.
pub fn start(command: &str, stdin: Option<&str>, copy: &Copy) -> Done {
    let mut words = command.split_whitespace();
    let mut command = program(words.next().unwrap());
    let (input, out) = (copy.input.to_str().unwrap(), copy.out.to_str().unwrap());
    command.args(words.map(|word| word.replace("<IN>", input).replace("<OUT>", out)));
    // Paths in a run's or recipe's configuration are relative to where the program is started.
    command.current_dir(&copy.input);
    command.stdin(match stdin {
        Some(file) => fs_err::File::open(copy.input.join(file))
            .unwrap()
            .into_file()
            .into(),
        None => Stdio::null(),
    });
    run(&mut command)
}

/// Fails unless the program ended with `code` and the message `error` (its beginning, where that ends with `…`),
/// printed nothing on stdout, and left no file in `<OUT>`.
pub fn refused(done: &Done, code: i32, error: &str, copy: &Copy) -> Result<(), String> {
    let stderr = copy.shown(&done.stderr);
    // Programs may first print what they begin to do; the message and its hints come last.
    let lines: Vec<&str> = stderr.lines().collect();
    let Some(first) = lines.iter().position(|line| line.starts_with("error: ")) else {
        return Err(format!("no error: exit code {:?}\n{stderr}", done.code));
    };
    let found = lines[first..].join("\n");
    let found = &found["error: ".len()..];
    let is_expected = match error.strip_suffix('…') {
        Some(start) => found.starts_with(start),
        None => found == error,
    };
    if !is_expected {
        return Err(format!("found\n{found}\nexpected\n{error}"));
    }
    if done.code != Some(code) {
        return Err(format!("exit code {:?}, expected {code}", done.code));
    }
    if !done.stdout.is_empty() {
        return Err(format!("on stdout: {}", done.stdout));
    }
    match files(&copy.out).first() {
        Some(left) => Err(format!("left {}", left.display())),
        None => Ok(()),
    }
}
