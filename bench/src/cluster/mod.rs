//! The figures of a cluster: how long its failovers take, what it withstands, what it costs.
//!
//! Zookeeper and brokers are real processes beside this one (`yak-testkit`), with the settings they have by themselves:
//! three replicas, a minimum ISR of two, `flush=sync`. A load notes the time of each acknowledgement by the monotonic
//! clock, so that a gap is known exactly; sessions and leaders are counted in the zookeeper's journal. Every reading is
//! said as soon as it is known, and the table comes at the end.

mod acks;
mod figures;
mod journal;
mod load;
mod plan;
mod report;
mod rig;
mod usage;

use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Result, anyhow};
pub use plan::{Figure, Plan};
pub use report::Report;
pub(crate) use usage::{machine, processor_time, resident_kib};

/// Measures what the plan names, in its order. A figure that fails is reported as such, and the next one follows.
///
/// # Errors
/// If nothing can be said to the report's output.
pub fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    report.say(&format!("machine: {}", machine(&std::env::temp_dir())))?;
    for figure in &plan.figures {
        report.say(&format!("\n== {figure}"))?;
        let outcome = catch_unwind(AssertUnwindSafe(|| figures::measure(*figure, plan, report)));
        if let Err(error) = outcome.unwrap_or_else(|panic| Err(said(&*panic))) {
            report.failed(*figure, &error)?;
        }
    }
    Ok(())
}

/// What a panic said: the test kit fails by panicking.
pub(crate) fn said(panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    anyhow!("{}", text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic"))
}
