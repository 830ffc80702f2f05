//! Compaction: of each key only the last record stays (`cleanup.policy=compact`).
//!
//! ```text
//!   log start        cleaned up to                 end        active segment
//!   ├─────────────────────┼──────────────────────────┼───────────────┤
//!    no key twice          dirty: its keys are read    not touched: not below the high watermark,
//!    └────────── rewritten ─────────────────────────┘  not durable, younger than min.compaction.lag.ms
//!
//!   log.compaction(clock, high_watermark)   under the log's lock: what there is to do, if it is worth it
//!     .read_keys(memory)                    the last offset of each key of the dirty part, as far as memory goes
//!     .rewrite_next()                       some segments into one `.cleaned` file, durably
//!   log.swap_in(rewritten)                  under the lock: in their place; see `log/swap.rs`
//!   log.compacted(compaction)               under the lock: it is clean up to there
//! ```
//!
//! Offsets never change and never go missing: where records are gone, a batch keeps its first and last offset; where
//! whole batches are gone, one empty batch stands for all of them (of one leader epoch). So the batches of a
//! compacted log are as contiguous as those of any other, and a flipped bit in an offset shows in the same way.
//!
//! A batch that is among the last five of a producer stays, empty if need be, so that what idempotent producers wrote
//! last can be read from the log. A tombstone stays for `delete.retention.ms` after it was first compacted.
//!
//! Everything that is read is checked first, as at recovery: damage is reported, never copied.

mod keys;
mod output;
mod rewrite;

pub(crate) use rewrite::cleaned;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;
use yak_model::{LeaderEpoch, Offset};
use yak_record::{DecompressionLimits, Scratch, decode};

use crate::directory::{Core, RetentionClock};
use crate::error::StorageFailure;
use crate::log::{Segments, Shared};
use crate::recovery::{Damage, DamageKind};
use crate::segment::{FoundBatch, LogFile, Scan, ScanError, Segment, names};
use crate::sync::lock;

pub(crate) use keys::KeyOffsets;
pub use rewrite::Rewritten;

