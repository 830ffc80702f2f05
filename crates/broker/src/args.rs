//! The command line of `yak-broker`.

use std::path::PathBuf;

use clap::Parser;
use yak_cli::parse;
use yak_cli::server::ServerArgs;

const EXAMPLES: &str = "\
Examples:
  yak-broker --id 2                             broker 2 of the cluster whose zookeeper is at localhost:2181
  yak-broker --standalone                       one broker at 127.0.0.1:9092, data in data/broker-1
  yak-broker --standalone --ephemeral --port 0  any free port, data gone with the process
  yak-broker --standalone config/standalone.properties
  yak-broker --standalone --override num.partitions=3 --override log.segment.bytes=64KiB
  YAK_NUM_PARTITIONS=3 yak-broker --standalone --print-config";

/// Serves partitions on disk to producers and consumers.
///
/// Ready, it prints one line on stdout: YAK_READY and a JSON object with its address. Precedence of settings:
/// defaults, then FILE, then environment (YAK_LOG_DIRS for log.dirs), then --override, then the flags below.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "yak-broker", version, after_help = EXAMPLES)]
pub struct BrokerArgs {
    /// This broker's number (node.id); sets the default port to 9091+N, the data to data/broker-N
    #[arg(long, value_name = "N", value_parser = parse::whole::<i32>)]
    pub id: Option<i32>,
    /// Directory of the partitions (log.dirs)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// The cluster's zookeeper (zookeeper.connect); localhost:2181 unless said otherwise
    #[arg(long, value_name = "HOST:PORT,...", conflicts_with = "standalone")]
    pub zookeeper: Option<String>,
    /// Host the zookeeper in this process: one broker, nothing else needed
    #[arg(long)]
    pub standalone: bool,
    /// Keep the data in a temporary directory that goes with the process
    #[arg(long, requires = "standalone", conflicts_with = "data")]
    pub ephemeral: bool,
    /// End when stdin ends, that is with the program that started this one
    #[arg(long, requires = "standalone")]
    pub until_stdin_closes: bool,
    /// What every server has.
    #[command(flatten)]
    pub common: ServerArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parse(arguments: &str) -> Result<BrokerArgs, ErrorKind> {
        let arguments = ["yak-broker"].into_iter().chain(arguments.split_whitespace());
        BrokerArgs::try_parse_from(arguments).map_err(|error| error.kind())
    }

    #[test]
    fn the_command_is_consistent() {
        BrokerArgs::command().debug_assert();
    }

    #[test]
    fn flags_are_read() {
        let args = parse("c.properties --standalone --id 2 --port 0 --override a=1 --override b=2 -vv");
        let args = args.expect("valid");
        assert_eq!(args.common.file, Some(PathBuf::from("c.properties")));
        assert_eq!((args.id, args.common.port, args.common.verbose), (Some(2), Some(0), 2));
        assert_eq!(args.common.overrides, ["a=1", "b=2"]);
    }

    #[test]
    fn contradictions_are_usage_errors() {
        assert_eq!(parse("--ephemeral").expect_err("alone"), ErrorKind::MissingRequiredArgument);
        assert_eq!(
            parse("--standalone --ephemeral --data d").expect_err("two places"),
            ErrorKind::ArgumentConflict
        );
        assert_eq!(
            parse("--standalone --zookeeper localhost:2181").expect_err("two zookeepers"),
            ErrorKind::ArgumentConflict
        );
        assert_eq!(parse("--port 70000").expect_err("no port"), ErrorKind::ValueValidation);
    }
}
