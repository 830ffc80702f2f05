//! Commits that nobody needs any more, and groups of which nothing is left, go by time.

use std::sync::Arc;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;

/// Looks at the groups of this broker each `offsets.retention.check.interval.ms`, until `shutdown`.
pub(crate) async fn run(broker: Arc<Broker>, shutdown: CancellationToken) {
    let every = broker.config.groups.retention_check_interval;
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        broker.groups.shards().iter().for_each(|shard| shard.expire());
    }
}
