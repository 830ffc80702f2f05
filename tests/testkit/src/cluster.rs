//! A zookeeper and brokers as real processes, each of which can be killed, stopped and started again.
//!
//! Ports are chosen once, so that a process that comes back is found where it was. Every process writes its stderr to
//! a file beside its data, over all its starts. All run on loopback and in a temporary directory, unless a test says
//! otherwise: it may give each a network of its own ([`Site`]) and put their data on another disk.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Node, Site, Socket, free_ports, signal, wait_for};

/// How a cluster is made.
#[derive(Clone, Debug)]
pub struct ClusterBuilder {
    brokers: i32,
    overrides: Vec<String>,
    zookeeper_overrides: Vec<String>,
    /// The zookeeper's first, then one for each broker; those that are missing are on loopback.
    sites: Vec<Site>,
    directory: Option<PathBuf>,
    /// Where the data directories lie, the zookeeper's first; those that are missing are in `directory`.
    data: Vec<PathBuf>,
}

impl ClusterBuilder {
    /// A zookeeper and brokers 1 to `brokers`.
    #[must_use]
    pub const fn new(brokers: i32) -> Self {
        Self {
            brokers,
            overrides: Vec::new(),
            zookeeper_overrides: Vec::new(),
            sites: Vec::new(),
            directory: None,
            data: Vec::new(),
        }
    }

    /// Sets a configuration value of every broker.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.overrides.push(format!("{key}={value}"));
        self
    }

    /// Sets a configuration value of the zookeeper.
    #[must_use]
    pub fn set_zookeeper(mut self, key: &str, value: &str) -> Self {
        self.zookeeper_overrides.push(format!("{key}={value}"));
        self
    }

    /// Says where each process runs: the zookeeper, then the brokers.
    #[must_use]
    pub fn sites(mut self, sites: Vec<Site>) -> Self {
        self.sites = sites;
        self
    }

    /// Uses this directory, which stays, instead of a temporary one.
    #[must_use]
    pub fn within(mut self, directory: &Path) -> Self {
        self.directory = Some(directory.to_owned());
        self
    }

    /// Puts the data directories of the zookeeper and of each broker there, and not beside what they write to stderr.
    #[must_use]
    pub fn data_within(mut self, directories: Vec<PathBuf>) -> Self {
        self.data = directories;
        self
    }

    /// Directories and ports, and nothing running yet.
    #[must_use]
    pub fn prepare(&self) -> Cluster {
        let directory = self
            .directory
            .clone()
            .map_or_else(|| Directory::Temporary(tempfile::tempdir().unwrap()), Directory::Given);
        let ports = free_ports(usize::try_from(self.brokers).unwrap() + 1);
        Cluster { builder: self.clone(), directory, ports, zookeeper: None, brokers: BTreeMap::new() }
    }

    /// The whole cluster, every broker ready.
    #[must_use]
    pub fn start(&self) -> Cluster {
        let mut cluster = self.prepare();
        cluster.start_zookeeper();
        (1..=self.brokers).for_each(|id| cluster.start_broker(id));
        (1..=self.brokers).for_each(|id| _ = cluster.wait_ready(id));
        cluster
    }
}

/// Where a cluster's files lie.
#[derive(Debug)]
enum Directory {
    Temporary(TempDir),
    Given(PathBuf),
}

impl Directory {
    fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Given(directory) => directory,
        }
    }
}

/// A zookeeper and its brokers. Whatever still runs is killed when it is dropped, and a temporary directory goes with it.
#[derive(Debug)]
pub struct Cluster {
    builder: ClusterBuilder,
    directory: Directory,
    /// The zookeeper's first, then one for each broker.
    ports: Vec<u16>,
    zookeeper: Option<Node>,
    brokers: BTreeMap<i32, Node>,
}

impl Cluster {
    /// A zookeeper and brokers 1 to `brokers`, all ready.
    #[must_use]
    pub fn start(brokers: i32) -> Self {
        ClusterBuilder::new(brokers).start()
    }

    /// The directory that holds all data directories: `zookeeper`, `broker-1`, ...
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn data_within(&self, id: i32) -> &Path {
        let directory = self.builder.data.get(usize::try_from(id).unwrap());
        directory.map_or_else(|| self.directory.path(), PathBuf::as_path)
    }

