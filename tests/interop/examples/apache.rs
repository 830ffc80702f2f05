//! Runs a command beside Apache Kafka: `cargo run -p yak-test-interop --example apache -- COMMAND...` sets
//! `YAK_INTEROP_BOOTSTRAP` and `YAK_INTEROP_DATA` to one broker of it, so that `cargo test` tries the clients there.

use std::process::Command;

use anyhow::{Context, Result};
use yak_test_interop::{Apache, Setup};

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let program = args.next().context("a command is wanted")?;
    let setup = Setup::find().context("run scripts/interop-setup.sh")?;
    let apache = Apache::start(&setup, 1);
    let status = Command::new(program)
        .args(args)
        .env("YAK_INTEROP_BOOTSTRAP", apache.bootstrap())
        .env("YAK_INTEROP_DATA", apache.data())
        .status()?;
    drop(apache);
    std::process::exit(status.code().unwrap_or(1));
}
