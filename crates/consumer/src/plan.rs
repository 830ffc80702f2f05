//! What the command line means, once flags and properties are put together and found to agree.

use std::time::Duration;

use yak_cli::human::{parse_millis, parse_size};
use yak_cli::properties::Properties;
use yak_cli::{Failure, parse};
use yak_client::{ClientConfig, ConsumerConfig, GroupConfig, GroupStart, OutOfRange, Stop};
use yak_model::InstanceId;
use yak_model::api::{Isolation, ReadFrom, TailStart};

use crate::args::{ConsumerArgs, IsolationArg, ReadFromArg, ReadingArgs};
use crate::start::Range;

/// How long nobody may answer before a consumer whose work has an end gives up: as long as a producer tries.
const LONGEST_OUTAGE: Duration = Duration::from_secs(120);

/// Everything that is decided before the first record is read.
#[derive(Debug)]
pub struct Plan {
    /// How the cluster is reached.
    pub client: ClientConfig,
    /// How records are fetched.
    pub consumer: ConsumerConfig,
    /// Where reading begins and ends.
    pub range: Range,
    /// The group to read in.
    pub group: Option<GroupConfig>,
    /// Whether what is printed is committed.
    pub commits: bool,
    /// The work has an end: a number of records, the end as it stands, or an offset.
    pub is_bounded: bool,
    /// One line for properties that have no effect.
    pub warning: Option<String>,
}

impl Plan {
    /// Puts flags and properties together; flags win.
    ///
    /// # Errors
    /// Whatever does not agree, with exit code 2.
    pub fn new(args: &ConsumerArgs) -> Result<Self, Failure> {
        let mut properties = args.connection.properties()?;
        let client = args.connection.resolve("yak-consumer", &mut properties)?.client_config("yak-consumer");
        let reset = properties.take("auto.offset.reset", parse_reset)?;
        let mut consumer = consumer_config(&args.reading, reset, &mut properties)?;
        let (group, commits) = group_config(args, reset, &mut properties)?;
        let warning = properties.finish()?;
        let (reading, range) = (&args.reading, range(&args.reading, reset));
        let is_bounded = reading.max_messages.is_some() || reading.exit || range.end.is_some();
        // Who reads on and on waits for the cluster as long as it takes; a script must come to an end.
        consumer.outage_timeout = is_bounded.then_some(LONGEST_OUTAGE);
        Ok(Self { client, consumer, range, group, commits, is_bounded, warning })
    }
}

/// The group that flags and properties name, and whether to commit in it.
fn group_config(
    args: &ConsumerArgs,
    reset: Option<OutOfRange>,
    properties: &mut Properties,
) -> Result<(Option<GroupConfig>, bool), Failure> {
    let named = properties.take("group.id", parse::group)?;
    let instance =
        properties.take("group.instance.id", |text| InstanceId::new(text).map_err(|why| why.to_string()))?;
    let assignor = properties.take("group.remote.assignor", |text| Ok(text.to_owned()))?;
    properties.take("group.protocol", |text| match text {
        "consumer" => Ok(()),
        _ => Err(format!("\"{text}\" is not consumer, the protocol of YAK's own members")),
    })?;
    let commits = properties.take("enable.auto.commit", parse::boolean)?.unwrap_or(true);
    let reading = &args.reading;
    let Some(group) = args.member.group.clone().or(named) else {
        if args.member.show_rebalances {
            return Err(Failure::usage("--show-rebalances needs --group"));
        }
        return Ok((None, commits));
    };
    if !reading.partition.is_empty() || reading.offset.is_some() || reading.tail.is_some() {
        let message = "group.id cannot be used with --partition, --offset or --tail";
        return Err(
            Failure::usage(message).hint("a group shares the partitions out, and goes on where it was")
        );
    }
    let mut config = GroupConfig::new(group, args.topic.clone());
    config.include = args.include.as_ref().map(|include| include.text.clone());
    config.instance = instance;
    config.assignor = assignor;
    config.start = match (reading.from_beginning, reset) {
        (true, _) | (false, Some(OutOfRange::Earliest)) => GroupStart::Earliest,
        (false, Some(OutOfRange::Fail)) => GroupStart::Fail,
        (false, Some(OutOfRange::Latest) | None) => GroupStart::Latest,
    };
    config.stop = if reading.exit { Stop::AtEnd } else { Stop::Never };
    // What is committed is what was printed, which only this program knows.
    config.auto_commit = None;
    Ok((Some(config), commits))
}

