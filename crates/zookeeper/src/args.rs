//! The command line of `yak-zookeeper`.

use std::path::PathBuf;

use clap::Parser;
use yak_cli::server::ServerArgs;

const EXAMPLES: &str = "\
Examples:
  yak-zookeeper                                  127.0.0.1:2181, the journal in data/zookeeper
  yak-zookeeper config/zookeeper.properties
  yak-zookeeper --port 0 --data /tmp/zk          any free port
  yak-zookeeper --override session.timeout.ms=5s
  YAK_CLIENT_PORT=2182 yak-zookeeper --print-config

Look at it:
  echo '{\"op\":\"status\"}' | nc -q 1 localhost 2181
  echo '{\"op\":\"watch\"}' | nc localhost 2181      the journal as it grows
  cat data/zookeeper/journal-*.ndjson";

/// Coordinates the brokers of a cluster: who lives, who leads, which topics there are.
///
/// Ready, it prints one line on stdout: YAK_READY and a JSON object with its address. Precedence of settings:
/// defaults, then FILE, then environment (YAK_DATA_DIR for dataDir), then --override, then the flags below.
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "yak-zookeeper", version, after_help = EXAMPLES)]
pub struct ZookeeperArgs {
    /// Directory of the journal (dataDir)
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// What every server has.
    #[command(flatten)]
    pub common: ServerArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_is_consistent() {
        ZookeeperArgs::command().debug_assert();
    }

    #[test]
    fn flags_are_read() {
        let words =
            ["yak-zookeeper", "z.properties", "--port", "0", "--data", "d", "--override", "a=1", "-q"];
        let args = ZookeeperArgs::try_parse_from(words).expect("valid");
        assert_eq!(args.common.file, Some(PathBuf::from("z.properties")));
        assert_eq!(
            (args.common.port, args.data, args.common.quiet),
            (Some(0), Some(PathBuf::from("d")), true)
        );
        assert!(ZookeeperArgs::try_parse_from(["yak-zookeeper", "--port", "65536"]).is_err());
        assert!(ZookeeperArgs::try_parse_from(["yak-zookeeper", "--id", "1"]).is_err());
    }
}
