//! The flags of yak-groups.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use yak_cli::{ConnectionArgs, OutputArgs, parse};
use yak_model::api::{GroupKind, GroupState};
use yak_model::{GroupId, TimestampMs};

use super::scope::Scope;
use crate::watch::parse_seconds;

const EXAMPLES: &str = "\
Examples:
  yak-groups --list --state                                   every group and where it stands
  yak-groups --describe --group billing                       how far it is, partition by partition
  yak-groups --describe --group billing --members --verbose   who has what
  yak-groups --describe --all-groups --watch                  all of them, every second
  yak-groups --explain --group billing                        why nothing comes, in words
  yak-groups --reset-offsets --group billing --topic orders --to-earliest             what would happen
  yak-groups --reset-offsets --group billing --topic orders --to-earliest --execute   and it happens
  yak-groups --reset-offsets --group billing --topic orders:0,2 --shift-by -100 --execute
  yak-groups --reset-offsets --group billing --all-topics --by-duration PT1H --execute
  yak-groups --reset-offsets --group billing --all-topics --to-current --export > offsets.csv
  yak-groups --reset-offsets --group billing --from-file offsets.csv --execute
  yak-groups --delete-offsets --group billing --topic orders
  yak-groups --delete --group billing

With --verbose, --describe has more columns (positions, the age of what waits, epochs, targets, the last rebalances);
-vv also says what the client does.";

/// Lists, describes and explains groups, moves and deletes what they have committed.
#[derive(Clone, Debug, Parser)]
#[command(name = "yak-groups", version, after_help = EXAMPLES)]
pub struct GroupsArgs {
    #[command(flatten)]
    pub(crate) action: ActionArgs,

    #[command(flatten)]
    pub(crate) what: WhatArgs,

    #[command(flatten)]
    pub(crate) shown: ShownArgs,

    #[command(flatten)]
    pub(crate) reset: ResetArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Action (exactly one)")]
pub(crate) struct ActionArgs {
    /// Name every group
    #[arg(long)]
    pub(crate) list: bool,

    /// Show how far a group is: committed offsets, log ends, lag, members
    #[arg(long)]
    pub(crate) describe: bool,

    /// Say in words why each member gets what it gets, or nothing
    #[arg(long)]
    pub(crate) explain: bool,

    /// Move what a group without members has committed (only shown unless --execute)
    #[arg(long)]
    pub(crate) reset_offsets: bool,

    /// Forget what a group has committed of topics that its members do not read
    #[arg(long)]
    pub(crate) delete_offsets: bool,

    /// Delete a group without members, and what it has committed
    #[arg(long)]
    pub(crate) delete: bool,
}

#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "What")]
pub(crate) struct WhatArgs {
    /// A group; may be given several times
    #[arg(short, long, value_name = "GROUP", value_parser = parse::group)]
    pub(crate) group: Vec<GroupId>,

    /// Every group
    #[arg(long, conflicts_with = "group")]
    pub(crate) all_groups: bool,

    /// A topic, or partitions of one; may be given several times
    #[arg(long, value_name = "TOPIC[:N,N]", value_parser = Scope::parse)]
    pub(crate) topic: Vec<Scope>,

    /// Every topic that the group has committed offsets of
    #[arg(long, conflicts_with = "topic")]
    pub(crate) all_topics: bool,
}

#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "What is shown")]
pub(crate) struct ShownArgs {
    /// Offsets and lag of every partition (which --describe shows by itself)
    #[arg(long)]
    pub(crate) offsets: bool,

    /// The members
    #[arg(long)]
    pub(crate) members: bool,

    /// The group's state; with --list: each group's, or only groups in these states
    #[arg(long, value_name = "STATE,STATE", value_delimiter = ',', num_args = 0.., value_parser = parse_state)]
    pub(crate) state: Option<Vec<GroupState>>,

    /// With --list: each group's type, or only groups of these (classic, consumer)
    #[arg(long, value_name = "TYPE,TYPE", value_delimiter = ',', num_args = 0.., value_parser = parse_kind)]
    pub(crate) r#type: Option<Vec<GroupKind>>,

