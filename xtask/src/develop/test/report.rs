//! Parses the output of `cargo test -- --show-output`: which tests passed, which failed, and which passed
//! only because something that they need was missing. These last print a line
//! `skipped: <what>: <why>`.

use super::outcome::Outcome;

/// The outcome of all test binaries, from the lines that they printed.
pub(super) fn read(lines: &[String]) -> Outcome {
    let mut outcome = Outcome::default();
    // Between "successes:" or "failures:" and "test result:", lines are what the tests themselves printed.
    let mut captured = false;
    let mut binary = "";
    let mut test = "";
    let mut skipped_test = None;
    for line in lines {
        if let Some(path) = running(line) {
            binary = path;
        } else if line == "successes:" || line == "failures:" {
            captured = true;
        } else if line.starts_with("test result:") {
            captured = false;
            skipped_test = None;
        } else if captured {
            if let Some(name) = heading(line) {
                test = name;
            } else if let Some(what) = line.strip_prefix("skipped: ") {
                outcome.skipped.push(what.to_owned());
                // A test in which several cases were skipped counts as one skipped test.
                if skipped_test.replace(test) != Some(test) {
                    outcome.n_passed = outcome.n_passed.saturating_sub(1);
                } else {
                    merge_last(&mut outcome.skipped);
                }
            }
        } else if let Some((name, result)) = line
            .strip_prefix("test ")
            .and_then(|rest| rest.rsplit_once(" ... "))
        {
            // "ok <0.012s>"
            let (result, time) = result.split_once(" <").unwrap_or((result, ""));
            if let Ok(seconds) = time.trim_end_matches("s>").parse() {
                outcome.times.push((seconds, format!("{binary} {name}")));
            }
            match result {
                "ok" => outcome.n_passed += 1,
                "FAILED" => outcome.failed.push(name.to_owned()),
                _ if result.starts_with("ignored") => outcome.skipped.push(name.to_owned()),
                _ => {}
            }
        }
    }
    outcome
}

/// The printed output of the tests that failed.
pub(super) fn failures(lines: &[String]) -> Vec<String> {
    let mut shown = Vec::new();
    let mut inside = false;
    for line in lines {
        match line.as_str() {
            "failures:" => inside = true,
            _ if line.starts_with("test result:") => inside = false,
            _ if inside => shown.push(line.clone()),
            _ => {}
        }
    }
    shown
}

/// A line of seconds and name for each of the ten slowest tests, the slowest first.
pub(super) fn slowest(mut times: Vec<(f64, String)>) -> Vec<String> {
    times.sort_by(|a, b| b.0.total_cmp(&a.0));
    let shown = times.iter().take(10);
    shown
        .map(|(seconds, name)| format!("{seconds:7.1} s  {name}"))
        .collect()
}

/// The source path of the test binary in a line "     Running tests/score.rs (target/debug/deps/score-4567)".
fn running(line: &str) -> Option<&str> {
    let (path, _) = line
        .trim_start()
        .strip_prefix("Running ")?
        .split_once(" (")?;
    Some(path.trim_start_matches("unittests "))
}

/// The test's name in a line "---- some::test stdout ----".
fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("---- ")?.strip_suffix(" stdout ----")
}

/// Joins the last two entries, which are cases of the same test.
fn merge_last(skipped: &mut Vec<String>) {
    if let (Some(last), Some(before)) = (skipped.pop(), skipped.last_mut()) {
        before.push_str("; ");
        before.push_str(&last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn passed_failed_and_skipped_tests_are_told_apart() {
        let text = "\
   Compiling evaluator v0.1.0
     Running unittests src/lib.rs (target/debug/deps/evaluator-0123)

running 5 tests
test energy::golden ... ok <0.500s>
test energy::real_data ... ok
test energy::two_cases ... ok
test iou::edge - should panic ... ok
test iou::slow ... ignored, takes an hour

successes:

---- energy::golden stdout ----
test nested ... FAILED
---- energy::real_data stdout ----
skipped: energy on VOC: no real data

---- energy::two_cases stdout ----
skipped: case one: no real data
skipped: case two: no real data

successes:
    energy::golden

test result: ok. 4 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out

     Running tests/score.rs (target/debug/deps/score-4567)
running 2 tests
test maps ... FAILED <2.250s>
test other ... ok <0.001s>

successes:

successes:
    other

failures:

---- maps stdout ----
thread 'maps' panicked at evaluator/tests/score.rs:3:5:
expected 1, found 2


failures:
    maps

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out
";
        let outcome = read(&lines(text));
        assert_eq!(outcome.n_passed, 3);
        assert_eq!(outcome.failed, ["maps"]);
        assert_eq!(
            slowest(outcome.times.clone()),
            [
                "    2.2 s  tests/score.rs maps",
                "    0.5 s  src/lib.rs energy::golden",
                "    0.0 s  tests/score.rs other"
            ]
        );
        assert_eq!(
            outcome.skipped,
            [
                "iou::slow",
                "energy on VOC: no real data",
                "case one: no real data; case two: no real data"
            ]
        );
        assert!(
            failures(&lines(text))
                .iter()
                .any(|line| line == "expected 1, found 2")
        );
    }

    #[test]
    fn nothing_is_made_of_a_build_that_broke() {
        let text = "error[E0425]: cannot find value `x`\nerror: could not compile `trainer`\n";
        assert_eq!(read(&lines(text)), Outcome::default());
    }
}
