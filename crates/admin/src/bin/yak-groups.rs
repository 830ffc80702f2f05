//! yak-groups: lists, describes and explains groups, and moves what they have committed.

use std::process::ExitCode;

fn main() -> ExitCode {
    yak_cli::tool::main::<yak_admin::groups::GroupsArgs>()
}
