//! The command line of yak-perf; flags are Kafka's.

use clap::{Parser, Subcommand};
use yak_cli::args::parse_pair;
use yak_cli::human::{parse_millis, parse_size};
use yak_cli::{ConnectionArgs, OutputArgs, parse};
use yak_model::TopicName;

use crate::flags::{Throughput, parse_throughput};

const EXAMPLES: &str = "\
Examples:
  yak-perf produce --topic t --num-records 10000000 --record-size 100 --throughput -1
  yak-perf produce --topic t --num-records 60000 --throughput 1000 --producer-props acks=all linger.ms=0
  yak-perf consume --topic t --num-records 10000000
  yak-perf e2e --topic t --num-records 10000 --json";

/// Measures producing, consuming, and the way from one to the other.
#[derive(Clone, Debug, Parser)]
#[command(name = "yak-perf", version, after_help = EXAMPLES)]
pub struct PerfArgs {
    #[command(subcommand)]
    pub(super) command: PerfCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum PerfCommand {
    /// Sends records, each different, as fast as it goes or at a fixed rate
    Produce(ProduceArgs),
    /// Reads records from the beginning
    Consume(ConsumeArgs),
    /// Sends one record at a time and waits until it has been read
    E2e(E2eArgs),
}

/// What every measurement needs.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Measure {
    /// The topic; created if it does not exist and the cluster allows it
    #[arg(short, long, value_name = "TOPIC", value_parser = parse::topic)]
    pub(super) topic: TopicName,

    /// How many records
    #[arg(short, long, alias = "messages", value_name = "N", value_parser = parse::positive::<u64>)]
    pub(super) num_records: u64,

    #[command(flatten)]
    pub(super) connection: ConnectionArgs,

    #[command(flatten)]
    pub(super) output: OutputArgs,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ProduceArgs {
    #[command(flatten)]
    pub(super) measure: Measure,

    /// Bytes of each record's value
    #[arg(long, value_name = "BYTES", value_parser = parse_record_size, default_value = "100")]
    pub(super) record_size: usize,

    /// Records a second; -1: as many as go
    #[arg(
        long,
        value_name = "RATE",
        value_parser = parse_throughput,
        default_value = "-1",
        allow_negative_numbers = true
    )]
    pub(super) throughput: Throughput,

    /// Properties of the producer: acks, linger.ms, batch.size, buffer.memory, compression.type,
    /// delivery.timeout.ms, enable.idempotence, max.in.flight.requests.per.connection
    #[arg(long, value_name = "K=V", value_parser = parse_pair, num_args = 1..)]
    pub(super) producer_props: Vec<(String, String)>,

    /// How often to say how it goes
    #[arg(long, value_name = "MS", value_parser = parse_millis, default_value = "5000")]
    pub(super) reporting_interval: u64,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct ConsumeArgs {
    #[command(flatten)]
    pub(super) measure: Measure,

    /// Give up when nothing came for so long
    #[arg(long, alias = "timeout", value_name = "MS", value_parser = parse_millis, default_value = "10000")]
    pub(super) timeout_ms: u64,

    /// Most bytes of one reply
    #[arg(long, value_name = "BYTES", value_parser = parse_size)]
    pub(super) fetch_size: Option<u64>,

    /// Only what is sent from now on
    #[arg(long)]
    pub(super) from_latest: bool,

    /// Without the line that names the columns
    #[arg(long)]
    pub(super) hide_header: bool,
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct E2eArgs {
    #[command(flatten)]
    pub(super) measure: Measure,

    /// Bytes of each record's value
    #[arg(long, value_name = "BYTES", value_parser = parse_record_size, default_value = "100")]
    pub(super) record_size: usize,

    /// When a record counts as written: all, 1
    #[arg(long, value_name = "N", default_value = "all", value_parser = ["all", "-1", "1"])]
    pub(super) producer_acks: String,
}

fn parse_record_size(text: &str) -> Result<usize, String> {
    let size = parse_size(text)?;
    usize::try_from(size)
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| format!("\"{text}\" is not a record's size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn produce(line: &str) -> ProduceArgs {
        let line = format!("yak-perf produce --topic t --num-records 10 {line}");
        match PerfArgs::try_parse_from(line.split_whitespace()).map(|args| args.command) {
            Ok(PerfCommand::Produce(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn kafkas_command_line_is_understood() {
        let args = produce("--record-size 200 --throughput 1000 --producer-props acks=1 linger.ms=5 --json");
        assert_eq!((args.record_size, args.throughput), (200, Throughput(Some(1_000))));
        assert_eq!(args.producer_props.len(), 2);
        assert!(args.measure.output.json);
        assert_eq!(produce("--throughput -1").throughput, Throughput(None));
    }
}
