//! What can go wrong, one type for each operation.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use yak_model::{
    ErrorCode, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs, TopicId, TopicPartition,
};
use yak_record::BatchError;

use crate::recovery::Damage;

/// An operation of the file system that failed.
///
/// A failed write, sync, truncation or rename is final: the log directory is offline from then on, and every
/// later append or sync fails with the same failure. The exceptions are no room and too many open files, which
/// heal.
#[derive(Clone, Debug, Error)]
#[error("cannot {operation} {}: {source}", path.display())]
pub struct StorageFailure {
    /// What was attempted, as a verb.
    pub operation: &'static str,
    /// On what.
    pub path: PathBuf,
    /// What the file system said.
    #[source]
    pub source: Arc<io::Error>,
}

impl StorageFailure {
    pub(crate) fn new(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self { operation, path: path.to_owned(), source: Arc::new(source) }
    }

    /// Whether there was no room, or too many files were open, which heals.
    #[must_use]
    pub fn is_refused_for_now(&self) -> bool {
        crate::dir::is_refused_for_now(&self.source)
    }

    /// Whether too many files were open: nothing was done.
    pub(crate) fn is_out_of_files(&self) -> bool {
        crate::dir::is_out_of_files(&self.source)
    }
}

/// Why batches were not appended. Nothing of them is in the log.
#[derive(Clone, Debug, Error)]
pub enum AppendError {
    /// The disk failed, now or earlier; the log directory is offline.
    #[error("log directory is offline: {0}")]
    Offline(StorageFailure),
    /// The disk is full, or nearly so; appends work again when there is room.
    #[error("no room on disk: {available} bytes are free, {reserve} are kept in reserve")]
    NoRoom {
        /// Free bytes.
        available: u64,
        /// Bytes that appends leave free.
        reserve: u64,
    },
    /// Too many files are open; appends work again when some are closed.
    #[error("refused for now: {0}")]
    Refused(StorageFailure),
    /// A batch is malformed.
    #[error("{0}")]
    Batch(#[from] BatchError),
    /// A batch is larger than `max.message.bytes`.
    #[error("a batch has {size} bytes, more than max.message.bytes={limit}")]
    TooLarge {
        /// Of the batch, header included.
        size: usize,
        /// The topic's limit.
        limit: usize,
    },
    /// The batches do not fit a segment together.
    #[error("the batches have {size} bytes, more than segment.bytes={limit}")]
    ListTooLarge {
        /// Of all batches.
        size: usize,
        /// The topic's segment size.
        limit: usize,
    },
    /// A record's time lies too far from the broker's clock.
    #[error("timestamp {timestamp} is not within the accepted range of the broker's time {now}")]
    Timestamp {
        /// The record's time.
        timestamp: TimestampMs,
        /// The broker's time.
        now: TimestampMs,
    },
    /// The batch does not continue what its producer sent before.
    #[error("{0}")]
    Producer(#[from] ProducerError),
    /// A follower was given batches that do not continue its log.
    #[error("the log ends at offset {expected}, the batch begins at {found}")]
    NotContiguous {
        /// The log's end.
        expected: Offset,
        /// The batch's base offset.
        found: Offset,
    },
    /// A follower was given a batch whose checksum is wrong.
    #[error("the checksum of the batch at offset {offset} is wrong")]
    Checksum {
        /// The batch's base offset.
        offset: Offset,
    },
    /// A batch's leader epoch is lower than the log's latest.
    #[error("leader epoch {found} is older than the log's latest, {latest}")]
    StaleEpoch {
        /// The log's latest epoch.
        latest: i32,
        /// The epoch of the batch.
        found: i32,
    },
}

/// Why a batch of an idempotent producer was refused (KIP-98, KIP-360).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProducerError {
    /// A newer instance of the producer has written.
    #[error("producer {id} has epoch {current}, this batch has the older {found}")]
    Fenced {
        /// The producer.
        id: ProducerId,
        /// Its epoch in the log.
        current: ProducerEpoch,
        /// The epoch of the batch.
        found: ProducerEpoch,
    },
    /// A batch before this one is missing.
    #[error("producer {id}: expected sequence {expected}, got {found}")]
    OutOfOrder {
        /// The producer.
        id: ProducerId,
        /// The sequence that would continue.
        expected: Sequence,
        /// The base sequence of the batch.
        found: Sequence,
    },
    /// The batch was written so long ago that its offset is not known any more.
    #[error("producer {id}: sequence {found} was written before, and is not among the last batches")]
    Duplicate {
        /// The producer.
        id: ProducerId,
        /// The base sequence of the batch.
        found: Sequence,
    },
    /// Nothing is known of the producer and the batch is not its first: it begins anew with another epoch.
    #[error("nothing is known of producer {id}, whose batch begins with sequence {found}")]
    Unknown {
        /// The producer.
        id: ProducerId,
        /// The base sequence of the batch.
        found: Sequence,
    },
}

impl AppendError {
    /// The code of the reply.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Offline(_) | Self::NoRoom { .. } | Self::Refused(_) => ErrorCode::KafkaStorageError,
            Self::Batch(error) => error.code(),
            Self::Checksum { .. } => ErrorCode::CorruptMessage,
            Self::TooLarge { .. } => ErrorCode::MessageTooLarge,
            Self::ListTooLarge { .. } => ErrorCode::RecordListTooLarge,
            Self::Timestamp { .. } => ErrorCode::InvalidTimestamp,
            Self::Producer(ProducerError::Fenced { .. }) => ErrorCode::InvalidProducerEpoch,
            Self::Producer(ProducerError::OutOfOrder { .. }) => ErrorCode::OutOfOrderSequenceNumber,
            Self::Producer(ProducerError::Duplicate { .. }) => ErrorCode::DuplicateSequenceNumber,
            Self::Producer(ProducerError::Unknown { .. }) => ErrorCode::UnknownProducerId,
            Self::NotContiguous { .. } => ErrorCode::OffsetOutOfRange,
            Self::StaleEpoch { .. } => ErrorCode::FencedLeaderEpoch,
        }
    }
}

