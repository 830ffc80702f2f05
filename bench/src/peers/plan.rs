//! What is measured: workloads, the systems they are tried on, how often and how long.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

/// What a system has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Java's producer-perf, one broker, `acks=1`; also the brokers' processor time for a record.
    #[value(alias = "cpu")]
    Producer,
    /// The same, three brokers, three replicas, `acks=all`.
    Replicated,
    /// librdkafka as fast as it can, one broker, `acks=1`.
    Librdkafka,
    /// `kill -9` of the leader of three under librdkafka with `acks=all`.
    Failover,
    /// A Java consumer that only fetches.
    Consumer,
    /// One record at a time at a steady rate, Java, one broker.
    Latency,
    /// The same, three replicas.
    ReplicatedLatency,
    /// From the start of a broker to the first acknowledged record.
    Start,
    /// Resident memory of a broker with nothing to do.
    Idle,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum System {
    /// YAK, acknowledging out of the page cache, as Kafka does.
    Yak,
    /// YAK, acknowledging what is on stable storage.
    YakSync,
    /// Apache Kafka, with its defaults.
    Kafka,
    /// The sink that keeps nothing.
    Sink,
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

impl Workload {
    /// Whether there is something to measure: the sink has no copies, and reading does not wait for a disk.
    #[must_use]
    pub const fn concerns(self, system: System) -> bool {
        match system {
            System::Yak | System::Kafka => true,
            System::YakSync => !matches!(self, Self::Consumer | Self::Idle),
            System::Sink => !matches!(self, Self::Failover | Self::Start | Self::Idle),
        }
    }

    /// How many brokers it takes, each with a copy.
    #[must_use]
    pub const fn brokers(self) -> i32 {
        match self {
            Self::Replicated | Self::Failover | Self::ReplicatedLatency => 3,
            _ => 1,
        }
    }
}

/// What is measured, and with what.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What, in this order.
    pub workloads: Vec<Workload>,
    /// On what.
    pub systems: Vec<System>,
    /// Rounds; each tries every system once.
    pub pairs: u32,
    /// Records of a throughput.
    pub records: u64,
    /// Records before these that are not measured.
    pub warm_up: u64,
    /// Bytes of a value.
    pub record_size: usize,
    /// Records sent one at a time.
    pub single_records: u64,
    /// How many of them in a second.
    pub rate: u64,
    /// How long a broker is idle before its memory is read.
    pub idle: Duration,
    /// Apache Kafka's jars.
    pub kafka_lib: PathBuf,
    /// Our Java programs, compiled.
    pub classes: PathBuf,
    /// Our program for librdkafka.
    pub librdkafka: PathBuf,
    /// The Python that has librdkafka.
    pub python: PathBuf,
    /// log4j's configuration.
    pub log4j: PathBuf,
    /// The heap of Apache Kafka's processes, as Java's arguments.
    pub kafka_heap: Vec<String>,
    /// Where data and logs of the processes go.
    pub work: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_compares_yak_with_kafka() {
        for workload in Workload::value_variants() {
            assert!(workload.concerns(System::Yak) && workload.concerns(System::Kafka), "{workload}");
        }
        assert_eq!(Workload::ReplicatedLatency.to_string(), "replicated-latency");
        assert_eq!(Workload::from_str("cpu", false), Ok(Workload::Producer));
    }
}
