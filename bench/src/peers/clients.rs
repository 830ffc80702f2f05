//! The programs that put load on a system, the same ones for all: Java's and librdkafka's.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::kafka::java;
use super::peer::{Peer, TOPIC};
use super::plan::Plan;
use super::process::run;

/// Longest run of a program.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// The heap of a client, as Kafka's own scripts have it for producer-perf.
const HEAP: &str = "-Xmx512M";

/// What is common to all of them: the plan, and the system they talk to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clients<'a> {
    pub(super) plan: &'a Plan,
    pub(super) peer: &'a Peer,
}

impl Clients<'_> {
    /// Java's producer-perf; records in a second.
    pub(super) fn producer_perf(self, records: u64, acks: &str) -> Result<f64> {
        let mut command = self.java("org.apache.kafka.tools.ProducerPerformance");
        command.args(["--topic", TOPIC, "--throughput", "-1", "--bootstrap-server", &self.peer.bootstrap()]);
        command.args(["--num-records", &records.to_string()]);
        command.args(["--record-size", &self.plan.record_size.to_string()]);
        command.args(["--command-property", &format!("acks={acks}"), "batch.size=65536", "linger.ms=5"]);
        records_per_second(&run(&mut command, PATIENCE)?)
    }

    /// Our consumer that only fetches; records in a second.
    pub(super) fn fetch_all(self, records: u64) -> Result<f64> {
        let mut command = self.java("FetchAll");
        command.args([&self.peer.bootstrap(), TOPIC, &records.to_string()]);
        number(&run(&mut command, PATIENCE)?, "records_per_s")
    }

    /// Our producer that sends one record at a time; median and 99th percentile in microseconds.
    pub(super) fn one_at_a_time(self) -> Result<(f64, f64)> {
        let Plan { single_records, rate, record_size, .. } = self.plan;
        let numbers =
            [*single_records, (*single_records / 4).max(100), *rate].map(|number| number.to_string());
        let mut command = self.java("OneAtATime");
        command.args([&self.peer.bootstrap(), TOPIC]).args(numbers).arg(record_size.to_string());
        let said = run(&mut command, PATIENCE)?;
        Ok((number(&said, "p50_us")?, number(&said, "p99_us")?))
    }

    /// librdkafka as fast as it can; records in a second.
    pub(super) fn librdkafka(self, records: u64) -> Result<f64> {
        let mut command = librdkafka(self.plan);
        command.args(["produce", &self.peer.bootstrap(), TOPIC, &records.to_string()]);
        command.args([&self.plan.record_size.to_string(), "1"]);
        number(&run(&mut command, PATIENCE)?, "records_per_s")
    }

    /// librdkafka while a process is killed; milliseconds until a record is acknowledged that was sent after that.
    pub(super) fn failover(self, pid: u32) -> Result<f64> {
        let mut command = librdkafka(self.plan);
        command.args(["failover", &self.peer.bootstrap(), TOPIC, &pid.to_string()]);
        number(&run(&mut command, PATIENCE)?, "gap_ms")
    }

    fn java(self, main: &str) -> Command {
        let mut command = Command::new("java");
        command.args(java(self.plan, &[HEAP.to_owned()])).arg(main);
        command
    }
}

fn librdkafka(plan: &Plan) -> Command {
    let mut command = Command::new(&plan.python);
    command.arg(&plan.librdkafka);
    command
}

/// Versions of everything that is not ours, in one line.
pub(super) fn versions(plan: &Plan) -> Result<String> {
    let librdkafka = run(librdkafka(plan).arg("version"), PATIENCE)?;
    let java = run(Command::new("java").arg("--version"), PATIENCE)?;
    let jars = std::fs::read_dir(&plan.kafka_lib)
        .with_context(|| format!("cannot list {}", plan.kafka_lib.display()))?;
    let jars = jars.filter_map(|jar| jar.ok()?.file_name().into_string().ok());
    let mut kafka: Vec<String> =
        jars.filter(|name| name.starts_with("kafka_") || name.starts_with("kafka-clients-")).collect();
    kafka.sort_unstable();
    let java = java.lines().next().unwrap_or("");
    Ok(format!("{}; {java}; {}", kafka.join(", "), librdkafka.trim()))
}

/// A number in the JSON object that a program printed last.
fn number(said: &str, field: &str) -> Result<f64> {
    let line = said.lines().rfind(|line| line.starts_with('{'));
    let value: Option<Value> = line.and_then(|line| serde_json::from_str(line).ok());
    value.and_then(|value| value[field].as_f64()).with_context(|| format!("no {field} in {said}"))
}

/// What producer-perf says in its last summary: `N records sent, R records/sec (...)`.
fn records_per_second(said: &str) -> Result<f64> {
    let summary = said.lines().rfind(|line| line.contains(" records sent, ") && line.contains(" 99th"));
    let rate = summary.and_then(|line| line.split(" records sent, ").nth(1)?.split(' ').next()?.parse().ok());
    rate.with_context(|| format!("no rate in {said}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_print_is_understood() {
        let said = "19 records sent, 3.8 records/sec (0.00 MB/sec), 1.0 ms avg latency, 9.0 ms max latency.\n\
                    1000 records sent, 488758.553275 records/sec (46.61 MB/sec), 22.72 ms avg latency, 486.00 ms max \
                    latency, 3 ms 50th, 158 ms 95th, 174 ms 99th, 181 ms 99.9th.\n";
        assert!((records_per_second(said).unwrap() - 488_758.553_275).abs() < 1e-6);
        assert!(records_per_second("").is_err());
        assert!((number("warning\n{\"gap_ms\": 12.5}\n", "gap_ms").unwrap() - 12.5).abs() < 1e-9);
        assert!(number("{\"gap\": 1}", "gap_ms").is_err());
    }
}
