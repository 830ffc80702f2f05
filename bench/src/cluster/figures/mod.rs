//! Each figure in a file of its own.

mod failover;
mod file;
mod groups;
mod idle;
mod partitions;
mod restart;
mod saturated;
mod start;
mod zookeeper;

use std::time::{Duration, Instant};

use anyhow::Result;

use super::load::Load;
use super::plan::{Figure, Plan};
use super::report::Report;
use super::usage::DiskUse;

/// Gaps longer than this are listed where none is expected.
const LONG: Duration = Duration::from_millis(50);

/// Measures one of them.
pub(super) fn measure(figure: Figure, plan: &Plan, report: &mut Report) -> Result<()> {
    match figure {
        Figure::Start => start::measure(plan, report),
        Figure::Kill => failover::kill(plan, report),
        Figure::Stop => failover::stop(plan, report),
        Figure::Shutdown => restart::shutdown(plan, report),
        Figure::Rolling => restart::rolling(plan, report),
        Figure::Zookeeper => zookeeper::measure(plan, report),
        Figure::Saturated => saturated::measure(plan, report),
        Figure::File => file::measure(plan, report),
        Figure::Idle => idle::measure(plan, report),
        Figure::Partitions => partitions::measure(plan, report),
        Figure::GroupFirst => groups::first(plan, report),
        Figure::GroupClassic => groups::classic(plan, report),
        Figure::GroupStreams => groups::streams(plan, report),
        Figure::GroupMoved => groups::moved(plan, report),
        Figure::GroupMany => groups::many(plan, report),
        Figure::GroupCommits => groups::commits(plan, report),
    }
}

/// Ends a load and says what came of it, gaps longer than `long` since `begin` included. How many records were not
/// acknowledged.
fn finish(load: Load, begin: Instant, long: Option<Duration>, report: &mut Report) -> Result<usize> {
    let ended = load.end()?;
    if let Some(loss) = ended.series.first_loss() {
        report.say(&format!("the first that was not acknowledged: {loss}"))?;
    }
    if let Some(long) = long {
        ended.series.gaps(begin, long).iter().try_for_each(|gap| report.say(&format!("gap in {gap}")))?;
    }
    report.say(&format!(
        "{} records acknowledged, {} batches sent again, the sender itself paused for at most {:.1} ms",
        ended.series.records(),
        ended.stats.retries,
        ended.series.longest_pause().as_secs_f64() * 1_000.0
    ))?;
    Ok(ended.series.lost_records())
}

/// A count as a reading.
fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// What the disk did, for a person.
fn disk_text(disk: DiskUse, seconds: f64) -> String {
    format!(
        "disk: {:.0} MB/s written, busy {:.0} % of the time",
        1_000.0 * gigabytes(disk.written) / seconds,
        100.0 * disk.busy.as_secs_f64() / seconds
    )
}

fn gigabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1_000_000).unwrap_or(u32::MAX)) / 1_000.0
}
