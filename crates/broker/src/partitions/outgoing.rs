//! What partitions have to say to others of the cluster: progress to their leaders, proposals to the controller.
//!
//! A partition says it with its lock held, so nothing here waits: it is noted, and whoever carries it is woken.
//! What is noted twice is one, so there is never more than the partitions there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use yak_model::api::IsrProposal;
use yak_model::{BrokerId, PartitionIndex, TopicId};

/// Names a partition for ever.
pub(crate) type PartitionKey = (TopicId, PartitionIndex);

/// Notes of all partitions of this broker.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    progress: Mutex<BTreeMap<BrokerId, Arc<Mailbox>>>,
    proposals: Mutex<BTreeMap<PartitionKey, IsrProposal>>,
    proposed: Notify,
}

/// Partitions whose leader, one and the same broker, is to be told how far they are.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    moved: Mutex<BTreeSet<PartitionKey>>,
    /// Woken by every note.
    pub(crate) noted: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is complete before anything may fail.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mailbox {
    /// Takes the notes.
    pub(crate) fn take(&self) -> BTreeSet<PartitionKey> {
        std::mem::take(&mut lock(&self.moved))
    }
}

impl Outgoing {
    /// The notes for one leader. There are as many as brokers that ever led.
    pub(crate) fn mailbox(&self, leader: BrokerId) -> Arc<Mailbox> {
        Arc::clone(lock(&self.progress).entry(leader).or_default())
    }

    /// A follower's durable end moved.
    pub(super) fn progressed(&self, leader: BrokerId, partition: PartitionKey) {
        let mailbox = self.mailbox(leader);
        lock(&mailbox.moved).insert(partition);
        mailbox.noted.notify_one();
    }

    /// A leader proposes another ISR; its later proposal takes the place of one that nobody carried yet.
    pub(super) fn propose(&self, proposal: IsrProposal) {
        lock(&self.proposals).insert((proposal.topic_id, proposal.partition), proposal);
        self.proposed.notify_one();
    }

    /// The next proposals, at most `limit`, waiting until there are some. Cancel safe.
    pub(crate) async fn proposals(&self, limit: usize) -> Vec<IsrProposal> {
        loop {
            {
                let mut noted = lock(&self.proposals);
                if !noted.is_empty() {
                    let taken = std::iter::from_fn(|| noted.pop_first().map(|(_, proposal)| proposal));
                    return taken.take(limit).collect();
                }
            }
            self.proposed.notified().await;
        }
    }
}
