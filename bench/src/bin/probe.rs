//! How long one record takes to be acknowledged, asked by one blocking socket.

use std::io::{self, Write as _};

use anyhow::Result;
use clap::Parser;
use yak_bench::probe::{Options, measure};
use yak_model::TopicName;

/// Produces one record at a time at a fixed rate and prints the latency, corrected for coordinated omission.
#[derive(Debug, Parser)]
struct Args {
    /// The broker.
    #[arg(short = 'b', long = "bootstrap-server", default_value = "localhost:9092")]
    address: String,
    /// The topic; created if it is missing.
    #[arg(short, long, default_value = "probe")]
    topic: TopicName,
    /// Records that are measured.
    #[arg(long, default_value_t = 10_000)]
    count: u64,
    /// Records before these that are not measured.
    #[arg(long, default_value_t = 500)]
    warm_up: u64,
    /// Records in a second.
    #[arg(long, default_value_t = 1_000.0)]
    rate: f64,
    /// Bytes of a value.
    #[arg(long, default_value_t = 100)]
    record_size: usize,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let Args { address, topic, count, warm_up, rate, record_size, json } = Args::parse();
    let measured = measure(&Options { address, topic, count, warm_up, rate, record_size })?;
    let micros = |nanos: u64| f64::from(u32::try_from(nanos / 100).unwrap_or(u32::MAX)) / 10.0;
    let at = |quantile| micros(measured.latency.value_at_quantile(quantile));
    let (p50, p99, p999) = (at(0.5), at(0.99), at(0.999));
    let max = micros(measured.latency.max());
    let mut out = io::stdout().lock();
    if json {
        let report = serde_json::json!({
            "count": count, "rate": rate, "record_size": record_size, "seconds": measured.elapsed.as_secs_f64(),
            "p50_us": p50, "p99_us": p99, "p999_us": p999, "max_us": max,
        });
        writeln!(out, "{report}")?;
    } else {
        writeln!(
            out,
            "{count} records of {record_size} bytes, {rate} a second: p50 {p50} us, p99 {p99} us, p99.9 {p999} us, max {max} us"
        )?;
    }
    Ok(())
}
