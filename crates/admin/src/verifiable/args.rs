//! The command lines of the verifiable clients; flags are those of Kafka's.

use clap::{Parser, ValueEnum};
use yak_cli::{ConnectionArgs, OutputArgs, parse};
use yak_model::api::Acks;
use yak_model::{PartitionIndex, TopicName};

use crate::flags::{Throughput, parse_acks, parse_throughput};

const PRODUCER_EXAMPLES: &str = "\
Examples:
  yak-verifiable-producer --topic t --max-messages 10000
  yak-verifiable-producer --topic t --max-messages 60000 --throughput 1000 --value-prefix a > history.ndjson";

const CONSUMER_EXAMPLES: &str = "\
Examples:
  yak-verifiable-consumer --topic t --verbose
  yak-verifiable-consumer --topic t --verbose --exit > final.ndjson    everything there is now";

/// Sends the numbers from 0 and says of each, in JSON, what became of it.
#[derive(Clone, Debug, Parser)]
#[command(name = "yak-verifiable-producer", version, after_help = PRODUCER_EXAMPLES)]
pub struct VerifiableProducerArgs {
    /// The topic; created if it does not exist and the cluster allows it
    #[arg(short, long, value_name = "TOPIC", value_parser = parse::topic)]
    pub(super) topic: TopicName,

    /// How many records; -1: until a signal
    #[arg(short = 'n', long, value_name = "N", value_parser = parse_count, default_value = "-1", allow_negative_numbers = true)]
    pub(super) max_messages: Count,

    /// Records a second; -1: as many as go
    #[arg(long, value_name = "RATE", value_parser = parse_throughput, default_value = "-1", allow_negative_numbers = true)]
    pub(super) throughput: Throughput,

    /// When a record counts as written: all (or -1), 1, 0
    #[arg(long, value_name = "N", value_parser = parse_acks, default_value = "all", allow_negative_numbers = true)]
    pub(super) acks: Acks,

    /// Values are PREFIX.0, PREFIX.1, ...; producers that share a topic need different ones
    #[arg(long, value_name = "PREFIX")]
    pub(super) value_prefix: Option<String>,

    /// Keys are 0 to N-1, again and again [default: no keys]
    #[arg(long, value_name = "N", value_parser = parse::positive::<u64>)]
    pub(super) repeating_keys: Option<u64>,

    /// Only to this partition
    #[arg(short, long, value_name = "N", value_parser = parse::partition)]
    pub(super) partition: Option<PartitionIndex>,

    #[command(flatten)]
    pub(super) connection: ConnectionArgs,

    #[arg(skip = ndjson())]
    pub(super) output: OutputArgs,
}

/// Reads a topic and says, in JSON, which records came.
#[derive(Clone, Debug, Parser)]
#[command(name = "yak-verifiable-consumer", version, after_help = CONSUMER_EXAMPLES)]
pub struct VerifiableConsumerArgs {
    /// The topic; created if it does not exist and the cluster allows it
    #[arg(short, long, value_name = "TOPIC", value_parser = parse::topic)]
    pub(super) topic: TopicName,

    /// Only these partitions
    #[arg(short, long, visible_alias = "partitions", value_name = "N[,N]", value_parser = parse::partition, value_delimiter = ',')]
    pub(super) partition: Vec<PartitionIndex>,

    /// Stop after so many records; -1: at a signal
    #[arg(short = 'n', long, value_name = "N", value_parser = parse_count, default_value = "-1", allow_negative_numbers = true)]
    pub(super) max_messages: Count,

    /// Where to begin, and where to go on when a position is out of range
    #[arg(long, value_name = "WHERE", value_enum, default_value_t)]
    pub(super) reset_policy: ResetPolicy,

    /// Stop at the end offsets as they stand at the start
    #[arg(short, long)]
    pub(super) exit: bool,

    /// An event for each record, too (record_data)
    #[arg(short, long)]
    pub(super) verbose: bool,

    #[command(flatten)]
    pub(super) connection: ConnectionArgs,

    #[arg(skip = ndjson())]
    pub(super) output: OutputArgs,
}

/// How many records, if not without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count(pub(super) Option<u64>);

/// Where a consumer begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ResetPolicy {
    /// At the first record still there.
    #[default]
    Earliest,
    /// With what is sent from now on.
    Latest,
    /// At the first record still there; a position out of range is an error.
    None,
}

/// Failures are JSON as everything else.
fn ndjson() -> OutputArgs {
    OutputArgs { json: true, ..OutputArgs::default() }
}

fn parse_count(text: &str) -> Result<Count, String> {
    match text.parse::<i64>() {
        Ok(-1) => Ok(Count(None)),
        Ok(count) if count > 0 => Ok(Count(Some(count.unsigned_abs()))),
        _ => Err(format!("\"{text}\" is not a number of records, or -1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_command_lines_are_understood() {
        let line = "p --broker-list a:1 --topic t --max-messages 10 --throughput 5 --acks -1 --value-prefix 7 \
                    --repeating-keys 3";
        let args = VerifiableProducerArgs::try_parse_from(line.split_whitespace()).unwrap();
        assert_eq!((args.max_messages, args.throughput), (Count(Some(10)), Throughput(Some(5))));
        assert_eq!((args.acks, args.value_prefix.as_deref()), (Acks::All, Some("7")));
        assert_eq!(args.repeating_keys, Some(3));
        assert!(args.output.json);

        let line = "c --bootstrap-server a:1 --topic t --max-messages -1 --reset-policy latest --verbose";
        let args = VerifiableConsumerArgs::try_parse_from(line.split_whitespace()).unwrap();
        assert_eq!((args.max_messages, args.reset_policy), (Count(None), ResetPolicy::Latest));
        assert!(args.verbose && !args.exit);
    }

    #[test]
    fn counts_are_positive_or_minus_one() {
        for bad in ["0", "-2", "many"] {
            assert!(parse_count(bad).is_err(), "{bad}");
        }
    }
}