/// Why records could not be read.
#[derive(Clone, Debug, Error)]
pub enum ReadError {
    /// The offset is not in the log.
    #[error("offset {offset} is not within the log, which has [{start}, {end})")]
    OffsetOutOfRange {
        /// The offset asked for.
        offset: Offset,
        /// First offset in the log.
        start: Offset,
        /// First offset after the log, or after what the reader may see.
        end: Offset,
    },
    /// The file could not be read.
    #[error("{0}")]
    Storage(StorageFailure),
    /// What the file holds there is not a batch of this log.
    #[error("{0}")]
    Damaged(Damage),
}

impl ReadError {
    /// The code of the reply.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::Storage(_) => ErrorCode::KafkaStorageError,
            Self::Damaged(_) => ErrorCode::CorruptMessage,
        }
    }
}

/// Why a partition's log could not be opened, created, truncated or deleted.
#[derive(Debug, Error)]
pub enum LogError {
    /// The disk failed.
    #[error("{0}")]
    Storage(#[from] StorageFailure),
    /// What is there is less, or other, than what was once durable. Nothing was changed.
    #[error("{partition}: {damage}")]
    Damaged {
        /// Which partition.
        partition: TopicPartition,
        /// Where and why.
        damage: Damage,
    },
    /// The directory belongs to another topic of the same name. It is to be set aside.
    #[error("{partition}: the directory belongs to topic id {found}, expected {expected}")]
    TopicId {
        /// Which partition.
        partition: TopicPartition,
        /// What the cluster says.
        expected: TopicId,
        /// What `partition.metadata` says.
        found: TopicId,
    },
    /// A small file of the partition cannot be understood. Nothing was changed.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is no directory for the partition.
    #[error("{0}: no such partition in this log directory")]
    NotFound(TopicPartition),
    /// The offset is not in the log.
    #[error("offset {offset} is not within [{start}, {end}]")]
    OffsetOutOfRange {
        /// The offset asked for.
        offset: Offset,
        /// First offset in the log.
        start: Offset,
        /// First offset after the log.
        end: Offset,
    },
}

/// Why a log directory could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("log directory {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// It belongs to another broker.
    #[error("log directory {} belongs to broker {found}, not to broker {expected}", path.display())]
    OtherBroker {
        /// The directory.
        path: PathBuf,
        /// The broker that opens it.
        expected: i32,
        /// What `meta.properties` says.
        found: i32,
    },
    /// It belongs to another cluster.
    #[error("log directory {} belongs to cluster {found}, not to cluster {expected}", path.display())]
    OtherCluster {
        /// The directory.
        path: PathBuf,
        /// The cluster that the broker is in.
        expected: String,
        /// What `meta.properties` says.
        found: String,
    },
    /// A small file of it cannot be understood. Nothing was changed.
    #[error("{}: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The disk failed.
    #[error("{0}")]
    Storage(#[from] StorageFailure),
}
