//! Records of one partition that are sent, acknowledged and reported together.

use tokio::sync::oneshot;
use tokio::time::Instant;
use yak_model::TimestampMs;
use yak_protocol::ProduceLine;
use yak_record::{HEADER_LEN, ProducerStamp, RecordParts};

use super::{Acknowledged, Slot};
use crate::ClientError;

/// A batch, from its first record to its report. Its memory is used again for another one.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) slot: Slot,
    /// The records, encoded as they will be sent, however often.
    pub(super) line: ProduceLine,
    /// One for each record.
    pub(super) tokens: Vec<u64>,
    /// Most bytes it can have as a record batch.
    pub(super) batch_len: usize,
    /// What it takes of the producer's memory.
    pub(super) charge: usize,
    /// When its first record was pushed.
    pub(super) opened: Instant,
    /// The same by the wall clock: the time of records that have none of their own.
    pub(super) timestamp: TimestampMs,
    /// Position among the partition's batches; retries keep it.
    pub(super) ordinal: u64,
    /// Producer id, epoch and sequence, from its first sending on.
    pub(super) stamp: Option<ProducerStamp>,
    /// Whether some broker may have appended it.
    pub(super) is_perhaps_written: bool,
    /// Who waits for single records.
    pub(super) waiters: Vec<Waiter>,
}

/// Somebody waits for the record at `index`.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) index: usize,
    pub(super) answer: Answer,
}

/// Where the answer to a single record goes.
pub(super) type Answer = oneshot::Sender<Result<Acknowledged, ClientError>>;

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            slot: Slot(0),
            line: ProduceLine::new(),
            tokens: Vec::new(),
            batch_len: HEADER_LEN,
            charge: 0,
            opened: Instant::now(),
            timestamp: TimestampMs::NONE,
            ordinal: 0,
            stamp: None,
            is_perhaps_written: false,
            waiters: Vec::new(),
        }
    }

    /// Begins a new batch in the same memory.
    pub(super) fn begin(&mut self, slot: Slot, charge: usize) {
        self.slot = slot;
        self.line.clear();
        self.tokens.clear();
        self.batch_len = HEADER_LEN;
        self.charge = charge;
        self.opened = Instant::now();
        self.timestamp = now();
        self.ordinal = 0;
        self.stamp = None;
        self.is_perhaps_written = false;
        self.waiters.clear();
    }

    #[inline]
    pub(super) fn push(&mut self, record: &RecordParts<'_>, max_len: usize, token: u64) {
        self.line.push(record);
        self.tokens.push(token);
        self.batch_len += max_len;
    }

    /// How many records it has.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.tokens.len()).unwrap_or(u64::MAX)
    }

    /// How many sequence numbers it takes.
    pub(super) fn sequences(&self) -> i32 {
        i32::try_from(self.tokens.len()).expect("a batch is far below 2^31 records")
    }
}

/// The wall clock.
fn now() -> TimestampMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    TimestampMs::new(since.ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0))
}
