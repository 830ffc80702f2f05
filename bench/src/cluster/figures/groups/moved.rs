//! `kill -9` of the broker that coordinates a group: until a commit succeeds again.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use yak_testkit::{Cluster, Socket};

use super::{PATIENCE, TOPIC, loaded};
use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};
use crate::cluster::rig::{builder, create_topic, pause, wait_whole};

const GROUP: &str = "moved";
const MOVED: Row = Row::percentiles(
    "kill -9 of the broker that coordinates a group: until a commit succeeds again",
    "<= 1,600 ms",
    "ms",
);

pub(in super::super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let mut cluster = builder().start();
    create_topic(&cluster, TOPIC, 1, "");
    let mut offset = 0;
    cluster.connect(1).ok(&json!({"op": "find_coordinator", "group": GROUP}).to_string());
    wait_whole(&cluster, 1)?;
    for run in 0..plan.group_runs {
        let coordinator = coordinator(&cluster).context("a coordinator")?;
        loaded(&mut cluster.connect(coordinator), GROUP)?;
        ensure!(commits(&mut cluster.connect(coordinator), offset), "it commits before");
        pause(run);
        let began = Instant::now();
        cluster.kill(coordinator);
        while !try_commit(&cluster, offset + 1) {
            ensure!(began.elapsed() < PATIENCE, "no commit after {PATIENCE:?}");
            sleep(Duration::from_millis(5));
        }
        report.read_ms(MOVED, began.elapsed())?;
        offset += 2;
        cluster.restart(coordinator);
        wait_whole(&cluster, coordinator)?;
    }
    Ok(())
}

/// Who coordinates the group, by the first broker that answers.
fn coordinator(cluster: &Cluster) -> Option<i32> {
    let line = json!({"op": "find_coordinator", "group": GROUP}).to_string();
    cluster.running().into_iter().find_map(|id| {
        let found = cluster.connect(id).ask(&line)["ok"]["coordinator"]["broker_id"].as_i64()?;
        i32::try_from(found).ok().filter(|found| cluster.running().contains(found))
    })
}

fn try_commit(cluster: &Cluster, offset: u64) -> bool {
    coordinator(cluster).is_some_and(|id| commits(&mut cluster.connect(id), offset))
}

fn commits(socket: &mut Socket, offset: u64) -> bool {
    let offsets = json!([{"topic": TOPIC, "partition": 0, "offset": offset}]);
    let reply = socket.ask(&json!({"op": "offset_commit", "group": GROUP, "offsets": offsets}).to_string());
    let result: &Value = &reply["ok"]["results"][0];
    result.is_object() && result["error"].is_null()
}
