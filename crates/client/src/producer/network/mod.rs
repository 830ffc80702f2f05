//! The network task of a producer: one task, all connections, no locks but the one shared with the owner.
//!
//! ```text
//!   loop: take up what was pushed ─► stamp and hand to links ─► write ─► wait ─► read, judge, report
//! ```
//!
//! Everything that takes time (connecting, metadata) is done by tasks of its own, whose results come in
//! through [`Done`]. The loop waits for: the owner, a socket, a result, or the nearest deadline; when there is
//! nothing to send it sleeps without a timer.

mod connect;
mod link;
mod metadata;
mod partition;
mod report;
mod send;
mod verdict;
mod wait;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use connect::{Done, connect};
pub(super) use connect::{greet, obtain_identity};
pub(super) use link::Link;
use metadata::leader_of;
use partition::Partition;
use report::Reports;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use yak_model::{BrokerId, ProducerEpoch, ProducerId};

use super::batch::Batch;
use super::shared::Shared;
use super::{Delivery, ProducerConfig, Slot};
use crate::cluster::Backoff;
use crate::{ClientError, Cluster};

/// Memory of so many batches is kept to be used again.
const MAX_SPARE: usize = 32;
/// That of larger ones is not.
const MAX_SPARE_BYTES: usize = 512 * 1024;

/// Where deliveries go.
type OnDelivery = Box<dyn FnMut(&Delivery<'_>) + Send>;

/// See the head of the file.
pub(super) struct Network {
    cluster: Cluster,
    config: Arc<ProducerConfig>,
    shared: Arc<Shared>,
    /// By slot.
    partitions: Vec<Partition>,
    /// The slots of partitions with something in their queue, in the order in which they are served.
    listed: Vec<Slot>,
    identity: Option<(ProducerId, ProducerEpoch)>,
    links: BTreeMap<BrokerId, Link>,
    /// Brokers that are being connected to, or are not to be tried again before a certain time.
    dialling: BTreeMap<BrokerId, Dialling>,
    tasks: JoinSet<Done>,
    refresh: Refresh,
    /// What the cluster's subscription heard.
    news: watch::Receiver<u64>,
    reports: Reports,
    /// When a partial batch has lingered long enough.
    lingers_until: Option<Instant>,
    closing: Option<Instant>,
}

/// A broker without connection.
#[derive(Debug)]
struct Dialling {
    is_under_way: bool,
    not_before: Instant,
    backoff: Backoff,
}

/// How up to date metadata is.
#[derive(Debug)]
struct Refresh {
    is_under_way: bool,
    is_wanted: bool,
    not_before: Instant,
    /// When it was last heard, so that new partitions are found.
    heard: Instant,
    backoff: Backoff,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("links", &self.links).finish_non_exhaustive()
    }
}

/// Tells the owner that the task has ended, however it did.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.lock().ended = Some(ClientError::Closed);
        self.0.progress.notify_one();
    }
}

impl Network {
    pub(super) fn new(
        cluster: &Cluster,
        config: &Arc<ProducerConfig>,
        shared: Arc<Shared>,
        identity: Option<(ProducerId, ProducerEpoch)>,
        on_delivery: OnDelivery,
    ) -> Self {
        let now = Instant::now();
        let backoff = Backoff::new(cluster.config());
        Self {
            cluster: cluster.clone(),
            config: Arc::clone(config),
            shared,
            partitions: Vec::new(),
            listed: Vec::new(),
            identity,
            links: BTreeMap::new(),
            dialling: BTreeMap::new(),
            tasks: JoinSet::new(),
            refresh: Refresh { is_under_way: false, is_wanted: false, not_before: now, heard: now, backoff },
            news: cluster.news(),
            reports: Reports::new(on_delivery),
            lingers_until: None,
            closing: None,
        }
    }

    /// Until it is told to close, and everything is reported.
    pub(super) async fn run(mut self) {
        let _ending = Ending(Arc::clone(&self.shared));
        loop {
            let now = Instant::now();
            self.give_up_overdue(now);
            self.hear_news(now);
            let outstanding = self.take_up(now);
            if let Some(deadline) = self.closing
                && (outstanding == 0 || now >= deadline)
            {
                return self.report_rest();
            }
            self.dispatch(now);
            let has_room = self.write(now);
            self.refresh_if_due(now);
            if self.reports.is_empty() && !has_room {
                self.wait(now).await;
            }
            self.read(Instant::now());
        }
    }