    /// A broker's data directory.
    #[must_use]
    pub fn data(&self, id: i32) -> PathBuf {
        self.data_within(id).join(format!("broker-{id}"))
    }

    /// The zookeeper's data directory.
    #[must_use]
    pub fn zookeeper_data(&self) -> PathBuf {
        self.data_within(0).join("zookeeper")
    }

    /// The zookeeper's address.
    #[must_use]
    pub fn zookeeper_address(&self) -> String {
        self.address(0)
    }

    /// A broker's address.
    #[must_use]
    pub fn address(&self, id: i32) -> String {
        SocketAddr::new(self.site(id).address, self.ports[usize::try_from(id).unwrap()]).to_string()
    }

    /// Where the zookeeper (0) or a broker runs.
    fn site(&self, id: i32) -> Site {
        self.builder.sites.get(usize::try_from(id).unwrap()).cloned().unwrap_or_default()
    }

    /// The addresses of all brokers, as `--bootstrap-server` takes them.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        (1..=self.builder.brokers).map(|id| self.address(id)).collect::<Vec<_>>().join(",")
    }

    /// Starts the zookeeper and waits until it listens.
    pub fn start_zookeeper(&mut self) {
        assert!(self.zookeeper.is_none(), "the zookeeper runs already");
        let (port, site) = (self.ports[0].to_string(), self.site(0));
        let mut command = site.command("yak-zookeeper");
        command.args(["--override", &site.listeners()]);
        command.args(["--port", &port, "--data"]).arg(self.zookeeper_data());
        for pair in &self.builder.zookeeper_overrides {
            command.args(["--override", pair]);
        }
        let node = Node::spawn(command, &self.stderr_path("zookeeper"));
        self.zookeeper = Some(node);
        let address = self.zookeeper_address();
        wait_for("the zookeeper", || {
            let running = self.zookeeper.as_mut().unwrap().is_running();
            assert!(running, "the zookeeper ended: {}", self.zookeeper_stderr());
            TcpStream::connect(&address).ok()
        });
    }

    /// Starts a broker without waiting for it.
    pub fn start_broker(&mut self, id: i32) {
        assert!(!self.brokers.contains_key(&id), "broker {id} runs already");
        let node = self.spawn_broker(id, &self.data(id), self.ports[usize::try_from(id).unwrap()]);
        self.brokers.insert(id, node);
    }

    /// Starts a process that calls itself broker `id`, with a directory and a port of its own.
    #[must_use]
    pub fn spawn_broker(&self, id: i32, data: &Path, port: u16) -> Node {
        let site = self.site(id);
        let mut command = site.command("yak-broker");
        command
            .args(["--override", &site.listeners()])
            .args(["--id", &id.to_string(), "--port", &port.to_string()])
            .args(["--zookeeper", &self.zookeeper_address(), "--data"])
            .arg(data);
        for pair in &self.builder.overrides {
            command.args(["--override", pair]);
        }
        let name = data.file_name().unwrap().to_str().unwrap();
        Node::spawn(command, &self.stderr_path(name))
    }

    /// Waits for a broker's `YAK_READY` and returns what it says.
    pub fn wait_ready(&mut self, id: i32) -> Value {
        let log = self.stderr_path(&format!("broker-{id}"));
        self.brokers.get_mut(&id).expect("was started").wait_ready(&log)
    }

    /// When a broker said that it is ready, if it has.
    #[must_use]
    pub fn ready_at(&self, id: i32) -> Option<Instant> {
        self.brokers.get(&id)?.ready_at()
    }

    /// Starts a broker again and waits until it is ready.
    pub fn restart(&mut self, id: i32) {
        self.start_broker(id);
        self.wait_ready(id);
    }

    /// `kill -9` of a broker, and waits until it is gone.
    pub fn kill(&mut self, id: i32) {
        self.brokers.remove(&id).expect("runs").kill();
    }

    /// `kill -9` of the zookeeper, and waits until it is gone.
    pub fn kill_zookeeper(&mut self) {
        self.zookeeper.take().expect("runs").kill();
    }

    /// Ends a broker in order (SIGTERM); its exit code.
    pub fn shut_down(&mut self, id: i32) -> Option<i32> {
        self.brokers.remove(&id).expect("runs").shut_down()
    }

    /// Stops a broker without ending it (SIGSTOP).
    pub fn pause(&self, id: i32) {
        signal(self.pid(id), "STOP");
    }

    /// Lets a stopped broker go on (SIGCONT).
    pub fn resume(&self, id: i32) {
        signal(self.pid(id), "CONT");
    }

    /// Stops the zookeeper without ending it (SIGSTOP).
    pub fn pause_zookeeper(&self) {
        signal(self.zookeeper_pid(), "STOP");
    }

    /// Lets a stopped zookeeper go on (SIGCONT).
    pub fn resume_zookeeper(&self) {
        signal(self.zookeeper_pid(), "CONT");
    }

    /// A broker's process id.
    #[must_use]
    pub fn pid(&self, id: i32) -> u32 {
        self.brokers[&id].pid()
    }

    /// The zookeeper's process id.
    #[must_use]
    pub fn zookeeper_pid(&self) -> u32 {
        self.zookeeper.as_ref().expect("runs").pid()
    }

    /// Brokers that were started and not ended.
    #[must_use]
    pub fn running(&self) -> Vec<i32> {
        self.brokers.keys().copied().collect()
    }

    /// A raw connection to a broker.
    #[must_use]
    pub fn connect(&self, id: i32) -> Socket {
        Socket::connect(&self.address(id))
    }

    /// A raw connection to the zookeeper.
    #[must_use]
    pub fn connect_zookeeper(&self) -> Socket {
        Socket::connect(&self.zookeeper_address())
    }

    /// What a broker has written to stderr so far.
    #[must_use]
    pub fn stderr(&self, id: i32) -> String {
        std::fs::read_to_string(self.stderr_path(&format!("broker-{id}"))).unwrap_or_default()
    }

    /// What the zookeeper has written to stderr so far.
    #[must_use]
    pub fn zookeeper_stderr(&self) -> String {
        std::fs::read_to_string(self.stderr_path("zookeeper")).unwrap_or_default()
    }

    /// The cluster as a broker sees it (`status`).
    #[must_use]
    pub fn status(&self, id: i32) -> Value {
        self.connect(id).ok(r#"{"op":"status"}"#)
    }

    /// Creates a topic.
    pub fn create_topic(&self, through: i32, topic: &str, partitions: i32, replication_factor: i32) {
        self.connect(through).ok(&format!(
            r#"{{"op":"create_topics","topics":[{{"name":"{topic}","partitions":{partitions},"replication_factor":{replication_factor}}}],"timeout_ms":30000}}"#
        ));
    }

    /// A partition as broker `seen_by` sees it in its status.
    #[must_use]
    pub fn partition(&self, seen_by: i32, topic: &str, partition: i32) -> Option<Value> {
        let mut status = self.status(seen_by);
        let all = status["partitions"].as_array_mut().expect("partitions are a list");
        all.iter_mut().find(|at| at["topic"] == topic && at["partition"] == partition).map(Value::take)
    }

    /// Who leads a partition, as broker `seen_by` sees it.
    #[must_use]
    pub fn leader_of(&self, seen_by: i32, topic: &str, partition: i32) -> Option<i32> {
        let leader = self.partition(seen_by, topic, partition)?["leader"].as_i64()?;
        i32::try_from(leader).ok()
    }

    /// Waits until `seen_by` sees a leader of the partition that `accept` likes.
    pub fn wait_for_leader(
        &self,
        seen_by: i32,
        (topic, partition): (&str, i32),
        accept: impl Fn(i32) -> bool,
    ) -> i32 {
        wait_for(&format!("a leader of {topic}-{partition}"), || {
            self.leader_of(seen_by, topic, partition).filter(|leader| accept(*leader))
        })
    }

    /// Waits until `seen_by` sees exactly this ISR, in any order.
    pub fn wait_for_isr(&self, seen_by: i32, (topic, partition): (&str, i32), members: &[i32]) {
        let mut wanted = members.to_vec();
        wanted.sort_unstable();
        wait_for(&format!("the ISR {wanted:?} of {topic}-{partition}"), || {
            let seen = self.partition(seen_by, topic, partition)?;
            let mut isr: Vec<i64> =
                seen["in_sync_replicas"].as_array()?.iter().filter_map(Value::as_i64).collect();
            isr.sort_unstable();
            isr.into_iter().eq(wanted.iter().copied().map(i64::from)).then_some(())
        });
    }

    fn stderr_path(&self, name: &str) -> PathBuf {
        self.directory.path().join(format!("{name}.stderr"))
    }
}
