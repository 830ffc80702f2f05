//! A partition as the network task has it: its queue, its leader, its sequence numbers.
//!
//! ```text
//!             ┌────────────── requeue (retriable) ──────────────┐
//!             ▼                                                 │
//!   queue ── stamp: producer id, epoch, sequence ──► link ── reply ──► report
//! ```
//!
//! Order and exactly-once rest on this: a batch is stamped once, in the order of the ordinals. After any batch
//! came back, nothing more is sent until all that is under way has come back too ([`Partition::is_draining`]);
//! then the queue, again in order of ordinals, is sent with the same stamps. Only when the broker says that the
//! *oldest* of them does not follow what it has (its predecessor failed, or its state is lost) does everything
//! get a new epoch and sequences from 0 (KIP-360): the broker has just said that none of it is in its log.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;
use yak_model::{BrokerId, LeaderEpoch, PartitionIndex, ProducerEpoch, ProducerId, Sequence, TopicName};
use yak_record::ProducerStamp;

use super::super::batch::Batch;
use crate::ClientError;
use crate::cluster::Backoff;

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) topic: TopicName,
    pub(super) index: PartitionIndex,
    pub(super) leader: Option<(BrokerId, LeaderEpoch)>,
    /// Who led last, when nobody does.
    pub(super) last_leader: Option<(BrokerId, LeaderEpoch)>,
    /// What is to be sent, in order of ordinals.
    pub(super) queue: VecDeque<Batch>,
    /// How many batches are with a link.
    pub(super) in_flight: usize,
    next_ordinal: u64,
    /// Producer id and epoch; `None` if not idempotent, or while a new id is being obtained.
    pub(super) identity: Option<(ProducerId, ProducerEpoch)>,
    next_sequence: Sequence,
    is_draining: bool,
    needs_new_epoch: bool,
    /// Nothing is sent before.
    pub(super) not_before: Option<Instant>,
    backoff: Backoff,
    /// What stood in the way last.
    pub(super) last_error: Option<ClientError>,
    /// The leader does not know the partition: if metadata agrees, it was deleted.
    pub(super) is_doubted: bool,
    /// It is in the list of those with something in the queue.
    pub(super) is_listed: bool,
}

impl Partition {
    pub(super) fn new(
        topic: TopicName,
        index: PartitionIndex,
        identity: Option<(ProducerId, ProducerEpoch)>,
        backoff: Backoff,
    ) -> Self {
        Self {
            topic,
            index,
            leader: None,
            last_leader: None,
            queue: VecDeque::new(),
            in_flight: 0,
            next_ordinal: 0,
            identity,
            next_sequence: Sequence::new(0),
            is_draining: false,
            needs_new_epoch: false,
            not_before: None,
            backoff,
            last_error: None,
            is_doubted: false,
            is_listed: false,
        }
    }