    /// Exchanges with the owner: takes what is to be sent, gives back memory and counts. Returns how many
    /// records have not been reported.
    fn take_up(&mut self, now: Instant) -> u64 {
        let mut state = self.shared.lock();
        self.reports.settle(&mut state);
        for at in self.partitions.len()..state.slots.len() {
            let slot = &state.slots[at];
            let backoff = Backoff::new(self.cluster.config());
            let mut partition = Partition::new(slot.topic.clone(), slot.partition, self.identity, backoff);
            partition.leader = leader_of(&self.cluster, &partition);
            partition.last_leader = partition.leader;
            self.partitions.push(partition);
        }
        for link in state.links.drain(..) {
            self.links.entry(link.broker).or_insert(link);
        }
        for batch in state.sealed.drain(..) {
            enqueue(&mut self.partitions, &mut self.listed, batch);
        }
        self.closing = state.closing;
        self.lingers_until = None;
        if state.is_fed {
            state.is_open_wanted = true;
        } else {
            let drains = state.must_drain();
            let open_slots = std::mem::take(&mut state.open_slots);
            for slot in open_slots {
                let Some(batch) = state.open[slot.0].take() else { continue };
                let ripe = batch.opened + self.config.linger;
                let is_idle = self.partitions[slot.0].is_idle();
                if drains || (is_idle && ripe <= now) {
                    enqueue(&mut self.partitions, &mut self.listed, batch);
                    continue;
                }
                if is_idle {
                    self.lingers_until = Some(self.lingers_until.map_or(ripe, |until| until.min(ripe)));
                }
                state.open[slot.0] = Some(batch);
                state.open_slots.push(slot);
            }
        }
        if state.is_served() {
            self.shared.progress.notify_one();
        }
        state.stats.outstanding()
    }

    /// Takes in results of tasks.
    fn done(&mut self, done: Done, now: Instant) {
        match done {
            Done::Connected(broker, Ok(link)) => {
                self.dialling.remove(&broker);
                self.links.insert(broker, link);
            }
            Done::Connected(broker, Err(error)) => {
                tracing::info!(%broker, %error, "cannot connect to a leader");
                if let Some(dialling) = self.dialling.get_mut(&broker) {
                    dialling.is_under_way = false;
                    dialling.not_before = now + dialling.backoff.next();
                }
                for slot in &self.listed {
                    let partition = &mut self.partitions[slot.0];
                    if partition.leader.is_some_and(|(leader, _)| leader == broker) {
                        partition.last_error = Some(error.clone());
                    }
                }
                self.refresh.is_wanted = true;
            }
            Done::Refreshed(result) => self.refreshed(result, now),
            Done::Identified(Ok(identity)) => {
                self.identity = Some(identity);
                for partition in self.partitions.iter_mut().filter(|partition| partition.identity.is_none()) {
                    partition.begin_anew(identity);
                }
            }
            Done::Identified(Err(error)) => {
                tracing::warn!(%error, "cannot obtain a producer id");
                self.obtain_identity();
            }
        }
    }

    /// The epochs of the producer id are used up: another id.
    fn obtain_identity(&mut self) {
        let cluster = self.cluster.clone();
        self.tasks.spawn(async move { Done::Identified(obtain_identity(&cluster).await) });
    }

    /// The end: what is left is failed if it was never sent, else unknown.
    fn report_rest(mut self) {
        let links = std::mem::take(&mut self.links);
        let in_flight: Vec<Batch> = links.into_values().flat_map(Link::into_batches).collect();
        let mut state = self.shared.lock();
        let sealed = std::mem::take(&mut state.sealed);
        let open: Vec<Batch> = state.open.iter_mut().filter_map(Option::take).collect();
        drop(state);
        let queued: Vec<Batch> =
            self.partitions.iter_mut().flat_map(|partition| std::mem::take(&mut partition.queue)).collect();
        for batch in in_flight.into_iter().chain(queued).chain(sealed).chain(open) {
            let partition = &self.partitions[batch.slot.0];
            let error = partition.last_error.clone().unwrap_or(ClientError::Closed);
            self.reports.not_acknowledged(batch, partition, &error);
        }
        self.reports.settle(&mut self.shared.lock());
    }
}

fn enqueue(partitions: &mut [Partition], listed: &mut Vec<Slot>, batch: Batch) {
    let slot = batch.slot;
    partitions[slot.0].enqueue(batch);
    list(listed, &mut partitions[slot.0], slot);
}

/// Notes that the partition has something in its queue.
fn list(listed: &mut Vec<Slot>, partition: &mut Partition, slot: Slot) {
    if !partition.is_listed {
        partition.is_listed = true;
        listed.push(slot);
    }
}