/// Without a flag, `auto.offset.reset` says where to begin, as for Kafka's consumer without committed offsets.
fn range(args: &ReadingArgs, reset: Option<OutOfRange>) -> Range {
    match (args.from_beginning, args.tail, args.offset) {
        (true, ..) => Range::from(TailStart::Beginning),
        (_, Some(count), _) => Range::from(TailStart::Last(count)),
        (_, _, Some(range)) => range,
        _ if reset == Some(OutOfRange::Earliest) => Range::from(TailStart::Beginning),
        _ => Range::from(TailStart::End),
    }
}

fn consumer_config(
    args: &ReadingArgs,
    reset: Option<OutOfRange>,
    properties: &mut Properties,
) -> Result<ConsumerConfig, Failure> {
    let size = |text: &str| {
        let bytes = u32::try_from(parse_size(text)?);
        bytes.map_err(|_too_large| format!("\"{text}\" is more than 4 GiB"))
    };
    let isolation =
        properties.take("isolation.level", |name| <IsolationArg as clap::ValueEnum>::from_str(name, true))?;
    let fetch_bytes = properties.take("fetch.max.bytes", size)?;
    let partition_bytes = properties.take("max.partition.fetch.bytes", size)?;
    let min_bytes = properties.take("fetch.min.bytes", parse::positive::<u32>)?;
    let max_wait = properties.take("fetch.max.wait.ms", parse_millis)?;
    let defaults = ConsumerConfig::default();
    Ok(ConsumerConfig {
        read_from: match args.read_from.unwrap_or_default() {
            ReadFromArg::Leader => ReadFrom::Leader,
            ReadFromArg::Any => ReadFrom::Any,
        },
        isolation: match args.isolation_level.or(isolation).unwrap_or_default() {
            IsolationArg::ReadUncommitted => Isolation::ReadUncommitted,
            IsolationArg::ReadCommitted => Isolation::ReadCommitted,
        },
        max_wait: max_wait.map_or(defaults.max_wait, Duration::from_millis),
        min_bytes: min_bytes.unwrap_or(defaults.min_bytes),
        fetch_bytes: fetch_bytes.unwrap_or(defaults.fetch_bytes),
        partition_bytes: partition_bytes.unwrap_or(defaults.partition_bytes),
        out_of_range: reset.unwrap_or(defaults.out_of_range),
        ..defaults
    })
}

