//! A thousand groups of three members, which do nothing but say that they live.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use yak_kafka::messages::HeartbeatResponse;
use yak_testkit::KafkaSocket;

use super::classic::Member;
use super::one_broker;
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};
use crate::cluster::usage::Usage;

/// Members of each group, each on a connection that carries one member of every group.
const MEMBERS: usize = 3;
/// How often each says that it lives: Java's default.
const EVERY: Duration = Duration::from_secs(3);
const CPU: Row = Row::max(
    "1,000 groups of 3 classic members that heartbeat every 3 s: processor time of the broker, of one core",
    "<= 20 %",
    "%",
);

pub(in super::super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let (broker, _directory) = one_broker(1)?;
    let mut groups = Vec::with_capacity(plan.many_groups);
    for number in 0..plan.many_groups {
        groups.push(group(broker.bootstrap(), &format!("many-{number}"))?);
    }
    report.say(&format!("{} groups of {MEMBERS} have joined", groups.len()))?;
    // All heartbeats over three connections: what is measured is the broker, not the sockets of three thousand clients.
    let mut sockets: Vec<KafkaSocket> =
        (0..MEMBERS).map(|_| KafkaSocket::connect(broker.bootstrap())).collect();
    let heartbeats: Vec<Vec<_>> =
        groups.iter().map(|members| members.iter().map(Member::heartbeat).collect()).collect();
    let pause = EVERY / u32::try_from(groups.len()).context("not so many")?;
    let (began, before) = (Instant::now(), Usage::of(broker.pid()));
    let mut rounds = 0_u32;
    while began.elapsed() < plan.idle {
        for (number, group) in (0_u32..).zip(&heartbeats) {
            for (socket, heartbeat) in sockets.iter_mut().zip(group) {
                socket.send(4, heartbeat);
            }
            for socket in &mut sockets {
                let response: HeartbeatResponse = socket.read(4);
                ensure!(response.error_code.is_none(), "{:?}", response.error_code);
            }
            let next = began + EVERY * rounds + pause * (number + 1);
            sleep(next.saturating_duration_since(Instant::now()));
        }
        rounds += 1;
    }
    let used = Usage::of(broker.pid()).since(before).cpu;
    report.read(CPU, 100.0 * used.as_secs_f64() / began.elapsed().as_secs_f64())
}

/// A group whose members have all joined, one after another.
fn group(address: &str, name: &str) -> Result<Vec<Member>> {
    let mut members: Vec<Member> = Vec::with_capacity(MEMBERS);
    for _ in 0..MEMBERS {
        let mut member = Member::connect(address, name);
        member.send_join();
        ensure!(member.read_join()?.is_none(), "a new member is given its id first");
        member.send_join();
        // Who is there already is told so by its heartbeat, joins again, and so everybody has.
        if let Some(first) = members.first_mut() {
            while first.is_calm()? {}
        }
        members.iter_mut().for_each(Member::send_join);
        members.push(member);
        let mut joined = Vec::with_capacity(members.len());
        for member in &mut members {
            joined.push(member.read_join()?.context("it has its id")?);
        }
        // The leader's assignment comes first: the others' requests would wait for it.
        let mut order: Vec<usize> = (0..members.len()).collect();
        order.sort_by_key(|at| joined[*at].members.is_empty());
        for at in order {
            ensure!(members[at].sync(&joined[at])?, "nobody else joins");
        }
    }
    Ok(members)
}
