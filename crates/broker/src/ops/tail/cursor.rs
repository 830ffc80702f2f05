//! How far a tail is in one partition, and where it reads on.

use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use yak_model::api::{ReadFrom, Rejection};
use yak_model::{ErrorCode, LeaderEpoch, Offset, TopicId, TopicPartition};
use yak_record::{Records, split_first_batch};

use super::{CHUNK_BYTES, passes};
use crate::broker::Broker;
use crate::forwarding::{Leader, Place, place};
use crate::partitions::Partition;

/// One partition of a tail.
#[derive(Debug)]
pub(super) struct Cursor {
    pub(super) id: TopicPartition,
    pub(super) topic_id: TopicId,
    /// The first offset not sent.
    pub(super) next: Offset,
    /// Where it ends, if the tail ends at the ends as they stood at its start.
    pub(super) stop: Option<Offset>,
    /// What lies at `next` was deleted: where the log begins now is to be found out.
    pub(super) is_lost: bool,
    /// What a leader sent, as long as it was not sent on: whole batches, the first of which holds `next`.
    fetched: Bytes,
    /// Why a leader sent nothing, last.
    trouble: Option<Rejection>,
    /// Where it was read last.
    reads: Reads,
}

/// Where a cursor reads.
#[derive(Debug)]
enum Reads {
    /// Nowhere, for now.
    Nowhere,
    /// This broker's log.
    Here(Arc<Partition>),
    /// Another broker's, which leads in this epoch.
    At(Leader, LeaderEpoch),
}

/// What there is at a cursor.
#[derive(Debug)]
pub(super) enum Look {
    /// Records, and where they are read from if that is here.
    Records(Records, Option<Arc<Partition>>),
    /// Nothing yet.
    Nothing,
    /// Nobody to ask, for now.
    Trouble(Rejection),
}

impl Cursor {
    /// At its beginning.
    pub(super) fn new(id: TopicPartition, topic_id: TopicId, next: Offset, stop: Option<Offset>) -> Self {
        Self {
            id,
            topic_id,
            next,
            stop,
            is_lost: false,
            fetched: Bytes::new(),
            trouble: None,
            reads: Reads::Nowhere,
        }
    }

    /// Whether it has reached its end.
    pub(super) fn is_done(&self) -> bool {
        self.stop.is_some_and(|stop| self.next >= stop)
    }

    /// The partition whose growth is worth a look.
    pub(super) fn awaited(&self) -> Option<Arc<Partition>> {
        match &self.reads {
            Reads::Here(partition) if !self.is_done() => Some(Arc::clone(partition)),
            _ => None,
        }
    }

    /// Whom to ask for what follows.
    pub(super) const fn asks(&self) -> Option<(&Leader, LeaderEpoch)> {
        match &self.reads {
            Reads::At(leader, epoch) => Some((leader, *epoch)),
            _ => None,
        }
    }

    /// Whether something of a leader's is still to be sent on.
    pub(super) const fn holds(&self) -> bool {
        !self.fetched.is_empty()
    }

    /// Looks for records, wherever they are to be read now.
    ///
    /// # Errors
    /// The topic was deleted, or the log cannot be read.
    pub(super) fn look(&mut self, broker: &Broker, read_from: ReadFrom) -> Result<Look, Rejection> {
        if self.holds() {
            return Ok(Look::Records(Records::Bytes(self.fetched.clone()), None));
        }
        let image = broker.image();
        if image.topic(&self.id.topic).is_none_or(|found| found.id() != self.topic_id) {
            let message = format!("topic '{}' was deleted", self.id.topic);
            return Err(Rejection::new(ErrorCode::UnknownTopicOrPartition, message));
        }
        match place(broker, &image, (&self.id.topic, self.id.partition), read_from) {
            Place::Here => self.read(broker, read_from),
            Place::At(leader, epoch) => {
                self.reads = Reads::At(leader, epoch);
                Ok(self.trouble.clone().map_or(Look::Nothing, Look::Trouble))
            }
            Place::Leaderless(rejection) => {
                self.reads = Reads::Nowhere;
                Ok(Look::Trouble(rejection))
            }
        }
    }

    /// Reads this broker's own log.
    fn read(&mut self, broker: &Broker, read_from: ReadFrom) -> Result<Look, Rejection> {
        self.trouble = None;
        self.reads = Reads::Nowhere;
        let read = broker.partition(&self.id.topic, self.id.partition).and_then(|partition| {
            let read = match partition.read_from(read_from, None, self.next, CHUNK_BYTES.into()) {
                Err(rejection) if rejection.code == ErrorCode::OffsetOutOfRange => {
                    // Retention or delete-records took what came next; go on with what is there.
                    self.next = self.next.max(partition.reader().log_start());
                    partition.read_from(read_from, None, self.next, CHUNK_BYTES.into())
                }
                read => read,
            };
            self.reads = Reads::Here(Arc::clone(&partition));
            Ok((read?.records, partition))
        });
        match read {
            Ok((records, _)) if records.is_empty() => Ok(Look::Nothing),
            Ok((records, partition)) => Ok(Look::Records(records, Some(partition))),
            Err(rejection) if passes(rejection.code) => Ok(Look::Trouble(rejection)),
            Err(rejection) => Err(rejection),
        }
    }

    /// Takes what a leader answered when it was asked for what lies at `offset`.
    ///
    /// # Errors
    /// What will not pass.
    pub(super) fn take(&mut self, offset: Offset, answer: Result<Bytes, Rejection>) -> Result<(), Rejection> {
        if offset != self.next || self.holds() {
            // A former leader's; the present one was faster.
            return Ok(());
        }
        match answer {
            Ok(batches) => {
                self.fetched = batches;
                self.trouble = None;
            }
            Err(rejection) if rejection.code == ErrorCode::OffsetOutOfRange => self.is_lost = true,
            Err(rejection) if passes(rejection.code) => self.trouble = Some(rejection),
            Err(rejection) => return Err(rejection),
        }
        Ok(())
    }

    /// Everything before `next` was sent, or is not to be.
    pub(super) fn advance(&mut self, next: Offset) {
        self.next = next;
        while let Ok((header, batch, _)) = split_first_batch(&self.fetched) {
            if header.next_offset() > next {
                return;
            }
            self.fetched.advance(batch.len());
        }
        self.fetched = Bytes::new();
    }
}
