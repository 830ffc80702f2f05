//! The command line of yak-producer, and what it means once flags and properties are put together.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use yak_cli::args::parse_pair;
use yak_cli::human::{parse_millis, parse_size};
use yak_cli::parse::Separator;
use yak_cli::{ConnectionArgs, OutputArgs, parse};
use yak_model::{PartitionIndex, TopicName};

use crate::report::ReportFormat;

const EXAMPLES: &str = "\
Examples:
  yak-producer --topic t                       type lines, end with Ctrl-D
  yak-producer --topic t < access.log          one record a line, byte for byte
  yak-producer --topic t -K : < pairs.txt      \"key:value\" lines; equal keys share a partition
  yak-producer --topic t -k user-7 -H source=web --report
  yak-producer --topic t --rate 100 -l access.log
  yak-consumer -t a --from-beginning -e --json | yak-producer -t b --input json";

/// Lines in: each line of the input becomes a record of a topic.
#[derive(Clone, Debug, Parser)]
#[command(name = "yak-producer", version, after_help = EXAMPLES)]
pub struct ProducerArgs {
    /// The topic; created if it does not exist and the cluster allows it
    #[arg(short, long, value_name = "TOPIC", value_parser = parse::topic)]
    pub topic: TopicName,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    #[command(flatten)]
    pub(crate) sending: SendingArgs,

    #[command(flatten)]
    pub(crate) connection: ConnectionArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl ProducerArgs {
    /// What to print for each acknowledgement: the format given, or one JSON object with `--json`.
    pub(crate) fn report(&self) -> Option<ReportFormat> {
        self.sending.report.clone().map(|format| if self.output.json { ReportFormat::json() } else { format })
    }
}

#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// Read this file instead of standard input
    #[arg(short = 'l', long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// What a line holds: text, or what `yak-consumer --json` prints
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    pub(crate) input: InputKind,

    /// Lines are KEY, this separator, VALUE (\t and \xHH are understood)
    #[arg(short = 'K', long, value_name = "S", value_parser = parse::separator, conflicts_with = "key")]
    pub(crate) key_separator: Option<Separator>,

    /// The key of every record
    #[arg(short, long, value_name = "KEY")]
    pub(crate) key: Option<String>,

    /// A header of every record
    #[arg(short = 'H', long, value_name = "N=V", value_parser = parse_pair)]
    pub(crate) header: Vec<(String, String)>,

    /// A key or value equal to this is null
    #[arg(short = 'Z', long, value_name = "S")]
    pub(crate) null_marker: Option<String>,

    /// Kafka's names for the above: parse.key, key.separator, parse.headers, headers.delimiter,
    /// headers.separator, headers.key.separator, null.marker, ignore.error
    #[arg(long, alias = "property", value_name = "K=V", value_parser = parse_pair)]
    pub(crate) reader_property: Vec<(String, String)>,

    /// Stop after so many records
    #[arg(long, value_name = "N", value_parser = parse::positive::<u64>)]
    pub(crate) max_messages: Option<u64>,
}

#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Sending")]
pub(crate) struct SendingArgs {
    /// The partition of every record
    #[arg(short, long, value_name = "N", value_parser = parse::partition, conflicts_with = "partitioner")]
    pub(crate) partition: Option<PartitionIndex>,

    /// Where records without key go: strictly in turn, or a batch at a time [default: round-robin]
    #[arg(long, value_name = "WHICH", value_enum)]
    pub(crate) partitioner: Option<Partitioner>,

    /// Compress batches
    #[arg(short = 'z', long, alias = "compression-codec", value_name = "CODEC", value_enum)]
    pub(crate) compression: Option<Codec>,

    /// When a record counts as written: on all in-sync replicas, on the leader, when sent [default: all]
    #[arg(long, alias = "request-required-acks", value_name = "N", value_parser = parse_acks, allow_negative_numbers = true)]
    pub(crate) acks: Option<AcksArg>,

    /// How long a record may wait for others to be sent with
    #[arg(long, value_name = "MS", value_parser = parse_millis)]
    pub(crate) linger_ms: Option<u64>,

    /// Most bytes of records in one batch (also 64KiB)
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub(crate) batch_size: Option<u64>,

    /// How long to try until a record counts as failed
    #[arg(long, value_name = "MS", value_parser = parse_millis)]
    pub(crate) delivery_timeout_ms: Option<u64>,

    /// Retries never duplicate [default: true with acks all, else false]
    #[arg(
        long,
        value_name = "BOOL",
        value_parser = parse::boolean,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    pub(crate) idempotent: Option<bool>,

    /// Wait for each record's acknowledgement before the next is sent
    #[arg(long)]
    pub(crate) sync: bool,

    /// Most records a second
    #[arg(long, value_name = "N", value_parser = parse::positive::<u64>)]
    pub(crate) rate: Option<u64>,

    /// Print where each record went: %t topic, %p partition, %o offset, %n line
    #[arg(
        long,
        value_name = "FORMAT",
        value_parser = ReportFormat::parse,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ReportFormat::DEFAULT
    )]
    pub(crate) report: Option<ReportFormat>,

    /// Go on after a record that cannot be delivered; the exit code stays 1
    #[arg(long)]
    pub(crate) keep_going: bool,
}

/// What a line holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum InputKind {
    /// Text, as the other flags say.
    #[default]
    Lines,
    /// One JSON object, as `yak-consumer --json` prints it.
    Json,
}

/// Where records without key go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Partitioner {
    /// Strictly in turn.
    #[default]
    RoundRobin,
    /// To one partition until a batch is full.
    Sticky,
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Google's.
    Snappy,
    /// The frame format.
    Lz4,
    /// Facebook's.
    Zstd,
}

impl Codec {
    /// Kafka's name, which is what the client library reads.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// When a record counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcksArg {
    /// On all in-sync replicas.
    #[default]
    All,
    /// On the leader.
    One,
    /// When sent.
    Zero,
}

/// Reads `all`, `-1`, `1` or `0`.
///
/// # Errors
/// When it is none of them.
pub fn parse_acks(text: &str) -> Result<AcksArg, String> {
    match text {
        "all" | "-1" => Ok(AcksArg::All),
        "1" => Ok(AcksArg::One),
        "0" => Ok(AcksArg::Zero),
        _ => Err(format!("\"{text}\" is not one of all, 1, 0")),
    }
}
