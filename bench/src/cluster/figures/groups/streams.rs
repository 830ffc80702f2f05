//! Members on group streams: ten that start together, and one whose process dies.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use yak_testkit::Broker;

use super::{PATIENCE, TOPIC, next_assignment, one_broker, partitions};
use crate::cluster::figures::count;
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};

const MEMBERS: usize = 10;
const PARTITIONS: usize = 30;
/// With nothing new for so long everybody has what is theirs.
const CALM: Duration = Duration::from_secs(1);
const ASSIGNED: Row = Row::percentiles(
    "10 members on group streams that start together, 30 partitions: until all have theirs",
    "<= 500 ms",
    "ms",
);
const MOVES: Row =
    Row::max("10 members on group streams: most owners that a partition had on the way", "<= 3", "");
const DIED: Row = Row::percentiles(
    "a member on a group stream dies: until another has its partitions",
    "<= 1,000 ms",
    "ms",
);

/// Who was given which partitions, and when.
type Given = (usize, Vec<i64>, Instant);

pub(in super::super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let (broker, _directory) = one_broker(i32::try_from(PARTITIONS)?)?;
    for run in 0..plan.group_runs {
        let group = format!("streams-{run}");
        let began = Instant::now();
        let (sender, given) = mpsc::channel();
        let closers: Vec<TcpStream> =
            (0..MEMBERS).map(|number| start(&broker, &group, number, sender.clone())).collect();
        let (owners, last) = settle(&given)?;
        report.read_ms(ASSIGNED, last - began)?;
        report.read(MOVES, count(owners.values().map(Vec::len).max().unwrap_or(0)))?;
        let died = Instant::now();
        let mut closers = closers.into_iter();
        closers.next().context("ten")?.shutdown(Shutdown::Both)?;
        let (_, last) = settle(&given)?;
        report.read_ms(DIED, last - died)?;
        for socket in closers {
            socket.shutdown(Shutdown::Both)?;
        }
    }
    Ok(())
}

/// Waits until nothing is new. The owners of each partition, in order, and when the last was given.
fn settle(given: &Receiver<Given>) -> Result<(BTreeMap<i64, Vec<usize>>, Instant)> {
    let (mut owners, mut last) = (BTreeMap::<i64, Vec<usize>>::new(), None);
    let deadline = Instant::now() + PATIENCE;
    while let Ok((member, partitions, at)) = given.recv_timeout(CALM) {
        ensure!(Instant::now() < deadline, "no calm after {PATIENCE:?}");
        for partition in partitions {
            let owners = owners.entry(partition).or_default();
            if owners.last() != Some(&member) {
                owners.push(member);
                last = Some(at);
            }
        }
    }
    Ok((owners, last.context("something was given")?))
}

/// A member on a thread of its own. Shutting the socket down is its death.
fn start(broker: &Broker, group: &str, number: usize, given: Sender<Given>) -> TcpStream {
    let mut stream = broker.connect();
    let closer = stream.handle();
    let mut says = broker.connect();
    let (group, member) = (group.to_owned(), format!("member-{number}"));
    let join = json!({"op": "group_stream", "group": group, "topics": [TOPIC], "member_id": member});
    thread::spawn(move || {
        stream.send(&join.to_string());
        // Its thread ends with the stream.
        while let Ok(assignment) = next_assignment(&mut stream) {
            let partitions = partitions(&assignment["topics"]);
            says.ask(&owned(&group, &member, &assignment).to_string());
            if given.send((number, partitions, Instant::now())).is_err() {
                return;
            }
        }
    });
    closer
}

fn owned(group: &str, member: &str, assignment: &Value) -> Value {
    let topics = assignment["topics"].as_array().into_iter().flatten();
    let owned: Vec<Value> = topics
        .map(|topic| json!({"topic_id": topic["topic_id"], "partitions": topic["partitions"]}))
        .collect();
    let epoch = &assignment["member_epoch"];
    json!({"op": "consumer_group_heartbeat", "group": group, "member_id": member, "member_epoch": epoch, "owned": owned})
}
