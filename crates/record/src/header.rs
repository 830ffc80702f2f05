//! The 61 bytes at the start of a batch.

use yak_model::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

use crate::bytes_at::{i8_at, i16_at, i32_at, i64_at, u32_at};
use crate::{Attributes, BatchError};

/// Bytes of a batch header.
pub const HEADER_LEN: usize = 61;
/// Bytes before those that `batch_length` counts.
pub const LOG_OVERHEAD: usize = 12;
/// The one batch format there is.
pub const MAGIC: i8 = 2;

pub(crate) const BASE_OFFSET_AT: usize = 0;
pub(crate) const BATCH_LENGTH_AT: usize = 8;
pub(crate) const LEADER_EPOCH_AT: usize = 12;
pub(crate) const MAGIC_AT: usize = 16;
pub(crate) const CRC_AT: usize = 17;
pub(crate) const ATTRIBUTES_AT: usize = 21;
pub(crate) const LAST_OFFSET_DELTA_AT: usize = 23;
pub(crate) const BASE_TIMESTAMP_AT: usize = 27;
pub(crate) const MAX_TIMESTAMP_AT: usize = 35;
pub(crate) const PRODUCER_ID_AT: usize = 43;
pub(crate) const PRODUCER_EPOCH_AT: usize = 51;
pub(crate) const BASE_SEQUENCE_AT: usize = 53;
pub(crate) const RECORD_COUNT_AT: usize = 57;

/// A parsed header.
///
/// Invariants of [`BatchHeader::parse`], whoever wrote the bytes: `batch_length` covers at least the header, the
/// magic is 2, `base_offset`, `last_offset_delta` and `record_count` are not negative, and every offset of the
/// batch and the one after it are within `i64`. So none of the methods here can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record; 0 until a leader assigns it.
    pub base_offset: Offset,
    /// Bytes after this field, so of the batch less 12.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch; -1 until it does.
    pub partition_leader_epoch: LeaderEpoch,
    /// Always 2.
    pub magic: i8,
    /// CRC-32C of everything after this field.
    pub crc: u32,
    /// Compression and marks.
    pub attributes: Attributes,
    /// Last record's offset less `base_offset`; compaction keeps it when that record goes.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas count from: the first record's timestamp, when it was built.
    pub base_timestamp: TimestampMs,
    /// Greatest timestamp of the records, or the log-append time.
    pub max_timestamp: TimestampMs,
    /// The idempotent producer, or -1.
    pub producer_id: ProducerId,
    /// Its epoch, or -1.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record. Without producer id it may be anything.
    pub base_sequence: Sequence,
    /// Records in the batch; fewer than its offsets after compaction.
    pub record_count: i32,
}

