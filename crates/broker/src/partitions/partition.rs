//! One partition of this broker: one lock over (core, log), and a lock-free way for readers.
//!
//! ```text
//!   produce ──► [ lock: Replica (core) over DiskLog (log) ] ──effects──► gate, wake-ups, waiting produces
//!   fetch   ──► gate (atomics) ──► LogReader                the lock only to learn why something is refused
//! ```
//!
//! Invariant: the gate says what the core said last. It opens only while the core leads and the log works, and
//! its high watermark is the core's, so a reader who passes it would have been let through by the core.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use bytes::BytesMut;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use yak_core::partition::{
    Acknowledged, Effect, ProduceOutcome, ProduceRequest, Replica, ReplicaIdentity, Role, Token,
};
use yak_log::{DurableObserver, Log, LogConfig, LogReader, StorageFailure, TimestampedOffset};
use yak_model::api::{OffsetSpec, Rejection};
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerId, ErrorCode, LeaderEpoch, Offset, TimestampMs, TopicId, TopicPartition};
use yak_record::Records;

use super::log::DiskLog;
use crate::clock::Clock;
use crate::wakeups::{Grows, Wakeups};

/// What the gate says while nobody may pass.
const CLOSED: i32 = -1;

/// A partition replica of this broker.
#[derive(Debug)]
pub(crate) struct Partition {
    id: TopicPartition,
    topic_id: TopicId,
    clock: Clock,
    state: Mutex<State>,
    reader: LogReader,
    /// The epoch in which this replica leads, else [`CLOSED`].
    leading: AtomicI32,
    high_watermark: AtomicI64,
    wakeups: Wakeups,
}

#[derive(Debug)]
struct State {
    replica: Replica<DiskLog>,
    waiting: BTreeMap<Token, oneshot::Sender<Result<Acknowledged, Rejection>>>,
}

/// What became of an append.
#[derive(Debug)]
pub(crate) enum Append {
    /// Acknowledged as was asked.
    Done(Acknowledged),
    /// In the log; the acknowledgement comes later.
    Waiting(oneshot::Receiver<Result<Acknowledged, Rejection>>),
}

/// What a reader got.
#[derive(Debug)]
pub(crate) struct Read {
    /// The first offset it may not see.
    pub(crate) high_watermark: Offset,
    /// The first offset still there.
    pub(crate) log_start_offset: Offset,
    /// Whole batches below the high watermark; empty if there are none yet.
    pub(crate) records: Records,
}

impl Partition {
    /// A partition over an opened log, closed until a record says who leads.
    pub(crate) fn new(
        identity: ReplicaIdentity,
        log: Log,
        min_insync_replicas: u16,
        (clock, storage_failed): (Clock, CancellationToken),
    ) -> Arc<Self> {
        let high_watermark = log.high_watermark();
        let log = DiskLog::new(log);
        let reader = log.reader().clone();
        let (id, topic_id) = (identity.partition.clone(), identity.topic_id);
        let replica = Replica::new(identity, log, high_watermark, min_insync_replicas);
        let high_watermark = AtomicI64::new(replica.high_watermark().get());
        let partition = Arc::new(Self {
            id,
            topic_id,
            clock,
            state: Mutex::new(State { replica, waiting: BTreeMap::new() }),
            reader,
            leading: AtomicI32::new(CLOSED),
            high_watermark,
            wakeups: Wakeups::default(),
        });
        if let Some(writer) = partition.lock().replica.log_mut().writer() {
            let partition = Arc::downgrade(&partition);
            writer.observe(Arc::new(Observer { partition, storage_failed }));
        }
        partition
    }

    /// Its name.
    pub(crate) const fn id(&self) -> &TopicPartition {
        &self.id
    }

    /// The topic it belongs to.
    pub(crate) const fn topic_id(&self) -> TopicId {
        self.topic_id
    }

    /// Its log, for reading.
    pub(crate) const fn reader(&self) -> &LogReader {
        &self.reader
    }

    /// The first offset not known to be on the whole ISR, as last published.
    pub(crate) fn high_watermark(&self) -> Offset {
        Offset::new(self.high_watermark.load(Ordering::Acquire))
    }

