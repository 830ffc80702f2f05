//! The flags of yak-topics.

use clap::Parser;
use yak_cli::args::{Bootstrap, parse_pair};
use yak_cli::{ConnectionArgs, OutputArgs, parse};
use yak_client::DEFAULT_PORT;
use yak_model::{BrokerId, PartitionIndex};

use crate::watch::parse_seconds;

/// Where a zookeeper listens unless it is told otherwise.
const ZOOKEEPER_PORT: u16 = 2181;

const EXAMPLES: &str = "\
Examples:
  yak-topics --create --topic orders --partitions 3
  yak-topics --create --topic logs --config retention.ms=7d --config segment.bytes=1MiB
  yak-topics --list
  yak-topics --describe --topic orders
  yak-topics --describe --under-replicated-partitions --watch
  yak-topics --alter --topic orders --partitions 6
  yak-topics --alter --topic orders --config retention.ms=1h --delete-config segment.bytes
  yak-topics --delete --topic orders -y
  yak-topics --elect-preferred
  yak-topics --elect-unclean --topic orders --partition 0
  yak-topics --create --zookeeper localhost:2181 --replication-factor 1 --partitions 1 --topic test";

/// Creates, lists, describes, alters and deletes topics.
#[derive(Clone, Debug, Parser)]
#[command(name = "yak-topics", version, after_help = EXAMPLES)]
pub struct TopicsArgs {
    #[command(flatten)]
    pub(crate) action: ActionArgs,

    #[command(flatten)]
    pub(crate) what: WhatArgs,

    #[command(flatten)]
    pub(crate) shown: ShownArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Action (exactly one)")]
pub(crate) struct ActionArgs {
    /// Create a topic
    #[arg(long)]
    pub(crate) create: bool,

    /// Name every topic
    #[arg(long)]
    pub(crate) list: bool,

    /// Show partitions, leaders, replicas and configuration
    #[arg(long)]
    pub(crate) describe: bool,

    /// Add partitions, change configuration
    #[arg(long)]
    pub(crate) alter: bool,

    /// Delete a topic and its records
    #[arg(long)]
    pub(crate) delete: bool,

    /// Hand leadership back to the first replicas, where they are in sync (all topics, or --topic)
    #[arg(long)]
    pub(crate) elect_preferred: bool,

    /// Give partitions without a leader any live replica, at the price of the records it lacks
    #[arg(long)]
    pub(crate) elect_unclean: bool,
}

#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "What")]
pub(crate) struct WhatArgs {
    /// A topic; may be given several times
    #[arg(long, value_name = "TOPIC", value_delimiter = ',')]
    pub(crate) topic: Vec<String>,

    /// How many partitions (with --alter: in all)
    #[arg(long, value_name = "N", value_parser = parse::positive::<i32>)]
    pub(crate) partitions: Option<i32>,

    /// How many replicas each partition has
    #[arg(long, value_name = "N", value_parser = parse::positive::<i16>)]
    pub(crate) replication_factor: Option<i16>,

    /// Partitions of the topic, joined by ',' (--elect-preferred, --elect-unclean)
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = parse::partition)]
    pub(crate) partition: Vec<PartitionIndex>,

    /// Replicas of each partition: brokers joined by ':', partitions by ','
    #[arg(long, value_name = "B:B,B:B", value_parser = parse_assignment, conflicts_with_all = ["partitions", "replication_factor"])]
    pub(crate) replica_assignment: Option<Assignment>,

    /// Set a topic-level configuration value
    #[arg(long, value_name = "K=V", value_parser = parse_pair)]
    pub(crate) config: Vec<(String, String)>,

    /// Return a configuration value to its default (with --alter)
    #[arg(long, value_name = "K")]
    pub(crate) delete_config: Vec<String>,

    /// A topic that does not exist is no error (--describe, --alter, --delete)
    #[arg(long)]
    pub(crate) if_exists: bool,

    /// A topic that exists is no error (--create)
    #[arg(long)]
    pub(crate) if_not_exists: bool,

    /// Do not ask before records are lost
    #[arg(short, long)]
    pub(crate) yes: bool,

    /// Kafka 2's spelling: the zookeeper there says where the brokers are
    #[arg(long, value_name = "H:P", value_parser = parse_zookeeper)]
    pub(crate) zookeeper: Option<Bootstrap>,
}

#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "What is shown")]
pub(crate) struct ShownArgs {
    /// Leave out topics that the cluster keeps for itself
    #[arg(long)]
    pub(crate) exclude_internal: bool,

    /// Only partitions with fewer in-sync replicas than replicas
    #[arg(long)]
    pub(crate) under_replicated_partitions: bool,

    /// Only partitions without a leader
    #[arg(long)]
    pub(crate) unavailable_partitions: bool,

    /// Only partitions with fewer in-sync replicas than min.insync.replicas
    #[arg(long)]
    pub(crate) under_min_isr_partitions: bool,

    /// Show it again every so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, num_args = 0..=1, default_missing_value = "1")]
    pub(crate) watch: Option<std::time::Duration>,
}

/// Replicas of each partition, as one value of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment(pub(crate) Vec<Vec<BrokerId>>);

/// Reads `1:2,2:3`.
fn parse_assignment(text: &str) -> Result<Assignment, String> {
    let broker = |id: &str| match parse::whole::<i32>(id.trim())? {
        id if id >= 0 => Ok(BrokerId::new(id)),
        id => Err(format!("{id} is not a broker")),
    };
    let partition = |replicas: &str| replicas.split(':').map(broker).collect::<Result<Vec<_>, String>>();
    text.split(',').map(partition).collect::<Result<_, _>>().map(Assignment)
}

/// Reads the addresses of a zookeeper, whose port is 2181 unless it stands there; a path behind them is ignored (`/kafka`).
fn parse_zookeeper(text: &str) -> Result<Bootstrap, String> {
    let addresses = text.split_once('/').map_or(text, |(addresses, _)| addresses);
    let mut zookeepers = yak_cli::args::parse_bootstrap(addresses)?;
    for (address, text) in zookeepers.0.iter_mut().zip(addresses.split(',')) {
        if address.port == DEFAULT_PORT && !text.trim().ends_with(&format!(":{DEFAULT_PORT}")) {
            address.port = ZOOKEEPER_PORT;
        }
    }
    Ok(zookeepers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_and_zookeepers_are_read() {
        let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId::new).collect::<Vec<_>>();
        assert_eq!(parse_assignment("1:2,2:3"), Ok(Assignment(vec![ids(&[1, 2]), ids(&[2, 3])])));
        for text in ["", "1:", "a", "1:-2", "1,,2"] {
            assert!(parse_assignment(text).is_err(), "{text}");
        }
        assert_eq!(parse_zookeeper("localhost:2182/kafka").unwrap().0[0].to_string(), "localhost:2182");
        let without_port = parse_zookeeper("a,b:7").unwrap();
        let both: Vec<String> = without_port.0.iter().map(ToString::to_string).collect();
        assert_eq!(both, ["a:2181", "b:7"]);
    }
}
