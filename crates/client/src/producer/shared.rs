//! What the owner of a producer and its network task share: one lock, taken once a batch, never for long.
//!
//! ```text
//!   owner ── Feed takes `open` whole ──► fills batches ──► full: `sealed`        ┐ wake
//!                                        └─ partial: back to `open` on drop      ┘ ─► network
//!   network ── takes `sealed`, and from `open` what need not wait for company ── sends, reports
//!           └─ gives memory back ──► `spare`, `used` ── progress ──► owner
//! ```
//!
//! Invariants: `used` is the sum of the charges of all batches that are open, sealed, queued or under way;
//! `stats.pushed` counts a record no later than the network can see it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use yak_model::{PartitionIndex, TopicName};

use super::batch::Batch;
use super::network::Link;
use super::{ProducerConfig, ProducerStats, Slot};
use crate::{ClientError, TopicInfo};

/// Batches of a partition that wait behind those under way, when memory is full.
const BATCHES_BEHIND: usize = 3;
/// As many records as large as a batch or larger may be under way in any case.
const LARGE_RECORDS: usize = 4;
/// Less memory than this is not worth saving.
const LEAST_LIMIT: usize = 1024 * 1024;

#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// The network has something to look at.
    pub(super) wake: Notify,
    /// The owner waits, and what it waits for may have come.
    pub(super) progress: Notify,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// Every partition of every opened topic; grows, never shrinks.
    pub(super) slots: Vec<SlotInfo>,
    pub(super) topics: Vec<SharedTopic>,
    /// Partial batches, by slot; empty while a feed has them.
    pub(super) open: Vec<Option<Batch>>,
    /// The slots that may have one.
    pub(super) open_slots: Vec<Slot>,
    /// A feed has `open`.
    pub(super) is_fed: bool,
    /// The network wanted `open` while a feed had it.
    pub(super) is_open_wanted: bool,
    /// Full batches, in order.
    pub(super) sealed: Vec<Batch>,
    /// Memory to use again.
    pub(super) spare: Vec<Batch>,
    pub(super) used: usize,
    /// How much may be used now.
    limit: usize,
    /// How much may ever be used.
    most: usize,
    /// A push found no memory: partial batches must go.
    pub(super) is_starving: bool,
    /// How much it needed.
    needed: usize,
    /// What the owner waits for.
    pub(super) waiting: Waiting,
    pub(super) stats: ProducerStats,
    /// Connections that were made to see whether the leaders can be reached.
    pub(super) links: Vec<Link>,
    /// Finish by then, and end.
    pub(super) closing: Option<Instant>,
    /// The network task has ended; why, if not because it was told to.
    pub(super) ended: Option<ClientError>,
}

/// What the owner of a producer waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Waiting {
    #[default]
    Nothing,
    /// Memory for another batch.
    Room,
    /// The report of everything pushed. Partial batches must go.
    Flush,
}

/// A partition of an opened topic.
#[derive(Clone, Debug)]
pub(super) struct SlotInfo {
    pub(super) topic: TopicName,
    pub(super) partition: PartitionIndex,
}

/// An opened topic.
#[derive(Clone, Debug)]
pub(super) struct SharedTopic {
    pub(super) info: Arc<TopicInfo>,
    /// The slot of each partition.
    pub(super) slots: Vec<Slot>,
}

impl Shared {
    pub(super) fn new(config: &ProducerConfig) -> Self {
        let mut state = State::default();
        state.set_limit(config);
        Self { state: Mutex::new(state), wake: Notify::new(), progress: Notify::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Each critical section leaves the state whole, even one that is cut short by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Gives slots to the partitions of a topic that have none yet.
    pub(super) fn add_partitions(&mut self, topic: usize, info: Arc<TopicInfo>, config: &ProducerConfig) {
        let known = self.topics[topic].slots.len();
        for partition in info.partitions.iter().skip(known) {
            self.topics[topic].slots.push(Slot(self.slots.len()));
            self.slots.push(SlotInfo { topic: info.name.clone(), partition: partition.partition });
        }
        self.topics[topic].info = info;
        self.set_limit(config);
    }

    /// Memory for what each partition can have under way, and for a few batches behind that. More would not make
    /// anything faster: batches would only grow cold in the processor's cache, and old in the queue.
    fn set_limit(&mut self, config: &ProducerConfig) {
        let batches = (config.max_in_flight + BATCHES_BEHIND) * self.slots.len().max(1);
        self.limit = batches.saturating_mul(config.batch_bytes).max(LEAST_LIMIT).min(config.buffer_bytes);
        self.most = config.buffer_bytes;
    }

    /// Takes memory for a batch, if there is any left. The first batch always fits, so that a record larger than
    /// the whole memory can be sent.
    pub(super) fn acquire(&mut self, charge: usize) -> bool {
        self.needed = charge;
        self.is_starving = !self.has_room();
        if !self.is_starving {
            self.used += charge;
        }
        !self.is_starving
    }

    /// Whether there is memory for what was asked for last. (Of large records at least a few may be under way.)
    fn has_room(&self) -> bool {
        let limit = self.limit.max(self.needed.saturating_mul(LARGE_RECORDS)).min(self.most);
        self.used == 0 || self.used + self.needed <= limit
    }

    /// Whether the network should take partial batches without waiting for company.
    pub(super) const fn must_drain(&self) -> bool {
        self.is_starving || self.closing.is_some() || matches!(self.waiting, Waiting::Flush)
    }

    /// Whether what the owner waits for is there.
    pub(super) fn is_served(&self) -> bool {
        match self.waiting {
            Waiting::Nothing => false,
            Waiting::Room => self.has_room(),
            Waiting::Flush => self.stats.outstanding() == 0,
        }
    }
}