    /// Show it again every so many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, num_args = 0..=1, default_missing_value = "1")]
    pub(crate) watch: Option<Duration>,
}

#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Where to (--reset-offsets, exactly one)")]
pub(crate) struct ResetArgs {
    /// To the first records still there
    #[arg(long)]
    pub(crate) to_earliest: bool,

    /// To the ends
    #[arg(long)]
    pub(crate) to_latest: bool,

    /// To where they are (and to the end where nothing is committed)
    #[arg(long)]
    pub(crate) to_current: bool,

    /// To this offset
    #[arg(long, value_name = "N", value_parser = parse_offset)]
    pub(crate) to_offset: Option<i64>,

    /// So many records further, or back with a negative number
    #[arg(long, value_name = "N", value_parser = parse::whole::<i64>, allow_negative_numbers = true)]
    pub(crate) shift_by: Option<i64>,

    /// To the first records of the last so long: PT1H30M, P2D, 90m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(crate) by_duration: Option<Duration>,

    /// To the first records from this time on (ISO 8601)
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) to_datetime: Option<TimestampMs>,

    /// To the offsets in a file: lines of topic,partition,offset as --export writes them
    #[arg(long, value_name = "FILE")]
    pub(crate) from_file: Option<PathBuf>,

    /// Do it
    #[arg(long)]
    pub(crate) execute: bool,

    /// Only show what would be done (as without --execute)
    #[arg(long, conflicts_with = "execute")]
    pub(crate) dry_run: bool,

    /// Show it as lines for --from-file
    #[arg(long)]
    pub(crate) export: bool,
}

fn parse_state(text: &str) -> Result<GroupState, String> {
    let names = || GroupState::ALL.map(GroupState::name).join(", ");
    GroupState::parse(text).ok_or_else(|| format!("\"{text}\" is not one of {}", names()))
}

fn parse_kind(text: &str) -> Result<GroupKind, String> {
    GroupKind::parse(text).ok_or_else(|| format!("\"{text}\" is not one of classic, consumer"))
}

fn parse_offset(text: &str) -> Result<i64, String> {
    match parse::whole::<i64>(text)? {
        offset if offset >= 0 => Ok(offset),
        _ => Err(format!("{text} is not an offset (they count from 0)")),
    }
}

/// Reads ISO 8601's `P1DT2H`, or `90m`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let problem = || format!("\"{text}\" is not a duration (use PT1H30M, P2D, or 90m)");
    let is_iso = text.starts_with(['P', 'p']);
    let millis = if is_iso {
        let span = text.parse::<jiff::Span>().map_err(|_unreadable| problem())?;
        let whole_days = jiff::SpanRelativeTo::days_are_24_hours();
        let duration = span.to_duration(whole_days).map_err(|_months| problem())?;
        u64::try_from(duration.as_millis()).map_err(|_negative| problem())?
    } else {
        yak_cli::human::parse_millis(text).map_err(|_unreadable| problem())?
    };
    Ok(Duration::from_millis(millis))
}

fn parse_time(text: &str) -> Result<TimestampMs, String> {
    yak_cli::time::parse(text, yak_cli::time::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_kafkas_or_ours() {
        for (text, seconds) in
            [("PT1H", 3_600), ("P2D", 172_800), ("PT1M30S", 90), ("10m", 600), ("P1DT1H", 90_000)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "1 hour ago", "P1M", "-PT1H", "PT"] {
            let problem = parse_duration(text).unwrap_err();
            assert!(problem.starts_with(&format!("\"{text}\" is not a duration")), "{problem}");
        }
    }

    #[test]
    fn states_and_types_are_words() {
        assert_eq!(parse_state("stable"), Ok(GroupState::Stable));
        assert!(parse_state("fine").unwrap_err().starts_with("\"fine\" is not one of Empty, "));
        assert_eq!(parse_kind("Classic"), Ok(GroupKind::Classic));
        assert!(parse_offset("-1").is_err());
    }
}
