//! The cluster as one of its processes sees it, without insisting on an answer.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Whoever does not answer by then has nothing to say. Only another one is asked then.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who leads a partition, and who is in sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i64,
    /// Who leads, if anybody does.
    pub leader: Option<i32>,
    /// Rises with each leader.
    pub leader_epoch: i64,
    /// The queue of those that have everything.
    pub in_sync_replicas: Vec<i32>,
}

/// Sends one line; what stands under `ok`.
#[must_use]
pub fn ask(address: &str, line: &str) -> Option<Value> {
    let mut stream = TcpStream::connect_timeout(&address.parse().ok()?, PATIENCE).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(format!("{line}\n").as_bytes()).ok()?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).ok()?;
    let mut reply: Value = serde_json::from_str(&reply).ok()?;
    reply.get_mut("ok").map(Value::take)
}

/// All partitions, as the process at `address` sees them.
pub(crate) fn partitions(address: &str) -> Option<Vec<PartitionView>> {
    let metadata = ask(address, r#"{"op":"metadata"}"#)?;
    let mut all = Vec::new();
    for topic in metadata["topics"].as_array()? {
        for partition in topic["partitions"].as_array()? {
            all.push(PartitionView {
                topic: topic["name"].as_str()?.to_owned(),
                partition: partition["partition"].as_i64()?,
                leader: partition["leader"].as_i64().and_then(|id| id.try_into().ok()),
                leader_epoch: partition["leader_epoch"].as_i64()?,
                in_sync_replicas: ids(&partition["in_sync_replicas"])?,
            });
        }
    }
    Some(all)
}

fn ids(list: &Value) -> Option<Vec<i32>> {
    list.as_array()?.iter().map(|id| id.as_i64()?.try_into().ok()).collect()
}
