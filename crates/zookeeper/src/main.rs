//! `yak-zookeeper`: coordinates the brokers of a cluster.

use std::process::ExitCode;

fn main() -> ExitCode {
    yak_cli::server::main::<yak_zookeeper::args::ZookeeperArgs>()
}
