//! This broker as a follower: one fetcher for each leader, begun and ended as the metadata says.
//!
//! ```text
//!   image applied ─► who follows whom ─► fetcher of broker 2 ─┬─ link (one connection)
//!                                        fetcher of broker 3  └─ following (what the leader was told)
//!   every 500 ms  ─► partitions that lead others: who lags?
//!   proposals     ─► the controller, many at once, one request in flight
//! ```

mod fetcher;
mod following;
mod isr_changes;
mod keys;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use yak_model::BrokerId;

use self::fetcher::{Assigned, Fetcher};
use self::following::by_leader;
pub(crate) use self::keys::ReplicationKeys;
use crate::broker::Broker;
use crate::link::Peer;

/// How often leaders look for followers that lag.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A fetcher's task.
#[derive(Debug)]
struct Running {
    peer: Peer,
    epoch: (yak_model::BrokerEpoch, yak_model::BrokerEpoch),
    assigned: watch::Sender<Assigned>,
    stop: CancellationToken,
}

/// Replicates until `stop`.
pub(crate) async fn run(broker: Arc<Broker>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    tasks.spawn(isr_changes::run(Arc::clone(&broker), stop.clone()));
    let mut running: BTreeMap<BrokerId, Running> = BTreeMap::new();
    let mut applied = broker.followed_index();
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut leads_others = assign(&broker, &mut running, &tasks, &stop);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            changed = applied.changed() => {
                if changed.is_err() {
                    break;
                }
                leads_others = assign(&broker, &mut running, &tasks, &stop);
            }
            // Only while somebody follows: an idle broker has no timer here.
            _ = ticks.tick(), if leads_others => {
                let online = broker.partitions.online();
                online.iter().filter(|partition| partition.watches_followers()).for_each(|led| led.handle_time());
            }
        }
    }
    drop(running);
    tasks.close();
    tasks.wait().await;
}

/// Makes the fetchers those that the metadata asks for. Whether this broker leads others.
fn assign(
    broker: &Arc<Broker>,
    running: &mut BTreeMap<BrokerId, Running>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> bool {
    let online = broker.partitions.online();
    let image = broker.image();
    let mut leaders = by_leader(&online);
    let wanted = |leader: &BrokerId| {
        let registration = &image.broker(*leader)?.registration;
        let peer = Peer {
            broker_id: *leader,
            cluster_id: image.cluster_id(),
            host: registration.host.clone(),
            port: registration.port,
        };
        Some((peer, (registration.broker_epoch, broker.epoch())))
    };
    running.retain(|leader, fetcher| {
        let stays = leaders.contains_key(leader)
            && wanted(leader).is_some_and(|(peer, epoch)| peer == fetcher.peer && epoch == fetcher.epoch);
        if !stays {
            fetcher.stop.cancel();
        }
        stays
    });
    while let Some((leader, partitions)) = leaders.pop_first() {
        if let Some(fetcher) = running.get(&leader) {
            fetcher.assigned.send_replace(Arc::new(partitions));
            continue;
        }
        let Some((peer, epoch)) = wanted(&leader) else { continue };
        let (assigned, receiver) = watch::channel(Arc::new(partitions));
        let stop = stop.child_token();
        let fetcher = Fetcher {
            broker: Arc::clone(broker),
            peer: peer.clone(),
            assigned: receiver,
            mailbox: broker.partitions.outgoing().mailbox(leader),
            stop: stop.clone(),
        };
        tasks.spawn(fetcher.run());
        running.insert(leader, Running { peer, epoch, assigned, stop });
    }
    online.iter().any(|partition| partition.watches_followers())
}
