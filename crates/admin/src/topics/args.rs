//! The command line of yak-topics, and the one action it asks for.

use clap::Parser;
use yak_cli::args::{Bootstrap, parse_pair};
use yak_cli::{ConnectionArgs, Failure, OutputArgs, parse};
use yak_model::{BrokerId, TopicName};

use super::describe::Filter;
use crate::watch::parse_seconds;

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

    /// Do not ask before deleting
    #[arg(short, long)]
    pub(crate) yes: bool,

    /// Kafka 2's spelling: the brokers on that host are asked, at their usual ports
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

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Create topics.
    Create,
    /// Name topics.
    List,
    /// Show topics.
    Describe,
    /// Change topics.
    Alter,
    /// Delete topics.
    Delete,
}

impl TopicsArgs {
    /// The one action that is asked for, with nothing given that it would ignore.
    ///
    /// # Errors
    /// When there is none or more than one, or a flag does not belong to it.
    pub fn action(&self) -> Result<Action, Failure> {
        let flags = &self.action;
        let asked: Vec<Action> = [
            (flags.create, Action::Create),
            (flags.list, Action::List),
            (flags.describe, Action::Describe),
            (flags.alter, Action::Alter),
            (flags.delete, Action::Delete),
        ]
        .into_iter()
        .filter_map(|(given, action)| given.then_some(action))
        .collect();
        let [action] = asked[..] else {
            return Err(Failure::usage(
                "exactly one of --create, --list, --describe, --alter, --delete is required",
            )
            .hint("`yak-topics --help` shows every option, and examples"));
        };
        match self.misplaced(action) {
            Some(flag) => Err(Failure::usage(format!("{flag} cannot be used with {}", action.flag()))),
            None if self.what.topic.is_empty() && action.needs_topic() => {
                Err(Failure::usage(format!("{} needs --topic", action.flag())))
            }
            None => Ok(action),
        }
    }

    /// A flag that `action` would have to ignore.
    fn misplaced(&self, action: Action) -> Option<&'static str> {
        use Action::{Alter, Create, Delete, Describe, List};
        let (what, shown) = (&self.what, &self.shown);
        let rules: [(bool, &'static str, &[Action]); 14] = [
            (what.partitions.is_some(), "--partitions", &[Create, Alter]),
            (what.replication_factor.is_some(), "--replication-factor", &[Create]),
            (what.replica_assignment.is_some(), "--replica-assignment", &[Create]),
            (!what.config.is_empty(), "--config", &[Create, Alter]),
            (!what.delete_config.is_empty(), "--delete-config", &[Alter]),
            (what.if_exists, "--if-exists", &[Describe, Alter, Delete]),
            (what.if_not_exists, "--if-not-exists", &[Create]),
            (what.yes, "--yes", &[Delete]),
            (!what.topic.is_empty(), "--topic", &[Create, Describe, Alter, Delete]),
            (shown.exclude_internal, "--exclude-internal", &[List, Describe]),
            (shown.under_replicated_partitions, "--under-replicated-partitions", &[Describe]),
            (shown.unavailable_partitions, "--unavailable-partitions", &[Describe]),
            (shown.under_min_isr_partitions, "--under-min-isr-partitions", &[Describe]),
            (shown.watch.is_some(), "--watch", &[List, Describe]),
        ];
        rules
            .iter()
            .find(|(given, _, actions)| *given && !actions.contains(&action))
            .map(|(_, flag, _)| *flag)
    }

    /// The topics that are named, each valid.
    ///
    /// # Errors
    /// When one is not a topic name.
    pub fn topics(&self) -> Result<Vec<TopicName>, Failure> {
        let name = |text: &String| {
            parse::topic(text).map_err(|problem| Failure::usage(format!("--topic: {problem}")))
        };
        self.what.topic.iter().map(name).collect()
    }

