//! yak-perf: measures producing, consuming, and the way from one to the other.

use std::process::ExitCode;

fn main() -> ExitCode {
    yak_cli::tool::main::<yak_admin::perf::PerfArgs>()
}