/// What a log does about old values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompactionConfig {
    /// `delete.retention.ms`: how long a tombstone stays after it was first compacted.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`: a segment with a younger record is not compacted.
    pub min_lag_ms: i64,
    /// `max.compaction.lag.ms`: with an older dirty record the log is compacted in any case.
    pub max_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`: how much of the log is dirty when it is worth it.
    pub min_dirty_ratio: f64,
}

/// Why a log was not compacted. It is as it was, but for segments that were swapped in before.
#[derive(Clone, Debug, Error)]
pub enum CompactionError {
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// The disk failed, or has no room.
    #[error(transparent)]
    Storage(#[from] StorageFailure),
    /// What is in the log is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

/// What is to be done to one log. It holds no lock; the log is appended to and read meanwhile.
pub struct Compaction {
    pub(crate) core: Arc<Core>,
    pub(crate) shared: Arc<Shared>,
    /// All of them below the active segment, oldest first, as far as there is something to be compacted.
    pub(crate) segments: Segments,
    /// Where the active segment begins.
    pub(crate) last_end: Offset,
    /// What they were compacted up to.
    pub(crate) from: Offset,
    /// Up to here it is wanted; after the keys were read, up to here they are known.
    pub(crate) end: Offset,
    /// Records before it are gone.
    pub(crate) log_start: Offset,
    /// Truncations of the log before this.
    pub(crate) generation: u64,
    /// Last offsets of the batches by which producers are remembered.
    pub(crate) remembered: BTreeSet<Offset>,
    pub(crate) config: CompactionConfig,
    pub(crate) segment_bytes: u64,
    pub(crate) index_interval_bytes: u64,
    pub(crate) clock: RetentionClock,
    pub(crate) dirty_ratio: f64,
    pub(crate) overdue: bool,
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) keys: KeyOffsets,
    /// How many of the segments were looked at.
    pub(crate) done: usize,
    pub(crate) report: Compacted,
}

impl fmt::Debug for Compaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compaction")
            .field("partition", self.shared.partition())
            .field("from", &self.from)
            .field("end", &self.end)
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// The log has no key twice before it.
    pub up_to: Offset,
    /// Different keys in the part that was dirty.
    pub keys: usize,
    /// Bytes that were read, those of the dirty part twice.
    pub bytes_read: u64,
    /// Bytes of the segments that were looked at.
    pub bytes_before: u64,
    /// What is left of them.
    pub bytes_after: u64,
    /// Records that went.
    pub records_removed: u64,
}

impl Compaction {
    /// How much of what may be compacted is dirty, from 0 to 1.
    #[must_use]
    pub const fn dirty_ratio(&self) -> f64 {
        self.dirty_ratio
    }

    /// Whether records have been dirty for longer than `max.compaction.lag.ms`.
    #[must_use]
    pub const fn is_overdue(&self) -> bool {
        self.overdue
    }

    /// Once set, whatever is under way ends soon with [`CompactionError::Stopped`].
    #[must_use]
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stop.clone()
    }

    /// Stops with a flag that is shared with others.
    #[must_use]
    pub fn stopped_by(self, stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..self }
    }

    /// Reads the keys of the dirty part, with at most so many bytes of memory for them. If they do not suffice, the
    /// log is compacted up to the key that did not fit, and from there the next time.
    ///
    /// # Errors
    /// See [`CompactionError`].
    pub fn read_keys(&mut self, memory_bytes: u64) -> Result<(), CompactionError> {
        self.keys = KeyOffsets::with_memory(memory_bytes);
        let mut scratch = Scratch::new();
        let dirty = self.segments.partition_point(|segment| segment.base() <= self.from).saturating_sub(1);
        for segment in &self.segments[dirty..] {
            if segment.base() >= self.end {
                break;
            }
            let log = segment.log()?;
            let mut source = Source::new(segment, &log);
            while let Some(found) = source.next(self)? {
                self.report.bytes_read += found.header.size_in_bytes() as u64;
                let skipped = found.header.next_offset() <= self.from || found.header.record_count == 0;
                if skipped || found.header.attributes.is_control() {
                    continue;
                }
                if found.header.base_offset >= self.end {
                    break;
                }
                let batch = source.bytes(&found, self)?;
                let (from, end) = (self.from, self.end);
                let keys = &mut self.keys;
                let mut read = || -> Result<Option<Offset>, yak_record::BatchError> {
                    for record in decode(batch, &mut scratch, &DecompressionLimits::default())? {
                        let record = record?;
                        let wanted = (from..end).contains(&record.offset);
                        if let Some(key) = record.key.filter(|_| wanted)
                            && !keys.put(key, record.offset)
                        {
                            return Ok(Some(record.offset));
                        }
                    }
                    Ok(None)
                };
                match read() {
                    Ok(None) => {}
                    Ok(Some(full)) => {
                        self.end = full;
                        break;
                    }
                    Err(problem) => return Err(self.damaged(segment, &found, problem.to_string()).into()),
                }
            }
        }
        self.report.keys = self.keys.len();
        let below = self.segments.partition_point(|segment| segment.base() < self.end);
        self.segments.truncate(below);
        Ok(())
    }

    fn check_stop(&self) -> Result<(), CompactionError> {
        if self.stop.load(Ordering::Relaxed) { Err(CompactionError::Stopped) } else { Ok(()) }
    }

    fn damaged(&self, segment: &Segment, found: &FoundBatch, problem: String) -> Damage {
        self.damage(segment, found.position, found.header.base_offset, problem)
    }

    fn damage(&self, segment: &Segment, position: u64, offset: Offset, problem: String) -> Damage {
        Damage {
            file: self.core.disk.full(&segment.path(names::LOG)),
            position,
            offset,
            durable_end: self.shared.durable_end(),
            kind: DamageKind::BadBatch(problem),
        }
    }

    /// What is wrong with a batch, of what its checksum does not cover.
    fn problem(&self, found: &FoundBatch, expected: Offset) -> Option<String> {
        let (base, epoch) = (found.header.base_offset, found.header.partition_leader_epoch);
        if base != expected {
            return Some(format!("base offset {base} where {expected} belongs"));
        }
        let known: Option<LeaderEpoch> = lock(&self.shared.epochs).epoch_at(base);
        known
            .filter(|known| *known != epoch && base >= self.log_start)
            .map(|known| format!("leader epoch {epoch} where {known} belongs"))
    }
}

/// The batches of one segment, each checked.
struct Source<'a> {
    log: &'a LogFile,
    segment: &'a Segment,
    scan: Scan<'a>,
    expected: Offset,
}

impl<'a> Source<'a> {
    fn new(segment: &'a Segment, log: &'a LogFile) -> Self {
        let scan = Scan::whole(&**log.file(), 0, segment.size());
        Self { log, segment, scan, expected: segment.base() }
    }

    fn next(&mut self, compaction: &Compaction) -> Result<Option<FoundBatch>, CompactionError> {
        compaction.check_stop()?;
        let found = self.scan.next_checked().map_err(|error| self.failed(compaction, error))?;
        let Some(found) = found else { return Ok(None) };
        if let Some(problem) = compaction.problem(&found, self.expected) {
            return Err(compaction.damaged(self.segment, &found, problem).into());
        }
        self.expected = found.header.next_offset();
        Ok(Some(found))
    }

    /// The bytes of the batch that was found last.
    fn bytes(&mut self, found: &FoundBatch, compaction: &Compaction) -> Result<&[u8], CompactionError> {
        let (disk, path) = (&compaction.core.disk, self.log.path());
        let bytes = self.scan.bytes(found.position, found.header.size_in_bytes());
        Ok(disk.look("read", path, bytes)?)
    }

    fn failed(&self, compaction: &Compaction, error: ScanError) -> CompactionError {
        match error {
            ScanError::Bad { position, problem } => {
                compaction.damage(self.segment, position, self.expected, problem.to_string()).into()
            }
            ScanError::Io(error) => {
                StorageFailure::new("read", &compaction.core.disk.full(self.log.path()), error).into()
            }
        }
    }
}
