//! The broker that the clients are tried against: ours, Apache Kafka, or any other.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use yak_testkit::{Broker, BrokerBuilder, Cluster, ClusterBuilder, run, wait_for};

use crate::{Answer, Apache, Client, Ndjson, Program, Setup, Speaker};

/// Where groups keep what they have committed.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// A member of a server-side group that was killed is missed as soon as a classic one may be.
const SETTINGS: [(&str, &str); 2] =
    [("group.consumer.session.timeout.ms", "6000"), ("group.consumer.heartbeat.interval.ms", "1000")];

/// One broker. `YAK_INTEROP_BOOTSTRAP=HOST:PORT` names another than ours.
#[derive(Debug)]
pub struct Target {
    setup: Setup,
    bootstrap: String,
    ours: Option<(Broker, TempDir)>,
}

impl Target {
    /// Starts a broker of ours, unless another is named.
    #[must_use]
    pub fn start(setup: &Setup) -> Self {
        if let Ok(bootstrap) = env::var("YAK_INTEROP_BOOTSTRAP") {
            return Self { setup: setup.clone(), bootstrap, ours: None };
        }
        let directory = tempfile::tempdir().expect("a temporary directory");
        let builder = BrokerBuilder::new(&directory.path().join("broker"));
        let broker = SETTINGS.iter().fold(builder, |builder, (key, value)| builder.set(key, value)).start();
        Self {
            setup: setup.clone(),
            bootstrap: broker.bootstrap().to_owned(),
            ours: Some((broker, directory)),
        }
    }

    /// Whether it is a broker of ours.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        self.ours.is_some()
    }

    /// Where clients connect.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Starts a client's program.
    #[must_use]
    pub fn program(&self, client: Client) -> Program {
        Program::start(client, &self.setup, &self.bootstrap)
    }

    /// Who knows best what the broker holds: our own protocol, elsewhere Apache Kafka's client.
    #[must_use]
    pub fn witness(&self) -> Box<dyn Speaker> {
        match &self.ours {
            Some((broker, _)) => Box::new(Ndjson::connect(broker.bootstrap())),
            None => Box::new(self.program(Client::Java4)),
        }
    }

    /// What our dump tool says of a partition's files, if they can be had.
    #[must_use]
    pub fn dump(&self, topic: &str, partition: i32) -> Option<String> {
        let data = match &self.ours {
            Some((broker, _)) => broker.data().to_owned(),
            None => PathBuf::from(env::var_os("YAK_INTEROP_DATA")?),
        };
        Some(dump(&data.join(format!("{topic}-{partition}"))))
    }
}

fn dump(partition: &Path) -> String {
    let entries = fs::read_dir(partition).unwrap_or_else(|error| panic!("{}: {error}", partition.display()));
    let paths = entries.map(|entry| entry.expect("the directory can be read").path());
    let logs: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
    run("yak-dump-log", &logs).ok().text()
}

/// A name that no other test uses, whichever broker it is.
#[must_use]
pub fn unique(name: &str) -> String {
    let test = std::thread::current().name().unwrap_or("main").replace("::", "-");
    format!("{name}-{test}-{}", std::process::id())
}

/// Three brokers, of which some may be killed: ours, or with `YAK_INTEROP_PEER=apache` Apache Kafka's.
#[derive(Debug)]
pub struct Three {
    setup: Setup,
    brokers: Brokers,
}

#[derive(Debug)]
enum Brokers {
    Ours(Cluster),
    Apache(Apache),
}

impl Three {
    /// Starts them.
    #[must_use]
    pub fn start(setup: &Setup) -> Self {
        let apache = env::var("YAK_INTEROP_PEER").is_ok_and(|peer| peer == "apache");
        let builder =
            SETTINGS.iter().fold(ClusterBuilder::new(3), |builder, (key, value)| builder.set(key, value));
        let brokers =
            if apache { Brokers::Apache(Apache::start(setup, 3)) } else { Brokers::Ours(builder.start()) };
        Self { setup: setup.clone(), brokers }
    }

    /// Where clients connect.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        match &self.brokers {
            Brokers::Ours(cluster) => cluster.bootstrap(),
            Brokers::Apache(apache) => apache.bootstrap(),
        }
    }

    /// Starts a client's program.
    #[must_use]
    pub fn program(&self, client: Client) -> Program {
        Program::start(client, &self.setup, &self.bootstrap())
    }

    /// Who knows best what the cluster holds, whichever broker is dead.
    #[must_use]
    pub fn witness(&self) -> Box<dyn Speaker> {
        match &self.brokers {
            Brokers::Ours(cluster) => {
                let alive = cluster.running()[0];
                Box::new(Ndjson::connect(&cluster.address(alive)))
            }
            Brokers::Apache(_) => Box::new(self.program(Client::Java4)),
        }
    }

    /// Creates a topic with replicas of each partition on all three.
    pub fn create_topic(&self, topic: &str, partitions: i32) {
        let made =
            self.witness().ask(json!({ "op": "create_topic", "topic": topic, "partitions": partitions,
            "replication_factor": 3, "configs": { "min.insync.replicas": "2" } }));
        assert!(matches!(made, Answer::Done(_)), "{made:?}");
    }

    /// Starts a broker again that was killed, and waits until all three replicas of the topics are in sync.
    pub fn restart(&mut self, id: i64, topics: &[&str]) {
        match &mut self.brokers {
            Brokers::Ours(cluster) => cluster.restart(i32::try_from(id).expect("a small number")),
            Brokers::Apache(apache) => apache.restart(&self.setup, id),
        }
        let mut witness = self.witness();
        let in_sync = |partition: &Value| partition["isr"].as_array().is_some_and(|isr| isr.len() == 3);
        for topic in topics {
            wait_for("three replicas in sync", || {
                let found = witness.ask(json!({ "op": "describe_topic", "topic": topic })).done();
                found["partitions"].as_array()?.iter().all(in_sync).then_some(())
            });
        }
    }

    /// Kills whoever leads a topic's first partition; who it was.
    pub fn kill_leader(&mut self, topic: &str) -> i64 {
        self.kill_leader_of(topic, |_| 0)
    }

    /// Kills whoever coordinates a group, as Kafka's clients find it; who it was.
    pub fn kill_coordinator(&mut self, group: &str) -> i64 {
        // Java's hash of a string, without its sign.
        let hash =
            group.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
        self.kill_leader_of(OFFSETS_TOPIC, |count| hash as usize % 0x8000_0000 % count)
    }

    fn kill_leader_of(&mut self, topic: &str, choose: impl Fn(usize) -> usize) -> i64 {
        let found = self.witness().ask(json!({ "op": "describe_topic", "topic": topic })).done();
        let partitions = found["partitions"].as_array().expect("a topic has partitions");
        let chosen = choose(partitions.len());
        let partition = partitions.iter().find(|partition| partition["partition"] == chosen);
        let leader = partition.and_then(|partition| partition["leader"].as_i64()).expect("somebody leads");
        match &mut self.brokers {
            Brokers::Ours(cluster) => cluster.kill(i32::try_from(leader).expect("a small number")),
            Brokers::Apache(apache) => apache.kill(leader),
        }
        leader
    }
}
