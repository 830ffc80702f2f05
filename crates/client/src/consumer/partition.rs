//! An assigned partition: where it is, who leads it, when it may be asked again.

use tokio::time::Instant;
use yak_model::{BrokerId, LeaderEpoch, Offset, TopicPartition};

use super::Positions;
use crate::Cluster;
use crate::cluster::Backoff;

/// Invariant: `position <= fetch_offset`; what lies between them has been fetched and not yet handed out.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) id: TopicPartition,
    pub(super) leader: Option<(BrokerId, LeaderEpoch)>,
    /// Where the next fetch begins.
    pub(super) fetch_offset: Offset,
    /// The offset after the last record handed out.
    pub(super) position: Offset,
    /// The first offset not wanted.
    pub(super) stop: Option<Offset>,
    /// Counts seeks; what was fetched before the last one is dropped.
    pub(super) generation: u64,
    pub(super) log_start_offset: Offset,
    pub(super) high_watermark: Offset,
    /// Not asked before.
    pub(super) not_before: Option<Instant>,
    backoff: Backoff,
    /// Its place is being looked up, because it was out of range.
    pub(super) is_lost: bool,
    /// Its leader does not know it: if metadata agrees, it was deleted.
    pub(super) is_doubted: bool,
}

impl Partition {
    pub(super) fn new(id: TopicPartition, start: Offset, stop: Option<Offset>, cluster: &Cluster) -> Self {
        let mut partition = Self {
            id,
            leader: None,
            fetch_offset: start,
            position: start,
            stop,
            generation: 0,
            log_start_offset: Offset::ZERO,
            high_watermark: start,
            not_before: None,
            backoff: Backoff::new(cluster.config()),
            is_lost: false,
            is_doubted: false,
        };
        partition.leader = partition.known_leader(cluster);
        partition
    }

    pub(super) fn known_leader(&self, cluster: &Cluster) -> Option<(BrokerId, LeaderEpoch)> {
        cluster.leader(&self.id).map(|leader| (leader.broker_id, leader.leader_epoch))
    }

    /// Nothing more is to be fetched.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| self.fetch_offset >= stop)
    }

    /// Whether a fetch may ask for it now.
    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        !self.is_stopped() && !self.is_lost && self.not_before.is_none_or(|not_before| not_before <= now)
    }

    /// Whether a fetch of it is held by the broker, because there is nothing more yet.
    pub(super) fn is_at_end(&self) -> bool {
        self.fetch_offset >= self.high_watermark
    }

    /// Goes on elsewhere.
    pub(super) fn move_to(&mut self, offset: Offset) {
        self.fetch_offset = offset;
        self.position = offset;
        self.generation += 1;
        self.is_lost = false;
    }

    pub(super) fn succeeded(&mut self) {
        self.backoff.reset();
        self.not_before = None;
        self.is_doubted = false;
    }

    pub(super) fn pause(&mut self, now: Instant) {
        self.not_before = Some(now + self.backoff.next());
    }

    pub(super) fn positions(&self) -> Positions {
        Positions {
            topic: self.id.topic.clone(),
            partition: self.id.partition,
            position: self.position,
            log_start_offset: self.log_start_offset,
            high_watermark: self.high_watermark,
            stop: self.stop,
        }
    }
}