impl BatchHeader {
    /// Parses the header at the start of `bytes`; neither the whole batch nor its checksum is looked at.
    ///
    /// # Errors
    /// [`BatchError::Incomplete`] for fewer than 61 bytes, else whichever invariant does not hold.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        if bytes.len() < HEADER_LEN {
            return Err(BatchError::Incomplete { needed: HEADER_LEN, available: bytes.len() });
        }
        // Other formats have other fields in these places.
        let magic = i8_at(bytes, MAGIC_AT);
        if magic != MAGIC {
            return Err(BatchError::Magic(magic));
        }
        let header = Self {
            base_offset: Offset::new(i64_at(bytes, BASE_OFFSET_AT)),
            batch_length: i32_at(bytes, BATCH_LENGTH_AT),
            partition_leader_epoch: LeaderEpoch::new(i32_at(bytes, LEADER_EPOCH_AT)),
            magic,
            crc: u32_at(bytes, CRC_AT),
            attributes: Attributes::from_bits(i16_at(bytes, ATTRIBUTES_AT))?,
            last_offset_delta: i32_at(bytes, LAST_OFFSET_DELTA_AT),
            base_timestamp: TimestampMs::new(i64_at(bytes, BASE_TIMESTAMP_AT)),
            max_timestamp: TimestampMs::new(i64_at(bytes, MAX_TIMESTAMP_AT)),
            producer_id: ProducerId::new(i64_at(bytes, PRODUCER_ID_AT)),
            producer_epoch: ProducerEpoch::new(i16_at(bytes, PRODUCER_EPOCH_AT)),
            base_sequence: Sequence::new(i32_at(bytes, BASE_SEQUENCE_AT)),
            record_count: i32_at(bytes, RECORD_COUNT_AT),
        };
        header.check()?;
        Ok(header)
    }

    fn check(&self) -> Result<(), BatchError> {
        const LEAST: usize = HEADER_LEN - LOG_OVERHEAD;
        if usize::try_from(self.batch_length).map_or(true, |length| length < LEAST) {
            return Err(BatchError::Length(self.batch_length));
        }
        let (base_offset, last_offset_delta) = (self.base_offset.get(), self.last_offset_delta);
        let next = base_offset.checked_add(i64::from(last_offset_delta) + 1);
        if base_offset < 0 || last_offset_delta < 0 || next.is_none() {
            return Err(BatchError::Offsets { base_offset, last_offset_delta });
        }
        if self.record_count < 0 {
            return Err(BatchError::Count { record_count: self.record_count, last_offset_delta });
        }
        Ok(())
    }

    /// Bytes of the whole batch.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the invariant of parse")]
    pub fn size_in_bytes(&self) -> usize {
        LOG_OVERHEAD + usize::try_from(self.batch_length).expect("parse refuses a negative length")
    }

    /// Offset of the last record.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// The offset after the last record, where the next batch begins.
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().plus(1)
    }

    /// Sequence of the last record, if the batch is an idempotent producer's.
    #[must_use]
    pub fn last_sequence(&self) -> Option<Sequence> {
        let idempotent = self.producer_id.get() >= 0 && self.base_sequence.get() >= 0;
        idempotent.then(|| self.base_sequence.plus(self.last_offset_delta))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes_at::{put_i32, put_i64};

    fn header(change: impl FnOnce(&mut [u8])) -> Result<BatchHeader, BatchError> {
        let mut bytes = [0; HEADER_LEN];
        put_i32(&mut bytes, BATCH_LENGTH_AT, 49);
        bytes[MAGIC_AT] = 2;
        change(&mut bytes);
        BatchHeader::parse(&bytes)
    }

    #[test]
    fn the_smallest_header_parses() {
        let parsed = header(|_| ()).unwrap();
        assert_eq!(parsed.size_in_bytes(), HEADER_LEN);
        assert_eq!((parsed.last_offset(), parsed.next_offset()), (Offset::new(0), Offset::new(1)));
    }

    #[test]
    fn numbers_that_would_not_fit_are_refused() {
        for length in [48, 0, -1, i32::MIN] {
            assert_eq!(header(|b| put_i32(b, BATCH_LENGTH_AT, length)), Err(BatchError::Length(length)));
        }
        for (base_offset, last_offset_delta) in [(-1, 0), (i64::MIN, 5), (0, -1), (i64::MAX - 2, 2)] {
            let result = header(|b| {
                put_i64(b, BASE_OFFSET_AT, base_offset);
                put_i32(b, LAST_OFFSET_DELTA_AT, last_offset_delta);
            });
            assert_eq!(result, Err(BatchError::Offsets { base_offset, last_offset_delta }));
        }
        let last = header(|b| put_i64(b, BASE_OFFSET_AT, i64::MAX - 1)).unwrap();
        assert_eq!(last.next_offset(), Offset::new(i64::MAX));
        assert!(matches!(header(|b| put_i32(b, RECORD_COUNT_AT, -1)), Err(BatchError::Count { .. })));
        assert_eq!(header(|b| b[MAGIC_AT] = 1), Err(BatchError::Magic(1)));
        let short = BatchHeader::parse(&[0; HEADER_LEN - 1]);
        assert_eq!(short, Err(BatchError::Incomplete { needed: HEADER_LEN, available: HEADER_LEN - 1 }));
    }
}
