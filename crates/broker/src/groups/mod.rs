//! The group coordinator: who is a member, who has which partitions, how far each group has come.
//!
//! ```text
//!   group ──hash──► partition of __consumer_offsets ──leader──► the broker that coordinates it
//!
//!   request ──► Shard [ lock: groups (core) ] ──records──► the partition's log, acks=all
//!                        │                                        │ acknowledged, in order
//!                        └── commits, assignments in memory ◄─────┘ ──► the answer
//! ```
//!
//! Contract:
//!
//! - A [`Shard`] is the coordinator of the groups of one partition, for as long as this broker leads it in one epoch. It
//!   answers nothing before it has read the whole log and all of that is below the high watermark.
//! - What a shard writes is appended under its lock, so the order of the log is the order of its decisions. Nothing is
//!   answered, shown or built upon by others before its record is acknowledged as `acks=all`.
//! - A record that the log refuses, or whose fate is unknown, never leaves memory ahead of the log: what was decided with
//!   it is taken back, by the machine if it can, else by reading the log anew.
//! - A leader epoch goes with each append: a coordinator that was replaced writes nothing.
//! - Topics that are deleted take their commits with them, also those of the time before a coordinator was loaded.

mod around;
mod classic;
mod commits;
mod committed;
mod consumer;
mod describe;
mod forgetting;
mod load;
mod shard;
mod state;
mod stored;
#[cfg(test)]
mod tests;
mod topic;
mod writes;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use yak_core::image::{Change, Image};
use yak_model::api::{LeaderHint, Rejection};
use yak_model::{ErrorCode, GroupId, PartitionIndex};

pub(crate) use self::around::Around;
pub(crate) use self::consumer::{MemberAssignment, MemberLink, topics};
pub(crate) use self::shard::Shard;
pub(crate) use self::topic::{creation, name, partition_of};
use crate::partitions::Partitions;

/// The coordinators of this broker.
#[derive(Debug)]
pub(crate) struct Groups {
    around: Arc<Around>,
    shards: ArcSwap<BTreeMap<PartitionIndex, Arc<Shard>>>,
}

impl Groups {
    /// Of no group yet.
    pub(crate) fn new(around: Around) -> Self {
        Self { around: Arc::new(around), shards: ArcSwap::default() }
    }

    /// Coordinates, by this image, the groups of every partition that this broker leads. Called by one thread at a time,
    /// after the partitions were told, within a runtime.
    pub(crate) fn follow(&self, partitions: &Partitions, older: &Image, newer: &Arc<Image>) {
        let are_topics_new = changes_topics(older, newer);
        // Before a coordinator starts: one that loads at once must not take its members' topics for gone.
        if are_topics_new {
            self.around.topics.store(Arc::new(topics(newer)));
        }
        self.around.image.store(Arc::clone(newer));
        let present = self.shards.load();
        let mut led = BTreeMap::new();
        for record in newer.topic(&name()).into_iter().flat_map(|topic| topic.partitions()) {
            if record.leader != Some(self.around.broker_id) {
                continue;
            }
            let known = present.get(&record.partition).filter(|shard| shard.is_of(record));
            let shard = match (known, partitions.get(&record.topic, record.partition)) {
                (Some(shard), _) => Arc::clone(shard),
                (None, Ok(partition)) => {
                    Shard::start(partition, record.leader_epoch, Arc::clone(&self.around))
                }
                // Offline here; the image will say who leads instead.
                (None, Err(_)) => continue,
            };
            led.insert(record.partition, shard);
        }
        let ended: Vec<Arc<Shard>> = present
            .iter()
            .filter(|(index, shard)| !led.get(index).is_some_and(|kept| Arc::ptr_eq(kept, shard)))
            .map(|(_, shard)| Arc::clone(shard))
            .collect();
        if !led.is_empty() || !present.is_empty() {
            self.shards.store(Arc::new(led));
        }
        ended.iter().for_each(|shard| shard.end());
        if are_topics_new {
            self.shards.load().values().for_each(Shard::handle_topics);
        }
    }

    /// The coordinator of a group.
    ///
    /// # Errors
    /// `NOT_COORDINATOR` with the broker that is it, if there is one; `COORDINATOR_NOT_AVAILABLE`.
    pub(crate) fn shard(&self, group: &GroupId) -> Result<Arc<Shard>, Rejection> {
        let image = self.around.image.load();
        let partition = partition_of(&image, group)?;
        self.shards.load().get(&partition).cloned().ok_or_else(|| elsewhere(&image, group, partition))
    }

    /// All coordinators here.
    pub(crate) fn shards(&self) -> Vec<Arc<Shard>> {
        self.shards.load().values().cloned().collect()
    }

    /// Nobody is coordinated here any more: who waits is told so.
    pub(crate) fn end(&self) {
        let shards = self.shards.swap(Arc::default());
        shards.values().for_each(|shard| shard.end());
    }
}

/// Whether topics came, went or grew.
fn changes_topics(older: &Image, newer: &Image) -> bool {
    newer.changes_since(older).iter().any(|change| match change {
        Change::TopicCreated(_) | Change::TopicDeleted(_) => true,
        Change::Partition(record) => older.partition(&record.topic, record.partition).is_none(),
        Change::TopicConfig(_) => false,
    })
}

fn elsewhere(image: &Image, group: &GroupId, partition: PartitionIndex) -> Rejection {
    let message = format!("group '{group}' belongs to partition {partition} of {}", name());
    let record = image.partition(&name(), partition);
    let leader = record.and_then(|record| image.broker(record.leader?).map(|broker| (record, broker)));
    let Some((record, leader)) = leader else {
        let message = format!("{message}, which has no leader at the moment");
        return Rejection::new(ErrorCode::CoordinatorNotAvailable, message);
    };
    let message = format!("{message}, which broker {} leads", leader.id());
    Rejection::new(ErrorCode::NotCoordinator, message).with_leader(LeaderHint {
        broker_id: leader.id(),
        leader_epoch: record.leader_epoch,
        host: leader.registration.host.clone(),
        port: leader.registration.port,
    })
}
