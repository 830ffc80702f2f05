//! The one action that a command line asks for, and what does not go with it.

use yak_cli::{Failure, parse};
use yak_model::TopicName;

use super::args::TopicsArgs;
use super::describe::Filter;

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
    /// Hand leadership back to preferred replicas.
    ElectPreferred,
    /// Elect leaders at the price of records.
    ElectUnclean,
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
            (flags.elect_preferred, Action::ElectPreferred),
            (flags.elect_unclean, Action::ElectUnclean),
        ]
        .into_iter()
        .filter_map(|(given, action)| given.then_some(action))
        .collect();
        let [action] = asked[..] else {
            return Err(Failure::usage(
                "exactly one of --create, --list, --describe, --alter, --delete, --elect-preferred, --elect-unclean is \
                 required",
            )
            .hint("`yak-topics --help` shows every option, and examples"));
        };
        match self.misplaced(action) {
            Some(flag) => Err(Failure::usage(format!("{flag} cannot be used with {}", action.flag()))),
            None if self.what.topic.is_empty() && action.needs_topic() => {
                Err(Failure::usage(format!("{} needs --topic", action.flag())))
            }
            None if !self.what.partition.is_empty() && self.what.topic.len() != 1 => {
                Err(Failure::usage("--partition needs one --topic"))
            }
            None => Ok(action),
        }
    }

    /// A flag that `action` would have to ignore.
    fn misplaced(&self, action: Action) -> Option<&'static str> {
        use Action::{Alter, Create, Delete, Describe, ElectPreferred, ElectUnclean, List};
        let (what, shown) = (&self.what, &self.shown);
        let rules: [(bool, &'static str, &[Action]); 15] = [
            (what.partitions.is_some(), "--partitions", &[Create, Alter]),
            (what.replication_factor.is_some(), "--replication-factor", &[Create]),
            (what.replica_assignment.is_some(), "--replica-assignment", &[Create]),
            (!what.config.is_empty(), "--config", &[Create, Alter]),
            (!what.delete_config.is_empty(), "--delete-config", &[Alter]),
            (what.if_exists, "--if-exists", &[Describe, Alter, Delete]),
            (what.if_not_exists, "--if-not-exists", &[Create]),
            (what.yes, "--yes", &[Delete, ElectUnclean]),
            (!what.partition.is_empty(), "--partition", &[ElectPreferred, ElectUnclean]),
            (
                !what.topic.is_empty(),
                "--topic",
                &[Create, Describe, Alter, Delete, ElectPreferred, ElectUnclean],
            ),
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
            Self::ElectPreferred => "--elect-preferred",
            Self::ElectUnclean => "--elect-unclean",
        }
    }

    const fn needs_topic(self) -> bool {
        matches!(self, Self::Create | Self::Alter | Self::Delete)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

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
        assert_eq!(action("--elect-preferred"), Ok(Action::ElectPreferred));
        assert_eq!(action("--elect-unclean --topic t --partition 0,2 -y"), Ok(Action::ElectUnclean));
        let one = "exactly one of --create, --list, --describe, --alter, --delete, --elect-preferred, --elect-unclean is \
                   required";
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
            ("--elect-preferred --topic t -y", "--yes cannot be used with --elect-preferred"),
            ("--elect-unclean --partition 1", "--partition needs one --topic"),
            ("--elect-unclean --topic t,u --partition 1", "--partition needs one --topic"),
            ("--delete --topic t --partition 1", "--partition cannot be used with --delete"),
            ("--list --topic t", "--topic cannot be used with --list"),
        ] {
            assert_eq!(action(line), Err(message.to_owned()), "{line}");
        }
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
