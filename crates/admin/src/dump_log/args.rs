//! The command line of yak-dump-log.

use std::path::PathBuf;

use clap::Parser;
use yak_cli::OutputArgs;

const EXAMPLES: &str = "\
Examples:
  yak-dump-log data/broker-1/orders-0
  yak-dump-log --print-data-log data/broker-1/orders-0/00000000000000000000.log
  yak-dump-log --files a.log,a.index --deep-iteration
  yak-dump-log --offsets-decoder data/broker-1/__consumer_offsets-7
  yak-dump-log data/broker-1 > /dev/null && echo whole
  yak-dump-log --follow --print-data-log data/broker-1/orders-0
  yak-dump-log --json data/broker-1/orders-0 | jq 'select(.type == \"batch\")'

Exit code 1 means that damage was found; each is a line on stderr.";

/// Prints and checks the files of a log: segments, indexes, snapshots, leader epochs.
#[derive(Clone, Debug, Default, Parser)]
#[command(name = "yak-dump-log", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct DumpLogArgs {
    /// Files of a log, or directories: of a partition, or of a broker
    #[arg(value_name = "FILES|DIRS")]
    pub(crate) paths: Vec<PathBuf>,

    /// The same, as Kafka spells it
    #[arg(long, value_name = "FILE[,FILE]", value_delimiter = ',')]
    pub(crate) files: Vec<PathBuf>,

    /// Print the records too, keys and values as text
    #[arg(long)]
    pub(crate) print_data_log: bool,

    /// Print the records too, as those of `__consumer_offsets`: what they say of groups and their offsets
    #[arg(long)]
    pub(crate) offsets_decoder: bool,

    /// Go through the records of each batch, not only through the batches
    #[arg(long)]
    pub(crate) deep_iteration: bool,

    /// Check indexes against the log without printing their entries
    #[arg(long)]
    pub(crate) verify_index_only: bool,

    /// Check only that indexes are whole and in order, which needs no log
    #[arg(long, conflicts_with = "verify_index_only")]
    pub(crate) index_sanity_check: bool,

    /// The topic is compacted: offsets may be skipped
    #[arg(long)]
    pub(crate) allow_gaps: bool,

    /// Go on with what is appended, until interrupted; segments only
    #[arg(long, conflicts_with_all = ["verify_index_only", "index_sanity_check"])]
    pub(crate) follow: bool,

    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

impl DumpLogArgs {
    /// Whether offsets may be skipped: the topic of groups is always compacted.
    pub(crate) const fn allows_gaps(&self) -> bool {
        self.allow_gaps || self.offsets_decoder
    }
}
