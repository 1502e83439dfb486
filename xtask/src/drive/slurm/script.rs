//! Makes the batch script of a job array, which Slurm runs once for each task with the task's index in a variable.
//! The script contains the command line of each task instead of reading it from a file. Slurm keeps a copy of the
//! script, so that a requeued task does what it was submitted for, even if another plan has been submitted since.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::drive::plan::Job;

/// The part that all scripts share: it starts the step, passes signals on to it, requeues the task where the
/// step was stopped, and writes the exit code to a file.
const BODY: &str = include_str!("script.sh");

/// The script whose task i starts `program step` with the arguments of `jobs[i]`.
///
/// Slurm starts it in the out folder, which holds the folder `slurm`.
pub(super) fn script<'a>(
    program: &Path,
    jobs: impl IntoIterator<Item = &'a Job>,
) -> Result<String> {
    let mut text =
        "#!/bin/bash\n# Submitted by cargo xtask reproduce --executor slurm.\n".to_owned();
    text += "case $SLURM_ARRAY_TASK_ID in\n";
    for (index, job) in jobs.into_iter().enumerate() {
        let _ = write!(text, "{index}) key={}; set -- ", quoted(&job.key));
        let _ = write!(text, "{} step", quoted(utf8(program)?));
        for argument in &job.args {
            let _ = write!(text, " {}", quoted(argument));
        }
        text += " ;;\n";
    }
    text += "esac\n";
    text += BODY;
    Ok(text)
}

