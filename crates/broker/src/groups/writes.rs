//! What a shard writes: records appended under its lock, and what follows when they are acknowledged, in order.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use tokio::sync::oneshot;
use yak_core::partition::ProduceRequest;
use yak_model::api::{Acks, Rejection};
use yak_model::limits::DEFAULT_MAX_MESSAGE_BYTES;
use yak_model::{ErrorCode, GenerationId, GroupId, Offset};
use yak_record::{Compression, RecordParts};

use super::committed::{Committed, Place};
use super::shard::Shard;
use super::state::{Machine, State, moved};
use crate::partitions::Append;

/// Up to this size nothing is lost if the log refuses a batch that was made.
const SMALL_BATCH_BYTES: usize = 64 * 1024;

/// A record of the log. Without a value it is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredRecord {
    pub(super) key: Bytes,
    pub(super) value: Option<Bytes>,
}

/// Something that was appended and is not acknowledged yet.
#[derive(Debug)]
pub(super) struct Pending {
    /// The first offset behind it.
    end: Offset,
    then: Then,
    waiting: Vec<Waiter>,
}

/// Is told when a record, and everything before it, is acknowledged.
pub(super) type Waiter = oneshot::Sender<Result<(), Rejection>>;

/// What follows when a record is acknowledged.
#[derive(Debug)]
pub(super) enum Then {
    /// Commits become visible, or go (`None`).
    Commit { group: GroupId, entries: Vec<(Place, Option<Committed>)> },
    /// A classic group's assignment may be told.
    Stored { group: GroupId, generation: GenerationId },
    /// Nothing more: memory is there already, and is read anew if the record fails.
    Nothing { group: GroupId },
}

impl Then {
    const fn group(&self) -> &GroupId {
        match self {
            Self::Commit { group, .. } | Self::Stored { group, .. } | Self::Nothing { group } => group,
        }
    }

    /// Why it does not follow, as clients are told.
    fn refuse(&self, rejection: Rejection) -> Rejection {
        match (self, rejection.code) {
            (Self::Commit { .. }, ErrorCode::MessageTooLarge) => {
                Rejection::new(ErrorCode::InvalidCommitOffsetSize, rejection.message)
            }
            _ => as_coordinator(rejection),
        }
    }
}

impl Pending {
    /// The places of a group for which it brings commits.
    pub(super) fn commits_of(&self, id: &GroupId) -> impl Iterator<Item = &Place> {
        let entries = match &self.then {
            Then::Commit { group, entries } if group == id => entries.as_slice(),
            Then::Commit { .. } | Then::Stored { .. } | Then::Nothing { .. } => &[],
        };
        entries.iter().filter(|(_, committed)| committed.is_some()).map(|(place, _)| place)
    }
}

impl Shard {
    /// Appends records, all or none. What follows happens when they are acknowledged, which may be before this returns.
    ///
    /// # Errors
    /// The log refuses them; nothing follows then.
    pub(super) fn write(
        self: &Arc<Self>,
        state: &mut State,
        records: &[StoredRecord],
        (then, waiter): (Then, Option<Waiter>),
    ) -> Result<(), Rejection> {
        self.check_size(records).map_err(|rejection| then.refuse(rejection))?;
        let timestamp = Some(self.around.clock.wall());
        state.builder.reset();
        for StoredRecord { key, value } in records {
            let value = value.as_deref();
            state.builder.push(&RecordParts { timestamp, key: Some(key), value, headers: &[] });
        }
        let mut batch = state.builder.finish(Compression::None, None);
        let request = ProduceRequest {
            leader_epoch: Some(self.epoch),
            acks: Acks::All,
            // Whoever waits for the answer has a deadline; what is in the log is followed for as long as this broker leads.
            deadline_ms: u64::MAX,
            lease_until_ms: self.around.membership.lease_until_ms(),
        };
        let appended = self.partition.append(&request, &mut batch);
        let appended = appended.map_err(|rejection| then.refuse(rejection))?;
        // Nobody else appends while this broker leads, and this shard's lock is held.
        let end = self.partition.reader().log_end();
        if let Some(group) = state.groups.get_mut(then.group()) {
            group.writing += 1;
        }
        state.pending.push_back(Pending { end, then, waiting: waiter.into_iter().collect() });
        match appended {
            Append::Done(_) => self.acknowledge(state, end),
            Append::Waiting(answer) => {
                let (shard, loaded) = (Arc::downgrade(self), state.loaded);
                self.around.runtime.spawn(follow(shard, (loaded, end), answer));
            }
        }
        Ok(())
    }

