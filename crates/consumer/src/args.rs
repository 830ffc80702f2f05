//! The command line of yak-consumer.

use clap::{Parser, ValueEnum};
use regex::Regex;
use yak_cli::args::parse_pair;
use yak_cli::human::parse_millis;
use yak_cli::{ConnectionArgs, OutputArgs, parse};
use yak_model::{GroupId, PartitionIndex, TopicName};

use crate::start::Range;

const EXAMPLES: &str = "\
Examples:
  yak-consumer --topic t                            what is sent from now on
  yak-consumer --topic t --from-beginning           everything, then what is sent
  yak-consumer -t t --from-beginning -e > copy      everything there is now, byte for byte
  yak-consumer -t t --tail 10                       the last 10 records of each partition
  yak-consumer -t t -o @-10m --print timestamp,key  the last ten minutes
  yak-consumer -t t -p 0 -o 100:200                 offsets 100 to 199 of partition 0
  yak-consumer -t t -g billing                      share the partitions with others of the group, go on where it was
  yak-consumer --include 'orders-.*' -g billing     every topic of such a name, also those to come
  yak-consumer -t t -f '%t-%p@%o %k=%s\\n'           kcat's format letters
  yak-consumer -t t --json | jq .value              one JSON object a record";

/// Lines out: each record of a topic becomes a line.
#[derive(Clone, Debug, Parser)]
#[command(name = "yak-consumer", version, after_help = EXAMPLES)]
pub struct ConsumerArgs {
    /// A topic; may be given several times
    #[arg(short, long, value_name = "TOPIC", value_parser = parse::topic, required_unless_present = "include", value_delimiter = ',')]
    pub topic: Vec<TopicName>,

    /// Every topic whose whole name this regular expression matches (RE2 syntax)
    #[arg(long, value_name = "REGEX", value_parser = parse_include, conflicts_with_all = ["topic", "partition"])]
    pub(crate) include: Option<Include>,

    #[command(flatten)]
    pub(crate) member: MemberArgs,

    #[command(flatten)]
    pub(crate) reading: ReadingArgs,

    #[command(flatten)]
    pub(crate) format: FormatArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Membership of a group.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Group")]
pub struct MemberArgs {
    /// Read as a member of this group: it shares the partitions out, and what is printed is committed
    #[arg(short, long, value_name = "GROUP", value_parser = parse::group, conflicts_with_all = ["partition", "offset", "tail"])]
    pub(crate) group: Option<GroupId>,

    /// Say on stderr which partitions this member is given, gives up and loses
    #[arg(long)]
    pub(crate) show_rebalances: bool,
}

/// Which records are read.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Which records")]
pub struct ReadingArgs {
    /// From the first record that is still there
    #[arg(long, conflicts_with_all = ["tail", "offset"])]
    pub(crate) from_beginning: bool,

    /// The last N records of each partition, then what is sent
    #[arg(long, value_name = "N", value_parser = parse::whole::<u64>, conflicts_with = "offset")]
    pub(crate) tail: Option<u64>,

    /// earliest, latest, N, -N (so many from the end), @TIME (ISO 8601), @-10m, or A:B (up to and without B)
    #[arg(short, long, value_name = "WHERE", value_parser = parse_range, allow_negative_numbers = true)]
    pub(crate) offset: Option<Range>,

    /// Only these partitions
    #[arg(short, long, value_name = "N[,N]", value_parser = parse::partition, value_delimiter = ',')]
    pub(crate) partition: Vec<PartitionIndex>,

    /// Stop after so many records
    #[arg(short = 'n', long, value_name = "N", value_parser = parse::positive::<u64>)]
    pub(crate) max_messages: Option<u64>,

    /// Stop at the end offsets as they stand at the start
    #[arg(short, long)]
    pub(crate) exit: bool,

    /// Stop when nothing came for so long
    #[arg(long, value_name = "MS", value_parser = parse_millis)]
    pub(crate) timeout_ms: Option<u64>,

    /// Which replica is read: the leader, or any that is in sync [default: leader]
    #[arg(long, value_name = "REPLICA", value_enum)]
    pub(crate) read_from: Option<ReadFromArg>,

    /// Which records of transactions are shown [default: read_uncommitted]
    #[arg(long, value_name = "LEVEL", value_enum)]
    pub(crate) isolation_level: Option<IsolationArg>,
}

/// How records are printed.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Format")]
pub struct FormatArgs {
    /// Print these before the value, in Kafka's text and order: key, partition, offset, timestamp, headers
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',', conflicts_with_all = ["format", "json"])]
    pub(crate) print: Vec<Field>,

    /// Kafka's names for the same: print.key=true, key.separator, line.separator, headers.separator,
    /// null.literal, ...
    #[arg(long, alias = "property", value_name = "K=V", value_parser = parse_pair, conflicts_with_all = ["format", "json"])]
    pub(crate) formatter_property: Vec<(String, String)>,

    /// kcat's letters: %t topic, %p partition, %o offset, %T timestamp, %k key, %s value, %h headers,
    /// %K %S their lengths, %% and \n \t \xHH
    #[arg(short, long, value_name = "FORMAT", value_parser = crate::template::Template::parse, conflicts_with = "json")]
    pub(crate) format: Option<crate::template::Template>,

    /// Write control characters as they are, even to a terminal
    #[arg(long)]
    pub(crate) raw: bool,
}

/// What can be printed besides the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Field {
    /// `CreateTime:1700000000000`.
    Timestamp,
    /// `Partition:0`.
    Partition,
    /// `Offset:5`.
    Offset,
    /// `h1:v1,h2:v2` or `NO_HEADERS`.
    Headers,
    /// The key, or `null`.
    Key,
    /// The value, which is always printed.
    Value,
}

/// Which replica is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ReadFromArg {
    /// The leader.
    #[default]
    Leader,
    /// An in-sync follower, if there is one.
    Any,
}

/// Which records of transactions are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum IsolationArg {
    /// All.
    #[default]
    ReadUncommitted,
    /// Those of committed transactions.
    ReadCommitted,
}

/// Which topics, by an expression that their names match whole.
#[derive(Clone, Debug)]
pub struct Include {
    /// As it was written.
    pub(crate) text: String,
    /// The same, matching whole names only.
    pub(crate) whole: Regex,
}

fn parse_include(text: &str) -> Result<Include, String> {
    // (Alone first: its own brackets must be balanced, and a message is to show it as it was written.)
    let regex = Regex::new(text).and_then(|_| Regex::new(&format!("^(?:{text})$")));
    match regex {
        Ok(whole) => Ok(Include { text: text.to_owned(), whole }),
        Err(error) => {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Err(format!("\"{text}\" is no regular expression: {why}"))
        }
    }
}

fn parse_range(text: &str) -> Result<Range, String> {
    crate::start::parse(text, yak_cli::time::now())
}
