//! Consumer groups: how soon a member reads, what joining and dying costs the others, what many groups cost a broker.

mod classic;
mod commits;
mod first;
mod many;
mod moved;
mod streams;

pub(super) use self::classic::join as classic;
pub(super) use self::commits::measure as commits;
pub(super) use self::first::measure as first;
pub(super) use self::many::measure as many;
pub(super) use self::moved::measure as moved;
pub(super) use self::streams::measure as streams;

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use yak_testkit::{Broker, BrokerBuilder, Socket};

/// The topic that groups read.
const TOPIC: &str = "read";
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A broker by itself, with a topic of so many partitions, that knows a group's coordinator.
fn one_broker(partitions: i32) -> Result<(Broker, TempDir)> {
    let directory = tempfile::tempdir()?;
    let broker = BrokerBuilder::new(&directory.path().join("broker-1")).start();
    let mut socket = broker.connect();
    let topic = json!({"name": TOPIC, "partitions": partitions});
    socket.ok(&json!({"op": "create_topics", "topics": [topic]}).to_string());
    loaded(&mut socket, "any")?;
    Ok((broker, directory))
}

/// Waits until a group's coordinator, which this broker is, has loaded.
fn loaded(socket: &mut Socket, group: &str) -> Result<()> {
    socket.ask(&json!({"op": "find_coordinator", "group": group}).to_string());
    let line = json!({"op": "offset_fetch", "group": group}).to_string();
    let deadline = Instant::now() + PATIENCE;
    while !socket.ask(&line)["ok"].is_object() {
        ensure!(Instant::now() < deadline, "group {group} has no coordinator here");
        sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// The partitions of an assignment, or of what is owned.
fn partitions(topics: &Value) -> Vec<i64> {
    let topics = topics.as_array().into_iter().flatten();
    let partitions = topics.flat_map(|topic| topic["partitions"].as_array().into_iter().flatten());
    partitions.filter_map(Value::as_i64).collect()
}

/// Reads the lines of a stream up to the next assignment.
fn next_assignment(stream: &mut Socket) -> Result<Value> {
    loop {
        let line = stream.read_line().context("the stream ended")?;
        let event: Value = serde_json::from_str(&line)?;
        ensure!(event["error"].is_null() && event["event"] != "fenced", "{line}");
        if event["event"] == "assignment" {
            return Ok(event);
        }
    }
}
