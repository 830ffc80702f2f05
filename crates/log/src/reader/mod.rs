//! Reading a log while it is written: a snapshot of the segments, and ends that only the writer moves.
//!
//! A reader takes no lock that an append waits for. It reads the ends first and the list of segments after,
//! so that the list covers them; it walks headers only as far as they lead, and hands out a range of the file,
//! which the range keeps open when retention deletes it.

mod holes;
mod times;
mod verify;

use std::sync::Arc;

use yak_model::{LeaderEpoch, Offset, TopicId, TopicPartition};
use yak_record::{Records, StoredRange};

use crate::disk::Disk;
use crate::error::ReadError;
use crate::log::{Segments, Shared};
use crate::recovery::{Damage, damage_of};
use crate::segment::{FoundBatch, LookupError, Segment, names};
use crate::sync::lock;

pub use times::TimestampedOffset;

/// A batch and the segment that holds it.
type Found = (Arc<Segment>, FoundBatch);

/// Reads a log. Clones are cheap and independent of each other.
#[derive(Clone, Debug)]
pub struct LogReader {
    disk: Arc<Disk>,
    shared: Arc<Shared>,
}

impl LogReader {
    pub(crate) fn new(disk: Arc<Disk>, shared: Arc<Shared>) -> Self {
        Self { disk, shared }
    }

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

    /// First offset in the log.
    #[must_use]
    pub fn log_start(&self) -> Offset {
        self.shared.start()
    }

    /// Offset of the next record.
    #[must_use]
    pub fn log_end(&self) -> Offset {
        self.shared.end()
    }

    /// Everything before it survives a power cut.
    #[must_use]
    pub fn durable_end(&self) -> Offset {
        self.shared.durable_end()
    }

    /// Bytes of all log files.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.shared.segments.load().iter().map(|segment| segment.size()).sum()
    }

    /// How many segments.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.shared.segments.load().len()
    }

    /// The epoch of the record at `offset`, if known.
    #[must_use]
    pub fn epoch_at(&self, offset: Offset) -> Option<LeaderEpoch> {
        lock(&self.shared.epochs).epoch_at(offset)
    }

    /// Takes note of the high watermark, for the checkpoint.
    pub fn set_high_watermark(&self, high_watermark: Offset) {
        self.shared.set_high_watermark(high_watermark);
    }

    /// Whole batches from the one that holds `offset`: about `max_bytes` of them but at least one, all wholly
    /// before `upper_bound` and the log's end. They may come from one segment only. Empty if `offset` is the
    /// end of what may be read.
    ///
    /// # Errors
    /// The offset is before the log's start or after what may be read, or the file cannot be read.
    pub fn read(&self, offset: Offset, max_bytes: u64, upper_bound: Offset) -> Result<Records, ReadError> {
        let bound = upper_bound.min(self.log_end());
        self.check_range(offset, bound)?;
        if offset == bound {
            return Ok(Records::EMPTY);
        }
        match self.find(offset)? {
            Some(found) => Ok(self.read_at(found, offset, max_bytes, bound)?.0),
            None => Ok(Records::EMPTY),
        }
    }

    /// Whole batches from a found one on, and the offset after their last record: below the bound if a limit or the end
    /// of the segment came first, `offset` if there is nothing.
    fn read_at(
        &self,
        (segment, first): Found,
        offset: Offset,
        max_bytes: u64,
        bound: Offset,
    ) -> Result<(Records, Offset), ReadError> {
        let span = segment.span(&first, max_bytes, bound);
        let Some(span) = span.map_err(|error| self.failed(&segment, offset, error))? else {
            return Ok((self.beyond(&segment, &first, offset)?, offset));
        };
        let source = segment.log().map_err(ReadError::Storage)?;
        // A read that is larger than memory is cut by its own limits long before.
        let len = usize::try_from(span.len).unwrap_or(usize::MAX);
        Ok((Records::Stored(StoredRange { source, position: span.position, len }), span.end))
    }

    /// The batch that holds `offset` is not wholly before the bound: there is nothing to read yet, or, if it
    /// claims to reach beyond the log's end, something is wrong with it.
    fn beyond(&self, segment: &Segment, first: &FoundBatch, offset: Offset) -> Result<Records, ReadError> {
        let (next, end) = (first.header.next_offset(), self.log_end());
        if next <= end {
            return Ok(Records::EMPTY);
        }
        let problem = format!("a batch up to offset {next} in a log that ends at {end}");
        Err(self.failed(segment, offset, LookupError::Bad { position: first.position, problem }))
    }

    /// The segment and batch that hold `offset`, which is in the log.
    fn find(&self, offset: Offset) -> Result<Option<Found>, ReadError> {
        let segments = self.shared.segments.load_full();
        let after = segments.partition_point(|segment| segment.base() <= offset);
        let Some(index) = after.checked_sub(1) else {
            // Retention took it since the range was checked.
            self.check_range(offset, self.log_end())?;
            return Ok(None);
        };
        let segment = &segments[index];
        match segment.locate(offset) {
            Ok(Some(batch)) if batch.header.base_offset <= offset => Ok(Some((segment.clone(), batch))),
            Ok(batch) => self.gap(&segments, index, offset, batch),
            Err(error) => {
                // A file that is gone went with its offsets.
                self.check_range(offset, self.log_end())?;
                Err(self.failed(segment, offset, error))
            }
        }
    }

    /// No batch holds an offset that is in the log.
    fn gap(
        &self,
        segments: &Segments,
        index: usize,
        offset: Offset,
        batch: Option<FoundBatch>,
    ) -> Result<Option<(Arc<Segment>, FoundBatch)>, ReadError> {
        let segment = &segments[index];
        let is_last = index + 1 == segments.len();
        if is_last && batch.is_none() {
            // The log was truncated since the range was checked.
            return Ok(None);
        }
        let position = batch.map_or(segment.size(), |batch| batch.position);
        let problem = format!("no batch holds offset {offset}");
        Err(self.failed(segment, offset, LookupError::Bad { position, problem }))
    }

    fn check_range(&self, offset: Offset, end: Offset) -> Result<(), ReadError> {
        let start = self.log_start();
        if offset < start || offset > end {
            return Err(ReadError::OffsetOutOfRange { offset, start, end });
        }
        Ok(())
    }

    fn failed(&self, segment: &Segment, offset: Offset, error: LookupError) -> ReadError {
        match error {
            LookupError::Storage(failure) => ReadError::Storage(failure),
            LookupError::Bad { position, problem } => {
                ReadError::Damaged(self.damage(segment, position, offset, problem))
            }
        }
    }

    fn damage(&self, segment: &Segment, position: u64, offset: Offset, problem: String) -> Damage {
        damage_of(&self.disk, &segment.path(names::LOG), (position, problem), (offset, self.durable_end()))
    }
}