    /// The partition's lock. A panic while it was held may have left a record half-written or acknowledged
    /// wrongly; no answer is better than that one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|_| {
            tracing::error!(partition = %self.id, "a panic happened while the log was being written; giving up");
            std::process::abort()
        })
    }

    /// Takes over what the metadata says of it.
    pub(crate) fn apply(&self, record: &PartitionRecord, min_insync_replicas: u16) {
        let mut state = self.lock();
        let before = state.replica.role();
        state.replica.handle_min_insync_replicas(self.clock.now_ms(), min_insync_replicas);
        state.replica.handle_partition_record(self.clock.now_ms(), record);
        let role = state.replica.role();
        if before != role {
            tracing::info!(partition = %self.id, ?role, "role_changed");
        }
        self.publish(state);
    }

    /// Takes over the topic's configuration.
    pub(crate) fn configure(&self, config: LogConfig, min_insync_replicas: u16) {
        let mut state = self.lock();
        if let Some(writer) = state.replica.log_mut().writer() {
            writer.set_config(config);
        }
        state.replica.handle_min_insync_replicas(self.clock.now_ms(), min_insync_replicas);
        self.publish(state);
    }

    /// Appends batches, which are patched in place.
    pub(crate) fn append(&self, request: &ProduceRequest, batches: &mut [u8]) -> Result<Append, Rejection> {
        let mut state = self.lock();
        let outcome = state.replica.handle_produce(self.clock.now_ms(), self.clock.wall(), request, batches);
        let appended = match outcome {
            Ok(ProduceOutcome::Done(acknowledged)) => Ok(Append::Done(acknowledged)),
            Ok(ProduceOutcome::Waiting(token)) => {
                let (sender, receiver) = oneshot::channel();
                state.waiting.insert(token, sender);
                Ok(Append::Waiting(receiver))
            }
            Err(rejection) => Err(rejection),
        };
        self.publish(state);
        appended
    }

    /// Answers the produces whose deadline has passed.
    pub(crate) fn handle_time(&self) {
        let mut state = self.lock();
        state.replica.handle_time(self.clock.now_ms());
        self.publish(state);
    }

    /// Reads whole batches from `offset` on, at most `max_bytes` but at least one.
    pub(crate) fn read(
        &self,
        leader_epoch: Option<LeaderEpoch>,
        offset: Offset,
        max_bytes: u64,
    ) -> Result<Read, Rejection> {
        let leading = self.leading.load(Ordering::Acquire);
        let high_watermark = self.high_watermark();
        let log_start_offset = self.reader.log_start();
        let passes = leading != CLOSED
            && leader_epoch.is_none_or(|epoch| epoch.get() == leading)
            && (log_start_offset..=high_watermark).contains(&offset);
        let (high_watermark, log_start_offset) = if passes {
            (high_watermark, log_start_offset)
        } else {
            let bound = self.lock().replica.check_fetch(leader_epoch, offset)?;
            (bound.high_watermark, bound.log_start_offset)
        };
        let records = if offset < high_watermark {
            let read = self.reader.read(offset, max_bytes, high_watermark);
            read.map_err(|error| Rejection::new(error.code(), format!("{}: {error}", self.id)))?
        } else {
            Records::EMPTY
        };
        Ok(Read { high_watermark, log_start_offset, records })
    }

    /// Appends batches that [`Partition::read`] gave for `offset` to `out`, having checked that they are what was
    /// written: a flipped bit on the disk is reported, never served (INV-19).
    pub(crate) fn load(
        &self,
        records: &Records,
        offset: Offset,
        out: &mut BytesMut,
    ) -> Result<(), Rejection> {
        let start = out.len();
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(partition = %self.id, %error, "the log cannot be read");
            Rejection::new(ErrorCode::KafkaStorageError, format!("{}: {error}", self.id))
        };
        records.read_into(out).map_err(|error| failed(&error))?;
        self.reader.verify(&out[start..], offset).map_err(|error| failed(&error))
    }

    /// The offset that is asked for, with the timestamp of its record if it was asked for by time.
    pub(crate) fn offset_at(
        &self,
        leader_epoch: Option<LeaderEpoch>,
        at: OffsetSpec,
    ) -> Result<Option<TimestampedOffset>, Rejection> {
        let latest = {
            let state = self.lock();
            state.replica.check_leads(leader_epoch)?;
            match at {
                OffsetSpec::Earliest => state.replica.high_watermark(),
                _ => state.replica.latest_offset(leader_epoch)?,
            }
        };
        let plain = |offset| {
            let leader_epoch = self.reader.epoch_at(offset).unwrap_or(LeaderEpoch::UNKNOWN);
            Some(TimestampedOffset { offset, timestamp: TimestampMs::NONE, leader_epoch })
        };
        let found = match at {
            OffsetSpec::Earliest => Ok(plain(self.reader.log_start())),
            OffsetSpec::Latest => Ok(plain(latest)),
            OffsetSpec::MaxTimestamp => self.reader.max_timestamp_offset(latest),
            OffsetSpec::Time(time) => self.reader.offset_for_time(time, latest),
        };
        found.map_err(|error| Rejection::new(error.code(), format!("{}: {error}", self.id)))
    }

    /// Deletes the records before `offset` (`None`: before the high watermark). Returns the first one left. It is
    /// durable after the next `LogDirectory::checkpoint`.
    pub(crate) fn delete_before(&self, offset: Option<Offset>) -> Result<Offset, Rejection> {
        let mut state = self.lock();
        let before = state.replica.check_delete_before(None, offset)?;
        let deleted =
            state.replica.log_mut().writer().map_or(Ok(before), |writer| writer.delete_before(before));
        self.publish(state);
        deleted.map_err(|error| Rejection::new(ErrorCode::KafkaStorageError, error.to_string()))
    }

    /// Runs something on the log's writer that does not move its end (retention, rolling), unless it is closed.
    pub(crate) fn with_log<T>(&self, work: impl FnOnce(&mut Log) -> T) -> Option<T> {
        self.lock().replica.log_mut().writer().map(work)
    }

    /// Whose logs hold everything before `end`.
    pub(crate) fn holders(&self, end: Offset) -> Vec<BrokerId> {
        self.lock().replica.holders(end).collect()
    }

    /// Why it is offline, if it is.
    pub(crate) fn failure(&self) -> Option<String> {
        self.lock().replica.failure().map(str::to_owned)
    }

    /// Ends it: readers and waiting produces are turned away, and the log is given back.
    pub(crate) fn close(&self) -> Option<Log> {
        let mut state = self.lock();
        state.replica.handle_log_failed("the partition was closed");
        let log = state.replica.log_mut().close();
        self.publish(state);
        log
    }

    /// Tells everyone what the last input came to, and releases the lock.
    fn publish(&self, mut state: MutexGuard<'_, State>) {
        let leading = match state.replica.role() {
            Role::Leader(epoch) if state.replica.failure().is_none() => epoch.get(),
            _ => CLOSED,
        };
        let mut grown = self.leading.swap(leading, Ordering::Release) != leading;
        while let Some(effect) = state.replica.poll_effect() {
            match effect {
                Effect::Sync => {
                    if let Some(writer) = state.replica.log_mut().writer() {
                        writer.request_sync();
                    }
                }
                Effect::HighWatermark(offset) => {
                    self.high_watermark.store(offset.get(), Ordering::Release);
                    if let Some(writer) = state.replica.log_mut().writer() {
                        writer.set_high_watermark(offset);
                    }
                    grown = true;
                }
                // Nobody follows, and nobody is followed, while there is one broker.
                Effect::Progress | Effect::ProposeIsr(_) => {}
                Effect::ProduceDone { token, result } => {
                    if let Some(waiter) = state.waiting.remove(&token) {
                        // A connection that ended meanwhile wants no answer.
                        drop(waiter.send(result));
                    }
                }
            }
        }
        drop(state);
        if grown {
            self.wakeups.wake();
        }
    }
}

impl Grows for Partition {
    fn wakeups(&self) -> &Wakeups {
        &self.wakeups
    }
}

/// What the flusher tells. It does not keep a partition alive that was closed.
#[derive(Debug)]
struct Observer {
    partition: Weak<Partition>,
    storage_failed: CancellationToken,
}

impl DurableObserver for Observer {
    fn durable(&self, end: Offset) {
        if let Some(partition) = self.partition.upgrade() {
            let mut state = partition.lock();
            state.replica.handle_durable(partition.clock.now_ms(), end);
            partition.publish(state);
        }
    }

    fn failed(&self, failure: &StorageFailure) {
        self.storage_failed.cancel();
        if let Some(partition) = self.partition.upgrade() {
            let mut state = partition.lock();
            state.replica.handle_log_failed(&failure.to_string());
            partition.publish(state);
        }
    }
}
