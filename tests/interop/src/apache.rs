//! Apache Kafka as the broker: a client program that does not pass against it proves nothing about ours.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use yak_testkit::{free_ports, wait_for};

use crate::Setup;

const CLUSTER: &str = "aaaaaaaaaaaaaaaaaaaaaA";

/// Nobody waits for members that do not come, and who is killed is missed as soon as may be.
const GROUPS: &str = "group.initial.rebalance.delay.ms=0\n\
    group.consumer.session.timeout.ms=6000\ngroup.consumer.min.session.timeout.ms=6000\n\
    group.consumer.heartbeat.interval.ms=1000\ngroup.consumer.min.heartbeat.interval.ms=1000\n";

/// One or three brokers of Apache Kafka, each of them a controller too; killed when dropped.
#[derive(Debug)]
pub struct Apache {
    directory: TempDir,
    /// Of the listeners for clients, then of the controllers.
    ports: Vec<u16>,
    brokers: Vec<Option<Child>>,
}

impl Apache {
    /// Starts them and waits until they can be connected to.
    #[must_use]
    pub fn start(setup: &Setup, count: usize) -> Self {
        let ports = free_ports(2 * count);
        Self::start_at(setup, ports.clone(), &ports[..count])
    }

    /// The same, with these ports, telling clients others.
    #[must_use]
    pub fn start_at(setup: &Setup, ports: Vec<u16>, advertised: &[u16]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let count = advertised.len();
        let voters: Vec<_> =
            (0..count).map(|at| format!("{}@127.0.0.1:{}", at + 1, ports[count + at])).collect();
        for (at, port) in advertised.iter().enumerate() {
            let text = properties(directory.path(), &ports, &voters, (at, *port));
            fs::write(properties_path(directory.path(), at), text).expect("the file can be written");
        }
        let mut brokers = Vec::new();
        for at in 0..count {
            let path = properties_path(directory.path(), at);
            let mut format = setup.java("kafka");
            format.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"]).arg(&path);
            let formatted = format.output().expect("java runs");
            assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
            brokers.push(Some(spawn(setup, &path)));
        }
        for port in &ports[..count] {
            wait_for("Apache Kafka", || TcpStream::connect(("127.0.0.1", *port)).ok());
        }
        Self { directory, ports, brokers }
    }

    /// Where clients connect.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        let ports = &self.ports[..self.brokers.len()];
        ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
    }

    /// The data directory of the first broker.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        data_path(self.directory.path(), 0)
    }

    /// Starts a broker again that was killed.
    pub fn restart(&mut self, setup: &Setup, id: i64) {
        let at = usize::try_from(id - 1).expect("ids begin with 1");
        self.brokers[at] = Some(spawn(setup, &properties_path(self.directory.path(), at)));
        wait_for("Apache Kafka", || TcpStream::connect(("127.0.0.1", self.ports[at])).ok());
    }

    /// `kill -9` of a broker.
    pub fn kill(&mut self, id: i64) {
        let at = usize::try_from(id - 1).expect("ids begin with 1");
        let mut broker = self.brokers[at].take().expect("it runs");
        broker.kill().expect("it can be killed");
        broker.wait().expect("it ends");
    }
}

fn spawn(setup: &Setup, path: &Path) -> Child {
    let log = fs::File::create(path.with_extension("log")).expect("the file can be made");
    let errors = log.try_clone().expect("the file can be shared");
    let mut command: Command = setup.java("kafka");
    command.arg("kafka.Kafka").arg(path).stdin(Stdio::null()).stdout(log).stderr(errors);
    command.spawn().expect("java runs")
}

impl Drop for Apache {
    fn drop(&mut self) {
        for broker in self.brokers.iter_mut().flatten() {
            if broker.kill().is_ok() {
                drop(broker.wait());
            }
        }
    }
}

fn properties_path(directory: &Path, at: usize) -> PathBuf {
    directory.join(format!("{}.properties", at + 1))
}

fn data_path(directory: &Path, at: usize) -> PathBuf {
    directory.join(format!("data-{}", at + 1))
}

fn properties(directory: &Path, ports: &[u16], voters: &[String], (at, advertised): (usize, u16)) -> String {
    let count = voters.len();
    let factor = format!("replication.factor={count}\n");
    let kept = ["offsets.topic", "transaction.state.log", "share.coordinator.state.topic"];
    let mut text = format!(
        "process.roles=broker,controller\nnode.id={}\ncontroller.quorum.voters={}\n\
         listeners=PLAINTEXT://127.0.0.1:{},CONTROLLER://127.0.0.1:{}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{advertised}\ncontroller.listener.names=CONTROLLER\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\nlog.dirs={}\n\
         offsets.topic.num.partitions=4\ntransaction.state.log.min.isr=1\nshare.coordinator.state.topic.min.isr=1\n",
        at + 1,
        voters.join(","),
        ports[at],
        ports[count + at],
        data_path(directory, at).display(),
    );
    text.push_str(GROUPS);
    for topic in kept {
        text.push_str(&format!("{topic}.{factor}"));
    }
    text
}
