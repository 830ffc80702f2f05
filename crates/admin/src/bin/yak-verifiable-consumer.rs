//! yak-verifiable-consumer: reads records and says which.

use std::process::ExitCode;

fn main() -> ExitCode {
    yak_cli::tool::main::<yak_admin::verifiable::VerifiableConsumerArgs>()
}
