//! From nothing to the first record: a new member of a new group.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::classic::Member;
use super::{TOPIC, next_assignment, one_broker, partitions};
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};

const CLASSIC: Row = Row::percentiles(
    "first member of a new group, Kafka's protocol: from connecting to its first record",
    "<= 50 ms",
    "ms",
);
const STREAM: Row = Row::percentiles(
    "first member of a new group, NDJSON: from connecting to its first record",
    "<= 50 ms",
    "ms",
);

pub(in super::super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let (broker, _directory) = one_broker(1)?;
    broker.connect().ok(&json!({"op": "produce", "topic": TOPIC, "records": [{"value": "x"}]}).to_string());
    for run in 0..plan.group_runs {
        let began = Instant::now();
        let mut member = Member::connect(broker.bootstrap(), &format!("classic-{run}"));
        member.join()?;
        member.committed();
        let fetched = member.socket.fetch(12, (TOPIC, 0), 0);
        ensure!(fetched.error_code.is_none(), "{:?}", fetched.error_code);
        report.read_ms(CLASSIC, began.elapsed())?;
    }
    for run in 0..plan.group_runs {
        let began = Instant::now();
        let group = format!("stream-{run}");
        let mut asks = broker.connect();
        asks.ok(&json!({"op": "find_coordinator", "group": group}).to_string());
        let mut stream = broker.connect();
        stream.send(&json!({"op": "group_stream", "group": group, "topics": [TOPIC]}).to_string());
        let reply = stream.read_line().context("a reply")?;
        let assignment = next_assignment(&mut stream).context(reply)?;
        ensure!(partitions(&assignment["topics"]) == [0], "{assignment}");
        asks.ok(
            &json!({"op": "offset_fetch", "group": group, "partitions": [{"topic": TOPIC, "partition": 0}]})
                .to_string(),
        );
        asks.ok(&json!({"op": "fetch", "topic": TOPIC, "partition": 0, "offset": 0}).to_string());
        report.read_ms(STREAM, began.elapsed())?;
    }
    Ok(())
}
