//! A leader dies or hangs: from that moment to the first acknowledgement by another.
//!
//! What the former leader acknowledged is still on its way for a moment; an acknowledgement is another leader's when
//! the former one is not among those who hold the record.

use std::time::Instant;

use anyhow::{Result, ensure};
use yak_model::api::Acks;
use yak_testkit::Cluster;

use super::{count, finish};
use crate::cluster::load::{Load, Pace};
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};
use crate::cluster::rig::{BROKERS, builder, create_topic, leader, pause, sizes, wait_whole};

const TOPIC: &str = "failover";
const KILL: Row = Row::percentiles(
    "kill -9 of a leader to the next acknowledged record",
    "p50 <= 400 ms, max <= 1,600 ms",
    "ms",
);
const STOP: Row =
    Row::percentiles("SIGSTOP of a leader to the next acknowledged record", "max <= 1,800 ms", "ms");
const KILL_LOST: Row = Row::max("kill -9 of leaders: records failed or unknown", "", "");
const STOP_LOST: Row = Row::max("SIGSTOP of leaders: records failed or unknown", "", "");

/// `kill -9`, then a new process, until it is in the ISR again.
pub(super) fn kill(plan: &Plan, report: &mut Report) -> Result<()> {
    disturb(plan, report, (plan.kills, KILL, KILL_LOST), |cluster, victim| {
        let at = Instant::now();
        cluster.kill(victim);
        at
    })
}

/// `SIGSTOP`, then `SIGCONT`, until it is in the ISR again.
pub(super) fn stop(plan: &Plan, report: &mut Report) -> Result<()> {
    disturb(plan, report, (plan.stops, STOP, STOP_LOST), |cluster, victim| {
        let at = Instant::now();
        cluster.pause(victim);
        at
    })
}

fn disturb(
    plan: &Plan,
    report: &mut Report,
    (times, row, lost): (usize, Row, Row),
    strike: impl Fn(&mut Cluster, i32) -> Instant,
) -> Result<()> {
    let mut cluster = builder().start();
    create_topic(&cluster, TOPIC, 1, "");
    let load = Load::start(&cluster.bootstrap(), TOPIC, Acks::All, Pace::Every(plan.every))?;
    report.say(&sizes(&cluster))?;
    let begin = Instant::now();
    for number in 0..times {
        pause(number);
        let victim = leader(&cluster, TOPIC);
        let at = strike(&mut cluster, victim);
        let answered = load.wait_for_ack(at, |ack| !ack.is_held_by(victim));
        // Whatever came of it, a stopped process must go on.
        if cluster.running().contains(&victim) {
            cluster.resume(victim);
        } else {
            cluster.restart(victim);
        }
        report.read_ms(row, answered? - at)?;
        // The broker that was away may not know yet that it leads no more.
        let other = (1..=BROKERS).find(|id| *id != victim).unwrap_or(1);
        let now = cluster.wait_for_leader(other, (TOPIC, 0), |_| true);
        ensure!(now != victim, "broker {victim} leads although it was away");
        wait_whole(&cluster, other)?;
        wait_whole(&cluster, victim)?;
    }
    report.say(&sizes(&cluster))?;
    let unacknowledged = finish(load, begin, None, report)?;
    report.read(lost, count(unacknowledged))
}
