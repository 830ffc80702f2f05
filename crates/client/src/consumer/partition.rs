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
    /// Who led last, when nobody does.
    pub(super) last_leader: Option<(BrokerId, LeaderEpoch)>,
    /// Who is asked: the leader, or an in-sync follower.
    pub(super) source: Option<BrokerId>,
    /// Its followers do not answer readers (now): the leader is asked until the leader changes.
    pub(super) is_leader_only: bool,
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
    /// The owner does not want it for now.
    pub(super) is_paused: bool,
    /// Its group does not want it to be read for now.
    pub(super) is_suspended: bool,
    is_gone: bool,
}

impl Partition {
    pub(super) fn new(id: TopicPartition, start: Offset, stop: Option<Offset>, cluster: &Cluster) -> Self {
        let mut partition = Self {
            id,
            leader: None,
            last_leader: None,
            source: None,
            is_leader_only: true,
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
            is_paused: false,
            is_suspended: false,
            is_gone: false,
        };
        partition.leader = partition.known_leader(cluster);
        partition.last_leader = partition.leader;
        partition.choose_source(cluster);
        partition
    }

    pub(super) fn known_leader(&self, cluster: &Cluster) -> Option<(BrokerId, LeaderEpoch)> {
        cluster.leader(&self.id).map(|leader| (leader.broker_id, leader.leader_epoch))
    }

    /// Chooses whom to ask: of the in-sync followers that can be reached, one by the partition's number.
    pub(super) fn choose_source(&mut self, cluster: &Cluster) {
        let leader = self.leader.map(|(leader, _)| leader);
        self.source = leader;
        if self.is_leader_only || leader.is_none() {
            return;
        }
        let Some(topic) = cluster.known_topic(&self.id.topic) else { return };
        let Some(known) = topic.partition(self.id.partition) else { return };
        let is_there =
            |broker: &&BrokerId| Some(**broker) != leader && cluster.address_of(**broker).is_some();
        let followers: Vec<BrokerId> = known.in_sync_replicas.iter().filter(is_there).copied().collect();
        let turn = usize::try_from(self.id.partition.get()).unwrap_or(0);
        if !followers.is_empty() {
            self.source = Some(followers[turn % followers.len()]);
        }
    }

    /// Whether a follower is asked.
    pub(super) fn asks_follower(&self) -> bool {
        self.source.is_some() && self.source != self.leader.map(|(leader, _)| leader)
    }

    /// Goes on with somebody else after what was handed out; what was asked or fetched before is void.
    pub(super) fn begin_anew(&mut self) {
        self.backoff.reset();
        self.not_before = None;
        if !self.is_stopped() && !self.is_lost {
            self.move_to(self.position);
        }
    }

    /// Nothing more is to be fetched.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| self.fetch_offset >= stop)
    }

    /// Whether a fetch may ask for it now.
    pub(super) fn is_wanted(&self, now: Instant) -> bool {
        let is_held = self.is_paused || self.is_suspended || self.is_gone;
        !is_held
            && !self.is_stopped()
            && !self.is_lost
            && self.not_before.is_none_or(|not_before| not_before <= now)
    }

    /// Whether a fetch of it is held by the broker, because there is nothing more yet.
    pub(super) fn is_at_end(&self) -> bool {
        self.fetch_offset >= self.high_watermark
    }

    /// It is not the consumer's any more. (Its slot stays, for when it comes back.)
    pub(super) fn leave(&mut self) {
        self.is_gone = true;
        self.not_before = None;
        self.is_doubted = false;
    }

    pub(super) const fn is_gone(&self) -> bool {
        self.is_gone
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
