//! yak-producer: lines in.

use std::process::ExitCode;

fn main() -> ExitCode {
    yak_cli::tool::main::<yak_producer::ProducerArgs>()
}
