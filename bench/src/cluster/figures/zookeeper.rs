//! The zookeeper is killed and comes back later, while producers with `acks=all` and with `acks=1` go on.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;
use yak_model::api::Acks;

use super::{LONG, count, finish};
use crate::cluster::load::{Load, Pace};
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};
use crate::cluster::rig::{BROKERS, Mark, builder, create_topic, sizes};

/// How long is watched what its return does.
const AFTER: Duration = Duration::from_secs(10);
const ALL: Row = Row::max("zookeeper away for a minute, acks=all: longest gap", "<= 100 ms", "ms");
const ONE: Row = Row::max("zookeeper away, acks=1: longest gap", "<= 100 ms", "ms");
const LOST: Row = Row::max("zookeeper away: records failed or unknown", "0", "");
const MOVED: Row = Row::max("zookeeper away: leaders moved", "0", "");
const FENCED: Row = Row::max("zookeeper away: sessions lost", "0", "");

pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let mut cluster = builder().start();
    let directory = cluster.zookeeper_data();
    let mut loads = Vec::new();
    for (topic, acks, row) in [("all", Acks::All, ALL), ("one", Acks::Leader, ONE)] {
        create_topic(&cluster, topic, BROKERS, "");
        loads.push((row, Load::start(&cluster.bootstrap(), topic, acks, Pace::Every(plan.every))?));
    }
    let mark = Mark::now(&directory)?;
    report.say(&sizes(&cluster))?;
    sleep(Duration::from_secs(1));
    let begin = Instant::now();
    cluster.kill_zookeeper();
    sleep(plan.zookeeper_away);
    cluster.start_zookeeper();
    sleep(AFTER);
    report.say(&sizes(&cluster))?;
    let mut lost = 0;
    for (row, load) in loads {
        load.settle()?;
        let end = Instant::now();
        report.read_ms(row, load.look(|series| series.longest_gap(begin, end)))?;
        lost += finish(load, begin, Some(LONG), report)?;
    }
    report.read(LOST, count(lost))?;
    let happened = mark.happened()?;
    happened.causes.iter().try_for_each(|cause| report.say(&format!("cause: {cause}")))?;
    report.read(MOVED, count(happened.leaders_moved))?;
    report.read(FENCED, count(happened.fenced))
}