fn parse_reset(text: &str) -> Result<OutOfRange, String> {
    match text {
        "earliest" => Ok(OutOfRange::Earliest),
        "latest" => Ok(OutOfRange::Latest),
        "none" => Ok(OutOfRange::Fail),
        _ => Err(format!("\"{text}\" is not one of earliest, latest, none")),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use yak_model::Offset;

    use super::*;

    fn plan(line: &str) -> Result<Plan, String> {
        let args =
            ConsumerArgs::try_parse_from(format!("yak-consumer -t t {line}").split_whitespace()).unwrap();
        Plan::new(&args).map_err(|failure| failure.message)
    }

    #[test]
    fn every_way_to_say_where_to_begin() {
        for (line, start) in [
            ("", TailStart::End),
            ("--from-beginning", TailStart::Beginning),
            ("--tail 3", TailStart::Last(3)),
            ("-o earliest", TailStart::Beginning),
            ("-o -3", TailStart::Last(3)),
            ("--offset=-3", TailStart::Last(3)),
            ("-o 7:9", TailStart::Offset(Offset::new(7))),
            ("-X auto.offset.reset=earliest", TailStart::Beginning),
            ("-X auto.offset.reset=earliest -o latest", TailStart::End),
        ] {
            assert_eq!(plan(line).unwrap().range.start, start, "{line}");
        }
        assert_eq!(plan("-o 7:9").unwrap().range.end, Some(Offset::new(9)));
    }

    #[test]
    fn properties_are_taken_or_refused() {
        let plan_of = |line| plan(line).unwrap().consumer;
        assert_eq!(plan_of("-X isolation.level=read_committed").isolation, Isolation::ReadCommitted);
        assert_eq!(plan_of("--isolation-level read_committed").isolation, Isolation::ReadCommitted);
        assert_eq!(plan_of("").read_from, ReadFrom::Leader);
        assert_eq!(plan_of("--read-from any").read_from, ReadFrom::Any);
        assert_eq!(plan_of("-X fetch.max.bytes=2MiB").fetch_bytes, 2 << 20);
        for (line, message) in [
            ("-X group.id=g -p 0", "group.id cannot be used with --partition, --offset or --tail"),
            ("-X group.id=", "-X group.id: it must not be empty"),
            (
                "-g g -X group.protocol=classic",
                "-X group.protocol: \"classic\" is not consumer, the protocol of YAK's own members",
            ),
            ("--show-rebalances", "--show-rebalances needs --group"),
            (
                "-X auto.offset.reset=never",
                "-X auto.offset.reset: \"never\" is not one of earliest, latest, none",
            ),
            ("-X fetch.max.bytes=8GiB", "-X fetch.max.bytes: \"8GiB\" is more than 4 GiB"),
        ] {
            assert_eq!(plan(line).unwrap_err(), message, "{line}");
        }
    }

    #[test]
    fn a_group_begins_where_it_stands_else_where_it_is_told_to() {
        let group = |line| plan(line).unwrap().group.unwrap();
        assert!(plan("").unwrap().group.is_none());
        for (line, start) in [
            ("-g g", GroupStart::Latest),
            ("-X group.id=g", GroupStart::Latest),
            ("-g g --from-beginning", GroupStart::Earliest),
            ("-g g -X auto.offset.reset=earliest", GroupStart::Earliest),
            ("-g g -X auto.offset.reset=none", GroupStart::Fail),
        ] {
            let config = group(line);
            assert_eq!((config.start, config.group.as_str()), (start, "g"), "{line}");
            assert_eq!((config.auto_commit, config.stop), (None, Stop::Never), "{line}");
        }
        assert_eq!(group("-g g -e").stop, Stop::AtEnd);
        assert_eq!(group("-g g -X group.instance.id=i").instance.unwrap().as_str(), "i");
        assert_eq!(group("-g a -X group.id=b").group.as_str(), "a", "flags win");
        assert!(plan("-g g").unwrap().commits);
        assert!(!plan("-g g -X enable.auto.commit=false").unwrap().commits);
    }

    #[test]
    fn flags_that_contradict_each_other_are_refused() {
        for line in [
            "-t t --from-beginning --tail 3",
            "-t t --from-beginning -o 3",
            "-t t --tail 3 -o 3",
            "-t t --json -f %s",
            "-t t --json --print key",
            "-t t -f %s --print key",
            "-t t -n 0",
            "-t a,b/c",
            "--from-beginning",
            "-t t -g group -p 0",
            "-t t -g group -o 5",
            "-t t -g group --tail 5",
            "-t t --include .*",
            "--include (",
            "--include .* -p 0",
        ] {
            let parsed = ConsumerArgs::try_parse_from(format!("yak-consumer {line}").split_whitespace());
            assert!(parsed.is_err(), "{line}");
        }
    }
}
