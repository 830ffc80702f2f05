//! Pushing many records at a time.

use thiserror::Error;
use yak_record::BatchBuilder;

use super::batch::{Answer, Batch, Waiter};
use super::{Producer, Record, Slot, TopicHandle};
use crate::ClientError;

/// A producer being filled. It has all partial batches to itself, so that pushing takes no lock; dropping it
/// shows them to the network task again.
#[derive(Debug)]
pub struct Feed<'p> {
    producer: &'p mut Producer,
    open: Vec<Option<Batch>>,
    open_slots: Vec<Slot>,
    /// Records pushed that the shared counts do not have yet.
    pushed: u64,
    /// Whether the network has something new to look at.
    is_news: bool,
}

/// Why a record was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PushError {
    /// Memory is full: drop the feed, await [`Producer::ready`], push the same record again.
    #[error("the producer's memory is full")]
    Full,
    /// This record cannot be sent ([`ClientError::RecordTooLarge`], [`ClientError::UnknownPartition`]), or the
    /// producer has ended.
    #[error(transparent)]
    Refused(#[from] ClientError),
}

impl<'p> Feed<'p> {
    pub(super) fn new(producer: &'p mut Producer) -> Self {
        let mut state = producer.shared.lock();
        state.is_fed = true;
        let mut open = std::mem::take(&mut state.open);
        let open_slots = std::mem::take(&mut state.open_slots);
        open.resize_with(state.slots.len(), || None);
        for (opened, shared) in producer.topics.iter_mut().zip(&state.topics) {
            opened.update(shared);
        }
        drop(state);
        Self { producer, open, open_slots, pushed: 0, is_news: false }
    }

    /// Encodes a record into the open batch of its partition. `token` comes back with the delivery.
    ///
    /// # Errors
    /// [`PushError::Full`] when the record has to be pushed again later; else why it cannot be sent.
    #[inline]
    pub fn push(&mut self, topic: TopicHandle, record: &Record<'_>, token: u64) -> Result<(), PushError> {
        self.push_awaited(topic, record, token, &mut None)
    }

    /// Pushes a record; if it is taken, its own answer goes to `answer`.
    #[inline]
    pub(super) fn push_awaited(
        &mut self,
        topic: TopicHandle,
        record: &Record<'_>,
        token: u64,
        answer: &mut Option<Answer>,
    ) -> Result<(), PushError> {
        let parts = record.parts();
        let max_len = BatchBuilder::max_record_len(&parts);
        let opened = &mut self.producer.topics[topic.0];
        let slot = opened.choose(record, &self.open)?;
        let most = opened.max_batch_len.min(self.producer.config.batch_bytes);
        let has_room = self.open[slot.0].as_ref().is_some_and(|batch| batch.batch_len + max_len <= most);
        if !has_room {
            self.roll(topic, slot, max_len)?;
        }
        let batch = self.open[slot.0].as_mut().expect("there is one with room, or a new one");
        if let Some(answer) = answer.take() {
            batch.waiters.push(Waiter { index: batch.tokens.len(), answer });
        }
        batch.push(&parts, max_len, token);
        self.pushed += 1;
        let is_full = batch.tokens.len() >= self.producer.config.batch_records;
        self.producer.topics[topic.0].taken(record);
        if is_full {
            self.seal(slot);
        }
        Ok(())
    }

    /// Whether full batches were handed over, or new ones begun.
    pub(super) const fn is_news(&self) -> bool {
        self.is_news
    }

    /// Seals the partition's open batch, if there is one, and begins a new one.
    #[cold]
    fn roll(&mut self, topic: TopicHandle, slot: Slot, max_len: usize) -> Result<(), PushError> {
        let opened = &self.producer.topics[topic.0];
        let alone = yak_record::HEADER_LEN + max_len;
        if alone > opened.max_batch_len {
            let (topic, limit) = (opened.info.name.clone(), opened.max_batch_len);
            return Err(ClientError::RecordTooLarge { topic, size: alone, limit }.into());
        }
        if self.open[slot.0].is_some() {
            self.seal(slot);
        }
        let charge = self.producer.charge().max(alone);
        let mut state = self.producer.shared.lock();
        if let Some(ended) = &state.ended {
            return Err(ended.clone().into());
        }
        if !state.acquire(charge) {
            self.is_news = true;
            return Err(PushError::Full);
        }
        let mut batch = state.spare.pop().unwrap_or_else(Batch::new);
        drop(state);
        batch.begin(slot, charge);
        self.open[slot.0] = Some(batch);
        self.open_slots.push(slot);
        self.is_news = true;
        Ok(())
    }

    /// Hands the partition's open batch over.
    fn seal(&mut self, slot: Slot) {
        let Some(batch) = self.open[slot.0].take() else { return };
        let mut state = self.producer.shared.lock();
        state.stats.pushed += std::mem::take(&mut self.pushed);
        state.sealed.push(batch);
        drop(state);
        self.is_news = true;
        self.producer.shared.wake.notify_one();
    }
}

impl Drop for Feed<'_> {
    fn drop(&mut self) {
        let open = &self.open;
        self.open_slots.retain(|slot| open[slot.0].is_some());
        let mut state = self.producer.shared.lock();
        state.stats.pushed += self.pushed;
        state.open = std::mem::take(&mut self.open);
        state.open_slots = std::mem::take(&mut self.open_slots);
        state.is_fed = false;
        let is_wanted = std::mem::take(&mut state.is_open_wanted);
        drop(state);
        if self.is_news || is_wanted {
            self.producer.shared.wake.notify_one();
        }
    }
}
