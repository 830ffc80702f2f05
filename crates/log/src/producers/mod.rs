//! Producer state of a log: what idempotent producers wrote last, to recognise what they send again.
//!
//! For each producer its epoch and its last five batches (KIP-98). A batch among them is a duplicate and gets
//! its original offset; the next one continues the last sequence; a new epoch begins with sequence 0; an older
//! epoch is fenced. A producer of whom nothing is known begins with sequence 0: anything else is
//! `UNKNOWN_PRODUCER_ID`, to which clients answer with a new epoch (KIP-360). Apache Kafka would let such a
//! batch in, and thereby admit the second of two batches in flight when the first was refused.

mod snapshot;

use std::collections::{BTreeMap, BTreeSet};

use yak_model::api::ActiveProducer;
use yak_model::limits::PRODUCER_BATCHES_REMEMBERED;
use yak_model::{Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};
use yak_record::BatchHeader;

use crate::error::ProducerError;

/// Most producers remembered for a log; beyond it the longest idle ones are forgotten.
const MAX_PRODUCERS: usize = 65_536;

/// What is known of all producers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Producers {
    by_id: BTreeMap<ProducerId, Producer>,
}

/// What is known of one producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Producer {
    epoch: ProducerEpoch,
    /// Oldest first; the empty places are at the end.
    batches: [Option<Remembered>; PRODUCER_BATCHES_REMEMBERED],
    /// When it was last heard of, by the broker's clock.
    last_seen: TimestampMs,
}

/// A batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) last_sequence: Sequence,
    pub(crate) last_offset: Offset,
    /// Last offset less the first.
    pub(crate) offset_delta: i32,
    /// Its largest timestamp.
    pub(crate) timestamp: TimestampMs,
}

/// What a batch is to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// To be appended.
    New,
    /// It was appended before, as this.
    Duplicate(Remembered),
}

impl Remembered {
    fn of(header: &BatchHeader) -> Option<Self> {
        Some(Self {
            last_sequence: header.last_sequence()?,
            last_offset: header.last_offset(),
            offset_delta: header.last_offset_delta,
            timestamp: header.max_timestamp,
        })
    }

    pub(crate) fn base_offset(&self) -> Offset {
        Offset::new(self.last_offset.get() - i64::from(self.offset_delta))
    }
}

impl Producer {
    fn new(epoch: ProducerEpoch, last_seen: TimestampMs) -> Self {
        Self { epoch, batches: [None; PRODUCER_BATCHES_REMEMBERED], last_seen }
    }

    fn last(&self) -> Option<&Remembered> {
        self.batches.iter().rev().flatten().next()
    }

    fn remember(&mut self, batch: Remembered) {
        match self.batches.iter().position(Option::is_none) {
            Some(free) => self.batches[free] = Some(batch),
            None => {
                self.batches.rotate_left(1);
                self.batches[PRODUCER_BATCHES_REMEMBERED - 1] = Some(batch);
            }
        }
    }

    fn check(&self, header: &BatchHeader, last_sequence: Sequence) -> Result<Verdict, ProducerError> {
        let (id, found, epoch) = (header.producer_id, header.base_sequence, header.producer_epoch);
        if epoch < self.epoch {
            return Err(ProducerError::Fenced { id, current: self.epoch, found: epoch });
        }
        if epoch > self.epoch {
            let expected = Sequence::new(0);
            return if found == expected {
                Ok(Verdict::New)
            } else {
                Err(ProducerError::OutOfOrder { id, expected, found })
            };
        }
        let same = |batch: &&Remembered| {
            batch.last_sequence == last_sequence && batch.offset_delta == header.last_offset_delta
        };
        if let Some(batch) = self.batches.iter().flatten().find(same) {
            return Ok(Verdict::Duplicate(*batch));
        }
        let expected = self.last().map_or(Sequence::new(0), |last| last.last_sequence.plus(1));
        if found == expected {
            return Ok(Verdict::New);
        }
        // Sequences wrap; less than half the circle behind means written before.
        let behind = expected.get().wrapping_sub(last_sequence.get()) & i32::MAX;
        if behind > 0 && behind < i32::MAX / 2 {
            return Err(ProducerError::Duplicate { id, found });
        }
        Err(ProducerError::OutOfOrder { id, expected, found })
    }
}

