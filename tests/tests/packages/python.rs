//! Calls functions of `tests/python/exchange.py` in one interpreter that stays running, because importing
//! torch takes seconds. A question is a line of JSON on the interpreter's stdin, the answer a line on its stdout.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A running interpreter.
pub struct Python {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// Starts the interpreter. Where `GUIDANCE_TORCH_PYTHON` is not set, prints that `test` is skipped and
    /// returns `None`.
    pub fn start(test: &str) -> Option<Python> {
        let Some(interpreter) = std::env::var_os("GUIDANCE_TORCH_PYTHON") else {
            println!("skipped: {test}: GUIDANCE_TORCH_PYTHON is not set");
            return None;
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/exchange.py");
        let mut child = Command::new(interpreter)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Some(Python {
            questions: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        })
    }

    /// Calls `function` of the script with `arguments`, a JSON array, and returns its result.
    ///
    /// # Panics
    /// When the function fails, with its message.
    pub fn ask(&mut self, function: &str, arguments: Value) -> Value {
        let Value::Array(mut question) = arguments else {
            panic!("{function}: arguments are an array")
        };
        question.insert(0, function.into());
        let question = Value::Array(question);
        let mut line = String::new();
        let pipe = self.questions.as_mut().unwrap();
        let asked = writeln!(pipe, "{question}").and_then(|()| self.answers.read_line(&mut line));
        assert!(
            asked.is_ok() && !line.is_empty(),
            "{question}: exchange.py ended, its reason is above"
        );
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        if let Some(error) = answer["error"].as_str() {
            panic!("{question}: {error}");
        }
        answer["answer"].take()
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.questions = None; // closes its stdin, at which it exits
        let _ = self.child.wait();
    }
}
