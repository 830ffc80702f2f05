//! How a producer batches, retries and partitions.

use std::time::Duration;

use yak_model::api::Acks;
use yak_model::limits::{MAX_RECORDS_PER_BATCH, PRODUCER_BATCHES_REMEMBERED};
use yak_record::Compression;

use crate::ClientError;

/// A broker recognises a repetition only among the last so many batches.
const MAX_IN_FLIGHT: usize = PRODUCER_BATCHES_REMEMBERED;

/// Where records without key and without explicit partition go. A key always decides by Kafka's murmur2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partitioner {
    /// Strictly in turn, record by record.
    #[default]
    RoundRobin,
    /// One partition until its batch is full or sent, then the next.
    Sticky,
}

/// How a producer works. The defaults lose nothing and repeat nothing.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// When a record counts as written. Default: on all in-sync replicas.
    pub acks: Acks,
    /// Retries never duplicate (needs [`Acks::All`]). Default true.
    pub idempotent: bool,
    /// How the broker is to compress batches. Default: not.
    pub compression: Compression,
    /// Most bytes of record data in a batch. Default 128 KiB.
    pub batch_bytes: usize,
    /// Most records in a batch. Default 1,000.
    pub batch_records: usize,
    /// How long a record waits for company although it could be sent. Default 0.
    pub linger: Duration,
    /// Most memory for records not yet acknowledged. With few partitions less is used: what they can have under
    /// way, and a little more. Default 32 MiB.
    pub buffer_bytes: usize,
    /// Batches of one partition under way at once, 1 to 5. Default 5.
    pub max_in_flight: usize,
    /// How long a record may take, from push to acknowledgement. Default 2 minutes.
    pub delivery_timeout: Duration,
    /// Where records without key go.
    pub partitioner: Partitioner,
    /// Have missing topics created, if the cluster allows it. Default true.
    pub create_topics: bool,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            idempotent: true,
            compression: Compression::None,
            batch_bytes: 128 * 1024,
            batch_records: 1_000,
            linger: Duration::ZERO,
            buffer_bytes: 32 * 1024 * 1024,
            max_in_flight: 5,
            delivery_timeout: Duration::from_secs(120),
            partitioner: Partitioner::default(),
            create_topics: true,
        }
    }
}

impl ProducerConfig {
    /// Refuses what contradicts itself.
    pub(super) fn check(&self) -> Result<(), ClientError> {
        let problem = if self.idempotent && self.acks != Acks::All {
            "an idempotent producer needs acks=all"
        } else if !(1..=MAX_IN_FLIGHT).contains(&self.max_in_flight) {
            "max.in.flight.requests.per.connection must be 1 to 5"
        } else if self.batch_bytes == 0 || self.batch_records == 0 || self.buffer_bytes == 0 {
            "batch.size, records per batch and buffer.memory must be at least 1"
        } else if self.batch_records > MAX_RECORDS_PER_BATCH {
            "a batch has at most 1,000,000 records"
        } else {
            return Ok(());
        };
        Err(ClientError::Usage(problem.to_owned()))
    }
}
