//! What happens by time: old segments are deleted, open ones rolled.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;

/// The first look, so that a start is not burdened with it (as in Kafka).
const FIRST_CHECK: Duration = Duration::from_secs(30);

/// Looks at every log each `log.retention.check.interval.ms`, until `shutdown`.
pub(crate) async fn run(broker: Arc<Broker>, shutdown: CancellationToken) {
    let every = broker.config.retention_check_interval;
    let mut ticks = interval_at(Instant::now() + every.min(FIRST_CHECK), every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let broker = Arc::clone(&broker);
        if let Err(error) = tokio::task::spawn_blocking(move || look_at_every_log(&broker)).await {
            tracing::error!(%error, "a retention check failed");
        }
    }
}

fn look_at_every_log(broker: &Broker) {
    let clock = match broker.directory.retention_clock(broker.clock.wall()) {
        Ok(clock) => clock,
        Err(error) => return tracing::error!(%error, "retention failed"),
    };
    for partition in broker.partitions.online() {
        let high_watermark = partition.high_watermark();
        let looked = partition.with_log(|log| {
            log.roll_if_due(broker.clock.wall())?;
            log.retain(&clock, high_watermark)
        });
        if let Some(Err(error)) = looked {
            tracing::error!(partition = %partition.id(), %error, "retention failed");
        }
    }
}
