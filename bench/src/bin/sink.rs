//! A broker of Kafka's protocol that keeps nothing: what clients reach with it is what they can reach.

use std::io::{self, Write as _};
use std::net::TcpListener;

use anyhow::{Context as _, Result};
use clap::Parser;
use yak_bench::peers::sink::{Options, serve};

/// Acknowledges what is produced without keeping it, and serves one prepared batch again and again. Says where it is in
/// a line `YAK_READY {...}`, and goes on until it is ended.
#[derive(Debug, Parser)]
struct Args {
    /// The port on loopback; 0 is any free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Records that a consumer finds; rounded up to whole batches.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(i64).range(0..1_000_000_000_000))]
    records: i64,
    /// Bytes of their values.
    #[arg(long, default_value_t = 100)]
    record_size: usize,
    /// Bytes of the batch that is served.
    #[arg(long, default_value_t = 65_536)]
    batch_size: usize,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let listener = TcpListener::bind(("127.0.0.1", args.port)).context("cannot listen on loopback")?;
    let ready = serde_json::json!({
        "bootstrap": listener.local_addr()?.to_string(),
        "pid": std::process::id(),
    });
    writeln!(io::stdout(), "YAK_READY {ready}")?;
    serve(
        &listener,
        Options { records: args.records, record_size: args.record_size, batch_size: args.batch_size },
    )
}