    /// A large batch that the log will not take is not even made.
    fn check_size(&self, records: &[StoredRecord]) -> Result<(), Rejection> {
        let size = |record: &StoredRecord| record.key.len() + record.value.as_ref().map_or(0, Bytes::len);
        let bytes: usize = records.iter().map(size).sum();
        if bytes < SMALL_BATCH_BYTES || bytes <= self.max_batch_bytes() {
            return Ok(());
        }
        let limit = self.max_batch_bytes();
        let message = format!("{}: a batch has at most {limit} bytes, this one {bytes}", self.partition.id());
        Err(Rejection::new(ErrorCode::MessageTooLarge, message))
    }

    /// The largest batch that the log takes.
    pub(super) fn max_batch_bytes(&self) -> usize {
        // Of a log that is closed it is of no interest.
        self.partition.with_log(|log| log.config().max_message_bytes).unwrap_or(DEFAULT_MAX_MESSAGE_BYTES)
    }

    /// Has `waiter` told when everything that was appended so far is acknowledged; at once if it is.
    pub(super) fn when_acknowledged(state: &mut State, waiter: Waiter) {
        match state.pending.back_mut() {
            Some(last) => last.waiting.push(waiter),
            // Its asker may have gone.
            None => drop(waiter.send(Ok(()))),
        }
    }

    /// Everything before `end` is acknowledged.
    fn acknowledge(self: &Arc<Self>, state: &mut State, end: Offset) {
        while state.pending.front().is_some_and(|pending| pending.end <= end) {
            let Some(Pending { then, waiting, .. }) = state.pending.pop_front() else { return };
            self.settle(state, then, &Ok(()));
            for waiter in waiting {
                drop(waiter.send(Ok(())));
            }
        }
    }

    /// A record may not have come to stay.
    fn fail(self: &Arc<Self>, state: &mut State, end: Offset, rejection: &Rejection) {
        let Some(at) = state.pending.iter().position(|pending| pending.end == end) else { return };
        let Some(Pending { then, waiting, .. }) = state.pending.remove(at) else { return };
        tracing::warn!(partition = %self.partition.id(), group = %then.group(), %rejection, "group_write_failed");
        for waiter in waiting {
            drop(waiter.send(Err(rejection.clone())));
        }
        self.settle(state, then, &Err(rejection.clone()));
    }

    fn settle(self: &Arc<Self>, state: &mut State, then: Then, result: &Result<(), Rejection>) {
        let id = then.group().clone();
        let Some(group) = state.groups.get_mut(&id) else { return };
        group.writing = group.writing.saturating_sub(1);
        match (then, result) {
            (Then::Commit { entries, .. }, Ok(())) => {
                for (place, committed) in entries {
                    match committed {
                        Some(committed) => group.commits.put(place, committed),
                        None => group.commits.remove(&place),
                    }
                }
            }
            (Then::Stored { generation, .. }, result) => {
                if let Machine::Classic(classic) = &mut group.machine {
                    let now_ms = self.around.clock.now_ms();
                    classic.core.handle_stored(now_ms, generation, result.clone());
                    self.after(state, &id);
                }
            }
            // Memory may be ahead of the log.
            (Then::Nothing { .. }, Err(_)) => return self.reload(state),
            (Then::Commit { .. }, Err(_)) | (Then::Nothing { .. }, Ok(())) => {}
        }
        state.sweep(&id);
    }

    fn followed(self: &Arc<Self>, (loaded, end): (u64, Offset), result: Result<(), Rejection>) {
        let mut state = self.lock();
        if state.loaded != loaded {
            return;
        }
        match result {
            Ok(()) => self.acknowledge(&mut state, end),
            Err(rejection) => self.fail(&mut state, end, &rejection),
        }
    }
}

/// Waits for the log's answer. Does not keep a shard alive that nobody needs.
async fn follow<T>(shard: Weak<Shard>, what: (u64, Offset), answer: oneshot::Receiver<Result<T, Rejection>>) {
    let result = match answer.await {
        Ok(result) => result.map(|_acknowledged| ()).map_err(as_coordinator),
        Err(_closed) => Err(moved()),
    };
    if let Some(shard) = shard.upgrade() {
        shard.followed(what, result);
    }
}

/// What the log says, as a coordinator says it: its clients know nothing of partitions.
fn as_coordinator(rejection: Rejection) -> Rejection {
    let code = match rejection.code {
        ErrorCode::NotEnoughReplicas
        | ErrorCode::NotEnoughReplicasAfterAppend
        | ErrorCode::RequestTimedOut
        | ErrorCode::ThrottlingQuotaExceeded => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower
        | ErrorCode::FencedLeaderEpoch
        | ErrorCode::UnknownLeaderEpoch
        | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        _ => ErrorCode::UnknownServerError,
    };
    Rejection::new(code, rejection.message)
}
