//! Three brokers as busy as the machine lets them, every record on three disks: nobody may be taken for dead.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use yak_model::api::Acks;

use super::{count, disk_text, gigabytes};
use crate::cluster::load::{Load, Pace};
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};
use crate::cluster::rig::{Mark, builder, create_topic, processes, sizes, usage};
use crate::cluster::usage::{DiskUse, bytes_under};

const TOPIC: &str = "saturated";
/// Two partitions of 1 GiB on three brokers, and the segments that are being written and deleted.
const PARTITIONS: i32 = 2;
const CONFIGS: &str = r#""flush":"sync","segment.bytes":"67108864","retention.bytes":"1073741824","file.delete.delay.ms":"1000""#;
/// More than this on disk ends it, before the disk is full.
const MAX_BYTES: u64 = 10_000_000_000;
const LOOK_EVERY: Duration = Duration::from_secs(1);
const FENCED: Row = Row::max("three brokers at full load with fsync: sessions lost", "0", "");
const MOVED: Row = Row::max("full load: leaders moved", "0", "");
const LOST: Row = Row::max("full load: records failed or unknown", "", "");
const RATE: Row = Row::median("full load: records acknowledged", "", "million records/s");
const GAP: Row = Row::max("full load: longest gap between acknowledgements", "", "ms");
const CORES: Row = Row::median("full load: processor time of all processes, of one core", "", "%");
const BYTES: Row = Row::max("full load: most on disk at a time", "< 10 GB", "GB");

pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let cluster = builder().set("log.retention.check.interval.ms", "2000").start();
    create_topic(&cluster, TOPIC, PARTITIONS, CONFIGS);
    let (directory, zookeeper) = (cluster.directory(), cluster.zookeeper_data());
    let mark = Mark::now(&zookeeper)?;
    let all = processes(&cluster);
    report.say(&sizes(&cluster))?;
    // Two producers: one alone is bound by its own processor time.
    let bootstrap = cluster.bootstrap();
    let loads = [0, 1].map(|_| Load::start(&bootstrap, TOPIC, Acks::All, Pace::Full));
    let loads = loads.into_iter().collect::<Result<Vec<Load>>>()?;
    let (begin, before, own) = (Instant::now(), usage(&all), own());
    let disk = DiskUse::of(directory);
    let mut most = 0;
    while begin.elapsed() < plan.saturated && loads.iter().all(Load::is_running) {
        sleep(LOOK_EVERY);
        most = most.max(bytes_under(directory));
        ensure!(most < MAX_BYTES, "{most} bytes are on disk; retention does not keep up");
    }
    let (end, used, own) = (Instant::now(), usage(&all), own_since(own));
    let seconds = (end - begin).as_secs_f64();
    let disk = DiskUse::of(directory).since(disk);
    report.say(&sizes(&cluster))?;
    let mut cpu = own.as_secs_f64();
    for (name, used) in &used {
        let used = used.since(before[name]).cpu.as_secs_f64();
        cpu += used;
        report.say(&format!("{name}: {:.0} % of a core", 100.0 * used / seconds))?;
    }
    report.say(&format!("the producers: {:.0} % of a core", 100.0 * own.as_secs_f64() / seconds))?;
    report.say(&disk_text(disk, seconds))?;
    let happened = mark.happened()?;
    happened.causes.iter().try_for_each(|cause| report.say(&format!("cause: {cause}")))?;
    report.say(&format!("changes of an ISR alone: {}", happened.isr_changes))?;
    report.read(FENCED, count(happened.fenced))?;
    report.read(MOVED, count(happened.leaders_moved))?;
    report.read(CORES, 100.0 * cpu / seconds)?;
    report.read(BYTES, gigabytes(most))?;
    let (mut records, mut lost, mut gap) = (0, 0, Duration::ZERO);
    for load in loads {
        gap = gap.max(load.look(|series| series.longest_gap(begin, end)));
        let ended = load.end()?;
        records += ended
            .series
            .since(begin)
            .iter()
            .filter(|ack| ack.at <= end)
            .map(|ack| ack.records)
            .sum::<usize>();
        lost += ended.series.lost_records();
        if let Some(loss) = ended.series.first_loss() {
            report.say(&format!("the first that was not acknowledged: {loss}"))?;
        }
    }
    report.read(LOST, count(lost))?;
    report.read_ms(GAP, gap)?;
    report.read(RATE, count(records) / seconds / 1e6)
}

/// What this process has used, in which the producers are.
fn own() -> Duration {
    crate::cluster::usage::Usage::of(std::process::id()).cpu
}

fn own_since(earlier: Duration) -> Duration {
    own().saturating_sub(earlier)
}
