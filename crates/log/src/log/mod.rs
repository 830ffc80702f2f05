//! The writer of one partition's log.
//!
//! Its methods take `&mut self`; whoever owns it serialises them. Readers ([`LogReader`]) and the flusher see
//! the log through shared state that the writer publishes, and never make it wait.

mod append;
mod lifecycle;
mod open;
mod retain;
mod roll;
mod shared;
mod swap;
mod truncate;

use std::sync::Arc;

use yak_model::api::ActiveProducer;
use yak_model::{LeaderEpoch, Offset, TimestampMs, TopicId, TopicPartition};

use crate::config::LogConfig;
use crate::directory::Core;
use crate::error::StorageFailure;
use crate::flusher::{DurableObserver, Urgency};
use crate::producers::Producers;
use crate::reader::LogReader;
use crate::segment::Segment;
use crate::sync::lock;

pub(crate) use open::Identity;
pub use retain::Retained;
pub(crate) use shared::{DirtyFile, Segments, Shared};

/// The writer of a log. Dropping it without [`close`](crate::LogDirectory::close) is like a crash of the
/// process for this partition: nothing is lost that was appended, and the next open checks it.
#[derive(Debug)]
pub struct Log {
    core: Arc<Core>,
    shared: Arc<Shared>,
    config: LogConfig,
    producers: Producers,
    /// The segment that is appended to: the last one of the shared list.
    active: Arc<Segment>,
    rolling: roll::Rolling,
    /// Bytes appended since the last snapshot of the producer state.
    unsnapshotted: u64,
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record; of the original, if it was a duplicate.
    pub base_offset: Offset,
    /// Offset of the last record.
    pub last_offset: Offset,
    /// The broker's time, if the topic stamps records with it.
    pub log_append_time: Option<TimestampMs>,
    /// The batches were in the log already: a retransmission (KIP-98). Nothing was written.
    pub duplicate: bool,
}

impl Log {
    /// Which partition this is.
    #[must_use]
    pub fn partition(&self) -> &TopicPartition {
        self.shared.partition()
    }

    /// The topic it belongs to.
    #[must_use]
    pub fn topic_id(&self) -> TopicId {
        self.shared.topic_id()
    }

    /// The configuration in force.
    #[must_use]
    pub const fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Another configuration from now on. `flush` cannot change: it is decided at the topic's creation, so the
    /// present mode stays.
    pub fn set_config(&mut self, config: LogConfig) {
        let flush = self.config.flush;
        self.config = LogConfig { flush, ..config };
    }

    /// A reader.
    #[must_use]
    pub fn reader(&self) -> LogReader {
        LogReader::new(self.core.disk.clone(), self.shared.clone())
    }

    /// First offset in the log.
    #[must_use]
    pub fn start(&self) -> Offset {
        self.shared.start()
    }

    /// Offset of the next record.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.shared.end()
    }

    /// Everything before it survives a power cut.
    #[must_use]
    pub fn durable_end(&self) -> Offset {
        self.shared.durable_end()
    }

    /// The latest leader epoch that has begun in this log.
    #[must_use]
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        lock(&self.shared.epochs).latest()
    }

    /// The largest known epoch not above `epoch` and the offset at which it ended (KIP-101, KIP-279): the log's
    /// end for the latest one. `None` if `epoch` is above the latest, or none is known.
    #[must_use]
    pub fn epoch_end(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        lock(&self.shared.epochs).end_of(epoch, self.end())
    }

    /// A leader's epoch begins at the end of the log. Ignored if it has begun already, or a later one.
    pub fn start_epoch(&mut self, epoch: LeaderEpoch) {
        lock(&self.shared.epochs).assign(epoch, self.end());
        self.core.flusher.request_checkpoint(&self.core);
    }

    /// Epochs that began at the log's end go: nothing of theirs is here, and another leader's records come there.
    pub fn forget_empty_epochs(&mut self) {
        lock(&self.shared.epochs).truncate_end(self.end());
        self.core.flusher.request_checkpoint(&self.core);
    }

    /// Takes note of the high watermark, for the checkpoint. At open it is the checkpointed one.
    pub fn set_high_watermark(&self, high_watermark: Offset) {
        self.shared.set_high_watermark(high_watermark);
    }

    /// The high watermark noted last.
    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.shared.high_watermark()
    }

    /// Tells `observer` from now on when the durable end moves, and when the directory fails.
    pub fn observe(&self, observer: Arc<dyn DurableObserver>) {
        self.shared.set_observer(observer);
    }

    /// Asks for everything appended so far to be made durable. Appends to a `flush=sync` log have asked already.
    pub fn request_sync(&self) {
        self.core.flusher.request(&self.core, &self.shared, Urgency::Now);
    }

    /// The idempotent producers that are remembered, by id.
    #[must_use]
    pub fn producers(&self) -> Vec<ActiveProducer> {
        self.producers.describe().collect()
    }

    /// How many idempotent producers are remembered.
    #[must_use]
    pub fn producer_count(&self) -> usize {
        self.producers.len()
    }

    /// Passes a failure of the disk on; everybody else is told by the flusher.
    fn offline(&self, failure: StorageFailure) -> StorageFailure {
        self.core.flusher.announce_failure();
        failure
    }
}
