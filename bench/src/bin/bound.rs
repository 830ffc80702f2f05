//! How many records a second the bare NDJSON loop takes on this machine.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use yak_bench::bound::{Options, measure};

/// The bare loop: one thread sends produce lines over loopback, another parses them, builds the batch, appends
/// it to a file and acknowledges.
#[derive(Debug, Parser)]
struct Args {
    /// Records in all.
    #[arg(long, default_value_t = 5_000_000)]
    records: u64,
    /// Records of one line.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    records_per_line: u64,
    /// Bytes of a value.
    #[arg(long, default_value_t = 100)]
    record_size: usize,
    /// Lines in flight.
    #[arg(long, default_value_t = 4)]
    window: usize,
    /// Where the file is written (deleted at the end); by default the system's temporary directory.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let directory = match &args.directory {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let options = Options {
        records: args.records.max(1),
        records_per_line: args.records_per_line,
        record_size: args.record_size,
        window: args.window.max(1),
    };
    let measured = measure(options, directory.path())?;
    let (seconds, rate) = (measured.elapsed.as_secs_f64(), measured.records_per_second());
    let mut out = io::stdout().lock();
    if args.json {
        let report = serde_json::json!({
            "records": measured.records,
            "record_size": options.record_size,
            "records_per_line": options.records_per_line,
            "window": options.window,
            "seconds": seconds,
            "records_per_second": rate.round(),
        });
        writeln!(out, "{report}")?;
    } else {
        let Options { record_size, records_per_line, window, .. } = options;
        writeln!(
            out,
            "{} records of {record_size} bytes in lines of {records_per_line}, window {window}: {seconds:.2} s, {rate:.0} records/s",
            measured.records
        )?;
    }
    Ok(())
}
