//! yak-status: the cluster on one screen.

use std::process::ExitCode;

fn main() -> ExitCode {
    yak_cli::tool::main::<yak_admin::status::StatusArgs>()
}
