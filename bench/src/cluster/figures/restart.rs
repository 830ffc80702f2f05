//! Brokers that end in order under load: they hand over what they lead, and nobody notices more than a pause.

use std::time::Instant;

use anyhow::{Result, ensure};
use yak_model::api::Acks;
use yak_testkit::Cluster;

use super::{LONG, count, finish};
use crate::cluster::load::{Load, Pace};
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};
use crate::cluster::rig::{BROKERS, builder, create_topic, leader, pause, sizes, wait_whole};

const TOPIC: &str = "restart";
const SHUTDOWN: Row = Row::percentiles(
    "clean shutdown (SIGTERM) of a leader under load: longest gap between acknowledgements",
    "max <= 100 ms",
    "ms",
);
const SHUTDOWN_ENDS: Row = Row::percentiles("clean shutdown: SIGTERM to the end of the process", "", "ms");
const SHUTDOWN_LOST: Row = Row::max("clean shutdown: records failed or unknown", "0", "");
const RETURN: Row =
    Row::percentiles("return of a broker that was shut down, until it is in the ISR: longest gap", "", "ms");
const ROLLING: Row = Row::percentiles(
    "rolling restart of all three under load, three partitions: longest gap in any of them",
    "max <= 100 ms",
    "ms",
);
const ROLLING_LOST: Row = Row::max("rolling restart: records failed or unknown", "0", "");

/// The leader of one partition ends, is started again, and returns to the ISR.
pub(super) fn shutdown(plan: &Plan, report: &mut Report) -> Result<()> {
    let mut cluster = builder().start();
    create_topic(&cluster, TOPIC, 1, "");
    let load = Load::start(&cluster.bootstrap(), TOPIC, Acks::All, Pace::Every(plan.every))?;
    report.say(&sizes(&cluster))?;
    let start = Instant::now();
    for number in 0..plan.shutdowns {
        pause(number);
        let victim = leader(&cluster, TOPIC);
        let begin = Instant::now();
        end(&mut cluster, victim)?;
        report.read_ms(SHUTDOWN_ENDS, begin.elapsed())?;
        load.settle()?;
        let ended = Instant::now();
        report.read_ms(SHUTDOWN, load.look(|series| series.longest_gap(begin, ended)))?;
        cluster.restart(victim);
        wait_whole(&cluster, victim)?;
        load.settle()?;
        report.read_ms(RETURN, load.look(|series| series.longest_gap(ended, Instant::now())))?;
    }
    report.say(&sizes(&cluster))?;
    let unacknowledged = finish(load, start, Some(LONG), report)?;
    report.read(SHUTDOWN_LOST, count(unacknowledged))
}

/// Each broker in turn, once the one before is in the ISR again.
pub(super) fn rolling(plan: &Plan, report: &mut Report) -> Result<()> {
    let mut cluster = builder().start();
    create_topic(&cluster, TOPIC, BROKERS, "");
    let load = Load::start(&cluster.bootstrap(), TOPIC, Acks::All, Pace::Every(plan.every))?;
    let start = Instant::now();
    for number in 0..plan.rollings {
        pause(number);
        let begin = Instant::now();
        for victim in 1..=BROKERS {
            end(&mut cluster, victim)?;
            cluster.restart(victim);
            wait_whole(&cluster, victim)?;
        }
        load.settle()?;
        report.read_ms(ROLLING, load.look(|series| series.longest_gap(begin, Instant::now())))?;
    }
    report.say(&sizes(&cluster))?;
    let unacknowledged = finish(load, start, Some(LONG), report)?;
    report.read(ROLLING_LOST, count(unacknowledged))
}

fn end(cluster: &mut Cluster, broker: i32) -> Result<()> {
    let code = cluster.shut_down(broker);
    ensure!(code == Some(0), "broker {broker} ended with {code:?}");
    Ok(())
}
