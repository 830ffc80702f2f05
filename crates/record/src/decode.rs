//! Reads the records of a batch: borrowed from the batch itself, or from what it was decompressed into.

use std::fmt;

use yak_model::TimestampMs;

use crate::framing::{LEAST_RECORD_LEN, take_record};
use crate::header::HEADER_LEN;
use crate::{
    BatchError, BatchHeader, Compression, DecompressionLimits, RecordProblem, RecordRef, TimestampType,
    compression, split_first_batch,
};

/// Room for decompressed records, used again for each batch.
#[derive(Default)]
pub struct Scratch {
    records: Vec<u8>,
}

impl Scratch {
    /// Empty; it grows with the first compressed batch.
    #[must_use]
    pub const fn new() -> Self {
        Self { records: Vec::new() }
    }

    /// Gives memory back if an unusually large batch made it grow beyond `max` bytes.
    pub fn shrink_to(&mut self, max: usize) {
        self.records.clear();
        self.records.shrink_to(max);
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("capacity", &self.records.capacity()).finish()
    }
}

/// Reads the records of the one batch that `batch` begins with.
///
/// It trusts no number, but does not compute the checksum: who got the bytes from elsewhere calls
/// [`crate::verify_crc`] first. Offset deltas may have gaps (compaction), but must rise.
///
/// # Errors
/// If the header is wrong, the batch is cut off, or it does not decompress within `limits`. What is wrong with a
/// record comes from the iterator, which then ends.
pub fn decode<'a>(
    batch: &'a [u8],
    scratch: &'a mut Scratch,
    limits: &DecompressionLimits,
) -> Result<RecordIter<'a>, BatchError> {
    let (header, batch, _) = split_first_batch(batch)?;
    let payload = &batch[HEADER_LEN..];
    let records = match header.attributes.compression() {
        Compression::None => payload,
        codec => {
            compression::decompress(codec, payload, &mut scratch.records, limits)?;
            &scratch.records[..]
        }
    };
    let &BatchHeader { record_count, last_offset_delta, .. } = &header;
    if usize::try_from(record_count).map_or(true, |count| count > records.len() / LEAST_RECORD_LEN) {
        return Err(BatchError::Count { record_count, last_offset_delta });
    }
    Ok(RecordIter { header, rest: records, index: 0, least_offset_delta: 0, failed: false })
}

/// Iterator over the records of a batch.
#[derive(Clone, Debug)]
pub struct RecordIter<'a> {
    header: BatchHeader,
    rest: &'a [u8],
    index: i32,
    least_offset_delta: i32,
    failed: bool,
}

impl<'a> RecordIter<'a> {
    /// The header of the batch.
    #[must_use]
    pub const fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The bytes of the records that were not read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn read(&mut self) -> Result<RecordRef<'a>, RecordProblem> {
        let frame = take_record(&mut self.rest)?;
        if !(self.least_offset_delta..=self.header.last_offset_delta).contains(&frame.offset_delta) {
            return Err(RecordProblem::OffsetDelta);
        }
        self.least_offset_delta = frame.offset_delta.saturating_add(1);
        let timestamp = match self.header.attributes.timestamp_type() {
            TimestampType::LogAppend => self.header.max_timestamp,
            TimestampType::Create => {
                // Wrapping is the format's arithmetic, and the builder's: every i64 comes back.
                TimestampMs::new(self.header.base_timestamp.get().wrapping_add(frame.timestamp_delta))
            }
        };
        Ok(RecordRef {
            offset: self.header.base_offset.plus(i64::from(frame.offset_delta)),
            timestamp,
            key: frame.key,
            value: frame.value,
            headers: frame.headers,
        })
    }
}

impl<'a> Iterator for RecordIter<'a> {
    type Item = Result<RecordRef<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let index = self.index;
        let result = if self.failed {
            return None;
        } else if index < self.header.record_count {
            self.index += 1;
            self.read()
        } else if self.rest.is_empty() {
            return None;
        } else {
            Err(RecordProblem::Trailing)
        };
        self.failed = result.is_err();
        Some(result.map_err(|problem| BatchError::Record { index, problem }))
    }
}
