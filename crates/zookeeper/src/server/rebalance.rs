//! `auto.leader.rebalance.enable`: from time to time leadership goes back to preferred leaders that are in sync.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use yak_core::controller::RebalanceLeaders;

use super::desk::Desk;

/// Looks every `every`, for as long as the server runs.
pub(super) async fn run(desk: Arc<Desk>, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick comes at once.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if desk.refuse_if_older().is_err() {
            continue;
        }
        match desk.handle().submit(RebalanceLeaders).await {
            Ok(0) => {}
            Ok(partitions) => tracing::info!(partitions, "leaders_rebalanced"),
            Err(rejection) => tracing::warn!(%rejection, "leaders_not_rebalanced"),
        }
    }
}
