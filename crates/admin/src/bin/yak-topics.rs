//! yak-topics: creates, lists, describes, alters and deletes topics.

use std::process::ExitCode;

fn main() -> ExitCode {
    yak_cli::tool::main::<yak_admin::topics::TopicsArgs>()
}
