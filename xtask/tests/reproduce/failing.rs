//! Tests what `reproduce` does when a step fails: all steps that do not need it are done, the rest is left
//! out and done by the same command the next time, and the error names the step, its cause and its log. A call
//! of a program's stand-in (a shell script) fails where it contains the text in the file `fail`.
//!
//! The recipe's 9 steps: data, baseline/1, guided/1 and guided/2 (Energy with two λ), guided/3 (L1), a score of the
//! baseline, one of Energy's runs together and one of L1's, and the report.

use crate::sandbox::{RECIPE, Sandbox, starting_with};

#[test]
fn a_run_that_fails_takes_with_it_only_what_needs_it() {
    for jobs in ["1", "2"] {
        let sandbox = Sandbox::new();
        sandbox.write("fail", "train \"energy ixg@final λ=0.2");
        let done = sandbox.reproduce(RECIPE, &["--jobs", jobs]);
        assert_eq!(done.code, 1, "{}", done.stderr);
        // The other runs are trained. The baseline is scored twice and L1 once, and the report is made of the
        // three trained runs.
        let calls = sandbox.calls();
        assert_eq!(starting_with(&calls, "trainer train"), 4, "{calls:?}");
        assert_eq!(
            starting_with(&calls, "trainer explain test"),
            3,
            "{calls:?}"
        );
        assert_eq!(calls.last().unwrap().matches("--run ").count(), 3);
        let log = sandbox.path("out/logs/guided-2.log");
        let said = &done.stderr;
        for expected in [
            "1 step of 9 failed:\n  guided/2  train  energy ixg@final λ=0.2\n    training energy \
             ixg@final λ=0.2: trainer failed (exit status: 2): told to\n    log: ",
            log.to_str().unwrap(),
            "left out, as they need what did not end: score/2\n",
            "the report is of what there is: ",
            "error: 1 step failed\nhint: what is finished is kept; the same command goes on",
        ] {
            assert!(said.contains(expected), "{expected}: {said}");
        }
        let log = std::fs::read_to_string(log).unwrap();
        assert!(log.contains("\nerror: told to\n"), "{log}");
        let status = sandbox.status(&[]);
        assert!(status.contains("guided/2 "), "{status}");
        assert!(
            status.contains("FAILED: training energy ixg@final λ=0.2: trainer failed"),
            "{status}"
        );
        assert!(
            status.contains("recipe: 7 of 9 steps done, 0 running, 1 failed, 0 stopped, 1 to do"),
            "{status}"
        );
        // The same command trains the run that failed and scores its selection, and nothing else.
        sandbox.remove("fail");
        let done = sandbox.reproduce(RECIPE, &["--jobs", jobs]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        let calls = sandbox.calls();
        assert_eq!(starting_with(&calls, "trainer train"), 1, "{calls:?}");
        assert_eq!(starting_with(&calls, "trainer explain"), 2, "{calls:?}");
        let status = sandbox.status(&["--all"]);
        assert!(status.contains("recipe: 9 of 9 steps done"), "{status}");
        assert_eq!(status.matches("  done\n").count(), 9, "{status}");
    }
}

/// Cases: what makes a call fail, the step that fails, its error, and how many other steps are left out.
#[test]
fn every_failure_names_its_step_and_its_cause() {
    let cases = [
        (
            "data-prep",
            "data",
            "preparing the data: data-prep failed",
            8,
        ),
        (
            "train \"baseline",
            "baseline/1",
            "training baseline: trainer failed (exit status: 2): told to",
            7,
        ),
        (
            "explain val 1 ixg@input",
            "score/3",
            "scoring val images, run ",
            0,
        ),
        (
            "evaluator test-ixg-final",
            "score/2",
            "scoring test images, run ",
            0,
        ),
        (
            "analysis",
            "report",
            "writing the report: analysis failed",
            0,
        ),
    ];
    for (call, key, expected, n_left_out) in cases {
        let sandbox = Sandbox::new();
        sandbox.write("fail", call);
        let done = sandbox.reproduce(RECIPE, &[]);
        assert_eq!(done.code, 1, "{call}");
        let said = &done.stderr;
        assert!(said.contains(&format!("  {key}  ")), "{call}: {said}");
        assert!(
            said.contains(&format!("\n    {expected}")),
            "{call}: {said}"
        );
        assert!(said.contains("told to"), "{call}: {said}");
        let left_out = said.split("as they need what did not end: ").nth(1);
        let left_out = left_out.map_or(0, |text| text.lines().next().unwrap().split(", ").count());
        assert_eq!(left_out, n_left_out, "{call}: {said}");
    }
}
