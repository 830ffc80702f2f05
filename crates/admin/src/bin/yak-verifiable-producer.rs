//! yak-verifiable-producer: sends numbered records and says what became of each.

use std::process::ExitCode;

fn main() -> ExitCode {
    yak_cli::tool::main::<yak_admin::verifiable::VerifiableProducerArgs>()
}