    /// Which partitions `--describe` shows.
    #[must_use]
    pub const fn filter(&self) -> Filter {
        Filter {
            under_replicated: self.shown.under_replicated_partitions,
            unavailable: self.shown.unavailable_partitions,
            under_min_isr: self.shown.under_min_isr_partitions,
        }
    }
}

impl Action {
    const fn flag(self) -> &'static str {
        match self {
            Self::Create => "--create",
            Self::List => "--list",
            Self::Describe => "--describe",
            Self::Alter => "--alter",
            Self::Delete => "--delete",
        }
    }

    const fn needs_topic(self) -> bool {
        matches!(self, Self::Create | Self::Alter | Self::Delete)
    }
}

/// Reads `1:2,2:3`.
fn parse_assignment(text: &str) -> Result<Assignment, String> {
    let broker = |id: &str| match parse::whole::<i32>(id.trim())? {
        id if id >= 0 => Ok(BrokerId::new(id)),
        id => Err(format!("{id} is not a broker")),
    };
    let partition = |replicas: &str| replicas.split(':').map(broker).collect::<Result<Vec<_>, String>>();
    text.split(',').map(partition).collect::<Result<_, _>>().map(Assignment)
}

/// Reads the address of a zookeeper, which is only used for its hosts; a path behind it is ignored (`/kafka`).
fn parse_zookeeper(text: &str) -> Result<Bootstrap, String> {
    let addresses = text.split_once('/').map_or(text, |(addresses, _)| addresses);
    yak_cli::args::parse_bootstrap(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(line: &str) -> Result<Action, String> {
        let args = TopicsArgs::try_parse_from(format!("yak-topics {line}").split_whitespace()).unwrap();
        args.action().map_err(|failure| failure.message)
    }

    #[test]
    fn exactly_one_action() {
        assert_eq!(action("--create --topic t"), Ok(Action::Create));
        assert_eq!(action("--list"), Ok(Action::List));
        assert_eq!(action("--describe"), Ok(Action::Describe));
        assert_eq!(action("--delete --topic a --topic b,c"), Ok(Action::Delete));
        let one = "exactly one of --create, --list, --describe, --alter, --delete is required";
        assert_eq!(action(""), Err(one.to_owned()));
        assert_eq!(action("--list --describe"), Err(one.to_owned()));
    }

    #[test]
    fn a_flag_that_would_be_ignored_is_refused() {
        for (line, message) in [
            ("--create", "--create needs --topic"),
            ("--alter --partitions 3", "--alter needs --topic"),
            ("--list --partitions 3", "--partitions cannot be used with --list"),
            ("--delete --topic t --if-not-exists", "--if-not-exists cannot be used with --delete"),
            ("--alter --topic t --replication-factor 2", "--replication-factor cannot be used with --alter"),
            ("--create --topic t --watch", "--watch cannot be used with --create"),
            ("--list --topic t", "--topic cannot be used with --list"),
        ] {
            assert_eq!(action(line), Err(message.to_owned()), "{line}");
        }
    }

    #[test]
    fn assignments_and_zookeepers_are_read() {
        let ids = |ids: &[i32]| ids.iter().copied().map(BrokerId::new).collect::<Vec<_>>();
        assert_eq!(parse_assignment("1:2,2:3"), Ok(Assignment(vec![ids(&[1, 2]), ids(&[2, 3])])));
        for text in ["", "1:", "a", "1:-2", "1,,2"] {
            assert!(parse_assignment(text).is_err(), "{text}");
        }
        assert_eq!(parse_zookeeper("localhost:2181/kafka").unwrap().0[0].to_string(), "localhost:2181");
    }

    #[test]
    fn invalid_names_say_why() {
        let args = TopicsArgs::try_parse_from(["yak-topics", "--create", "--topic", "a b"]).unwrap();
        assert_eq!(
            args.topics().unwrap_err().message,
            "--topic: topic name \"a b\" contains ' '; allowed are a-z A-Z 0-9 . _ -"
        );
    }
}
