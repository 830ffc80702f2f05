//! yak-check-history: looks for anomalies in what the verifiable clients recorded.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use yak_test_history::{History, check};

/// Looks for anomalies in what yak-verifiable-producer and yak-verifiable-consumer --verbose recorded.
///
/// Exit codes: 0 nothing is wrong; 1 something is, or nothing was acknowledged and read; 2 a file is no history.
#[derive(Debug, Parser)]
#[command(name = "yak-check-history", version)]
struct Args {
    /// Histories of producers and readers, one client a file
    #[arg(required = true, value_name = "FILE")]
    histories: Vec<PathBuf>,

    /// A history of a reader that read everything after all was sent; may be given several times
    #[arg(long = "final", value_name = "FILE")]
    final_reads: Vec<PathBuf>,

    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            drop(writeln!(std::io::stderr(), "error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<bool> {
    let mut history = History::default();
    for path in &args.histories {
        history.add_file(path, false)?;
    }
    for path in &args.final_reads {
        history.add_file(path, true)?;
    }
    let report = check(&history);
    let text = if args.json { format!("{}\n", serde_json::to_string(&report)?) } else { report.to_string() };
    std::io::stdout().write_all(text.as_bytes()).context("write to stdout")?;
    Ok(report.is_clean())
}