    /// Nothing is queued or under way: a partial batch need not wait.
    pub(super) fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.in_flight == 0
    }

    /// A new batch.
    pub(super) fn enqueue(&mut self, mut batch: Batch) {
        batch.ordinal = self.next_ordinal;
        self.next_ordinal += 1;
        self.queue.push_back(batch);
    }

    /// Whether the next batch may be sent.
    pub(super) fn may_send(&self, now: Instant, max_in_flight: usize) -> bool {
        !self.queue.is_empty()
            && !self.is_draining
            && self.in_flight < max_in_flight
            && self.not_before.is_none_or(|not_before| not_before <= now)
    }

    /// Takes the next batch, stamped if the producer is idempotent.
    pub(super) fn next(&mut self) -> Option<Batch> {
        let mut batch = self.queue.pop_front()?;
        if let Some((id, epoch)) = self.identity
            && batch.stamp.is_none()
        {
            batch.stamp = Some(ProducerStamp { id, epoch, base_sequence: self.next_sequence });
            self.next_sequence = self.next_sequence.plus(batch.sequences());
        }
        self.in_flight += 1;
        Some(batch)
    }

    /// A batch was acknowledged, failed or given up.
    pub(super) fn came_back(&mut self) {
        self.in_flight -= 1;
        if self.in_flight == 0 {
            self.is_draining = false;
        }
    }

    /// Something was acknowledged: the next retry is quick again.
    pub(super) fn succeeded(&mut self) {
        self.backoff.reset();
        self.not_before = None;
        self.last_error = None;
        self.is_doubted = false;
    }

    /// What it waited for has changed: it need not wait any longer.
    pub(super) fn resume(&mut self) {
        self.backoff.reset();
        self.not_before = None;
    }

    /// A batch came back to be sent again, not before `at_least` from now.
    pub(super) fn requeue(&mut self, batch: Batch, error: ClientError, now: Instant, at_least: Duration) {
        if !self.is_draining {
            // One pause for all batches that come back together.
            self.not_before = Some(now + self.backoff.next().max(at_least));
        }
        self.is_draining = true;
        self.last_error = Some(error);
        let at = self.queue.partition_point(|queued| queued.ordinal < batch.ordinal);
        self.queue.insert(at, batch);
        self.came_back();
    }

    /// Whether every batch before this ordinal has come to its end.
    pub(super) fn is_oldest(&self, ordinal: u64) -> bool {
        self.queue.front().is_none_or(|front| front.ordinal > ordinal)
    }

    /// The broker does not accept the sequence of the oldest batch.
    pub(super) const fn want_new_epoch(&mut self) {
        self.needs_new_epoch = true;
    }

    /// Once nothing is under way: numbers the queue anew, if that is needed. False when the epochs of this
    /// producer id are used up.
    pub(super) fn renumber(&mut self) -> bool {
        if !self.needs_new_epoch || self.in_flight > 0 {
            return true;
        }
        let Some((id, epoch)) = self.identity else { return true };
        let Some(next) = epoch.get().checked_add(1) else { return false };
        self.begin_anew((id, ProducerEpoch::new(next)));
        true
    }

    /// From here on with this id and epoch, and sequences from 0.
    pub(super) fn begin_anew(&mut self, identity: (ProducerId, ProducerEpoch)) {
        self.identity = Some(identity);
        self.next_sequence = Sequence::new(0);
        self.needs_new_epoch = false;
        for batch in &mut self.queue {
            batch.stamp = None;
        }
    }

    /// Takes the batches that were opened so long ago that they are given up.
    pub(super) fn expire(&mut self, opened_before: Instant) -> Vec<Batch> {
        let mut expired = Vec::new();
        while self.queue.front().is_some_and(|batch| batch.opened <= opened_before) {
            expired.extend(self.queue.pop_front());
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use yak_record::RecordParts;

    use super::*;
    use crate::ClientConfig;
    use crate::producer::Slot;

    fn partition() -> Partition {
        let identity = Some((ProducerId::new(9), ProducerEpoch::new(0)));
        let backoff = Backoff::new(&ClientConfig::default());
        Partition::new("t".parse().unwrap(), PartitionIndex::new(0), identity, backoff)
    }

    fn batch(records: usize) -> Batch {
        let mut batch = Batch::new();
        batch.begin(Slot(0), 100);
        for _ in 0..records {
            batch.push(&RecordParts { value: Some(b"x"), ..Default::default() }, 10, 0);
        }
        batch
    }

    fn sequence(batch: &Batch) -> (i16, i32) {
        let stamp = batch.stamp.unwrap();
        (stamp.epoch.get(), stamp.base_sequence.get())
    }

    #[test]
    fn batches_that_come_back_are_sent_again_in_order_with_their_sequences() {
        let mut partition = partition();
        let now = Instant::now();
        for records in [3, 5, 2] {
            partition.enqueue(batch(records));
        }
        let first = partition.next().unwrap();
        let second = partition.next().unwrap();
        assert_eq!((sequence(&first), sequence(&second)), ((0, 0), (0, 3)));
        // The later one comes back first.
        partition.requeue(second, ClientError::Closed, now, Duration::ZERO);
        assert!(!partition.may_send(now + Duration::from_secs(1), 5), "the first is still under way");
        assert!(!partition.is_oldest(2));
        partition.requeue(first, ClientError::Closed, now, Duration::ZERO);
        assert!(!partition.may_send(now, 5), "not before the pause is over");
        assert!(partition.may_send(now + Duration::from_secs(1), 5));
        let again: Vec<_> = (0..3).map(|_| sequence(&partition.next().unwrap())).collect();
        assert_eq!(again, [(0, 0), (0, 3), (0, 8)]);
        assert!(!partition.may_send(now + Duration::from_secs(1), 5), "the queue is empty");
    }

    #[test]
    fn a_new_epoch_waits_for_what_is_under_way_and_begins_at_sequence_0() {
        let mut partition = partition();
        let now = Instant::now();
        for records in [3, 5] {
            partition.enqueue(batch(records));
        }
        let first = partition.next().unwrap();
        let second = partition.next().unwrap();
        assert!(partition.is_oldest(first.ordinal));
        partition.want_new_epoch();
        partition.requeue(first, ClientError::Closed, now, Duration::ZERO);
        assert!(partition.renumber(), "nothing happens yet");
        assert_eq!(partition.queue[0].stamp.map(|stamp| stamp.epoch.get()), Some(0));
        partition.requeue(second, ClientError::Closed, now, Duration::ZERO);
        assert!(partition.renumber());
        let again: Vec<_> = (0..2).map(|_| sequence(&partition.next().unwrap())).collect();
        assert_eq!(again, [(1, 0), (1, 3)]);
    }

    #[test]
    fn epochs_run_out() {
        let mut partition = partition();
        partition.begin_anew((ProducerId::new(9), ProducerEpoch::new(i16::MAX)));
        partition.want_new_epoch();
        assert!(!partition.renumber(), "another producer id is needed");
        partition.begin_anew((ProducerId::new(10), ProducerEpoch::new(0)));
        assert!(partition.renumber());
    }

    #[test]
    fn old_batches_are_given_up_from_the_front() {
        let mut partition = partition();
        partition.enqueue(batch(1));
        partition.enqueue(batch(1));
        let between = partition.queue[0].opened + Duration::from_millis(1);
        partition.queue[1].opened = between + Duration::from_secs(1);
        assert_eq!(partition.expire(between).len(), 1);
        assert_eq!((partition.expire(between).len(), partition.queue.len()), (0, 1));
    }
}
