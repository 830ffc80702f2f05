//! A system that runs: one broker, or three with their zookeeper or controller.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use yak_testkit::{Broker, BrokerBuilder, Cluster, ClusterBuilder, binary, free_ports};

use super::ask::Asker;
use super::kafka::Kafka;
use super::plan::{Plan, System, Workload};
use super::process::{Process, until};
use crate::cluster::processor_time;

/// The topic that everything is about.
pub(super) const TOPIC: &str = "bench";
/// Longest wait for a system to be there.
const PATIENCE: Duration = Duration::from_secs(300);

/// A system that runs. It ends when this is dropped, and its data go.
#[derive(Debug)]
pub(super) struct Peer {
    running: Running,
    /// Brokers as a client takes them.
    bootstrap: Vec<String>,
}

#[derive(Debug)]
enum Running {
    Yak(Broker),
    YakCluster(Cluster),
    Kafka(Kafka),
    Sink(Process),
}

impl Peer {
    /// Starts what a workload needs, in a directory that is empty, and waits until a process listens.
    pub(super) fn start(
        plan: &Plan,
        (workload, system): (Workload, System),
        directory: &Path,
    ) -> Result<Self> {
        let brokers = workload.brokers();
        let flush = if system == System::YakSync { "sync" } else { "os" };
        match system {
            System::Kafka => {
                let kafka = Kafka::prepare(plan, brokers, directory)?;
                Self::start_kafka(kafka)
            }
            System::Sink => start_sink(plan, directory),
            System::Yak | System::YakSync if brokers == 1 => {
                let broker = BrokerBuilder::new(&directory.join("data")).set("log.flush.mode", flush).start();
                let bootstrap = vec![broker.bootstrap().to_owned()];
                Ok(Self { running: Running::Yak(broker), bootstrap })
            }
            System::Yak | System::YakSync => {
                let cluster = ClusterBuilder::new(brokers)
                    .within(directory)
                    .set("log.flush.mode", flush)
                    .set_zookeeper("log.flush.mode", flush)
                    .start();
                let bootstrap = (1..=brokers).map(|id| cluster.address(id)).collect();
                Ok(Self { running: Running::YakCluster(cluster), bootstrap })
            }
        }
    }

    /// Starts Apache Kafka, whose storage was made before.
    pub(super) fn start_kafka(mut kafka: Kafka) -> Result<Self> {
        kafka.start()?;
        let bootstrap = kafka.bootstrap();
        Ok(Self { running: Running::Kafka(kafka), bootstrap })
    }

    /// The brokers' addresses, as clients take them.
    pub(super) fn bootstrap(&self) -> String {
        self.bootstrap.join(",")
    }

    /// A connection to the first broker that answers, once it does.
    pub(super) fn ask(&mut self) -> Result<Asker> {
        let Self { running, bootstrap } = self;
        until("a broker that listens", PATIENCE, || {
            running.check()?;
            Ok(bootstrap.iter().find_map(|address| Asker::connect(address).ok()))
        })
    }

    /// Waits until all its brokers are there, and creates the topic.
    pub(super) fn create_topic(&mut self) -> Result<()> {
        let wanted = self.bootstrap.len();
        let mut asker = self.ask()?;
        until("all brokers", PATIENCE, || Ok((asker.brokers()?.len() == wanted).then_some(())))?;
        if !matches!(self.running, Running::Sink(_)) {
            asker.create_topic(TOPIC, i16::try_from(wanted)?, &[])?;
        }
        until("a leader", PATIENCE, || Ok(asker.leader(TOPIC)?.map(|_| ())))
    }

    /// The process of the broker that leads.
    pub(super) fn leader_pid(&mut self) -> Result<u32> {
        let leader = self.ask()?.leader(TOPIC)?.context("nobody leads")?;
        let at = usize::try_from(leader - 1)?;
        self.broker_pids().get(at).copied().with_context(|| format!("there is no broker {leader}"))
    }

    /// The processes of all brokers, in the order of their ids, which begin at 1.
    pub(super) fn broker_pids(&self) -> Vec<u32> {
        match &self.running {
            Running::Yak(broker) => vec![broker.pid()],
            Running::YakCluster(cluster) => cluster.running().into_iter().map(|id| cluster.pid(id)).collect(),
            Running::Kafka(kafka) => kafka.broker_pids(),
            Running::Sink(process) => vec![process.pid()],
        }
    }

    /// Processor time that all brokers together have used.
    pub(super) fn processor_time(&self) -> Duration {
        self.broker_pids().into_iter().map(processor_time).sum()
    }
}

impl Running {
    /// Fails if a process of it has ended.
    fn check(&mut self) -> Result<()> {
        match self {
            Self::Kafka(kafka) => kafka.check(),
            Self::Sink(process) => process.check(),
            // These were ready when they were started.
            Self::Yak(_) | Self::YakCluster(_) => Ok(()),
        }
    }
}

fn start_sink(plan: &Plan, directory: &Path) -> Result<Peer> {
    let port = free_ports(1)[0];
    let mut command = Command::new(binary("sink"));
    command.args(["--port", &port.to_string(), "--records", &plan.records.to_string()]);
    command.args(["--record-size", &plan.record_size.to_string()]);
    let process = Process::start("sink", &mut command, directory)?;
    Ok(Peer { running: Running::Sink(process), bootstrap: vec![format!("127.0.0.1:{port}")] })
}
