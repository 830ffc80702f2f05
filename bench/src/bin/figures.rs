//! Measures the figures of a cluster: a zookeeper and three brokers as processes of their own.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use yak_bench::cluster::{Figure, Plan, Report, measure};

/// Starts clusters beside itself, from the programs in its own directory, disturbs and loads them, and prints every
/// reading and then a table in Markdown. Data are in the system's temporary directory (TMPDIR) and go with it.
#[derive(Debug, Parser)]
struct Args {
    /// What to measure, in this order; by default everything.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Figure>,
    /// How often what is repeated is repeated, instead of as often as each figure wants.
    #[arg(long)]
    runs: Option<usize>,
    /// Short variants of everything: to see whether it works, not to measure.
    #[arg(long)]
    short: bool,
    /// How long the cluster is saturated, in minutes.
    #[arg(long)]
    minutes: Option<f64>,
    /// How long the zookeeper is away, in seconds.
    #[arg(long)]
    away: Option<u64>,
    /// How long the idle cluster is watched, in seconds.
    #[arg(long)]
    idle: Option<u64>,
    /// Lines of the file.
    #[arg(long)]
    lines: Option<u64>,
    /// Partitions all in all where there are many.
    #[arg(long)]
    partitions: Option<i32>,
    /// Where input is written; by default the system's temporary directory.
    #[arg(long)]
    work: Option<PathBuf>,
    /// Where the table is written too.
    #[arg(long)]
    table: Option<PathBuf>,
}

impl Args {
    fn plan(&self) -> Plan {
        let work = self.work.clone().unwrap_or_else(std::env::temp_dir);
        let mut plan = if self.short { Plan::short(work) } else { Plan::for_the_record(work) };
        if !self.only.is_empty() {
            plan.figures.clone_from(&self.only);
        }
        if let Some(runs) = self.runs {
            plan.repeat(runs.max(1));
        }
        plan.saturated =
            self.minutes.map_or(plan.saturated, |minutes| Duration::from_secs_f64(60.0 * minutes));
        plan.zookeeper_away = self.away.map_or(plan.zookeeper_away, Duration::from_secs);
        plan.idle = self.idle.map_or(plan.idle, Duration::from_secs);
        plan.lines = self.lines.unwrap_or(plan.lines);
        plan.partitions = self.partitions.unwrap_or(plan.partitions);
        plan
    }
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let mut report = Report::new(io::stdout());
    measure(&args.plan(), &mut report)?;
    let table = report.table();
    writeln!(io::stdout().lock(), "\n{table}")?;
    if let Some(path) = &args.table {
        std::fs::write(path, &table)?;
    }
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
