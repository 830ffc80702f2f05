//! The workloads: each is tried on a system that was started for it, and is warm.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::clients::Clients;
use super::kafka::Kafka;
use super::peer::{Peer, TOPIC};
use super::plan::{Plan, System, Workload};
use super::process::until;
use super::report::Metric;
use crate::cluster::resident_kib;

const PATIENCE: Duration = Duration::from_secs(300);

const PRODUCER: Metric = Metric::more("Java producer-perf, 1 broker, acks=1", "records/s");
const PRODUCER_CPU: Metric = Metric::less("the same: processor time of the broker for a record", "ns");
const REPLICATED: Metric = Metric::more("Java producer-perf, 3 brokers, 3 replicas, acks=all", "records/s");
const REPLICATED_CPU: Metric = Metric::less("the same: processor time of the brokers for a record", "ns");
const LIBRDKAFKA: Metric = Metric::more("librdkafka, 1 broker, acks=1", "records/s");
const LIBRDKAFKA_CPU: Metric = Metric::less("the same with librdkafka: processor time for a record", "ns");
const FAILOVER: Metric =
    Metric::less("kill -9 of the leader of 3, librdkafka, acks=all: next acknowledgement", "ms");
const CONSUMER: Metric = Metric::more("Java consumer that only fetches", "records/s");
const CONSUMER_CPU: Metric =
    Metric::less("the same: processor time of the broker for a record that is read", "ns");
const LATENCY: [Metric; 2] = [
    Metric::less("one record at a time, Java, 1 broker, acks=all: p50", "us"),
    Metric::less("one record at a time, Java, 1 broker, acks=all: p99", "us"),
];
const REPLICATED_LATENCY: [Metric; 2] = [
    Metric::less("one record at a time, Java, 3 replicas, acks=all: p50", "us"),
    Metric::less("one record at a time, Java, 3 replicas, acks=all: p99", "us"),
];
const START: Metric = Metric::less("start of a broker to the first acknowledged record", "ms");
const IDLE: Metric = Metric::less("resident memory of an idle broker", "KiB");

/// What was read in one go.
pub(super) type Readings = Vec<(Metric, f64)>;

/// Tries a workload on a system, with its data in a directory that is empty.
pub(super) fn measure(plan: &Plan, what: (Workload, System), directory: &Path) -> Result<Readings> {
    match what.0 {
        Workload::Start => return Ok(vec![(START, milliseconds(start(plan, what.1, directory)?))]),
        Workload::Idle => return idle(plan, what, directory),
        _ => {}
    }
    let mut peer = Peer::start(plan, what, directory)?;
    peer.create_topic()?;
    let leader = peer.leader_pid()?;
    let clients = Clients { plan, peer: &peer };
    match what.0 {
        Workload::Producer => {
            throughput(clients, (PRODUCER, PRODUCER_CPU), |records| clients.producer_perf(records, "1"))
        }
        Workload::Replicated => {
            throughput(clients, (REPLICATED, REPLICATED_CPU), |records| clients.producer_perf(records, "all"))
        }
        Workload::Librdkafka => {
            throughput(clients, (LIBRDKAFKA, LIBRDKAFKA_CPU), |records| clients.librdkafka(records))
        }
        Workload::Consumer => {
            if what.1 != System::Sink {
                clients.producer_perf(plan.records, "1")?;
            }
            throughput(clients, (CONSUMER, CONSUMER_CPU), |records| clients.fetch_all(records))
        }
        Workload::Latency => latency(clients, LATENCY),
        Workload::ReplicatedLatency => latency(clients, REPLICATED_LATENCY),
        Workload::Failover => Ok(vec![(FAILOVER, clients.failover(leader)?)]),
        Workload::Start | Workload::Idle => Ok(Vec::new()),
    }
}

/// The rate that a client reaches, and what it costs the brokers. The first run is not measured.
fn throughput(
    clients: Clients<'_>,
    (rate, cost): (Metric, Metric),
    client: impl Fn(u64) -> Result<f64>,
) -> Result<Readings> {
    let Plan { warm_up, records, .. } = *clients.plan;
    if warm_up > 0 {
        client(warm_up)?;
    }
    let before = clients.peer.processor_time();
    let reached = client(records)?;
    let used = clients.peer.processor_time().saturating_sub(before);
    Ok(vec![(rate, reached), (cost, used.as_secs_f64() * 1e9 / approximately(records))])
}

fn latency(clients: Clients<'_>, [p50, p99]: [Metric; 2]) -> Result<Readings> {
    let measured = clients.one_at_a_time()?;
    Ok(vec![(p50, measured.0), (p99, measured.1)])
}

/// From the start of a broker with an empty disk to the acknowledgement of a record, whose topic did not exist.
fn start(plan: &Plan, system: System, directory: &Path) -> Result<Duration> {
    let what = (Workload::Start, system);
    let kafka = (system == System::Kafka).then(|| Kafka::prepare(plan, 1, directory)).transpose()?;
    let started = Instant::now();
    let mut peer = kafka.map_or_else(|| Peer::start(plan, what, directory), Peer::start_kafka)?;
    let mut asker = peer.ask()?;
    until("the first record", PATIENCE, || {
        // Asking for the leader is what creates the topic.
        Ok(if asker.leader(TOPIC)?.is_some() { asker.produce(TOPIC, b"first")?.ok() } else { None })
    })?;
    Ok(started.elapsed())
}

fn idle(plan: &Plan, what: (Workload, System), directory: &Path) -> Result<Readings> {
    let mut peer = Peer::start(plan, what, directory)?;
    peer.ask()?.brokers()?;
    sleep(plan.idle);
    Ok(peer.broker_pids().into_iter().map(|pid| (IDLE, approximately(resident_kib(pid)))).collect())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "figures are for people")]
const fn approximately(count: u64) -> f64 {
    count as f64
}