impl Producers {
    /// What the batch is to the log. Batches that are not idempotent, and control batches, are always new.
    pub(crate) fn check(&self, header: &BatchHeader) -> Result<Verdict, ProducerError> {
        let (Some(last_sequence), false) = (header.last_sequence(), header.attributes.is_control()) else {
            return Ok(Verdict::New);
        };
        let (id, found) = (header.producer_id, header.base_sequence);
        match self.by_id.get(&id) {
            Some(producer) => producer.check(header, last_sequence),
            None if found.get() == 0 => Ok(Verdict::New),
            None => Err(ProducerError::Unknown { id, found }),
        }
    }

    /// Takes note of a batch that is in the log, with its offsets.
    pub(crate) fn update(&mut self, header: &BatchHeader, now: TimestampMs) {
        if header.producer_id.get() < 0 {
            return;
        }
        if self.by_id.len() >= MAX_PRODUCERS && !self.by_id.contains_key(&header.producer_id) {
            self.forget_longest_idle();
        }
        let epoch = header.producer_epoch;
        let producer = self.by_id.entry(header.producer_id).or_insert_with(|| Producer::new(epoch, now));
        if epoch > producer.epoch {
            *producer = Producer::new(epoch, now);
        }
        producer.last_seen = producer.last_seen.max(now);
        if let (Some(batch), false) = (Remembered::of(header), header.attributes.is_control()) {
            producer.remember(batch);
        }
    }

    /// Forgets producers that `is_expired` says so of, by when they were last heard of.
    pub(crate) fn expire(&mut self, is_expired: impl Fn(TimestampMs) -> bool) {
        self.by_id.retain(|_, producer| !is_expired(producer.last_seen));
    }

    /// Takes over when producers were heard of, from what was known before the state was loaded again.
    pub(crate) fn keep_seen(&mut self, before: &Self) {
        for (id, producer) in &mut self.by_id {
            if let Some(before) = before.by_id.get(id) {
                producer.last_seen = producer.last_seen.max(before.last_seen);
            }
        }
    }

    /// Who they are, by id.
    pub(crate) fn describe(&self) -> impl Iterator<Item = ActiveProducer> {
        self.by_id.iter().map(|(id, producer)| ActiveProducer {
            producer_id: *id,
            producer_epoch: producer.epoch,
            last_sequence: producer.last().map_or(Sequence::NONE, |last| last.last_sequence),
            last_timestamp: producer.last().map_or(TimestampMs::NONE, |last| last.timestamp),
            transaction_start: None,
        })
    }

    /// The last offsets of the batches that are remembered.
    pub(crate) fn last_offsets(&self) -> BTreeSet<Offset> {
        let batches = self.by_id.values().flat_map(|producer| producer.batches.iter().flatten());
        batches.map(|batch| batch.last_offset).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// A copy of what is known of one producer, to try several batches of one append on.
    pub(crate) fn only(&self, id: ProducerId) -> Self {
        let by_id = self.by_id.get(&id).map(|producer| (id, producer.clone())).into_iter().collect();
        Self { by_id }
    }

    fn forget_longest_idle(&mut self) {
        let mut seen: Vec<TimestampMs> = self.by_id.values().map(|producer| producer.last_seen).collect();
        let (_, quarter, _) = seen.select_nth_unstable(MAX_PRODUCERS / 4);
        let limit = *quarter;
        let before = self.by_id.len();
        self.by_id.retain(|_, producer| producer.last_seen > limit);
        tracing::warn!(
            forgotten = before - self.by_id.len(),
            "too many idempotent producers in one partition"
        );
    }
}

#[cfg(test)]
mod tests;
