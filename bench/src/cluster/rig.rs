//! A cluster under measurement.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use yak_testkit::{Cluster, ClusterBuilder};

use super::journal::{self, Happened};
use super::usage::{Usage, open_files, resident_kib};

/// How many brokers.
pub(super) const BROKERS: i32 = 3;
/// Longest wait for something that takes long with many partitions.
const PATIENCE: Duration = Duration::from_secs(300);

/// The settings every measured cluster has; the rest is what brokers have by themselves.
pub(super) fn builder() -> ClusterBuilder {
    ClusterBuilder::new(BROKERS)
}

/// Creates a topic with its configuration, as JSON.
pub(super) fn create_topic(cluster: &Cluster, topic: &str, partitions: i32, configs: &str) {
    cluster.connect(1).ok(&format!(
        r#"{{"op":"create_topics","topics":[{{"name":"{topic}","partitions":{partitions},"replication_factor":3,"configs":{{{configs}}}}}],"timeout_ms":120000}}"#
    ));
}

/// Who leads partition 0 of a topic, by the broker that is alive with the smallest number.
pub(super) fn leader(cluster: &Cluster, topic: &str) -> i32 {
    let seen_by = cluster.running().into_iter().next().unwrap_or(1);
    cluster.wait_for_leader(seen_by, (topic, 0), |_| true)
}

/// Waits until every partition has a leader and all brokers in its ISR, as broker `seen_by` sees it.
pub(super) fn wait_whole(cluster: &Cluster, seen_by: i32) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = cluster.status(seen_by);
        let partitions = status["partitions"].as_array().context("partitions are a list")?;
        let whole = |at: &serde_json::Value| {
            let members = at["in_sync_replicas"].as_array().map_or(0, Vec::len);
            at["leader"].is_i64() && members == at["replicas"].as_array().map_or(0, Vec::len)
        };
        let missing = partitions.iter().filter(|at| !whole(at)).count();
        if missing == 0 && !partitions.is_empty() {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{missing} partitions are not whole after {PATIENCE:?}");
        // A large status is work for the broker that is watched.
        sleep(Duration::from_millis(if partitions.len() > 100 { 200 } else { 10 }));
    }
}

/// The partitions of a topic that a broker leads.
pub(super) fn led_by(cluster: &Cluster, topic: &str, broker: i32) -> Vec<i32> {
    let status = cluster.status(broker);
    let partitions = status["partitions"].as_array().into_iter().flatten();
    let led = partitions.filter(|at| at["topic"] == topic && at["leader"] == broker);
    led.filter_map(|at| i32::try_from(at["partition"].as_i64()?).ok()).collect()
}

/// All processes of the cluster by name.
pub(super) fn processes(cluster: &Cluster) -> BTreeMap<String, u32> {
    let brokers = cluster.running().into_iter().map(|id| (format!("broker {id}"), cluster.pid(id)));
    brokers.chain([("zookeeper".to_owned(), cluster.zookeeper_pid())]).collect()
}

/// What each of these processes has used.
pub(super) fn usage(processes: &BTreeMap<String, u32>) -> BTreeMap<String, Usage> {
    processes.iter().map(|(name, pid)| (name.clone(), Usage::of(*pid))).collect()
}

/// Memory, files and threads of all processes, for a person who looks for what grows.
pub(super) fn sizes(cluster: &Cluster) -> String {
    let one = |(name, pid): (String, u32)| {
        format!("{name} {} KiB, {} files and connections", resident_kib(pid), open_files(pid))
    };
    processes(cluster).into_iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A place in the zookeeper's journal.
pub(super) struct Mark<'a> {
    directory: &'a Path,
    index: i64,
}

impl<'a> Mark<'a> {
    /// Its end, now.
    pub(super) fn now(directory: &'a Path) -> Result<Self> {
        Ok(Self { directory, index: journal::newest(directory)? })
    }

    /// What happened since.
    pub(super) fn happened(&self) -> Result<Happened> {
        journal::since(self.directory, self.index)
    }
}

/// The pause before the n-th disturbance, so that they fall on all phases of heartbeats and fetches alike.
pub(super) fn pause(number: usize) {
    let steps = u32::try_from(number * 38 % 100).unwrap_or(0);
    sleep(Duration::from_millis(500) + Duration::from_millis(10) * steps);
}
