//! A cluster with one topic and nobody who uses it.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;

use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};
use crate::cluster::rig::{builder, create_topic, processes, usage, wait_whole};
use crate::cluster::usage::resident_kib;

/// How long it is left alone first.
const SETTLE: Duration = Duration::from_secs(10);
const CPU: Row = Row::max(
    "idle cluster (zookeeper, three brokers, one topic): processor time of all together, of one core",
    "<= 0.5 %",
    "%",
);
const BROKER: Row = Row::max("idle cluster: resident memory of the largest broker", "<= 15 MB", "KiB");
const ZOOKEEPER: Row = Row::max("idle cluster: resident memory of the zookeeper", "<= 15 MB", "KiB");

pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let cluster = builder().start();
    create_topic(&cluster, "idle", 1, "");
    wait_whole(&cluster, 1)?;
    sleep(SETTLE);
    let processes = processes(&cluster);
    let before = usage(&processes);
    sleep(plan.idle);
    let after = usage(&processes);
    let seconds = plan.idle.as_secs_f64();
    let mut all = Duration::ZERO;
    for (name, used) in &after {
        let used = used.since(before[name]);
        all += used.cpu;
        report.say(&format!(
            "{name}: {:.2} ms of processor time, {} wake-ups in {seconds} s",
            used.cpu.as_secs_f64() * 1_000.0,
            used.wake_ups
        ))?;
    }
    report.read(CPU, 100.0 * all.as_secs_f64() / seconds)?;
    let memory = |name: &str| resident_kib(processes[name]);
    let kib = |kib: u64| u32::try_from(kib).map_or(f64::INFINITY, f64::from);
    let largest = processes.keys().filter(|name| *name != "zookeeper").map(|name| memory(name)).max();
    report.read(BROKER, kib(largest.unwrap_or(0)))?;
    report.read(ZOOKEEPER, kib(memory("zookeeper")))
}