/// `text` quoted as one word of the shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The path as text, which is all that a script can hold.
pub(super) fn utf8(path: &Path) -> Result<&str> {
    let text = path.to_str();
    text.with_context(|| format!("{}: expected a path in UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::PathBuf;
    use std::process::{Child, Command};

    use super::*;

    /// A folder in which a batch script can run without Slurm. A fake squeue answers that the job is ending,
    /// as after a cancellation, so that the script does not requeue a step that was stopped.
    struct Sandbox(tempfile::TempDir);

    impl Sandbox {
        /// A new folder, with spaces in its path and a fake squeue.
        fn new() -> Sandbox {
            let folder = tempfile::Builder::new().prefix("a b").tempdir().unwrap();
            for name in ["slurm", "bin"] {
                std::fs::create_dir(folder.path().join(name)).unwrap();
            }
            let sandbox = Sandbox(folder);
            sandbox.program("bin/squeue", "echo COMPLETING");
            sandbox
        }

        /// A path in the folder.
        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        /// Writes an executable shell script of these lines.
        fn program(&self, name: &str, lines: &str) -> PathBuf {
            use std::os::unix::fs::PermissionsExt;
            let path = self.path(name);
            std::fs::write(&path, format!("#!/bin/bash\n{lines}\n")).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
            path
        }

        /// Starts `script` as the task `index`, in a process group of its own, as Slurm does.
        fn start(&self, script: &str, index: usize) -> Child {
            use std::os::unix::process::CommandExt;
            std::fs::write(self.path("script"), script).unwrap();
            let bin = self.path("bin").display().to_string();
            let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
            let mut command = Command::new("bash");
            command.arg(self.path("script")).current_dir(self.0.path());
            command.env("PATH", path).env("SLURM_JOB_NAME", "guided.1");
            command.env("SLURM_ARRAY_JOB_ID", "7");
            command.env("SLURM_ARRAY_TASK_ID", index.to_string());
            command.env("SLURM_CPUS_ON_NODE", "1");
            command.env("SLURMD_NODENAME", "node");
            let output = std::fs::File::create(self.path("output")).unwrap();
            command.stdout(output.try_clone().unwrap()).stderr(output);
            command.process_group(0).spawn().unwrap()
        }

        /// The content of the file to which the script wrote the exit code of task `index`.
        fn exit_file(&self, index: usize) -> String {
            let file = format!("slurm/guided.1-{index}.exit");
            std::fs::read_to_string(self.path(&file)).unwrap()
        }
    }

    /// A job with this key and these arguments.
    fn job(key: &str, args: &[&str]) -> Job {
        Job {
            key: key.to_owned(),
            after: Vec::new(),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            minutes: 0.0,
            needs_device: false,
        }
    }

    #[test]
    fn a_task_is_given_its_own_arguments_whatever_is_in_them() {
        let sandbox = Sandbox::new();
        let program = sandbox.program("st'ep", "printf '<%s>' \"$@\"; exit 3");
        let odd = [
            "a b",
            "it's",
            "$(exit 9)",
            "`exit 9`",
            "\"",
            "\\",
            "*",
            "",
            "two\nlines",
            "–",
        ];
        let jobs = [job("guided/0", &["other"]), job("guided/1", &odd)];
        let text = script(&program, &jobs).unwrap();
        let status = sandbox.start(&text, 1).wait().unwrap();
        assert_eq!(status.code(), Some(3));
        assert_eq!(sandbox.exit_file(1), "3\n");
        let said = std::fs::read_to_string(sandbox.path("output")).unwrap();
        let words: String = odd.iter().map(|word| format!("<{word}>")).collect();
        let expected = format!("\n<step>{words}");
        assert!(
            said.starts_with("--- guided/1: job 7_1 on node, "),
            "{said}"
        );
        assert!(said.ends_with(&expected), "{said}");
    }

    #[test]
    fn a_step_has_as_many_threads_as_its_job_has_processors() {
        let sandbox = Sandbox::new();
        let shown = "echo $OMP_NUM_THREADS $RAYON_NUM_THREADS $POLARS_MAX_THREADS";
        let program = sandbox.program("step", shown);
        let text = script(&program, &[job("guided/0", &[])]).unwrap();
        // SLURM_CPUS_PER_TASK, where the job asked for it, counts before the node's processors. This
        // machine's own variables are removed first.
        let unset =
            "unset OMP_NUM_THREADS RAYON_NUM_THREADS POLARS_MAX_THREADS SLURM_CPUS_PER_TASK\n";
        for (set, expected) in [
            ("", "1 1 1\n"),
            ("SLURM_CPUS_ON_NODE=6\n", "6 6 6\n"),
            ("SLURM_CPUS_ON_NODE=64; SLURM_CPUS_PER_TASK=6\n", "6 6 6\n"),
            (
                "export RAYON_NUM_THREADS=2; SLURM_CPUS_ON_NODE=6\n",
                "6 2 6\n",
            ),
        ] {
            let text = [unset, set, &text].concat();
            assert!(sandbox.start(&text, 0).wait().unwrap().success());
            let said = std::fs::read_to_string(sandbox.path("output")).unwrap();
            assert!(said.ends_with(expected), "{set}: {said}");
        }
    }

    /// Starts a step that is a shell script of `lines`, waits until it has made the file `ready`, and sends
    /// `signal`: with `whom` "" to the batch script alone, with "-" to its process group. Returns the batch
    /// script's exit code, and the content of the file with the step's exit code.
    fn signalled(
        sandbox: &Sandbox,
        lines: &str,
        signal: &str,
        whom: &str,
    ) -> (Option<i32>, String) {
        let ready = sandbox.path("ready");
        std::fs::remove_file(&ready).ok();
        let program = sandbox.program("step", &format!("cd \"$2\"; {lines}"));
        let here = sandbox.0.path();
        let jobs = [job("guided/0", &[utf8(here).unwrap()])];
        let text = script(&program, &jobs).unwrap();
        let mut child = sandbox.start(&text, 0);
        while !ready.exists() {
            assert_eq!(child.try_wait().unwrap(), None);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let whom = format!("{whom}{}", child.id());
        let status = Command::new("kill").args([signal, "--", &whom]).status();
        assert!(status.unwrap().success());
        (child.wait().unwrap().code(), sandbox.exit_file(0))
    }

    #[test]
    fn a_step_that_does_not_know_the_signal_of_the_time_limit_goes_on() {
        let lines = "touch ready; sleep 0.5; exit 4";
        let found = signalled(&Sandbox::new(), lines, "-USR2", "");
        assert_eq!(found, (Some(4), "4\n".to_owned()));
    }

    /// bash may lose the exit code of a child that ends while bash handles a signal; the script must not. Whether
    /// both happen at once is chance, hence 40 tries. 75 is the exit code of a step that saved and was stopped.
    #[test]
    fn no_exit_code_is_lost_to_a_signal() {
        let sandbox = Sandbox::new();
        let lines = "trap 'exit 75' TERM; touch ready; while :; do sleep 0.01; done";
        for _ in 0..40 {
            let found = signalled(&sandbox, lines, "-TERM", "-");
            assert_eq!(found, (Some(75), "75\n".to_owned()));
        }
    }
}
