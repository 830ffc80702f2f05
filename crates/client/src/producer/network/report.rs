//! Reporting what became of batches, and giving their memory back.

use std::fmt;

use super::super::batch::Batch;
use super::super::shared::State;
use super::super::{Acknowledged, Delivery, Outcome, ProducerStats};
use super::partition::Partition;
use super::{MAX_SPARE, MAX_SPARE_BYTES, OnDelivery};
use crate::ClientError;

/// Reports each batch once, and keeps count until the next exchange with the owner.
pub(super) struct Reports {
    on_delivery: OnDelivery,
    counts: ProducerStats,
    finished: Vec<Batch>,
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reports").field("counts", &self.counts).finish_non_exhaustive()
    }
}

impl Reports {
    pub(super) fn new(on_delivery: OnDelivery) -> Self {
        Self { on_delivery, counts: ProducerStats::default(), finished: Vec::new() }
    }

    /// Whether the owner knows of everything.
    pub(super) const fn is_empty(&self) -> bool {
        self.finished.is_empty()
    }

    pub(super) fn acknowledged(&mut self, mut batch: Batch, partition: &Partition, what: &Acknowledged) {
        self.counts.acknowledged += batch.count();
        self.counts.batches += 1;
        for waiter in batch.waiters.drain(..) {
            let index = i64::try_from(waiter.index).unwrap_or_default();
            let own =
                Acknowledged { base_offset: what.base_offset.map(|base| base.plus(index)), ..what.clone() };
            // Who no longer waits is not told.
            waiter.answer.send(Ok(own)).unwrap_or_default();
        }
        self.finish(batch, partition, Outcome::Acknowledged(what));
    }

    /// Failed, or unknown if some broker may have appended it.
    pub(super) fn not_acknowledged(&mut self, mut batch: Batch, partition: &Partition, error: &ClientError) {
        let outcome = if batch.is_perhaps_written {
            self.counts.unknown += batch.count();
            Outcome::Unknown(error)
        } else {
            self.counts.failed += batch.count();
            Outcome::Failed(error)
        };
        for waiter in batch.waiters.drain(..) {
            waiter.answer.send(Err(error.clone())).unwrap_or_default();
        }
        self.finish(batch, partition, outcome);
    }

    pub(super) const fn retried(&mut self) {
        self.counts.retries += 1;
    }

    fn finish(&mut self, batch: Batch, partition: &Partition, outcome: Outcome<'_>) {
        (self.on_delivery)(&Delivery {
            topic: &partition.topic,
            partition: partition.index,
            tokens: &batch.tokens,
            outcome,
        });
        self.finished.push(batch);
    }

    /// Gives counts and memory back to the owner.
    pub(super) fn settle(&mut self, state: &mut State) {
        let counts = std::mem::take(&mut self.counts);
        state.stats.acknowledged += counts.acknowledged;
        state.stats.failed += counts.failed;
        state.stats.unknown += counts.unknown;
        state.stats.batches += counts.batches;
        state.stats.retries += counts.retries;
        for batch in self.finished.drain(..) {
            state.used -= batch.charge;
            if state.spare.len() < MAX_SPARE && batch.line.line_len() < MAX_SPARE_BYTES {
                state.spare.push(batch);
            }
        }
    }
}
