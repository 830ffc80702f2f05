//! Figures beside Apache Kafka's: the same clients on both, and a sink that says what these clients can reach.
//!
//! In each round of a workload every system is tried once, one after the other, each freshly started and warmed up, and
//! the one to begin with changes from round to round. A ratio is that of two readings of one round; what is said in the
//! end is the median of the ratios. Clients, their settings and the machine are the same for all.

pub mod ask;
mod clients;
mod kafka;
mod peer;
mod plan;
mod process;
mod report;
pub mod sink;
pub mod wire;
mod workloads;

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Result, anyhow};
pub use plan::{Plan, System, Workload};
pub use report::Report;

use crate::cluster::{machine, said};

/// Measures what the plan names. What fails is reported as such, and the next one follows.
///
/// # Errors
/// If nothing can be said to the report's output, or a program is missing altogether.
pub fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    report.note("machine", &machine(&plan.work))?;
    report.note("versions", &clients::versions(plan)?)?;
    report.note("settings", &settings(plan))?;
    for workload in &plan.workloads {
        report.say(&format!("\n== {workload}"))?;
        for round in 1..=plan.pairs {
            for system in order(plan, *workload, round) {
                let directory = tempfile::tempdir_in(&plan.work)?;
                let what = (*workload, system);
                let outcome =
                    catch_unwind(AssertUnwindSafe(|| workloads::measure(plan, what, directory.path())));
                match outcome.unwrap_or_else(|panic| Err(said(&*panic))) {
                    Ok(readings) => {
                        for (metric, value) in readings {
                            report.read((system, round), metric, value)?;
                        }
                    }
                    Err(error) => {
                        let error = anyhow!("{error:#}\n{}", process::logs(directory.path()));
                        report.failed(&format!("{workload} on {system}, round {round}"), &error)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// The systems that a workload is tried on, each round beginning with another one.
fn order(plan: &Plan, workload: Workload, round: u32) -> Vec<System> {
    let mut systems: Vec<System> =
        plan.systems.iter().copied().filter(|system| workload.concerns(*system)).collect();
    if !systems.is_empty() {
        let first = usize::try_from(round - 1).unwrap_or(0) % systems.len();
        systems.rotate_left(first);
    }
    systems
}

fn settings(plan: &Plan) -> String {
    let Plan { pairs, records, warm_up, record_size, single_records, rate, kafka_heap, .. } = plan;
    format!(
        "{pairs} rounds; {records} records of {record_size} bytes after {warm_up} that do not count; producers: \
         batch.size=65536, linger.ms=5, no compression; one at a time: {single_records} at {rate}/s, linger.ms=0; one \
         partition; Kafka's processes with {}, otherwise its defaults",
        kafka_heap.join(" ")
    )
}
