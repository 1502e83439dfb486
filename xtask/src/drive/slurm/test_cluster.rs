//! Starts a real Slurm cluster for one test: munged (which authenticates), slurmctld (the controller) and
//! slurmd (the node) run on this machine, with ports, keys and folders of their own. So several clusters can
//! run side by side, and none touches one that the machine may have. All of it is removed when the test ends.

#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::programs;

/// A running cluster of one node. Its partitions are `low`, the default, and `high`, whose jobs may preempt
/// those of `low`. The node claims 4 CPUs and 2 GPUs, whatever this machine has.
pub struct Cluster {
    folder: tempfile::TempDir,
    /// In the order they were started.
    daemons: Vec<Daemon>,
}

/// A running daemon of the cluster.
struct Daemon {
    child: Child,
    /// The file with its output.
    log: PathBuf,
}

impl Cluster {
    /// Starts a cluster and waits until it takes jobs. Where Slurm is not installed, prints that `test` is
    /// skipped, and returns None.
    pub fn start(test: &str) -> Option<Cluster> {
        if let Some(reason) = programs::fault() {
            println!("skipped: {test}: {reason}");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("slurm").tempdir().unwrap();
        let mut cluster = Cluster {
            folder,
            daemons: Vec::new(),
        };
        cluster.configure();
        cluster.spawn_munged();
        let conf = cluster.path("slurm.conf");
        for (program, options) in [("slurmctld", &["-D", "-i"][..]), ("slurmd", &["-D"])] {
            let mut command = Command::new(programs::find(program).unwrap());
            cluster.spawn(program, command.args(options).arg("-f").arg(&conf));
        }
        cluster.until("the node is idle", |cluster| {
            let mut command = cluster.command("sinfo");
            command.args(["--noheader", "--partition=low", "--format=%T"]);
            let said = command.output().unwrap();
            let state = String::from_utf8_lossy(&said.stdout);
            assert!(
                !state.starts_with("inval"),
                "the node is {state}: slurmd found other resources than slurm.conf names"
            );
            state.trim() == "idle"
        });
        Some(cluster)
    }

    /// The path of slurm.conf, which the environment variable SLURM_CONF must name.
    pub fn configuration(&self) -> PathBuf {
        self.path("slurm.conf")
    }

    /// A command for one of Slurm's programs on this cluster.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.configuration());
        command
    }

    /// Runs one of Slurm's programs on this cluster, and returns what it prints.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Waits without a time limit until `is_so`; panics with the log of a daemon that ends meanwhile.
    pub fn until(&mut self, what: &str, is_so: impl Fn(&Cluster) -> bool) {
        while !is_so(self) {
            for daemon in &mut self.daemons {
                if let Some(status) = daemon.child.try_wait().unwrap() {
                    let log = std::fs::read_to_string(&daemon.log).unwrap_or_default();
                    panic!("waiting until {what}: a daemon ended with {status}; its log:\n{log}");
                }
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// A path in the cluster's folder.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration files.
    fn configure(&self) {
        let folder = self.folder.path().display();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let host = host.trim().split('.').next().unwrap();
        let [controller, node] = free_ports();
        // A requeued job stays in the queue for cred_expire seconds at least. By default these are 2 minutes;
        // 5 is the least that Slurm takes. With config_overrides the node has the CPUs and GPUs named here.
        let conf = format!(
            "ClusterName=test\n\
             SlurmctldHost={host}(127.0.0.1)\n\
             SlurmctldPort={controller}\n\
             SlurmdPort={node}\n\
             SlurmUser=root\n\
             SlurmdUser=root\n\
             AuthType=auth/munge\n\
             AuthInfo=socket={folder}/munge.socket,cred_expire=5\n\
             StateSaveLocation={folder}/state\n\
             SlurmdSpoolDir={folder}/spool\n\
             SlurmctldPidFile={folder}/slurmctld.pid\n\
             SlurmdPidFile={folder}/slurmd.pid\n\
             ProctrackType=proctrack/linuxproc\n\
             TaskPlugin=task/none\n\
             SelectType=select/cons_tres\n\
             SelectTypeParameters=CR_CPU\n\
             SchedulerType=sched/backfill\n\
             SchedulerParameters=batch_sched_delay=0,sched_min_interval=1,sched_interval=2\n\
             JobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\n\
             PreemptType=preempt/partition_prio\n\
             PreemptMode=REQUEUE\n\
             MpiDefault=none\n\
             GresTypes=gpu\n\
             SlurmdParameters=config_overrides\n\
             NodeName={host} NodeAddr=127.0.0.1 CPUs=4 Gres=gpu:2\n\
             PartitionName=low Nodes=ALL Default=YES PriorityTier=1\n\
             PartitionName=high Nodes=ALL PriorityTier=10\n"
        );
        std::fs::write(self.path("slurm.conf"), conf).unwrap();
        // slurmd wants a device file for each GPU, and does not open it.
        let gpus = "Name=gpu File=/dev/zero\nName=gpu File=/dev/full\n";
        std::fs::write(self.path("gres.conf"), gpus).unwrap();
        for name in ["state", "spool"] {
            std::fs::create_dir(self.path(name)).unwrap();
        }
    }

    /// Makes a key, starts munged with it, and waits until it listens.
    fn spawn_munged(&mut self) {
        use std::io::{Read, Write};
        use std::os::unix::fs::OpenOptionsExt;
        let mut key = [0; 128];
        let mut source = std::fs::File::open("/dev/urandom").unwrap();
        source.read_exact(&mut key).unwrap();
        let mut file = std::fs::OpenOptions::new();
        file.write(true).create_new(true).mode(0o600);
        let mut file = file.open(self.path("munge.key")).unwrap();
        file.write_all(&key).unwrap();
        let mut command = Command::new(programs::find("munged").unwrap());
        // munged refuses a socket in a private folder unless it is forced.
        command.args(["--foreground", "--force"]);
        for (option, name) in [
            ("socket", "munge.socket"),
            ("key-file", "munge.key"),
            ("pid-file", "munged.pid"),
            ("seed-file", "munged.seed"),
        ] {
            command.arg(format!("--{option}={}", self.path(name).display()));
        }
        self.spawn("munged", &mut command);
        let socket = self.path("munge.socket");
        self.until("munged listens", |_| socket.exists());
    }

    /// Starts a daemon whose output goes to a log file.
    fn spawn(&mut self, name: &str, command: &mut Command) {
        let log = self.path(&format!("{name}.log"));
        let file = std::fs::File::create(&log).unwrap();
        command.stdin(Stdio::null());
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().unwrap();
        self.daemons.push(Daemon { child, log });
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Jobs would outlive slurmd, so they are cancelled first. If the controller is gone, scancel fails
        // and nothing can be cancelled.
        let cancel = || self.command("scancel").arg("--user=root").output();
        let is_empty = || {
            let mut command = self.command("squeue");
            let said = command.arg("--noheader").output().unwrap();
            said.stdout.is_empty()
        };
        while cancel().is_ok_and(|done| done.status.success()) && !is_empty() {
            std::thread::sleep(Duration::from_millis(100));
        }
        for daemon in self.daemons.iter_mut().rev() {
            daemon.child.kill().ok();
            daemon.child.wait().ok();
        }
    }
}

/// Two ports that nobody listens on.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
