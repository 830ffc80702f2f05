//! `yak-broker`: serves partitions on disk to producers and consumers.

use std::process::ExitCode;

fn main() -> ExitCode {
    yak_cli::server::main::<yak_broker::args::BrokerArgs>()
}
