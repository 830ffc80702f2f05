//! Reading over what compaction left empty, for readers who want records.
//!
//! Some clients take an answer without a record for one that was too small for the next record, and ask for more and
//! more bytes. So they get, instead of an empty batch, what follows it.

use yak_model::Offset;
use yak_record::{HEADER_LEN, ReadAt, Records, verify_crc};

use super::{Found, LogReader};
use crate::error::{ReadError, StorageFailure};

impl LogReader {
    /// As [`LogReader::read`], but from the first batch on that has records, if there is one before the bound. That
    /// may be one behind `offset`. Also the offset after the last record that was read: below the bound if a limit or
    /// the end of a segment came first, `offset` if there is nothing.
    ///
    /// # Errors
    /// As [`LogReader::read`].
    pub fn read_records(
        &self,
        offset: Offset,
        max_bytes: u64,
        upper_bound: Offset,
    ) -> Result<(Records, Offset), ReadError> {
        let bound = upper_bound.min(self.log_end());
        self.check_range(offset, bound)?;
        if offset == bound {
            return Ok((Records::EMPTY, offset));
        }
        let Some(first) = self.find(offset)? else { return Ok((Records::EMPTY, offset)) };
        let mut found = first.clone();
        while self.is_hole(&found)? && found.1.header.next_offset() < bound {
            match self.find(found.1.header.next_offset())? {
                Some(next) if next.1.header.next_offset() <= bound => found = next,
                // There are no records: what is empty tells the reader how far it is.
                _ => return self.read_at(first, offset, max_bytes, bound),
            }
        }
        if self.is_hole(&found)? {
            found = first;
        }
        let from = offset.max(found.1.header.base_offset);
        self.read_at(found, from, max_bytes, bound)
    }

    /// Whether there is nothing but holes from `offset` to `end`. The last may reach beyond it: what was read from there
    /// may have been compacted since. That it was where it belongs was seen when it was found.
    pub(super) fn holes_reach(&self, offset: Offset, end: Offset) -> bool {
        let mut at = offset;
        while at < end {
            match self.find(at) {
                Ok(Some(found)) if matches!(self.is_hole(&found), Ok(true)) => {
                    at = found.1.header.next_offset();
                }
                _ => return false,
            }
        }
        true
    }

    /// Whether a batch is an empty one and nothing is wrong with it: damage must not be read over.
    fn is_hole(&self, (segment, batch): &Found) -> Result<bool, ReadError> {
        if batch.header.record_count > 0 || batch.header.size_in_bytes() != HEADER_LEN {
            return Ok(false);
        }
        let log = segment.log().map_err(ReadError::Storage)?;
        let mut bytes = [0; HEADER_LEN];
        log.read_exact_at(&mut bytes, batch.position).map_err(|error| {
            ReadError::Storage(StorageFailure::new("read", &self.disk.full(log.path()), error))
        })?;
        Ok(verify_crc(&bytes))
    }
}
