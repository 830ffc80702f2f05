//! Kafka's protocol over real connections to a real broker, frame by frame.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod altering;
mod batch;
mod connection;
mod equivalence;
mod fetching;
mod groups;
mod hostile;
mod leaders;
mod made_up;
mod producing;

use tempfile::TempDir;
use yak_testkit::{Broker, BrokerBuilder};

/// A standalone broker with a topic `t` of one partition.
struct Setting {
    broker: Broker,
    _directory: TempDir,
}

impl Setting {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(overrides: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let builder = BrokerBuilder::new(&directory.path().join("broker-1"));
        let broker = overrides.iter().fold(builder, |builder, (key, value)| builder.set(key, value)).start();
        broker.connect().ok(r#"{"op":"create_topics","topics":[{"name":"t","partitions":1}]}"#);
        Self { broker, _directory: directory }
    }
}
