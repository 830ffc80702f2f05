//! The log of a coordinator: what is durable of it the next one reads, the rest is forgotten.

use std::collections::BTreeMap;

use yak_core::group::classic::StoredGroup;
use yak_core::group::consumer::{Partition, StoredChange, StoredConsumerGroup};
use yak_model::GenerationId;

/// Something that was written.
#[derive(Clone, Debug)]
pub enum Record {
    /// The classic group, whole.
    Classic(StoredGroup),
    /// Changes of the server-side group.
    Consumer(Vec<StoredChange>),
    /// An offset. Partitions of different groups are of different topics here.
    Offset(Partition, i64),
}

/// The log.
#[derive(Debug, Default)]
pub struct Log {
    records: Vec<Record>,
    durable: usize,
    /// Up to here it is being made durable.
    pub asked: usize,
    /// When that will be done.
    pub durable_at_ms: u64,
}

impl Log {
    /// Where the next record goes.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.records.len()
    }

    /// Up to here nothing is forgotten.
    #[must_use]
    pub const fn durable(&self) -> usize {
        self.durable
    }

    /// Whether something of a group is being made durable.
    #[must_use]
    pub fn stores_a_group(&self) -> bool {
        let pending = self.records.get(self.durable..).unwrap_or_default();
        pending.iter().any(|record| !matches!(record, Record::Offset(..)))
    }

    /// Writes.
    pub fn append(&mut self, record: Record) {
        self.records.push(record);
    }

    /// Everything up to here is durable now. Returns the generations of the classic group that are, too.
    pub fn sync(&mut self, end: usize) -> Vec<GenerationId> {
        let new = self.records.get(self.durable..end).unwrap_or_default();
        let generation = |record: &Record| match record {
            Record::Classic(group) => Some(group.generation_id),
            Record::Consumer(_) | Record::Offset(..) => None,
        };
        let generations = new.iter().filter_map(generation).collect();
        self.durable = self.durable.max(end.min(self.records.len()));
        generations
    }

    /// What is not durable is gone. Returns how many records that were.
    pub fn forget(&mut self) -> usize {
        let lost = self.records.len() - self.durable;
        self.records.truncate(self.durable);
        self.asked = self.durable;
        lost
    }

    /// What it adds up to.
    #[must_use]
    pub fn replay(&self) -> (Option<StoredGroup>, StoredConsumerGroup, BTreeMap<Partition, i64>) {
        let (mut classic, mut consumer, mut offsets) =
            (None, StoredConsumerGroup::default(), BTreeMap::new());
        for record in &self.records {
            match record {
                Record::Classic(group) => classic = Some(group.clone()),
                Record::Consumer(changes) => {
                    changes.iter().cloned().for_each(|change| consumer.apply(change))
                }
                Record::Offset(partition, offset) => {
                    offsets.insert(*partition, *offset);
                }
            }
        }
        (classic, consumer, offsets)
    }
}
