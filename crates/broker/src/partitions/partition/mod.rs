//! One partition of this broker: one lock over (core, log), and a lock-free way for readers.
//!
//! ```text
//!   produce ──► [ lock: Replica (core) over DiskLog (log) ] ──effects──► gate, wake-ups, waiting produces
//!   fetch   ──► gate (atomics) ──► LogReader                the lock only to learn why something is refused
//!   replica fetch ──► [ lock: counts how far the follower is ] ──► LogReader, up to the log's end
//! ```
//!
//! Invariant: the gate says what the core said last. It opens only while the core leads and the log works, and
//! its high watermark is the core's, so a reader who passes it would have been let through by the core.

mod observe;
mod read;
mod replicate;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI16, AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use yak_core::partition::{
    Acknowledged, ProduceOutcome, ProduceRequest, Replica, ReplicaIdentity, Role, Token,
};
use yak_log::{Log, LogConfig, LogReader};
use yak_model::api::Rejection;
use yak_model::metadata::PartitionRecord;
use yak_model::{BrokerId, ErrorCode, Offset, TopicId, TopicPartition};
use yak_record::{Attributes, Compression};

use self::observe::Observer;
pub(crate) use self::read::Read;
pub(crate) use self::replicate::Fetched;
use super::log::DiskLog;
use super::outgoing::Outgoing;
use crate::clock::Clock;
use crate::wakeups::{Grows, Wakeups, Watchers};

/// What the gate says while nobody may pass.
const CLOSED: i32 = -1;
/// No codec is asked for.
const AS_SENT: i16 = -1;

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
    /// How batches are stored, as a number of [`Compression`]; [`AS_SENT`] leaves it to producers.
    codec: AtomicI16,
    /// Whether every record needs a key.
    compacted: AtomicBool,
    wakeups: Wakeups,
    /// Sessions of followers, told of every append.
    followers: Watchers,
    outgoing: Arc<Outgoing>,
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

impl Partition {
    /// A partition over an opened log, closed until a record says who leads.
    pub(crate) fn new(
        identity: ReplicaIdentity,
        log: Log,
        min_insync_replicas: u16,
        (clock, storage_failed, outgoing): (Clock, CancellationToken, Arc<Outgoing>),
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
            codec: AtomicI16::new(AS_SENT),
            compacted: AtomicBool::new(false),
            wakeups: Wakeups::default(),
            followers: Watchers::default(),
            outgoing,
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

    /// How batches are stored, if the topic says so.
    pub(crate) fn codec(&self) -> Option<Compression> {
        match self.codec.load(Ordering::Relaxed) {
            AS_SENT => None,
            id => Attributes::from_bits(id).ok().map(Attributes::compression),
        }
    }

    /// Stores batches like this from now on.
    pub(crate) fn set_codec(&self, codec: Option<Compression>) {
        self.codec.store(codec.map_or(AS_SENT, |codec| Attributes::new(codec).bits()), Ordering::Relaxed);
    }

    /// Whether of each key only the last record stays, so that every record needs one.
    pub(crate) fn is_compacted(&self) -> bool {
        self.compacted.load(Ordering::Relaxed)
    }

    /// Is compacted, or not, from now on.
    pub(crate) fn set_compacted(&self, compacted: bool) {
        self.compacted.store(compacted, Ordering::Relaxed);
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
            Err(rejection) => Err(self.with_log_start(rejection)),
        };
        self.publish(state);
        if appended.is_ok() {
            self.followers.tell();
        }
        appended
    }

    /// A refusal for a batch's sequences says where the log begins.
    fn with_log_start(&self, mut rejection: Rejection) -> Rejection {
        let is_of_sequences = matches!(
            rejection.code,
            ErrorCode::UnknownProducerId
                | ErrorCode::OutOfOrderSequenceNumber
                | ErrorCode::DuplicateSequenceNumber
                | ErrorCode::InvalidProducerEpoch
        );
        if is_of_sequences {
            rejection.log_start_offset = Some(self.reader.log_start());
        }
        rejection
    }

    /// Answers the produces whose deadline has passed, and notices followers that lag.
    pub(crate) fn handle_time(&self) {
        let mut state = self.lock();
        state.replica.handle_time(self.clock.now_ms());
        self.publish(state);
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

    /// This broker is no replica any more, by this record: who waits is told so, as is whoever comes from now on, and
    /// the log is given back.
    pub(crate) fn leave(&self, record: &PartitionRecord) -> Option<Log> {
        let mut state = self.lock();
        state.replica.handle_partition_record(self.clock.now_ms(), record);
        if state.replica.role() != Role::Offline {
            state.replica.handle_log_failed("the partition was closed");
        }
        let log = state.replica.log_mut().close();
        self.publish(state);
        log
    }

    /// Ends it: readers and waiting produces are turned away, and the log is given back.
    pub(crate) fn close(&self) -> Option<Log> {
        let mut state = self.lock();
        state.replica.handle_log_failed("the partition was closed");
        let log = state.replica.log_mut().close();
        self.publish(state);
        log
    }
}

impl Grows for Partition {
    fn wakeups(&self) -> &Wakeups {
        &self.wakeups
    }
}
