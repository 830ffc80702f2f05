//! yak-dump-log: prints and checks the files of a log.

use std::process::ExitCode;

fn main() -> ExitCode {
    yak_cli::tool::main::<yak_admin::dump_log::DumpLogArgs>()
}
