//! Measures YAK beside Apache Kafka, under the same clients. `scripts/bench-kafka.sh` fetches what it needs.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum as _};
use yak_bench::peers::{Plan, Report, System, Workload, measure};

/// Starts each system beside itself, YAK's programs from its own directory, and prints every reading and then a table in
/// Markdown. The same is written into the directory of the results, each reading as a line of JSON.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure, in this order; by default everything.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Workload>,
    /// What to measure it on.
    #[arg(long, value_enum, value_delimiter = ',')]
    systems: Vec<System>,
    /// Rounds, each of which tries every system once; 9 by default.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: Option<u32>,
    /// Records of a throughput; 5 million by default.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    records: Option<u64>,
    /// Records before these that are not measured; 2 million by default.
    #[arg(long)]
    warm_up: Option<u64>,
    /// Records that are sent one at a time; 20,000 by default.
    #[arg(long, value_parser = clap::value_parser!(u64).range(100..))]
    single_records: Option<u64>,
    /// How long a broker is idle before its memory is read, in seconds; 10 by default.
    #[arg(long)]
    idle: Option<u64>,
    /// One round of everything with few records, unless it is said otherwise: to see whether it works, not to measure.
    #[arg(long)]
    short: bool,
    /// The heap of each of Kafka's processes, as Java's arguments.
    #[arg(long, default_value = "-Xms1G -Xmx1G", allow_hyphen_values = true)]
    kafka_heap: String,
    /// Apache Kafka's jars.
    #[arg(long)]
    kafka_lib: PathBuf,
    /// Our Java programs, compiled.
    #[arg(long)]
    classes: PathBuf,
    /// A Python that has confluent-kafka.
    #[arg(long)]
    python: PathBuf,
    /// Our program for librdkafka.
    #[arg(long)]
    librdkafka: PathBuf,
    /// log4j's configuration.
    #[arg(long)]
    log4j: PathBuf,
    /// Where data and logs of the processes go; what is measured last leaves nothing there.
    #[arg(long)]
    work: PathBuf,
    /// Where `kafka.md` and `kafka.jsonl` are written.
    #[arg(long)]
    results: PathBuf,
}

impl Args {
    fn plan(self) -> Plan {
        let all = |chosen: Vec<Workload>| {
            if chosen.is_empty() { Workload::value_variants().to_vec() } else { chosen }
        };
        let systems = if self.systems.is_empty() { System::value_variants().to_vec() } else { self.systems };
        let short = self.short;
        let or = |chosen: Option<u64>, whole, small| chosen.unwrap_or(if short { small } else { whole });
        Plan {
            workloads: all(self.only),
            systems,
            pairs: self.pairs.unwrap_or(if short { 1 } else { 9 }),
            records: or(self.records, 5_000_000, 100_000),
            warm_up: or(self.warm_up, 2_000_000, 10_000),
            record_size: 100,
            single_records: or(self.single_records, 20_000, 500),
            rate: 1_000,
            idle: Duration::from_secs(or(self.idle, 10, 1)),
            kafka_lib: self.kafka_lib,
            classes: self.classes,
            librdkafka: self.librdkafka,
            python: self.python,
            log4j: self.log4j,
            kafka_heap: self.kafka_heap.split_whitespace().map(str::to_owned).collect(),
            work: self.work,
        }
    }
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let results = args.results.clone();
    let lines = results.join("kafka.jsonl");
    let lines = File::create(&lines).with_context(|| format!("cannot create {}", lines.display()))?;
    let mut report = Report::new(io::stdout(), lines);
    measure(&args.plan(), &mut report)?;
    let table = report.table();
    writeln!(io::stdout().lock(), "\n{table}")?;
    std::fs::write(results.join("kafka.md"), &table)?;
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
