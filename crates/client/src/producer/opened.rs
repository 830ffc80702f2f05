//! A topic as the producer's owner has it: which partition comes next.

use std::sync::Arc;

use yak_model::partition_for_key;

use super::batch::Batch;
use super::shared::SharedTopic;
use super::{Partitioner, Record, Slot};
use crate::{ClientError, TopicInfo};

#[derive(Debug)]
pub(super) struct OpenedTopic {
    pub(super) info: Arc<TopicInfo>,
    /// Largest record batch that the topic accepts.
    pub(super) max_batch_len: usize,
    slots: Vec<Slot>,
    partitioner: Partitioner,
    /// Whose turn it is, among `slots`.
    turn: usize,
    /// Sticky: whether the partition whose turn it is has been given a batch.
    has_batch: bool,
}

impl OpenedTopic {
    pub(super) fn new(topic: SharedTopic, max_batch_len: usize, partitioner: Partitioner) -> Self {
        let SharedTopic { info, slots } = topic;
        Self { info, max_batch_len, slots, partitioner, turn: 0, has_batch: false }
    }

    /// Takes in that the topic has more partitions.
    pub(super) fn update(&mut self, topic: &SharedTopic) {
        if topic.slots.len() > self.slots.len() {
            self.slots.clone_from(&topic.slots);
            self.info = Arc::clone(&topic.info);
        }
    }

    /// The partition of a record. Nothing changes: the record may not find room.
    #[inline]
    pub(super) fn choose(
        &mut self,
        record: &Record<'_>,
        open: &[Option<Batch>],
    ) -> Result<Slot, ClientError> {
        if let Some(partition) = record.partition {
            let at = usize::try_from(partition.get()).ok();
            return at.and_then(|at| self.slots.get(at).copied()).ok_or_else(|| {
                ClientError::UnknownPartition {
                    topic: self.info.name.clone(),
                    partition,
                    count: self.info.partition_count(),
                }
            });
        }
        if let Some(key) = record.key {
            let partition = partition_for_key(key, self.info.partition_count());
            return Ok(self.slots[usize::try_from(partition.get()).expect("a partition is not negative")]);
        }
        if self.partitioner == Partitioner::Sticky
            && self.has_batch
            && open[self.slots[self.turn].0].is_none()
        {
            // Its batch was full, or sent.
            self.advance();
        }
        Ok(self.slots[self.turn])
    }

    /// A record that the partitioner placed has been taken.
    #[inline]
    pub(super) fn taken(&mut self, record: &Record<'_>) {
        if record.partition.is_none() && record.key.is_none() {
            match self.partitioner {
                Partitioner::RoundRobin => self.advance(),
                Partitioner::Sticky => self.has_batch = true,
            }
        }
    }

    #[inline]
    fn advance(&mut self) {
        self.turn = if self.turn + 1 >= self.slots.len() { 0 } else { self.turn + 1 };
        self.has_batch = false;
    }
}

#[cfg(test)]
mod tests {
    use yak_model::{PartitionIndex, TopicId};

    use super::*;

    fn opened(partitions: usize, partitioner: Partitioner) -> OpenedTopic {
        let info = TopicInfo {
            name: "t".parse().unwrap(),
            topic_id: TopicId::default(),
            created: false,
            similar: None,
            partitions: Vec::new(),
        };
        let slots = (0..partitions).map(|at| Slot(10 + at)).collect();
        OpenedTopic::new(SharedTopic { info: Arc::new(info), slots }, 1_000, partitioner)
    }

    #[test]
    fn a_turn_is_used_up_by_a_record_that_was_taken_only() {
        let mut topic = opened(3, Partitioner::RoundRobin);
        let open: Vec<Option<Batch>> = (0..13).map(|_| None).collect();
        let plain = Record::value(b"v");
        let mut places = Vec::new();
        for round in 0..4 {
            places.push(topic.choose(&plain, &open).unwrap().0);
            // Memory was full: the record is pushed again.
            assert_eq!(topic.choose(&plain, &open).unwrap().0, places[round]);
            topic.taken(&plain);
        }
        assert_eq!(places, [10, 11, 12, 10]);
        let fixed = Record { partition: Some(PartitionIndex::new(2)), ..plain };
        assert_eq!(topic.choose(&fixed, &open).unwrap(), Slot(12));
        topic.taken(&fixed);
        assert_eq!(topic.choose(&plain, &open).unwrap(), Slot(11), "nobody's turn was used up");
        let none = Record { partition: Some(PartitionIndex::new(-1)), ..plain };
        assert!(topic.choose(&none, &open).is_err());
    }

    #[test]
    fn sticky_moves_on_when_its_batch_has_gone() {
        let mut topic = opened(2, Partitioner::Sticky);
        let mut open: Vec<Option<Batch>> = (0..12).map(|_| None).collect();
        let plain = Record::value(b"v");
        assert_eq!(topic.choose(&plain, &open).unwrap(), Slot(10));
        topic.taken(&plain);
        open[10] = Some(Batch::new());
        assert_eq!(topic.choose(&plain, &open).unwrap(), Slot(10));
        open[10] = None;
        assert_eq!(topic.choose(&plain, &open).unwrap(), Slot(11));
    }
}
