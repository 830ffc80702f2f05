//! yak-consumer: lines out.

use std::process::ExitCode;

fn main() -> ExitCode {
    yak_cli::tool::main::<yak_consumer::ConsumerArgs>()
}
