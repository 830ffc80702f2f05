//! From the start of the zookeeper's process to the `YAK_READY` of the last broker.

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::cluster::plan::Plan;
use crate::cluster::report::{Report, Row};
use crate::cluster::rig::{BROKERS, builder};

const START: Row = Row::median("start of zookeeper and three brokers to all ready", "", "ms");

pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    for _ in 0..plan.starts {
        let mut cluster = builder().prepare();
        let begin = Instant::now();
        cluster.start_zookeeper();
        (1..=BROKERS).for_each(|id| cluster.start_broker(id));
        (1..=BROKERS).for_each(|id| _ = cluster.wait_ready(id));
        let ready: Option<Vec<Instant>> = (1..=BROKERS).map(|id| cluster.ready_at(id)).collect();
        let last = ready.and_then(|ready| ready.into_iter().max()).context("all are ready")?;
        report.read_ms(START, last - begin)?;
    }
    Ok(())
}
